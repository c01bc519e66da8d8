"""Scoring on Ray: the same output as one process, whichever worker dies; a job can move between Ray and one process."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from lce_tf.errors import UserError
from lce_tf.reranking import on_ray
from lce_tf.reranking import rerank as module
from lce_tf.reranking.chunks import Chunks
from lce_tf.reranking.rerank import rerank
from lce_tf.reranking.scoring import score_pairs

ROOT = Path(__file__).parents[2]
SECONDS = 300  # after which a test gives up


@pytest.fixture(scope="module")
def cluster():
    """A Ray of two CPUs on this machine."""
    ray = pytest.importorskip("ray", reason="Ray is not installed")
    with on_ray.connected(on_ray.LOCAL, 2):
        yield ray


@pytest.fixture
def expected(config):
    """Ending -> the bytes that one process writes."""
    alone = replace(config, output=f"{config.output}.alone")
    rerank(alone)
    return {ending: Path(alone.output + ending).read_bytes() for ending in ("", ".scores.npz")}


def written(config):
    return {ending: Path(config.output + ending).read_bytes() for ending in ("", ".scores.npz")}


def stopping(monkeypatch, after):
    """Ctrl-C once so many chunks have been written."""
    write, numbers = Chunks.write, []

    def stop(self, number, logits):
        if len(numbers) == after:
            raise KeyboardInterrupt
        write(self, number, logits)
        numbers.append(number)

    monkeypatch.setattr(Chunks, "write", stop)
    return numbers


def doomed(trace: Path):
    """A worker class: the first to have scored a chunk keeps the result to itself and waits to be killed."""
    alive = on_ray.Worker

    class Doomed(alive):
        def __call__(self, row):
            result = super().__call__(row)
            me = trace / f"worker-{os.getpid()}"
            me.touch()
            with contextlib.suppress(FileExistsError):
                os.link(me, trace / "claimed")
                (trace / f"victim-{os.getpid()}-{row['chunk']}").touch()
                time.sleep(SECONDS)
                raise AssertionError("nobody came")
            (trace / f"done-{row['chunk']}-{os.getpid()}").touch()
            return result

    return Doomed


class Killer(threading.Thread):
    """Kills the victim once it has scored a chunk that it has not given away, and another worker's has arrived."""

    def __init__(self, trace: Path, partial: Path, first: int):
        super().__init__(daemon=True)
        self.trace, self.partial, self.first = trace, partial, first
        self.victim = self.chunk = self.missing = None
        self.start()

    def run(self):
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            victims = list(self.trace.glob("victim-*"))
            if victims and len(list(self.partial.glob("*.npy"))) > self.first:
                _, pid, chunk = victims[0].name.split("-")
                os.kill(int(pid), signal.SIGKILL)
                there = {int(file.stem) for file in self.partial.glob("*.npy")}
                self.victim, self.chunk, self.missing = int(pid), int(chunk), set(range(13)) - there
                return
            time.sleep(0.01)


@pytest.mark.slow
def test_a_killed_worker_s_chunk_is_scored_again(config, expected, cluster, tmp_path, monkeypatch):
    """Started in one process, resumed by two workers of which one is killed in the middle."""
    config = replace(config, chunk=4)  # 13 chunks
    with monkeypatch.context() as patch:
        begun = stopping(patch, after=2)
        with pytest.raises(KeyboardInterrupt):
            rerank(config)
    assert begun == [0, 1]
    trace = tmp_path / "trace"
    trace.mkdir()
    monkeypatch.setattr(on_ray, "Worker", doomed(trace))
    killer = Killer(trace, Path(f"{config.output}.partial"), len(begun))
    rerank(replace(config, ray="auto", workers=2))
    killer.join(SECONDS)
    assert killer.victim is not None and not Path(f"/proc/{killer.victim}/exe").exists()
    assert killer.chunk in killer.missing and killer.chunk not in begun
    done = [file.name.split("-")[1:] for file in trace.glob("done-*")]
    assert {int(chunk) for chunk, _ in done} == set(range(2, 13))  # those of the first call were left alone
    assert [int(pid) != killer.victim for chunk, pid in done if int(chunk) == killer.chunk] == [True]
    assert len(list(trace.glob("worker-*"))) == 3  # the two, and the one that took the dead one's place
    assert written(config) == expected
    facts = json.loads(Path(f"{config.output}.json").read_text())
    assert facts["workers"] == 2 and facts["pairs"] == 50 and not Path(f"{config.output}.partial").exists()


@pytest.mark.slow
def test_a_job_begun_on_ray_goes_on_in_one_process(config, expected, cluster, monkeypatch):
    with monkeypatch.context() as patch:
        begun = stopping(patch, after=2)
        with pytest.raises(KeyboardInterrupt):
            rerank(replace(config, ray="auto", workers=2))
    assert len(begun) == 2
    scored = []
    monkeypatch.setattr(module, "score_pairs", lambda *a: scored.append(len(a[2])) or score_pairs(*a))
    rerank(config)
    sizes = [16, 16, 16, 2]
    assert scored == [sizes[number] for number in range(4) if number not in begun]
    assert written(config) == expected


@pytest.mark.slow
def test_what_a_worker_finds_wrong_is_one_line(config, cluster, monkeypatch, tmp_path):
    opening = on_ray.Opening(tmp_path / "nowhere", "auto", "auto", (), b"")
    with pytest.raises(UserError, match=r"nowhere: is not on .*a file system that all") as error:
        on_ray.OnRay(opening, 1)
    assert "\n" not in str(error.value)

    # The machine that was asked for the engine's name has the checkpoint, but one of the workers' has not.
    alive = on_ray.Worker

    class Lost(alive):
        def __init__(self, opening, tries):
            super().__init__(replace(opening, checkpoint=tmp_path / "nowhere"), tries)

    monkeypatch.setattr(on_ray, "Worker", Lost)
    with pytest.raises(UserError, match=r"nowhere: is not on .*a file system that all") as error:
        rerank(replace(config, ray="auto", workers=1))
    assert "\n" not in str(error.value)


@pytest.mark.slow
def test_a_chunk_that_kills_its_worker_every_time_ends_the_job(config, cluster, monkeypatch):
    alive = on_ray.Worker

    class Fatal(alive):
        def __call__(self, row):
            result = super().__call__(row)
            if not result["fault"] and row["chunk"] == 1:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

    monkeypatch.setattr(on_ray, "Worker", Fatal)
    monkeypatch.setattr(on_ray, "DEATHS", 2)
    with pytest.raises(UserError, match="too many workers died over chunk 1; do their machines"):
        rerank(replace(config, ray="auto", workers=1))


def test_without_ray_it_says_what_to_install(config, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    said = r"^--ray auto: Ray is not installed; in a checkout: pip install -c requirements.lock '.\[ray\]'$"
    with pytest.raises(UserError, match=said):
        rerank(replace(config, ray="auto", workers=2))


def test_no_cluster_is_one_line(monkeypatch):
    ray = pytest.importorskip("ray")

    def refuse(**_):
        raise ConnectionError("Could not find any running Ray instance.\nDetails follow.")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", refuse)
    with pytest.raises(
        UserError, match=r"^--ray head:6379: no Ray cluster answers \(Could not find .*instance\.\); ray"
    ):
        with on_ray.connected("head:6379", 2):
            pass


@pytest.mark.slow
def test_a_jvm_in_the_same_process_survives_ray():
    pytest.importorskip("ray")
    code = (
        "import ctypes, signal\n"
        "from lce_tf.reranking import on_ray\n"
        "from lce_tf.retrieval import jvm\n"
        "def handler():\n"
        "    now = ctypes.create_string_buffer(512)\n"
        "    ctypes.CDLL(None).sigaction(int(signal.SIGSEGV), None, now)\n"
        "    return ctypes.c_size_t.from_buffer(now).value\n"
        "default = handler()\n"
        "jvm.start()\n"
        "its = handler()\n"
        "with on_ray.connected('local', 1):\n"
        "    within = handler()\n"
        "print(its != default, within == its, handler() == its)\n"
        "jvm.java('java.lang.System').gc()\n"
        "print('alive')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=SECONDS)
    assert (done.returncode, done.stdout) == (0, "True True True\nalive\n"), done.stderr[-500:]


@pytest.mark.parametrize("change", [{"ray": "auto"}, {"workers": 2}, {"ray": "auto", "workers": 0}])
def test_ray_and_workers_go_together(config, change):
    with pytest.raises(UserError, match="--workers"):
        replace(config, **change)
