"""What a PDF repeats on its pages, and how its lines end: headers and footers are kept once, hyphens that belong stay.

Pure rules over parts and lines.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise

from rung.knowledge.readers.pdf_page import Line, Part, Sheet

_BAND = 0.12  # of a page's height, at its top and bottom, in which headers and footers stand
_NARROW = 0.08  # the same where there are few pages to compare
_NEAR = 4.0  # points by which they may move from page to page
_MIN_PAGES = 3  # of many that have a line, for it to be a header
_SHARE = 0.6  # of the pages, or of those on the left or the right
_LONGEST = 160  # characters
_NUMBER = re.compile(r"\d+|\b[ivxlc]{1,7}\b")
_CUT = re.compile(r"([^\W\d_]+(?:[-‐][^\W\d_]+)*)[-‐\u00ad\u0002]\s*\Z")
_BEGINS = re.compile(r"\s*([^\W\d_]+)")
_COMPOUND = re.compile(r"[^\W\d_]+(?:[-‐][^\W\d_]+)+")
_WORD = re.compile(r"[^\W\d_]+")
_KEEPING = frozenset({"all", "anti", "co", "cross", "ex", "half", "high", "long", "low", "non", "self", "short", "well"})


def keep_once(sheets: Sequence[Sheet]) -> int:
    """Take headers and footers out of all pages but the first that has them; how many were taken out.

    A header is a line at the edge of a page that comes again in the same place on most pages, or on most left or right ones.
    Its numbers may differ if they count the pages; a number alone says nothing and goes everywhere.
    """
    repeated: dict[tuple[str, str], list[tuple[Sheet, Part]]] = defaultdict(list)
    for sheet in sheets:
        for edge, part in _edges(sheet, _BAND if len(sheets) >= _MIN_PAGES else _NARROW):
            repeated[edge, _NUMBER.sub("#", " ".join(part.text.split()).lower())].append((sheet, part))
    taken = 0
    for (_, words), places in repeated.items():
        for group in _in_one_place(places):
            if not _recurs(group, sheets) or not _counts_pages(group):
                continue
            empty = not words.strip("#-–—|/.· ")
            for number, (sheet, part) in enumerate(group):
                if number or empty:
                    sheet.parts.remove(part)
                    taken += not empty
                else:  # no heading of what follows
                    part.kind, part.emphasis, part.repeated = "paragraph", "", True
    return taken


def mend_hyphens(sheets: Sequence[Sheet]) -> None:
    """Put back hyphens that belong to a word and stood at the end of a line: `state-of-the-art`, not `state-of-theart`.

    A hyphen belongs to a word that is written so elsewhere in the document, that has one already, or that begins with a
    part such as `well` or `non`; elsewhere the word was cut.
    """
    words: Counter[str] = Counter()
    cuts: list[tuple[Sheet, str, str]] = []
    for sheet in sheets:
        for line in sheet.lines:
            words.update(word.lower() for word in (*_COMPOUND.findall(line.text), *_WORD.findall(line.text)))
        cuts += [(sheet, left, right) for left, right in _cuts(sheet.lines)]
    for sheet, left, right in cuts:
        if _belongs(left, right, words):
            for part in sheet.parts:
                if part.kind not in ("code", "grid_fallback"):
                    part.text = re.sub(rf"\b{re.escape(left)}{re.escape(right)}\b", f"{left}-{right}", part.text)


def _edges(sheet: Sheet, band: float) -> Iterable[tuple[str, Part]]:
    """Short parts at the upper and the lower edge of a page."""
    for part in sheet.parts:
        if part.kind not in ("paragraph", "heading", "list_item", "code", "grid_fallback") or len(part.text) > _LONGEST:
            continue
        if part.box.bottom < band * sheet.height:
            yield "top", part
        elif part.box.top > (1 - band) * sheet.height:
            yield "bottom", part


def _in_one_place(places: Sequence[tuple[Sheet, Part]]) -> list[list[tuple[Sheet, Part]]]:
    groups: list[list[tuple[Sheet, Part]]] = []
    for sheet, part in places:
        group = next((g for g in groups if abs(g[0][1].box.top - part.box.top) < _NEAR), None)
        if group is None:
            groups.append([(sheet, part)])
        else:
            group.append((sheet, part))
    return groups


def _recurs(group: Sequence[tuple[Sheet, Part]], sheets: Sequence[Sheet]) -> bool:
    pages = {sheet.number for sheet, _ in group}
    if len(pages) < min(_MIN_PAGES, max(2, len(sheets))) or len(pages) != len(group):
        return False
    sides = [{sheet.number for sheet in sheets if sheet.number % 2 == side} for side in (0, 1)]
    one_side = any(len(pages & side) >= max(_MIN_PAGES, _SHARE * len(side)) for side in sides)
    return one_side or len(pages) >= _SHARE * len(sheets)


def _counts_pages(group: Sequence[tuple[Sheet, Part]]) -> bool:
    """Whether the numbers of a line are the same everywhere, or grow with the pages and stand in small print.

    `Rates of 2001`, `Rates of 2002`, … in large letters at the top of each page are headings.
    """
    counted = [_NUMBER.findall(part.text.lower()) for _, part in group]
    if all(numbers == counted[0] for numbers in counted):
        return True
    heading = all(part.kind == "heading" for _, part in group)
    top = group[0][1].box.bottom < group[0][0].height / 2
    if heading and top:
        return False
    numbered = [(sheet.number, numbers) for (sheet, _), numbers in zip(group, counted, strict=True)]
    return all(_differ_as_pages(a, b) for a, b in pairwise(numbered))


def _differ_as_pages(first: tuple[int, list[str]], second: tuple[int, list[str]]) -> bool:
    (page, numbers), (next_page, others) = first, second
    changed = [(a, b) for a, b in zip(numbers, others, strict=True) if a != b]
    counted = [int(b) - int(a) for a, b in changed if a.isdigit() and b.isdigit()]
    return all(step == next_page - page for step in counted)


def _cuts(lines: Sequence[Line]) -> Iterable[tuple[str, str]]:
    """Words that are cut at the end of a line: what stands before the hyphen and what the next line begins with."""
    for line, below in pairwise(lines):
        cut, begins = _CUT.search(line.text), _BEGINS.match(below.text)
        if cut and begins and below.box.top > line.box.top:
            yield cut[1], begins[1]


def _belongs(left: str, right: str, words: Counter[str]) -> bool:
    whole, apart = f"{left}{right}".lower(), f"{left}-{right}".lower()
    if words[whole] or words[apart]:
        return words[apart] > words[whole]
    return "-" in left or left.lower() in _KEEPING
