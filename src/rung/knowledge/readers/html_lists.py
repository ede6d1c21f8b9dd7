"""Lists of a page as they are shown: letters and Roman numbers before items, numbers that jump, terms with meanings."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rung.knowledge.readers.html_tree import is_block, tag
from rung.knowledge.readers.numerals import numeral

if TYPE_CHECKING:
    from rung.knowledge.readers.html_tree import Element

UNESCAPED = "\ue002"  # keeps the writer of Markdown from taking a number for one of its own; goes away after it
_TYPES = {"a": "lowerLetter", "A": "upperLetter", "i": "lowerRoman", "I": "upperRoman"}
_STYLED = re.compile(r"list-style(?:-type)?\s*:[^;]*?\b(lower|upper)-(alpha|latin|roman)", re.IGNORECASE)
_WHOLE = re.compile(r"\s*-?\d{1,6}\s*")


def write_lists(root: Element) -> None:
    """Write numbers that Markdown does not count by itself before the items of lists; definitions become lists."""
    for numbered in list(root.iter("ol")):
        _number(numbered)
    for definitions in list(root.iter("dl")):
        _listed(definitions)


def _number(numbered: Element) -> None:
    """Letters, Roman numbers, and numbers that count down or jump become words of a list without numbers."""
    items = [item for item in numbered if tag(item) == "li"]
    down = numbered.get("reversed") is not None
    form = _form(numbered)
    if form == "decimal" and not down and not any(_is_whole(item.get("value")) for item in items):
        return
    start = numbered.get("start")
    number = int(start or "") if _is_whole(start) else len(items) if down else 1
    for item in items:
        value = item.get("value")
        number = int(value or "") if _is_whole(value) else number
        _put_first(item, f"{numeral(number, form)}{UNESCAPED}. ")
        number += -1 if down else 1
    numbered.tag = "ul"


def _form(numbered: Element) -> str:
    styled = _STYLED.search(numbered.get("style") or "")
    if styled:
        return f"{styled[1].lower()}{'Roman' if styled[2].lower() == 'roman' else 'Letter'}"
    return _TYPES.get((numbered.get("type") or "").strip(), "decimal")


def _is_whole(text: str | None) -> bool:
    return text is not None and bool(_WHOLE.fullmatch(text))


def _put_first(item: Element, words: str) -> None:
    """Put words before those of an item, in its first paragraph where it has one."""
    while not (item.text or "").strip() and len(item) and is_block(item[0]) and tag(item[0]) not in ("ul", "ol", "table"):
        item = item[0]
    item.text = words + (item.text or "").lstrip()


def _listed(definitions: Element) -> None:
    """A short list of definitions as items `Term: meaning; another`, so that they stay together; others stay as they are."""
    from lxml import etree

    entries = [e for child in definitions for e in (child if tag(child) == "div" else (child,)) if tag(e) in ("dt", "dd")]
    parent, terms = definitions.getparent(), sum(tag(e) == "dt" for e in entries)
    if parent is None or 2 * (len(entries) - terms) < max(terms, 1):  # a list of another kind
        return
    if any(is_block(inner) for e in entries for inner in e.iterdescendants()):
        return
    listing = etree.Element("ul")
    listing.tail = definitions.tail
    item, last = None, ""
    for entry in entries:
        if item is None or (tag(entry) == "dt" and last == "dd"):
            item, last = etree.SubElement(listing, "li"), ""
        between = {"": "", "dt": ": " if tag(entry) == "dd" else ", ", "dd": "; "}[last]
        last, entry.tag, entry.tail = tag(entry), "b" if tag(entry) == "dt" else "span", None
        if len(item):
            item[-1].tail = between
        item.append(entry)
    parent.replace(definitions, listing)
