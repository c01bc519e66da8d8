"""Engines: OpenVINO computes the same as TensorFlow, converts once, and faults are raised as exceptions."""

import contextlib
import os
import shutil

import numpy as np
import pytest

from lce_tf.errors import UserError
from lce_tf.model import checkpoint
from lce_tf.reranking import openvino_model
from lce_tf.reranking.engines import check_precision, open_engine
from lce_tf.reranking.openvino_model import exported
from lce_tf.reranking.openvino_runtime import openvino_runtime
from lce_tf.reranking.scoring import computed, score_pairs
from lce_tf.tokens.packing import PaddedPairs


@pytest.mark.parametrize(
    ("outputs", "other"),
    # XLA compiles what TensorFlow computes, whose two logits the others have.
    [(1, "openvino"), (2, "openvino"), (1, "xla"), pytest.param(2, "xla", marks=pytest.mark.slow)],
)
def test_every_engine_equals_tensorflow(checkpoints, packer, pairs, outputs, other):
    here, there = (
        score_pairs(open_engine(checkpoints[outputs], name, "float32"), packer, *pairs)
        for name in ("tensorflow", other)
    )
    assert here.shape == (720, outputs) and here.std() > 0.01
    np.testing.assert_allclose(there, here, atol=1e-4, rtol=0)


def test_tensorflow_equals_hugging_face(checkpoints, packer, pairs):
    """The whole path from token ids to score, against transformers' ELECTRA and the head by hand."""
    import torch
    from transformers import ElectraModel

    folder = checkpoints[1]
    theirs = ElectraModel.from_pretrained(folder.parent / "backbone").eval()
    head = checkpoint.load(folder).head.linear
    some = pairs[0][:64], pairs[1][:64]
    packed = packer.pack(*some)
    position = np.arange(packed.input_ids.shape[1])
    mask = (position < packed.lengths[:, None]).astype(np.int64)
    segments = mask * (position >= packed.type_0_lengths[:, None])
    with torch.no_grad():
        hidden = theirs(*map(torch.from_numpy, (packed.input_ids.astype(np.int64), mask, segments)))
    expected = hidden.last_hidden_state[:, 0].numpy() @ head.kernel.numpy() + head.bias.numpy()
    ours = score_pairs(open_engine(folder, "tensorflow", "float32"), packer, *some)
    np.testing.assert_allclose(ours, expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", ["tensorflow", "openvino"])
def test_bfloat16_is_near(checkpoints, packer, pairs, name):
    exact = score_pairs(open_engine(checkpoints[1], "tensorflow", "float32"), packer, *pairs)[:, 0]
    engine = open_engine(checkpoints[1], name, "bfloat16")
    rounded = score_pairs(engine, packer, *pairs)[:, 0]
    assert "bfloat16" in engine.precision and np.corrcoef(exact, rounded)[0, 1] > 0.99
    assert np.quantile(np.abs(exact - rounded), 0.95) < exact.std() / 2


def test_auto_is_openvino_on_a_cpu(checkpoints):
    engine = open_engine(checkpoints[1])
    assert engine.name == "openvino" and engine.precision in ("float32", "bfloat16")
    assert open_engine(checkpoints[1], "tensorflow").precision in ("float32", "products_bfloat16")


def test_the_model_is_converted_once(checkpoints, monkeypatch):
    first = exported(checkpoints[1])
    monkeypatch.setattr(openvino_model, "export_openvino", None)
    assert exported(checkpoints[1]) == first and first.is_file()
    with pytest.raises(TypeError):  # another model is not that one
        monkeypatch.setenv("LCE_CACHE", str(first.parent / "elsewhere"))
        exported(checkpoints[1])


def test_openvino_has_one_operation_for_each_normalisation(checkpoints):
    """OpenVINO recognises them only by their form; as separate operations they take more time."""
    openvino = openvino_runtime()

    kinds = [part.get_type_name() for part in openvino.Core().read_model(exported(checkpoints[1])).get_ops()]
    layers = checkpoint.load(checkpoints[1]).config.num_hidden_layers
    assert kinds.count("MVN") == 1 + 2 * layers
    assert kinds.count("Split") == kinds.count("VariadicSplit") == 0


@pytest.mark.parametrize("whose", ["__version__", "version", "GRAPH"])
def test_another_version_converts_anew(checkpoints, monkeypatch, whose):
    exported(checkpoints[1])
    monkeypatch.setattr(openvino_model, whose, (lambda package: "9.9") if whose == "version" else "9.9")
    monkeypatch.setattr(openvino_model, "export_openvino", None)
    with pytest.raises(TypeError):
        exported(checkpoints[1])


def test_a_conversion_says_nothing(checkpoints, monkeypatch, tmp_path, caplog):
    import tensorflow as tf

    monkeypatch.setenv("LCE_CACHE", str(tmp_path))
    monkeypatch.setattr(tf.get_logger(), "propagate", True)
    exported(checkpoints[1])
    assert [record.getMessage() for record in caplog.records] == []


def test_an_interrupted_conversion_leaves_nothing(checkpoints, monkeypatch, tmp_path):
    monkeypatch.setenv("LCE_CACHE", str(tmp_path))

    def torn(model, path):
        path.write_text("<net>")
        raise KeyboardInterrupt

    monkeypatch.setattr(openvino_model, "export_openvino", torn)
    with pytest.raises(KeyboardInterrupt):
        exported(checkpoints[1])
    assert list((tmp_path / "openvino").iterdir()) == []


def test_a_damaged_conversion_says_what_to_delete(checkpoints, monkeypatch, tmp_path):
    whole = exported(checkpoints[1]).parent
    monkeypatch.setenv("LCE_CACHE", str(tmp_path))
    folder = tmp_path / "openvino" / whole.name
    shutil.copytree(whole, folder)
    (folder / "openvino.xml").write_text("<net")
    with pytest.raises(UserError, match="delete its folder") as error:
        open_engine(checkpoints[1], "openvino", "float32")
    assert str(folder) in str(error.value)


@pytest.mark.parametrize(
    ("engine", "precision", "words"),
    [
        ("onnx", "auto", "--engine 'onnx': known are auto, openvino, packed, tensorflow"),
        ("openvino", "mixed_float16", "--precision 'mixed_float16': OpenVINO's are auto, float32, bfloat16, int8"),
        ("auto", "int4", "--precision 'int4'"),
        ("tensorflow", "int8", "precision 'int8': known are"),
    ],
)
def test_unknown_names_are_refused(checkpoints, engine, precision, words):
    with pytest.raises(UserError, match=words):
        open_engine(checkpoints[1], engine, precision)
    with pytest.raises(UserError, match=words) if precision != "auto" else contextlib.nullcontext():
        check_precision(engine, precision)


@pytest.mark.parametrize("engine", ["auto", "openvino", "packed", "tensorflow", "xla"])
def test_what_every_engine_takes(engine):
    for precision in ("auto", "float32", "bfloat16"):
        check_precision(engine, precision)


def batch(length=16):
    rows = np.arange(8)
    return rows, PaddedPairs(np.full((8, length), 7, np.int32), np.full(8, 5, np.int32), np.full(8, length, np.int32))


@pytest.mark.parametrize("name", ["tensorflow", "openvino"])
def test_an_engine_works_on_after_a_call_that_was_interrupted(checkpoints, name):
    engine = open_engine(checkpoints[1], name, "float32")

    def torn():
        yield batch()
        yield batch()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(computed(engine, torn()))
    for rows, _ in computed(engine, iter([batch()] * 5)):
        assert len(rows) == 8
        break  # whoever asks may stop as well
    got = [logits[:8].tobytes() for _, logits in computed(engine, iter([batch()] * 5))]
    assert len(got) == 5 and len(set(got)) == 1
    assert list(computed(engine, iter([]))) == []


def test_pairs_longer_than_the_model_are_an_error_not_a_number(checkpoints):
    engine = open_engine(checkpoints[1], "openvino", "float32")
    with pytest.raises(RuntimeError):
        list(computed(engine, iter([batch(64)] * 3)))


def test_the_cache_of_the_tests_is_not_the_user_s(checkpoints):
    assert str(exported(checkpoints[1])).startswith(os.environ["LCE_CACHE"])
