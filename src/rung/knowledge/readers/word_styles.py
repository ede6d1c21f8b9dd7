"""What the styles and the numbering of a Word document say: levels of headings, hidden and raised text, automatic numbers.

As ECMA-376 has it (17.7 styles, 17.9 numbering). What paragraphs hold is left to `word_runs`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from rung.knowledge.readers.numerals import numeral

_OFF = ("0", "false", "off", "none")
_HEADING = re.compile(r"heading ?([1-9])", re.IGNORECASE)
_TITLES = ("title", "titel", "titre")
_BODY = 9  # the outline level of text that is no heading
_DEEPEST = 20  # styles based on styles
_LEVELS = 9
_PLACE = re.compile(r"%([1-9])")


def on(element: Element | None) -> bool | None:
    """Whether a property is switched on; None where nothing is said."""
    return None if element is None else element.get("val", "1").lower() not in _OFF


def value(element: Element | None, path: str) -> str:
    """The value of a property below an element; "" where there is none."""
    child = element.find(path) if element is not None else None
    return "" if child is None else child.get("val", "")


def whole(text: str | None, default: int = 0) -> int:
    """A number in an attribute."""
    try:
        return int(text or default)
    except ValueError:
        return default


@dataclass(frozen=True, slots=True)
class Style:
    """What a style says, with those it is based on. `heading`: from 1, 0 for none. `number`: its list, "" for none."""

    heading: int = 0
    number: str = ""
    level: int | None = None
    hidden: bool = False
    raised: str = ""
    struck: bool = False


class Styles:
    """The styles of a document, by id."""

    def __init__(self, root: Element | None) -> None:
        self._elements = {e.get("styleId", ""): e for e in (root.iter("style") if root is not None else ())}
        self._cached: dict[str, Style] = {"": Style()}

    def of(self, id: str) -> Style:
        """A style; a plain one where there is none of this id."""
        if id not in self._cached:
            self._cached[id] = self._read(id)
        return self._cached[id]

    def _read(self, id: str) -> Style:
        chain: list[Element] = []
        while (element := self._elements.get(id)) is not None and element not in chain and len(chain) < _DEEPEST:
            chain.append(element)
            id = value(element, "basedOn")
        levels = [value(e, "pPr/outlineLvl") for e in chain if e.find("pPr/outlineLvl") is not None]
        heading = whole(levels[0]) + 1 if levels and whole(levels[0], _BODY) < _BODY else 0
        if not levels:
            names = [value(e, "name") or e.get("styleId", "") for e in chain]
            outline = [int(m[1]) for name in names if (m := _HEADING.fullmatch(name))]
            heading = outline[0] if outline else int(any(name.lower() in _TITLES for name in names))
        numbers = [n for e in chain if (n := value(e, "pPr/numPr/numId"))]
        depths = [d for e in chain if (d := value(e, "pPr/numPr/ilvl"))]
        aligned = [a for e in chain if (a := value(e, "rPr/vertAlign"))]
        hidden = [flag for e in chain if (flag := on(e.find("rPr/vanish"))) is not None]
        struck = [flag for e in chain if (flag := on(e.find("rPr/strike"))) is not None]
        return Style(
            heading=heading,
            number=numbers[0] if numbers else "",
            level=whole(depths[0]) if depths else None,
            hidden=bool(hidden and hidden[0]),
            raised=RAISED.get(aligned[0], "") if aligned else "",
            struck=bool(struck and struck[0]),
        )


RAISED = {"superscript": "raised", "subscript": "lowered"}


@dataclass(slots=True)
class _Level:
    """How a level of a list numbers: `text` is "%1.%2" with the places of the levels' numbers."""

    form: str = "decimal"
    text: str = ""
    start: int = 1
    restart: int | None = None  # the level, from 1, that begins it anew; 0: none does; None: every one above
    legal: bool = False
    style: str = ""


@dataclass(slots=True)
class _List:
    levels: dict[int, _Level] = field(default_factory=dict)
    counts: dict[int, int] = field(default_factory=dict)


class Numbering:
    """The lists of a document and how far they have counted: ask for each paragraph once, in their order."""

    def __init__(self, root: Element | None, styles: Styles) -> None:
        self._lists: dict[str, _List] = {}  # by abstract number
        self._abstract: dict[str, str] = {}
        self._overrides: dict[str, dict[int, Element]] = {}
        self._begun: set[tuple[str, int]] = set()
        self._linked: dict[str, str] = {}
        self._styles = styles
        for element in root if root is not None else ():
            id = element.get("abstractNumId", "")
            if element.tag == "abstractNum":
                self._lists[id] = _List({whole(e.get("ilvl")): _level(e) for e in element if e.tag == "lvl"})
                if link := value(element, "numStyleLink"):
                    self._linked[id] = link
            elif element.tag == "num":
                number = element.get("numId", "")
                self._abstract[number] = value(element, "abstractNumId")
                self._overrides[number] = {whole(e.get("ilvl")): e for e in element if e.tag == "lvlOverride"}

    def level_of(self, number: str, style: str) -> int:
        """The level at which a style numbers in a list."""
        held = self._list(number)
        return next((n for n, level in held.levels.items() if level.style == style), 0) if held and style else 0

    def label(self, number: str, at: int) -> str | None:
        """What stands before the next paragraph of a level: "2.1", "(a)"; "•" for a bullet, None for nothing."""
        held = self._list(number)
        if held is None or at >= _LEVELS:
            return None
        overrides = self._overrides.get(number, {})
        own = {n: _level(e) for n, o in overrides.items() if (e := o.find("lvl")) is not None}
        levels = {**held.levels, **own}
        level = levels.get(at, _Level())
        again = value(overrides.get(at), "startOverride")
        if again and (number, at) not in self._begun:
            held.counts[at] = whole(again) - 1
        self._begun.add((number, at))
        held.counts[at] = held.counts.get(at, level.start - 1) + 1
        for deeper in [n for n in held.counts if n > at and _restarts(levels.get(n, _Level()), at)]:
            del held.counts[deeper]
        if level.form == "bullet":
            return "•"
        return _written(level, levels, held.counts).strip() or None

    def _list(self, number: str) -> _List | None:
        abstract = self._abstract.get(number, "")
        for _ in range(_DEEPEST):
            link = self._linked.get(abstract)
            if link is None:
                break
            abstract = self._abstract.get(self._styles.of(link).number, "")
        return self._lists.get(abstract)


def _restarts(level: _Level, at: int) -> bool:
    """Whether a paragraph of a level above lets a deeper one begin anew."""
    return True if level.restart is None else at < level.restart


def _written(level: _Level, levels: Mapping[int, _Level], counts: Mapping[int, int]) -> str:
    """The label of a level: its text with the numbers of the levels that it names."""

    def shown(match: re.Match[str]) -> str:
        index = int(match[1]) - 1
        other = levels.get(index, _Level())
        return numeral(counts.get(index, other.start), "decimal" if level.legal else other.form)

    return _PLACE.sub(shown, level.text)


def _level(element: Element) -> _Level:
    restart = value(element, "lvlRestart")
    return _Level(
        form=value(element, "numFmt") or "decimal",
        text=value(element, "lvlText"),
        start=whole(value(element, "start"), 1) if element.find("start") is not None else 0,
        restart=whole(restart) if restart else None,
        legal=bool(on(element.find("isLgl"))),
        style=value(element, "pStyle"),
    )
