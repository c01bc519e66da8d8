"""MRR@10 against the group size: one curve with 95% intervals per source of negatives; the paper's are hollow."""

from typing import Any

from lce_tf.paper.figure_style import COLOURS, INK, bare, titled_figure
from lce_tf.paper.outcome import MEASURED, Line, Outcome
from lce_tf.paper.rows import PAPER_RETRIEVERS

# Curves are shifted sideways by this factor at each group size, so that their intervals do not overlap.
_APART = 1.05
_MARKERS = ("o", "s")


def draw(outcome: Outcome) -> Any:
    """The matplotlib figure."""
    figure = titled_figure(outcome, 5.0)
    ax = figure.subplots()
    series = curves(outcome)
    for index, (role, lines) in enumerate(series.items()):
        _draw_curve(ax, role, lines, _APART ** (2 * index + 1 - len(series)), _MARKERS[index % 2])
    groups = sorted({row.group for row in outcome.table.rows})
    ax.set_xscale("log", base=2)
    ax.set_xticks(groups, [str(group) for group in groups])
    ax.minorticks_off()
    ax.set_xlim(groups[0] / 1.25, groups[-1] * 1.25)
    ax.set_xlabel("Group size n", color=INK)
    ax.set_ylabel("MRR@10", color=INK)
    bare(ax, "y", "top", "right")
    _legend(figure, outcome)
    return figure


def curves(outcome: Outcome) -> dict[str, list[Line]]:
    """Role of the negatives' retriever -> its cells by group size."""
    found: dict[str, list[Line]] = {}
    for line in sorted(outcome.lines, key=lambda line: line.row.group):
        found.setdefault(line.row.negatives, []).append(line)
    return {role: found[role] for role in dict.fromkeys(row.negatives for row in outcome.table.rows)}


def _draw_curve(ax: Any, role: str, lines: list[Line], shift: float, marker: str) -> None:
    colour = COLOURS[role]
    xs = [line.row.group * shift for line in lines]
    paper = [line.row.paper.mrr for line in lines]
    ax.plot(xs, paper, ls=(0, (2, 2)), lw=1, color=colour, marker=marker, mfc="white", mec=colour, ms=5, zorder=5)
    measured = [(x, line) for x, line in zip(xs, lines, strict=True) if line.status == MEASURED]
    for x, line in measured:
        if line.interval:
            ax.plot((x, x), line.interval, color=colour, lw=2, alpha=0.55, solid_capstyle="butt", zorder=3)
    means = [line.mrr for _, line in measured]
    ours = {"color": colour, "marker": marker, "mfc": colour, "mec": "white", "ms": 8}
    ax.plot([x for x, _ in measured], means, lw=1.8, zorder=4, **ours)


def _legend(figure: Any, outcome: Outcome) -> None:
    from matplotlib.lines import Line2D

    handles = []
    for index, role in enumerate(curves(outcome)):
        look = {"color": COLOURS[role], "marker": _MARKERS[index % 2]}
        name = outcome.setting.retrievers[role]
        handles.append(Line2D([], [], **look, mec="white", ms=8, lw=1.8, label=f"ours, {name} negatives, 95% interval"))
        label = f"paper (MS MARCO), {PAPER_RETRIEVERS[role]} negatives"
        handles.append(Line2D([], [], **look, mfc="white", ms=6, lw=1, ls=(0, (2, 2)), label=label))
    figure.legend(handles=handles, loc="outside lower left", ncols=2, frameon=False, fontsize=9.5)
