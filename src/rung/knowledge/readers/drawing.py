"""What drawings of Office say (DrawingML): paragraphs of shapes, tables, charts, diagrams, images with words beside them.

In slides, on sheets and in Word documents they are the same; where they stand is left to those readers.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from rung.knowledge.readers import charts
from rung.knowledge.readers.equations import linear
from rung.knowledge.readers.numerals import label
from rung.knowledge.readers.package import Package, Relation
from rung.knowledge.readers.runs import Run, first_mark, joined
from rung.knowledge.readers.source import Unusable
from rung.knowledge.readers.symbols import shown
from rung.knowledge.readers.tables import merged, table

IMAGES, CHARTS, FILES, HIDDEN = "images without text", "charts without values", "embedded files", "hidden shapes"
_MIN_RAISED = 5_000  # thousandths of the size by which raised text is
_FILE_NAME = re.compile(
    r"\S+\.(?:png|jpe?g|gif|bmp|tiff?|emf|wmf|svg|webp)|(?:picture|image|grafik|bild|graphic) ?\d*", re.IGNORECASE
)


@dataclass(slots=True)
class Drawings:
    """The drawings of one part: whose relations they use, and what was left out of them."""

    package: Package
    part: str
    dropped: Counter[str]
    broken: list[str]
    _relations: dict[str, Relation] | None = field(default=None)

    @property
    def relations(self) -> dict[str, Relation]:
        """What the part leads to."""
        if self._relations is None:
            self._relations = self.package.relations(self.part)
        return self._relations

    def target(self, id: str | None) -> str:
        """The part behind a relationship id; "" where there is none."""
        relation = self.relations.get(id or "")
        return "" if relation is None or relation.external else relation.target

    def shapes(self, tree: Element) -> Iterator[Element]:
        """The shapes of a tree, groups opened, hidden ones counted and left out."""
        for element in tree:
            if element.tag in ("twoCellAnchor", "oneCellAnchor", "absoluteAnchor"):
                yield from self.shapes(element)
                continue
            if element.tag not in ("sp", "pic", "graphicFrame", "grpSp", "cxnSp"):
                continue
            named = next(element.iter("cNvPr"), None)
            if named is not None and named.get("hidden") in ("1", "true"):
                self.dropped[HIDDEN] += 1
            elif element.tag == "grpSp":
                yield from self.shapes(element)
            else:
                yield element

    def text_of(self, shape: Element) -> str:
        """What a shape says, as Markdown."""
        if shape.tag == "pic":
            return self.image(shape)
        if shape.tag == "graphicFrame":
            return self.framed(shape)
        body = shape.find("txBody")
        return "" if body is None else "\n".join(lines(body))

    def image(self, picture: Element) -> str:
        """The words that stand for an image; without any it is counted."""
        descriptions = (e.get("descr") or e.get("alt") or "" for e in picture.iter() if e.tag in ("cNvPr", "docPr", "shape"))
        words = " ".join(next(filter(None, descriptions), "").split())
        if not words or _FILE_NAME.fullmatch(words):
            self.dropped[IMAGES] += 1
            return ""
        return f"[Image: {words}]"

    def framed(self, frame: Element) -> str:
        """A table, a chart, a diagram, or an embedded file, which is counted."""
        if (inner := next(frame.iter("tbl"), None)) is not None:
            return _table(inner)
        for element in frame.iter():
            if element.tag == "chart":
                return self.chart(self.target(element.get("r:id")))
            if element.tag == "relIds":
                return self.diagram(self.target(element.get("r:dm")))
            if element.tag == "oleObj":
                self.dropped[FILES] += 1
        return ""

    def chart(self, part: str) -> str:
        """A chart as a table."""
        try:
            text, valued = charts.chart(self.package.xml(part))
        except Unusable as error:
            self.broken.append(str(error))
            return ""
        if not valued:
            self.dropped[CHARTS] += 1
        return text

    def diagram(self, part: str) -> str:
        """SmartArt as a list."""
        try:
            return charts.diagram(self.package.xml(part))
        except Unusable as error:
            self.broken.append(str(error))
            return ""


def lines(body: Element) -> list[str]:
    """The paragraphs of a text body: a list where there are several, numbered where they show numbers."""
    paragraphs = [(p, list(_runs(p))) for p in body if p.tag == "p"]
    notes = {mark for _, runs in paragraphs if (mark := first_mark(runs))}
    filled = [(p, text) for p, runs in paragraphs if (text := " ".join(joined(runs, notes).split()))]
    if len(filled) == 1 and not any(p.find("pPr/buAutoNum") is not None for p, _ in filled):
        return [filled[0][1]]
    out: list[str] = []
    counts: dict[int, int] = {}
    for paragraph, text in filled:
        properties = paragraph.find("pPr")
        level = _whole(properties.get("lvl")) if properties is not None else 0
        automatic = paragraph.find("pPr/buAutoNum")
        counts = {deep: count for deep, count in counts.items() if deep < level or (deep == level and automatic is not None)}
        mark = "-"
        if automatic is not None:
            counts[level] = counts.get(level, max(1, _whole(automatic.get("startAt"))) - 1) + 1
            mark = label(automatic.get("type", ""), counts[level])
            mark = mark if mark[:-1].isdigit() else f"- {mark}"
        out.append(f"{'  ' * level}{mark} {text}")
    return out


def plain(body: Element) -> str:
    """The text of a body on one line."""
    return " ".join(" ".join(joined(_runs(p)) for p in body.iter("p")).split())


def _runs(paragraph: Element) -> Iterator[Run]:
    for element in paragraph:
        if element.tag in ("r", "fld"):
            properties = element.find("rPr")
            attributes = properties.attrib if properties is not None else {}
            raised_by = _whole(attributes.get("baseline"))
            kind = "raised" if raised_by >= _MIN_RAISED else "lowered" if raised_by <= -_MIN_RAISED else ""
            fonts = [
                e.get("typeface", "") for e in (properties if properties is not None else ()) if e.tag in ("latin", "sym")
            ]
            text = shown(element.findtext("t") or "", fonts[-1] if fonts else "")
            yield Run(text, kind, struck=attributes.get("strike", "noStrike") != "noStrike")
        elif element.tag == "br":
            yield Run("\n")
        elif element.tag in ("oMath", "oMathPara", "m"):
            inside = [element] if element.tag != "m" else list(element)
            yield Run("".join(linear(one) for one in inside))


def _table(element: Element) -> str:
    rows, spans = [], []
    for top, row in enumerate(r for r in element if r.tag == "tr"):
        cells = [cell for cell in row if cell.tag == "tc"]
        rows.append([plain(body) if (body := cell.find("txBody")) is not None else "" for cell in cells])
        for left, cell in enumerate(cells):
            high, wide = max(1, _whole(cell.get("rowSpan"))), max(1, _whole(cell.get("gridSpan")))
            if high > 1 or wide > 1:
                spans.append((top, left, top + high - 1, left + wide - 1))
    properties = element.find("tblPr")
    first = properties is not None and properties.get("firstRow") in ("1", "true")
    return table(merged(rows, spans), heads=1 if first else None)


def _whole(text: str | None) -> int:
    try:
        return int(text or 0)
    except ValueError:
        return (
            int(float(text.rstrip("%")) * 1000) if text and text.rstrip("%").lstrip("-").replace(".", "", 1).isdigit() else 0
        )
