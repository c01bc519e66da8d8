"""TCT-ColBERT's pooling against PyTorch: transformers' BERT with pyserini's code, and pyserini's own classes."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lce_tf.errors import UserError
from lce_tf.model.embedder import Embedder

ROOT = Path(__file__).parents[2]
WORDS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    "[",
    "]",
    "q",
    "d",
    "red",
    "blue",
    "lamp",
    "##s",
    "gold",
    ".",
    "?",
]
QUERIES = ["Red lamps?", "", "blue " * 60, "what gold"]
PASSAGES = ["Blue lamps. Gold.", "", "gold red " * 40, "q d [ ] lamp"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, hf_model):
    folder = tmp_path_factory.mktemp("tct")
    hf_model("BertModel", vocab_size=len(WORDS), max_position_embeddings=64).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer", "do_lower_case": true}\n')
    return folder


def by_transformers(folder, max_length):
    """What pyserini's encoders compute, written out."""
    import torch
    from transformers import AutoTokenizer, BertModel

    tokenizer, model = AutoTokenizer.from_pretrained(folder), BertModel.from_pretrained(folder).eval()
    options = {"truncation": True, "add_special_tokens": False, "return_tensors": "pt"}
    with torch.no_grad():
        queries = []
        for text in QUERIES:
            inputs = tokenizer("[CLS] [Q] " + text + "[MASK]" * 36, max_length=36, **options)
            assert inputs["input_ids"].shape == (1, 36)
            queries.append(model(**inputs)[0][0, 4:].mean(0).numpy())
        texts = ["[CLS] [D] " + text for text in PASSAGES]
        inputs = tokenizer(texts, max_length=max_length, padding="longest", **options)
        mask = inputs["attention_mask"][:, 4:, None]
        passages = (model(**inputs)[0][:, 4:] * mask).sum(1) / mask.sum(1).clamp(min=1e-9)
    return np.array(queries), passages.numpy()


def test_vectors_equal_transformers(folder):
    queries, passages = by_transformers(folder, 64)
    ours = Embedder.load(str(folder), pooling="tct", similarity="dot", max_length=64)
    np.testing.assert_allclose(ours(QUERIES, "query"), queries, atol=2e-6)
    np.testing.assert_allclose(ours(PASSAGES, "passage"), passages, atol=2e-6)
    assert np.abs(ours(QUERIES, "passage") - queries).max() > 1e-3  # the kind counts
    assert (ours([""], "passage") == 0).all()  # nothing follows the marker


def test_passages_are_cut_and_queries_are_not(folder):
    queries, passages = by_transformers(folder, 40)
    ours = Embedder.load(str(folder), pooling="tct", similarity="dot", max_length=40)
    np.testing.assert_allclose(ours(PASSAGES, "passage"), passages, atol=2e-6)
    np.testing.assert_allclose(ours(QUERIES, "query"), queries, atol=2e-6)
    assert ours.key.endswith("-tct-dot-40")


@pytest.mark.slow
def test_vectors_equal_pyserinis(folder, tmp_path):
    """pyserini's own encoders, in a process of their own since they bring the JVM and much else."""
    code = (
        "from lce_tf.retrieval import jvm\n"
        "jvm.start()\n"
        "import numpy as np\n"
        "from pyserini.encode import TctColBertDocumentEncoder, TctColBertQueryEncoder\n"
        f"encoder = TctColBertQueryEncoder({str(folder)!r})\n"
        "encoder.model.eval()\n"
        f"queries = [encoder.encode(text) for text in {QUERIES!r}]\n"
        f"encoder = TctColBertDocumentEncoder({str(folder)!r}, device='cpu')\n"
        "encoder.model.eval()\n"
        f"passages = encoder.encode({PASSAGES!r}, max_length=64)\n"
        f"np.savez({str(tmp_path / 'v.npz')!r}, queries=queries, passages=passages)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    theirs = np.load(tmp_path / "v.npz")
    ours = Embedder.load(str(folder), pooling="tct", similarity="dot", max_length=64)
    np.testing.assert_allclose(ours(QUERIES, "query"), theirs["queries"], atol=2e-6)
    np.testing.assert_allclose(ours(PASSAGES, "passage"), theirs["passages"], atol=2e-6)


def test_the_length_is_512_unless_said(folder):
    with pytest.raises(UserError, match="--max-length 512: .* has 64 positions only"):
        Embedder.load(str(folder), pooling="tct", similarity="dot")
    with pytest.raises(UserError, match="--max-length 35: --pooling tct takes 36 or more"):
        Embedder.load(str(folder), pooling="tct", max_length=35)
