"""Curves of cost against quality as a figure."""

from collections.abc import Sequence
from pathlib import Path

from lce_tf.errors import UserError
from lce_tf.foundation.files import written
from lce_tf.paper.figure_style import INK, WIDTH, as_bytes, bare, plain_style
from lce_tf.studies.curve import Curve

# The palette by Okabe and Ito, which colour-blind readers tell apart.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")


def write_figure(curves: Sequence[Curve], measure: str, cost: str, path: str | Path) -> None:
    """Draws the curves into an .svg or .png file, the same bytes for the same curves and matplotlib.

    Raises:
        UserError: seconds are asked for, and a run has none.
    """
    from matplotlib.figure import Figure

    with plain_style():
        figure = Figure(figsize=(WIDTH, 4.5), layout="constrained")
        ax = figure.subplots()
        for index, curve in enumerate(curves):
            look = {"color": COLOURS[index % len(COLOURS)], "marker": MARKERS[index % len(MARKERS)]}
            values = [point.value for point in curve.points]
            ax.plot(_costs(curve, cost), values, lw=1.8, ms=6, mec="white", clip_on=False, label=curve.name, **look)
        # Costs span orders of magnitude, and that of the unreranked run is 0.
        ax.set_xscale("symlog", linthresh=1)
        ax.xaxis.set_major_formatter("{x:g}")
        ax.set_xlabel("pairs scored a query" if cost == "pairs" else "seconds, at the rate measured", color=INK)
        ax.set_ylabel(measure, color=INK)
        ax.set_xlim(left=0)
        bare(ax, "y", "top", "right")
        ax.legend(frameon=False, loc="lower right")
        drawn = as_bytes(figure, Path(path).suffix[1:])
    with written(path, "wb") as out:
        out.write(drawn)


def _costs(curve: Curve, cost: str) -> list[float]:
    if cost == "pairs":
        return [point.pairs / curve.queries for point in curve.points]
    if any(point.seconds is None for point in curve.points):
        raise UserError(f"--cost seconds: the manifest of {curve.name} has none; give --cost pairs")
    return [point.seconds for point in curve.points]
