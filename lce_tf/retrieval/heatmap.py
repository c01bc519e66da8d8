"""A heat map of the grid search of BM25's parameters, as text for a terminal and as a PNG."""

import io
from pathlib import Path
from typing import Any

from lce_tf.foundation.files import written
from lce_tf.retrieval.bm25 import suffix
from lce_tf.retrieval.tuning import MEASURE, Tuning

_SHADES = " ░▒▓█"
_DPI = 200


def text(tuning: Tuning) -> str:
    """The heat map as lines of text: rows are k1, columns are b, values are R@1000 averaged over the subsets.

    A denser shade is a higher value; `*n` marks a point that is the best of n subsets.
    """
    grid, values = tuning.grid, tuning.mean_recall()
    low, spread = values.min(), values.max() - values.min()
    lines = [_title(tuning), "k1 \\ b " + "".join(f"{b:<11g}" for b in grid.b).rstrip()]
    for k1, row in zip(grid.k1, values, strict=True):
        cells = []
        for b, value in zip(grid.b, row, strict=True):
            shade = _SHADES[round((value - low) / spread * (len(_SHADES) - 1))] if spread else " "
            best = tuning.optima.count((k1, b))
            star = f"*{best}" if best else ""
            cells.append(f"{value:.4f} {shade}{star}".ljust(11))
        lines.append(f"{k1:<7g}{''.join(cells)}".rstrip())
    for number, (k1, b) in enumerate(tuning.optima):
        recall = tuning.recall[grid.points.index((k1, b))][number]
        lines.append(f"subset {number + 1}: k1 {k1:g}, b {b:g}, {MEASURE} {recall:.4f}")
    lines.append(f"mean of the {len(tuning.optima)} optima: k1 {tuning.k1:g}, b {tuning.b:g}")
    return "\n".join(lines)


def write_figure(tuning: Tuning, path: str | Path) -> None:
    """Writes the heat map as a PNG: a ring at each subset's optimum, a cross at the mean of the optima."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    grid, values = tuning.grid, tuning.mean_recall()
    figure = Figure(figsize=(1.6 + 1.0 * len(grid.b), 1.6 + 0.55 * len(grid.k1)), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(values, cmap="cividis", aspect="auto", origin="lower")
    middle = (values.min() + values.max()) / 2
    for row, line in enumerate(values):
        for column, value in enumerate(line):
            colour = "white" if value < middle else "black"
            axes.text(column, row, f"{value:.4f}", ha="center", va="center", fontsize=9, color=colour)
    _marks(axes, tuning)
    axes.set_xticks(range(len(grid.b)), [f"{b:g}" for b in grid.b])
    axes.set_yticks(range(len(grid.k1)), [f"{k1:g}" for k1 in grid.k1])
    axes.set_xlabel("b")
    axes.set_ylabel("k1")
    axes.set_title(_title(tuning), fontsize=9, loc="left", wrap=True)
    figure.colorbar(image, label=MEASURE)
    figure.supxlabel(f"ring: best of a subset; cross: their mean, k1 {tuning.k1:g}, b {tuning.b:g}", fontsize=9)
    file = io.BytesIO()
    FigureCanvasAgg(figure).print_figure(file, format="png", dpi=_DPI, metadata={"Software": None})
    with written(path, "wb") as output:
        output.write(file.getvalue())


def _title(tuning: Tuning) -> str:
    split = f" {tuning.split}" if tuning.split else ""
    return (
        f"BM25{suffix(tuning.language)} on {tuning.dataset}{split}: {MEASURE}, mean of {len(tuning.optima)} subsets of "
        f"{tuning.size:,} of {tuning.queries:,} judged queries (seed {tuning.grid.seed})"
    )


def _marks(axes: Any, tuning: Tuning) -> None:
    grid = tuning.grid
    for k1, b in set(tuning.optima):
        point = grid.b.index(b), grid.k1.index(k1)
        axes.plot(*point, "o", ms=34, mfc="none", mec="#D55E00", mew=1 + 0.6 * tuning.optima.count((k1, b)))
    axes.plot(_place(tuning.b, grid.b), _place(tuning.k1, grid.k1), "x", color="#D55E00", ms=10, mew=2)


def _place(value: float, values: tuple[float, ...]) -> float:
    """Position of a value on an axis whose ticks 0, 1, 2, ... are the grid's values; interpolated between them."""
    import numpy as np

    return float(np.interp(value, values, range(len(values))))
