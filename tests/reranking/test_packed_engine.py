"""The packed engine on a CPU: the same scores as the sliced one, few programs, full batches."""

import numpy as np
import pytest

from experiments.bench.lengths import packer_of
from lce_tf.reranking.layout import in_rows
from lce_tf.reranking.scoring import score_pairs
from lce_tf.tokens.rows import RowShape


@pytest.fixture(scope="module")
def packer():
    return packer_of(400, 60, sequence=128)


@pytest.fixture(scope="module")
def pairs():
    rng = np.random.default_rng(0)
    return rng.integers(0, 60, 300), rng.integers(0, 400, 300)


@pytest.mark.parametrize(("width", "full"), [(None, 0.97), (256, 0.94)])
def test_batches_hold_every_pair_once_and_little_padding(pairs, width, full):
    packer = packer_of(2_000, 200)
    rng = np.random.default_rng(1)
    many = rng.integers(0, 200, 5_000), rng.integers(0, 2_000, 5_000)
    seen, computed = [], 0
    shape = RowShape((2048, 16384), 1024, width)
    for chosen, batch in in_rows(packer, *many, shape):
        assert len(batch.input_ids) in shape.sizes
        np.testing.assert_array_equal(batch.lengths, sum(packer.measure(many[0][chosen], many[1][chosen])) + 3)
        for pair in (0, len(chosen) - 1):
            start, length = batch.starts[pair], batch.lengths[pair]
            expected = packer.pack(many[0][chosen[[pair]]], many[1][chosen[[pair]]]).input_ids[0]
            np.testing.assert_array_equal(batch.input_ids[start : start + length], expected)
            assert (batch.owners[start : start + length] == pair).all()
        seen += chosen.tolist()
        computed += len(batch.input_ids)
    assert sorted(seen) == list(range(5_000))
    assert (sum(packer.measure(*many)) + 3).sum() / computed > full


@pytest.mark.parametrize(
    ("limit", "longest", "width"),
    [(128, 90, 128), (8192, 90, 512), (8192, 513, 1024), (8192, 9000, 8192), (640, 600, 640)],
)
def test_rows_are_as_wide_as_pairs_need_not_as_the_model_reads(monkeypatch, limit, longest, width):
    from lce_tf.reranking.packed_engine import width_of

    packer = packer_of(400, 60, sequence=limit)
    monkeypatch.setattr(packer, "pair_lengths", lambda *rows: np.array([20, longest]))
    assert width_of(packer, np.array([0, 1]), np.array([0, 1])) == width


def test_scores_are_those_of_slices_by_two_programs(packer, pairs):
    from lce_tf.model.config import EncoderConfig
    from lce_tf.model.cross_encoder import CrossEncoder
    from lce_tf.reranking.packed_engine import PackedEngine
    from lce_tf.reranking.tensorflow_engine import TensorFlowEngine

    config = EncoderConfig(
        num_hidden_layers=1, hidden_size=32, embedding_size=32, intermediate_size=64, num_attention_heads=2
    )
    model = CrossEncoder(config)
    engine = PackedEngine(model, (2048, 8192))
    found = score_pairs(engine, packer, *pairs)
    np.testing.assert_allclose(found, score_pairs(TensorFlowEngine(model), packer, *pairs), atol=1e-5)
    for part in (3, 40, 299):
        again = score_pairs(engine, packer, pairs[0][:part], pairs[1][:part])
        np.testing.assert_allclose(again, found[:part], atol=1e-5)
    assert engine.programs == 2
