"""Figures: bars that compare methods, and curves of a rate."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.bench.arithmetic import spread
from experiments.bench.tables import points, variants
from lce_tf.foundation.files import written
from lce_tf.paper.figure_style import COLOURS, DPI, FAINT, INK, WIDTH, bare, plain_style

BLUE, RED = COLOURS["bm25"], COLOURS["dense"]


def draw(result: Mapping[str, Any], folder: Path) -> Path | None:
    """Writes the figure of a row as SVG and PNG and returns the PNG; None if nothing was measured."""
    from matplotlib.figure import Figure

    heading, axis = result["chart"]
    found = points(result) if axis else variants(result)
    if not found:
        return None
    with plain_style():
        figure = Figure(figsize=(WIDTH, 3.6 if axis else 1.1 + 0.34 * len(found)), layout="constrained")
        figure.suptitle(heading, x=0.01, ha="left", fontsize=12, fontweight="bold", color=INK)
        (_curve if axis else _bars)(figure.subplots(), found, axis)
        facts = result["machine"]
        figure.supxlabel(f"{facts['cpu']}, {facts['cores']} cores", x=0.99, ha="right", fontsize=8, color=FAINT)
        for kind in ("svg", "png"):
            metadata = {"Date": None} if kind == "svg" else {}
            with written(folder / f"{result['name']}.{kind}", "wb") as file:
                figure.savefig(file, format=kind, dpi=DPI, metadata=metadata)
    return folder / f"{result['name']}.png"


def _bars(ax: Any, found: dict[str, list[float]], _: str) -> None:
    names = list(found)
    for place, values in enumerate(found.values()):
        middle, least, most = spread(values)
        ax.barh(place, middle, color=BLUE if place == 0 else FAINT, height=0.66)
        ax.plot((least, most), (place, place), color=INK, lw=1.2)
        ax.annotate(f"{middle:,.4g}", (most, place), (4, 0), textcoords="offset points", va="center", color=INK)
    ax.set_yticks(range(len(names)), names)
    ax.invert_yaxis()
    ax.margins(x=0.12)
    bare(ax, "x", "top", "right", "left")


def _curve(ax: Any, found: dict[int, dict[str, list[float]]], axis: str) -> None:
    _line(ax, found, "rate", BLUE, "o")
    ax.set_xscale("log", base=2)
    ax.set_xticks(list(found), [str(x) for x in found])
    ax.minorticks_off()
    ax.set_xlabel(axis, color=INK)
    ax.set_ylabel("pairs/s", color=BLUE)
    ax.set_ylim(0, None)
    bare(ax, "y", "top", "right")
    if all("peak_mb" in point for point in found.values()):
        other = ax.twinx()
        _line(other, found, "peak_mb", RED, "s")
        other.set_ylabel("peak above rest, MiB", color=RED)
        other.set_ylim(0, None)
        bare(other, "x", "top", "left")


def _line(ax: Any, found: dict[int, dict[str, list[float]]], name: str, colour: str, marker: str) -> None:
    spreads = {x: spread(point[name]) for x, point in found.items()}
    for x, (_, least, most) in spreads.items():
        ax.plot((x, x), (least, most), color=colour, lw=2, alpha=0.5, solid_capstyle="butt")
    ax.plot(list(spreads), [s.median for s in spreads.values()], color=colour, marker=marker, mec="white", lw=1.8, ms=7)
