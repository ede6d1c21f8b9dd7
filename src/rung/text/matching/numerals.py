"""What a written number is worth, as a text that is equal for equal values: "1,250.50", "1.250,5" and "1250.5" are.

Exact, without floating point, for numbers of any length. Where a number begins and ends is left to `reading`.
"""

from __future__ import annotations

import re
from math import gcd

# Powers of ten that are said as words after a number.
MAGNITUDES = {
    "hundred": 2,
    **dict.fromkeys(("thousand", "tausend", "tsd", "mille"), 3),
    **dict.fromkeys(("million", "millions", "millionen", "mio", "mn", "millón", "millones"), 6),
    **dict.fromkeys(("billion", "billions", "bn", "milliarde", "milliarden", "mrd", "milliard", "milliards"), 9),
    **dict.fromkeys(("trillion", "trillions", "billionen"), 12),
}
_GROUPS = re.compile(r"[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?|[1-9]\d?(?:,\d{2})*,\d{3}(?:\.\d+)?")
_POINTS = re.compile(r"[1-9]\d{0,2}(?:\.\d{3})+(?:,\d+)?")
_MAX_DIGITS = 12  # of what is multiplied out or divided; longer ones stay as written


def decimal(whole: str, fraction: str = "", *, spelled: bool = False) -> str:
    """The value of digits before and after the point. An integer with leading zeros is a name, and stays as it is.

    `spelled`: zeros at the end count, as in the version 3.10.
    """
    if not fraction:
        return whole
    fraction = fraction if spelled else fraction.rstrip("0")
    whole = whole.lstrip("0") or "0"
    return f"{whole}.{fraction}" if fraction else whole


def shifted(number: str, places: int) -> str:
    """A decimal text times a power of ten.

    >>> shifted("1.25", 6), shifted("3", -2)
    ('1250000', '0.03')
    """
    sign, digits = ("-", number[1:]) if number[:1] == "-" else ("", number)
    whole, _, fraction = digits.partition(".")
    if places >= 0:
        fraction = fraction.ljust(places, "0")
        whole, fraction = whole + fraction[:places], fraction[places:]
    else:
        whole = whole.rjust(1 - places, "0")
        whole, fraction = whole[:places], whole[places:] + fraction
    return sign + decimal(whole.lstrip("0") or "0", fraction)


def ratio(above: str, below: str) -> str:
    """A fraction in its lowest terms by its value; any other ("6/8", "24/1", "03/04") may be a date or a score: as written.

    >>> ratio("3", "4"), ratio("6", "8"), ratio("1", "3")
    ('0.75', '6/8', '1/3')
    """
    written = f"{above}/{below}"
    if max(len(above), len(below)) > _MAX_DIGITS or "0" in (above[0], below[0]):
        return written
    one, other = int(above), int(below)
    if other == 1 or gcd(one, other) != 1:
        return written
    return _divided(one, other) or written


def mixed(whole: str, above: str, below: str) -> str | None:
    """ "2 1/2" by its value; None where it is no mixed number."""
    if max(map(len, (whole, above, below))) > _MAX_DIGITS or "0" in (whole[0], above[0], below[0]):
        return None
    one, other = int(above), int(below)
    if one >= other:
        return None
    total = int(whole) * other + one
    shared = gcd(total, other)
    return _divided(total // shared, other // shared) or f"{total // shared}/{other // shared}"


def _divided(one: int, other: int) -> str | None:
    """The decimal of a fraction in lowest terms that has an end."""
    twos = fives = 0
    while other % 2 == 0:
        other, twos = other // 2, twos + 1
    while other % 5 == 0:
        other, fives = other // 5, fives + 1
    if other != 1:
        return None
    places = max(twos, fives)
    return shifted(str(one * 2 ** (places - twos) * 5 ** (places - fives)), -places)


def power(base: str, exponent: str) -> str:
    """ "10^6" by its value, as far as that is a number one would write out."""
    if len(base) > 3 or len(exponent) > 2 or exponent[0] == "-" or base[0] == "0":
        return f"{base}^{exponent}"
    return str(int(base) ** int(exponent))


def dotted(written: str, *, money: bool = False) -> str:
    """Digits with several points: a number in groups of three, else a version or an address as it is written.

    Four groups below 256 are an address, but not beside a currency, nor where one has a zero in front: 1.200.000.000.
    """
    parts = written.split(".")
    padded = any(len(part) == 3 and part[0] == "0" for part in parts)
    if (
        len(parts) == 4
        and not money
        and not padded
        and all(len(part) <= 3 and int(part) < 256 for part in parts if "," not in part)
    ):
        return written
    if _POINTS.fullmatch(written):
        whole, _, fraction = written.replace(".", "").partition(",")
        return decimal(whole, fraction)
    return written


def listed(written: str) -> list[str]:
    """Digits with several commas: one number in groups (of three, or the Indian ones), else a list of numbers."""
    if _GROUPS.fullmatch(written):
        whole, _, fraction = written.replace(",", "").partition(".")
        return [decimal(whole, fraction)]
    return [decimal(*part.split(".", 1)) for part in written.split(",")]


def day(year: str, month: str, date: str) -> str:
    """A date as ISO 8601 writes it."""
    return f"{year}-{month:0>2}-{date:0>2}"


def clock(written: str) -> str:
    """A time of day or a ratio, without a zero in front: 09:30 is 9:30."""
    first, _, rest = written.partition(":")
    return f"{first.lstrip('0') or '0'}:{rest}"
