"""Cost and quality at each depth of reranking, from runs that were scored once, to their full depth."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lce_tf.data.hashes import file_sha256
from lce_tf.data.qrels import Qrels
from lce_tf.data.rows import ranks_of
from lce_tf.data.runs import Run, read_run
from lce_tf.data.spared import spare_inputs
from lce_tf.errors import UserError
from lce_tf.evaluation.inputs import ByJudgments, read_judged, run_names
from lce_tf.evaluation.measures import evaluate, mean, parse_measure
from lce_tf.foundation.arguments import numbers
from lce_tf.foundation.disk import RERANKED
from lce_tf.foundation.files import check_output
from lce_tf.foundation.settings import setting
from lce_tf.reranking.aligned import rows_of
from lce_tf.reranking.order import reordered
from lce_tf.reranking.outputs import check_sum, manifest_file, raw_scores, read_manifest, read_raw, scores_file

COSTS = ("pairs", "seconds")
FIGURES = (".svg", ".png")


@dataclass(frozen=True)
class CurveConfig(ByJudgments):
    """Which scored runs are measured, at which depths, by which judgments."""

    runs: tuple[str, ...] = setting(
        help="runs of lce rerank or lce cascade, with what lies beside them", many=True, positional=True, metavar="RUN"
    )
    depths: tuple[int, ...] | None = setting(
        None,
        "passages a query, such as 0,10,100; 0 is the run unreranked (default: 0, 1, 2, 5, 10, 20, 50, ...)",
        read=numbers,
        metavar="D,D",
    )
    measure: str = setting("nDCG@10", "what is gained")
    cost: str = setting(
        "pairs", "on the axis of the figure: pairs scored a query, or seconds at the rate measured", choices=COSTS
    )
    figure: str | None = setting(None, "draw the curves into this file, .svg or .png", metavar="FILE")
    json: str | None = setting(None, "also write the points here", metavar="FILE")

    def __post_init__(self):
        super().__post_init__()
        parse_measure(self.measure)
        if self.depths is not None and (not self.depths or min(self.depths) < 0):
            raise UserError(f"--depths {','.join(map(str, self.depths))}: give whole numbers of 0 or more")
        if self.figure is not None and Path(self.figure).suffix not in FIGURES:
            raise UserError(f"--figure {self.figure}: name a file that ends in {' or '.join(FIGURES)}")
        for file, option in ((self.figure, "--figure"), (self.json, "--json")):
            if file is not None:
                spare_inputs(file, (*self.runs, self.qrels), option)
                check_output(file, option)


class Point(NamedTuple):
    """A run reranked to one depth.

    Attributes:
        depth: passages per query that the last model scores.
        pairs: pairs scored in all, by this model and those before it in a cascade.
        seconds: the time for these pairs at the measured rates; None if a manifest has no time.
        value: the measure's mean.
    """

    depth: int
    pairs: int
    seconds: float | None
    value: float


class Curve(NamedTuple):
    """The points of a run, by depth, and its number of queries, for the mean number of pairs per query."""

    name: str
    queries: int
    points: tuple[Point, ...]


class Scored(NamedTuple):
    """A scored run: the run that it reranked, scores in its order, seconds per pair, earlier models' cost."""

    first: Run
    scores: np.ndarray
    depth: int
    pair_seconds: float | None
    pairs_before: int
    seconds_before: float | None


def curves(config: CurveConfig) -> list[Curve]:
    """A curve for each run.

    A point's run is the one that `lce rerank --depth` would write: the first `depth` passages of the run that was
    reranked are ordered by the kept scores.

    Raises:
        UserError: bad input, such as a depth to which a run is not scored, or a missing earlier stage of a cascade.
    """
    for file, option in ((config.figure, "--figure"), (config.json, "--json")):
        spare_inputs(file, [one for path in config.runs for one in _behind(path)], option)
    judged = config.judgments()
    return [_curve(name, path, judged, config) for name, path in run_names(config.runs).items()]


def _curve(name: str, path: str, judged: Qrels, config: CurveConfig) -> Curve:
    read_judged(name, path, judged)
    with RERANKED.reading(manifest_file(path)):
        scored = _taken_apart(path)
    depths = config.depths if config.depths is not None else _usual(scored.depth)
    if (deepest := max(depths)) > scored.depth:
        raise UserError(f"--depths {deepest}: {path} is scored to depth {scored.depth}; rerank to {deepest}")
    points = [_point(scored, depth, judged, config.measure, path) for depth in sorted(set(depths))]
    return Curve(name, len(scored.first.query_ids), tuple(points))


def _point(scored: Scored, depth: int, judged: Qrels, measure: str, path: str) -> Point:
    run, pairs = scored.first, 0
    if depth:
        top = run.cut(depth)
        values = scored.scores[ranks_of(run.offsets) < depth]
        if np.isnan(values).any():
            raise UserError(f"{path}: has no score for a passage within depth {depth}; rerank it again")
        run, pairs = reordered(run, top, values, run.tag)[0], len(top)
    seconds = None
    if scored.pair_seconds is not None and scored.seconds_before is not None:
        seconds = scored.seconds_before + pairs * scored.pair_seconds
    value = mean(evaluate(run, judged, [measure])[measure])
    return Point(depth, scored.pairs_before + pairs, seconds, value)


def _taken_apart(path: str) -> Scored:
    facts = read_manifest(path)
    if not isinstance(facts.get("depth"), int) or "run_sha256" not in facts:
        raise UserError(f"{manifest_file(path)}: does not say what was reranked; give a run that lce rerank wrote")
    if not Path(facts["run"]).is_file():
        raise UserError(f"{facts['run']}: no such file, though {path} was made of it; put it there again")
    first = read_run(facts["run"], facts.get("format"))
    if first.sha256 != facts["run_sha256"]:
        raise UserError(f"{facts['run']}: has changed since {path} was made of it; rerank it again")
    run = read_run(path)
    check_sum(path, run.sha256, facts["output_sha256"], path)
    scores = raw_scores(read_raw(path, facts["scores_sha256"]), path, len(run))
    rows = rows_of(run, first)
    if (rows < 0).any():
        raise UserError(
            f"{path}: lacks rows of {facts['run']}, as a shard and a run of lce score do, which have no curve; merge "
            "the shards first, or rerank"
        )
    seconds, pairs = facts.get("seconds"), facts["pairs"]
    work = _work(facts["run"], first.sha256, path).values()
    pairs_before, times = sum(number for number, _ in work), [time for _, time in work]
    seconds_before = None if None in times else float(sum(times))
    rate = seconds / pairs if seconds and pairs else None
    return Scored(first, scores[rows], facts["depth"], rate, pairs_before, seconds_before)


def _work(path: str, sha256: str, by: str) -> dict[str, tuple[int, float | None]]:
    """Pairs and seconds (None: unknown) of every reranking behind a run, by the SHA-256 of the run that it wrote.

    Args:
        path: the run; {} for a first stage, which has no manifest.
        sha256: of the run, as the manifest of `by`, the run made of it, has it.

    Raises:
        UserError: the run, or the manifest that says what it cost, is missing or of another run.
    """
    manifest = manifest_file(path)
    if not Path(manifest).is_file():
        if not Path(path).is_file():
            raise UserError(f"{path}: no such file, though {by} was made of it; put it there again")
        if file_sha256(path) != sha256:
            raise UserError(f"{path}: has changed since {by} was made of it; rerank it again")
        if Path(scores_file(path)).is_file():
            raise UserError(f"{path}: has no manifest {manifest}, which says what it cost; put it there again")
        return {}
    facts = read_manifest(path)
    if facts["output_sha256"] != sha256:
        raise UserError(
            f"{manifest}: is not of the {path} that {by} was made of; rerank it again, or delete the manifest of a "
            "first stage"
        )
    found = {sha256: (facts["pairs"], facts.get("seconds"))} if "pairs" in facts else {}
    # Fusing scores nothing, but a fused run has several inputs.
    made_of = facts["inputs"] if "inputs" in facts else [{"run": facts["run"], "sha256": facts["run_sha256"]}]
    for one in made_of:
        found |= _work(one["run"], one["sha256"], path)
    return found


def _behind(path: str) -> list[str]:
    """The runs that a run was made of, one after the other, as their manifests name them."""
    found = [path]
    while Path(manifest_file(found[-1])).is_file():
        before = str(read_manifest(found[-1]).get("run"))
        if before in found:
            break
        found.append(before)
    return found[1:]


def _usual(deepest: int) -> Sequence[int]:
    steps = [step * 10**power for power in range(len(str(deepest))) for step in (1, 2, 5)]
    return [0, *(step for step in steps if step < deepest), deepest]
