"""A text cut into numbers, currencies, signs and words. What they mean beside one another is left to `reading`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from rung.text.matching import numerals
from rung.text.matching.characters import UNSPACED, choices
from rung.text.matching.counting import WORDS

Kind = Literal["number", "money", "sign", "dash", "article", "word"]


class Reading(NamedTuple):
    """How what is ambiguous is read.

    `spelled`: zeros at the end count (3.10 is not 3.1). `continental`: one group of three after a point is thousands.
    `dated`: dates in words are read as dates, `day_first`: in figures with the day first. `with_days`: days without a year
    are read as days. `umlauts`: as they are written where there are none: "ue". `articles_count`: "a week" is 1 week.
    `converted`: families of units whose amounts are in their smallest unit. `ordinals`: "third" and "3rd" are 3. `weekdays`:
    short names of them are whole ones.
    """

    spelled: bool = False
    continental: bool = False
    dated: bool = False
    day_first: bool = False
    with_days: bool = False
    umlauts: bool = False
    articles_count: bool = False
    converted: frozenset[str] = frozenset()
    ordinals: bool = False
    weekdays: bool = False


class Piece(NamedTuple):
    """Characters `start` to `end` of the text that was cut; `text` in one way of writing."""

    kind: Kind
    text: str
    start: int
    end: int


_CODES = ("chf", "cad", "aud", "cny", "sek", "nok", "dkk", "pln", "czk", "huf", "krw", "brl", "mxn")
CURRENCIES = {
    **dict.fromkeys(("$", "us$", "usd", "dollar", "dollars"), "usd"),
    **dict.fromkeys(("€", "eur", "euro", "euros"), "eur"),
    **dict.fromkeys(("£", "gbp", "pound", "pounds"), "gbp"),
    **dict.fromkeys(("¥", "jpy", "yen"), "jpy"),
    **dict.fromkeys(("₹", "inr"), "inr"),
    **{code: code for code in (*_CODES, *"₽₺₪₫฿¢")},
    **{"₩": "krw", "zł": "pln", "kč": "czk", "dólar": "usd", "dólares": "usd"},
    **{"c$": "cad", "ca$": "cad", "a$": "aud", "au$": "aud", "nz$": "nz$", "hk$": "hk$", "r$": "brl", "mx$": "mxn"},
}
MONEY_WORD = choices(word for word in CURRENCIES if word.isalpha())
_AT_MONEY = 9  # characters beside a number
_MONEY_BEFORE = re.compile(rf"(?:[$€£¥₹₩]|\b(?:{MONEY_WORD})) ?-?$")
_MONEY_AFTER = re.compile(rf" ?(?:[$€£¥₹₩]|(?:{MONEY_WORD})\b)")
_IN_WORD = rf"[^\s!-/:-@\[-`{{-~°{UNSPACED}]"
_BEGINS_WORD = rf"[^\s\d!-/:-@\[-`{{-~°{UNSPACED}]"
_SCAN = re.compile(
    rf"""
    (?P<plain>(?!an?\b|the\b)[a-z]+(?=[ ,;:!?]|\.(?!\w)|\Z))  # most words: first, so that the rest costs nothing
  | (?P<day>(?<![\w-])--(?:0?[1-9]|1[0-2])-(?:0?[1-9]|[12]\d|3[01])(?![\d-]))
  | (?P<iso>(?<![\w.-])\d{{4}}(?P<_cut>[-/])(?:0?[1-9]|1[0-2])(?P=_cut)(?:0?[1-9]|[12]\d|3[01])(?![\d-]|/\d))
  | (?P<dmy>(?<![\w.])(?:0?[1-9]|[12]\d|3[01])\.[ ]?(?:0?[1-9]|1[0-2])\.[ ]?\d{{4}}(?!\d|[.,]\d))
  | (?P<slashes>\d+(?:/\d+){{2,}})
  | (?P<mixed>(?<![\d.,])\d+[ ]\d+/\d+(?![/\d]))
  | (?P<ratio>(?<![.,])\d+/\d+)
  | (?P<science>\d+(?:\.\d+)?\s{{0,2}}[x×*]\s{{0,2}}10\^[+-]?\d{{1,2}}(?!\d))
  | (?P<power>\d+\^[+-]?\d+)
  | (?P<clock>\d+(?::\d+)+|\d{{1,2}}\.\d\d(?=\s?(?:uhr\b|a\.?m\b|p\.?m\b)))
  | (?P<dotted>\d+(?:\.\d+){{2,}}(?:,\d+)?)
  | (?P<listed>\d+(?:,\d+){{2,}}(?:\.\d+)?)
  | (?P<tens>\d+(?:\.\d+)?e[+-]?\d{{1,2}}(?!\w))
  | (?P<grouped>[1-9]\d{{0,2}}(?:(?:'\d{{3}})+|(?:[ ]\d{{3}})+|,\d{{3}})(?!\d)(?:[.,]\d+)?)
  | (?P<point>[1-9]\d{{0,2}}\.\d{{3}}(?:,\d+|(?![\d,]|\.\d)))
  | (?P<number>\d+(?:[.,]\d+)?|(?<![\w.])\.\d+)
  | (?P<money>(?<!\w)(?:us|ca?|au?|nz|hk|r|mx)\$|[$€£¥₹₽₩₺₪₫฿¢])
  | (?P<sign>[%‰°±≤≥≠]|[<>]=?(?=\s?-?[\d.$€£¥])|(?<=\d)\+(?!\d))
  | (?P<dash>-)
  | (?P<article>\b(?:an?|the)\b(?=\s+["'(\[$€£¥<>+*_-]*\w))
  | (?P<unspaced>[{UNSPACED}])
  | (?P<word>(?:(?<![\w.])\.(?=[^\W\d_]{{2}}))?{_BEGINS_WORD}(?:{_IN_WORD}|['&./_-]+(?=[^\W_]))*
             (?:\^-?\d+|\+\+|[+#-]{{1,2}}(?!\w))?)
    """,
    re.VERBOSE,
)
_JOINT = re.compile(r"['&./_-]+(?=[^\W\d])|(?<=[^\W\d])['&./_-]+(?=\d)")  # inside a word; "v1.10" and "a1-2" keep theirs
_AREAS = frozenset(f"{unit}^{n}" for unit in ("m", "km", "cm", "mm", "dm", "ft", "in", "yd", "mi") for n in (2, 3))
_SHORT = 3  # letters of a mark or name that a sign at its end belongs to: A-, BB+, C#


def pieces(text: str, reading: Reading) -> Iterator[Piece]:
    """The pieces of a text in one way of writing (`characters.plain`), in order."""
    for match in _SCAN.finditer(text):
        kind, written, (start, end) = match.lastgroup, match[0], match.span()
        if kind in ("plain", "word", "unspaced"):
            if written in CURRENCIES:
                yield Piece("money", CURRENCIES[written], start, end)
            elif written in WORDS:
                yield Piece("number", WORDS[written], start, end)
            else:
                yield Piece("word", written if kind == "plain" else _word(written), start, end)
        elif kind == "money":
            yield Piece("money", CURRENCIES[written], start, end)
        elif kind in ("sign", "dash", "article"):
            sign = {"<=": "≤", ">=": "≥"}.get(written, written)
            yield Piece("sign" if kind == "sign" else "dash" if kind == "dash" else "article", sign, start, end)
        else:
            if kind == "dotted" and _beside_money(text, start, end):
                kind = "money_dotted"
            for value in _values(str(kind), written, reading):
                yield Piece("number", value, start, end)


def _beside_money(text: str, start: int, end: int) -> bool:
    before, after = text[max(0, start - _AT_MONEY) : start], text[end : end + _AT_MONEY]
    return bool(_MONEY_BEFORE.search(before) or _MONEY_AFTER.match(after))


def _word(written: str) -> str:
    """A word without the marks inside it; a sign at the end of a short one is part of it."""
    if written in _AREAS:
        return written.replace("^", "")
    inside, sign = written.rstrip("+#-"), ""
    if len(inside) <= _SHORT:
        sign = written[len(inside) :]
    dot = "." if inside[0] == "." else ""
    return dot + _JOINT.sub("", inside.lstrip(".")) + sign


def _values(kind: str, written: str, reading: Reading) -> list[str]:
    """The value or values of a number as it is written."""
    parts = re.split(r"\D+", written)
    match kind:
        case "iso":
            return [numerals.day(*parts)]
        case "day":
            return [f"{int(parts[1])}-{int(parts[2])}"]
        case "dmy":
            return [numerals.day(*reversed(parts))]
        case "slashes":
            return ["/".join(part.lstrip("0") or "0" for part in parts)]
        case "mixed":
            whole = numerals.mixed(*parts)
            return [whole] if whole else [parts[0], numerals.ratio(*parts[1:])]
        case "ratio":
            return [numerals.ratio(*parts)]
        case "power":
            return [numerals.power(*written.replace("+", "").split("^"))]
        case "clock":
            return [numerals.clock(written.replace(".", ":"))]
        case "dotted" | "money_dotted":
            return [numerals.dotted(written, money=kind == "money_dotted")]
        case "listed":
            return numerals.listed(written)
        case "science" | "tens":
            number, exponent = re.split(r"\s*[x×*]\s*10\^|e", written)
            return [numerals.shifted(numerals.decimal(*number.split(".")), int(exponent))]
        case "grouped":
            whole, _, fraction = re.sub(r"['  ]|,(?=\d{3}(?!\d))", "", written).replace(",", ".").partition(".")
            return [numerals.decimal(whole, fraction)]
        case "point" if "," in written or reading.continental:
            return [numerals.dotted(written)]
        case _:
            whole, _, fraction = written.replace(",", ".").partition(".")
            return [numerals.decimal(whole or "0", fraction, spelled=reading.spelled)]
