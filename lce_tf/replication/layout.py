"""The columns and cells of a report, before any format: text with the labels that stand above it."""

from typing import NamedTuple

from lce_tf.replication.notes import p_text
from lce_tf.replication.outcome import Line, Outcome
from lce_tf.replication.rows import PAPER_LOSSES

DASH = "–"


class Cell(NamedTuple):
    """Text, and row labels to raise behind it."""

    text: str
    raised: str = ""


class Column(NamedTuple):
    """A heading and whether its cells are figures (flush right)."""

    heading: str
    figures: bool = False


COLUMNS = (
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

FIRST_STAGE_COLUMNS = (
    Column("Row"),
    Column("First stage"),
    Column("MRR@10", True),
    Column("First stage's", True),
    Column("Difference", True),
    Column("p", True),
    Column("Corrected p", True),
    Column("Significant"),
)


def cells(line: Line) -> tuple[Cell, ...]:
    """The cells of one row, in the order of `COLUMNS`."""
    row, paper = line.row, line.row.paper
    spread = line.measured.spread if line.measured else None
    ours = DASH if line.mrr is None else f"{line.mrr:.3f}" + ("" if spread is None else f" ± {spread:.3f}")
    return (
        Cell(f"({row.label})"),
        Cell(line.model),
        Cell(line.retriever or DASH),
        Cell(PAPER_LOSSES[row.loss] if row.loss else DASH),
        Cell(str(row.group) if row.group else DASH),
        Cell(ours, raised(line.above)),
        Cell(_figure(line.recall)),
        Cell(_figure(paper.mrr), raised(paper.above)),
        Cell(_figure(paper.recall)),
        Cell(line.status),
    )


def first_stage_cells(outcome: Outcome) -> list[tuple[Cell, ...]]:
    """A row of `FIRST_STAGE_COLUMNS` for each measured row of ours whose first stage is measured too."""
    rows = []
    for ours, base in outcome.own_first_stages():
        p, corrected = outcome.p_values(ours.row.label, base.row.label)
        significant = corrected < outcome.setting.alpha
        texts = (f"({ours.row.label})", f"({base.row.label}) {base.model}", f"{ours.mrr:.3f}", f"{base.mrr:.3f}")
        texts += (f"{ours.mrr - base.mrr:+.3f}", p_text(p), p_text(corrected), "yes" if significant else "no")
        rows.append(tuple(map(Cell, texts)))
    return rows


def raised(labels: tuple[str, ...]) -> str:
    """Labels as one superscript: run together where each is one character, as in the paper."""
    return ("" if all(len(label) == 1 for label in labels) else ",").join(labels)


def heading(outcome: Outcome) -> str:
    """The report's title: which table of the paper, on what data."""
    table, setting = outcome.table, outcome.setting
    where = setting.dataset + (f" ({setting.split})" if setting.split else "")
    return f"Table {table.number}: {table.title}, on {where}"


def _figure(value: float | None) -> str:
    return DASH if value is None else f"{value:.3f}"
