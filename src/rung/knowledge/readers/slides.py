"""What a presentation says, as Markdown: a page for each slide, with its tables, charts, diagrams and the speaker's notes.

Hidden slides and shapes are left out and counted; footers are said once. What shapes say is left to `drawing`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from rung.knowledge.readers.drawing import Drawings, lines, plain
from rung.knowledge.readers.markup import converted, paged
from rung.knowledge.readers.package import Package
from rung.knowledge.readers.source import Item, SourceFile, Unusable, drops

SLIDES = "hidden slides"
_HEADING = re.compile(r"^#{1,2} +(.+?) *$", re.MULTILINE)
_NO_TITLE = {"powerpoint presentation", "presentation", "untitled", "powerpoint-präsentation"}
_TITLES = ("title", "ctrTitle")
_ON_ALL = ("ftr", "dt", "hdr")  # footer, date, header: the same on every slide


def read_pptx(file: SourceFile) -> Iterator[Item]:
    """A presentation as one document. `meta.pages` holds the position at which each slide begins, hidden ones too."""
    package = Package(file)
    main = package.main("ppt/presentation.xml")
    try:
        root = package.xml(main)
    except Unusable as error:
        raise Unusable(f"is no presentation that can be read: it {error}") from error
    deck = _Deck(package)
    relations = package.relations(main)
    pages: list[str] = []
    for number, element in enumerate(root.iter("sldId"), 1):
        relation = relations.get(element.get("r:id", ""))
        pages.append(deck.slide(relation.target, number) if relation is not None else "")
    if around := deck.around():
        pages.append(around)
    yield from ((0, message) for message in deck.broken)
    yield from drops(file, deck.dropped)
    text, starts = paged(pages)
    if not text:
        yield 0, "holds no text, only images or empty slides"
        return
    title, heading = package.title(), _HEADING.search(text)
    title = "" if title.lower() in _NO_TITLE else title
    name = title or (heading[1] if heading else "") or file.name
    yield 0, converted(file.id, text, name, pages=starts[: len(starts) - bool(around)])


@dataclass(slots=True)
class _Deck:
    """A presentation on its way: what its slides have in common is gathered."""

    package: Package
    dropped: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    _on_all: dict[str, None] = field(default_factory=dict)
    _layouts: set[str] = field(default_factory=set)

    def slide(self, part: str, number: int) -> str:
        """A slide; "" where it is empty, hidden or broken."""
        try:
            root = self.package.xml(part)
        except Unusable as error:
            self.broken.append(f"{error} (slide {number})")
            return ""
        if root.get("show", "1") in ("0", "false"):
            self.dropped[SLIDES] += 1
            return ""
        heading, parts = self._shapes(root, part)
        parts += self._beside(part)
        for layout in self.package.related(part, "slideLayout"):
            self._layout(layout)
        if not parts and not heading:
            return ""
        return "\n\n".join([f"## {heading or f'Slide {number}'}", *parts])

    def around(self) -> str:
        """Footers and what else stands on many slides, each once."""
        return "\n\n".join(self._on_all)

    def _shapes(self, root: Element, part: str) -> tuple[str, list[str]]:
        """The title of a slide and what else stands on it."""
        drawings = Drawings(self.package, part, self.dropped, self.broken)
        heading, parts = "", []
        for tree in root.iter("spTree"):
            for shape in drawings.shapes(tree):
                kind, text = _placeholder(shape), drawings.text_of(shape)
                if kind == "sldNum" or not text.strip():
                    continue
                if kind in _TITLES and not heading:
                    body = shape.find("txBody")
                    heading = plain(body) if body is not None else ""
                elif kind in _ON_ALL:
                    self._on_all[text] = None
                else:
                    parts.append(text)
            break
        return heading, parts

    def _beside(self, part: str) -> Iterator[str]:
        """The speaker's notes and people's comments."""
        for name in self.package.related(part, "notesSlide"):
            root = self._parsed(name)
            for shape in root.iter("sp") if root is not None else ():
                body = shape.find("txBody")
                if _placeholder(shape) == "body" and body is not None and (text := "\n".join(lines(body)).strip()):
                    yield f"Notes: {text}" if "\n" not in text else f"Notes:\n\n{text}"
        for name in self.package.related(part, "comments"):
            root = self._parsed(name)
            for comment in root.iter("cm") if root is not None else ():
                texts = [" ".join((t.text or "").split()) for t in comment.iter() if t.tag in ("text", "t")]
                if any(texts):
                    yield f"[Comment: {' '.join(filter(None, texts))}]"

    def _layout(self, part: str) -> None:
        """What layouts and masters write on the slides that use them, beside places to be filled."""
        if part in self._layouts:
            return
        self._layouts.add(part)
        root = self._parsed(part)
        if root is None:
            return
        drawings = Drawings(self.package, part, Counter(), self.broken)
        for tree in root.iter("spTree"):
            for shape in drawings.shapes(tree):
                if _placeholder(shape) is None and shape.tag == "sp" and (text := drawings.text_of(shape).strip()):
                    self._on_all[text] = None
            break
        for master in self.package.related(part, "slideMaster"):
            self._layout(master)

    def _parsed(self, name: str) -> Element | None:
        try:
            return self.package.xml(name)
        except Unusable as error:
            self.broken.append(str(error))
            return None


def _placeholder(shape: Element) -> str | None:
    """What kind of place a shape fills; None where it fills none."""
    for child in shape:
        if child.tag in ("nvSpPr", "nvPicPr", "nvGraphicFramePr"):
            placeholder = child.find("nvPr/ph")
            return placeholder.get("type", "obj") if placeholder is not None else None
    return None
