"""Public cross-encoders in Hugging Face's layout: the logits of transformers, and what their folders say of scores."""

import json
import shutil

import numpy as np
import pytest

from lce_tf.errors import UserError
from lce_tf.model import checkpoint
from lce_tf.model.config import Scoring
from lce_tf.tokens.lengths import Lengths
from tests.checkpoints import made

CLASSES = ["ElectraForSequenceClassification", "BertForSequenceClassification"]
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdef"]


def save(model, folder, as_bin=False):
    """The model's folder, as `save_pretrained` leaves it, or with weights as they were saved before safetensors."""
    import torch

    model.save_pretrained(folder)
    if as_bin:
        (folder / "model.safetensors").unlink()
        torch.save(model.state_dict(), folder / "pytorch_model.bin")
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    return folder


def as_module(folder):
    """Puts a `modules.json` beside a model, without which sentence-transformers reads none of its settings."""
    module = {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"}
    (folder / "modules.json").write_text(json.dumps([module]))
    (folder / "sentence_bert_config.json").write_text('{"transformer_task": "sequence-classification"}')


def logits_of(model, ids, segments, mask):
    import torch

    arguments = {"input_ids": ids, "token_type_ids": segments, "attention_mask": mask}
    with torch.no_grad():
        return model(**{name: torch.tensor(a.astype(np.int64)) for name, a in arguments.items()}).logits.numpy()


def change(folder, **values):
    """Changes the folder's config.json; None takes a key out."""
    config = json.loads((folder / "config.json").read_text()) | values
    (folder / "config.json").write_text(json.dumps({k: v for k, v in config.items() if v is not None}))
    return folder


@pytest.fixture(scope="module")
def single(hf_model, tmp_path_factory):
    """A small BERT with one label."""
    return save(hf_model("BertForSequenceClassification", num_labels=1), tmp_path_factory.mktemp("bert"))


@pytest.fixture
def copied(single, tmp_path):
    return shutil.copytree(single, tmp_path / "copied")


def one_line(call, *args):
    with pytest.raises(UserError) as refusal:
        call(*args)
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


@pytest.mark.parametrize("as_bin", [False, True], ids=["safetensors", "bin"])
@pytest.mark.parametrize("labels", [1, 2])
@pytest.mark.parametrize("name", CLASSES)
def test_logits_are_those_of_transformers(name, labels, as_bin, hf_model, batch, tmp_path):
    # Spread wide enough for tanh and GELU to bend.
    model = hf_model(name, num_labels=labels, initializer_range=0.5)
    folder = save(model, tmp_path / "theirs", as_bin)
    expected = logits_of(model, *batch())
    ours = checkpoint.load(folder)
    assert expected.shape == (3, labels) and expected.std() > 0.05
    np.testing.assert_allclose(ours(*batch()), expected, atol=1e-5, rtol=0)
    # The same head in a checkpoint of ours.
    checkpoint.save(ours, tmp_path / "ours", folder, Lengths(5, 20), {})
    assert checkpoint.trained(tmp_path / "ours").scoring == ours.scoring
    assert np.array_equal(checkpoint.load(tmp_path / "ours")(*batch()), ours(*batch()))


@pytest.mark.parametrize("name", CLASSES)
def test_it_is_a_backbone_too(name, hf_model, batch, tmp_path):
    from lce_tf.model.precision import PRECISIONS

    folder = save(hf_model(name, num_labels=1), tmp_path / "theirs")
    fresh = checkpoint.from_backbone(str(folder), Scoring(), PRECISIONS["float32"], seed=1)
    assert np.array_equal(fresh.encoder(*batch()), checkpoint.load(folder).encoder(*batch()))
    assert set(fresh.head.layers) == {"head"}


IDENTITY, SIGMOID = "torch.nn.modules.linear.Identity", "torch.nn.modules.activation.Sigmoid"


@pytest.mark.parametrize(
    ("config", "settings", "expected"),
    [
        ({}, None, Scoring(1, "pooler", activation="sigmoid")),  # nothing named: sentence-transformers' choice
        ({"sbert_ce_default_activation_function": IDENTITY}, None, Scoring(1, "pooler")),
        ({"sbert_ce_default_activation_function": SIGMOID}, None, Scoring(1, "pooler", activation="sigmoid")),
        ({"sentence_transformers": {"activation_fn": SIGMOID}}, None, Scoring(1, "pooler", activation="sigmoid")),
        # The newer place wins.
        (
            {"sbert_ce_default_activation_function": SIGMOID, "sentence_transformers": {"activation_fn": IDENTITY}},
            None,
            Scoring(1, "pooler"),
        ),
        (
            {"sentence_transformers": {"activation_fn": IDENTITY}},
            {"model_type": "CrossEncoder", "activation_fn": SIGMOID},
            Scoring(1, "pooler", activation="sigmoid"),
        ),
        # Settings of another kind of model are not read, nor is a function that is not PyTorch's.
        ({"sentence_transformers": {"activation_fn": IDENTITY}}, {"activation_fn": SIGMOID}, Scoring(1, "pooler")),
        (
            {"sentence_transformers": {"activation_fn": "mine.Identity"}},
            None,
            Scoring(1, "pooler", activation="sigmoid"),
        ),
        ({}, {"model_type": "CrossEncoder"}, Scoring(1, "pooler", activation="sigmoid")),
        # Hugging Face writes nothing for two labels, its default.
        ({"id2label": None}, None, Scoring(2, "pooler")),
        ({"id2label": {"0": "no", "1": "yes"}}, None, Scoring(2, "pooler")),
        ({"id2label": {"0": "relevant", "1": "not_relevant"}}, None, Scoring(2, "pooler", rule="reversed")),
        ({"id2label": {"0": "Irrelevant", "1": "other"}}, None, Scoring(2, "pooler")),
        ({"id2label": {"0": "A", "1": "B"}}, None, Scoring(2, "pooler", rule="undecided")),
        ({"id2label": None, "num_labels": 1}, None, Scoring(1, "pooler", activation="sigmoid")),
        (
            {"id2label": None},
            {"model_type": "CrossEncoder", "activation_fn": SIGMOID},
            Scoring(2, "pooler", rule="last", activation="sigmoid"),
        ),
        (
            {"id2label": {"0": "yes", "1": "no"}, "sentence_transformers": {"activation_fn": SIGMOID}},
            None,
            Scoring(2, "pooler", rule="first", activation="sigmoid"),
        ),
    ],
)
def test_what_the_folder_says_of_scores(config, settings, expected, copied):
    change(copied, **config)
    if settings is not None:
        (copied / "config_sentence_transformers.json").write_text(json.dumps(settings))
        as_module(copied)
    assert checkpoint.trained(copied).scoring == expected


def test_electra_s_own_head_is_our_dense_one(hf_model, tmp_path):
    folder = save(hf_model("ElectraForSequenceClassification", num_labels=1), tmp_path / "electra")
    assert checkpoint.trained(folder).scoring == Scoring(1, "dense", activation="sigmoid")


def test_lengths(copied):
    assert checkpoint.trained(copied).lengths == Lengths(28, 32, cut="longest")  # 32 positions
    change(copied, max_position_embeddings=2048)
    assert checkpoint.trained(copied).lengths == Lengths(2044, 2048, cut="longest")
    (copied / "tokenizer_config.json").write_text('{"model_max_length": 1000000000000000019884624838656}')
    assert checkpoint.trained(copied).lengths == Lengths(2044, 2048, cut="longest")
    (copied / "tokenizer_config.json").write_text('{"model_max_length": 128, "truncation_side": "left"}')
    assert checkpoint.trained(copied).lengths == Lengths(124, 128, cut="longest", side="left")
    change(copied, lce_tf={"lengths": {"query": 9, "sequence": 30, "passage": 8}})
    assert checkpoint.trained(copied).lengths == Lengths(9, 30, 8)


def test_identity_changes_with_the_activation(copied):
    change(copied, sentence_transformers={"activation_fn": IDENTITY})
    before = checkpoint.identity(copied)
    change(copied, sentence_transformers=None, sbert_ce_default_activation_function=IDENTITY)
    assert checkpoint.identity(copied) == before
    change(copied, sentence_transformers={"activation_fn": SIGMOID})
    assert checkpoint.identity(copied) != before


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"id2label": {"0": "a", "1": "b", "2": "c"}}, "config.json: has 3 labels"),
        ({"id2label": None, "num_labels": 3}, "config.json: has 3 labels"),
        ({"model_type": "xlnet", "architectures": ["XLNetForSequenceClassification"]}, "'xlnet': only albert, bert, "),
        ({"model_type": "qwen3", "architectures": ["Qwen3ForSequenceClassification"]}, "'qwen3': is a decoder"),
        ({"sentence_transformers": {"activation_fn": "torch.nn.ReLU"}}, "applies torch.nn.ReLU to its logits"),
        ({"lce_tf": {"lengths": {"width": 3}}}, "config.json: its lce_tf part is not what export writes"),
        ({"architectures": ["BertForMaskedLM"]}, "is a backbone without a trained head"),
        ({"architectures": None}, "is a backbone without a trained head"),
    ],
)
def test_what_cannot_rerank_is_one_line(values, words, copied):
    assert words in one_line(checkpoint.trained, change(copied, **values))


def test_settings_that_are_no_object(copied):
    (copied / "config_sentence_transformers.json").write_text("[]")
    as_module(copied)
    assert "config_sentence_transformers.json: is not a JSON object" in one_line(checkpoint.trained, copied)


@pytest.mark.parametrize(
    ("file", "values", "words"),
    [
        ("1_Pooling/config.json", {"pooling_mode": ["cls", "mean"]}, "pools by 'cls,mean'; known are cls and mean"),
        ("1_Pooling/config.json", {"pooling_mode": {"a": 1}}, "pools by 'a'; known are cls and mean"),
        ("2_Dense/config.json", {"out_features": []}, "modules.json: it, or a file of its modules, holds a value that"),
        ("sentence_bert_config.json", {"processing_kwargs": {"text": 3}}, "modules.json: it, or a file of its modules"),
        ("tokenizer_config.json", {"model_max_length": "512"}, "its settings limit a pair to '512' tokens; write a"),
    ],
)
def test_values_of_another_kind_are_one_line(file, values, words, tmp_path):
    made.CASES["an encoder, [CLS] and a linear module"](tmp_path)
    made.edit(tmp_path / file, **values)
    assert words in one_line(checkpoint.trained, tmp_path)


def test_weights_without_their_head(copied, hf_model):
    hf_model("BertModel").save_pretrained(copied / "encoder")
    shutil.copy(copied / "encoder" / "model.safetensors", copied)
    assert "model.safetensors: classifier.weight is missing or does not fit config.json" in one_line(
        checkpoint.load, copied
    )
    change(copied, id2label=None)
    assert "is it a finished cross-encoder?" in one_line(checkpoint.load, copied)


def test_weights_of_another_number_of_labels(copied):
    change(copied, id2label={"0": "no", "1": "yes"})
    assert "classifier.weight is missing or does not fit" in one_line(checkpoint.load, copied)


def test_a_pickle_that_holds_more_than_arrays(copied):
    import torch

    (copied / "model.safetensors").unlink()
    torch.save({"classifier.weight": one_line}, copied / "pytorch_model.bin")
    assert "pytorch_model.bin: holds more than arrays" in one_line(checkpoint.load, copied)


def test_an_id_is_downloaded_and_a_path_is_not(monkeypatch, copied, tmp_path):
    import huggingface_hub

    asked = []
    monkeypatch.setattr(
        huggingface_hub, "snapshot_download", lambda name, allow_patterns: asked.append(name) or str(copied)
    )
    assert checkpoint.locate("cross-encoder/ms-marco-MiniLM-L6-v2") == copied
    monkeypatch.chdir(tmp_path)
    for name in (str(copied), "copied", "copied/mispelt", "./a/b", "a/b/c", "nowhere", "../a"):
        assert str(checkpoint.locate(name)) == str(checkpoint.Path(name))
    assert asked == ["cross-encoder/ms-marco-MiniLM-L6-v2"]


def test_an_id_that_cannot_be_had():
    line = one_line(checkpoint.locate, "nobody/no-such-model")
    assert line.startswith("checkpoint 'nobody/no-such-model': is no folder here") and "minilm" not in line
