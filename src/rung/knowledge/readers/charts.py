"""What a chart and a diagram of Office say: titles, series and values as a table; the points of SmartArt as a list.

Where they stand is left to `drawing`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from xml.etree.ElementTree import Element

from rung.knowledge.readers.markup import headed_table
from rung.knowledge.readers.number_formats import FormatError, number_format
from rung.knowledge.readers.table_heads import Headed

Points = dict[int, str]


def chart(root: Element) -> tuple[str, bool]:
    """A chart as Markdown, and whether it has values: programs may leave them in a workbook."""
    title = _title(root.find("chart"))
    series = list(_series(root))
    axes = [_title(axis) for axis in root.iter() if axis.tag in ("catAx", "dateAx", "valAx", "serAx")]
    parts = [f"Chart: {title}" if title else "Chart"]
    if any(axes) and len(series) != 1:
        parts[0] += f" ({', '.join(filter(None, axes))})"
    parts += _tables(series, axes)
    valued = any(values for _, _, values in series)
    if not valued:
        parts += [name for name, _, _ in series if name]
    return "\n\n".join(parts), valued


def diagram(root: Element) -> str:
    """The points of SmartArt as a nested list, in their order."""
    texts = {p.get("modelId"): _words(p.find("t")) for p in root.iter("pt") if p.get("type", "node") in ("node", "asst")}
    below: dict[str | None, list[tuple[int, str | None]]] = {}
    for line in root.iter("cxn"):
        if line.get("type", "parOf") == "parOf":
            below.setdefault(line.get("srcId"), []).append((_whole(line.get("srcOrd")), line.get("destId")))
    begin = next((point.get("modelId") for point in root.iter("pt") if point.get("type") == "doc"), None)
    lines: list[str] = []
    seen: set[str | None] = set()
    waiting = [(begin, -1)]
    while waiting:
        point, depth = waiting.pop()
        if point in seen:
            continue
        seen.add(point)
        if words := texts.get(point, ""):
            lines.append("  " * max(0, depth) + f"- {words}")
        deeper = depth + 1 if words or depth < 0 else depth
        waiting += [(target, deeper) for _, target in sorted(below.get(point, []), key=lambda item: -item[0])]
    lines += [f"- {words}" for point, words in texts.items() if words and point not in seen]
    return "\n".join(lines)


def _series(root: Element) -> Iterator[tuple[str, Points, Points]]:
    """Each series: its name, its categories, its values."""
    for element in root.iter("ser"):
        name = _words(element.find("tx"))
        categories = _points(element.find("cat")) or _points(element.find("xVal"))
        values = _points(element.find("val")) or _points(element.find("yVal"))
        yield name, categories, values
    names = [_words(element.find("tx")) for element in root.iter("series")]  # charts of 2016: data apart from series
    for index, data in enumerate(root.iter("data") if names else ()):
        words = [_points(d) for d in data if d.tag == "strDim"]
        numbers = [_points(d) for d in data if d.tag == "numDim"]
        yield names[min(index, len(names) - 1)], words[0] if words else {}, numbers[0] if numbers else {}


def _tables(series: list[tuple[str, Points, Points]], axes: list[str]) -> Iterator[str]:
    first = axes[0] if axes else ""
    filled = [one for one in series if one[2]]
    categories = filled[0][1] if filled else {}
    if all(one[1] == categories for one in filled):
        places = sorted({index for _, _, values in filled for index in values} | set(categories)) if filled else []
        names = [name or (axes[-1] if len(axes) > 1 else "") for name, _, _ in filled]
        rows = [[categories.get(n, str(n + 1)), *(values.get(n, "") for _, _, values in filled)] for n in places]
        yield from _table([first, *names], rows)
        return
    for name, own, values in filled:  # of a scatter chart each series has places of its own
        yield from _table([first, name], [[own.get(n, ""), values[n]] for n in sorted(values)])


def _table(head: list[str], rows: list[list[str]]) -> Iterator[str]:
    if rows:
        yield headed_table(Headed((), tuple(head), tuple(tuple(row) for row in rows)))


def _points(data: Element | None) -> Points:
    """The cached points of a reference, as they are shown."""
    if data is None:
        return {}
    levels = list(data.iter("lvl"))
    if len(levels) > 1:  # the innermost level comes first; outer ones are written where they begin
        return _nested([_of(level, "") for level in levels])
    code = next((e.text or "" for e in data.iter("formatCode")), "")
    return _of(data, code or (levels[0].get("formatCode", "") if levels else ""))


def _of(data: Element, code: str) -> Points:
    points: Points = {}
    for point in data.iter("pt"):
        value = point.findtext("v") if point.find("v") is not None else point.text
        if value and value.strip():
            points[_whole(point.get("idx"))] = _shown(value.strip(), point.get("formatCode") or code)
    return points


def _nested(levels: list[Points]) -> Points:
    out: Points = {}
    current = [""] * len(levels)
    for index in sorted({index for level in levels for index in level}):
        current = [level.get(index, previous) for level, previous in zip(levels, current, strict=True)]
        out[index] = " ".join(filter(None, reversed(current)))
    return out


def _shown(value: str, code: str) -> str:
    try:
        return number_format(code).text(float(value)) if code else value
    except (ValueError, OverflowError, FormatError):
        return value


def _title(element: Element | None) -> str:
    return _words(element.find("title")) if element is not None else ""


def _words(element: Element | None) -> str:
    """The words of a rich text or of a cached reference."""
    if element is None:
        return ""
    lines = [" ".join("".join(t.text or "" for t in p.iter("t")).split()) for p in element.iter("p")]
    if any(lines):
        return " ".join(filter(None, lines))
    return " ".join(_joined(v.text for v in element.iter("v")).split())


def _joined(texts: Iterable[str | None]) -> str:
    return " ".join(text for text in texts if text)


def _whole(text: str | None) -> int:
    return int(text) if text and text.isdigit() else 0
