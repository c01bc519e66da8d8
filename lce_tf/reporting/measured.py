"""The figures of a report: each run is read, measured, and compared with its first stage."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lce_tf.data.qrels import Qrels
from lce_tf.evaluation.inputs import read_judged
from lce_tf.evaluation.measures import evaluate, mean, parse_measure
from lce_tf.evaluation.significance import Comparison, compare, letters, mean_interval, superscript
from lce_tf.reporting.charts import Chart, against_group
from lce_tf.reporting.findings import Against, Lists, against
from lce_tf.reporting.sources import Entry

# measure -> query id -> value
Values = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Measured:
    """A run with its values and, if it reranks another, the comparison with that."""

    entry: Entry
    values: Values
    against: Against | None


@dataclass(frozen=True)
class Cell:
    """A mean, and the letters of the runs that it is significantly above."""

    text: str
    raised: str = ""


def measure(
    entries: Sequence[Entry],
    qrels: Qrels,
    measures: Sequence[str],
    shown: int,
    depth: int,
    format: str | None = None,
) -> tuple[Measured, ...]:
    """The entries with their figures, in their order; a note on stderr if a run was made from another first stage.

    Args:
        entries: first stages before the runs that rerank them.
        measures: names as `parse_measure` takes them. The first decides which queries win or lose, and its lowest
            relevant grade is used for all.
        shown: maximum number of wins, and of losses, on the whole page; divided evenly among the runs.
        depth: see `against`.
        format: of the run files, see `read_run`.

    Raises:
        UserError: a fault in a run, or no judged query in it.
    """
    min_grade = parse_measure(measures[0]).rel
    reranked = sum(entry.first_stage is not None for entry in entries)
    first_stages: dict[str, tuple[Lists, Values, str | None]] = {}
    found = []
    for entry in entries:
        run = read_judged(entry.name, entry.path, qrels, format)
        lists, values = Lists(run), evaluate(run, qrels, measures)
        if entry.first_stage is None:
            first_stages[entry.name] = lists, values, run.sha256
            found.append(Measured(entry, values, None))
            continue
        before, values_before, sha256 = first_stages[entry.first_stage]
        if entry.made_from not in (None, sha256):
            print(f"note: {entry.path}: was made from another run than {entry.first_stage}", file=sys.stderr)
        by = measures[0]
        changes = against(lists, before, qrels, min_grade, values[by], values_before[by], shown // reranked, depth)
        found.append(Measured(entry, values, changes))
    return tuple(found)


def comparisons(found: Sequence[Measured], measures: Sequence[str], alpha: float) -> dict[str, Comparison]:
    """Measure -> the tests between all pairs of runs; {} if there are fewer than two runs or queries."""
    if len(found) < 2 or len(next(iter(found[0].values.values()))) < 2:
        return {}
    return {name: compare({one.entry.name: one.values[name] for one in found}, alpha) for name in measures}


def cells(found: Sequence[Measured], measures: Sequence[str], tests: Mapping[str, Comparison]) -> list[list[Cell]]:
    """One row per run and one cell per measure: the mean with four decimals, and its letters."""
    letter = letters([one.entry.name for one in found])
    rows = []
    for one in found:
        row = []
        for name in measures:
            beaten = tests[name].beats[one.entry.name] if tests else []
            row.append(Cell(f"{mean(one.values[name]):.4f}", superscript(beaten, letter)))
        rows.append(row)
    return rows


def group_chart(found: Sequence[Measured], measure: str) -> Chart | None:
    """The first measure against the training's group size, one line for each loss and first stage.

    None if there are fewer than two group sizes.
    """
    trained = [one for one in found if one.entry.training is not None]
    if len({one.entry.training.group for one in trained}) < 2:
        return None
    series: dict[str, list] = {}
    for one in trained:
        values = one.values[measure]
        ends = mean_interval(values) if len(values) > 1 else None
        label = f"{one.entry.training.loss} on {one.entry.first_stage}"
        series.setdefault(label, []).append((one.entry.training.group, mean(values), ends))
    return against_group(f"{measure} against the group size n", series)
