"""A text as tokens that are equal where they mean the same: words, values of numbers, units, signs.

Words are as SQuAD's evaluation has them: lower case, without punctuation and English articles. What stands at a number is
kept: its sign, point, percent, currency, range. Comparing is left to `answers`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache

from rung.text.matching import clock, counting, dates, ordinals, units
from rung.text.matching.characters import has_transliteration, plain, transliterated
from rung.text.matching.numerals import MAGNITUDES, shifted
from rung.text.matching.scanning import MONEY_WORD, Reading, pieces

RANGE = "–"
_TO = frozenset(("to", "bis", "through", "thru", "until", "till", "à", "au", "al", "hasta", "até", "tot"))
_BETWEEN = frozenset({"between", "zwischen", "entre"})
_AND = frozenset(("and", "und", "et", "y", "e"))
_PERCENT = frozenset({"percent", "prozent"})
_SHORT_MAGNITUDES = {"k": 3, "m": 6, "b": 9}  # only beside a currency: $5m
_UNIT = 2  # pieces of a unit: °C
_NEAR = 4  # characters before a dash that say whether it stands between two numbers
_PLAIN = Reading()
_PHONE = re.compile(r"(?<!\w)\+\d{1,3}[ (/-][\d ()/-]{4,18}\d(?![\d%])")
_DECIMAL = re.compile(r"-?\d+(?:\.\d+)?")

_REWRITTEN: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\bv(?:er(?:sion|s)?)?\.?\s?(?=\d)"), "v "),
    (re.compile(r"\b(?:per cent|pour cent|por ciento)\b"), "%"),
    (re.compile(r"\b(?:degrees?|grad)\b"), "°"),
    (re.compile(r"° ?(?:(c)elsius|(f)ahrenheit)\b"), r"°\1\2"),
    (re.compile(r"\bminus\s+(?=[\d$€£¥])"), "-"),
    (re.compile(r"\b(?:u\.s\.a?\.?|usa?|american)[ -](?=dollars?\b)"), ""),
    (re.compile(rf"\b({MONEY_WORD})/(?=\w)"), r"\1 "),  # 12 EUR/month
    (re.compile(r"\b(million(?:s|es|en)?|milliards?|millón|millones) (?:de |d')(?=euros?\b|dól|dollars?\b)"), r"\1 "),
    (re.compile(r"(?<=\d) ?円"), " jpy "),
    (re.compile(r"(?<=\d) ?원"), " krw "),
    (re.compile(r"(?<=\d) ?(?:至|到|から) ?(?=\d)"), "-"),
    (re.compile(r"(?<![\w.])(\d+) ?(h|hrs?|std|min|d|ft|lb)(?=\d)"), r"\1 \2 "),  # 1h30min
    (
        re.compile(rf"(?<=\d) ?(k?g|mg|km|cm|mm|h|min|ml|l|[gmk]b|[ap]m|° ?[cf]|{MONEY_WORD})[-~](?=-?\d)"),
        r" \1 - ",
    ),  # 5kg-7kg
    (re.compile(r"\btwice\b"), "2 times"),
    (re.compile(r"(?:^|(?<=\bde )|(?<=\bdesde ))(\d+(?:[.,]\d+)?) a (?=\d)"), r"\1 hasta "),  # de 10 a 15 días
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
    Dates in words are read as dates where each text has one, and days without a year likewise. Umlauts are read as two
    letters where one text writes a word of the other so. "A week" is 1 week where a text has "1 week" or the like, and
    amounts are converted where one text has days and another hours or weeks, and no unit is in both. "Third" is "3rd", and
    "Mon" is "Monday", where one text writes it so and the other so.
    """
    plains = [_plain(text) for text in sorted(texts, key=len)]  # the answer first
    dated = all(map(dates.has_date, plains))
    apart = units.families_apart(plains)
    return Reading(
        spelled=any(map(_ENDS_IN_ZERO.search, texts)) and any(map(_SPELLED.search, texts)),
        continental=any(map(_GROUP_OF_THREE.search, texts)) and any(map(_CONTINENTAL.search, texts)),
        dated=dated,
        day_first=dated and any(map(dates.is_day_first, plains)),
        with_days=not dated and all(map(dates.has_day, plains)),
        umlauts=has_transliteration(plains),
        articles_count=bool(apart) or any(map(counting.has_one, plains)),
        converted=apart,
        ordinals=ordinals.are_written_in_two_ways(plains),
        weekdays=dates.has_short_weekday(plains),
    )


@lru_cache(maxsize=2048)  # accepted answers come again for each rung, and texts for each metric
def tokens(text: str, reading: Reading = _PLAIN, *, articles: bool = False) -> tuple[str, ...]:
    """The tokens of a text. `articles`: keep the English ones.

    >>> tokens("The price is $1,250.00 (−5 %)")
    ('price', 'is', '1250', 'usd', '-5', '%')
    """
    line = _plain(text)
    if reading.umlauts:
        line = transliterated(line)
    if reading.dated:
        line = dates.dated(line, day_first=reading.day_first)
    line = clock.on_24_hours(counting.as_digits(line, articles=reading.articles_count))
    if reading.ordinals:
        line = ordinals.as_numbers(line)
    if reading.weekdays:
        line = dates.whole_weekdays(line)
    line = _PHONE.sub(lambda match: "+" + re.sub(r"\(0\)|\D", "", match[0]), line)
    line = dates.spans(dates.with_days(line) if reading.with_days else line, RANGE)
    for pattern, written in _REWRITTEN:
        line = pattern.sub(written, line)
    loss = _LOSS.match(line)
    if loss and (len(loss[3]) > 2 or any(loss.group(1, 2, 4, 5))):
        line = "-" + " ".join(filter(None, loss.groups()))
    read = _Sentence(_LOSS_INSIDE.sub(r"-\1\2", line), reading, articles).read()
    return tuple(units.in_one_unit(read, reading.converted))


@lru_cache(maxsize=2048)
def _plain(text: str) -> str:
    return plain(text)


class _Sentence:
    """Pieces put together to tokens: signs and magnitudes into their number, a currency behind it."""

    def __init__(self, text: str, reading: Reading, articles: bool) -> None:
        self.text = text
        self.pieces = list(pieces(text, reading))
        self.articles = articles
        self.tokens: list[str] = []
        self.minus = ""
        self.money = ""  # waits for the number after it
        self.owed = ""  # was before the number that was written last
        self.after_number = False  # whether the last token is a number
        self.number_at = 0  # the place of the last number among the tokens
        self.between = False  # whether the "and" to come stands between the ends of a range

    def read(self) -> tuple[str, ...]:
        for index, piece in enumerate(self.pieces):
            following = self.pieces[index + 1] if index + 1 < len(self.pieces) else None
            match piece.kind:
                case "number":
                    self.number(piece.text)
                case "money" if following is not None and self.opens(index):
                    self.money = piece.text
                case "dash":
                    self.dash(index)
                case "article" if not self.articles:
                    pass
                case "word":
                    self.word(index)
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
        self.after_number, self.number_at = True, len(self.tokens) - 1

    def opens(self, index: int) -> bool:
        """Whether a currency belongs to the number after it: it stands right before it, and not right behind another."""
        money, following = self.pieces[index], self.pieces[index + 1]
        after = self.text[money.end : following.start]
        if after.strip() or following.kind not in ("number", "dash"):
            return False
        if not self.after_number:
            return True
        before = self.text[self.pieces[index - 1].end : money.start]
        return bool(before.strip()) or "\n" in before or bool(before and not after)

    def dash(self, index: int) -> None:
        """A range, a minus, or nothing."""
        if index + 1 == len(self.pieces) or self.pieces[index + 1].kind not in ("number", "money"):
            return
        piece, following = self.pieces[index], self.pieces[index + 1]
        before = self.text[max(0, piece.start - _NEAR) : piece.start]
        number, after = before.rstrip(), self.text[piece.end : following.start]
        between = before[len(number) :] + after
        if "\n" not in between and ((number[-1:].isdigit() and not between.strip()) or self.joins(index)):
            self.range(index)
        elif following.start == piece.end and not before[-1:].isalnum():
            self.minus = "-"

    def joins(self, index: int) -> bool:
        """Whether the piece at a place stands between two amounts: "5 % – 10 %", "5 kg to 7 kg", "5€-10€", "$5 to 10"."""
        unit, first = self.unit_before(index), self.number_after(index)
        if unit is None or first is None or "\n" in self.text[self.pieces[index - 1].start : self.pieces[first].start]:
            return False
        dash = self.pieces[index].kind == "dash"
        if not unit:
            return not dash
        same = self.has_unit(first, unit)
        before = self.text[self.pieces[index - 1].end : self.pieces[index].start]
        after = self.text[self.pieces[index].end : self.pieces[index + 1].start]
        if not same:
            return dash and not before and not after and self.pieces[index - 1].kind in ("money", "sign")
        rises = not same or not before or _rises(self.pieces[index - 1 - len(unit)].text, self.pieces[first].text)
        return not dash or (bool(before) == bool(after) and rises)

    def unit_before(self, index: int) -> list[str] | None:
        """The unit between a place and the number right before it; None where there is no number near."""
        for back in range(1, _UNIT + 2):
            if index - back < 0 or self.pieces[index - back].kind in ("dash", "article"):
                return None
            if self.pieces[index - back].kind == "number":
                return [piece.text for piece in self.pieces[index - back + 1 : index]]
        return None

    def has_unit(self, number: int, unit: Sequence[str]) -> bool:
        """Whether a unit stands behind the number at a place."""
        return [piece.text for piece in self.pieces[number + 1 : number + 1 + len(unit)]] == [*unit]

    def number_after(self, index: int) -> int | None:
        """The place of the number right after a place, behind a currency or a minus."""
        for ahead in range(index + 1, min(index + 4, len(self.pieces))):
            if self.pieces[ahead].kind == "number":
                return ahead
            if self.pieces[ahead].kind not in ("money", "dash"):
                return None
        return None

    def range(self, index: int) -> None:
        """The mark of a range; a unit that both its ends have stays at the second: "5 % – 10 %" is "5–10 %"."""
        unit, first = self.unit_before(index), self.number_after(index)
        if self.owed:
            if self.pieces[index + 1].kind != "money":
                self.money = self.owed
            if self.pieces[index + 1].kind != "money" or self.pieces[index + 1].text == self.owed:
                self.owed = ""
        elif unit and first is not None and self.has_unit(first, unit):
            del self.tokens[self.number_at + 1 :]
        self.add(RANGE)

    def word(self, index: int) -> None:
        word, following = self.pieces[index].text, self.pieces[index + 1] if index + 1 < len(self.pieces) else None
        priced = self.owed or (following is not None and following.kind == "money")
        places = MAGNITUDES.get(word) or (_SHORT_MAGNITUDES.get(word) if priced else None)
        if places and self.after_number and _DECIMAL.fullmatch(self.tokens[-1]):
            self.tokens[-1] = shifted(self.tokens[-1], places)
        elif word in _PERCENT:
            self.add("%")
        elif (word in _TO or (word in _AND and self.between)) and self.joins(index):
            self.between = False
            self.range(index)
        else:
            self.between = word in _BETWEEN or (self.between and word not in _AND)
            self.add(word)


def _rises(one: str, other: str) -> bool:
    """Whether a number is below another; of what is no decimal, nobody knows."""
    return not (_DECIMAL.fullmatch(one) and _DECIMAL.fullmatch(other)) or Decimal(one) < Decimal(other)
