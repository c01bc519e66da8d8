"""The figure of a report: MRR@10 of every row with its 95% interval, the first stage as a line, the paper's beside."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lce_tf.replication.layout import heading, raised
from lce_tf.replication.markdown import superscript
from lce_tf.replication.outcome import MEASURED, Line, Outcome
from lce_tf.replication.rows import CITED, OURS, PAPER_LOSSES, PAPER_RETRIEVERS

# Blue and vermilion of the palette by Okabe and Ito, which colour-blind readers tell apart.
_COLOURS = {"bm25": "#0072B2", "dense": "#D55E00"}
_PAPER, _INK, _FAINT = "#555555", "#222222", "#888888"

# Eight inches: at 100 dots an inch the text is still readable, and the PNG has twice that.
_WIDTH, _DPI = 8.0, 200

_METADATA = {"png": {"Software": None}, "svg": {"Date": None, "Creator": "lce_tf"}}


def draw(outcome: Outcome, kind: str) -> bytes:
    """The figure as the bytes of a "png" or "svg" file, the same for the same outcome and matplotlib."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    panels = _panels(outcome)
    with _plain_style():
        heights = [len(lines) + 0.5 for lines in panels.values()]
        figure = Figure(figsize=(_WIDTH, 1.6 + 0.34 * sum(heights)), layout="constrained")
        axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
        for ax, (role, lines) in zip(axes, panels.items(), strict=True):
            _panel(ax, outcome, role, lines)
        _scale(axes, outcome)
        figure.suptitle(heading(outcome), x=0.01, ha="left", fontsize=12, fontweight="bold", color=_INK)
        _legend(figure)
        file = io.BytesIO()
        canvas = {"png": FigureCanvasAgg, "svg": FigureCanvasSVG}[kind](figure)
        canvas.print_figure(file, format=kind, dpi=_DPI, metadata=_METADATA[kind])
    return file.getvalue()


@contextmanager
def _plain_style() -> Iterator[None]:
    """matplotlib's own settings whatever the user's are, with text as outlines and ids that do not vary."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update({"svg.hashsalt": "lce_tf", "svg.fonttype": "path", "font.size": 10})
        yield


def _panels(outcome: Outcome) -> dict[str, list[Line]]:
    """Role of the first stage -> its baseline and the rows that rerank it."""
    panels: dict[str, list[Line]] = {}
    for line in outcome.lines:
        if line.row.kind != CITED:
            panels.setdefault(line.row.first_stage, []).append(line)
    return panels


def _panel(ax: Any, outcome: Outcome, role: str, lines: list[Line]) -> None:
    colour = _COLOURS[role]
    shown = outcome.setting.retrievers[role]
    paper = PAPER_RETRIEVERS[role]
    ax.set_title(
        f"{shown} first stage" + (f"   (in the paper: {paper})" if shown != paper else ""),
        loc="left",
        fontsize=10.5,
        color=colour,
        fontweight="bold",
    )
    for place, line in enumerate(lines):
        ax.plot(line.row.paper.mrr, place, "D", mfc="white", mec=_PAPER, mew=1.1, ms=6, zorder=3)
        if line.status != MEASURED:
            ax.text(1.01, place, line.status, transform=ax.get_yaxis_transform(), va="center", color=_FAINT)
            continue
        if line.row.kind != OURS:
            ax.axvline(line.mrr, color=colour, lw=1.2, ls=(0, (5, 3)), zorder=1)
        if line.interval:
            ax.plot(line.interval, (place, place), color=colour, lw=2.2, solid_capstyle="butt", zorder=4)
        ax.plot(line.mrr, place, "o", mfc=colour, mec="white", mew=0.8, ms=8, zorder=5)
        text = f"{line.mrr:.3f} {superscript(raised(line.above))}".rstrip()
        ax.text(1.01, place, text, transform=ax.get_yaxis_transform(), va="center", color=_INK)
    ax.set_yticks(range(len(lines)), [_name(line) for line in lines])
    ax.set_ylim(len(lines) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.tick_params(axis="x", color=_FAINT)
    ax.grid(axis="x", color="#DDDDDD", lw=0.7)
    ax.set_axisbelow(True)
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)
    ax.spines["bottom"].set_color(_FAINT)


def _name(line: Line) -> str:
    row = line.row
    if row.kind != OURS:
        return f"first stage  ({row.label})"
    source = "" if row.negatives == row.first_stage else f", {line.retriever.split(' → ')[0]} negatives"
    return f"{PAPER_LOSSES[row.loss]}, n = {row.group}{source}  ({row.label})"


def _scale(axes: Any, outcome: Outcome) -> None:
    """Room for every marker and interval, with ticks below the last panel only."""
    values = [value for line in outcome.lines if line.row.kind != CITED for value in _extent(line)]
    margin = 0.04 * (max(values) - min(values))
    axes[-1].set_xlim(min(values) - margin, max(values) + margin)
    found = outcome.comparison
    tested = f"    (raised: rows significantly below it, p × {found.comparisons} < {found.alpha:g})" if found else ""
    axes[-1].set_xlabel(f"MRR@10{tested}", color=_INK)


def _extent(line: Line) -> tuple[float, ...]:
    return (line.row.paper.mrr, *([line.mrr] if line.status == MEASURED else []), *(line.interval or ()))


def _legend(figure: Any) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=_INK, marker="o", mec="white", ms=8, lw=2.2, label="ours, 95% interval over queries"),
        Line2D([], [], color=_INK, lw=1.2, ls=(0, (5, 3)), label="ours, first stage"),
        Line2D([], [], color=_PAPER, marker="D", mfc="white", ms=6, lw=0, label="paper, MS MARCO"),
    ]
    figure.legend(handles=handles, loc="outside lower left", ncols=3, frameon=False, fontsize=9.5)
