"""Charts as geometry in a box of fixed size; the page's template draws them as SVG in the page's colours."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lce_tf.reporting.trainings import Point

# The box, and the part of it used for drawing.
WIDTH, HEIGHT = 360, 200
LEFT, RIGHT, TOP, BOTTOM = 44, 340, 10, 172
# Maximum points of a curve; longer curves keep the lowest and the highest point of each stretch.
MOST_POINTS = 300


@dataclass(frozen=True)
class Tick:
    """A position on an axis and its label."""

    at: float
    text: str


@dataclass(frozen=True)
class Mark:
    """A point or, with a height, a bar or an interval: its upper end, and a description."""

    x: float
    y: float
    height: float = 0.0
    text: str = ""


@dataclass(frozen=True)
class Series:
    """Everything drawn in one colour: polylines as SVG's `points`, bars, dots with intervals."""

    label: str
    lines: tuple[str, ...] = ()
    bars: tuple[Mark, ...] = ()
    dots: tuple[Mark, ...] = ()
    intervals: tuple[Mark, ...] = ()


@dataclass(frozen=True)
class Chart:
    """A chart with its axes; `description` says in a sentence what it shows, for screen readers."""

    title: str
    description: str
    x_label: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    series: tuple[Series, ...]
    bar_width: float = 0.0


def curve(title: str, points: Sequence[Point]) -> Chart:
    """A curve of a figure over the training steps; a value that is not a number leaves a gap."""
    finite = [value for _, value in points if value is not None]
    x = _scale([step for step, _ in points], LEFT, RIGHT, padded=False)
    y = _scale(finite or [0.0], BOTTOM, TOP)
    strokes: list[list[str]] = [[]]
    for step, value in thinned(points):
        if value is None:
            strokes.append([])
        else:
            strokes[-1].append(f"{x.at(step):.1f},{y.at(value):.1f}")
    # A single point becomes a line of length 0, which round line ends make visible.
    lines = tuple(" ".join(stroke if len(stroke) > 1 else stroke * 2) for stroke in strokes if stroke)
    return Chart(title, f"{title}: {_told(points, finite)}", "step", x.ticks, y.ticks, (Series(title, lines=lines),))


def _told(points: Sequence[Point], finite: Sequence[float]) -> str:
    if not finite:
        return "no finite value"
    gaps = f"; {len(points) - len(finite)} not a number" if len(finite) < len(points) else ""
    return f"from {finite[0]:.3g} to {finite[-1]:.3g}, lowest {min(finite):.3g}, highest {max(finite):.3g}{gaps}"


def thinned(points: Sequence[Point], most: int = MOST_POINTS) -> list[Point]:
    """At most `most` points and their gaps: the lowest and the highest of each stretch, in order."""
    if len(points) <= most:
        return list(points)
    size = math.ceil(2 * len(points) / most)
    kept: list[Point] = []
    for start in range(0, len(points), size):
        stretch = points[start : start + size]
        finite = sorted((point for point in stretch if point[1] is not None), key=lambda point: point[1])
        gap = [point for point in stretch if point[1] is None][:1]
        kept += sorted({*finite[:1], *finite[-1:], *gap}, key=lambda point: point[0])
    return kept


def bars(title: str, x_label: str, names: Sequence[str], counts: Mapping[str, Sequence[int]]) -> Chart:
    """Grouped bars: for each of `names` one bar per series, label -> counts."""
    y = _scale([0, *(count for found in counts.values() for count in found)], BOTTOM, TOP, padded=False)
    step = (RIGHT - LEFT) / len(names)
    width = 0.8 * step / len(counts)
    series = []
    for index, (label, found) in enumerate(counts.items()):
        marks = [
            Mark(
                LEFT + step * (i + 0.1) + width * index, y.at(count), BOTTOM - y.at(count), f"{label}, {name}: {count}"
            )
            for i, (name, count) in enumerate(zip(names, found, strict=True))
        ]
        series.append(Series(label, bars=tuple(marks)))
    ticks = tuple(Tick(LEFT + step * (i + 0.5), name) for i, name in enumerate(names))
    description = f"{title}: relevant passages by {x_label}; the numbers are in the table below"
    whole = tuple(tick for tick in y.ticks if "." not in tick.text)
    return Chart(title, description, x_label, ticks, whole, tuple(series), round(width, 2))


def against_group(title: str, found: Mapping[str, Sequence[tuple[int, float, tuple[float, float] | None]]]) -> Chart:
    """Means with their intervals against the group size: label -> (n, mean, interval or None).

    The line of a series goes through the average of its means at each n.
    """
    groups = sorted({n for rows in found.values() for n, _, _ in rows})
    x = {n: at for n, at in zip(groups, _logarithmic(groups), strict=True)}
    values = [value for rows in found.values() for _, value, ends in rows for value in (value, *(ends or ()))]
    y = _scale(values, BOTTOM, TOP)
    series = []
    for index, (label, rows) in enumerate(found.items()):
        # Shifted sideways, so that the intervals of different series do not overlap.
        shift = 5 * (index - (len(found) - 1) / 2)
        at = {n: [mean for other, mean, _ in rows if other == n] for n in groups}
        line = [f"{x[n] + shift:.1f},{y.at(sum(v) / len(v)):.1f}" for n, v in at.items() if v]
        dots = tuple(Mark(x[n] + shift, y.at(mean), text=f"{label}, n = {n}: {mean:.4f}") for n, mean, _ in rows)
        intervals = tuple(
            Mark(x[n] + shift, y.at(ends[1]), y.at(ends[0]) - y.at(ends[1])) for n, _, ends in rows if ends
        )
        series.append(Series(label, (" ".join(line),) if len(line) > 1 else (), dots=dots, intervals=intervals))
    ticks = tuple(Tick(x[n], str(n)) for n in groups)
    return Chart(title, f"{title}; the numbers are in the table of measures", "n", ticks, y.ticks, tuple(series))


@dataclass(frozen=True)
class _Scale:
    """A linear axis: the values at its two ends and their positions."""

    low: float
    high: float
    start: float
    end: float
    ticks: tuple[Tick, ...] = ()

    def at(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def _scale(values: Sequence[float], start: float, end: float, padded: bool = True) -> _Scale:
    """An axis for the values, with three to six round ticks; `padded` leaves some room at both ends."""
    low, high = min(values), max(values)
    if low == high:
        low, high = (low - abs(low) / 2, high + abs(high) / 2) if low else (0.0, 1.0)
    room = 0.05 * (high - low) if padded else 0.0
    axis = _Scale(low - room, high + room, start, end)
    rough = (axis.high - axis.low) / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    first, last = math.ceil(axis.low / step - 1e-9), math.floor(axis.high / step + 1e-9)
    ticks = [Tick(round(axis.at(i * step), 2), f"{i * step:.6g}") for i in range(first, last + 1)]
    return _Scale(axis.low, axis.high, start, end, tuple(ticks))


def _logarithmic(groups: Sequence[int]) -> list[float]:
    """Positions of the group sizes on a logarithmic axis, with room at both ends."""
    span = math.log2(groups[-1] / groups[0]) or 1.0
    return [LEFT + 20 + math.log2(n / groups[0]) / span * (RIGHT - LEFT - 40) for n in groups]
