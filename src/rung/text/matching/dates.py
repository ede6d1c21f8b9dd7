"""Dates in words ("3 May 2024", "2024年5月3日") as ISO 8601 writes them, and ranges of weekdays and months.

A date is read so only where both texts of a pair have a whole one: "2024" stands in "3 May 2024", and not in "2024-05-03".
"""

from __future__ import annotations

import re

_NAMES = (
    "january jan januar jänner janvier enero ene",
    "february feb februar février fév febrero",
    "march mar märz mrz mars marzo",
    "april apr avril avr abril abr",
    "may mai mayo",
    "june jun juni juin junio",
    "july jul juli juillet juil julio",
    "august aug août agosto ago",
    "september sept sep septembre septiembre",
    "october oct oktober okt octobre octubre",
    "november nov novembre noviembre",
    "december dec dezember dez décembre déc diciembre dic",
)
_MONTHS = {name: number for number, names in enumerate(_NAMES, start=1) for name in names.split()}
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_DAY = r"(0?[1-9]|[12]\d|3[01])"
_YEAR = r"(\d{4})(?![\d-]|[.,]\d)"
# A second day of "3 to 5 May 2024" is not the whole of its date.
_ALONE = r"(?<![\w.,/–-])(?<!\bto )(?<!bis )(?<!\band )(?<!und )(?<!- )(?<!– )"
_DAY_FIRST = re.compile(
    rf"{_ALONE}{_DAY}(?:st|nd|rd|th|er|\.)? ?(?:of |de |-)?({_MONTH})\b\.?(?:,? |-)(?:of |de |del )?{_YEAR}"
)
_MONTH_FIRST = re.compile(rf"(?<![\w-])({_MONTH})\b\.? {_DAY}(?:st|nd|rd|th)?,? {_YEAR}")
_YEAR_FIRST = re.compile(rf"(?<!\d)(\d{{4}}) ?[年년] ?{_DAY} ?[月월] ?{_DAY} ?[日일]")
_NUMBERS = re.compile(
    r"(?<![\w.-])\d{4}(?:-\d{1,2}-\d{1,2}|/\d{1,2}/\d{1,2})(?![\d/-])|(?<![\w.])\d{1,2}\. ?\d{1,2}\. ?\d{4}(?!\d)"
)

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


def has_date(text: str) -> bool:
    """Whether a text in one way of writing has a whole date: day, month and year."""
    return _FOUR.search(text) is not None and any(pattern.search(text) for pattern in _DATES)


def dated(text: str) -> str:
    """A text with each date in words as numbers.

    >>> dated("from may 3, 2024 or 4. juni 2024")
    'from  2024-5-3  or  2024-6-4 '
    """
    text = _DAY_FIRST.sub(lambda match: f" {match[3]}-{_MONTHS[match[2]]}-{match[1]} ", text)
    text = _MONTH_FIRST.sub(lambda match: f" {match[3]}-{_MONTHS[match[1]]}-{match[2]} ", text)
    return _YEAR_FIRST.sub(r" \1-\2-\3 ", text)


def spans(text: str, mark: str) -> str:
    """A text with a mark between weekdays or months that are the ends of a range: "Mon - Fri", "Monday to Friday".

    >>> spans("mon-fri, so-so", "…")
    'mon … fri, so-so'
    """
    return _SPAN.sub(lambda match: f"{match[1] or match[2]} {mark} ", text)
