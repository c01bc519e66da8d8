"""An exported ONNX folder gives our scores with onnxruntime and Hugging Face's tokenizers only."""

import json

import numpy as np
import pytest

from lce_tf.errors import UserError
from lce_tf.exporting import onnx as exporter
from lce_tf.exporting.onnx import MODEL_FILE, export_onnx
from lce_tf.model import checkpoint
from lce_tf.reranker import Reranker
from tests.checkpoints import made
from tests.tiny_models import save_with_words, tiny

# XLM-RoBERTa's and CamemBERT's classes are RoBERTa's.
OTHERS = ["roberta", "distilbert", "mpnet", "modernbert", "modernbert-mean", "deberta-v2", "deberta-v3", "albert"]
PAIRS = [("a b", "c d e"), ("b", "x y z y x " * 9), ("q r s", "s")]


def session_of(folder):
    import onnxruntime

    return onnxruntime.InferenceSession(folder / MODEL_FILE, providers=["CPUExecutionProvider"])


def in_onnxruntime(folder, texts):
    from transformers import AutoTokenizer

    session = session_of(folder)
    queries, passages = map(list, zip(*texts, strict=True))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    inputs = tokenizer(queries, passages, padding=True, truncation="only_second", return_tensors="np")
    assert {one.name for one in session.get_inputs()} == set(inputs)
    (logits,) = session.run(["logits"], dict(inputs))
    return logits


@pytest.mark.slow
@pytest.mark.parametrize("name", ["electra-linear", "electra-dense", "bert-two-logits"])
def test_onnxruntime_gives_our_scores(trained, texts, tmp_path, name):
    folder = export_onnx(trained(name), tmp_path / "out")
    expected = Reranker.load(trained(name), "tensorflow", "float32").score(texts)
    found = in_onnxruntime(folder, texts)
    assert found.shape == (24, 1) and found.dtype == np.float32 and expected.std() > 0.1
    np.testing.assert_allclose(found[:, 0], expected, atol=1e-4, rtol=0)
    # Another batch and another length: both are free.
    np.testing.assert_allclose(in_onnxruntime(folder, texts[:1])[:, 0], expected[:1], atol=1e-4, rtol=0)


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_the_other_families(name, tmp_path):
    model = save_with_words(name, tmp_path / "model")
    folder = export_onnx(model, tmp_path / "out")
    expected = Reranker.load(model, "tensorflow", "float32").score(PAIRS)
    assert np.std(expected) > 1e-3
    np.testing.assert_allclose(in_onnxruntime(folder, PAIRS)[:, 0], expected, atol=1e-4, rtol=0)
    np.testing.assert_allclose(in_onnxruntime(folder, PAIRS[2:])[:, 0], expected[2:], atol=1e-4, rtol=0)


@pytest.mark.slow
def test_what_the_folder_holds(tmp_path, capfd):
    model = save_with_words("bert", tmp_path / "model")
    folder = export_onnx(model, tmp_path / "out", "mit")
    printed = capfd.readouterr()
    assert printed.out == "" and "torch" not in printed.err
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert {MODEL_FILE, "config.json", "tokenizer.json", "tokenizer_config.json", "lce_tf.json"} <= files
    special = {"cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]", "unk_token": "[UNK]"}
    assert special.items() <= json.loads((folder / "special_tokens_map.json").read_text()).items()
    assert json.loads((folder / "config.json").read_text())["num_labels"] == 1
    about = json.loads((folder / "lce_tf.json").read_text())
    assert about["license"] == "mit" and about["checkpoint"] == checkpoint.identity(model)
    assert list(about["inputs"]) == ["input_ids", "attention_mask", "token_type_ids"]
    assert about["compared"]["pairs"] == 3 and about["compared"]["difference"] < 1e-4
    session = session_of(folder)
    axes = {one.name: (one.type, one.shape) for one in session.get_inputs()}
    assert axes == dict.fromkeys(about["inputs"], ("tensor(int64)", ["batch", "sequence"]))
    assert [(one.name, one.shape) for one in session.get_outputs()] == [("logits", ["batch", 1])]
    assert b"site-packages" not in (folder / MODEL_FILE).read_bytes()


@pytest.mark.slow
def test_other_scores_than_ours_leave_no_folder(tmp_path, monkeypatch):
    model = save_with_words("distilbert", tmp_path / "model")
    arrays = exporter.model_arrays(checkpoint.locate(model))
    arrays["classifier.bias"] = arrays["classifier.bias"] + 0.25
    monkeypatch.setattr(exporter, "model_arrays", lambda folder: arrays)
    with pytest.raises(UserError, match="onnxruntime's scores differ from ours by 0.25, more than 0.001"):
        export_onnx(model, tmp_path / "out")
    assert {path.name for path in tmp_path.iterdir()} == {"model"}


def test_a_model_that_reads_a_prompt_is_refused(tmp_path):
    folder = tiny("t5").save(tmp_path / "model")
    made.edit(folder / "tokenizer.json", pre_tokenizer={"type": "WhitespaceSplit"})
    special = {"pad_token": "w97", "eos_token": "w98", "unk_token": "w99", "model_max_length": 40}
    made.edit(folder / "tokenizer_config.json", tokenizer_class="PreTrainedTokenizerFast", **special)
    with pytest.raises(UserError, match="t5 reads a prompt, .*; use --format hf"):
        export_onnx(folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", exporter.PACKAGES)
def test_a_missing_package_is_one_line(tmp_path, monkeypatch, name):
    model = save_with_words("bert", tmp_path / "model")
    monkeypatch.setattr(exporter, "find_spec", lambda asked: None if asked == name else object())
    expected = f"--format onnx: {name} is not installed; in a checkout: pip install -c requirements.lock '.[onnx]'"
    with pytest.raises(UserError) as refused:
        export_onnx(model, tmp_path / "out")
    assert str(refused.value) == expected and not (tmp_path / "out").exists()
