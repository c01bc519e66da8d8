"""Results as Markdown tables."""

from collections.abc import Mapping, Sequence
from typing import Any

from experiments.bench.arithmetic import Spread, met, ratios, spread
from experiments.bench.trials import named

Result = Mapping[str, Any]


def target_table(results: Sequence[Result]) -> str:
    """Every figure that has a target or is compared: ours, theirs, the ratio, the target and whether it is met."""
    lines = [line for result in results for check in result["checks"] for line in _check_lines(result, check)]
    heads = ("What", "Ours", "Against", "Theirs", "Ratio", "Target", "Met", "Scores differ by")
    return table(heads, lines, right=(1, 3, 4, 5))


def variant_table(result: Result) -> str:
    """The figure of each variant of a row, and its ratio to the first, which is the default."""
    found = variants(result)
    first = next(iter(found.values()))
    lines = [
        (name, shown(spread(values)), f"{ratios(values, first).median:.2f}×" if values is not first else "")
        for name, values in found.items()
    ]
    return table(("Way", "Figure", "Over the first"), lines, right=(1, 2))


def point_table(result: Result) -> str:
    """The points of a curve."""
    found, axis = points(result), result["chart"][1]
    memory = any("peak_mb" in point for point in found.values())
    lines = [
        (str(x), shown(spread(point["rate"])), shown(spread(point["peak_mb"])) if memory else "")
        for x, point in found.items()
    ]
    heads = (axis, "pairs/s", "peak above rest, MiB")
    return table(heads[: 3 if memory else 2], [line[: 3 if memory else 2] for line in lines], right=(0, 1, 2))


def settings_table(results: Sequence[Result]) -> str:
    """What each side tried on a few pairs, how long the second try took, and what it chose."""
    lines = []
    for result in results:
        for label, side in result["sides"].items():
            for trial in side.get("facts", {}).get("tried", []):
                setting = {name: value for name, value in trial.items() if name != "seconds"}
                mark = "chosen" if setting == side["facts"]["chosen"] else ""
                lines.append((result["name"], label, named(setting), f"{trial['seconds']:.2f}", mark))
    return table(("Row", "Side", "Setting", "Seconds", ""), lines, right=(3,))


def variants(result: Result) -> dict[str, list[float]]:
    """Way -> its figure in each round."""
    side = next(iter(result["sides"].values()))
    rounds = [found["variants"] for found in side.get("rounds", [])]
    return {name: [found[name] for found in rounds] for name in rounds[0]} if rounds else {}


def points(result: Result) -> dict[int, dict[str, list[float]]]:
    """Place on the axis -> figures ("rate", "peak_mb") of each round, from one process for all or one for each."""
    found: dict[int, dict[str, list[float]]] = {}
    for label, side in result["sides"].items():
        for measured in side.get("rounds", []):
            inner = measured.get("points")
            places = {int(x): {"rate": rate} for x, rate in inner.items()} if inner else {_place(label): measured}
            for x, figures in places.items():
                for name in ("rate", "peak_mb"):
                    if name in figures:
                        found.setdefault(x, {}).setdefault(name, []).append(figures[name])
    return dict(sorted(found.items()))


def shown(value: Spread) -> str:
    """The median, and in brackets the smallest and the largest where there were several rounds."""
    middle = number(value.median)
    return middle if value.least == value.most else f"{middle} ({number(value.least)} to {number(value.most)})"


def number(value: float) -> str:
    """About three significant digits, without an exponent, with commas between thousands."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.{2 if abs(value) >= 1 else 3}f}" if abs(value) < 10 else f"{value:.1f}"


def table(heads: Sequence[str], lines: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """A Markdown table whose pipes line up; columns in `right` hold figures."""
    rows = [[_cell(text) for text in line] for line in (heads, *lines)]
    widths = [max(3, *(len(row[i]) for row in rows)) for i in range(len(heads))]
    rule = ["-" * (width - 1) + (":" if i in right else "-") for i, width in enumerate(widths)]
    rows.insert(1, rule)
    return "\n".join(
        "| "
        + " | ".join(
            text.rjust(width) if i in right else text.ljust(width)
            for i, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        + " |"
        for row in rows
    )


def _check_lines(result: Result, check: Mapping[str, Any]) -> list[tuple[str, ...]]:
    sides = result["sides"]
    own, *others = sides
    title = check["title"] + (" *" if result.get("stale") else "")
    if "error" in sides[own]:
        return [(title, f"failed: {_reason(sides[own])}", *[""] * 6)]
    ours = [found[check["key"]] for found in sides[own]["rounds"]]
    figure = f"{shown(spread(ours))} {check['unit']}"
    if not check["against"]:
        return [(title, figure, "", "", "", *_verdict(check, spread(ours).median), "")]
    if not others:
        missing = ", ".join(check["against"])
        return [(title, figure, missing, "not measured", "", _target(check), "?", "")]
    lines = []
    for label in others:
        if "error" in sides[label]:
            lines.append((title, figure, label, f"failed: {_reason(sides[label])}", "", "", "", ""))
            continue
        theirs = [found[check["key"]] for found in sides[label]["rounds"]]
        ratio = ratios(ours, theirs)
        verdict = _verdict(check, ratio.median) if label in check["against"] else ("", "")
        rated = f"{shown(ratio)}×"
        lines.append((title, figure, label, shown(spread(theirs)), rated, *verdict, _difference(result, own, label)))
    return lines


def _difference(result: Result, own: str, label: str) -> str:
    """How far the scores of the two sides, or their first losses, differ."""
    if found := result.get("agreement", {}).get(label):
        return f"{found['max_difference']:.1e} at most (std {found['std']:.2f})"
    losses = [result["sides"][side]["facts"].get("loss") for side in (own, label)]
    return "" if None in losses else f"{abs(losses[0] - losses[1]):.1e} (first loss)"


def _verdict(check: Mapping[str, Any], value: float) -> tuple[str, str]:
    if check["target"] is None:
        return "", ""
    return _target(check), "yes" if met(value, check["direction"], check["target"]) else "**no**"


def _target(check: Mapping[str, Any]) -> str:
    sign = {"at least": "≥", "at most": "≤"}[check["direction"]]
    return f"{sign} {check['target']:,g}" + ("×" if check["against"] else "")


def _reason(side: Mapping[str, Any]) -> str:
    return side["error"].strip().splitlines()[-1][:120]


def _place(label: str) -> int:
    return int(label.rpartition(" ")[2])


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
