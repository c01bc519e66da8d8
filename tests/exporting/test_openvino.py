"""An exported OpenVINO folder gives our scores with OpenVINO and Hugging Face's tokenizers only."""

import json

import numpy as np
import pytest

from lce_tf.exporting.openvino import MODEL_FILE, export_openvino_folder
from lce_tf.model import checkpoint
from lce_tf.model.config import EncoderConfig, Scoring
from lce_tf.reranker import Reranker
from lce_tf.reranking.openvino_runtime import openvino_runtime
from lce_tf.tokens.lengths import Lengths
from tests.tiny_models import save_with_words


def in_openvino(folder, texts):
    openvino = openvino_runtime()
    from transformers import AutoTokenizer

    compiled = openvino.Core().compile_model(folder / MODEL_FILE, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    queries, passages = map(list, zip(*texts, strict=True))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    inputs = tokenizer(queries, passages, padding=True, truncation="only_second", return_tensors="np")
    assert {next(iter(port.names)) for port in compiled.inputs} == set(inputs)
    return compiled(dict(inputs))["logits"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["electra-dense", "bert-two-logits"])
def test_openvino_gives_our_scores(trained, texts, tmp_path, name):
    folder = export_openvino_folder(trained(name), tmp_path / "out")
    expected = Reranker.load(trained(name), "tensorflow", "float32").score(texts)
    found = in_openvino(folder, texts)
    assert found.shape == (24, 1) and expected.std() > 0.1
    np.testing.assert_allclose(found[:, 0], expected, atol=1e-4, rtol=0)
    # Another batch and another length: both are free.
    np.testing.assert_allclose(in_openvino(folder, texts[:2])[:, 0], expected[:2], atol=1e-4, rtol=0)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["roberta", "distilbert", "deberta-v2", "deberta-v3", "modernbert", "albert"])
def test_a_family_has_the_inputs_that_its_tokenizer_gives(name, tmp_path):
    model = save_with_words(name, tmp_path / "model")
    pairs = [("a b", "c d e"), ("b", "x y z y x"), ("q r s", "s")]
    folder = export_openvino_folder(model, tmp_path / "out")
    expected = Reranker.load(model, "tensorflow", "float32").score(pairs)
    np.testing.assert_allclose(in_openvino(folder, pairs)[:, 0], expected, atol=1e-4, rtol=0)


@pytest.mark.slow
def test_what_the_folder_holds_for_a_head_that_hugging_face_has_not(tmp_path):
    from lce_tf.model.cross_encoder import CrossEncoder

    (tmp_path / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdef"]) + "\n")
    sizes = {"vocab_size": 11, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    sizes |= {"embedding_size": 16, "intermediate_size": 16, "max_position_embeddings": 32}
    model = CrossEncoder(EncoderConfig(model_type="bert", **sizes), Scoring(1, "dense"))
    checkpoint.save(model, tmp_path / "model", tmp_path, Lengths(8, 32), {})
    folder = export_openvino_folder(tmp_path / "model", tmp_path / "out", "mit")
    names = {file.name for file in folder.iterdir()}
    assert {MODEL_FILE, "openvino_model.bin", "config.json", "tokenizer.json", "lce_tf.json"} <= names
    about = json.loads((folder / "lce_tf.json").read_text())
    assert about["license"] == "mit" and about["lengths"] == {"query": 8, "sequence": 32, "passage": None}
    assert list(about["inputs"]) == ["input_ids", "attention_mask", "token_type_ids"]
    assert about["checkpoint"] == checkpoint.identity(tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    assert config["architectures"] == ["BertForSequenceClassification"] and config["num_labels"] == 1
    texts = [("a b", "c d e"), ("", "f")]
    expected = Reranker.load(tmp_path / "model", "tensorflow", "float32").score(texts)
    np.testing.assert_allclose(in_openvino(folder, texts)[:, 0], expected, atol=1e-4, rtol=0)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["model", "out", "vocab.txt"]
