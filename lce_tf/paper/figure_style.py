"""Common style of the figures: colours, size, matplotlib's settings, title and axes."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lce_tf.paper.layout import heading
from lce_tf.paper.outcome import Outcome

# Blue and vermilion of Okabe and Ito's palette, which colour-blind readers can distinguish.
COLOURS = {"bm25": "#0072B2", "dense": "#D55E00"}
PAPER, INK, FAINT, GRID_LINES = "#555555", "#222222", "#888888", "#DDDDDD"

# Eight inches wide: at 100 dots per inch the text is readable, and the PNG has twice that.
WIDTH, DPI = 8.0, 200


@contextmanager
def plain_style() -> Iterator[None]:
    """Uses matplotlib's defaults instead of the user's settings, with text as outlines and reproducible ids."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({"svg.hashsalt": "lce_tf", "svg.fonttype": "path", "font.size": 10})
        yield


def as_bytes(figure: Any, kind: str) -> bytes:
    """A matplotlib figure as the bytes of a "png" or "svg" file, the same for the same figure and matplotlib."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    metadata = {"png": {"Software": None}, "svg": {"Date": None, "Creator": "lce_tf"}}
    canvas, file = {"png": FigureCanvasAgg, "svg": FigureCanvasSVG}[kind](figure), io.BytesIO()
    canvas.print_figure(file, format=kind, dpi=DPI, metadata=metadata[kind])
    return file.getvalue()


def titled_figure(outcome: Outcome, height: float) -> Any:
    """An empty figure of this height in inches with the report's title."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    figure.suptitle(heading(outcome), x=0.01, ha="left", fontsize=12, fontweight="bold", color=INK)
    return figure


def bare(ax: Any, grid: str, *hidden: str) -> None:
    """Axes with a faint grid along "x" or "y" and without the frame's `hidden` sides."""
    ax.grid(axis=grid, color=GRID_LINES, lw=0.7)
    ax.set_axisbelow(True)
    ax.tick_params(axis="x", color=FAINT)
    for side, spine in ax.spines.items():
        spine.set_visible(side not in hidden)
        spine.set_color(FAINT)


def tested(outcome: Outcome, what: str) -> str:
    """Explains the raised labels, for an axis; "" if nothing was compared."""
    found = outcome.comparison
    return f"    ({what} significantly below it, p × {found.comparisons} < {found.alpha:g})" if found else ""
