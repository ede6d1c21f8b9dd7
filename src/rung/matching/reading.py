"""A text as tokens that are equal where they mean the same: words, values of numbers, units, signs.

Words are as SQuAD's evaluation has them: lower case, without punctuation and English articles. What stands at a number is
kept: its sign, point, percent, currency, range. Comparing is left to `answers`.
"""

from __future__ import annotations

import re
from functools import lru_cache

from rung.matching.characters import plain
from rung.matching.numerals import MAGNITUDES, shifted
from rung.matching.scanning import Piece, Reading, pieces

RANGE = "–"
_TO = frozenset({"to", "bis"})
_PERCENT = frozenset({"percent", "prozent"})
_SHORT_MAGNITUDES = {"k": 3, "m": 6}  # only beside a currency: $5m
_NEAR = 4  # characters before a dash that say whether it stands between two numbers
_PLAIN = Reading()
_DECIMAL = re.compile(r"-?\d+(?:\.\d+)?")

_REWRITTEN = (
    (re.compile(r"\bv(?:er(?:sion|s)?)?\.?\s?(?=\d)"), "v "),
    (re.compile(r"\b(?:per cent|pour cent|por ciento)\b"), "%"),
    (re.compile(r"\b(?:degrees?|grad)\b"), "°"),
    (re.compile(r"\bminus\s+(?=[\d$€£¥])"), "-"),
)
# Accountants write a loss in parentheses: "(1,250)", "$(12.5)", "($5)". A small bare number is an option: "(1)".
_MONEY = r"us\$|[$€£¥₹]"
_LOSS = re.compile(
    rf"^\s*(?:({_MONEY})\s?)?\(\s?(?:({_MONEY})\s?)?(\d[\d,.' ]*?)\s?([%€]|[a-z]{{3}})?\)\s?([%€]|[a-z]{{3}})?[.!]?\s*$"
)
_LOSS_INSIDE = re.compile(rf"({_MONEY})\s?\((\d[\d,.' ]*)\)")

_NAMES = (
    "v|ver|version|release|section|sec|chapter|figure|fig|table|clause|article|paragraph|rule|appendix|kapitel|abschnitt"
    "|abbildung|tabelle|artikel|ziffer|punkt|sección|capítulo|artículo|figura|chapitre"
)
_NO_NAMES = (
    "a an the is are was were be been about around roughly approximately approx exactly only over under above below from to "
    "at for of and or by with than up costs cost price prices fee total sum amount average rate score answer it that this "
    "eur usd gbp chf euro euros dollar dollars preis kosten kostet betrag etwa rund ab bis von zu für um nur circa ca "
    "prix coût environ de à précio precio costo cuesta unos"
).replace(" ", "|")
_ENDS_IN_ZERO = re.compile(r"\.\d*0(?!\d)")
_GROUP_OF_THREE = re.compile(r"\d\.\d{3}(?!\d)")
_SPELLED = re.compile(
    rf"(?:\b(?i:{_NAMES})\.?|§|\b(?!(?i:{_NO_NAMES})\b)[A-Z][\w+#]{{0,40}})\s?\d+\.\d*0(?![\d%]|\s?[%€$£]|[.,]\d)"
)
_CONTINENTAL = re.compile(
    r"\d\.\d{3},\d|\d,\d{1,2}(?![\d,])|(?<![\d,])\d,\d{4,}|(?<!\d)0,\d"
    r"|(?i:(?:€|\beur|\beuros?|\$)\s?\d{1,3}\.\d{3}(?!\d)|\d\.\d{3}\s?(?:€|\$|£|eur\b|euros?\b|chf\b)"
    r"|\b(?:der|das|und|ist|sind|nicht|für|mit|bis|etwa|rund|über|einwohner|tage|stück|meter|kilometer|liter"
    r"|el|los|las|del|para|por|habitantes|días|les|des|est|pour|environ|habitants|jours|gli|degli|abitanti|het)\b)"
)


def reading_of(*texts: str) -> Reading:
    """How to read what is ambiguous in texts that are compared: a sign in one of them counts for all.

    Zeros at the end count after a name ("Python 3.10"). One group of three after a point is thousands beside a currency, a
    decimal comma, or words of a language that writes so. Otherwise points are decimal points, and zeros at the end nothing.
    """
    return Reading(
        spelled=any(map(_ENDS_IN_ZERO.search, texts)) and any(map(_SPELLED.search, texts)),
        continental=any(map(_GROUP_OF_THREE.search, texts)) and any(map(_CONTINENTAL.search, texts)),
    )


@lru_cache(maxsize=2048)  # accepted answers come again for each rung, and texts for each metric
def tokens(text: str, reading: Reading = _PLAIN, *, articles: bool = False) -> tuple[str, ...]:
    """The tokens of a text. `articles`: keep the English ones.

    >>> tokens("The price is $1,250.00 (−5 %)")
    ('price', 'is', '1250', 'usd', '-5', '%')
    """
    said = plain(text)
    for pattern, written in _REWRITTEN:
        said = pattern.sub(written, said)
    loss = _LOSS.match(said)
    if loss and (len(loss[3]) > 2 or any(loss.group(1, 2, 4, 5))):
        said = "-" + " ".join(filter(None, loss.groups()))
    return _Sentence(_LOSS_INSIDE.sub(r"-\1\2", said), reading, articles).read()


class _Sentence:
    """Pieces put together to tokens: signs and magnitudes into their number, a currency behind it."""

    def __init__(self, said: str, reading: Reading, articles: bool) -> None:
        self.said = said
        self.pieces = list(pieces(said, reading))
        self.articles = articles
        self.tokens: list[str] = []
        self.minus = ""
        self.money = ""  # waits for the number after it
        self.owed = ""  # was before the number that was written last
        self.after_number = False  # whether the last token is a number

    def read(self) -> tuple[str, ...]:
        for place, piece in enumerate(self.pieces):
            following = self.pieces[place + 1] if place + 1 < len(self.pieces) else None
            match piece.kind:
                case "number":
                    self.number(piece.text)
                case "money" if following is not None and self.opens(place):
                    self.money = piece.text
                case "dash":
                    self.dash(piece, following)
                case "article" if not self.articles:
                    pass
                case "word":
                    self.word(piece.text, following)
                case _:
                    self.add(piece.text)
        self.pay()
        return tuple(self.tokens)

    def pay(self) -> None:
        if self.owed:
            self.tokens.append(self.owed)
            self.owed = ""

    def add(self, token: str) -> None:
        self.pay()
        self.tokens.append(token)
        self.after_number = False

    def number(self, value: str) -> None:
        self.add(value if value == "0" else self.minus + value)
        self.minus, self.owed, self.money = "", self.money, ""
        self.after_number = True

    def opens(self, place: int) -> bool:
        """Whether a currency belongs to the number after it: it stands right before it, and not right behind another."""
        money, following = self.pieces[place], self.pieces[place + 1]
        after = self.said[money.end : following.start]
        if after.strip() or following.kind not in ("number", "dash"):
            return False
        if not self.after_number:
            return True
        before = self.said[self.pieces[place - 1].end : money.start]
        return bool(before.strip()) or "\n" in before or bool(before and not after)

    def dash(self, piece: Piece, following: Piece | None) -> None:
        """A range, a minus, or nothing."""
        if following is None or following.kind not in ("number", "money"):
            return
        before = self.said[max(0, piece.start - _NEAR) : piece.start]
        number, after = before.rstrip(), self.said[piece.end : following.start]
        between = before[len(number) :] + after
        if number[-1:].isdigit() and not between.strip() and "\n" not in between:
            self.add(RANGE)
        elif following.start == piece.end and not before[-1:].isalnum():
            self.minus = "-"

    def word(self, word: str, following: Piece | None) -> None:
        places = MAGNITUDES.get(word) or (_SHORT_MAGNITUDES.get(word) if self.owed else None)
        if places and self.after_number and _DECIMAL.fullmatch(self.tokens[-1]):
            self.tokens[-1] = shifted(self.tokens[-1], places)
        elif word in _PERCENT:
            self.add("%")
        elif self.after_number and word in _TO and following is not None and following.kind == "number":
            self.add(RANGE)
        else:
            self.add(word)
