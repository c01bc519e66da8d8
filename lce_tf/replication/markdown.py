"""A report as Markdown whose pipes line up, to be read in a terminal or rendered."""

import re
from collections.abc import Sequence

from lce_tf.replication.layout import COLUMNS, FIRST_STAGE_COLUMNS, Cell, Column, cells, first_stage_cells, heading
from lce_tf.replication.notes import notes, summary
from lce_tf.replication.outcome import Outcome

# Characters that are raised themselves read as superscripts in plain text as well, where <sup> would not.
_PLAIN = "0123456789abcdefghijklmnoprstuvwxyz,"
_RAISED = dict(zip(_PLAIN, "⁰¹²³⁴⁵⁶⁷⁸⁹ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻ˒", strict=True))


def markdown(outcome: Outcome) -> str:
    """The whole report: title, table, what it says, p-values against the first stages, and notes."""
    body: list[list[str]] = []
    block = None
    for line in outcome.lines:
        if line.row.block != block:
            block = line.row.block
            body.append(["", f"**{block}**"] + [""] * (len(COLUMNS) - 2))
        body.append([_text(cell) for cell in cells(line)])
    parts = [f"# {heading(outcome)}", _grid(COLUMNS, body)]
    if found := summary(outcome):
        parts += ["## What it says", _bullets(found)]
    if tests := first_stage_cells(outcome):
        parts.append("## Each row against its own first stage")
        parts.append(_grid(FIRST_STAGE_COLUMNS, [[_text(cell) for cell in row] for row in tests]))
    parts += ["## How it was measured", _bullets(notes(outcome))]
    return "\n\n".join(parts) + "\n"


def superscript(labels: str) -> str:
    """Labels in raised characters where all of them exist, otherwise between <sup> tags."""
    if all(character in _RAISED for character in labels):
        return "".join(_RAISED[character] for character in labels)
    return f"<sup>{_escaped(labels)}</sup>"


def _text(cell: Cell) -> str:
    return _escaped(cell.text) + (f" {superscript(cell.raised)}" if cell.raised else "")


def _escaped(text: str) -> str:
    """Text that Markdown shows as it is, on one line and in one cell."""
    return re.sub(r"[\\|*`]|<(?=[A-Za-z/!?])|\](?=[(\[])", r"\\\g<0>", " ".join(text.split()))


def _bullets(lines: Sequence[str]) -> str:
    return "\n".join(f"- {_escaped(line)}" for line in lines)


def _grid(columns: Sequence[Column], body: Sequence[Sequence[str]]) -> str:
    rows = [[column.heading for column in columns], *body]
    widths = [max(3, *map(len, column)) for column in zip(*rows, strict=True)]
    rule = ["-" * (width - 1) + (":" if c.figures else "-") for c, width in zip(columns, widths, strict=True)]
    rows.insert(1, rule)
    lines = []
    for row in rows:
        places = zip(row, columns, widths, strict=True)
        lines.append([text.rjust(width) if c.figures else text.ljust(width) for text, c, width in places])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
