"""Fuses several runs into one: by reciprocal ranks, weighted sums of scores, or mean logits."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, NamedTuple

import numpy as np

from lce_tf.data.datasets import load_dataset
from lce_tf.data.formats import CHOICES as FORMATS_SAID
from lce_tf.data.formats import FORMAT_HELP
from lce_tf.data.qrels import Qrels, judgments_key, read_qrels
from lce_tf.data.rows import ranks_of
from lce_tf.data.runs import Run, check_ids, refuse_large
from lce_tf.data.spared import BESIDE_A_RUN, spare_inputs
from lce_tf.errors import UserError
from lce_tf.evaluation.measures import parse_measure
from lce_tf.foundation.arguments import names, wants
from lce_tf.foundation.files import check_output
from lce_tf.foundation.locks import alone
from lce_tf.foundation.settings import check, flag, setting
from lce_tf.fusion.candidates import Candidates, weighted
from lce_tf.fusion.ensemble import mean_logits
from lce_tf.fusion.inputs import SCORES, Listed, listed, repeated
from lce_tf.fusion.learn import Learnt, grid, learn, refuse_other_scores, refuse_shared_queries
from lce_tf.fusion.normalise import NORMALISATIONS, normalised, reciprocal_ranks
from lce_tf.reranking.outputs import refuse_stream, write_reranked

METHODS = ("rrf", "sum", "mean-logits")
LEARNING = "weights learnt on other queries"


@wants("numbers with commas between, such as 0.3,0.7")
def weights_of(text: str) -> tuple[float, ...]:
    """The numbers in a comma-separated text."""
    return tuple(float(part) for part in names(text))


@dataclass(frozen=True)
class FuseConfig:
    """Settings of `fuse`: the runs, the method and the output.

    Attributes:
        runs: two or more files.
        output: the file to write; the fused values and those of each run go to `OUTPUT.scores.npz`, the manifest to
            `OUTPUT.json`.
        learn_runs: files on which weights are learnt: for each of `runs`, in the same order, a run of the same ranker
            over other queries.
    """

    runs: tuple[str, ...] = setting()
    output: str = setting()
    method: str = setting(
        "rrf",
        "rrf: sum of 1 / (k + rank); sum: weighted sum of scores; mean-logits: of models that scored the same pairs",
        choices=METHODS,
    )
    k: float = setting(
        60.0, "of rrf: how little the first ranks stand out", above=0, below=1e6,
        give="give a number above 0 and below 1000000, such as 60",
    )  # fmt: skip
    normalisation: str = setting(
        "min-max",
        "of sum: the scale that each query's list is brought to; min-max: 0 to 1, sum: adds up to 1, z-score: mean 0, "
        "deviation 1",
        choices=NORMALISATIONS,
    )
    weights: tuple[float, ...] | None = setting(
        None,
        "of rrf and sum: one for each run, such as 0.3,0.7 (default: all the same)",
        read=weights_of,
        metavar="W,W",
    )
    missing: str = setting(
        "lowest",
        "of sum: what a passage that a run lacks has from it, the lowest value of the run's list, or zero",
        choices=("lowest", "zero"),
    )
    scores: str = setting(
        "auto",
        "of sum: raw are the logits that lce rerank keeps beside its run, file the scores in the run, auto raw where "
        "there are any",
        choices=SCORES,
    )
    depth: int = setting(1000, "passages a query to write at most", at_least=1)
    tag: str = setting("fused", "the run's name in its last column")
    format: str | None = setting(None, FORMAT_HELP, choices=FORMATS_SAID)
    learn_runs: tuple[str, ...] = setting((), part=LEARNING)
    learn_qrels: str | None = setting(None, "judgments of the queries to learn from, a file", part=LEARNING)
    learn_dataset: str | None = setting(None, "or the data set that has them", part=LEARNING)
    learn_split: str | None = setting(None, "and its split", part=LEARNING)
    learn_measure: str = setting("nDCG@10", "what the weights are to make high", part=LEARNING)
    learn_step: float = setting(
        0.05, "between two weights of the grid", above=0, below=1, give="give a share of 1, such as 0.05", part=LEARNING
    )

    def __post_init__(self):
        check(self)
        if len(self.runs) < 2:
            raise UserError(f"{' '.join(self.runs) or 'no run'}: give two runs or more to fuse")
        if (again := repeated(self.runs)) is not None:
            raise UserError(f"{again}: is given twice; name each run once")
        if self.tag.split() != [self.tag]:
            raise UserError(f"--tag '{self.tag}': is empty or holds white space; give one word")
        refuse_stream(self.output)
        spare_inputs(self.output, (*self.runs, *self.learn_runs, self.learn_qrels), beside=BESIDE_A_RUN)
        self._check_method()
        self._check_weights()

    def _check_method(self) -> None:
        of_sum = ("normalisation", "missing", "scores")
        ignored = {"rrf": of_sum, "sum": ("k",), "mean-logits": ("k", "normalisation", "missing")}[self.method]
        if not self.learn_runs:
            ignored += ("learn_split", "learn_measure", "learn_step")
        defaults = {one.name: one.default for one in fields(self)}
        for name in ignored:
            if (value := getattr(self, name)) != defaults[name]:
                why = "without --learn-runs" if name.startswith("learn") else f"with --method {self.method}"
                raise UserError(f"{flag(name)} {value}: has no meaning {why}; leave it out")

    def _check_weights(self) -> None:
        if self.method == "mean-logits" and (self.weights or self.learn_runs or self.scores == "file"):
            given = "--weights" if self.weights else "--learn-runs" if self.learn_runs else "--scores file"
            raise UserError(f"{given}: has no meaning with --method mean-logits; leave it out, or give --method sum")
        if self.weights is not None:
            if len(self.weights) != len(self.runs):
                raise UserError(f"--weights: {len(self.weights)} for {len(self.runs)} runs; give one for each")
            if not all(0 <= weight < float("inf") for weight in self.weights) or not any(self.weights):
                raise UserError(f"--weights {self.weights}: give numbers of 0 or more, not all 0")
        judged = [self.learn_qrels, self.learn_dataset].count(None)
        if not self.learn_runs:
            if judged < 2:
                raise UserError("--learn-qrels, --learn-dataset: say what to learn from with --learn-runs")
            return
        if self.weights is not None:
            raise UserError("--weights: are given, so that there is nothing to learn; leave out --learn-runs")
        if len(self.learn_runs) != len(self.runs):
            raise UserError(f"--learn-runs: {len(self.learn_runs)} for {len(self.runs)} runs; give one for each")
        if judged != 1:
            raise UserError("--learn-runs: need --learn-qrels or --learn-dataset for their judgments, one of them")
        if self.learn_split is not None and self.learn_dataset is None:
            raise UserError(f"--learn-split {self.learn_split}: has no meaning without --learn-dataset; leave it out")
        parse_measure(self.learn_measure)
        grid(len(self.runs), self.learn_step)


class Fused(NamedTuple):
    """The result of `fuse`.

    Attributes:
        run: the fused run as written.
        weights: one weight per run; None for the method mean-logits.
        learnt: the grid search that found the weights; None if they were not learnt.
    """

    run: Run
    weights: tuple[float, ...] | None
    learnt: Learnt | None


def fuse(config: FuseConfig) -> Fused:
    """The fused run, written to `config.output`, with its scores file and manifest.

    Passages with equal values keep the order of `Candidates`: by the first run that has the passage, then by its rank
    there.

    Raises:
        UserError: bad input, or another process writes the same file.
    """
    check_output(config.output, "--output")
    scores = {"mean-logits": "raw", "rrf": "file"}.get(config.method, config.scores)
    found = [listed(path, scores, config.format) for path in config.runs]
    facts: dict[str, Any] = {"inputs": [one.facts for one in found]}
    learnt = None
    if config.method == "mean-logits":
        run, raw = mean_logits(found, config.tag)
        weights = None
    else:
        weights = config.weights or (1.0,) * len(found)
        if config.learn_runs:
            learnt, about = _learnt(config, scores, found)
            weights, facts = learnt.weights, facts | about
        run, raw = _weighted_run(config, found, weights)
    run, raw = _cut(run, raw, config.depth)
    check_ids(run, config.output)
    with alone(config.output):
        write_reranked(run, raw, config.output, {**asdict(config), **facts, "weights": weights})
    return Fused(run, weights, learnt)


def _parts(config: FuseConfig, found: Sequence[Listed]) -> tuple[Candidates, np.ndarray, np.ndarray]:
    """The candidates, the values that weights multiply, and the runs' own scores; both tables are [rows, runs].

    Values that a run lacks are NaN; with the method sum and `missing` "lowest", the first table has none.
    """
    lists = [one.scored() for one in found]
    candidates = Candidates.of([run for run, _ in lists])
    kinds: dict[str, Callable[[Run, np.ndarray], np.ndarray]] = {
        "rrf": lambda run, _: reciprocal_ranks(run, config.k),
        "sum": lambda run, values: normalised(run, values, config.normalisation),
    }
    values = [kinds[config.method](run, own) for run, own in lists]
    lowest = config.method == "sum" and config.missing == "lowest"
    return candidates, candidates.table(values, lowest), candidates.table([own for _, own in lists])


def _weighted_run(
    config: FuseConfig, found: Sequence[Listed], weights: Sequence[float]
) -> tuple[Run, dict[str, np.ndarray]]:
    candidates, table, own = _parts(config, found)
    fused = weighted(table, weights)
    fused_run = Run(candidates.query_ids, candidates.offsets, candidates.passage_ids, fused)
    refuse_large(fused_run, fused, f"--weights {','.join(f'{weight:g}' for weight in weights)}: ", "fused values")
    run, order = candidates.ordered(fused, config.tag)
    kept = {f"from_{number}": own[order, number - 1].astype(np.float32) for number in range(1, len(found) + 1)}
    return run, {"scores": fused[order].astype(np.float32), **kept}


def _learnt(config: FuseConfig, scores: str, fused: Sequence[Listed]) -> tuple[Learnt, dict[str, Any]]:
    """The weights learnt on `config.learn_runs`, and the manifest's entries about the runs, judgments and grid used.

    `fused` are the runs to fuse, whose queries must not be learnt on.
    """
    learning = [listed(path, scores, config.format) for path in config.learn_runs]
    refuse_other_scores(learning, fused)
    qrels = _judgments(config)
    refuse_shared_queries(learning, [one.run for one in fused], qrels)
    judged = [one._replace(run=run, values=values) for one in learning for run, values in [_only(one, qrels)]]
    candidates, table, _ = _parts(config, judged)
    learnt = learn(candidates, table, qrels, config.learn_measure, config.learn_step)
    about = {
        "learnt_from": [one.facts for one in learning],
        "learnt_judgments": judgments_key(qrels),
        "learnt_queries": len(qrels),
        "learnt_value": learnt.value,
        "grid": [{"weights": weights, "value": value} for weights, value in learnt.grid],
    }
    return learnt, about


def _only(one: Listed, qrels: Qrels) -> tuple[Run, np.ndarray]:
    """The run's rows for the judged queries, and their scores."""
    asked = Run(one.run.query_ids, one.run.offsets, one.run.passage_ids, one.values)
    run = asked.only(qrels)
    return run, run.scores


def _judgments(config: FuseConfig) -> Qrels:
    if config.learn_qrels is not None:
        return read_qrels(config.learn_qrels)
    return load_dataset(config.learn_dataset).qrels(config.learn_split)


def _cut(run: Run, raw: dict[str, np.ndarray], depth: int) -> tuple[Run, dict[str, np.ndarray]]:
    """The first `depth` rows of each query, and the values of these rows in each array of `raw`."""
    kept = ranks_of(run.offsets) < depth
    return run.cut(depth), {name: values[kept] for name, values in raw.items()}
