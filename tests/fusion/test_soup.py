"""Averages of checkpoints."""

import json
import shutil

import numpy as np
import pytest
from safetensors.numpy import load_file

from lce_tf.errors import UserError
from lce_tf.fusion.soup import SoupConfig, soup
from lce_tf.model import checkpoint
from lce_tf.reranking.opening import open_checkpoint
from tests.reranking.conftest import checkpoints  # noqa: F401  (a fixture)
from tests.tiny_models import save_with_words


@pytest.fixture
def three(checkpoints, tmp_path, monkeypatch):  # noqa: F811
    """Copies "a" and "b" of a checkpoint, the second with other weights, and "c" with another head."""
    monkeypatch.chdir(tmp_path)
    for name, outputs in (("a", 1), ("b", 1), ("c", 2)):
        shutil.copytree(checkpoints[outputs], name)
    model = checkpoint.load("b")
    draws = np.random.default_rng(0)
    for variable in model.trainable_variables:
        variable.assign(draws.standard_normal(variable.shape).astype(np.float32))
    about = checkpoint.trained("a")
    checkpoint.save(model, "b", checkpoints[1], about.lengths, {})
    return tmp_path


def weights(folder):
    return load_file(f"{folder}/model.safetensors")


@pytest.mark.parametrize(
    ("given", "shares"), [(None, (0.5, 0.5)), ((1.0, 3.0), (0.25, 0.75)), ((5e307, 1.5e308), (0.25, 0.75))]
)
def test_the_average(three, given, shares):
    assert soup(SoupConfig(("a", "b"), "out", given)).name == "out"
    a, b, found = weights("a"), weights("b"), weights("out")
    assert found.keys() == a.keys()
    for name, array in found.items():
        expected = a[name].astype(np.float64) * shares[0] + b[name].astype(np.float64) * shares[1]
        np.testing.assert_array_equal(array, expected.astype(np.float32))
    assert checkpoint.trained("out") == checkpoint.trained("a")
    said = json.loads((three / "out" / "config.json").read_text())["lce_tf"]["soup"]
    assert [one["share"] for one in said] == list(shares)
    assert [one["identity"] for one in said] == [checkpoint.identity("a"), checkpoint.identity("b")]
    assert (three / "out" / "vocab.txt").read_bytes() == (three / "a" / "vocab.txt").read_bytes()
    checkpoint.load("out")


def test_unlike_checkpoints_are_refused_by_name(three):
    with pytest.raises(UserError, match="c: its outputs is 2, that of a 1; only checkpoints of one shape"):
        soup(SoupConfig(("a", "c"), "out"))
    with open("b/vocab.txt", "a") as file:
        file.write("more\n")
    with pytest.raises(UserError, match="b: its vocab.txt is .*, that of a .*; only checkpoints of one shape"):
        soup(SoupConfig(("a", "b"), "out"))
    assert not (three / "out").exists()


@pytest.mark.parametrize(
    ("names", "output", "given", "said"),
    [
        (("a",), "out", None, "a: give two checkpoints or more to average"),
        (("a", "a"), "out", None, "a: is given twice"),
        (("a", "b", "./a/"), "out", None, "./a/: is given twice; name each checkpoint once"),
        (("a", "b"), "b", None, "--output b: exists already"),
        (("a", "b"), "out", (1.0,), "--weights: 1 for 2 checkpoints"),
        (("a", "b"), "out", (0.0, 0.0), "not all 0"),
        (("a", "absent"), "out", None, "absent: no such folder"),
    ],
)
def test_what_cannot_be_averaged(three, names, output, given, said):
    with pytest.raises(UserError) as refused:
        soup(SoupConfig(names, output, given))
    assert said in str(refused.value)
    assert sorted(path.name for path in three.iterdir()) == ["a", "b", "c"]


@pytest.fixture
def public(tmp_path, monkeypatch):
    """Two public RoBERTas, whose tokenizer gives all tokens of a pair the type 0."""
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        save_with_words("roberta", tmp_path / name)
    return tmp_path


def test_the_average_frames_pairs_as_its_parts_do(public):
    soup(SoupConfig(("a", "b"), "out"))
    template = open_checkpoint("out").template
    assert template == open_checkpoint("a").template and not template.has_types
    identity, config = checkpoint.identity("out"), public / "out" / "config.json"
    values = json.loads(config.read_text())
    del values["lce_tf"]["template"]
    config.write_text(json.dumps(values))
    assert checkpoint.identity("out") != identity
    with pytest.raises(UserError, match="out: its template is None, that of a {.*; only checkpoints of one shape"):
        soup(SoupConfig(("a", "out"), "other"))


@pytest.mark.parametrize(
    ("settings", "transformer", "said"),
    [
        ({"default_prompt_name": "q", "prompts": {"q": "query: "}}, {}, "b: has a default prompt in its sentence-tr"),
        ({}, {"do_lower_case": True}, "b: has do_lower_case in its sentence-transformers files"),
    ],
)
def test_settings_that_an_average_would_lose(public, settings, transformer, said):
    layout = public / "b"
    (layout / "modules.json").write_text('[{"type": "sentence_transformers.base.modules.Transformer", "path": ""}]')
    (layout / "config_sentence_transformers.json").write_text(json.dumps({"model_type": "CrossEncoder", **settings}))
    named = {"transformer_task": "sequence-classification", **transformer}
    (layout / "sentence_bert_config.json").write_text(json.dumps(named))
    with pytest.raises(UserError, match=said):
        soup(SoupConfig(("a", "b"), "out"))
