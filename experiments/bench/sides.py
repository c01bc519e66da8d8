"""The sides of a comparison: processes that are ready at the same time and compute in turn."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
# Thread pools spin for a moment after their work; the next side starts after that.
PAUSE = 0.5


class SideError(Exception):
    """A side ended unexpectedly; the message has the last lines that it wrote."""


class Side:
    """One process of `experiments.bench.worker`.

    Args:
        python: interpreter of the side's environment.
        job: see `worker.TASKS`; must survive JSON.
        log: file for all that its libraries print.
    """

    def __init__(self, python: Path, job: Mapping[str, Any], log: Path):
        self.job, self.log = job, log
        log.parent.mkdir(parents=True, exist_ok=True)
        quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "true"}
        command = [str(python), "-m", "experiments.bench.worker", json.dumps(job)]
        with open(log, "ab") as file:
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**quiet, **os.environ},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                text=True,
            )
        try:
            self.facts = self._answer()
        except BaseException:
            self.close()
            raise

    def round(self) -> dict[str, Any]:
        """The figures of one round."""
        time.sleep(PAUSE)
        try:
            self._process.stdin.write("go\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it died between two rounds; its answer says so
        return self._answer()

    def close(self) -> None:
        """Ends the process."""
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def _answer(self) -> dict[str, Any]:
        line = self._process.stdout.readline()
        if line.endswith("\n"):
            return json.loads(line)
        status = self._process.wait()
        tail = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-12:]
        raise SideError(f"{self.job['task']} ended with status {status}; {self.log} ends:\n" + "\n".join(tail))


def alternate(
    jobs: Mapping[str, tuple[Path, Mapping[str, Any]]], rounds: int, logs: Path, fresh: bool = False
) -> dict[str, dict[str, Any]]:
    """The rounds of several sides, each round of all of them before the next.

    Args:
        jobs: label -> interpreter and job. A side that dies is reported and left out from then on.
        rounds: of each side.
        logs: folder for what they print.
        fresh: start a process for each round instead of keeping all of them ready: for measurements of memory.

    Returns:
        label -> {"facts": ..., "rounds": [figures]}, or {"error": ...} for a side that died.
    """
    found: dict[str, dict[str, Any]] = {}
    with contextlib.ExitStack() as stack:
        ready: dict[str, Side] = {}
        for number in range(rounds):
            # The side that goes first alternates, so that no side always follows the same one.
            for label in list(jobs)[:: 1 if number % 2 == 0 else -1]:
                python, job = jobs[label]
                if "error" in found.get(label, {}):
                    continue
                try:
                    side = ready.get(label)
                    if side is None:
                        side = Side(python, job, logs / f"{label.replace(' ', '_')}.log")
                        found.setdefault(label, {"facts": side.facts, "rounds": []})
                        if not fresh:
                            stack.callback(side.close)
                            ready[label] = side
                    found[label]["rounds"].append(side.round())
                    if fresh:
                        side.close()
                except SideError as error:
                    print(f"{label}: {error}", file=sys.stderr, flush=True)
                    found[label] = {"error": str(error)}
    return found
