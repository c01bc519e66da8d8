"""Charts as numbers: positions, thinning of long curves, and labels of the axes."""

import math

import pytest

from lce_tf.reporting import charts


def points_of(line):
    return [tuple(map(float, pair.split(","))) for pair in line.split()]


def test_a_curve_spans_the_box_from_its_first_step_to_its_last():
    drawn = charts.curve("Loss", [(10, 2.0), (20, 1.0), (30, 0.0)])
    (x0, y0), (x1, y1), (x2, y2) = points_of(drawn.series[0].lines[0])
    assert (x0, x1, x2) == (charts.LEFT, (charts.LEFT + charts.RIGHT) / 2, charts.RIGHT)
    # With a twentieth of the range as room at either end: 2.1 at the top, -0.1 at the bottom.
    height = charts.BOTTOM - charts.TOP
    assert y0 == pytest.approx(charts.TOP + height * 0.1 / 2.2, abs=0.06)
    assert y2 == pytest.approx(charts.BOTTOM - height * 0.1 / 2.2, abs=0.06)
    assert y1 == pytest.approx((charts.TOP + charts.BOTTOM) / 2, abs=0.06)
    assert [tick.text for tick in drawn.y_ticks] == ["0", "1", "2"]
    assert "from 2 to 0, lowest 0, highest 2" in drawn.description


def test_what_is_no_number_leaves_a_gap_and_is_told():
    drawn = charts.curve("Loss", [(1, 1.0), (2, 2.0), (3, None), (4, 3.0)])
    assert [len(points_of(line)) for line in drawn.series[0].lines] == [2, 2]  # the last a point by itself
    assert "1 not a number" in drawn.description
    assert "no finite value" in charts.curve("Loss", [(1, None)]).description


@pytest.mark.parametrize("value", [0.0, 5.0, -3.0, 1e-9, 1e12])
def test_one_point_and_a_flat_curve_stay_in_the_box(value):
    for points in ([(1, value)], [(1, value), (2, value)]):
        for line in charts.curve("Loss", points).series[0].lines:
            for x, y in points_of(line):
                assert charts.LEFT <= x <= charts.RIGHT and charts.TOP <= y <= charts.BOTTOM


def test_a_long_curve_keeps_its_peaks_and_gaps():
    points = [(step, math.sin(step)) for step in range(30_000)]
    points[12_345] = (12_345, 50.0)
    points[20_001] = (20_001, -50.0)
    points[7] = (7, None)
    kept = charts.thinned(points)
    assert len(kept) <= charts.MOST_POINTS + 1
    assert {(12_345, 50.0), (20_001, -50.0), (7, None)} <= set(kept)
    assert kept == sorted(kept, key=lambda point: point[0])
    assert charts.thinned(points[:300]) == points[:300]


def test_bars_are_as_high_as_their_counts():
    drawn = charts.bars("run", "rank", ["1", "2"], {"before": [4, 0], "now": [2, 1]})
    heights = [[mark.height for mark in series.bars] for series in drawn.series]
    full = charts.BOTTOM - charts.TOP
    assert heights == [[full, 0], [full / 2, full / 4]]
    assert [tick.text for tick in drawn.y_ticks] == ["0", "1", "2", "3", "4"]
    ends = [mark.x + drawn.bar_width for series in drawn.series for mark in series.bars]
    assert max(ends) <= charts.RIGHT
    assert drawn.series[1].bars[0].text == "now, 1: 2"


def test_counts_have_whole_numbers_on_their_axis():
    assert [tick.text for tick in charts.bars("r", "rank", ["1"], {"a": [1]}).y_ticks] == ["0", "1"]


def test_group_sizes_stand_by_their_logarithm():
    rows = {"lce": [(2, 0.3, (0.2, 0.4)), (8, 0.5, None), (4, 0.4, None)]}
    drawn = charts.against_group("MRR@10", rows)
    first, middle, last = (tick.at for tick in drawn.x_ticks)
    assert [tick.text for tick in drawn.x_ticks] == ["2", "4", "8"] and middle - first == pytest.approx(last - middle)
    assert [x for x, _ in points_of(drawn.series[0].lines[0])] == pytest.approx([first, middle, last], abs=0.06)
    (interval,) = drawn.series[0].intervals
    dot = drawn.series[0].dots[0]
    assert interval.y + interval.height / 2 == pytest.approx(dot.y)  # 0.3 is in the middle of 0.2 and 0.4


def test_the_line_goes_through_the_mean_of_several_seeds():
    drawn = charts.against_group("MRR@10", {"lce": [(2, 0.2, None), (2, 0.4, None), (4, 0.3, None)]})
    (line,) = drawn.series[0].lines
    (_, y0), (_, y1) = points_of(line)
    assert y0 == y1 and len(drawn.series[0].dots) == 3
