"""Scoring: every pair once, at a width and batch size of its own, so that a score is a function of the pair."""

import threading

import numpy as np
import pytest

from lce_tf.reranking.engines import open_engine
from lce_tf.reranking.scoring import MULTIPLE, batch_rows, score_pairs


class HashEngine:
    """An engine whose logit is a hash of the pair's ids, and which notes what it was given."""

    name, precision = "hash", "float32"

    def __init__(self, tokens=512, outputs=1, steady=False):
        self.tokens, self.outputs, self.rows, self.shapes = tokens, outputs, [], []
        self.steady = steady

    def run(self, batches, sink):
        for rows, packed in batches:
            self.rows += rows.tolist()
            self.shapes.append(packed.input_ids.shape)
            assert (packed.lengths <= packed.input_ids.shape[1]).all()
            sink(
                rows,
                np.array([[self.of(*pair) + i for i in range(self.outputs)] for pair in zip(*packed, strict=True)]),
            )

    @staticmethod
    def of(ids, query, length):
        return hash((tuple(ids[:length].tolist()), int(query))) % 1000003


def expected(packer, pairs):
    packed = packer.pack(*pairs)
    return np.array([HashEngine.of(*pair) for pair in zip(*packed, strict=True)], np.float32)


@pytest.mark.parametrize("tokens", [1, 128, 512, 4096, 1 << 20])
def test_every_pair_is_scored_once_and_lands_in_its_row(packer, pairs, tokens):
    engine = HashEngine(tokens)
    logits = score_pairs(engine, packer, *pairs)
    assert logits.shape == (720, 1) and logits.dtype == np.float32
    assert sorted(engine.rows) == list(range(720))
    assert (logits[:, 0] == expected(packer, pairs)).all()


def test_a_width_has_one_batch_size_and_wide_ones_come_first(packer, pairs):
    engine = HashEngine(512)
    score_pairs(engine, packer, *pairs)
    widths = [width for _, width in engine.shapes]
    assert widths == sorted(widths, reverse=True)
    assert set(engine.shapes) == {(batch_rows(width, 512), width) for width in widths}
    # All are multiples of 16 but the last, which stops at the 40 positions that the model has.
    assert set(widths) == {16, 32, 40} and MULTIPLE == 16


@pytest.mark.parametrize(
    ("width", "tokens", "rows"), [(16, 4096, 256), (256, 4096, 16), (48, 4096, 80), (256, 100, 16), (512, 4096, 16)]
)
def test_batch_sizes_are_multiples_of_sixteen(width, tokens, rows):
    assert batch_rows(width, tokens) == rows


def test_a_steady_engine_s_batches_are_not_filled_up(packer, pairs):
    engine, full = HashEngine(512, steady=True), HashEngine(512)
    some = pairs[0][:100], pairs[1][:100]
    assert (score_pairs(engine, packer, *some)[:, 0] == expected(packer, some)).all()
    widths, counts = np.unique(np.minimum(-(-packer.pack(*some).lengths // 16) * 16, 40), return_counts=True)
    computed = {width: sum(rows for rows, wide in engine.shapes if wide == width) for width in widths}
    assert computed == dict(zip(widths, counts, strict=True))
    assert all(rows <= batch_rows(width, 512) for rows, width in engine.shapes)
    score_pairs(full, packer, *some)
    assert sum(map(np.prod, engine.shapes)) < sum(map(np.prod, full.shapes))


def test_two_logits_and_pairs_asked_for_twice(packer):
    rows = np.array([3, 3, 3]), np.array([5, 7, 5])
    logits = score_pairs(HashEngine(outputs=2), packer, *rows)
    assert logits.shape == (3, 2) and (logits[0] == logits[2]).all() and (logits[0] != logits[1]).any()
    assert (logits[:, 1] == logits[:, 0] + 1).all()


def test_no_pairs(packer):
    none = np.zeros(0, np.int64)
    assert score_pairs(HashEngine(), packer, none, none).shape == (0, 1)


def test_progress_is_told_of_every_pair_once(packer, pairs):
    told = []
    score_pairs(HashEngine(), packer, *pairs, told.append)
    assert sum(told) == 720 and all(told)


def test_results_may_come_from_several_threads_and_in_any_order(packer, pairs):
    class Threads(HashEngine):
        def run(self, batches, sink):
            batches = list(batches)[::-1]
            start = threading.Barrier(len(batches))

            def work(batch):
                start.wait()
                HashEngine.run(self, [batch], sink)

            threads = [threading.Thread(target=work, args=(batch,)) for batch in batches]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

    told = []
    logits = score_pairs(Threads(4096), packer, *pairs, told.append)
    assert (logits[:, 0] == expected(packer, pairs)).all() and sum(told) == 720


def test_a_pair_that_an_engine_loses_is_not_a_number(packer, pairs):
    class Forgetful(HashEngine):
        def run(self, batches, sink):
            next(batches)
            HashEngine.run(self, batches, sink)

    assert np.isnan(score_pairs(Forgetful(), packer, *pairs)).any()


@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("name", ["tensorflow", "openvino"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_score_does_not_depend_on_what_else_is_asked_for(checkpoints, packer, pairs, name, outputs, precision):
    engine = open_engine(checkpoints[outputs], name, precision)
    assert engine.steady
    engine.tokens = 512
    whole = score_pairs(engine, packer, *pairs)
    assert whole.shape == (720, outputs) and np.isfinite(whole).all() and len(np.unique(whole)) > 500
    rng = np.random.default_rng(2)
    for size in (1, 2, 9, 100, 719):
        some = rng.permutation(720)[:size]
        part = score_pairs(engine, packer, pairs[0][some], pairs[1][some])
        assert part.tobytes() == whole[some].tobytes()
