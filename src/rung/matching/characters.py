"""One way of writing for what people write in several: digits, dashes, fractions, raised text, spaces, case.

What a number is worth is left to `numerals`, what a word is to `reading`.
"""

from __future__ import annotations

import re
import unicodedata

# Languages written without spaces (and Korean, whose words carry their particles): each character is a token.
UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\uac00-\ud7af\U00020000-\U0003ffff"
)

# What a letter of a word is to a pattern: `\w` knows neither combining accents nor the vowels of Indian scripts.
LETTER = (
    r"(?:[^\W_]|[\u0300-\u036f\u0591-\u05bd\u064b-\u065f\u0670\u0900-\u0963\u0966-\u0dff\u0e31-\u0e4e\u0eb1-\u0ece"
    r"\u102b-\u103e\u17b4-\u17d3])"
)

_RAISED_DIGITS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻", "0123456789+-")
_RAISED = re.compile(r"[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻]+")
_VULGAR = re.compile(r"[¼-¾⅐-⅞↉]")
_THOUSANDS = re.compile(r"(?<=\d)[\u00a0\u2007\u2009\u202f’'٬](?=\d{3}(?!\d))")  # spaces that cannot break, and marks
_BRACED = re.compile(r"\^\s?\{\s?([+-]?\w+)\s?\}")
_DIGIT = re.compile(r"(?![0-9])\d")
_DASH_RANGE = re.compile(r"(?<=\d)(\s?)[–—](\s?)(?=\d)")
_DASH_MINUS = re.compile(r"(?<!\w)–(?=[\d.$€£¥])")
_TIMES = re.compile(r"(?<=\d)\s?[·⋅]\s?(?=10\^)")
_SAME = str.maketrans(
    {"−": "-", "‐": "-", "‑": "-", "‒": "-", "﹣": "-", "－": "-", "’": "'", "ʼ": "'", "‘": "'", "٫": ".", "∕": "/",
     "™": "", "®": "", "©": "", "⁄": "/", "≦": "≤", "≧": "≥", "º": "°"}
)  # fmt: skip


class _Signs(dict[int, str]):
    """What each character beyond ASCII becomes: punctuation and spaces a space, a symbol a word of its own."""

    def __missing__(self, code: int) -> str:
        character, kind = chr(code), unicodedata.category(chr(code))
        if code < 128:
            written = character
        elif kind == "Cf":
            written = ""
        elif kind[0] in "PZC":
            written = " "
        else:
            written = f" {character} " if kind in ("Sm", "So") and character != "°" else character
        self[code] = written
        return written


_SIGNS = _Signs()


def plain(text: str) -> str:
    """A text in lower case and in one way of writing; marks of ASCII are left standing.

    >>> plain("2½ m² – „−5 °C“")
    '2 1/2 m^2    -5 °c '
    """
    if not text.isascii():
        text = _THOUSANDS.sub("'", text)
        text = _RAISED.sub(lambda raised: "^" + raised[0].translate(_RAISED_DIGITS), text)
        text = _VULGAR.sub(lambda found: " " + unicodedata.normalize("NFKC", found[0]), text)
        text = unicodedata.normalize("NFKC", text.translate(_SAME)).translate(_SAME)
        text = _TIMES.sub("×", text)
        text = _DIGIT.sub(lambda digit: str(unicodedata.decimal(digit[0])), text)
        text = _DASH_MINUS.sub("-", _DASH_RANGE.sub(r"\1-\2", text)).translate(_SIGNS)
        text = unicodedata.normalize("NFC", text.casefold())
    return _BRACED.sub(r"^\1", text.casefold())
