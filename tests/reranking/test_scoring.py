"""Scoring: every pair once, with a width and batch size of its own, so a score is a function of the pair."""

import numpy as np
import pytest

from lce_tf.reranking.layout import MULTIPLE, batch_rows, by_width
from lce_tf.reranking.scoring import score_pairs
from lce_tf.reranking.steady import WHOLE


class HashEngine:
    """An engine whose logit is a hash of the pair's ids, and which notes what it was given."""

    name, precision, ahead = "hash", "float32", 1

    def __init__(self, tokens=512, outputs=1, fill=WHOLE):
        self.tokens, self.outputs, self.fill = tokens, outputs, fill
        self.rows, self.shapes, self.waiting = [], [], 0

    def batches(self, packer, query_rows, passage_rows):
        for rows, packed in by_width(packer, query_rows, passage_rows, self.tokens, self.fill):
            self.rows += rows.tolist()
            yield rows, packed

    def start(self, packed):
        self.shapes.append(packed.input_ids.shape)
        self.waiting += 1
        assert self.waiting <= self.ahead + 1 and (packed.lengths <= packed.input_ids.shape[1]).all()

        def logits():
            self.waiting -= 1
            pairs = zip(*packed, strict=True)
            return np.array([[self.of(*pair) + i for i in range(self.outputs)] for pair in pairs], np.float32)

        return logits

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
    ("width", "tokens", "rows"),
    [(16, 4096, 255), (256, 4096, 15), (48, 4096, 85), (256, 100, 3), (512, 4096, 6), (40, 1024, 24)],
)
def test_full_batches_have_a_multiple_of_48_wordpieces(width, tokens, rows):
    assert batch_rows(width, tokens) == rows and rows * width % 48 == 0


@pytest.mark.parametrize("fill", [1, 48])
def test_a_batch_is_filled_up_to_a_multiple(packer, pairs, fill):
    engine = HashEngine(512, fill=fill)
    score_pairs(engine, packer, *pairs)
    for rows, width in engine.shapes:
        assert rows * width % fill == 0 and rows <= batch_rows(width, 512)
    computed = sum(rows for rows, _ in engine.shapes)
    assert computed == 720 if fill == 1 else 720 < computed < 720 + 3 * 6  # 40 wordpieces: by sixes


def test_batches_that_are_not_filled_up(packer, pairs):
    engine, full = HashEngine(512, fill=1), HashEngine(512)
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


def test_an_engine_may_lay_out_pairs_in_any_order(packer, pairs):
    class Backwards(HashEngine):
        def batches(self, *pairs):
            return reversed(list(HashEngine.batches(self, *pairs)))

    logits = score_pairs(Backwards(4096), packer, *pairs)
    assert (logits[:, 0] == expected(packer, pairs)).all()


def test_a_pair_that_an_engine_loses_is_not_a_number(packer, pairs):
    class Forgetful(HashEngine):
        def batches(self, *pairs):
            found = HashEngine.batches(self, *pairs)
            next(found)
            return found

    assert np.isnan(score_pairs(Forgetful(), packer, *pairs)).any()
