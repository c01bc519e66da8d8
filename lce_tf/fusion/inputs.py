"""Reads the runs to fuse, and the scores that are fused or learnt from."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lce_tf.data.rows import offsets_of
from lce_tf.data.runs import Run, read_run, refuse_large
from lce_tf.errors import UserError
from lce_tf.reranking.outputs import check_sum, manifest_file, raw_scores, read_manifest, read_raw, scores_file

SCORES = ("auto", "file", "raw")


def repeated(paths: Sequence[str]) -> str | None:
    """The first path that leads to the same place as one before it, however it is spelt; None if there is none."""
    places = [os.path.realpath(path) for path in paths]
    return next((path for index, path in enumerate(paths) if places[index] in places[:index]), None)


class Listed(NamedTuple):
    """A run to fuse.

    Attributes:
        path: the run's file.
        run: the run.
        values: [rows] float64 scores to fuse, NaN for rows that a reranker did not score.
        facts: paths and hashes of the files that were read, for the manifest.
    """

    path: str
    run: Run
    values: np.ndarray
    facts: dict[str, str]

    def scored(self) -> tuple[Run, np.ndarray]:
        """The run without the rows and queries that have no score, and [its rows] float64 scores."""
        kept = ~np.isnan(self.values)
        if kept.all():
            return self.run, self.values
        counts = np.add.reduceat(kept, self.run.offsets[:-1])
        some = counts > 0
        offsets = offsets_of(counts[some])
        run, values = self.run, self.values[kept]
        return Run(run.query_ids[some], offsets, run.passage_ids[kept], values, run.tag, run.sha256), values


def listed(path: str, scores: str = "auto", format: str | None = None) -> Listed:
    """The run at `path` and the scores to fuse.

    Args:
        scores: "file": the scores in the run's file; "raw": the logits that `lce rerank` keeps in `PATH.scores.npz`;
            "auto": the logits if that file exists, otherwise the scores in the run's file.
        format: see `read_run`; used only for scores in the run's file.

    Raises:
        UserError: the run, its logits or its manifest are missing or cannot be read, or the run or the logits have
            changed since the manifest was written.
    """
    if scores == "file" or (scores == "auto" and not Path(scores_file(path)).is_file()):
        run = read_run(path, format)
        refuse_large(run, run.scores, f"{path}: ", "scores of a run to fuse")
        return Listed(path, run, run.scores, {"run": path, "sha256": run.sha256})
    if not Path(scores_file(path)).is_file():
        raise UserError(f"{path}: has no {scores_file(path)}; give a run that lce rerank wrote")
    manifest = read_manifest(path)
    run = read_run(path)
    check_sum(path, run.sha256, manifest["output_sha256"], path)
    raw = read_raw(path, manifest["scores_sha256"])
    values = raw_scores(raw, path, len(run)).astype(np.float64)
    about = {"run": path, "sha256": run.sha256, "scores_sha256": manifest["scores_sha256"]}
    return Listed(path, run, values, about | {"manifest": manifest_file(path)})


def teacher_run(path: str, format: str | None = None) -> tuple[Run, dict[str, str]]:
    """A teacher's run, and the SHA-256 of what was read: of the "teacher", and of "teacher_scores" if those were read.

    Where `lce rerank` wrote the run, its scores are the logits beside it, and passages without one are left out: the
    file may show sigmoids, and passages below the depth have scores there that no model gave.

    Raises:
        UserError: as `listed`.
    """
    if not Path(scores_file(path)).is_file():
        run = read_run(path, format)
        return run, {"teacher": run.sha256}
    found = listed(path, "raw")
    run, values = found.scored()
    return replace(run, scores=values), {"teacher": run.sha256, "teacher_scores": found.facts["scores_sha256"]}
