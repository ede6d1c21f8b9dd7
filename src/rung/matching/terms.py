"""The words of a text for measures of overlap: whether two texts are about the same, not whether they say the same."""

from __future__ import annotations

import re

from rung.matching.characters import UNSPACED, plain

_TERM = re.compile(rf"[{UNSPACED}]+|[^\s!-/:-@\[-`{{-~{UNSPACED}]+")
_UNSPACED = re.compile(f"[{UNSPACED}]")


def terms(text: str) -> list[str]:
    """Words in lower case; of languages written without spaces (and Korean) each two neighbouring characters.

    A pair of characters is about as telling as a word elsewhere, and needs no dictionary.

    >>> terms("Open 9-17: 瑜伽课")
    ['open', '9', '17', '瑜伽', '伽课']
    """
    found: list[str] = []
    for term in _TERM.findall(plain(text)):
        if len(term) > 1 and _UNSPACED.match(term):
            found.extend(term[at : at + 2] for at in range(len(term) - 1))
        else:
            found.append(term)
    return found
