"""Which digits write the numbers between two bounds, and the multiples of a number. Schemas are left to `writer`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor, gcd, lcm

from rung.models.grammar.nodes import EMPTY, Alt, Chars, Lit, Node, Raw, Ref, Rep, Rules, alt, seq
from rung.models.grammar.ranges import of

DIGITS = 15  # that a double holds; without an end a small model goes on for ever
MAX_LISTED = 200
_ZEROS = 2  # that may be written behind the last digit of an upper bound
_DIGITS = ((0x30, 0x39),)
_MAX_STATES = 1600  # of a rule about remainders
_FREE = '"-"? ("0" | [1-9] [0-9]{0,14}) ("." [0-9]{1,15})? ([eE] [+-]? [0-9]{1,2})?'
_DIGIT = Chars(_DIGITS)
_WHOLE = alt([Lit("0"), seq(Chars(((0x31, 0x39),)), Rep(_DIGIT, 0, DIGITS - 1))])
_EXPONENT = seq(Chars(of("eE")), Rep(Chars(of("+-")), 0, 1), Rep(_DIGIT, 1, 2))
_ANY_NUMBER = seq(Rep(Lit("-"), 0, 1), _WHOLE, Rep(seq(".", Rep(_DIGIT, 1, DIGITS)), 0, 1), Rep(_EXPONENT, 0, 1))


@dataclass(frozen=True, slots=True)
class Interval:
    """Numbers from `low` to `high` (None: no bound); a strict bound is not among them."""

    low: Fraction | None = None
    high: Fraction | None = None
    low_strict: bool = False
    high_strict: bool = False

    def integers(self) -> tuple[int, int]:
        """The first and the last whole number; of at most `DIGITS` digits where there is no bound."""
        end = 10**DIGITS - 1
        low = None if self.low is None else floor(self.low) + 1 if self.low_strict else ceil(self.low)
        high = None if self.high is None else ceil(self.high) - 1 if self.high_strict else floor(self.high)
        if low is None:
            low = -end if high is None or high > -end else 10 * high
        if high is None:
            high = max(end, 10 * low)
        return low, high

    def without(self, numbers: Iterable[Fraction]) -> Iterator[Interval]:
        """The intervals that are left without these numbers."""
        rest = self
        for number in sorted(set(numbers)):
            if (rest.low is None or number >= rest.low) and (rest.high is None or number <= rest.high):
                yield Interval(rest.low, number, rest.low_strict, high_strict=True)
                rest = Interval(number, rest.high, low_strict=True, high_strict=rest.high_strict)
        yield rest

    def negative(self) -> Interval:
        """The same numbers with the other sign."""
        low = None if self.high is None else -self.high
        high = None if self.low is None else -self.low
        return Interval(low, high, self.high_strict, self.low_strict)


def whole_numbers(interval: Interval) -> Node:
    """The integers of an interval; of nothing where there are none."""
    low, high = interval.integers()
    if low > high:
        return Alt(())
    parts: list[Node] = []
    if low < 0:
        parts.append(seq("-", _positive(max(1, -high), -low)))
    if low <= 0 <= high:
        parts.append(Lit("0"))
    if high > 0:
        parts.append(_positive(max(1, low), high))
    return alt(parts)


def decimal_numbers(interval: Interval) -> Node:
    """The numbers of an interval as decimal fractions of at most 15 digits behind the point."""
    if interval.low is None and interval.high is None:
        return Raw(_FREE, _ANY_NUMBER)
    parts: list[Node] = []
    zero = Fraction(0)
    if interval.low is None or interval.low < 0:
        side = interval.negative()
        parts.append(seq("-", _from_zero(side if side.low is not None and side.low > 0 else _raised(side, zero))))
    if interval.high is None or interval.high >= 0:
        parts.append(_from_zero(interval if interval.low is not None and interval.low >= 0 else _raised(interval, zero)))
    return alt(parts)


def _raised(interval: Interval, low: Fraction) -> Interval:
    strict = interval.low == low and interval.low_strict
    return Interval(low, interval.high, strict, interval.high_strict)


def _from_zero(interval: Interval) -> Node:
    """An interval whose low is at least 0."""
    low = interval.low or Fraction(0)
    first, first_digits = _digits(low)
    whole_low = Interval(Fraction(first + 1))
    if interval.high is None:
        rest: Node = seq(whole_numbers(whole_low), _fraction("", "", low_tight=False, high_tight=False))
        return alt([seq(str(first), _fraction(first_digits, "", strict_low=interval.low_strict, high_tight=False)), rest])
    if interval.high < low:
        return Alt(())
    last, last_digits = _digits(interval.high)
    strict = {"strict_low": interval.low_strict, "strict_high": interval.high_strict}
    if first == last:
        return seq(str(first), _fraction(first_digits, last_digits, **strict))
    between = whole_numbers(Interval(Fraction(first + 1), Fraction(last - 1)))
    parts: list[Node] = [seq(str(first), _fraction(first_digits, "", strict_low=interval.low_strict, high_tight=False))]
    if between != Alt(()):
        parts.append(seq(between, _fraction("", "", low_tight=False, high_tight=False)))
    at_last = _fraction("", last_digits, low_tight=False, strict_high=interval.high_strict)
    if at_last != Alt(()):
        parts.append(seq(str(last), at_last))
    return alt(parts)


def _digits(number: Fraction) -> tuple[int, str]:
    """The whole part and the digits behind the point, as many as are written at most."""
    whole = floor(number)
    behind = floor((number - whole) * 10**DIGITS)
    return whole, f"{behind:0{DIGITS}d}".rstrip("0")


def _fraction(
    low: str,
    high: str,
    *,
    low_tight: bool = True,
    high_tight: bool = True,
    strict_low: bool = False,
    strict_high: bool = False,
) -> Node:
    """What stands behind a whole number that is one of the bounds: nothing, or a point and digits between the two."""

    def may_end(at: int, tight_low: bool, tight_high: bool) -> bool:
        enough = not tight_low or (at >= len(low) and not strict_low)
        return enough and (not tight_high or at < len(high) or not strict_high)

    def digits(at: int, tight_low: bool, tight_high: bool) -> Node | None:
        """What may follow `at` digits; None where nothing may."""
        tight_low = tight_low and (at < len(low) or strict_low)
        if not tight_low and not tight_high:
            return Rep(Chars(_DIGITS), 0 if at else 1, DIGITS - at) if at < DIGITS else EMPTY
        ways: list[Node] = [EMPTY] if at and may_end(at, tight_low, tight_high) else []
        least = int(low[at]) if tight_low and at < len(low) else 0
        most = (int(high[at]) if at < len(high) else 0) if tight_high else 9
        past_high = tight_high and at >= len(high) + _ZEROS
        rests: dict[Node, list[int]] = {}
        for digit in range(least, most + 1) if at < DIGITS and not past_high else ():
            rest = digits(at + 1, tight_low and digit == least, tight_high and digit == most)
            if rest is not None:
                rests.setdefault(rest, []).append(digit)
        ways += [seq(_digit(shared[0], shared[-1]), rest) for rest, shared in rests.items()]
        return alt(ways) if ways else None

    behind = digits(0, low_tight, high_tight)
    ways = [EMPTY] if may_end(0, low_tight, high_tight) else []
    return alt([*ways, *([seq(".", behind)] if behind is not None else [])])


def _digit(first: int, last: int) -> Node:
    return Lit(str(first)) if first == last else Chars(((0x30 + first, 0x30 + last),))


def _positive(low: int, high: int) -> Node:
    """Decimal integers from low to high, 1 <= low <= high, without leading zeros."""
    return alt(
        _same_length(str(max(low, 10 ** (length - 1))), str(min(high, 10**length - 1)))
        for length in range(len(str(low)), len(str(high)) + 1)
    )


def _same_length(low: str, high: str) -> Node:
    rest = len(low) - 1
    if not low:
        return EMPTY
    if low[1:] == "0" * rest and high[1:] == "9" * rest:
        first = Chars(((ord(low[0]), ord(high[0])),))
        return seq(first, *([Rep(Chars(_DIGITS), rest, rest)] if rest else []))
    if low[0] == high[0]:
        return seq(low[0], _same_length(low[1:], high[1:]))
    nines, zeros = "9" * rest, "0" * rest
    parts = [seq(low[0], _same_length(low[1:], nines))]
    if int(high[0]) - int(low[0]) > 1:
        parts.append(_same_length(f"{int(low[0]) + 1}{zeros}", f"{int(high[0]) - 1}{nines}"))
    return alt([*parts, seq(high[0], _same_length(zeros, high[1:]))])


def step_of(steps: list[Fraction]) -> Fraction:
    """The smallest number that is a multiple of all of these."""
    common = steps[0]
    for step in steps[1:]:
        common = Fraction(lcm(common.numerator, step.numerator), gcd(common.denominator, step.denominator))
    return common


def multiples(interval: Interval, step: Fraction, rules: Rules) -> Node | None:
    """The multiples of a number in an interval; None where a grammar cannot say them. Rules of remainders go to `rules`."""
    places = next((n for n in range(DIGITS) if (step * 10**n).denominator == 1), None)
    if places is None:
        return None
    forms: list[Node] = []
    for shown in range(places + 1):  # 0.5 may be written so, or as 0.50
        unit = Fraction(1, 10**shown)
        every = step_of([step, unit]) / unit
        low, high = Interval(*_scaled(interval, unit)).integers()
        form = _remainders(low, high, int(every), shown, rules)
        if form is None:
            return None
        forms.append(form)
    return alt(forms)


def _scaled(interval: Interval, unit: Fraction) -> tuple[Fraction | None, Fraction | None, bool, bool]:
    low = None if interval.low is None else interval.low / unit
    high = None if interval.high is None else interval.high / unit
    return low, high, interval.low_strict, interval.high_strict


def _remainders(low: int, high: int, every: int, shown: int, rules: Rules) -> Node | None:
    """Multiples of `every` from low to high, written with the last `shown` digits behind a point."""
    if low > high or high // every < -(-low // every):
        return Alt(())
    if high // every - -(-low // every) < MAX_LISTED:
        return alt(Lit(_pointed(n * every, shown)) for n in range(-(-low // every), high // every + 1))
    tens = 0
    while every % 10 == 0 and tens < shown:
        every, tens = every // 10, tens + 1
    parts: list[Node] = []
    for sign, first, last in (("-", max(1, -high), -low), ("", max(0, low), high)):
        if first > last or (sign and low >= 0) or (not sign and high < 0):
            continue
        side = _Side(first, last, every * 10**tens, shown, rules)
        if every * 10**tens * (len(str(last)) + 1) > _MAX_STATES:
            return None
        node = side.node()
        if node is not None:
            parts.append(seq(sign, node) if sign else node)
    return alt(parts)


def _pointed(number: int, shown: int) -> str:
    digits = f"{abs(number):0{shown + 1}d}"
    sign = "-" if number < 0 else ""
    return f"{sign}{digits[:-shown]}.{digits[-shown:]}" if shown else f"{sign}{digits}"


@dataclass
class _Side:
    """Multiples of `every` from `first` to `last`, neither negative: an automaton over digits and remainders."""

    first: int
    last: int
    every: int
    shown: int
    rules: Rules

    def node(self) -> Node | None:
        """All lengths; None where there is none."""
        shortest = max(len(str(self.first)), self.shown + 1)
        ways: list[Node] = []
        for length in range(shortest, max(len(str(self.last)), shortest) + 1):
            low = max(self.first, 10 ** (length - 1)) if length > self.shown + 1 else self.first
            high = min(self.last, 10**length - 1)
            way = self.after(f"{low:0{length}d}", f"{high:0{length}d}", 0, 0, tight=(True, True)) if low <= high else None
            if way is not None:
                ways.append(way)
        return alt(ways) if ways else None

    def after(self, low: str, high: str, at: int, remainder: int, *, tight: tuple[bool, bool]) -> Node | None:
        """What may follow `at` digits that leave this remainder; None where nothing may."""
        left = len(low) - at
        if not left:
            return EMPTY if remainder == 0 else None
        if tight == (False, False):
            return self.free(left, remainder)
        return self.digits(low, high, at, remainder, tight)

    def digits(self, low: str, high: str, at: int, remainder: int, tight: tuple[bool, bool]) -> Node | None:
        least, most = (int(low[at]) if tight[0] else 0), (int(high[at]) if tight[1] else 9)
        ways = []
        for digit in range(least, most + 1):
            now = (tight[0] and digit == least, tight[1] and digit == most)
            rest = self.after(low, high, at + 1, (remainder * 10 + digit) % self.every, tight=now)
            if rest is not None:
                ways.append(seq(("." if len(low) - at == self.shown and self.shown else "") + str(digit), rest))
        return alt(ways) if ways else None

    def free(self, left: int, remainder: int) -> Node | None:
        """Any `left` digits that make the remainder 0."""
        if not self.can(left, remainder):
            return None
        name = f"m{self.every}x{self.shown}x{left}x{remainder}"
        if name not in self.rules:
            self.rules[name] = Alt(())
            node = self.digits("0" * left, "9" * left, 0, remainder, (False, False))
            self.rules[name] = Alt(()) if node is None else node
        return Ref(name)

    def can(self, left: int, remainder: int) -> bool:
        """Whether so many digits can make the remainder 0."""
        power: int = 10**left
        return -remainder * power % self.every < power
