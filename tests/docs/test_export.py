"""docs/export.md: its commands and programs run unchanged, and its request fits the signature."""

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from lce_tf import cli
from lce_tf.exporting.exporter import EXPORTERS
from lce_tf.reranker import Reranker

DOC = (Path(__file__).parents[2] / "docs" / "export.md").read_text(encoding="utf-8")
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"how far away is the moon earth cheese made of milk".split()]


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", DOC, re.S)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a trained checkpoint where the page has it."""
    from lce_tf.model import checkpoint
    from lce_tf.model.config import EncoderConfig, Scoring
    from lce_tf.model.cross_encoder import CrossEncoder
    from lce_tf.tokens.lengths import Lengths

    (tmp_path / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    sizes = {"vocab_size": 16, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = EncoderConfig(embedding_size=16, intermediate_size=16, max_position_embeddings=32, **sizes)
    checkpoint.save(CrossEncoder(config, Scoring()), tmp_path / "models" / "lce8", tmp_path, Lengths(8, 32), {})
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_table_names_every_format():
    assert sorted(re.findall(r"^\| `(\w+)` \| ", DOC.partition("\n\nWeights")[0], re.M)) == list(EXPORTERS)


@pytest.mark.slow
def test_the_commands_the_programs_and_the_request(place):
    for block in blocks("bash"):
        assert cli.main(shlex.split(block)[1:]) == 0
    (request,) = map(json.loads, blocks("json"))
    inputs = request["inputs"]
    reranker = Reranker.load("models/lce8", "tensorflow", "float32")
    expected = reranker.score(zip(inputs["query"], inputs["passage"], strict=True))
    for_tensorflow, for_openvino, for_onnx = blocks("python")
    names = {}
    exec(for_tensorflow, names)  # noqa: S102
    np.testing.assert_allclose(names["scores"], expected, atol=1e-5)
    signature = names["model"].signatures[request["signature_name"]]
    specs = signature.structured_input_signature[1]
    assert {name: (spec.dtype.name, spec.shape.rank) for name, spec in specs.items()} == dict.fromkeys(
        inputs, ("string", 1)
    )
    import tensorflow as tf

    answer = signature(**{name: tf.constant(values) for name, values in inputs.items()})
    assert list(answer) == ["score"] and answer["score"].dtype == tf.float32
    np.testing.assert_allclose(answer["score"], expected, atol=1e-5)
    exec(for_openvino, names)  # noqa: S102
    assert names["logits"].shape == (2, 1)
    shorter = reranker.score(zip(names["queries"], names["passages"], strict=True))
    np.testing.assert_allclose(names["logits"][:, 0], shorter, atol=0.05)  # bfloat16 where the CPU has it
    exec(for_onnx, names)  # noqa: S102
    np.testing.assert_allclose(names["logits"], shorter[:, None], atol=1e-5)
