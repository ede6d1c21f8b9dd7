"""Telephone numbers in a text: by their form, or by a word beside them that says so.

Numbers that only some country writes so (three groups, two and two) are left alone where no word is near: in the national
formats of all countries golf scores, dates and sums are valid telephone numbers (docs/benchmarks.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

MIN_DIGITS, MAX_DIGITS = 7, 15  # E.164; without its country and area, 7
_ENOUGH = re.compile(r"\d(?:[ .()/-]{0,3}\d){6}")  # no number is written without it
_BEGIN = r"(?<![\w+/$€£-])(?<!\d[.,])"
_END = r"(?!\w|-\d|[.,]\d)"
_EXTENSION = r"(?: ?(?:x|ext\.?) ?\d{1,6})?"
_FORMS = tuple(
    re.compile(_BEGIN + form + _END)
    for form in (
        # an international number
        r"\+\d{1,3}[ .\-/]?(?:\(0?\d{1,4}\)[ .\-/]?)?\d{1,5}(?:[ .\-/]?\d{1,5}){1,6}(?: ?x\d{1,6})?",
        # North America
        r"(?:(?:00)?1[ .-])?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[ .-])\d{3}[ .-]\d{4}" + _EXTENSION,
        # an area that begins with 0, then groups
        r"(?<!\d )(?:\(0\d{2,5}\)[ /-]?|0\d{2,5}[ /-])\d{3,4}(?:[ -]?\d{2,5}){1,3}",
        # the same in twos: France, Belgium
        r"(?<!\d )(?:0\d(?:[ .-]\d\d){4}|0\d{2,3}(?:[ .-]\d\d){3})",
    )
)
_DATE = r"(?:19|20)\d\d |\d{1,4}[./-]\d{1,2}[./-]\d{1,4}(?![\d./-])"
_DIGITS = rf"(?P<number>\+?(?!{_DATE})(?:\(\+?\d{{1,4}}\) ?)?\d[\d .()/-]{{5,18}}\d)"
_DEVICE = r"phone|telephone|tel|mobile|cell(?:phone)?|fax|whatsapp|landline|hotline"
_ROOM = r"desk|office|home|work|direct"
_VERB = r"call|ring|dial|phone|text|sms|message|reach|contact|answer"
_PERSON = r"(?: (?:me|us|him|her|them|you|back|again)){0,2}"
_BESIDE = tuple(
    re.compile(pattern)
    for pattern in (
        # "Fax: 9498777106", "my phone number is 781 1704"
        rf"(?i:\b(?:{_DEVICE})\b)(?: number| no\.?)?(?: is)?[.:]{{0,2}}\s{{0,2}}{_DIGITS}{_END}",
        rf"(?i:\b(?:{_ROOM})(?: phone| number)?: ?|\bmy number(?: is)?:? ){_DIGITS}{_END}",
        # "781 1704 office" at the end of a line or clause
        rf"{_BEGIN}(?<![(.]){_DIGITS}(?: |-|, ?| \()(?i:{_DEVICE}|{_ROOM})(?=\s*(?:$|[\n.,;/\\)]))",
        # "text me on 781 1704", "messages to 781 1704", "call 781 1704"
        rf"(?i:\b(?:{_VERB})(?:s|ed|ing|able)?{_PERSON} (?:at|on|to|under) ){_DIGITS}{_END}",
        rf"(?i:\b(?:call|ring|dial|phone){_PERSON} ){_DIGITS}{_END}",
    )
)
_HINT = re.compile(rf"{_DEVICE}|{_ROOM}|{_VERB}|my number", re.IGNORECASE)
_EXTENSION_BEGINS = re.compile(r"x|ext")


def telephones(text: str) -> Iterator[tuple[int, int]]:
    """(start, end) of each telephone number, in characters; some more than once, by several of the rules."""
    if not _ENOUGH.search(text):
        return
    for pattern in _FORMS:
        yield from (m.span() for m in pattern.finditer(text) if _has_length(m[0]))
    if _HINT.search(text):
        for pattern in _BESIDE:
            yield from (m.span("number") for m in pattern.finditer(text) if _has_length(m["number"]))


def _has_length(number: str) -> bool:
    main: str = _EXTENSION_BEGINS.split(number)[0]
    digits = sum(character.isdigit() for character in main)
    return MIN_DIGITS <= digits <= MAX_DIGITS
