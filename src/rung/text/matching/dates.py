"""Dates in words ("3 May 2024", "2024年5月3日") as ISO 8601 writes them, and ranges of weekdays and months.

A date is read so only where both texts of a pair have a whole one: "2024" stands in "3 May 2024", and not in "2024-05-03".
So are days without a year ("May 1", "1. Mai", "31.12.") where both have one and neither has a whole date.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rung.text import weekdays
from rung.text.matching.characters import choices
from rung.text.months import MONTHS

# the names with which the month may come first in figures
_ENGLISH = {name for month in MONTHS for name in f"{month.english} {month.short_english}".split()}
_MONTHS = {name: number for number, month in enumerate(MONTHS, start=1) for name in month.names}
_MONTH = choices(_MONTHS)
_DAY = r"(0?[1-9]|[12]\d|3[01])"
_YEAR = r"(\d{4})(?![\d-]|[.,]\d)"
# A second day of "3 to 5 May 2024" is not the whole of its date.
_ALONE = r"(?<![\w.,/–-])(?<!\bto )(?<!bis )(?<!\band )(?<!und )(?<!- )(?<!– )"
_DAY_FIRST = re.compile(
    rf"{_ALONE}{_DAY}(?:st|nd|rd|th|er|\.)? ?(?:of |de |-)?({_MONTH})\b\.?(?:,? |-)(?:of |de |del )?{_YEAR}"
)
_MONTH_FIRST = re.compile(rf"(?<![\w-])({_MONTH})\b\.? {_DAY}(?:st|nd|rd|th)?,? {_YEAR}")
_YEAR_FIRST = re.compile(rf"(?<!\d)(\d{{4}}) ?[年년] ?{_DAY} ?[月월] ?{_DAY} ?[日일]")
_POINTS = re.compile(r"(?<![\w.])\d{1,2}\. ?\d{1,2}\. ?\d{4}(?!\d)")
_NUMBERS = re.compile(rf"(?<![\w.-])\d{{4}}(?:-\d{{1,2}}-\d{{1,2}}|/\d{{1,2}}/\d{{1,2}})(?![\d/-])|{_POINTS.pattern}")

_SLASHES = re.compile(r"(?<![\w./-])(\d{1,2})/(\d{1,2})/(\d{4}|\d\d)(?![\d/]|[.,]\d)")
_SHORT_YEAR = re.compile(r"(?<![\w.])(0?[1-9]|[12]\d|3[01])\. ?(0?[1-9]|1[0-2])\. ?(\d\d)(?![\d.]|,\d)")
_A_MONTH = re.compile(rf"(?<![^\W\d_])(?:{_MONTH})\b")
_NO_YEAR = r"(?![\w-]|[.,]?\d|,? (?:of |de |del )?\d{4}(?!\d)|/\d)"
_DAY_ALONE = re.compile(rf"{_ALONE}{_DAY}(?:st|nd|rd|th|er|\.)? ?(?:of |de |-)?({_MONTH})\b\.?{_NO_YEAR}")
_MONTH_ALONE = re.compile(rf"(?<![\w-])({_MONTH})\b\.? {_DAY}(?:st|nd|rd|th)?(?! ?(?:-|–|to|bis|and|und)\b){_NO_YEAR}")
_DAY_IN_FIGURES = re.compile(r"(?<![\w.,])(0?[1-9]|[12]\d|3[01])\. ?(0?[1-9]|1[0-2])\.(?! ?\d|\w)")

_MOST_DAYS, _MOST_MONTHS = 31, 12
_LAST_CENTURY = 70  # from this year of two digits on
_FOUR = re.compile(r"\d{4}")  # first, as most texts have no year
_DATES = (_NUMBERS, _DAY_FIRST, _MONTH_FIRST, _YEAR_FIRST)

_WEEKDAY = (
    r"(?:mon|tues?|wednes|thu(?:rs?)?|fri|satur|sun)day|mon|tues?|wed|thu(?:rs?)?|fri|sat|sun"
    r"|(?:mon|diens|donners|frei|sams|sonn)tag|mittwoch|sonnabend|lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche"
    r"|lunes|martes|miércoles|jueves|viernes|sábado|domingo"
)
_SHORT_WEEKDAY = "mo|di|mi|do|fr|sa|so|lun|mar|mer|jeu|ven|sam|dim"  # too like other words to be joined by more than a dash
_SPAN = re.compile(
    rf"(?<![\w-])(?:({_WEEKDAY}|{_MONTH})\.?(?: ?- ?| (?:to|through|thru|bis|à|au|a) )(?!\1\b)(?=(?:{_WEEKDAY}|{_MONTH})\b)"
    rf"|({_SHORT_WEEKDAY})\.?(?: ?- ?)(?!\2\b)(?=(?:{_SHORT_WEEKDAY})\b))(?!\w*-)"
)

_SHORT_DAYS = {
    **{day[:3]: day for day in weekdays.ENGLISH},
    **{"tues": "tuesday", "thur": "thursday", "thurs": "thursday"},
    **{day[:2]: day for day in weekdays.GERMAN},
}
_A_SHORT_DAY = re.compile(rf"(?<![\w'])({choices(_SHORT_DAYS)})\b\.?(?!')")

_BEFORE_DATE = re.compile(rf"\b(?:{_WEEKDAY}|(?:{_SHORT_WEEKDAY})\.),? +(?:(?:the|dem|den|der|le|el) +)?(?=\d{{4}}-\d|--\d)")


def has_short_weekday(texts: Sequence[str]) -> bool:
    """Whether one of the texts, in one way of writing, has a weekday in short that another writes whole."""
    whole = [{day for day in (*weekdays.ENGLISH, *weekdays.GERMAN) if day in text} for text in texts]
    if not any(whole):
        return False
    short = [{_SHORT_DAYS[match[1]] for match in _A_SHORT_DAY.finditer(text)} for text in texts]
    return any((mine - own) & theirs for mine, own in zip(short, whole, strict=True) for theirs in whole)


def whole_weekdays(text: str) -> str:
    """A text in one way of writing with the short names of weekdays whole.

    >>> whole_weekdays("mon-fri")
    'monday-friday'
    """
    return _A_SHORT_DAY.sub(lambda match: _SHORT_DAYS[match[1]], text)


def has_date(text: str) -> bool:
    """Whether a text in one way of writing has a whole date: day, month and year."""
    if _FOUR.search(text) is not None and any(pattern.search(text) for pattern in _DATES):
        return True
    return _SHORT_YEAR.search(text) is not None or _SLASHES.search(text) is not None


def has_day(text: str) -> bool:
    """Whether a text in one way of writing has a day of a month, and no whole date."""
    alone = (_DAY_ALONE, _MONTH_ALONE, _DAY_IN_FIGURES)
    return any(pattern.search(text) for pattern in alone) and not has_date(text)


def is_day_first(text: str) -> bool:
    """Whether a text writes dates as they are written where the day comes first in figures: with points, or with a month's
    name that is not English."""
    if _POINTS.search(text) is not None or _SHORT_YEAR.search(text) is not None:
        return True
    return any(name not in _ENGLISH for name in _A_MONTH.findall(text))


def dated(text: str, *, day_first: bool = False) -> str:
    """A text with each date in words as numbers, and each in figures with slashes of which it is sure which is the day:
    by a number above 12, or since the day comes first.

    >>> dated("from may 3, 2024 or 4. juni 2024"), dated("am 30/09/2024"), dated("01/05/2024")
    ('from  2024-5-3  or  2024-6-4 ', 'am  2024-9-30 ', '01/05/2024')
    """
    text = _DAY_FIRST.sub(lambda match: f" {match[3]}-{_MONTHS[match[2]]}-{match[1]} ", text)
    text = _MONTH_FIRST.sub(lambda match: f" {match[3]}-{_MONTHS[match[1]]}-{match[2]} ", text)
    text = _SHORT_YEAR.sub(lambda match: f" {_year(match[3])}-{int(match[2])}-{int(match[1])} ", text)
    text = _SLASHES.sub(lambda match: _by_slashes(match, day_first), text)
    return _BEFORE_DATE.sub("", _YEAR_FIRST.sub(r" \1-\2-\3 ", text))


def with_days(text: str) -> str:
    """A text with each day of a month, without a year, as numbers.

    >>> with_days("on may 1st"), with_days("am 1. mai"), with_days("bis 31.12.")
    ('on  --5-1 ', 'am  --5-1 ', 'bis  --12-31 ')
    """
    text = _DAY_ALONE.sub(lambda match: f" --{_MONTHS[match[2]]}-{int(match[1])} ", text)
    text = _MONTH_ALONE.sub(lambda match: f" --{_MONTHS[match[1]]}-{int(match[2])} ", text)
    text = _DAY_IN_FIGURES.sub(lambda match: f" --{int(match[2])}-{int(match[1])} ", text)
    return _BEFORE_DATE.sub("", text)


def _by_slashes(match: re.Match[str], day_first: bool) -> str:
    one, other, year = int(match[1]), int(match[2]), _year(match[3])
    if not (0 < one <= _MOST_DAYS and 0 < other <= _MOST_DAYS):
        return match[0]
    if one > _MOST_MONTHS >= other or (day_first and other <= _MOST_MONTHS) or one == other:
        return f" {year}-{other}-{one} "
    return f" {year}-{one}-{other} " if other > _MOST_MONTHS >= one else match[0]


def _year(written: str) -> str:
    """A year of two digits as the one that is meant today: 24 is 2024, 98 is 1998."""
    return written if len(written) > len("24") else f"{20 if int(written) < _LAST_CENTURY else 19}{written}"


def spans(text: str, mark: str) -> str:
    """A text with a mark between weekdays or months that are the ends of a range: "Mon - Fri", "Monday to Friday".

    >>> spans("mon-fri, so-so", "…")
    'mon … fri, so-so'
    """
    return _SPAN.sub(lambda match: f"{match[1] or match[2]} {mark} ", text)
