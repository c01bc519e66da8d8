"""The figure of a report: MRR@10 row by row, or against the group size, as the table's layout requires."""

from lce_tf.paper import figure_curve, figure_rows
from lce_tf.paper.figure_style import as_bytes, plain_style
from lce_tf.paper.outcome import Outcome
from lce_tf.paper.rows import GRID, LEADERBOARD, ROWS

_DRAWN = {ROWS: figure_rows.draw, LEADERBOARD: figure_rows.draw, GRID: figure_curve.draw}


def draw(outcome: Outcome, kind: str) -> bytes:
    """The figure as the bytes of a "png" or "svg" file, the same for the same outcome and matplotlib."""
    with plain_style():
        return as_bytes(_DRAWN[outcome.table.layout](outcome), kind)
