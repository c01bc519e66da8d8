"""Random kills: a job is started, killed within a phase, and started again until it finishes."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass
class Life:
    """The record of one process.

    Attributes:
        status: its exit status, -9 if it was killed.
        died_in: the phase in which it was killed; None if outside any phase, or if it ended by itself.
        restored: progress of the saved work that it resumed; None if it did not get so far.
        kept: progress of the saved work when it ended.
        said: its last lines on stderr.
    """

    status: int = 0
    died_in: str | None = None
    restored: int | None = None
    kept: int = 0
    said: str = ""


@dataclass
class Tally:
    """Kills by phase, and those after which a job's result was wrong."""

    killed: Counter = field(default_factory=Counter)
    survived: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def kills(self) -> int:
        return sum(self.killed.values())


def live(
    file: Path, draw: random.Random | None = None, phase: str | None = None, most: int = 1, usual: dict | None = None
) -> Life:
    """Runs a victim, to its end or until it is killed within `phase`.

    Args:
        most: the phase is waited for so many times at most, at random, so that jobs come forward.
        usual: phase -> seconds that it takes, kept up to date here; the kill comes at a random moment of it.
    """
    life, open_phase, seen, began, usual = Life(), None, 0, 0.0, {} if usual is None else usual
    wanted = draw.randint(1, most) if draw else 0
    command = [sys.executable, "-m", "tests.chaos.victims", str(file)]
    with open(file.parent / "stderr.txt", "w+") as errors:
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True)
        for line in process.stdout:
            sign, *words = line.split() or [""]
            if sign == "restored":
                life.restored = life.kept = int(words[0])
            elif sign == "+":
                open_phase, began = words[0], time.monotonic()
                seen += open_phase == phase
                if phase == open_phase and seen == wanted:
                    time.sleep(draw.random() * usual.get(phase, 0.005))
                    os.kill(process.pid, signal.SIGKILL)
            elif sign == "-":
                usual[words[0]] = 0.5 * usual.get(words[0], 0.005) + 0.5 * (time.monotonic() - began)
                open_phase = None
                life.kept = int(words[1]) if words[1:] else life.kept
        life.status = process.wait()
        life.died_in = open_phase if life.status == -signal.SIGKILL else None
        errors.seek(0)
        life.said = errors.read()[-300:]
    return life


def storm(kind: str, settings: dict, compared, folder: Path, kills: int, phases: dict[str, int], seed: int) -> Tally:
    """At least `kills` kills, the phases in turn, in as many jobs as necessary.

    Args:
        phases: name -> how many times a phase may pass at most before a kill.
        compared: output -> its contents after an undisturbed job, which a disturbed one must reproduce.

    Returns:
        The number of kills per phase. A kill is survived if its job resumed from the saved work and its output is
            right.
    """
    draw, tally, usual = random.Random(seed), Tally(), {}
    calm = prepare(folder / "calm", kind, settings)
    life = live(calm, usual=usual)
    if life.status:
        raise RuntimeError(f"{kind} does not even end undisturbed: {life.said}")
    expected, number = compared(folder / "calm" / "out"), 0
    while tally.kills < kills:
        number += 1
        place = folder / f"job{number}"
        file, fallen, kept, fault = prepare(place, kind, settings), Counter(), 0, None
        while True:
            phase = min(phases, key=lambda name: (tally.killed[name] + fallen[name], draw.random()))
            enough = tally.kills + fallen.total() >= kills
            life = live(file, None if enough else draw, phase, phases[phase], usual)
            if life.restored is not None and life.restored < kept:
                fault = f"{place}: went on from {life.restored} where {kept} had been kept"
            kept = kept if life.restored is None else life.kept
            if life.status != -signal.SIGKILL:
                fault = f"{place}: ended by itself: {life.said}" if life.status else fault
                break
            if life.died_in:
                fallen[life.died_in] += 1
        if fault is None and compared(place / "out") != expected:
            fault = f"{place}: its output is not that of an undisturbed job"
        tally.killed.update(fallen)
        if fault is None:
            tally.survived += fallen.total()
        else:
            tally.faults.append(fault)
        print(f"{kind}: job {number}, {fallen.total()} kills {dict(fallen)}: {fault or 'as undisturbed'}", flush=True)
    return tally


def prepare(folder: Path, kind: str, settings: dict) -> Path:
    """A job's file in a folder of its own."""
    folder.mkdir(parents=True)
    file = folder / "job.json"
    file.write_text(json.dumps({"kind": kind, "settings": settings, "output": str(folder / "out")}))
    return file
