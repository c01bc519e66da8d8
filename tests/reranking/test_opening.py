"""Opening a checkpoint: its lengths or others that fit it, and errors before any weight is read."""

import json
import shutil

import pytest

from lce_tf.errors import UserError
from lce_tf.reranking.opening import open_checkpoint
from lce_tf.tokens.lengths import Lengths


@pytest.fixture
def unlimited(checkpoints, tmp_path):
    """A folder in Hugging Face's layout, whose queries have no limit of their own; it has 40 positions."""
    folder = shutil.copytree(checkpoints[1], tmp_path / "theirs")
    values = json.loads((folder / "config.json").read_text())
    del values["lce_tf"]
    values |= {"architectures": ["ElectraForSequenceClassification"], "id2label": {"0": "x"}}
    (folder / "config.json").write_text(json.dumps(values))
    return folder


def test_what_a_checkpoint_says_itself(checkpoints):
    opened = open_checkpoint(checkpoints[2])
    assert opened.folder == checkpoints[2] and opened.scoring.outputs == 2 and opened.lengths == Lengths(8, 40)
    assert opened.tokenizer(["a b"]) == [[5, 6]]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"query_length": 5}, Lengths(5, 40)),
        ({"sequence_length": 30}, Lengths(8, 30)),
        ({"sequence_length": 10}, Lengths(6, 10)),
        ({"window": 9, "windows": 3}, Lengths(8, 40, 9, 4, 3)),
    ],
)
def test_other_lengths(checkpoints, settings, expected):
    assert open_checkpoint(checkpoints[1], **settings).lengths == expected


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, Lengths(36, 40, cut="longest")),
        ({"sequence_length": 20}, Lengths(16, 20, cut="longest")),
        ({"window": 9, "windows": 3}, Lengths(28, 40, 9, 4, 3)),  # 40 - 3 - 9
        ({"query_length": 4, "sequence_length": 20}, Lengths(4, 20)),
    ],
)
def test_queries_without_a_limit_leave_what_the_passage_needs(unlimited, settings, expected):
    assert open_checkpoint(unlimited, **settings).lengths == expected


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"sequence_length": 41}, "--sequence-length 41: .* has 40 positions"),
        ({"sequence_length": 4}, "--sequence-length 4"),
        ({"query_length": 0}, "--query-length 0"),
        ({"query_length": 38}, "--query-length 38"),
    ],
)
def test_impossible_lengths(checkpoints, settings, words):
    with pytest.raises(UserError, match=words):
        open_checkpoint(checkpoints[1], **settings)


def test_special_words_are_what_they_are_in_the_library_that_made_the_checkpoint(tmp_path):
    import torch
    import transformers

    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[", "]", "sep", "mask", "rain"]
    torch.manual_seed(0)
    shape = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    config = transformers.BertConfig(vocab_size=len(vocabulary), num_labels=1, **shape)
    transformers.BertForSequenceClassification(config).save_pretrained(tmp_path)
    (tmp_path / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer", "do_lower_case": true}\n')
    reference = transformers.AutoTokenizer.from_pretrained(tmp_path)
    texts = ["rain [SEP] rain", "[MASK]", "[sep]"]
    theirs = [reference(text, add_special_tokens=False)["input_ids"] for text in texts]
    assert theirs == [[9, 3, 9], [4], [5, 7, 6]]
    auto, text, token = (
        open_checkpoint(tmp_path, special_words=words).tokenizer for words in ("auto", "text", "token")
    )
    assert auto(texts) == token(texts) == theirs
    assert text(texts) == [[9, 5, 7, 6, 9], [5, 8, 6], [5, 7, 6]]
    # Token stores of the two are kept apart.
    assert auto.key == token.key != text.key
    # A checkpoint of ours, exported, keeps its own reading.
    values = json.loads((tmp_path / "config.json").read_text())
    ours = {"lce_tf": {"lengths": {"query": 4, "sequence": 12}}}
    (tmp_path / "config.json").write_text(json.dumps({**values, **ours}))
    assert open_checkpoint(tmp_path).tokenizer(texts) == text(texts)
    # And so does a public one.
    ours["lce_tf"]["special_words"] = "token"
    (tmp_path / "config.json").write_text(json.dumps({**values, **ours}))
    assert open_checkpoint(tmp_path).tokenizer(texts) == theirs
    with pytest.raises(UserError, match="--special-words 'maybe': known are auto, text, token"):
        open_checkpoint(tmp_path, special_words="maybe")


def test_which_of_two_labels_is_relevant(tmp_path, capsys):
    from tests.checkpoints import made

    made.save_bert(tmp_path, labels=2)
    assert open_checkpoint(tmp_path).scoring.rule == "difference"
    assert "label 1's logit less label 0's" in capsys.readouterr().err
    made.edit(tmp_path / "config.json", id2label={"0": "A", "1": "B"})
    with pytest.raises(UserError, match="say so with --positive-label 0 or 1"):
        open_checkpoint(tmp_path)
    assert open_checkpoint(tmp_path, positive_label=0).scoring.rule == "reversed"
    made.edit(tmp_path / "config.json", id2label={"0": "A"})
    with pytest.raises(UserError, match="--positive-label 1: .* has 1 label; give 0 or 1, of a model with two"):
        open_checkpoint(tmp_path, positive_label=1)
