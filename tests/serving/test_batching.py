"""The queue: which pairs are scored together, who gets which result, and callers that leave, fail or come too late."""

import random
import threading
import time
from concurrent.futures import CancelledError, ThreadPoolExecutor

import pytest

from lce_tf.serving.batching import Batcher, Busy, Closed


class Scorer:
    """A pair's result is the length of its passage, once it is let go; "bad" passages cannot be scored."""

    def __init__(self, free=True):
        self.calls, self.free, self.begun = [], threading.Event(), threading.Event()
        if free:
            self.free.set()

    def __call__(self, pairs):
        self.calls.append(list(pairs))
        self.begun.set()
        assert self.free.wait(60)
        if any(passage == "bad" for _, passage in pairs):
            raise ArithmeticError(f"{len(pairs)} pairs")
        return [len(passage) for _, passage in pairs]


@pytest.fixture
def make():
    """Batchers that are let go and closed at the end."""
    made = []

    def make(score, batch=8, queue=100, wait=0.0, **further):
        made.append((Batcher(score, batch, queue, wait, **further), score))
        return made[-1][0]

    yield make
    for batcher, score in made:
        getattr(score, "free", threading.Event()).set()
        batcher.close()


def pairs(*sizes):
    return [("q", "x" * size) for size in sizes]


def test_those_who_wait_while_the_model_works_are_scored_together_and_get_their_own(make):
    scorer = Scorer(free=False)
    told = []
    batcher = make(scorer, scored=lambda *facts: told.append(facts))
    first = batcher.submit(pairs(1))
    assert scorer.begun.wait(30)
    others = [batcher.submit(pairs(2, 3)), batcher.submit(pairs(4)), batcher.submit(pairs(5, 6, 7))]
    assert (batcher.callers, batcher.pairs) == (3, 6)
    scorer.free.set()
    assert [one.result(30) for one in (first, *others)] == [[1], [2, 3], [4], [5, 6, 7]]
    assert scorer.calls == [pairs(1), pairs(2, 3, 4, 5, 6, 7)]
    assert [facts[:2] for facts in told] == [(1, 1), (3, 6)] and all(facts[2] >= 0 for facts in told)
    assert (batcher.callers, batcher.pairs) == (0, 0)


def test_a_batch_has_its_limit_and_nobody_is_overtaken(make):
    scorer = Scorer(free=False)
    batcher = make(scorer, batch=4)
    futures = [batcher.submit(pairs(1))]
    assert scorer.begun.wait(30)
    # Three and two do not fit together; nine are more than a batch, and go alone.
    futures += [batcher.submit(pairs(*sizes)) for sizes in ([1] * 3, [2] * 2, [3], [4] * 9, [5])]
    scorer.free.set()
    assert [one.result(30) for one in futures] == [[1], [1] * 3, [2] * 2, [3], [4] * 9, [5]]
    assert [len(call) for call in scorer.calls] == [1, 3, 3, 9, 1]


def test_an_idle_model_waits_for_others_to_join_but_not_once_they_are_enough(make):
    scorer = Scorer()
    batcher = make(scorer, batch=3, wait=60.0)
    futures = [batcher.submit(pairs(size)) for size in (1, 2, 3)]
    assert [one.result(30) for one in futures] == [[1], [2], [3]]
    assert scorer.calls == [pairs(1, 2, 3)]


def test_the_wait_ends(make):
    scorer = Scorer()
    assert make(scorer, wait=0.01).submit(pairs(3)).result(30) == [3]


def test_a_full_queue_refuses_and_has_room_again(make):
    scorer = Scorer(free=False)
    batcher = make(scorer, queue=5)
    first = batcher.submit(pairs(*[1] * 5))
    assert scorer.begun.wait(30)
    waiting = batcher.submit(pairs(1, 2, 3))
    with pytest.raises(Busy) as busy:
        batcher.submit(pairs(1, 2, 3))
    assert busy.value.seconds == 1
    smaller = batcher.submit(pairs(4, 5))
    scorer.free.set()
    assert (first.result(30), waiting.result(30), smaller.result(30)) == ([1] * 5, [1, 2, 3], [4, 5])
    assert batcher.submit(pairs(1, 2, 3)).result(30) == [1, 2, 3]


def test_the_advice_when_to_come_back_is_the_queue_s_time(make):
    scorer = Scorer()
    batcher = make(scorer, queue=10)

    def slow(given):
        time.sleep(0.6)
        return scorer(given)

    batcher._score = slow
    batcher.submit(pairs(1)).result(30)  # at least 0.6 s a pair
    scorer.free.clear(), scorer.begun.clear()
    batcher.submit(pairs(1))
    assert scorer.begun.wait(30)
    batcher.submit(pairs(*[1] * 10))
    with pytest.raises(Busy) as busy:
        batcher.submit(pairs(1))
    assert 6 <= busy.value.seconds <= 60


def test_who_leaves_in_time_makes_room_and_is_not_scored(make):
    scorer = Scorer(free=False)
    batcher = make(scorer, queue=4)
    first = batcher.submit(pairs(1))
    assert scorer.begun.wait(30)
    gone, stays = batcher.submit(pairs(2, 2)), batcher.submit(pairs(3, 3))
    assert gone.cancel() and (batcher.callers, batcher.pairs) == (1, 2)
    late = batcher.submit(pairs(4))
    assert not first.cancel()  # too late: it is being scored
    scorer.free.set()
    assert (stays.result(30), late.result(30), first.result(30)) == ([3, 3], [4], [1])
    assert scorer.calls == [pairs(1), pairs(3, 3, 4)]
    with pytest.raises(CancelledError):
        gone.result()


def test_all_leave(make):
    scorer = Scorer()
    batcher = make(scorer, wait=0.2)
    assert all(batcher.submit(pairs(1)).cancel() for _ in range(3))
    assert batcher.submit(pairs(7)).result(30) == [7]
    assert scorer.calls == [pairs(7)]


def test_who_cannot_be_scored_fails_alone(make):
    scorer = Scorer(free=False)
    batcher = make(scorer)
    first = batcher.submit(pairs(1))
    assert scorer.begun.wait(30)
    good, bad, also = batcher.submit(pairs(2, 3)), batcher.submit([("q", "bad")]), batcher.submit(pairs(4))
    scorer.free.set()
    assert (first.result(30), good.result(30), also.result(30)) == ([1], [2, 3], [4])
    with pytest.raises(ArithmeticError, match="1 pairs"):
        bad.result(30)
    assert batcher.submit(pairs(5)).result(30) == [5] and batcher.works


def test_results_that_are_not_one_a_pair_are_not_dealt_out(make):
    with pytest.raises(ValueError, match="2 results for 3 pairs"):
        make(lambda given: given[1:]).submit(pairs(1, 2, 3)).result(30)


def test_closing_finishes_what_waits_and_takes_no_more(make):
    scorer = Scorer(free=False)
    batcher = make(scorer, batch=2, wait=60.0)
    futures = [batcher.submit(pairs(1, 1))]
    assert scorer.begun.wait(30)
    futures += [batcher.submit(pairs(size)) for size in (2, 3, 4)]  # the last would wait for a minute
    closing = threading.Thread(target=batcher.close)
    closing.start()
    while batcher.works:
        time.sleep(0.005)
    with pytest.raises(Closed):
        batcher.submit(pairs(5))
    scorer.free.set()
    closing.join(30)
    assert not closing.is_alive() and [one.result(0) for one in futures] == [[1, 1], [2], [3], [4]]


def test_no_pairs(make):
    with pytest.raises(ValueError, match="no pairs"):
        make(Scorer()).submit([])


def test_many_threads_lose_and_mix_up_nothing(make):
    scorer = Scorer()
    batcher = make(scorer, batch=16, queue=10_000, wait=0.001)

    def caller(number):
        draw = random.Random(number)
        for _ in range(20):
            sizes = [draw.randrange(1000) for _ in range(draw.randrange(1, 6))]
            future = batcher.submit(pairs(*sizes))
            if draw.random() < 0.2 and future.cancel():
                continue
            assert future.result(60) == sizes
        return True

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(caller, range(16)))
    assert (batcher.callers, batcher.pairs) == (0, 0)
    assert len(scorer.calls) < 320 and max(map(len, scorer.calls)) <= 16
