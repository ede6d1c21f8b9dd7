"""What a paragraph of a Word document says: its runs, the results of its fields, equations, notes' marks, tracked changes.

Paragraphs are put together in `word`. What stands beside the text (text boxes, notes, comments) is gathered in `behind`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from rung.knowledge.readers import symbols
from rung.knowledge.readers.drawing import FILES, Drawings
from rung.knowledge.readers.eq_fields import eq_text
from rung.knowledge.readers.equations import linear
from rung.knowledge.readers.runs import Run, joined
from rung.knowledge.readers.word_styles import RAISED, Styles, on, value, whole

HIDDEN, DELETED = "hidden pieces of text", "deleted passages (tracked changes)"
UNSHOWN = "fields without a result"
_PAGES = frozenset({"PAGE", "NUMPAGES", "SECTIONPAGES", "SECTION"})
_SILENT = frozenset({"XE", "TC", "TA", "RD", "SET", "ASK", "PRIVATE", "BOOKMARK", "ADVANCE", "PRINT", *_PAGES})
_WHITE = {"tab": "\t", "ptab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-", "softHyphen": ""}
_PASSED = frozenset(
    {
        *("pPr", "rPr", "sdtPr", "sdtEndPr", "tblPr", "tblGrid", "sectPr", "instrText", "delText", "delInstrText"),
        *("footnoteRef", "endnoteRef", "annotationRef", "separator", "continuationSeparator"),
        *("lastRenderedPageBreak", "pgNum", "bookmarkStart", "bookmarkEnd", "proofErr"),
    }
)
_MIN_POSITION = 4  # half points by which raised text is, where it is not called raised
_MIN_OF_SIZED = 2  # the same where its letters have a size of their own, as LibreOffice writes it
_SHORT = 6  # characters of such text
_ADDRESS = re.compile(r"(?:https?|ftp)://\S+")
_CHECKED = {True: "☒", False: "☐"}


@dataclass(slots=True)
class Field:
    """A field that is being read: its instruction, then what it shows."""

    instruction: str = ""
    shows: bool = False
    box: Element | None = None

    @property
    def kind(self) -> str:
        """The first word of the instruction."""
        words = self.instruction.split()
        return words[0].upper() if words else ""


@dataclass(slots=True)
class Reading:
    """Reads the paragraphs of one part. Fields may go on from one paragraph to the next.

    `note` gives the mark of a note that is referred to and keeps the note, `comment` a comment's text, `boxed` the blocks of
    a text box: `word` knows them.
    """

    styles: Styles
    drawings: Drawings
    dropped: Counter[str]
    note: Callable[[str, str], str]
    comment: Callable[[str], str]
    boxed: Callable[[Element], list[str]]
    behind: list[str] = field(default_factory=list)
    numbered_pages: bool = False  # whether a field with a page number was left out
    _fields: list[Field] = field(default_factory=list)

    def runs(self, paragraph: Element) -> list[Run]:
        """The text of a paragraph in pieces."""
        style = self.styles.of(value(paragraph, "pPr/pStyle"))
        return list(self._walk(paragraph, Run("", struck=style.struck), hidden=style.hidden))

    def _walk(self, parent: Element, form: Run, *, hidden: bool) -> Iterator[Run]:
        for element in parent:
            tag = element.tag
            if tag in _PASSED:
                continue
            if tag == "r":
                yield from self._run(element, form, hidden=hidden)
            elif tag in ("del", "moveFrom"):
                self.dropped[DELETED] += any(e.text for e in element.iter() if e.tag in ("t", "delText"))
                self._run_fields(element)
            elif tag == "fldSimple":
                yield from self._simple(element, form, hidden=hidden)
            elif tag == "hyperlink":
                yield from self._link(element, form, hidden=hidden)
            elif tag in ("oMath", "oMathPara"):
                yield from self._seen(Run(linear(element).strip()))
            else:
                yield from self._walk(element, form, hidden=hidden)

    def _run(self, run: Element, form: Run, *, hidden: bool) -> Iterator[Run]:
        properties = run.find("rPr")
        style = self.styles.of(value(properties, "rStyle"))
        kind = RAISED.get(value(properties, "vertAlign"), "" if value(properties, "vertAlign") else style.raised)
        struck = form.struck or style.struck
        font = ""
        if properties is not None:
            struck = any((on(properties.find("strike")), on(properties.find("dstrike")))) or (
                struck and on(properties.find("strike")) is None
            )
            vanish = on(properties.find("vanish"))
            hidden = (hidden or style.hidden) if vanish is None else vanish
            fonts = properties.find("rFonts")
            font = "" if fonts is None else fonts.get("ascii", fonts.get("hAnsi", ""))
            kind = kind or _by_position(whole(value(properties, "position")), run)
        if hidden:
            self.dropped[HIDDEN] += any((t.text or "").strip() for t in run.iter("t"))
            self._run_fields(run)
            return
        for element in run:
            yield from self._inside(element, Run("", kind, struck=struck), font)

    def _inside(self, element: Element, form: Run, font: str) -> Iterator[Run]:
        tag = element.tag
        if tag == "t":
            yield from self._seen(Run(symbols.shown(element.text or "", font), form.kind, form.struck))
        elif tag in _WHITE:
            yield from self._seen(Run(_WHITE[tag], form.kind, form.struck))
        elif tag == "sym":
            code = int(element.get("char", "0"), 16) if _is_hex(element.get("char", "")) else 0
            shown = symbols.letter(element.get("font", ""), code)
            self.dropped["letters of unknown symbol fonts"] += not shown
            yield from self._seen(Run(shown, form.kind, form.struck))
        elif tag in ("fldChar", "instrText"):
            yield from self._field(element, form)
        elif tag in ("footnoteReference", "endnoteReference"):
            if mark := self.note(tag.removesuffix("Reference"), element.get("id", "")):
                yield from self._seen(Run(mark, "note"))
        elif tag == "commentReference":
            if text := self.comment(element.get("id", "")):
                self.behind.append(text)
        elif tag == "ruby":
            base = [run for part in element.findall("rubyBase") for run in self._walk(part, form, hidden=False)]
            over = "".join(t.text or "" for part in element.findall("rt") for t in part.iter("t"))
            yield from base
            yield from self._seen(Run(f" ({over})" if over else ""))
        elif tag in ("drawing", "pict", "object"):
            yield from self._drawn(element)
        elif tag not in _PASSED:
            yield from self._walk(element, form, hidden=False)

    def _seen(self, run: Run) -> Iterator[Run]:
        """A run, unless it is the instruction of a field, or a page number."""
        if all(field.shows and field.kind not in _PAGES for field in self._fields):
            yield run

    def _run_fields(self, element: Element) -> None:
        """Fields go on where text is hidden or deleted."""
        for inside in element.iter():
            if inside.tag in ("fldChar", "instrText", "delInstrText"):
                for _ in self._field(inside, Run("")):
                    pass

    def _field(self, element: Element, form: Run) -> Iterator[Run]:
        if element.tag != "fldChar":
            if self._fields and not self._fields[-1].shows:
                self._fields[-1].instruction += element.text or ""
            return
        what = element.get("fldCharType", "")
        if what == "begin":
            self._fields.append(Field(box=element.find("ffData")))
        elif what == "separate" and self._fields:
            self._fields[-1].shows = True
        elif what == "end" and self._fields:
            ended = self._fields.pop()
            self.numbered_pages |= ended.kind in _PAGES
            shown = _form_field(ended)
            if not ended.shows and not shown and ended.kind not in _SILENT:
                shown = eq_text(ended.instruction.strip()[2:]) if ended.kind == "EQ" else ""
                self.dropped[UNSHOWN] += bool(ended.kind) and not shown
            yield from self._seen(Run(shown, form.kind))

    def _simple(self, element: Element, form: Run, *, hidden: bool) -> Iterator[Run]:
        words = element.get("instr", "").split()
        if words and words[0].upper() in _PAGES:
            self.numbered_pages = True
            return
        shown = list(self._walk(element, form, hidden=hidden))
        if not shown and words and words[0].upper() == "EQ":
            shown = [Run(eq_text(element.get("instr", "").strip()[2:]), form.kind)]
        self.dropped[UNSHOWN] += not shown and bool(words) and words[0].upper() not in _SILENT
        yield from shown

    def _link(self, element: Element, form: Run, *, hidden: bool) -> Iterator[Run]:
        """The text of a link, and the address where it leads out of the document and is not the text."""
        shown = list(self._walk(element, form, hidden=hidden))
        relation = self.drawings.relations.get(element.get("r:id", ""))
        address = relation.target if relation is not None and relation.external else ""
        text = joined(shown).strip()
        if not text or not _ADDRESS.fullmatch(address) or address.rstrip("/").endswith(text.rstrip("/")):
            yield from shown
            return
        yield Run("[")
        yield from shown
        yield Run(f"]({address})")

    def _drawn(self, element: Element) -> Iterator[Run]:
        """What a drawing says: text boxes, charts and diagrams behind the paragraph, words of an image in it."""
        tags = set()
        for inside in _outermost(element):
            tags.add(inside.tag)
            if inside.tag == "txbxContent":
                self.behind += self.boxed(inside)
            elif inside.tag == "textpath":
                self.behind += filter(None, [inside.get("string", "").strip()])
            elif inside.tag == "chart":
                self.behind += filter(None, [self.drawings.chart(self.drawings.target(inside.get("r:id")))])
            elif inside.tag == "relIds":
                self.behind += filter(None, [self.drawings.diagram(self.drawings.target(inside.get("r:dm")))])
        if "OLEObject" in tags:
            self.dropped[FILES] += 1
        elif tags & {"pic", "imagedata"} and (words := self.drawings.image(element)):
            yield from self._seen(Run(f" {words} "))


def _outermost(element: Element) -> Iterator[Element]:
    """The elements of a drawing; text boxes are not entered."""
    for child in element:
        yield child
        if child.tag != "txbxContent":
            yield from _outermost(child)


def _form_field(ended: Field) -> str:
    """What a box to tick or to choose from shows."""
    if ended.box is None:
        return ""
    if (box := ended.box.find("checkBox")) is not None:
        ticked = on(box.find("checked"))
        return _CHECKED[bool(on(box.find("default")) if ticked is None else ticked)]
    if (listed := ended.box.find("ddList")) is not None:
        entries = [entry.get("val", "") for entry in listed.findall("listEntry")]
        chosen = whole(value(listed, "result") or value(listed, "default"))
        return entries[chosen] if chosen < len(entries) else ""
    return ""


def _by_position(position: int, run: Element) -> str:
    """Text that is moved up or down by hand, as some programs write raised text."""
    least = _MIN_POSITION if run.find("rPr/sz") is None else _MIN_OF_SIZED
    if abs(position) < least or len("".join(t.text or "" for t in run.iter("t")).strip()) > _SHORT:
        return ""
    return "raised" if position > 0 else "lowered"


def _is_hex(text: str) -> bool:
    return bool(text) and all(c in "0123456789abcdefABCDEF" for c in text)
