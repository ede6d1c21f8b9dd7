"""Ordinals in figures and in words as the numbers that they are, English and German: "third", "3rd", "dritter", "3."."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rung.text.matching.characters import choices

_FIRST = [
    *("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh", "twelfth"),
    *("thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth", "eighteenth", "nineteenth"),
]
_TENS = ["twent", "thirt", "fort", "fift", "sixt", "sevent", "eight", "ninet"]
_GERMAN = ["erst", "zweit", "dritt", "viert", "fünft", "sechst", "siebt", "acht", "neunt", "zehnt", "elft", "zwölft"]
_GERMAN_TENS = ["zwanzigst", "dreissigst", "vierzigst", "fünfzigst"]


def _words() -> dict[str, str]:
    words = {word: str(n) for n, word in enumerate(_FIRST, start=1)}
    for n, ten in enumerate(_TENS, start=2):
        words[f"{ten}ieth"] = str(10 * n)
        words |= {f"{ten}y-{word}": str(10 * n + m) for m, word in enumerate(_FIRST[:9], start=1)}
    stems = {stem: str(n) for n, stem in enumerate(_GERMAN, start=1)}
    stems |= {stem: str(10 * n) for n, stem in enumerate(_GERMAN_TENS, start=2)}
    return words | {f"{stem}e{ending}": n for stem, n in stems.items() for ending in ("", "r", "s", "n", "m")}


_WORDS = _words()
_IN_WORDS = re.compile(  # "one second" is a time
    r"(?<![\d.] )(?<!\bone )(?<!\bper )(?<!\beach )(?<!\bevery )"
    rf"\b({choices(_WORDS)})\b(?![-'])"
)
_IN_FIGURES = re.compile(r"(?<![\w.,])(\d{1,4})(?:st|nd|rd|th)\b|(?<![\w.,])(\d{1,2})\.(?= [^\W\d])")


def are_written_in_two_ways(texts: Sequence[str]) -> bool:
    """Whether one of the texts, in one way of writing, has an ordinal in figures, and another one in words."""
    figures = [_IN_FIGURES.search(text) is not None for text in texts]
    return any(figures) and any(
        _IN_WORDS.search(text) and any(figures[:n] + figures[n + 1 :]) for n, text in enumerate(texts)
    )


def as_numbers(text: str) -> str:
    """A text in one way of writing, its ordinals as numbers.

    >>> as_numbers("the third floor"), as_numbers("the 21st of the twenty-first")
    ('the 3 floor', 'the 21 of the 21')
    """
    text = _IN_WORDS.sub(lambda match: _WORDS[match[1]], text)
    return _IN_FIGURES.sub(lambda match: match[1] or match[2], text)
