"""Progress in a log: a line from time to time with rate and time left, and none for short work."""

import pytest

from lce_tf.foundation import progress
from lce_tf.foundation.progress import Progress


@pytest.fixture
def clock(monkeypatch):
    """A clock that is moved by hand."""

    class Clock:
        now = 1000.0

        def monotonic(self):
            return self.now

    result = Clock()
    monkeypatch.setattr(progress, "time", result)
    return result


def test_short_work_says_nothing(capsys):
    with Progress("rerank", 100, "pairs") as bar:
        for _ in range(10):
            bar.advance(10)
    assert capsys.readouterr() == ("", "")


def test_a_line_every_half_minute_with_rate_and_time_left(capsys, clock):
    with Progress("rerank", 2000, "pairs") as bar:
        for _ in range(4):
            clock.now += 20
            bar.advance(100)
    lines = capsys.readouterr().err.splitlines()
    # At 40 s: 200 pairs, 5 a second, 1,800 left make 6 minutes. The next line is due 30 s later, at 80 s.
    assert lines == [
        "rerank: 200/2000 pairs (10%), 5.0 pairs/s, 6:00 left",
        "rerank: 400/2000 pairs (20%), 5.0 pairs/s, 5:20 left",
    ]


def test_figures_stand_beside_the_count(capsys, clock):
    with Progress("train", 10, "steps") as bar:
        clock.now += 60
        bar.advance(6, loss="1.25", rate="1e-05")
    assert capsys.readouterr().err == "train: 6/10 steps (60%), 0.1 steps/s, 0:40 left, loss 1.25, rate 1e-05\n"


def test_work_of_an_earlier_call_counts_as_done_but_not_for_the_rate(capsys, clock):
    with Progress("rerank", 1000, "pairs", initial=800) as bar:
        clock.now += 50
        bar.advance(100)
    assert capsys.readouterr().err == "rerank: 900/1000 pairs (90%), 2.0 pairs/s, 0:50 left\n"


def test_every_advance_speaks_where_lines_are_wanted_at_once(capsys, monkeypatch):
    monkeypatch.setattr(progress, "LINE_EVERY", 0.0)
    with Progress("rerank", 3, "pairs") as bar:
        for _ in range(3):
            bar.advance(1)
    assert [line.split(",")[0] for line in capsys.readouterr().err.splitlines()] == [
        "rerank: 1/3 pairs (33%)",
        "rerank: 2/3 pairs (67%)",
        "rerank: 3/3 pairs (100%)",
    ]


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0:00"), (59.6, "1:00"), (61, "1:01"), (3599, "59:59"), (3600, "1:00:00"), (90061, "25:01:01")],
)
def test_clock(seconds, shown):
    assert progress._clock(seconds) == shown


def test_no_work_at_all(capsys, clock):
    with Progress("rerank", 0, "pairs") as bar:
        clock.now += 60
        bar.advance(0)
    assert "0/0 pairs" in capsys.readouterr().err


def test_work_of_unknown_amount_tells_its_count_and_at_the_end_that_it_is_done(capsys, clock):
    with Progress("tokenise", None, "texts") as bar:
        for _ in range(4):
            clock.now += 20
            bar.advance(100)
    assert capsys.readouterr().err.splitlines() == [
        "tokenise: 200 texts, 5.0 texts/s",
        "tokenise: 400 texts, 5.0 texts/s",
        "tokenise: 400 texts in 1:20",
    ]


def test_short_or_broken_work_of_unknown_amount_says_nothing_at_its_end(capsys, clock):
    with Progress("tokenise", None, "texts") as bar:
        clock.now += 20
        bar.advance(100)
    assert capsys.readouterr().err == ""
    with pytest.raises(KeyError), Progress("tokenise", None, "texts") as bar:
        clock.now += 40
        bar.advance(100)
        raise KeyError
    assert capsys.readouterr().err == "tokenise: 100 texts, 2.5 texts/s\n"
