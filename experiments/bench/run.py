"""Measures rows one after the other; finished rows are kept, so that a stopped run can resume."""

import hashlib
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from experiments.bench import machine
from experiments.bench.rows import OURS, US, Row
from experiments.bench.sides import ROOT, alternate
from lce_tf.errors import UserError
from lce_tf.foundation.files import make_folder, read_json, sha256_of, write_json

LOCK = Path(__file__).with_name("peers.lock")


@dataclass(frozen=True)
class Bench:
    """The settings of a run of the bench.

    Attributes:
        output: folder for results.
        rounds: of each row that does not set its own number.
        peers: the other tools' interpreter; None leaves them out.
        folders: folder -> the job that prepares it.
    """

    output: Path
    rounds: int
    peers: Path | None = None
    folders: dict[str, Mapping[str, Any]] = field(default_factory=dict, init=False)

    @property
    def logs(self) -> Path:
        """What the processes print goes here."""
        return self.output / "logs"

    def file(self, row: Row) -> Path:
        """Where a row's result is kept; with other tools in a separate file, which measuring ours alone keeps."""
        others = ".peers" if any(job.side != OURS for job in row.jobs.values()) else ""
        return self.output / "rows" / f"{row.name}{others}.json"

    def folder(self, job: Mapping[str, Any]) -> Path:
        """The folder that this `prepare` job fills before the first row that needs it is measured."""
        digest = hashlib.sha256(json.dumps(job, sort_keys=True).encode()).hexdigest()[:12]
        folder = self.output / "data" / f"{job['model']}-{digest}"
        self.folders[str(folder)] = job
        return folder

    def measure(self, rows: Sequence[Row]) -> list[dict[str, Any]]:
        """The results of rows, kept or measured now."""
        return [self.row(row) for row in rows]

    def row(self, row: Row) -> dict[str, Any]:
        """The result of one row: kept from an earlier run with the same settings and sources, or measured now."""
        kept, row = self.kept(row), self.cut(row)
        if kept and not kept["stale"] and not any("error" in side for side in kept["sides"].values()):
            print(f"{row.name}: kept", flush=True)
            return kept
        print(f"{row.name}: {', '.join(row.jobs)}", flush=True)
        self._prepare(row)
        scores = make_folder(self.output / "scores" / row.name)
        for old in scores.glob("*.npy"):
            old.unlink()
        files = {label: scores / f"{number}.npy" for number, label in enumerate(row.jobs)}
        jobs = {
            label: (Path(sys.executable) if job.side == OURS else self.peers, {**job.job, "scores": str(files[label])})
            for label, job in row.jobs.items()
        }
        before, begin = machine.description(), time.monotonic()
        sides = alternate(jobs, row.rounds or self.rounds, self.logs / row.name, row.fresh)
        result = {
            "name": row.name,
            "key": self.key(row),
            "checks": [asdict(check) for check in row.checks],
            "chart": row.chart,
            "machine": before,
            "seconds": round(time.monotonic() - begin, 1),
            "sides": sides,
            "agreement": agreement(files),
        }
        write_json(self.file(row), result)
        return {**result, "stale": False}

    def kept(self, row: Row) -> dict[str, Any] | None:
        """The kept result of this row and these sides; `stale` if its settings or our sources changed."""
        row = self.cut(row)
        if not self.file(row).is_file():
            return None
        found = read_json(self.file(row))
        return {**found, "stale": found["key"] != self.key(row)}

    def reported(self, row: Row) -> dict[str, Any] | None:
        """What the report shows of this row: the result with the other tools, if there is one."""
        whole = replace(self, peers=self.peers or Path("absent"))
        return whole.kept(row) or self.kept(row)

    def _prepare(self, row: Row) -> None:
        for folder in {str(job.job.get("data")) for job in row.jobs.values()} & set(self.folders):
            if not Path(folder).is_dir():
                print(f"preparing {folder}", flush=True)
                job = {"task": "prepare", "folder": folder, **self.folders[folder]}
                found = alternate({"prepare": (Path(sys.executable), job)}, 1, self.logs)
                if "error" in found["prepare"]:
                    raise UserError(f"{folder}: could not be prepared; see {self.logs / 'prepare.log'}")

    def cut(self, row: Row) -> Row:
        """The row without the other tools where there is no environment for them."""
        jobs = {label: job for label, job in row.jobs.items() if job.side == OURS or self.peers}
        return replace(row, jobs=jobs)

    def key(self, row: Row) -> str:
        """A hash of the row's settings, our sources, and the other tools' versions if they take part."""
        sources = sha256_of(*sorted((ROOT / "lce_tf").rglob("*.py")))
        theirs = sha256_of(LOCK) if any(job.side != OURS for job in row.jobs.values()) else ""
        parts = [asdict(row), row.rounds or self.rounds, sources, theirs]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def agreement(files: Mapping[str, Path]) -> dict[str, dict[str, float]]:
    """How far others' scores are from ours, and the spread of ours: label -> {"max_difference", "std"}."""
    if US not in files or not files[US].is_file():
        return {}
    ours = np.load(files[US])
    found = {}
    for label, file in files.items():
        if label != US and file.is_file():
            theirs = np.load(file)
            found[label] = {"max_difference": float(np.abs(ours - theirs).max()), "std": float(ours.std())}
    return found
