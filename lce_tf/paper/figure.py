"""The figure of a report: MRR@10 row by row, or against the group size, as the table's layout requires."""

import io

from lce_tf.paper import figure_curve, figure_rows
from lce_tf.paper.figure_style import DPI, plain_style
from lce_tf.paper.outcome import Outcome
from lce_tf.paper.rows import GRID, LEADERBOARD, ROWS

_DRAWN = {ROWS: figure_rows.draw, LEADERBOARD: figure_rows.draw, GRID: figure_curve.draw}
_METADATA = {"png": {"Software": None}, "svg": {"Date": None, "Creator": "lce_tf"}}


def draw(outcome: Outcome, kind: str) -> bytes:
    """The figure as the bytes of a "png" or "svg" file, the same for the same outcome and matplotlib."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    with plain_style():
        figure = _DRAWN[outcome.table.layout](outcome)
        file = io.BytesIO()
        canvas = {"png": FigureCanvasAgg, "svg": FigureCanvasSVG}[kind](figure)
        canvas.print_figure(file, format=kind, dpi=DPI, metadata=_METADATA[kind])
    return file.getvalue()
