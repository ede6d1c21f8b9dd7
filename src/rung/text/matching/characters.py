"""One way of writing for what people write in several: digits, dashes, fractions, raised text, spaces, case.

What a number is worth is left to `numerals`, what a word is to `reading`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

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

# A word: a run of letters; in languages written without spaces a character.
WORD = rf"[{UNSPACED}]|(?:(?![{UNSPACED}]){LETTER})+"

_RAISED_DIGITS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻", "0123456789+-")
_RAISED = re.compile(r"[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻]+")
_VULGAR = re.compile(r"[ \u00a0\u2009\u202f]?([¼-¾⅐-⅞↉])")
_THOUSANDS = re.compile(r"(?<=\d)[\u00a0\u2007\u2009\u202f’'٬](?=\d{3}(?!\d))")  # spaces that cannot break, and marks
_BRACED = re.compile(r"\^\s?\{\s?([+-]?\w+)\s?\}")
_DIGIT = re.compile(r"(?![0-9])\d")
_AFTER_AMOUNT = r"[\d%‰°$€£¥₹年月日時分円元]"
_DASH_RANGE = re.compile(rf"(?<={_AFTER_AMOUNT})(\s?)[–—〜](\s?)(?=[\d$€£¥])")
_DASH_WORDS = re.compile(r"(?<=[^\W_])\.?( ?)–\1(?=[^\W\d_])|(?<=\w) [–—] (?=[\d$€£¥])")
_DASH_MIXED = re.compile(r"(?<=[^\W\d_])–(?=[\d$€£¥])")  # 9 am–5 pm
_TILDE = re.compile(rf"(?<={_AFTER_AMOUNT})( ?)~\1(?=[\d$€£¥])|(?<=\d)\.{{2,3}}(?=\d)")  # 10~15, 10…15
_DASH_MINUS = re.compile(r"(?<!\w)–(?=[\d.$€£¥])")
_TIMES = re.compile(r"(?<=\d)\s?[·⋅]\s?(?=10\^)")
# Points of Arabic and Hebrew, which most leave out, and a tone and a vowel of Thai and Lao, typed in either order.
_POINTS = re.compile("[\u064b-\u0652\u0670\u0640\u0591-\u05bd\u05bf\u05c1\u05c2]")
_TONES = re.compile("(\u0e4d)([\u0e48-\u0e4b])|(\u0ecd)([\u0ec8-\u0ecb])")
_SAME = str.maketrans(
    {"−": "-", "‐": "-", "‑": "-", "‒": "-", "﹣": "-", "－": "-", "’": "'", "ʼ": "'", "‘": "'", "٫": ".", "∕": "/",
     "™": "", "®": "", "©": "", "⁄": "/", "≦": "≤", "≧": "≥", "º": "°"}
)  # fmt: skip


def choices(words: Iterable[str]) -> str:
    """A pattern's choices among words, the longest first, so that none is cut short by another that it begins with."""
    return "|".join(sorted(words, key=len, reverse=True))


_ACCENTED = re.compile("([a-zα-ω])[\u0300-\u036f]+")
_LIGATURES = str.maketrans(
    {"æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ħ": "h", "ı": "i", "ĸ": "k", "ŋ": "n"}
)  # casefold knows ß


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
        text = _VULGAR.sub(lambda match: " " + unicodedata.normalize("NFKC", match[1]), text)
        text = unicodedata.normalize("NFKC", text.translate(_SAME)).translate(_SAME)
        text = _TIMES.sub("×", text)
        text = _DIGIT.sub(lambda digit: str(unicodedata.decimal(digit[0])), text)
        text = _DASH_RANGE.sub(r"\1-\2", text)
        text = _DASH_WORDS.sub(lambda dash: dash[0].replace("–", "-").replace("—", "-"), text)
        text = _DASH_MIXED.sub(" - ", text)
        text = _TONES.sub(r"\2\1\4\3", _POINTS.sub("", text))
        text = _DASH_MINUS.sub("-", text).translate(_SIGNS)
        text = unicodedata.normalize("NFC", text.casefold())
    return _BRACED.sub(r"^\1", _TILDE.sub(r"\1-\1", text.casefold()))


def folded(text: str) -> str:
    """A text in lower case without the accents of Latin and Greek letters, for a search that cuts endings off afterwards.

    >>> folded("Straße, Élèves, Ελλάδα, Ёлка"), folded("ASCII")
    ('strasse, eleves, ελλαδα, ёлка', 'ASCII')
    """
    if text.isascii():
        return text
    bare = _ACCENTED.sub(r"\1", unicodedata.normalize("NFD", text.casefold()))
    return unicodedata.normalize("NFC", bare).translate(_LIGATURES)


_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})
_WITH_UMLAUT = re.compile(r"[^\W\d_]*[äöü][^\W\d_]*")


def transliterated(text: str) -> str:
    """A text in lower case with its umlauts as two letters.

    >>> transliterated("bürgeramt")
    'buergeramt'
    """
    return text.translate(_UMLAUTS)


def has_transliteration(texts: Sequence[str]) -> bool:
    """Whether one of the texts, in one way of writing, has a word with umlauts that another writes without."""
    if all(text.isascii() for text in texts):
        return False
    for text in texts:
        spelled = {transliterated(word) for word in _WITH_UMLAUT.findall(text)}
        if any(word in other for other in texts if other is not text for word in spelled):
            return True
    return False
