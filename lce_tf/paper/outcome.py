"""The results for the rows of a table, the setting, and which rows are significantly above which."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePath

from lce_tf import __version__
from lce_tf.errors import UserError
from lce_tf.evaluation.measures import mean
from lce_tf.evaluation.significance import Comparison, compare, mean_interval
from lce_tf.paper.rows import BASELINE, CITED, OURS, PAPER_MODEL, PAPER_RETRIEVERS, PUBLIC, Row, Table

MEASURED, NOT_RUN = "measured", "not run"

# A backbone with this hub id or folder name makes our rows monoELECTRA-Base.
_ELECTRA_BASE = "electra-base-discriminator"


@dataclass(frozen=True)
class Further:
    """A further set on which the rows were measured: a column of the table.

    Attributes:
        label: the column's heading.
        name: as the user gave it.
        queries: number of judged queries; all of them count.
        min_grade: the lowest grade that is relevant for binary measures.
        measures: the measures; the first is shown in the column.
    """

    label: str
    name: str
    queries: int
    min_grade: int
    measures: tuple[str, ...]


@dataclass(frozen=True)
class Measured:
    """The results of one row.

    Attributes:
        mrr: query id -> MRR@10. With several seeds, each query's mean over the seeds; significance tests and intervals
            use these values.
        recall: query id -> R@1000, for the same queries.
        seeds: mean MRR@10 of each seed; one value for a single run.
        eval: query id -> MRR@10 on the eval split, mean over the seeds; None if the judgments are hidden or it was not
            requested.
        also: label of a further set -> measure -> query id -> value, mean over the seeds.
    """

    mrr: Mapping[str, float]
    recall: Mapping[str, float]
    seeds: tuple[float, ...]
    eval: Mapping[str, float] | None = None
    also: Mapping[str, Mapping[str, Mapping[str, float]]] = field(default_factory=dict)

    def __post_init__(self):
        if self.mrr.keys() != self.recall.keys():
            raise ValueError("MRR@10 and R@1000 are over different queries; evaluate both alike")
        if not self.seeds or abs(mean(self.seeds) - mean(self.mrr)) > 1e-6:
            raise ValueError(f"the seeds' means {self.seeds} do not average to the queries' {mean(self.mrr)}")

    @classmethod
    def of_seeds(cls, mrr: Sequence[Mapping[str, float]], recall: Sequence[Mapping[str, float]]) -> "Measured":
        """The results of one row from its seeds' per-query values: query id -> value, one mapping per seed."""
        if any(values.keys() != mrr[0].keys() for values in (*mrr, *recall)):
            raise ValueError("the seeds are over different queries; evaluate all alike")
        return cls(averaged(mrr), averaged(recall), tuple(mean(values) for values in mrr))

    @property
    def spread(self) -> float | None:
        """The sample standard deviation of the seeds' means; None for a single seed."""
        if len(self.seeds) < 2:
            return None
        centre = mean(self.seeds)
        return math.sqrt(math.fsum((value - centre) ** 2 for value in self.seeds) / (len(self.seeds) - 1))


@dataclass(frozen=True)
class Setting:
    """The conditions under which the rows were measured; printed below the table.

    Attributes:
        preset, dataset, split: names.
        queries: number of judged dev queries in every mean.
        depth: passages reranked per query.
        steps, batch, learning_rate: of training. The batch counts groups; rows with small groups, or of cross entropy,
            may take more, which the remarks say. The rate is the peak.
        backbone: the pretrained encoder that was used, for display.
        dense: the dense retriever's encoder that was used.
        retrievers: role -> display name, e.g. {"bm25": "BM25", "dense": "MiniLM (dense)"}.
        alpha: level of the tests.
        seeds: of each row's trainings.
        eval_split: the split used in place of the leaderboard's eval queries; None without one.
        submission: name of the file with the ranking of those queries in the leaderboard's format; None without one.
        also: further sets on which every row was measured, in the order of their columns.
        msmarco: whether the data are the paper's, so that the figures can be compared.
        wall_seconds: total time that the products took, without work before an interruption; None if unknown.
        version: of lce_tf.
        remarks: further lines for the notes.
    """

    preset: str
    dataset: str
    split: str | None
    queries: int
    depth: int
    steps: int
    batch: int
    learning_rate: float
    backbone: str
    dense: str
    retrievers: Mapping[str, str] = field(default_factory=lambda: dict(PAPER_RETRIEVERS))
    alpha: float = 0.01
    seeds: tuple[int, ...] = (42,)
    eval_split: str | None = None
    submission: str | None = None
    also: tuple[Further, ...] = ()
    msmarco: bool = False
    wall_seconds: float | None = None
    version: str = __version__
    remarks: tuple[str, ...] = ()

    @property
    def model(self) -> str:
        """The model's name in our rows: the paper's only if the backbone is the paper's."""
        name = PurePath(self.backbone.partition("@")[0]).name  # without its revision
        return PAPER_MODEL if name == _ELECTRA_BASE else f"cross-encoder ({self.backbone})"


@dataclass(frozen=True)
class Line:
    """A row with everything to print; figures are None if nothing was measured.

    Attributes:
        row, measured: as given.
        status: "measured", "cited" or "not run".
        model, retriever: display names of what was used; cited rows keep the paper's. The retriever is that of
            negatives and first stage, both if they differ, and empty for baselines.
        mrr, recall: means over the queries.
        interval: 95% confidence interval of the MRR@10.
        above: labels of the measured rows that this one is significantly above.
        eval: mean MRR@10 on the eval split; None if the judgments are hidden or it was not requested.
        also: label of a further set -> measure -> mean over its queries; empty if nothing was measured.
    """

    row: Row
    status: str
    model: str
    retriever: str
    measured: Measured | None = None
    mrr: float | None = None
    recall: float | None = None
    interval: tuple[float, float] | None = None
    above: tuple[str, ...] = ()
    eval: float | None = None
    also: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """A table with its results and setting; everything else is computed from these.

    Raises:
        ValueError: results for a label that is not a row of the table, or for a cited row.
        UserError: rows measured over different queries, or not over `setting.queries` of them; or a further set
            measured over a different number than it has.
    """

    table: Table
    results: Mapping[str, Measured]
    setting: Setting

    def __post_init__(self):
        kinds = {row.label: row.kind for row in self.table.rows}
        if strange := [label for label in self.results if kinds.get(label, CITED) == CITED]:
            raise ValueError(f"{self.table.name}: no results are expected for rows {strange}")
        for label, measured in self.results.items():
            if len(measured.mrr) != self.setting.queries:
                raise UserError(
                    f"{self.table.name}, row {label}: measured on {len(measured.mrr)} queries instead of "
                    f"{self.setting.queries}; evaluate it again"
                )
            for further in self.setting.also:
                self._check(label, further, measured.also.get(further.label, {}))

    @cached_property
    def comparison(self) -> Comparison | None:
        """Paired t-tests over MRR@10 between all pairs of measured rows, Bonferroni-corrected for their number.

        None with fewer than two measured rows.
        """
        per_query = {row.label: self.results[row.label].mrr for row in self.table.rows if row.label in self.results}
        return compare(per_query, self.setting.alpha) if len(per_query) > 1 else None

    @cached_property
    def lines(self) -> tuple[Line, ...]:
        """The table's rows in order, ready to print."""
        return tuple(self._line(row) for row in self.table.rows)

    def p_values(self, first: str, second: str) -> tuple[float, float]:
        """The raw and the corrected p-value of two measured rows, in either order."""
        pair = (first, second) if (first, second) in self.comparison.p_values else (second, first)
        return self.comparison.p_values[pair], self.comparison.corrected[pair]

    def own_first_stages(self) -> list[tuple[Line, Line]]:
        """(our line, line of its first stage) for every such pair that was measured."""
        measured = {line.row.label: line for line in self.lines if line.status == MEASURED}
        pairs = []
        for line in measured.values():
            baseline = self.table.baseline(line.row.first_stage)
            if line.row.kind != BASELINE and baseline and baseline.label in measured:
                pairs.append((line, measured[baseline.label]))
        return pairs

    def _check(self, label: str, further: Further, values: Mapping[str, Mapping[str, float]]) -> None:
        found = {name: len(values.get(name, ())) for name in further.measures}
        if wrong := [name for name, queries in found.items() if queries != further.queries]:
            raise UserError(
                f"{self.table.name}, row {label}, {further.label}: {wrong[0]} of {found[wrong[0]]} queries instead of "
                f"{further.queries}; evaluate it again"
            )

    def _line(self, row: Row) -> Line:
        used = PAPER_RETRIEVERS if row.kind == CITED else self.setting.retrievers
        if row.kind == BASELINE:
            model, retriever = used[row.first_stage], ""
        else:
            cited = f"{row.model} [{row.reference}]" if row.reference else row.model
            model = self.setting.model if row.kind == OURS else cited
            roles = (row.first_stage,) if row.kind == PUBLIC else (row.negatives, row.first_stage)
            retriever = " → ".join(dict.fromkeys(used[role] for role in roles if role))
        measured = self.results.get(row.label)
        if measured is None:
            return Line(row, CITED if row.kind == CITED else NOT_RUN, model, retriever)
        above = tuple(self.comparison.beats[row.label]) if self.comparison else ()
        interval = mean_interval(measured.mrr) if len(measured.mrr) > 1 else None
        means = mean(measured.mrr), mean(measured.recall)
        on_eval = mean(measured.eval) if measured.eval else None
        also = {
            further.label: {name: mean(measured.also[further.label][name]) for name in further.measures}
            for further in self.setting.also
        }
        return Line(row, MEASURED, model, retriever, measured, *means, interval, above, on_eval, also)


def averaged(seeds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Query id -> mean over the seeds; one mapping of the same queries per seed."""
    return {query_id: mean([values[query_id] for values in seeds]) for query_id in seeds[0]}
