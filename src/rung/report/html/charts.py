"""Estimates drawn: small SVG pictures with x in per cent of the width, so that they fit a desk and a phone alike.

Text beside the pictures, tables and captions are left to the sections. Colours come from the page's style by class, so
that light, dark and print need one drawing. No mark is told from another by colour alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from rung.report.html.markup import Safe, el, join

_TRACK = 34  # height of one row, px
_PLOT = 300  # height of the scatter's plot, px
_TOP, _BOTTOM = 18, 270  # y of 100 % and of 0 %, px
_LEFT, _RIGHT = 9.0, 86.0  # x of the scale's ends in the scatter, per cent
_NOTHING = 1e-9  # seconds, dollars, tokens: drawn as 0
_WIDTHS = (330.0, 430.0)  # widths at which labels of the scatter must not collide, px


@dataclass(frozen=True, slots=True)
class Scale:
    """A number's place between `low` and `high`, as per cent of the width from `start` to `end`."""

    low: float
    high: float
    log: bool = False
    start: float = 0.0
    end: float = 100.0

    def at(self, value: float) -> float:
        """The place of a value; values outside are drawn at the border."""
        inside = min(max(value, self.low), self.high)
        if self.high == self.low:
            share = 0.5
        elif self.log:
            share = math.log(inside / self.low) / math.log(self.high / self.low)
        else:
            share = (inside - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 2)


@dataclass(frozen=True, slots=True)
class Point:
    """One rung in the scatter."""

    label: str
    x: float
    y: float
    low: float | None = None
    high: float | None = None
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class Segment:
    """One part of a stacked bar: `code` is written into it, `style` names its class, `title` says it in words."""

    count: int
    code: str
    style: str
    title: str


@dataclass(frozen=True, slots=True)
class _Placed:
    """A label's text anchor: x in per cent plus `dx` px, y in px."""

    text: str
    x: float
    y: float
    dx: float
    anchor: str

    def box(self, width: float) -> tuple[float, float, float, float]:
        """left, top, right, bottom in px on a drawing so wide."""
        length = 7.4 * len(self.text)
        left = self.x / 100 * width + self.dx - {"start": 0.0, "middle": length / 2, "end": length}[self.anchor]
        return left, self.y - 11, left + length, self.y + 3


SHARES = Scale(0.0, 1.0)


def interval_row(
    mean: float | None,
    low: float | None,
    high: float | None,
    *,
    scale: Scale,
    title: str,
    style: str,
    bar: float | None = None,
) -> Safe:
    """A dot with its whisker, on gridlines at the scale's ticks.

    `style`: "rung", "chosen" (larger), "reference" (a hollow diamond, dotted whisker) or "gap" (with a bar from 0).
    """
    middle = _TRACK / 2
    marks = [_grid(scale)]
    if bar is not None:
        marks.append(_vertical(scale.at(bar), "barline", bottom=_TRACK))
    if style == "gap" and mean is not None:
        marks.append(_box(scale.at(min(0.0, mean)), scale.at(max(0.0, mean)), y=9, height=_TRACK - 18, cls="gapbar"))
    if low is not None and high is not None:
        marks.append(_whisker(scale.at(low), scale.at(high), middle, style))
    if mean is not None:
        marks.append(_mark(scale.at(mean), middle, style))
    return _svg(el("title", title), *marks, height=_TRACK, cls="track")


def axis(scale: Scale, *, labels: Sequence[tuple[float, str]], bar: tuple[float, str] | None = None) -> Safe:
    """The row above the tracks: the ticks' values, and the bar's name over its line."""
    height = 34 if bar else 18
    parts = [_tick(scale.at(value), label, y=height - 5) for value, label in labels]
    if bar:
        parts.append(_tick(scale.at(bar[0]), bar[1], y=12, cls="barlabel"))
    return _svg(*parts, height=height, cls="track")


def stacked_row(segments: Sequence[Segment], *, total: int, title: str) -> Safe:
    """Counts as parts of one bar as long as `total`; wide parts carry their code and count, narrow ones their code."""
    scale, so_far, parts = Scale(0, max(total, 1)), 0, []
    for segment in segments:
        if segment.count:
            left, right = scale.at(so_far), scale.at(so_far + segment.count)
            parts.append(_segment(segment, left, right))
            so_far += segment.count
    return _svg(el("title", title), *parts, height=_TRACK, cls="track")


def scatter(
    points: Sequence[Point],
    *,
    name: str,
    x: Scale,
    ticks: Sequence[tuple[float, str]],
    words: tuple[str, str],
    bar: tuple[float, str] | None = None,
    limit: tuple[float, str] | None = None,
) -> Safe:
    """Quality upwards (0 to 1) against something to be kept small, on a scale made by `spread`.

    `name` is unique on the page, `words` are title and description; `bar` on quality and `limit` on x are drawn as lines.
    """
    grid = [_level(share) for share in (0, 0.25, 0.5, 0.75, 1)]
    below = [_tick(x.at(value), label, y=_BOTTOM + 20) for value, label in ticks]
    lines = [*([_quality_line(*bar)] if bar else []), *([_limit_line(x, *limit)] if limit else [])]
    taken = [_Placed(bar[1], 100.0, height(bar[0]) - 5, 0.0, "end")] if bar else []
    labels = place_labels([(p.label, x.at(p.x), height(p.y)) for p in points], taken=taken)
    return _svg(
        el("title", words[0], id=f"{name}-title"),
        el("desc", words[1], id=f"{name}-about"),
        *grid,
        *below,
        *lines,
        *(_point(point, x) for point in points),
        *(_label(*placed) for placed in labels),
        height=_PLOT,
        cls="scatter",
        role="img",
        labelled=f"{name}-title {name}-about",
    )


def spread(values: Sequence[float], *, also: float | None = None) -> Scale:
    """The scatter's x scale: from 0, or logarithmic where the values spread more than 20 times.

    `also`, the bar's limit, is kept in view where it is near.
    """
    top, bottom = max(values), min(values)
    if bottom > _NOTHING and top / bottom > 20:
        low = bottom / 1.5
        high = max(top, also if also is not None and also < 20 * top else 0) * 1.5
        if also is not None and low / 20 < also < low:
            low = also / 1.5
        return Scale(low, high, log=True, start=_LEFT, end=_RIGHT)
    shown = max(top, also if also is not None and also < 2.5 * top else 0)
    return Scale(0, shown * 1.1 if shown > _NOTHING else 1.0, start=_LEFT, end=_RIGHT)


def ticks(scale: Scale, *, about: int = 4) -> list[float]:
    """Round values within the scale: 1, 2, 2.5 or 5 times a power of ten."""
    if scale.log:
        return _log_ticks(scale, about)
    raw = (scale.high - scale.low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= raw * 0.999)
    first, last = math.ceil(scale.low / step - 1e-9), math.floor(scale.high / step + 1e-9)
    return [round(step * i, 12) for i in range(first, last + 1)]


def height(share: float) -> float:
    """y in px of a share in the scatter."""
    return round(_BOTTOM - min(max(share, 0.0), 1.0) * (_BOTTOM - _TOP), 2)


_SPOTS = (
    *((11, 4, "start"), (-11, 4, "end"), (0, -12, "middle"), (0, 21, "middle"), (9, -8, "start"), (9, 17, "start")),
    *((-9, -8, "end"), (-9, 17, "end"), (0, -26, "middle"), (0, 35, "middle"), (11, -22, "start"), (11, 31, "start")),
)


def place_labels(
    dots: Sequence[tuple[str, float, float]], *, taken: Sequence[_Placed] = ()
) -> list[tuple[str, float, float, float, str]]:
    """Where each dot's (label, x in per cent, y in px) name goes: where it collides least, on a desk and on a phone.

    Returns (text, x in per cent, y in px, dx in px, anchor) in the same order.
    """
    placed: list[_Placed] = []
    for i, (text, x, y) in enumerate(dots):
        spots = [_Placed(text, x, y + dy, dx, anchor) for dx, dy, anchor in _SPOTS]
        others = [(a, b) for j, (_, a, b) in enumerate(dots) if j != i]
        placed.append(min(spots, key=lambda spot: _crowding(spot, [*taken, *placed], others)))
    return [(p.text, p.x, round(p.y, 2), p.dx, p.anchor) for p in placed]


def _crowding(spot: _Placed, placed: Sequence[_Placed], dots: Sequence[tuple[float, float]]) -> float:
    total = 0.0
    for width in _WIDTHS:
        box = spot.box(width)
        total += sum(_overlap(box, other.box(width)) for other in placed)
        total += sum(_overlap(box, (x / 100 * width - 7, y - 7, x / 100 * width + 7, y + 7)) for x, y in dots)
        total += 40 * (max(0.0, -box[0]) + max(0.0, box[2] - width)) + 10 * (max(0.0, box[3] - _BOTTOM) + max(0.0, -box[1]))
    return total


def _overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> float:
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))


def _log_ticks(scale: Scale, about: int) -> list[float]:
    decades = range(math.floor(math.log10(scale.low)), math.ceil(math.log10(scale.high)) + 1)
    for factors in ((1, 2, 5), (1, 3), (1,)):
        values = [float(f"{f * 10.0**d:.12g}") for d in decades for f in factors]
        values = [value for value in values if scale.low <= value <= scale.high]
        if len(values) <= about + 2:
            return values
    return values[:: math.ceil(len(values) / about)]


def _svg(*parts: Safe, height: int, cls: str, role: str | None = None, labelled: str | None = None) -> Safe:
    # Where there is no role, the table around the picture says the same in text.
    hidden = None if role else "true"
    return el(
        "svg",
        *parts,
        cls=cls,
        width="100%",
        height=height,
        role=role,
        aria_labelledby=labelled,
        aria_hidden=hidden,
        focusable="false",
    )


def _grid(scale: Scale) -> Safe:
    return join(*(_vertical(scale.at(value), "zero" if value == 0 else "grid", bottom=_TRACK) for value in ticks(scale)))


def _vertical(at: float, cls: str, *, bottom: float, top: float = 0) -> Safe:
    return el("line", x1=f"{at}%", x2=f"{at}%", y1=top, y2=bottom, cls=cls)


def _level(share: float) -> Safe:
    y = height(share)
    line = el("line", x1="0%", x2="100%", y1=y, y2=y, cls="zero" if share == 0 else "grid")
    return join(line, _text(0.0, y - 4, f"{share * 100:.0f}\u202f%", cls="tick", anchor="start"))


def _limit_line(scale: Scale, value: float, label: str) -> Safe:
    if not scale.low <= value <= scale.high:
        return Safe("")
    at = scale.at(value)
    return join(_vertical(at, "barline", bottom=_BOTTOM, top=_TOP - 4), _tick(at, label, y=_TOP - 8, cls="barlabel"))


def _quality_line(share: float, label: str) -> Safe:
    y = height(share)
    line = el("line", x1="0%", x2="100%", y1=y, y2=y, cls="barline")
    return join(line, _text(100.0, y - 5, label, cls="barlabel", anchor="end"))


def _whisker(left: float, right: float, y: float, style: str) -> Safe:
    ends = [el("line", x1=f"{x}%", x2=f"{x}%", y1=y - 5, y2=y + 5, cls="whisker") for x in (left, right)]
    return el("g", el("line", x1=f"{left}%", x2=f"{right}%", y1=y, y2=y, cls="whisker"), *ends, cls=style)


def _mark(at: float, y: float, style: str) -> Safe:
    if style != "reference":
        return el("circle", cx=f"{at}%", cy=y, r=7 if style == "chosen" else 5.5, cls=f"dot {style}")
    # A polygon cannot have per cent: a nested drawing carries the place instead.
    diamond = el("path", d=f"M0 {y - 7}L7 {y}L0 {y + 7}L-7 {y}Z", cls="dot reference")
    return el("svg", diamond, x=f"{at}%", y=0, overflow="visible")


def _box(left: float, right: float, *, y: float, height: float, cls: str) -> Safe:
    return el("rect", x=f"{left}%", width=f"{round(right - left, 2)}%", y=y, height=height, cls=cls)


def _segment(segment: Segment, left: float, right: float) -> Safe:
    width = right - left
    box = _box(left, right, y=4, height=_TRACK - 8, cls=f"part {segment.style}")
    written = f"{segment.code} {segment.count}".strip() if width >= 12 else segment.code if width >= 4 else ""
    inside = (
        _text(round(left + width / 2, 2), _TRACK / 2 + 4.5, written, cls=f"inpart {segment.style}", anchor="middle")
        if written
        else Safe("")
    )
    return el("g", el("title", segment.title), box, inside)


def _point(point: Point, x: Scale) -> Safe:
    at, y = x.at(point.x), height(point.y)
    whisker = Safe("")
    if point.low is not None and point.high is not None:
        whisker = el("line", x1=f"{at}%", x2=f"{at}%", y1=height(point.high), y2=height(point.low), cls="whisker faint")
    return join(
        whisker,
        el("circle", cx=f"{at}%", cy=y, r=8 if point.chosen else 6, cls="dot chosen" if point.chosen else "dot rung"),
    )


def _label(text: str, x: float, y: float, dx: float, anchor: str) -> Safe:
    return el("text", text, x=f"{x}%", y=y, dx=dx, text_anchor=anchor, cls="name")


def _tick(at: float, label: str, *, y: float, cls: str = "tick") -> Safe:
    return _text(at, y, label, cls=cls, anchor="start" if at < 4 else "end" if at > 96 else "middle")


def _text(at: float, y: float, text: str, *, cls: str, anchor: str) -> Safe:
    return el("text", text, x=f"{at}%", y=round(y, 2), text_anchor=anchor, cls=cls)


def covering(estimates: Sequence[tuple[float, float]]) -> Scale:
    """The smallest scale with round ends that holds all (low, high) and 0: for gaps."""
    low, high = min([0.0, *(a for a, _ in estimates)]), max([0.0, *(b for _, b in estimates)])
    rough = Scale(low, max(high, low + 0.1))  # a gap of half a point must not look large
    marks = ticks(rough)
    step = min(b - a for a, b in pairwise(marks)) if len(marks) > 1 else 0.1
    return replace(
        rough,
        low=round(math.floor(rough.low / step + 1e-9) * step, 12),
        high=round(math.ceil(rough.high / step - 1e-9) * step, 12),
    )
