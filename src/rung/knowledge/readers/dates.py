"""A serial number of a spreadsheet as the date, time of day or duration that its format shows."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from rung.text import weekdays
from rung.text.months import ENGLISH

_DAYS = tuple(day.capitalize() for day in weekdays.ENGLISH)
_EPOCH = datetime.date(1899, 12, 30)
_LAST = 2_958_466  # the day after 9999-12-31
_OF_1904 = 1462  # days between the two beginnings of time
_FEBRUARY_29 = 60  # a day of 1900 that never was, and that Excel counts


def shown(tokens: Sequence[tuple[str, str]], value: float, *, date1904: bool = False) -> str | None:
    """A serial number (days) by the parts of its format, each (kind, text); None where it is no date that can be shown."""
    elapsed = any(kind == "elapsed" for kind, _ in tokens)
    sign = ""
    if value < 0:
        if not elapsed and not date1904:
            return None
        sign, value = ("-", -value)
    if not value < _LAST:  # before it is multiplied: there are numbers whose seconds are none
        return None
    digits = max((len(text) - 1 for kind, text in tokens if kind == "sub"), default=0)
    seconds = _seconds(value, digits, shows=any(text[0] in "sS" for kind, text in tokens if kind in ("date", "elapsed")))
    day = int(seconds // 86400)
    if day + _OF_1904 * date1904 >= _LAST:
        return None
    clock = seconds - day * 86400
    moment = _Moment(_date(day + _OF_1904 * date1904), day, clock, noon=any(kind == "ampm" for kind, _ in tokens))
    return sign + " ".join("".join(_part(tokens, index, moment) for index in range(len(tokens))).split())


class _Moment:
    """A day and a time of day, or a length of time. `clock`: seconds since midnight."""

    def __init__(self, date: tuple[int, int, int], days: int, clock: float, *, noon: bool) -> None:
        self.year, self.month, self.day = date
        self.days, self.clock = days, clock
        whole = int(clock)
        self.hour, self.minute, self.second = whole // 3600, whole // 60 % 60, whole % 60
        self.shown_hour = (self.hour + 11) % 12 + 1 if noon else self.hour
        self.weekday = (days - 2) % 7 if date[0] else 0


def _seconds(value: float, digits: int, *, shows: bool) -> float:
    """Seconds, rounded to what is shown of them, and to whole ones where none are."""
    return round(round(value * 86400, 3) + 1e-7, digits if shows else 0)


def _date(day: int) -> tuple[int, int, int]:
    if day == _FEBRUARY_29:
        return 1900, 2, 29
    if day == 0:
        return 1900, 1, 0
    date = _EPOCH + datetime.timedelta(days=day + (day < _FEBRUARY_29))
    return date.year, date.month, date.day


def _part(tokens: Sequence[tuple[str, str]], index: int, at: _Moment) -> str:
    kind, text = tokens[index]
    if kind == "elapsed":
        total = at.days * 86400 + at.clock
        units = {"h": total // 3600, "m": total // 60, "s": total // 1}
        return f"{int(units[text[0]]):0{len(text)}d}"
    if kind == "sub":
        return f"{at.clock % 1:.{len(text) - 1}f}"[1:]
    if kind == "ampm":
        both = text.split("/")
        return both[at.hour >= 12]
    if kind != "date":
        return text
    return _of_date(text.lower(), at, minutes=text[0] in "mM" and len(text) <= 2 and _is_minute(tokens, index))


def _of_date(code: str, at: _Moment, *, minutes: bool) -> str:
    size, letter = len(code), code[0]
    if minutes:
        return f"{at.minute:0{size}d}"
    if letter == "m":
        name = ENGLISH[at.month - 1]
        return {1: str(at.month), 2: f"{at.month:02d}", 3: name[:3], 5: name[0]}.get(size, name)
    if letter == "d":
        name = _DAYS[at.weekday]
        return {1: str(at.day), 2: f"{at.day:02d}", 3: name[:3]}.get(size, name)
    if letter in "ye":
        return f"{at.year % 100:02d}" if letter == "y" and size <= 2 else f"{at.year:04d}"
    value = at.shown_hour if letter == "h" else at.second
    return f"{value:0{min(size, 2)}d}"


def _is_minute(tokens: Sequence[tuple[str, str]], index: int) -> bool:
    """Whether an m means minutes: behind hours or before seconds."""

    def near(steps: range) -> str:
        letters = (tokens[n][1][0].lower() for n in steps if tokens[n][0] in ("date", "elapsed"))
        return next(letters, "")

    return near(range(index - 1, -1, -1)) == "h" or near(range(index + 1, len(tokens))) == "s"
