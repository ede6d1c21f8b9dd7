"""The pictures: marks stand where the numbers say, in every scale, and labels keep out of each other's way."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rung.records import Estimate
from rung.report.html import charts
from rung.report.html.page import report_html
from tests.report.report_sample import sample


def xs(svg: str, cls: str) -> list[tuple[float, float]]:
    """x1 and x2, in per cent, of the lines of a class."""
    found = re.findall(r"<line ([^>]*)></line>", svg)
    ends = (re.search(r'x1="([\d.]+)%" x2="([\d.]+)%"', line) for line in found if f'class="{cls}"' in line)
    return [(float(m[1]), float(m[2])) for m in ends if m]


def test_an_interval_is_drawn_from_its_low_to_its_high_end() -> None:
    svg = charts.interval_row(0.64, 0.52, 0.75, scale=charts.SHARES, title="t", style="rung", bar=0.7)
    assert xs(svg, "whisker") == [(52.0, 75.0), (52.0, 52.0), (75.0, 75.0)]
    assert xs(svg, "barline") == [(70.0, 70.0)]
    assert re.findall(r'<circle cx="([\d.]+)%"', svg) == ["64.0"]


def test_a_tuned_rungs_losses_stand_where_its_steps_say() -> None:
    curves = {"train": ((10.0, 2.0), (20.0, 1.0)), "validation": ((20.0, 1.5),)}
    report = sample()
    first, *others = report.verdict.rungs
    assert 'id="learning"' not in report_html(report)
    learnt = replace(report, verdict=replace(report.verdict, rungs=(replace(first, learning=curves), *others)))
    html = report_html(learnt)
    assert xs(html, "whisker learnt") == [(53.0, 98.0)]  # half of the way from 8 % to 98 %, and all of it
    heights = re.findall(r'y1="([\d.]+)" y2="([\d.]+)" class="whisker learnt"', html)
    assert float(heights[0][0]) < float(heights[0][1])  # a higher loss stands higher
    assert "rows learnt (line): 2 to 1; rows held out (dots): 1.5 to 1.5" in html


def test_a_reference_arm_has_another_shape() -> None:
    svg = charts.interval_row(0.9, 0.8, 1.0, scale=charts.SHARES, title="t", style="reference")
    assert "<circle" not in svg
    assert re.findall(r'<svg x="([\d.]+)%"', svg) == ["90.0"]


def test_the_page_draws_every_measured_rung_at_its_numbers() -> None:
    report = sample()
    html = report_html(report)
    part = html[html.index('id="quality"') : html.index('id="price"')]
    whiskers = [(a, b) for a, b in xs(part, "whisker") if a != b]
    measured = [r.scores["correct"] for r in report.verdict.rungs if r.scores]
    assert whiskers == [(round((e.low or 0) * 100, 2), round((e.high or 0) * 100, 2)) for e in measured]
    assert set(xs(part, "barline")) == {(70.0, 70.0)}


def test_a_negative_gap_is_drawn_left_of_zero() -> None:
    report = sample()
    gaps = {"retrieval": Estimate(-0.05, -0.1, 0.02, 60), "knowledge": Estimate(0.4, 0.3, 0.5, 60)}
    html = report_html(replace(report, verdict=replace(report.verdict, gaps=gaps)))
    part = html[html.index('id="gaps"') : html.index('id="losses"')]
    scale = charts.covering([(0.3, 0.5), (-0.1, 0.02)])
    assert scale.low <= -0.1
    assert scale.high >= 0.5
    boxes = re.findall(r'<rect x="([\d.]+)%" width="([\d.]+)%"', part)
    left, width = float(boxes[1][0]), float(boxes[1][1])
    assert left == pytest.approx(scale.at(-0.05), abs=0.02)
    assert left + width == pytest.approx(scale.at(0), abs=0.02)
    assert "Not measured: behaviour." in part
    assert "the search loses nothing of what the right passages would give" in part
    assert "Closed by better search" not in part


def test_parts_of_a_stacked_bar_follow_each_other_and_fill_their_share() -> None:
    segments = [charts.Segment(n, "X", "s", f"{n} cases") for n in (30, 0, 12, 18)]
    svg = charts.stacked_row(segments, total=60, title="t")
    boxes = [(float(a), float(b)) for a, b in re.findall(r'<rect x="([\d.]+)%" width="([\d.]+)%"', svg)]
    assert boxes == [(0.0, 50.0), (50.0, 20.0), (70.0, 30.0)]
    assert "<title>12 cases</title>" in svg


def test_losses_of_the_page_add_up_to_all_cases() -> None:
    html = report_html(sample())
    part = html[html.index('id="losses"') : html.index('id="scores"')]
    rows = re.findall(r'<td role="cell" class="drawn">(.*?)</td>', part, flags=re.S)
    assert len(rows) == 7
    for row in rows:
        assert sum(float(w) for w in re.findall(r'width="([\d.]+)%"', row)[1:]) == pytest.approx(100, abs=0.1)


def test_values_that_spread_far_are_drawn_on_a_logarithmic_scale() -> None:
    scale = charts.spread([10.0, 100.0, 1000.0])
    assert scale.log
    assert scale.at(100) - scale.at(10) == pytest.approx(scale.at(1000) - scale.at(100), abs=0.02)
    assert not charts.spread([100.0, 1000.0]).log
    assert not charts.spread([0.0, 1000.0]).log


def test_nothing_but_zero_can_be_drawn() -> None:
    scale = charts.spread([0.0, 0.0])
    assert scale.at(0.0) == scale.start


@given(st.lists(st.floats(0, 1e7), min_size=1, max_size=12), st.none() | st.floats(0, 1e7))
def test_every_scale_holds_its_values_and_has_readable_ticks(values: list[float], also: float | None) -> None:
    scale = charts.spread(values, also=also)
    places = [scale.at(v) for v in values]
    assert all(scale.start - 0.01 <= place <= scale.end + 0.01 for place in places)
    assert sorted(places) == [scale.at(v) for v in sorted(values)]
    marks = charts.ticks(scale)
    assert 1 <= len(marks) <= 8
    assert marks == sorted(set(marks))


@given(st.lists(st.tuples(st.floats(-1, 1), st.floats(-1, 1)).map(lambda p: (min(p), max(p))), max_size=4))
def test_a_scale_for_gaps_covers_them_and_zero(ends: list[tuple[float, float]]) -> None:
    scale = charts.covering(ends)
    assert scale.low <= min([0.0, *(a for a, _ in ends)]) + 1e-9
    assert scale.high >= max([0.0, *(b for _, b in ends)]) - 1e-9
    assert scale.low < scale.high


def test_labels_of_dots_side_by_side_do_not_collide() -> None:
    dots = [("rag", 80.0, 100.0), ("hybrid", 80.0, 96.0), ("few_shot", 79.0, 104.0)]
    boxes = []
    for text, x, y, dx, anchor in charts.place_labels(dots):
        width = 7.4 * len(text)
        left = x / 100 * 330 + dx - {"start": 0.0, "middle": width / 2, "end": width}[anchor]
        assert left >= 0
        assert left + width <= 330
        boxes.append((left, left + width, y - 11, y + 3))
    for i, a in enumerate(boxes):
        for b in boxes[i + 1 :]:
            assert a[1] <= b[0] or b[1] <= a[0] or a[3] <= b[2] or b[3] <= a[2]
