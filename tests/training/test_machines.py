"""Two processes that train together, stopped, killed and restarted, compared with one process with two devices.

All with dropout: masks or groups of the wrong replica would give other weights.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
STEPS, CHECKPOINT_EVERY = 200, 25


def command(files, output, *options):
    settings = {"dataset": files.data, "run": files.run, "backbone": files.with_dropout, "group": 4, "batch": 4}
    settings |= {"steps": STEPS, "learning-rate": 1e-3, "query-length": 8, "sequence-length": 32, "output": output}
    settings |= {"precision": "float32", "checkpoint-every": CHECKPOINT_EVERY, "log-every": 1}
    settings |= {"dev-run": files.dev_run, "dev-queries": 10, "dev-depth": 10, "evaluate-every": 100, "keep": "best"}
    named = [part for name, value in settings.items() for part in (f"--{name}", str(value))]
    return [sys.executable, "-m", "lce_tf.train", *named, *options]


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for bound in sockets:
        bound.bind(("localhost", 0))
    ports = [bound.getsockname()[1] for bound in sockets]
    for bound in sockets:
        bound.close()
    return ports


class End(NamedTuple):
    code: int
    output: str
    errors: str


class Pair:
    """Two workers on this machine; the first is the chief."""

    def __init__(self, files, output, *options):
        self.output = output
        addresses = [f"localhost:{port}" for port in free_ports(2)]
        self.processes = []
        for number in range(2):
            cluster = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": number}}
            self.processes.append(
                subprocess.Popen(
                    command(files, output, "--strategy", "multi_worker_mirrored", *options),
                    env={**os.environ, "TF_CONFIG": json.dumps(cluster)},
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                    cwd=ROOT,
                )
            )

    def reach(self, step):
        while last_step(self.output) < step and all(process.poll() is None for process in self.processes):
            time.sleep(0.02)

    def ends(self) -> list[End]:
        """How both end, if they do."""
        try:
            found = [process.communicate(timeout=300) for process in self.processes]
        finally:
            for process in self.processes:
                process.kill()
        return [End(process.returncode, *said) for process, said in zip(self.processes, found, strict=True)]


def figures(folder, name="loss"):
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return {row["step"]: row[name] for row in rows if name in row}


def last_step(folder):
    path = folder / "metrics.jsonl"
    lines = (
        [line for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")] if path.is_file() else []
    )
    return json.loads(lines[-1])["step"] if lines else 0


def newest(folder):
    return max(int(path.stem.partition("-")[2]) for path in folder.glob("checkpoints/ckpt-*.index"))


class Story(NamedTuple):
    """How each pair ended, the steps that they left behind them, and the two folders."""

    asked: list[End]
    stopped_at: int
    stopped_with: int
    shot: list[End]
    left_with: int
    last: list[End]
    two: Path
    one: Path


@pytest.fixture(scope="module")
def story(files, tmp_path_factory):
    folder = tmp_path_factory.mktemp("machines")
    one, two = folder / "one", folder / "two"
    # Beside the others, which for a while do nothing but miss each other.
    alone = subprocess.Popen(
        command(files, one, "--devices", "2"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=ROOT
    )

    pair = Pair(files, two)
    pair.reach(5)
    pair.processes[1].send_signal(signal.SIGTERM)
    asked, stopped_at, stopped_with = pair.ends(), last_step(two), newest(two)

    pair = Pair(files, two)
    pair.reach(stopped_at + 5)
    pair.processes[1].kill()
    shot, left_with = pair.ends(), newest(two)

    last = Pair(files, two).ends()
    errors = alone.communicate(timeout=300)[1]
    assert alone.returncode == 0, errors[-3000:]
    return Story(asked, stopped_at, stopped_with, shot, left_with, last, two, one)


def test_a_signal_to_one_stops_both_at_the_same_step(story):
    assert [end.code for end in story.asked] == [130, 130], story.asked
    assert all("the same command continues from whatever was saved" in end.errors for end in story.asked)
    assert 5 <= story.stopped_at < STEPS and story.stopped_with == story.stopped_at


def test_one_that_is_shot_ends_the_other(story):
    chief, other = story.shot
    assert f"resumes from step {story.stopped_at} " in chief.output
    assert (chief.code, other.code) == (75, -signal.SIGKILL), story.shot
    assert "error: worker 0 of 2: another one is gone" in chief.errors and "Traceback" not in chief.errors
    assert story.stopped_at <= story.left_with < STEPS


def test_started_again_they_end_as_one_process_with_two_devices_does(story):
    from safetensors.numpy import load_file

    assert [end.code for end in story.last] == [0, 0], story.last
    assert f"resumes from step {story.left_with} " in story.last[0].output
    losses, expected_losses = figures(story.two), figures(story.one)
    assert losses.keys() == expected_losses.keys() == set(range(1, STEPS + 1))
    np.testing.assert_allclose(list(losses.values()), list(expected_losses.values()), rtol=1e-5)
    assert list(figures(story.two, "dev_mrr_10")) == [100, 200]
    assert figures(story.two, "dev_mrr_10") == figures(story.one, "dev_mrr_10")
    weights, expected = (load_file(folder / "model.safetensors") for folder in (story.two, story.one))
    assert weights.keys() == expected.keys()
    # Two numbers have one sum, whoever adds them: in fact the two are the same to the bit.
    assert max(np.abs(weights[name] - expected[name]).max() for name in expected) <= 1e-6


def test_the_chief_alone_writes(story):
    manifest = json.loads((story.two / "manifest.json").read_text())
    assert manifest["replicas"] == 2 and manifest["config"]["strategy"] == "multi_worker_mirrored"
    assert {path.name for path in story.two.iterdir()} == {path.name for path in story.one.iterdir()}
    # One file of curves for each time that a chief started.
    assert len(list((story.two / "summaries").iterdir())) == 3
    assert all("trained: " in end.output for end in story.last)


def test_both_end_at_the_step_at_which_patience_does(files, tmp_path):
    """A rate of almost 0 leaves the weights and their value as they are: the second evaluation after the first ends."""
    ends = Pair(files, tmp_path / "two", "--learning-rate", "1e-30", "--evaluate-every", "5", "--patience", "2").ends()
    assert [end.code for end in ends] == [0, 0], ends
    assert last_step(tmp_path / "two") == 15
    assert "step 15: training ends, since 2 evaluations in a row brought no MRR@10 above" in ends[0].output
    assert all("trained: " in end.output for end in ends)
