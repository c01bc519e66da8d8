"""The load script at toy size: it counts answers, refusals and losses, and detects wrong answers."""

import asyncio
import re
import time

import numpy as np
import pytest

from experiments.serving.load import Outcome, load, main
from lce_tf.reranker import Scored


def by_hash(pairs):
    """Scores that differ from text to text."""
    scores = np.array([sum(map(ord, f"{query} {passage}")) % 97 / 97 for query, passage in pairs], np.float32)
    return Scored(scores, np.ones(len(pairs), int), np.zeros(len(pairs), bool))


def test_all_are_answered(server, capsys):
    assert main(["--url", server(by_hash), "--clients", "4", "--requests", "5", "--documents", "3"]) == 0
    rate, latency, counts = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"\d+\.\d requests/s answered over \d+\.\d s", rate)
    assert re.fullmatch(r"p50 \d+\.\d ms, p99 \d+\.\d ms", latency)
    assert counts == "statuses 200: 20; lost 0, wrong 0"


def test_at_saturation_each_request_is_answered_or_refused(server):
    def slow(pairs):
        time.sleep(0.02)
        return by_hash(pairs)

    address = server(slow, max_pairs=3, max_queue_pairs=6, max_batch_pairs=3)
    outcome = asyncio.run(load(address, 12, 5, 3, None, 60))
    assert outcome.statuses.keys() == {200, 429} and outcome.statuses.total() == 60
    assert (outcome.lost, outcome.wrong, len(outcome.latencies)) == (0, 0, outcome.statuses[200])


def test_the_token(server):
    address = server(by_hash, token="token")
    assert asyncio.run(load(address, 1, 2, 1, None, 60)).statuses == {401: 2}
    assert asyncio.run(load(address, 1, 2, 1, "token", 60)).statuses == {200: 2}


def test_wrong_answers_are_told(server, capsys):
    calls = []

    def moody(pairs):
        calls.append(pairs)
        found = by_hash(pairs)
        return Scored(found.scores + (len(calls) > 1), found.tokens, found.cut)

    assert main(["--url", server(moody), "--clients", "1", "--requests", "3"]) == 1
    assert "200: 3; lost 0, wrong 2" in capsys.readouterr().out


def test_nobody_there(capsys):
    from lce_tf.serving.running import bound, url_of

    with bound("127.0.0.1", 0) as silent:  # does not listen
        assert main(["--url", url_of(silent), "--clients", "2", "--requests", "1"]) == 1
    assert "0.0 requests/s" in (out := capsys.readouterr().out) and "statuses none; lost 2, wrong 0" in out


def test_percentiles():
    report = Outcome({200: 101}, [i / 1000 for i in range(101)], seconds=2.0).report()
    assert report.splitlines()[:2] == ["50.5 requests/s answered over 2.0 s", "p50 50.0 ms, p99 99.0 ms"]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--url", "http://example.org"], "error: --url http://example.org: is not on this machine"),
        (["--clients", "0"], "error: --clients, --requests and --documents: give 1 or more"),
        (["--clients", "513"], "error: 513 clients, 12825 requests: 512 and 100000 at most"),
    ],
)
def test_what_is_not_done(capsys, arguments, line):
    assert main(arguments) == 2
    assert capsys.readouterr().err.startswith(line)
