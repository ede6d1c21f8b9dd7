"""The words of a text for search and for measures of overlap: whether two texts are about the same, not whether they agree.

Languages written without spaces (Chinese, Japanese, Thai, Lao, Khmer, Burmese), and Korean, whose particles hang on words,
are cut into pairs of neighbouring characters: about as telling as a word elsewhere, and no dictionary has to know them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from rung.text.matching.characters import UNSPACED, plain

_TERM = re.compile(r"[^\s!-/:-@\[-`{-~]+")
_PART = re.compile(rf"[{UNSPACED}]+|[^{UNSPACED}]+")
_RUN = re.compile(rf"[{UNSPACED}]")
_MARKS = (
    "\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ece\u102b-\u103e\u1056-\u1059\u17b4-\u17d3\u3099\u309a"
)
_UNIT = re.compile(rf"[{UNSPACED}][{_MARKS}]*")  # a letter with the vowels and tones above and below it
_IDEOGRAM = re.compile("[\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7af\U00020000-\U0003ffff]")


def terms(text: str) -> list[str]:
    """Words in lower case, and pairs of characters where there are no spaces between words.

    >>> terms("Open 9-17: 瑜伽课")
    ['open', '9', '17', '瑜伽', '伽课']
    """
    return [part for term in _TERM.findall(plain(text)) for part in _parts(term)]


def has_runs(text: str) -> bool:
    """Whether a text has characters of a language that is cut into pairs."""
    return not text.isascii() and _RUN.search(text) is not None


def run_terms(text: str) -> list[str]:
    """The terms of those words that hold such characters; a single ideogram or syllable is a term beside its pairs.

    >>> run_terms("My iPhone手机")
    ['iphone', '手机', '手', '机']
    """
    runs: list[str] = []
    for term in _TERM.findall(plain(text)):
        if _RUN.search(term):
            parts = list(_parts(term))
            runs += [*parts, *(single for single in _IDEOGRAM.findall(term) if single not in parts)]
    return runs


def _parts(term: str) -> Iterator[str]:
    for part in _PART.findall(term) if _RUN.search(term) else (term,):
        units = _UNIT.findall(part) if _RUN.match(part) else ()
        yield from (one + other for one, other in pairwise(units)) if len(units) > 1 else (part,)
