"""Times of day as a clock of 24 hours shows them: "5 pm", "5:00 PM", "17 Uhr" and "17:00"; "noon"."""

from __future__ import annotations

import re

from rung.text.matching.characters import choices
from rung.text.matching.counting import WORDS

_HOUR, _MINUTE = r"(1[0-2]|0?[1-9])", r"(?:[:.]([0-5]\d))?"
_HALF = r"([ap])\.? ?m\b\.?(?! ?\d)"
# "5 am Montag" is German: on Monday, at five.
_NO_GERMAN = (
    r"(?! (?:(?:mon|diens|donners|frei|sams|sonn)tag|mittwoch|wochenende|tag|abend|morgen|nachmittag|vormittag|ende|anfang"
    r"|selben|gleichen|nächsten|folgenden|ersten|letzten)\b)"
)
_ALONE = r"(?<![\w.,:/-])"
_SPAN = re.compile(rf"{_ALONE}{_HOUR}{_MINUTE} ?(-|to|until|till|and) ?{_HOUR}{_MINUTE} ?{_HALF}{_NO_GERMAN}")
_TIME = re.compile(rf"(?<![\w.,:/]){_HOUR}{_MINUTE} ?{_HALF}{_NO_GERMAN}")
_NAMED = {"noon": "12:00", "midday": "12:00", "midnight": "0:00"}
_BY_NAME = re.compile(rf"\b(?:12 )?({'|'.join(_NAMED)})\b")
_GERMAN: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"(?<![\d:.,/])(\d{1,2}) ?(?:uhr\b)? ?(-|bis|until|to|und) ?(\d{1,2})(?![\d:.,])(?= ?uhr\b)"),
        r"\1:00 \2 \3:00",
    ),
    (re.compile(r"(?<![\d:.,/])(\d{1,2})\.(\d\d)(?= ?uhr\b)"), r"\1:\2"),
    (re.compile(r"(?<![\d:.,/])(\d{1,2}) ?uhr (\d\d)(?![\d:.,])"), r"\1:\2"),
    (re.compile(r"(?<![\d:.,/])(\d{1,2})(?= ?uhr\b)"), r"\1:00"),
    (re.compile(r"(?<=\d:\d\d) ?uhr\b"), ""),
)
_HOURS = {word: number for word, number in WORDS.items() if "." not in number and int(number) <= 12} | {
    "one": "1",
    "ein": "1",
}
_IN_WORDS = re.compile(rf"\b({choices(_HOURS)})(?= (?:o'?clock|uhr|[ap]\.? ?m)\b)")
_O_CLOCK = re.compile(r"(?<![\d:.,/])(\d{1,2}) o'?clock\b")
_PERHAPS = re.compile(r"[ap]\.? ?m\b|uhr\b|clock\b|noon\b|mid(?:day|night)\b")


def on_24_hours(text: str) -> str:
    """A text in one way of writing, its times of day as "17:00". In "1 to 5 pm" both are in the afternoon.

    >>> on_24_hours("9 a.m. to 5:30 pm"), on_24_hours("1-5 pm"), on_24_hours("17 uhr"), on_24_hours("at noon")
    ('9:00 to 17:30', '13:00-17:00', '17:00', 'at 12:00')
    """
    if not _PERHAPS.search(text):
        return text
    text = _IN_WORDS.sub(lambda match: _HOURS[match[1]], text)
    text = _TIME.sub(_time, _SPAN.sub(_span, text))
    text = _BY_NAME.sub(lambda match: _NAMED[match[1]], _O_CLOCK.sub(r"\1:00", text))
    for pattern, written in _GERMAN:
        text = pattern.sub(written, text)
    return text


def _time(match: re.Match[str]) -> str:
    hour, minute, half = match.groups()
    return _of(int(hour), minute, half)


def _span(match: re.Match[str]) -> str:
    first, minute, to, last, last_minute, half = match.groups()
    is_same_half = int(first) % 12 < int(last) % 12
    before = half if is_same_half else {"a": "p", "p": "a"}[half]
    joint = to if to == "-" else f" {to} "
    return f"{_of(int(first), minute, before)}{joint}{_of(int(last), last_minute, half)}"


def _of(hour: int, minute: str | None, half: str) -> str:
    return f"{hour % 12 + (12 if half == 'p' else 0)}:{minute or '00'}"
