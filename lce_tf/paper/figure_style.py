"""What the figures have in common: colours, size, settings of matplotlib, the title and bare axes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lce_tf.paper.layout import heading
from lce_tf.paper.outcome import Outcome

# Blue and vermilion of the palette by Okabe and Ito, which colour-blind readers tell apart.
COLOURS = {"bm25": "#0072B2", "dense": "#D55E00"}
PAPER, INK, FAINT, GRID_LINES = "#555555", "#222222", "#888888", "#DDDDDD"

# Eight inches: at 100 dots an inch the text is still readable, and the PNG has twice that.
WIDTH, DPI = 8.0, 200


@contextmanager
def plain_style() -> Iterator[None]:
    """matplotlib's own settings whatever the user's are, with text as outlines and ids that do not vary."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({"svg.hashsalt": "lce_tf", "svg.fonttype": "path", "font.size": 10})
        yield


def titled_figure(outcome: Outcome, height: float) -> Any:
    """An empty figure of this height in inches under the report's title."""
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
    """What the raised labels mean, for an axis; empty where nothing was compared."""
    found = outcome.comparison
    return f"    ({what} significantly below it, p × {found.comparisons} < {found.alpha:g})" if found else ""
