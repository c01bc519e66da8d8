"""Which format a row is read in, by its keys alone."""

import pytest

from lce_tf.importing.formats import FORMATS, accepted, keys_of

NAMES = [one.name for one in FORMATS]
FLAG, TEVATRON, RERANKER, COHERE, TUPLES, LABELLED = NAMES


@pytest.mark.parametrize(
    ("keys", "name"),
    [
        ("query pos neg", FLAG),
        ("query pos neg pos_scores neg_scores prompt type", FLAG),
        ("query pos", FLAG),
        ("query_id query positive_passages negative_passages", TEVATRON),
        ("qry pos neg", RERANKER),
        ("query relevant_passages hard_negatives", COHERE),
        ("query relevant_passages", COHERE),
        ("query positive negative", TUPLES),
        ("anchor positive", TUPLES),
        ("query answer negative_1 negative_2", TUPLES),
        ("query positive negative label", TUPLES),  # a margin beside a triplet
        ("anchor positive negative scores", TUPLES),
        ("sentence1 sentence2 label", LABELLED),
        ("query passage score", LABELLED),
        ("anchor positive label", LABELLED),  # what mine_hard_negatives calls its labelled pairs
        ("query answer labels", LABELLED),
        ("query docs labels", LABELLED),
    ],
)
def test_a_row_is_read_in_the_format_of_its_keys(keys, name):
    for names in (keys.split(), keys.split()[::-1]):
        assert keys_of(tuple(names)).format.name == name


@pytest.mark.parametrize(
    "keys", ["", "query", "query passage", "sentence1 sentence2", "positive negative", "text label"]
)
def test_other_keys_are_none(keys):
    assert keys_of(tuple(keys.split())) is None


def test_numbered_negatives_come_in_the_order_of_their_numbers():
    names = ("query", "positive", "negative_10", "negative_2", "negative", "negative_x", "negative_2_id")
    found = keys_of(names)
    assert found.negatives == ("negative", "negative_2", "negative_10")
    assert found.ids == {"negative_2": "negative_2_id"} and "negative_x" not in found.all()


def test_ids_stand_beside_their_texts():
    assert keys_of(("qid", "query", "positive", "positive_id", "negatives", "negatives_ids")).ids == {
        "query": "qid",
        "positive": "positive_id",
        "negatives": "negatives_ids",
    }


def test_every_format_is_in_the_line_of_what_is_accepted():
    line = accepted()
    assert "query and pos (FlagEmbedding)" in line and "query and positive_passages (Tevatron)" in line
    assert line.count(";") == len(FORMATS) - 1
