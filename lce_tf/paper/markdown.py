"""A report as Markdown with aligned columns, readable in a terminal and rendered."""

import re
from collections.abc import Sequence

from lce_tf.paper.layout import Cell, Grid, Section, grids, heading
from lce_tf.paper.notes import notes, summary
from lce_tf.paper.outcome import Outcome

# Unicode superscripts are readable in plain text too, which <sup> is not.
_PLAIN = "0123456789abcdefghijklmnoprstuvwxyz,"
_RAISED = dict(zip(_PLAIN, "⁰¹²³⁴⁵⁶⁷⁸⁹ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻ˒", strict=True))
# Unicode has no subscript "b": letters and commas are not lowered, only the digits after them are.
_LOWERED = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def markdown(outcome: Outcome) -> str:
    """The whole report: title, table, summary, p-values against the first stages, and notes."""
    table, *further = grids(outcome)
    parts = [f"# {heading(outcome)}", _table(table)]
    if found := summary(outcome):
        parts += ["## What it says", _bullets(found)]
    for grid in further:
        parts += [f"## {grid.title}", _table(grid)]
    parts += ["## How it was measured", _bullets(notes(outcome))]
    return "\n\n".join(parts) + "\n"


def superscript(labels: str) -> str:
    """Labels as Unicode superscripts if all characters have one, otherwise in <sup> tags."""
    if all(character in _RAISED for character in labels):
        return "".join(_RAISED[character] for character in labels)
    return f"<sup>{_escaped(labels)}</sup>"


def subscript(labels: str) -> str:
    """Labels with subscript digits: the cell of n = 16 in row b is b₁₆."""
    return _escaped(labels).translate(_LOWERED)


def _text(cell: Cell) -> str:
    parts = [_escaped(cell.text)]
    parts += [superscript(cell.raised)] if cell.raised else []
    parts += [subscript(cell.lowered)] if cell.lowered else []
    return " ".join(parts)


def _escaped(text: str) -> str:
    """The text with Markdown's special characters escaped, on one line and in one cell."""
    return re.sub(r"[\\|*`]|<(?=[A-Za-z/!?])|\](?=[(\[])", r"\\\g<0>", " ".join(text.split()))


def _bullets(lines: Sequence[str]) -> str:
    return "\n".join(f"- {_escaped(line)}" for line in lines)


def _table(grid: Grid) -> str:
    columns = grid.columns
    rows = [[column.heading for column in columns]]
    for row in grid.rows:
        if isinstance(row, Section):
            rows += [["", f"**{row.title}**"] + [""] * (len(columns) - 2)] if row.title else []
        else:
            rows.append([_text(cell) for cell in row])
    widths = [max(3, *map(len, column)) for column in zip(*rows, strict=True)]
    rule = ["-" * (width - 1) + (":" if c.figures else "-") for c, width in zip(columns, widths, strict=True)]
    rows.insert(1, rule)
    lines = []
    for row in rows:
        cells = zip(row, columns, widths, strict=True)
        lines.append([text.rjust(width) if c.figures else text.ljust(width) for text, c, width in cells])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
