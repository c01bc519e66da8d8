"""An exported folder gives our scores in transformers, in sentence-transformers and back here."""

import json
import re
import shutil

import numpy as np
import pytest

from lce_tf.errors import UserError
from lce_tf.exporting import huggingface
from lce_tf.exporting.huggingface import export_huggingface
from lce_tf.model import checkpoint
from lce_tf.model.config import Scoring
from lce_tf.reranker import Reranker
from lce_tf.tokens.lengths import Lengths

KINDS = ["electra-linear", "electra-two-logits", "electra-dense", "bert-linear", "bert-two-logits"]


def ours(folder, texts):
    return Reranker.load(folder, "tensorflow", "float32").score(texts)


def in_transformers(folder, texts):
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    queries, passages = map(list, zip(*texts, strict=True))
    inputs = tokenizer(queries, passages, padding=True, truncation="only_second", return_tensors="pt")
    with torch.no_grad():
        return model(**inputs).logits.numpy()


@pytest.fixture(scope="module")
def exported(trained, tmp_path_factory):
    root = tmp_path_factory.mktemp("exported")
    return lambda name: root / name if (root / name).is_dir() else export_huggingface(trained(name), root / name)


@pytest.mark.parametrize("name", KINDS)
def test_transformers_gives_our_scores(trained, exported, texts, name):
    expected, found = ours(trained(name), texts), in_transformers(exported(name), texts)
    assert found.shape == (24, 1) and expected.std() > 0.1
    np.testing.assert_allclose(found[:, 0], expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", ["electra-linear", "electra-dense", "bert-two-logits"])
def test_sentence_transformers_gives_our_scores_and_ours_are_its(trained, exported, texts, name, tmp_path):
    sentence_transformers = pytest.importorskip("sentence_transformers")
    expected = ours(trained(name), texts)
    theirs = sentence_transformers.CrossEncoder(str(exported(name)), device="cpu")
    assert theirs.max_seq_length == 40
    np.testing.assert_allclose(theirs.predict(texts), expected, atol=1e-4, rtol=0)
    query = texts[5][0]
    ranked = [hit["corpus_id"] for hit in theirs.rank(query, [passage for _, passage in texts])]
    reranker = Reranker.load(trained(name), "tensorflow", "float32")
    assert ranked == [hit.index for hit in reranker.rank(query, [passage for _, passage in texts])]
    # What it saves itself comes back, with the function that it then names.
    import torch

    theirs.activation_fn = torch.nn.Sigmoid()
    theirs.save_pretrained(str(tmp_path / "saved"))
    back = ours(tmp_path / "saved", texts)
    np.testing.assert_allclose(back, theirs.predict(texts), atol=1e-5, rtol=0)
    np.testing.assert_allclose(back, 1 / (1 + np.exp(-expected)), atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", ["electra-linear", "bert-linear"])
def test_an_exported_folder_is_a_checkpoint_and_a_backbone(trained, exported, texts, name):
    folder = exported(name)
    assert checkpoint.trained(folder).lengths == Lengths(10, 40)
    np.testing.assert_allclose(ours(folder, texts), ours(trained(name), texts), atol=1e-5, rtol=0)
    from lce_tf.model.precision import PRECISIONS

    again = checkpoint.from_backbone(str(folder), Scoring(), PRECISIONS["float32"], seed=1).encoder
    before = checkpoint.load(trained(name)).encoder
    for variable, wanted in zip(again.variables, before.variables, strict=True):
        assert np.array_equal(variable, wanted)


def test_what_the_folder_says(exported):
    folder = exported("electra-linear")
    assert {"README.md", "config.json", "model.safetensors", "tokenizer.json"} <= {f.name for f in folder.iterdir()}
    values = json.loads((folder / "config.json").read_text())
    assert values["architectures"] == ["ElectraForSequenceClassification"] and values["num_labels"] == 1
    assert values["id2label"] == {"0": "relevance"} and values["label2id"] == {"relevance": 0}
    assert values["sentence_transformers"] == {"activation_fn": "torch.nn.modules.linear.Identity"}
    assert json.loads((folder / "tokenizer_config.json").read_text())["model_max_length"] == 40
    assert not [file for file in folder.parent.iterdir() if file.name.startswith(".")]


@pytest.mark.slow
def test_every_tool_in_the_card_runs(exported, monkeypatch):
    """The card's three programs, as they stand, give the same order, and the same scores where they give some."""
    pytest.importorskip("sentence_transformers")
    folder = exported("bert-linear")
    monkeypatch.chdir(folder.parent)
    programs = re.findall(r"```python\n(.*?)```", (folder / "README.md").read_text(), re.S)
    assert len(programs) == 3 and all(f'"{folder.name}"' in program for program in programs)
    results = [{}, {}, {}]
    for program, names in zip(programs, results, strict=True):
        exec(program, names)  # noqa: S102
    np.testing.assert_allclose(results[0]["scores"], results[1]["scores"].numpy(), atol=1e-5)
    assert [hit.index for hit in results[2]["ranked"]] == np.argsort(-results[0]["scores"]).tolist()


def test_records_of_the_training_reach_the_card(trained, tmp_path):
    folder = shutil.copytree(trained("electra-linear"), tmp_path / "model")
    departures = {"steps": {"paper": 300000, "here": 300}}
    manifest = {"recipe": "paper", "departures": departures, "versions": {"numpy": "2.4"}}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    lines = ['{"step": 100, "dev_mrr_10": 0.5}', '{"step": 200, "dev_mrr_10": 0.4321}', '{"step": 250, "loss": 1}', "{"]
    (folder / "metrics.jsonl").write_text("\n".join(lines))
    card = (export_huggingface(folder, tmp_path / "out", "Apache-2.0") / "README.md").read_text()
    assert "license: apache-2.0\n" in card and "MRR@10 0.4321 on 50 queries of bm25.dev.trec" in card
    assert "steps 300 (not 300000)" in card and "numpy 2.4" in card


def test_the_tokenizer_cuts_at_the_end_at_which_the_checkpoint_does(trained, tmp_path):
    from transformers import AutoTokenizer

    folder = shutil.copytree(trained("electra-linear"), tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    config["lce_tf"]["lengths"] |= {"cut": "longest", "side": "left"}
    (folder / "config.json").write_text(json.dumps(config))
    for model, side in ((trained("electra-linear"), "right"), (folder, "left")):
        exported = export_huggingface(model, tmp_path / side)
        assert AutoTokenizer.from_pretrained(exported).truncation_side == side


def test_an_interrupted_export_leaves_nothing(trained, tmp_path, monkeypatch):
    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(huggingface, "save_tokenizer", stopped)
    with pytest.raises(KeyboardInterrupt):
        export_huggingface(trained("electra-linear"), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_an_output_that_holds_something_is_refused(trained, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("x")
    with pytest.raises(UserError, match="out: exists already; choose another"):
        export_huggingface(trained("electra-linear"), tmp_path / "out")
    assert [file.name for file in tmp_path.rglob("*")] == ["out", "mine.txt"]
