"""How a pair is framed: found by asking a tokenizer, packed by hand, kept as JSON."""

import numpy as np
import pytest

from lce_tf.errors import UserError
from lce_tf.tokens.lengths import Lengths
from lce_tf.tokens.packing import Packer
from lce_tf.tokens.probing import _frame
from lce_tf.tokens.store import TokenStore
from lce_tf.tokens.template import PairTemplate
from lce_tf.tokens.tokenizers import WordPieces
from tests.checkpoints import made

ROBERTA = PairTemplate((0,), (2, 2), (2,), 1, zeros=4, second_zero=True)


def store_of(*texts):
    flat = np.array([token for text in texts for token in text], np.int32)
    return TokenStore(np.arange(len(texts)).astype("S"), np.cumsum([0, *map(len, texts)]), flat)


def packed(template, first, second, **settings):
    packer = Packer(store_of(first), store_of(second), template, Lengths(**{"query": 50, "sequence": 60, **settings}))
    found = packer.pack(np.zeros(1, np.int64), np.zeros(1, np.int64))
    types = (np.arange(found.lengths[0]) >= found.type_0_lengths[0]).astype(int)
    return found.input_ids[0].tolist(), types.tolist()


def test_frames_by_hand():
    assert packed(PairTemplate.bert(101, 102, 0), [7, 8], [9]) == ([101, 7, 8, 102, 9, 102], [0, 0, 0, 0, 1, 1])
    assert packed(ROBERTA, [7, 8], [9]) == ([0, 7, 8, 2, 2, 9, 2], [0] * 7)
    turned = PairTemplate((101,), (102,), (102,), 0, passage_first=True)
    assert packed(turned, [7, 8], [9]) == ([101, 9, 102, 7, 8, 102], [0, 0, 0, 1, 1, 1])
    doubled = PairTemplate((101,), (102, 102), (), 0)
    assert packed(doubled, [7], [9, 9]) == ([101, 7, 102, 102, 9, 9], [0, 0, 0, 1, 1, 1])


def test_a_template_s_size_counts_against_the_sequence():
    assert packed(ROBERTA, [7] * 9, [9] * 9, query=5, sequence=12)[0] == [0, *[7] * 5, 2, 2, *[9] * 3, 2]
    assert packed(ROBERTA, [7] * 9, [9] * 9, query=8, sequence=12)[0] == [0, *[7] * 7, 2, 2, 9, 2]


def test_texts_cut_at_either_end():
    longest = {"cut": "longest", "query": 5, "sequence": 9}
    bert, query, passage = PairTemplate.bert(101, 102, 0), [1, 2, 3, 4], [5, 6, 7, 8]
    assert packed(bert, query, passage, **longest)[0] == [101, 1, 2, 3, 102, 5, 6, 7, 102]
    assert packed(bert, query, passage, **longest, side="left")[0] == [101, 2, 3, 4, 102, 6, 7, 8, 102]
    assert packed(bert, [1], passage * 2, **longest, side="left")[0] == [101, 1, 102, 8, 5, 6, 7, 8, 102]


def test_json_and_back():
    assert PairTemplate.from_json(ROBERTA.as_json()) == ROBERTA and not ROBERTA.has_types
    with pytest.raises(TypeError):
        PairTemplate.from_json({"before": [1]})


@pytest.mark.parametrize("frame", made.FRAMES)
def test_a_tokenizer_is_asked(frame, tmp_path):
    special = made.ROBERTA if frame.startswith("roberta") else made.BERT
    names = ["input_ids", "token_type_ids", "attention_mask"]
    made.save_tokenizer(tmp_path, made.byte_pairs(special), frame, special=special, model_input_names=names)
    pieces = WordPieces(tmp_path)
    template = pieces.template
    assert template.has_types == (frame not in ("zeros", "roberta")) and template.passage_first == (frame == "turned")
    assert pieces(["a b", "c"]) == WordPieces(tmp_path)(["a b", "c"])  # asking changes nothing


def test_monot5_s_prompt(tmp_path):
    words = {"pad": "<pad>", "eos": "</s>", "unk": "<unk>"}
    tokenizer = made.unigrams(words)
    tokenizer.add_special_tokens(list(words.values()))
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    named = {f"{role}_token": word for role, word in words.items()}
    made.edit(tmp_path / "tokenizer_config.json", tokenizer_class="PreTrainedTokenizerFast", **named)
    pieces = WordPieces(tmp_path)
    prompt = pieces.prompted
    assert (list(prompt.before), prompt.after[-1]) == (pieces(["Query:"])[0], 1) and not prompt.has_types
    with pytest.raises(UserError, match="has no cls, sep token"):
        _ = pieces.special


@pytest.mark.parametrize(
    ("texts", "types", "line"),
    [
        ([None, 0, None, 1, None], [0, 0, 0, 1, 0], "only 0s followed by 1s can be packed"),
        ([None, 0, None, 1, None], [0, 0, 0, 2, 2], "only 0s followed by 1s can be packed"),
        ([None, 0, None, None], [0, 0, 0, 0], "does not give each text of a pair once"),
        ([0, None, 1, None, 0], [0, 0, 0, 0, 0], "does not give each text of a pair once"),
    ],
)
def test_what_cannot_be_packed(texts, types, line):
    with pytest.raises(UserError, match=line):
        _frame(list(range(len(texts))), texts, types, 0, "folder")
