"""Measures a model on the dev samples while it is trained."""

from collections.abc import Sequence

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
        measure: name of a measure, such as "MRR@10".
    """

    def __init__(self, model, samples: Sequence[DevSample], measure: str):
        self.model, self.samples, self.measure = model, samples, measure
        self._engine = None

    def measured(self, step: int) -> tuple[float, dict[str, float]]:
        """The mean over the samples, and each value by its name in `metrics.jsonl`; prints them."""
        values = [self._value(sample) for sample in self.samples]
        told = {}
        for sample, value in zip(self.samples, values, strict=True):
            told[figure_name(self.measure, sample.name)] = value
            named = f" of {sample.name}" if sample.name else ""
            print(f"step {step}: {self.measure} {value:.4f} on {len(sample.qrels)} dev queries{named}", flush=True)
        whole = mean(values)
        if len(values) > 1:
            told[figure_name(self.measure, MEAN)] = whole
            print(f"step {step}: {self.measure} {whole:.4f} on average over {len(values)} sets", flush=True)
        return whole, told

    def _value(self, dev: DevSample) -> float:
        *rows, offsets = expanded(dev.packer, *pair_rows(dev.run, dev.packer))
        if self._engine is None:
            self._engine = live_engine(self.model)
        scores = scores_of(score_pairs(self._engine, dev.packer, *rows), self.model.scoring)
        ranked, _ = reordered(dev.run, dev.run, best_windows(scores, offsets)[0], "dev")
        return mean(evaluate(ranked, dev.qrels, [self.measure])[self.measure])
