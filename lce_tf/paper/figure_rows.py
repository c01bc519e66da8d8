"""MRR@10 of every row with its 95% interval, the first stage as a line, and the paper's figure."""

from typing import Any, NamedTuple

from lce_tf.paper.figure_style import COLOURS, FAINT, INK, PAPER, bare, tested, titled_figure
from lce_tf.paper.layout import marks
from lce_tf.paper.markdown import superscript
from lce_tf.paper.outcome import MEASURED, Line, Outcome
from lce_tf.paper.rows import BASELINE, CITED, LEADERBOARD, OURS, PAPER_LOSSES, PAPER_RETRIEVERS


class _Panel(NamedTuple):
    """Rows that share axes under a title, in the colour of their first stage."""

    title: str
    colour: str
    lines: list[Line]


def draw(outcome: Outcome) -> Any:
    """The matplotlib figure."""
    panels = _panels(outcome)
    heights = [len(panel.lines) + 0.5 for panel in panels]
    figure = titled_figure(outcome, 1.6 + 0.34 * sum(heights))
    axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    for ax, panel in zip(axes, panels, strict=True):
        _draw_panel(ax, outcome, panel)
    _scale(axes, outcome)
    _legend(figure, outcome)
    return figure


def _panels(outcome: Outcome) -> list[_Panel]:
    """One panel per first stage, with its baseline and the rows that rerank it; a leaderboard is a single panel."""
    if outcome.table.layout == LEADERBOARD:
        return [_Panel("Dev and eval", COLOURS["dense"], list(outcome.lines))]
    by_role: dict[str, list[Line]] = {}
    for line in outcome.lines:
        if line.row.kind != CITED:
            by_role.setdefault(line.row.first_stage, []).append(line)
    panels = []
    for role, lines in by_role.items():
        shown, paper = outcome.setting.retrievers[role], PAPER_RETRIEVERS[role]
        title = f"{shown} first stage" + (f"   (in the paper: {paper})" if shown != paper else "")
        panels.append(_Panel(title, COLOURS[role], lines))
    return panels


def _draw_panel(ax: Any, outcome: Outcome, panel: _Panel) -> None:
    ax.set_title(panel.title, loc="left", fontsize=10.5, color=panel.colour, fontweight="bold")
    for y, line in enumerate(panel.lines):
        paper = line.row.paper
        ax.plot(paper.mrr, y, "D", mfc="white", mec=PAPER, mew=1.1, ms=6, zorder=3)
        if paper.eval is not None:
            ax.plot(paper.eval, y, "s", mfc="white", mec=FAINT, mew=1.1, ms=5.5, zorder=2)
        text, colour = line.status, FAINT
        if line.status == MEASURED:
            _draw_ours(ax, line, y, panel.colour)
            text, colour = f"{line.mrr:.3f} {superscript(marks(outcome, line.above)[0])}".rstrip(), INK
        ax.text(1.01, y, text, transform=ax.get_yaxis_transform(), va="center", color=colour)
    ax.set_yticks(range(len(panel.lines)), [_name(line) for line in panel.lines])
    ax.set_ylim(len(panel.lines) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)
    bare(ax, "x", "top", "right", "left")


def _draw_ours(ax: Any, line: Line, y: int, colour: str) -> None:
    if line.row.kind == BASELINE:
        ax.axvline(line.mrr, color=colour, lw=1.2, ls=(0, (5, 3)), zorder=1)
    if line.interval:
        ax.plot(line.interval, (y, y), color=colour, lw=2.2, solid_capstyle="butt", zorder=4)
    ax.plot(line.mrr, y, "o", mfc=colour, mec="white", mew=0.8, ms=8, zorder=5)
    if line.eval is not None:
        ax.plot(line.eval, y, "s", mfc=colour, mec="white", mew=0.8, ms=7, zorder=5)


def _name(line: Line) -> str:
    row = line.row
    if row.kind == BASELINE:
        return f"first stage  ({row.label})"
    if row.kind != OURS:
        return f"{row.model}  ({row.label})"
    source = "" if row.negatives == row.first_stage else f", {line.retriever.split(' → ')[0]} negatives"
    return f"{PAPER_LOSSES[row.loss]}, n = {row.group}{source}  ({row.label})"


def _scale(axes: Any, outcome: Outcome) -> None:
    """Sets axes with room for every marker and interval, and ticks below the last panel only."""
    shown = outcome.table.layout == LEADERBOARD
    values = [value for line in outcome.lines if shown or line.row.kind != CITED for value in _extent(line)]
    margin = 0.04 * (max(values) - min(values))
    axes[-1].set_xlim(min(values) - margin, max(values) + margin)
    axes[-1].set_xlabel(f"MRR@10{tested(outcome, 'raised: rows')}", color=INK)


def _extent(line: Line) -> list[float]:
    values = [line.row.paper.mrr, line.row.paper.eval, line.mrr, line.eval, *(line.interval or ())]
    return [value for value in values if value is not None]


def _legend(figure: Any, outcome: Outcome) -> None:
    from matplotlib.lines import Line2D

    ours = {"color": INK, "mec": "white"}
    paper = {"color": PAPER, "mfc": "white", "ms": 6, "lw": 0, "label": "paper, MS MARCO"}
    handles = [Line2D([], [], **ours, marker="o", ms=8, lw=2.2, label="ours, 95% interval over queries")]
    if any(row.kind == BASELINE for row in outcome.table.rows):
        handles.append(Line2D([], [], color=INK, lw=1.2, ls=(0, (5, 3)), label="ours, first stage"))
    if outcome.table.has_eval:
        if any(line.eval is not None for line in outcome.lines):
            stands_for = f"ours, split {outcome.setting.eval_split}"
            handles.append(Line2D([], [], **ours, marker="s", ms=7, lw=0, label=stands_for))
        handles.append(Line2D([], [], **{**paper, "label": "paper, dev"}, marker="D"))
        handles.append(Line2D([], [], **{**paper, "color": FAINT, "label": "paper, eval"}, marker="s"))
    else:
        handles.append(Line2D([], [], **paper, marker="D"))
    figure.legend(handles=handles, loc="outside lower left", ncols=len(handles), frameon=False, fontsize=9.5)
