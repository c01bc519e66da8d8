"""Invalid pairs are refused before anything is scored, with the pair's name."""

import re

import pytest

from lce_tf.errors import UserError
from lce_tf.reranking.pairs import checked_pairs, listed


@pytest.mark.parametrize(
    "pair", ["ab", ("a",), ("a", None), ("a", "b", "c"), ("a", b"b"), [1], [None], None, 7, {"a", "b"}, {"a": "b"}]
)
def test_what_is_no_pair_of_texts(pair):
    with pytest.raises(TypeError, match=re.escape(f"pair 1 is {pair!r:.80}; give a query and a passage")):
        checked_pairs([("a", "b"), pair])


@pytest.mark.parametrize(("pair", "what"), [(("\ud800", "b"), "query"), (("a", "b \udfff c"), "passage")])
def test_half_of_a_surrogate_pair(pair, what):
    with pytest.raises(UserError, match=f"pair 2, {what}, holds half of a surrogate pair"):
        checked_pairs([("a", "b"), ["a", "𝄞"], pair])


@pytest.mark.parametrize("values", ["abc", b"abc", {"a", "b"}, frozenset("ab"), {"a": 1}, None, 3])
def test_what_is_no_list(values):
    with pytest.raises(TypeError, match=r"passages: is a .*; give a list of them"):
        listed(values, "passages")


def test_what_can_be_gone_through_once():
    assert checked_pairs((query, "p") for query in "ab") == [("a", "p"), ("b", "p")]
