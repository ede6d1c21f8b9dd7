"""What a Word document says, as Markdown: headings and lists with their numbers, tables, notes behind their paragraphs.

Hidden and deleted text is left out and counted, as are images without words. Pages are made by the printer: it has none.
What a paragraph holds is left to `word_runs`, numbers and styles to `word_styles`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from rung.knowledge.readers.drawing import FILES, Drawings
from rung.knowledge.readers.encodings import decode
from rung.knowledge.readers.markup import converted
from rung.knowledge.readers.numerals import numeral
from rung.knowledge.readers.package import Package
from rung.knowledge.readers.runs import joined
from rung.knowledge.readers.source import Item, SourceFile, Unusable, drops
from rung.knowledge.readers.word_runs import Reading
from rung.knowledge.readers.word_styles import Numbering, Styles, on, value, whole
from rung.knowledge.readers.word_tables import grid, is_single

_HEADING = re.compile(r"^#{1,2} +(.+?) *$", re.MULTILINE)
_NO_TITLE = {"word document", "untitled", "document"}
_ITEM = re.compile(r"\d{1,9}[.)]")
_LETTERED = re.compile(r"\(?[a-zA-Z]{1,4}[.)]|\(\d{1,3}\)")
_MARKS = re.compile(r"^(?=#{1,6}\s)", re.MULTILINE)
_DEEPEST = 6
_LISTED = re.compile(r" *(?:-|\d{1,9}[.)]) ")
_LONGEST_MARK = 4
_CONTAINERS = ("sdt", "sdtContent", "customXml", "smartTag", "ins", "moveTo", "body")


def read_docx(file: SourceFile) -> Iterator[Item]:
    """A Word document as one document."""
    package = Package(file)
    main = package.main("word/document.xml")
    try:
        root = package.xml(main)
    except Unusable as error:
        raise Unusable(f"is no Word document that can be read: it {error}") from error
    word = _Word(package, main, root)
    text = word.text()
    yield from ((0, message) for message in word.broken)
    yield from drops(file, word.dropped)
    if not text:
        yield 0, "holds no text"
        return
    title, heading = package.title(), _HEADING.search(text)
    title = "" if title.lower() in _NO_TITLE else title
    yield 0, converted(file.id, text, title or (heading[1].strip("*_ ") if heading else "") or file.name)


@dataclass(slots=True)
class _Word:
    """A document on its way."""

    package: Package
    main: str
    root: Element
    dropped: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    styles: Styles = field(init=False)
    numbering: Numbering = field(init=False)
    marks: set[str] = field(default_factory=set)  # with which notes begin that are typed by hand
    _notes: dict[tuple[str, str], tuple[str, Element]] = field(default_factory=dict)  # kind, id -> part, note
    _counts: Counter[str] = field(default_factory=Counter)
    _comments: dict[str, Element] = field(default_factory=dict)
    _pending: str = ""  # a paragraph whose end was deleted goes on in the next one
    _readings: dict[str, Reading] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.styles = Styles(self._related("styles"))
        self.numbering = Numbering(self._related("numbering"), self.styles)
        for kind in ("footnote", "endnote"):
            for name in self.package.related(self.main, f"{kind}s"):
                for note in self._parsed(name) or ():
                    if note.get("type", "normal") == "normal":
                        self._notes[kind, note.get("id", "")] = (name, note)
        for comment in self._related("comments") or ():
            self._comments[comment.get("id", "")] = comment

    def text(self) -> str:
        """The whole document as Markdown; "" where it holds no text."""
        self.marks = {mark for paragraph in self.root.iter("p") if (mark := self._mark(paragraph))}
        blocks = self.blocks(self.root, self.main)
        if self._pending.strip():
            blocks.append(self._pending.strip())
        blocks += self._around_pages()
        return _put_together(blocks)

    def _mark(self, paragraph: Element) -> str:
        """The raised text that a paragraph begins with: the mark of a note that was typed by hand."""
        mark = ""
        for run in paragraph.iter("r"):
            text = "".join(t.text or "" for t in run.iter("t"))
            properties = run.find("rPr")
            raised_by = value(properties, "vertAlign") or self.styles.of(value(properties, "rStyle")).raised
            if text and raised_by not in ("superscript", "raised"):
                break
            mark += text.strip()
        return mark if len(mark) <= _LONGEST_MARK else ""

    def blocks(self, parent: Element, part: str, *, inside: bool = False) -> list[str]:
        """The blocks of a body, a cell, a text box or a note; `inside` a table, tables are lines."""
        out: list[str] = []
        for element in parent:
            if element.tag == "p":
                out += self._paragraph(element, part)
            elif element.tag == "tbl":
                out += self._table(element, part, inside=inside)
            elif element.tag == "altChunk":
                out += self._chunk(element, part)
            elif element.tag in _CONTAINERS:
                out += self.blocks(element, part, inside=inside)
            elif element.tag in ("oMath", "oMathPara"):
                holder = Element("p")
                holder.append(element)
                out += self._paragraph(holder, part)
        return out

    def _paragraph(self, element: Element, part: str) -> list[str]:
        reading = self._reading(part)
        outer, reading.behind = reading.behind, []
        text = self._pending + joined(reading.runs(element), self.marks)
        behind, reading.behind = reading.behind, outer
        self._pending = ""
        frame = element.find("pPr/framePr")
        dropped = frame is not None and frame.get("dropCap", "none") != "none"  # the large letter of the next paragraph
        if part == self.main and (dropped or element.find("pPr/rPr/del") is not None):
            self._pending = text
            return behind
        lines = [line.strip() for line in text.strip().split("\n")]
        return [*filter(None, [self._formed(element, "\n".join(filter(None, lines)))]), *behind]

    def _formed(self, element: Element, text: str) -> str:
        """A paragraph's text as what it is: a heading, an item of a list, or a paragraph, with its automatic number."""
        id = value(element, "pPr/pStyle")
        style = self.styles.of(id)
        outline = value(element, "pPr/outlineLvl")
        heading = style.heading if not outline else whole(outline) + 1 if whole(outline) < 9 else 0
        number, level = value(element, "pPr/numPr/numId") or style.number, value(element, "pPr/numPr/ilvl")
        label = None
        if number and number != "0" and not on(element.find("pPr/rPr/vanish")):
            listed = self.numbering.level_of(number, id) if style.level is None else style.level
            at = whole(level) if level else listed
            label = self.numbering.label(number, at)
        if not text:
            return ""
        if heading:
            words = " ".join(text.split())
            return f"{'#' * min(heading, _DEEPEST)} {words if label in (None, '•') else f'{label} {words}'}"
        text = _MARKS.sub("\\\\", text)
        if label is None:
            return text
        return _item(label, text, at)

    def _table(self, element: Element, part: str, *, inside: bool) -> list[str]:
        """A table; one of a single column only lays out what is in it."""
        single = is_single(element)
        cells = grid(element, self.dropped, lambda cell: self.blocks(cell, part, inside=inside or not single))
        return cells.contents() if single else cells.lines() if inside else cells.blocks()

    def _chunk(self, element: Element, part: str) -> list[str]:
        """A part in another format that is to be read where it is named: HTML, or text."""
        name = self._reading(part).drawings.target(element.get("r:id"))
        kind = name.rpartition(".")[2].lower()
        if kind not in ("html", "htm", "xhtml", "txt") or name not in self.package:
            self.dropped[FILES] += 1
            return []
        text, _ = decode(self.package.read(name))
        if kind != "txt":
            from rung.knowledge.readers.html import to_markdown

            text = to_markdown(text or "")
        return [text.strip()] if text and text.strip() else []

    def _note(self, kind: str, id: str, reading: Reading) -> str:
        """The mark of a note, whose text goes behind the paragraph."""
        entry = self._notes.get((kind, id))
        if entry is None:
            return ""
        self._counts[kind] += 1
        mark = numeral(self._counts[kind], "decimal" if kind == "footnote" else "lowerRoman")
        part, note = entry
        text = " ".join(" ".join(self.blocks(note, part)).split())
        if text:
            reading.behind.append(f"[{mark}] {text}")
        return mark

    def _comment(self, id: str) -> str:
        comment = self._comments.get(id)
        if comment is None:
            return ""
        name = next(self.package.related(self.main, "comments"), self.main)
        text = " ".join(" ".join(self.blocks(comment, name)).split())
        author = comment.get("author", "").strip()
        return f"[Comment{f' by {author}' if author else ''}: {text}]" if text else ""

    def _reading(self, part: str) -> Reading:
        if part not in self._readings:
            drawings = Drawings(self.package, part, self.dropped, self.broken)
            self._readings[part] = reading = Reading(
                self.styles,
                drawings,
                self.dropped,
                note=lambda kind, id: self._note(kind, id, reading),
                comment=self._comment,
                boxed=lambda box: self.blocks(box, part),
            )
        return self._readings[part]

    def _around_pages(self) -> list[str]:
        """The headers and footers of all pages, each text once."""
        settings = self._related("settings")
        even = settings is not None and bool(on(settings.find("evenAndOddHeaders")))
        lines: dict[str, None] = {}
        relations = self.package.relations(self.main)
        for section in self.root.iter("sectPr"):
            first = bool(on(section.find("titlePg")))
            for element in section:
                kind = element.get("type", "default")
                if element.tag not in ("headerReference", "footerReference"):
                    continue
                relation = relations.get(element.get("r:id", ""))
                if relation is None or (kind == "first" and not first) or (kind == "even" and not even):
                    continue
                text = self._of_page(relation.target)
                if text:
                    lines[f"{'Header' if element.tag == 'headerReference' else 'Footer'}: {text}"] = None
        return list(lines)

    def _of_page(self, part: str) -> str:
        root = self._parsed(part)
        if root is None:
            return ""
        text = _put_together(self.blocks(root, part)).strip()
        if self._reading(part).numbered_pages and len(re.findall(r"\w+", text)) <= 3 and not re.search(r"\d", text):
            return ""  # "Page … of …" without its numbers
        return text

    def _related(self, kind: str) -> Element | None:
        name = next(self.package.related(self.main, kind), None)
        return self._parsed(name) if name else None

    def _parsed(self, name: str) -> Element | None:
        try:
            return self.package.xml(name)
        except Unusable as error:
            self.broken.append(str(error))
            return None


def _item(label: str, text: str, level: int) -> str:
    indent = "  " * level
    text = text.replace("\n", f"\n{indent}  ")
    if label == "•":
        return f"{indent}- {text}"
    if _ITEM.fullmatch(label):
        return f"{indent}{label} {text}"
    return f"{indent}- {label} {text}" if _LETTERED.fullmatch(label) else f"{label} {text}"


def _put_together(blocks: list[str]) -> str:
    """Blocks with an empty line between them; items of a list stand line by line."""
    out = ""
    before = False
    for block in blocks:
        listed = bool(_LISTED.match(block))
        out += ("\n" if listed and before else "\n\n") * bool(out) + block
        before = listed
    return f"{out}\n" if out else ""
