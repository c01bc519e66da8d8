"""Measures a model on the dev samples while it is trained, and remembers which was the best."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from lce_tf.data.runs import Run
from lce_tf.evaluation.measures import MEAN, evaluate, figure_name, mean
from lce_tf.reranking.engines import live_engine
from lce_tf.reranking.order import best_windows, pair_rows, reordered, scores_of
from lce_tf.reranking.scoring import score_pairs
from lce_tf.tokens.windows import expanded
from lce_tf.training.inputs import DevSample


class DevEvaluation:
    """Reranks the dev samples with a model's present weights.

    Args:
        model: its graph is traced once for all evaluations.
        samples: the training's own first.
        measures: names of measures, such as "MRR@10"; the first decides what is best.
    """

    def __init__(self, model, samples: Sequence[DevSample], measures: Sequence[str]):
        self.model, self.samples, self.measures = model, samples, measures
        self._engine = None

    def first_stage(self) -> dict[str, float]:
        """The values of the samples before reranking, by their names in `metrics.jsonl`; prints them."""
        return self._told("first stage", [sample.run for sample in self.samples], first_stage=True)

    def measured(self, step: int) -> tuple[float, dict[str, float]]:
        """The first measure's mean over the samples, and each value by its name in `metrics.jsonl`; prints them."""
        told = self._told(f"step {step}", [self._reranked(sample) for sample in self.samples])
        return told[figure_name(self.measures[0], MEAN if len(self.samples) > 1 else "")], told

    def _told(self, when: str, runs: Sequence[Run], first_stage: bool = False) -> dict[str, float]:
        rows = []
        for sample, run in zip(self.samples, runs, strict=True):
            values = evaluate(run, sample.qrels, self.measures)
            named = f" of {sample.name}" if sample.name else ""
            of = f"on {len(sample.qrels)} dev queries{named}"
            rows.append((sample.name, of, {measure: mean(values[measure]) for measure in self.measures}))
        if len(rows) > 1:
            means = {measure: mean(values[measure] for *_, values in rows) for measure in self.measures}
            rows.append((MEAN, f"on average over {len(rows)} sets", means))
        for _, of, values in rows:
            print(f"{when}: {', '.join(f'{name} {value:.4f}' for name, value in values.items())} {of}", flush=True)
        return {
            figure_name(measure, name, first_stage): value
            for name, _, values in rows
            for measure, value in values.items()
        }

    def _reranked(self, dev: DevSample) -> Run:
        *rows, offsets = expanded(dev.packer, *pair_rows(dev.run, dev.packer))
        if self._engine is None:
            self._engine = live_engine(self.model)
        scores = scores_of(score_pairs(self._engine, dev.packer, *rows), self.model.scoring)
        return reordered(dev.run, dev.run, best_windows(scores, offsets)[0], "dev")[0]


class Best:
    """The best value of the evaluations so far, and how many came after it.

    Args:
        patience: number of evaluations without a better value after which training ends; 0: it does not.

    Attributes:
        parts: the variables to save with a checkpoint, by name.
    """

    def __init__(self, patience: int):
        import tensorflow as tf

        self._patience = patience
        with tf.device("CPU:0"):
            self._value, self._since = tf.Variable(-1.0), tf.Variable(0, dtype=tf.int64)
        # Checkpoints of trainings without patience have no count, as those of earlier versions.
        self.parts: dict[str, Any] = {"best": self._value} | ({"since_best": self._since} if patience else {})

    @property
    def spent(self) -> bool:
        """Whether as many evaluations as `patience` brought no better value."""
        return bool(self._patience) and int(self._since) >= self._patience

    def improves(self, value: float) -> bool:
        """Whether `value` is better than all before; both are compared as float32, in which the best is saved."""
        return float(np.float32(value)) > float(self._value)

    def take(self, value: float) -> None:
        """Counts an evaluation."""
        if self.improves(value):
            self._value.assign(value)
            self._since.assign(0)
        else:
            self._since.assign_add(1)

    def ending(self, measure: str) -> str:
        """Why training ends, when the patience is spent."""
        return (
            f"training ends, since {self._patience} evaluations in a row brought no {measure} above "
            f"{float(self._value):.4f} (--patience {self._patience})"
        )
