"""The contents of a report before formatting: grids of cells, by the layout of the table."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from lce_tf.paper.notes import p_text
from lce_tf.paper.outcome import MEASURED, Further, Line, Outcome
from lce_tf.paper.rows import GRID, LEADERBOARD, PAPER_LOSSES, PAPER_RETRIEVERS, ROWS

DASH = "–"


class Cell(NamedTuple):
    """A text, followed by raised and lowered row labels."""

    text: str
    raised: str = ""
    lowered: str = ""


class Column(NamedTuple):
    """A heading, and whether its cells are figures (aligned right)."""

    heading: str
    figures: bool = False


@dataclass(frozen=True)
class Section:
    """A line between rows: the title of a block, or a gap if it has none."""

    title: str = ""


@dataclass(frozen=True)
class Grid:
    """Columns, rows of cells with sections between them, and a title unless it is the table itself."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...] | Section, ...]
    title: str = ""


_ROWS = (
    Column("Row"),
    Column("Model"),
    Column("Negatives + first stage"),
    Column("Loss"),
    Column("n", True),
    Column("MRR@10 ours"),
    Column("R@1K ours", True),
    Column("MRR@10 paper"),
    Column("R@1K paper", True),
    Column("Status"),
)

_LEADERBOARD = (
    Column("Row"),
    Column("Method"),
    Column("Dev ours", True),
    Column("Eval ours", True),
    Column("Dev paper", True),
    Column("Eval paper", True),
    Column("Status"),
)

_FIRST_STAGE = (
    Column("Row"),
    Column("First stage"),
    Column("MRR@10", True),
    Column("First stage's", True),
    Column("Difference", True),
    Column("p", True),
    Column("Corrected p", True),
    Column("Significant"),
)


def heading(outcome: Outcome) -> str:
    """The report's title: the table of the paper and the data."""
    table, setting = outcome.table, outcome.setting
    where = setting.dataset + (f" ({setting.split})" if setting.split else "")
    return f"Table {table.number}: {table.title}, on {where}"


def grids(outcome: Outcome) -> list[Grid]:
    """The table itself, and the tests of its rows against their first stages, if there are any.

    In the grid layout a cell has room for one figure, so each further set becomes a separate grid.
    """
    tests = _first_stage_cells(outcome)
    further = [_further_grid(outcome, known) for known in outcome.setting.also] if outcome.table.layout == GRID else []
    against = [Grid(_FIRST_STAGE, tuple(tests), "Each row against its own first stage")] if tests else []
    return [_LAYOUTS[outcome.table.layout](outcome), *further, *against]


def marks(outcome: Outcome, labels: Sequence[str]) -> tuple[str, str]:
    """Labels to print after a figure, (raised, lowered), without commas if each is one character.

    In the grid layout the first series' cells are raised and the other's lowered; the letter precedes its group sizes.
    """
    if outcome.table.layout != GRID:
        return ("" if all(len(label) == 1 for label in labels) else ",").join(labels), ""
    sizes = {series: [] for series in _series(outcome)}
    for label in labels:
        row = outcome.table.row(label)
        sizes[row.series].append(str(row.group))
    texts = [series + ",".join(found) if found else "" for series, found in sizes.items()]
    return texts[0], ",".join(filter(None, texts[1:]))


def _as_rows(outcome: Outcome) -> Grid:
    """One line per row; a block has a title, and a gap within a block separates retrievers."""
    rows: list[tuple[Cell, ...] | Section] = []
    before = None
    for line in outcome.lines:
        if before is None or line.row.block != before.row.block:
            rows.append(Section(line.row.block))
        elif line.retriever != before.retriever:
            rows.append(Section())
        rows.append(_row_cells(outcome, line))
        before = line
    return Grid((*_ROWS[:7], *_further_columns(outcome), *_ROWS[7:]), tuple(rows))


def _row_cells(outcome: Outcome, line: Line) -> tuple[Cell, ...]:
    row, paper = line.row, line.row.paper
    return (
        Cell(f"({row.label})"),
        Cell(line.model),
        Cell(line.retriever or DASH),
        Cell(PAPER_LOSSES[row.loss] if row.loss else DASH),
        Cell(str(row.group) if row.group else DASH),
        _ours(outcome, line),
        Cell(_figure(line.recall)),
        *_further_cells(outcome, line),
        Cell(_figure(paper.mrr), *marks(outcome, paper.above)),
        Cell(_figure(paper.recall)),
        Cell(line.status),
    )


def _as_grid(outcome: Outcome) -> Grid:
    """Our and the paper's line for each source of negatives, one column per group size."""
    groups = list(dict.fromkeys(row.group for row in outcome.table.rows))
    rows: list[tuple[Cell, ...] | Section] = []
    for series in _series(outcome):
        lines = {line.row.group: line for line in outcome.lines if line.row.series == series}
        role = next(iter(lines.values())).row.negatives
        ours = [_ours(outcome, lines[group]) for group in groups]
        printed = [lines[group].row.paper for group in groups]
        paper = [Cell(_figure(p.mrr), *marks(outcome, p.above)) for p in printed]
        rows += [Section()] if rows else []
        rows.append((Cell(f"({series})"), Cell(outcome.setting.retrievers[role]), Cell("ours"), *ours))
        rows.append((Cell(""), Cell(PAPER_RETRIEVERS[role]), Cell("paper"), *paper))
    columns = (Column("Row"), Column("Hard negatives"), Column("MRR@10"), *(Column(f"n = {n}") for n in groups))
    return Grid(columns, tuple(rows))


def _as_leaderboard(outcome: Outcome) -> Grid:
    """Dev beside eval; we have no figure on an eval split with hidden judgments."""
    rows = []
    for line in outcome.lines:
        on_eval = "blind" if line.eval is None and outcome.setting.submission else _figure(line.eval)
        paper, ours = line.row.paper, line.status == MEASURED
        row = line.row
        what = f", {PAPER_LOSSES[row.loss]}, n = {row.group}, {line.retriever}" if row.checkpoint else ""
        figures = (_ours(outcome, line), Cell(on_eval if ours else DASH), *_further_cells(outcome, line))
        figures += (Cell(_figure(paper.mrr)), Cell(_figure(paper.eval)))
        status = Cell(f"{line.status}{_eval_status(outcome, line)}")
        rows.append((Cell(f"({row.label})"), Cell(line.model + what), *figures, status))
    return Grid((*_LEADERBOARD[:4], *_further_columns(outcome), *_LEADERBOARD[4:]), tuple(rows))


def _further_grid(outcome: Outcome, known: Further) -> Grid:
    """Our line for each source of negatives, one column per group size."""
    groups = list(dict.fromkeys(row.group for row in outcome.table.rows))
    rows = []
    for series in _series(outcome):
        lines = {line.row.group: line for line in outcome.lines if line.row.series == series}
        name = outcome.setting.retrievers[lines[groups[0]].row.negatives]
        figures = [Cell(_figure(_further_figure(lines[group], known))) for group in groups]
        rows.append((Cell(f"({series})"), Cell(name), *figures))
    columns = (Column("Row"), Column("Hard negatives"), *(Column(f"n = {n}", True) for n in groups))
    return Grid(columns, tuple(rows), f"{known.measures[0]} on {known.label}")


def _further_columns(outcome: Outcome) -> list[Column]:
    return [Column(f"{known.measures[0]} {known.label}", True) for known in outcome.setting.also]


def _further_cells(outcome: Outcome, line: Line) -> list[Cell]:
    return [Cell(_figure(_further_figure(line, known))) for known in outcome.setting.also]


def _further_figure(line: Line, known: Further) -> float | None:
    return line.also[known.label][known.measures[0]] if line.also else None


def _eval_status(outcome: Outcome, line: Line) -> str:
    if line.status != MEASURED or not outcome.setting.submission:
        return ""
    if line.eval is None:
        return "; eval: blind, submission file written"
    return f"; eval: on split {outcome.setting.eval_split}, whose judgments are known"


def _first_stage_cells(outcome: Outcome) -> list[tuple[Cell, ...]]:
    """One row for each of our measured rows whose first stage is measured too."""
    rows = []
    for ours, base in outcome.own_first_stages():
        p, corrected = outcome.p_values(ours.row.label, base.row.label)
        significant = corrected < outcome.setting.alpha
        texts = (f"({ours.row.label})", f"({base.row.label}) {base.model}", f"{ours.mrr:.3f}", f"{base.mrr:.3f}")
        texts += (f"{ours.mrr - base.mrr:+.3f}", p_text(p), p_text(corrected), "yes" if significant else "no")
        rows.append(tuple(map(Cell, texts)))
    return rows


def _ours(outcome: Outcome, line: Line) -> Cell:
    """Our MRR@10 with its standard deviation over the seeds, and its marks."""
    spread = line.measured.spread if line.measured else None
    text = _figure(line.mrr) + ("" if spread is None else f" ± {spread:.3f}")
    return Cell(text, *marks(outcome, line.above))


def _figure(value: float | None) -> str:
    return DASH if value is None else f"{value:.3f}"


def _series(outcome: Outcome) -> list[str]:
    return list(dict.fromkeys(row.series for row in outcome.table.rows))


_LAYOUTS: dict[str, Callable[[Outcome], Grid]] = {ROWS: _as_rows, GRID: _as_grid, LEADERBOARD: _as_leaderboard}
