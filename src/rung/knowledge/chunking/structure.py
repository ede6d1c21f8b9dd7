"""Where a text may be cut, at what cost, and what should stay whole: plain text, Markdown and source code.

How the pieces become passages is left to `packing` and `chunking`.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePath

from rung.knowledge.chunking.code import definitions, language_of
from rung.knowledge.chunking.markdown import Block, Heading, blocks, headings
from rung.knowledge.chunking.packing import TORN
from rung.records import Document
from rung.text.sentences import sentence_starts

# What a cut costs, against 1 for a passage that is empty and 0.25 for one that is half full.
SECTION, PARAGRAPH, ITEM, SENTENCE, ROW, LINE, INNER_LINE, WORD = 0.0, 0.02, 0.08, 0.12, 0.15, 0.6, 0.8, 2.0
CROSS_SECTION = 0.15  # what it costs to run a passage on over the start of a section
_MARKDOWN = {".md", ".markdown", ".mdown", ".mkd"}
_BLANK_LINES = re.compile(r"\n[^\S\n]*(?:\n[^\S\n]*)+")
_LINE_START = re.compile(r"\n[^\S\n]*(?=\S)")
_ITEM = re.compile(r"(?:[-*+]|\d{1,9}[.)])[ \t]")


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the text with a name: what stands under a heading, or a definition in code. Parts nest."""

    start: int
    end: int
    title: str


@dataclass(frozen=True, slots=True)
class Cut:
    """A place where a passage may begin. `torn`: what stands before it belongs to what comes after it."""

    at: int
    cost: float
    cross: float = 0.0
    section: bool = False
    torn: bool = False


@dataclass(slots=True)
class Structure:
    """Cuts in ascending order, spans to keep whole (outer before inner), named sections, and tables with their head row."""

    cuts: list[Cut] = field(default_factory=list)
    keeps: list[tuple[int, int]] = field(default_factory=list)
    sections: list[Section] = field(default_factory=list)
    tables: list[Section] = field(default_factory=list)


def is_markdown(document: Document) -> bool:
    """Whether to cut at Markdown structure: by the suffix of the source, or `meta.format: markdown`."""
    return PurePath(document.source).suffix.lower() in _MARKDOWN or document.meta.get("format") == "markdown"


def structure(document: Document, start: int) -> Structure:
    """What the text from `start` on is made of."""
    if is_markdown(document):
        return of_markdown(document.text, start)
    language = language_of(document)
    return of_code(document.text, start, language) if language else of_text(document.text, start)


def of_text(text: str, start: int) -> Structure:
    """Paragraphs, sentences and lines of a plain text."""
    layout = Structure()
    position = start
    for gap in _BLANK_LINES.finditer(text, start):
        layout.cuts.extend(_prose(text, position, gap.start(), Cut(position, PARAGRAPH)))
        position = gap.end()
    layout.cuts.extend(_prose(text, position, len(text), Cut(position, PARAGRAPH)))
    return layout


def of_markdown(text: str, start: int) -> Structure:
    """Sections, tables, lists, code blocks and paragraphs of a Markdown text."""
    heads = headings(text, start)
    layout = Structure(sections=_under(heads, len(text)))
    torn = False
    for block in blocks(text, start, {h.start: h.end for h in heads}):
        first = Cut(block.start, PARAGRAPH, torn=torn)
        torn = False
        match block.kind:
            case "heading":
                layout.cuts.append(Cut(block.start, SECTION, CROSS_SECTION, section=True, torn=first.torn))
                torn = True
            case "rule":
                layout.cuts.append(first)
            case "table":
                layout.keeps.append((block.start, block.end))
                layout.tables.append(_table(text, block))
                layout.cuts.append(first)
                # The line of dashes belongs to the head row.
                layout.cuts.extend(Cut(at, ROW) for at in list(_lines(text, block.start, block.end))[1:])
            case "code":
                layout.keeps.append((block.start, block.end))
                layout.cuts.append(first)
                layout.cuts.extend(_code_lines(text, block.start, block.end))
            case "list":
                layout.keeps.append((block.start, block.end))
                _list(text, block, first, layout)
            case _:
                layout.cuts.extend(_prose(text, block.start, block.end, first))
    return layout


def of_code(text: str, start: int, language: str) -> Structure:
    """Definitions and lines of source code."""
    units = definitions(text, start, language)
    layout = Structure(keeps=[(d.start, d.end) for d in units], sections=[Section(d.start, d.end, d.title) for d in units])
    depths: dict[int, int] = {}
    open_ends: list[int] = []
    for definition in units:
        while open_ends and open_ends[-1] <= definition.start:
            open_ends.pop()
        depths.setdefault(definition.start, len(open_ends))
        open_ends.append(definition.end)
    layout.cuts.append(Cut(start, SECTION))
    for cut in _code_lines(text, start, len(text)):
        depth = depths.get(cut.at)
        layout.cuts.append(cut if depth is None else Cut(cut.at, 0.05 * depth, CROSS_SECTION / 2, section=True))
    return layout


def _under(heads: list[Heading], end: int) -> list[Section]:
    """The sections under headings: each ends where a heading of its level or above begins."""
    ends = [end] * len(heads)
    still_open: list[int] = []
    for index, heading in enumerate(heads):
        while still_open and heads[still_open[-1]].level >= heading.level:
            ends[still_open.pop()] = heading.start
        still_open.append(index)
    return [Section(heading.start, after, heading.title) for heading, after in zip(heads, ends, strict=True)]


def _prose(text: str, start: int, end: int, first: Cut) -> Iterator[Cut]:
    """The cuts of a paragraph: its start, its sentences, and its lines as a last resort."""
    yield first
    begins = set(sentence_starts(text, start, end))
    lines = (Cut(m.end(), LINE) for m in _LINE_START.finditer(text, start, end) if m.end() not in begins)
    yield from sorted([*(Cut(at, SENTENCE) for at in begins), *lines], key=lambda cut: cut.at)


def _list(text: str, block: Block, first: Cut, layout: Structure) -> None:
    """Items as units; nested items cost more than outer ones."""
    begin = block.start + len(text[block.start : block.end]) - len(text[block.start : block.end].lstrip())
    starts = [begin, *_lines(text, begin, block.end)]
    items = [(at, _indent(text, at)) for at in starts if _ITEM.match(text, at)]
    outer = min((indent for _, indent in items), default=0)
    tops = [begin, *(at for at, indent in items if indent <= outer + 1 and at > begin)]
    layout.keeps.extend(zip(tops, [*tops[1:], block.end], strict=True))
    marks = dict(items)
    position, cut = block.start, first
    for at in [at for at in starts[1:] if at in marks]:
        layout.cuts.extend(_prose(text, position, at, cut))
        position, cut = at, Cut(at, ITEM + 0.02 * min(marks[at] - outer, 8))
    layout.cuts.extend(_prose(text, position, block.end, cut))


def _code_lines(text: str, start: int, end: int) -> Iterator[Cut]:
    """The lines of code after the first: after a blank line it is cheaper, deep inside dearer."""
    for match in _LINE_START.finditer(text, start, end):
        at = match.end()
        begin = _line_begin(text, at)
        blank = text[max(start, begin - 2) : begin] == "\n\n" or not text[text.rfind("\n", 0, begin - 1) + 1 : begin].strip()
        depth = min(at - begin, 16) / 16
        yield Cut(at, SENTENCE + 0.2 * depth if blank else LINE + (INNER_LINE - LINE) * depth)


def _lines(text: str, start: int, end: int) -> Iterator[int]:
    """Where the lines after the first one begin, indentation left out; blank lines are none."""
    return (match.end() for match in _LINE_START.finditer(text, start, end))


def _line_begin(text: str, at: int) -> int:
    return text.rfind("\n", 0, at) + 1


def _indent(text: str, at: int) -> int:
    return at - _line_begin(text, at)


def _table(text: str, block: Block) -> Section:
    """The table's span, named by its head row: its cells between bars."""
    line = text[block.start : block.end].split("\n", 1)[0]
    cells = (cell.strip() for cell in line.strip().strip("|").split("|"))
    return Section(block.start, block.end, " | ".join(filter(None, cells)))


class Paths:
    """The names of the sections around a position, outermost first. Ask in any order."""

    def __init__(self, sections: Iterable[Section]) -> None:
        self._starts: list[int] = []
        self._paths: list[tuple[Section, ...]] = []
        path: list[Section] = []
        for section in sections:
            path = [outer for outer in path if outer.end > section.start]
            path.append(section)
            self._starts.append(section.start)
            self._paths.append(tuple(path))

    def at(self, position: int) -> tuple[str, ...]:
        """The path at a position; a section that begins exactly there is on it."""
        index = bisect_right(self._starts, position)
        return tuple(s.title for s in self._paths[index - 1] if s.end > position) if index else ()

    def over(self, start: int, end: int) -> tuple[str, ...]:
        """What the paths of everything from `start` to `end` have in common: a passage of two sections is of neither."""
        common = self.at(start)
        for index in range(bisect_right(self._starts, start), bisect_right(self._starts, end - 1)):
            path = tuple(section.title for section in self._paths[index])
            shared = next(
                (n for n, (a, b) in enumerate(zip(common, path, strict=False)) if a != b), min(len(common), len(path))
            )
            common = common[:shared]
        return common


__all__ = ["TORN", "WORD", "Cut", "Paths", "Section", "Structure", "is_markdown", "structure"]
