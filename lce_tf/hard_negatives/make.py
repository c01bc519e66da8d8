"""Makes a list of negatives: reads candidates from runs, filters them, draws from the rest and writes a run."""

from collections import Counter
from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np

from lce_tf.data.datasets import load_dataset
from lce_tf.data.draws import id_keys
from lce_tf.data.qrels import judgments_key
from lce_tf.data.rows import offsets_of, ranks_of
from lce_tf.data.runs import Run, read_run, refuse_large
from lce_tf.errors import UserError
from lce_tf.foundation.files import check_output
from lce_tf.foundation.locks import alone
from lce_tf.fusion.inputs import teacher_run
from lce_tf.hard_negatives import filters
from lce_tf.hard_negatives.candidates import (
    Candidates,
    Judged,
    Window,
    gathered,
    judged_queries,
    named_passages,
    queries_in_runs,
)
from lce_tf.hard_negatives.config import NegativesConfig
from lce_tf.hard_negatives.drawing import drawn
from lce_tf.hard_negatives.examples import Examples
from lce_tf.hard_negatives.passages import Passages
from lce_tf.hard_negatives.records import FILTERS, per_query, summary, write_negatives
from lce_tf.hard_negatives.teacher import BLOCK, Teacher


class Negatives(NamedTuple):
    """A list of negatives.

    Attributes:
        run: the run that was written.
        record: the record that was written beside it, see `lce_tf.hard_negatives.records`.
    """

    run: Run
    record: dict[str, Any]

    def text(self) -> str:
        """The counts of queries, candidates, removed passages and negatives, one per line."""
        return summary(self.record)


def negatives(config: NegativesConfig) -> Negatives:
    """The negatives of each judged query, written to `config.output` as a run that `lce train --run` takes.

    Raises:
        UserError: an input is missing or invalid, the output cannot be written, or the filters leave no negative.
    """
    check_output(config.output, "--output")
    with alone(config.output):
        made = _Making(config).made()
        write_negatives(*made, config.output)
    return made


class _Making:
    """The inputs of one list of negatives, and the counts of what each filter removed."""

    def __init__(self, config: NegativesConfig):
        self.config, self.dataset = config, load_dataset(config.dataset)
        qrels = self.dataset.qrels(config.split)
        self.runs = [read_run(file, config.format) for file in config.runs]
        taught = [teacher_run(file, config.format)[0] for file in config.teacher]
        for file, run in zip(config.teacher, taught, strict=True):
            refuse_large(run, run.scores, f"--teacher {file}: ", "a teacher's scores")
        names, self.not_in_run = queries_in_runs(qrels, self.runs)
        windows = self._windows(np.array([name.encode() for name in names]))
        ids = named_passages(names, qrels, windows)
        self.passages = Passages.read(self.dataset, ids, shingled=bool(config.near_duplicates))
        self.queries, self.no_positive = judged_queries(names, qrels, self.passages, config.drop_judged)
        self.windows = self._windows(self.queries.names)
        self.teacher = Teacher(taught, self.queries.names, self.passages) if taught else None
        if self.teacher:
            self.teacher.check(self.queries, config.teacher)
        self.hashes = {
            "runs": [run.sha256 for run in self.runs],
            "teacher": [run.sha256 for run in taught],
            "judgments": judgments_key(qrels),
            "collection": self.dataset.collection_key,
        }
        self.passage_keys = id_keys(ids.tolist())
        self.removed, self.touched, self.candidates, self.unscored = Counter(), Counter(), 0, 0
        self.examples = Examples(config.examples, list(config.runs))

    def made(self) -> Negatives:
        """The run and its record."""
        # Only what is written is kept of each block: a training run has a hundred million rows.
        passages, scores, counts, from_runs = [], [], [], np.zeros(len(self.runs), np.int64)
        for first in range(0, len(self.queries.names), BLOCK):
            last = min(first + BLOCK, len(self.queries.names))
            kept = self._block(np.arange(first, last))
            passages.append(kept.passages)
            scores.append(kept.scores)
            counts.append(np.bincount(kept.owners, minlength=last - first))
            from_runs += np.bincount(kept.runs, minlength=len(self.runs))
        passages = np.concatenate(passages)  # one column at a time, so that its parts are freed before the next
        scores = np.concatenate(scores)
        counts = np.concatenate(counts)
        if not len(passages):
            raise UserError(f"no negative is left of {self.candidates} candidates: {self._reasons()}")
        return Negatives(self._run(passages, scores, counts), self._record(counts, from_runs))

    def _block(self, indices: np.ndarray) -> Candidates:
        """The negatives of the queries at these indices."""
        queries = self.queries.block(indices[0], indices[-1] + 1)
        candidates = gathered(self.windows, indices, self.passages)
        query_keys = id_keys(queries.names.tolist())
        self.candidates += len(candidates.owners)
        for kind in self._filters():
            found = self._found(kind, indices, queries, candidates)
            self.removed[kind] += int(found.removed.sum())
            self.touched[kind] += len(np.unique(candidates.owners[found.removed]))
            keys = query_keys[candidates.owners], self.passage_keys[candidates.passages]
            self.examples.add(kind, queries.names, self.passages.ids, *keys, candidates, found)
            candidates = candidates.only(~found.removed)
        if self.teacher:
            taught = self.teacher.taught(indices, queries, candidates)
            self.unscored += int(np.isnan(taught.scores - taught.positive_scores).sum())
        config = self.config
        shares = np.array(config.shares or [1.0] * len(self.runs))
        keys = query_keys[candidates.owners], self.passage_keys[candidates.passages]
        draws = (config.per_query, config.draw, config.draw_seed, config.draw_temperature)
        return candidates.only(drawn(candidates, *keys, shares, *draws))

    def _filters(self) -> list[str]:
        config = self.config
        asked = {
            "near_duplicates": config.near_duplicates > 0,
            "teacher_margin": config.teacher_margin is not None,
            "teacher_share": config.teacher_share is not None,
        }
        return [kind for kind in FILTERS if asked.get(kind, True)]

    def _found(self, kind: str, indices: np.ndarray, queries: Judged, candidates: Candidates) -> filters.Found:
        config, passages = self.config, self.passages
        if kind == "judged":
            return filters.judged(candidates, queries, passages)
        if kind == "unknown":
            return filters.unknown(candidates, queries, passages)
        if kind == "near_duplicates":
            return filters.near_duplicates(candidates, queries, passages, config.near_duplicates)
        taught = self.teacher.taught(indices, queries, candidates)
        if kind == "teacher_margin":
            return taught.above_margin(config.teacher_margin)
        return taught.above_share(config.teacher_share, config.teacher_scale)

    def _run(self, passages: np.ndarray, scores: np.ndarray, counts: np.ndarray) -> Run:
        some = counts > 0
        offsets = offsets_of(counts[some])
        # Scores of different runs cannot be compared, so with several runs the scores written are -1, -2, ... in the
        # order of `drawn`.
        if len(self.runs) > 1:
            scores = -1.0 - ranks_of(offsets)
        return Run.build(self.queries.names[some], offsets, self.passages.ids[passages], scores, self.config.tag)

    def _record(self, counts: np.ndarray, from_runs: np.ndarray) -> dict[str, Any]:
        names = [name.decode() for name in self.queries.names.tolist()]
        return {
            "config": asdict(self.config),
            "inputs": self.hashes,
            "queries": len(names),
            "not_in_run": self.not_in_run,
            "no_positive": self.no_positive,
            "without_negatives": [name for name, count in zip(names, counts.tolist(), strict=True) if not count],
            "candidates": self.candidates,
            "removed": {
                kind: {"passages": self.removed[kind], "queries": self.touched[kind]} for kind in self._filters()
            },
            **({"unscored": self.unscored} if self.teacher else {}),
            "negatives_kept": int(counts.sum()),
            "from_runs": dict(zip(self.config.runs, from_runs.tolist(), strict=True)),
            "negatives_a_query": per_query(counts[counts > 0]),
            "examples": self.examples.with_texts(self.dataset, self.config.split),
        }

    def _windows(self, names: np.ndarray) -> list[Window]:
        return [Window(run, names, self.config.first_rank, self.config.last_rank) for run in self.runs]

    def _reasons(self) -> str:
        return ", ".join(f"{self.removed[kind]} {FILTERS[kind]}" for kind in self._filters())
