"""Cutting whichever text is longer, as Hugging Face's tokenizers do."""

import numpy as np
from tokenizers import Tokenizer, models, pre_tokenizers

from lce_tf.tokens.truncation import longest_first


def test_against_tokenizers():
    tokenizer = Tokenizer(models.WordLevel({"a": 0, "[UNK]": 1}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    query, passage = (lengths.ravel() for lengths in np.mgrid[:13, :13])
    for room in (1, 2, 5, 8, 11, 30):
        tokenizer.enable_truncation(room, strategy="longest_first")
        pairs = [("a " * int(q), "a " * int(p)) for q, p in zip(query, passage, strict=True)]
        texts = [encoding.sequence_ids for encoding in tokenizer.encode_batch(pairs)]
        expected = [[one.count(0), one.count(1)] for one in texts]
        assert np.stack(longest_first(query, passage, room), 1).tolist() == expected
