"""Fits a calibration to judged pairs of a scored run, and measures it on the pairs of held-out queries."""

import hashlib
from dataclasses import asdict, dataclass, replace
from typing import NamedTuple

import numpy as np

from lce_tf.data.datasets import load_dataset
from lce_tf.data.qrels import Qrels, judgments_key, read_qrels
from lce_tf.data.runs import read_run
from lce_tf.errors import UserError
from lce_tf.foundation.disk import RERANKED
from lce_tf.foundation.locks import alone
from lce_tf.foundation.settings import check, setting
from lce_tf.model import checkpoint
from lce_tf.reranking.calibration import FILE, METHODS, Calibration, sigmoid, write_calibration
from lce_tf.reranking.fitting import FITS, Reliability, reliability
from lce_tf.reranking.outputs import check_sum, manifest_file, raw_scores, read_manifest, read_raw
from lce_tf.tokens.lengths import Lengths

UNJUDGED = ("leave-out", "irrelevant")


@dataclass(frozen=True)
class CalibrateConfig:
    """Settings of `calibrate`; the judgments come from `qrels`, or from `dataset` and `split`.

    Attributes:
        checkpoint: the checkpoint to calibrate; the calibration is written into its folder.
        run: a run that `lce rerank` wrote with this checkpoint.
    """

    checkpoint: str = setting()
    run: str = setting()
    qrels: str | None = setting(None)
    dataset: str | None = setting(None)
    split: str | None = setting(None)
    method: str = setting(
        "platt",
        "platt: sigmoid(a s + b); temperature: sigmoid(s / T); isotonic: any function that does not fall",
        choices=METHODS,
    )
    relevant: int = setting(1, "lowest grade that counts as relevant", at_least=1)
    unjudged: str = setting("leave-out", "what scored passages without a judgment count as", choices=UNJUDGED)
    held_out: float = setting(
        0.5,
        "share of the queries that is not fitted to, but measured on",
        above=0,
        below=1,
        give="give a share above 0 and below 1",
    )
    bins: int = setting(15, "bins of equal width of the expected calibration error", at_least=2, below=1_000_000)
    seed: int = setting(
        42, "of which queries are held out", at_least=0, below=1 << 63, give="give a whole number from 0 to 2^63 - 1"
    )

    def __post_init__(self):
        check(self)
        if (self.qrels is None) == (self.dataset is None):
            raise UserError("--qrels, --dataset: give one of them, for the judgments")
        if self.split is not None and self.dataset is None:
            raise UserError(f"--split {self.split}: has no meaning with --qrels {self.qrels}; leave it out")


class Pairs(NamedTuple):
    """Scored and judged pairs of some queries.

    Attributes:
        queries: the number of queries with at least one pair.
        scores: [pairs] float64 ranking scores.
        relevant: [pairs] float64, 1 for relevant and 0 for not relevant.
    """

    queries: int
    scores: np.ndarray
    relevant: np.ndarray


class Calibrated(NamedTuple):
    """The result of `calibrate`.

    Attributes:
        calibration: the fitted calibration.
        fitted: the pairs that it was fitted to.
        held_out: the pairs of the other queries, on which it was measured.
        before: how well the sigmoid of the held-out scores agrees with the judgments.
        after: how well their calibrated probabilities do.
    """

    calibration: Calibration
    fitted: Pairs
    held_out: Pairs
    before: Reliability
    after: Reliability


def calibrate(config: CalibrateConfig) -> Calibrated:
    """The calibration fitted to one part of the queries and measured on the other; also writes it into the checkpoint.

    Raises:
        UserError: bad input, in one line, such as a run of another checkpoint, or scores that do not rise with
            relevance.
    """
    folder = checkpoint.locate(config.checkpoint)
    model = checkpoint.identity(folder)
    facts = read_manifest(config.run)
    if facts.get("model") != model:
        raise UserError(
            f"{config.run}: was not scored by {config.checkpoint} as it is now; rerank with it, then calibrate"
        )
    qrels = read_qrels(config.qrels) if config.qrels else load_dataset(config.dataset).qrels(config.split)
    fitted, held_out = _parts(config, facts, qrels)
    with RERANKED.reading(manifest_file(config.run)):
        # Older manifests state the lengths alone.
        way = facts.get("way") or asdict(Lengths(**facts["lengths"]))
    calibration = replace(FITS[config.method](fitted.scores, fitted.relevant), way=way)
    before = reliability(sigmoid(held_out.scores), held_out.relevant, config.bins)
    after = reliability(calibration.probability(held_out.scores), held_out.relevant, config.bins)
    about = {
        "settings": asdict(config),
        "run_sha256": facts["output_sha256"],
        "scores_sha256": facts["scores_sha256"],
        "judgments": judgments_key(qrels),
        "fitted": {"queries": fitted.queries, "pairs": len(fitted.scores)},
        "held_out": {
            "queries": held_out.queries,
            "pairs": len(held_out.scores),
            "before": before._asdict(),
            "after": after._asdict(),
        },
    }
    with alone(folder / FILE):
        write_calibration(folder, calibration, about)
    return Calibrated(calibration, fitted, held_out, before, after)


def _parts(config: CalibrateConfig, facts: dict, qrels: Qrels) -> tuple[Pairs, Pairs]:
    """The pairs to fit to and the pairs to measure on; the two parts have no query in common."""
    run = read_run(config.run)
    check_sum(config.run, run.sha256, facts["output_sha256"], config.run)
    scores = raw_scores(read_raw(config.run, facts["scores_sha256"]), config.run, len(run)).astype(np.float64)
    unjudged = None if config.unjudged == "leave-out" else 0
    of_query: dict[str, tuple[list[float], list[bool]]] = {}
    bounds = run.offsets.tolist()
    for query, a, b in zip(run.query_ids.tolist(), bounds, bounds[1:], strict=False):
        judged = qrels.get(query.decode())
        if judged is None:
            continue
        for passage, score in zip(run.passage_ids[a:b].tolist(), scores[a:b].tolist(), strict=True):
            grade = judged.get(passage.decode(), unjudged)
            if grade is None or np.isnan(score):
                continue
            values, labels = of_query.setdefault(query.decode(), ([], []))
            values.append(score)
            labels.append(grade >= config.relevant)

    def drawn(query: str) -> bytes:
        return hashlib.sha256(f"{config.seed} {query}".encode()).digest()

    shuffled = sorted(of_query, key=drawn)
    held = round(len(shuffled) * config.held_out)
    parts = shuffled[held:], shuffled[:held]
    fitted, held_out = (_pairs([of_query[query] for query in part]) for part in parts)
    for part, name in ((fitted, "to fit to"), (held_out, "held out")):
        _check_both(config, part, name)
    return fitted, held_out


def _pairs(parts: list[tuple[list[float], list[bool]]]) -> Pairs:
    scores = np.array([score for values, _ in parts for score in values], np.float64)
    return Pairs(len(parts), scores, np.array([label for _, labels in parts for label in labels], np.float64))


def _check_both(config: CalibrateConfig, part: Pairs, name: str) -> None:
    relevant = int(part.relevant.sum())
    others = len(part.relevant) - relevant
    if relevant and others:
        return
    kind = "not relevant" if relevant else f"relevant (grade {config.relevant} or more)"
    advice = "give more judgments"
    if relevant and config.unjudged == "leave-out":
        advice = "say --unjudged irrelevant if what is not judged is taken not to be"
    raise UserError(
        f"{config.run}: of the queries {name} ({part.queries}), no scored passage is judged {kind}; {advice}"
    )
