"""Maximum lengths: which go together, how they are overridden and written; and the longer text cut first."""

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from lce_tf.errors import UserError
from lce_tf.tokens.lengths import Lengths, longest_first


def test_lengths():
    assert Lengths() == Lengths(query=50, sequence=256)
    Lengths(query=5, sequence=9)
    for query, sequence in ((5, 8), (0, 20)):
        with pytest.raises(UserError, match="--sequence-length"):
            Lengths(query=query, sequence=sequence)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"windows": 0}, "--windows 0: give 1 or more"),
        ({"windows": 1 << 62}, "--windows 4611686018427387904: give 1 or more and less than"),
        ({"passage": 0}, "--window 0: give 1 or more"),
        ({"windows": 8}, "--windows 8: how long is a window? Give --window"),
        ({"windows": 8, "passage": 204}, "--window 204: does not fit into 256 wordpieces beside a query of 50"),
        ({"windows": 8, "passage": 150, "stride": 151}, "--stride 151: is not from 1 to the --window of 150"),
        ({"windows": 8, "passage": 150, "stride": 0}, "--stride 0"),
        ({"stride": 75, "passage": 150}, "--stride 75: a single window has no stride"),
    ],
)
def test_windows_that_make_no_sense(settings, message):
    with pytest.raises(UserError) as refusal:
        Lengths(**settings)
    assert message in str(refusal.value) and "\n" not in str(refusal.value)


def test_a_stride_left_out_is_half_a_window():
    assert Lengths(passage=150, windows=8) == Lengths(passage=150, stride=75, windows=8)
    assert Lengths(passage=203, windows=2).stride == 101 and Lengths(passage=1, windows=2).stride == 1


def test_windows_can_be_overridden():
    many = Lengths(passage=150, stride=100, windows=8)
    assert many.override() == many.override(windows=None) == many and Lengths().override() == Lengths()
    assert many.override(windows=1) == Lengths(passage=150)
    assert many.override(windows=4) == Lengths(passage=150, stride=100, windows=4)
    assert many.override(passage=100) == Lengths(passage=100, stride=50, windows=8)
    assert many.override(passage=100, stride=9) == Lengths(passage=100, stride=9, windows=8)
    assert Lengths(passage=150).override(windows=8) == Lengths(passage=150, stride=75, windows=8)
    with pytest.raises(UserError, match="--stride 9: a single window"):
        many.override(windows=1, stride=9)


def test_windows_are_written_only_where_there_are_several():
    # What configurations and hashes were before there were windows.
    assert Lengths(passage=150).as_json() == {"query": 50, "sequence": 256, "passage": 150}
    many = Lengths(passage=150, windows=8)
    assert many.as_json()["stride"] == 75 and Lengths(**many.as_json()) == many


def test_the_longest_first_as_tokenizers_cut():
    tokenizer = Tokenizer(models.WordLevel({"a": 0, "[UNK]": 1}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    query, passage = (lengths.ravel() for lengths in np.mgrid[:13, :13])
    for room in (1, 2, 5, 8, 11, 30):
        tokenizer.enable_truncation(room, strategy="longest_first")
        pairs = [("a " * int(q), "a " * int(p)) for q, p in zip(query, passage, strict=True)]
        texts = [encoding.sequence_ids for encoding in tokenizer.encode_batch(pairs)]
        expected = [[one.count(0), one.count(1)] for one in texts]
        assert np.stack(longest_first(query, passage, room), 1).tolist() == expected
