"""How a number is limited ("over", "under"), and what it is a number of."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from rung.text.stating import words
from rung.text.stating.clauses import stem

NUMBER = re.compile(r"-?\d")
DATE = re.compile(r"(?:\d{4}-)?\d{1,2}-\d{1,2}")
BEFORE = 3  # tokens before a number that may limit it
_TIME = re.compile(r"\d{1,2}:\d\d")
_YEAR = re.compile(r"1\d{3}|20\d\d")
_AT_LEAST = re.compile(r"(?:at least|no (?:fewer|less) than|mindestens|au moins|al menos|por lo menos)$")
_AT_MOST = re.compile(r"(?:at most|no more than|not more than|up to|hochstens|bis zu|au plus|jusqua|como maximo|hasta)$")


class Limit(NamedTuple):
    """Which way a number is limited, "over" or "under", or "" where it is not; `strict`: the number itself is left out."""

    way: str
    strict: bool = False


def first_number(tokens: Sequence[str]) -> int | None:
    """The place of the first number."""
    return next((n for n, token in enumerate(tokens) if NUMBER.match(token)), None)


def limit(tokens: Sequence[str], at: int | None) -> Limit:
    """How the number at a place is limited by what stands before it.

    >>> limit(("more", "than", "50"), 2), limit(("at", "most", "7"), 2), limit(("in", "7"), 1)
    (Limit(way='over', strict=True), Limit(way='under', strict=False), Limit(way='', strict=False))
    """
    near = list(tokens[max(0, at - BEFORE) : at]) if at is not None else []
    text = " ".join(near)
    if _AT_LEAST.search(text):
        return Limit("over")
    if _AT_MOST.search(text):
        return Limit("under")
    if near and near[-1] in words.THAN:
        compared = {*near[-2:-1]}
        over, under = compared & words.THAN_OVER, compared & words.THAN_UNDER
    else:
        over, under = {*near[-1:]} & words.OVER, {*near[-1:]} & words.UNDER
    return Limit("over" if over else "under" if under else "", strict=bool(over or under))


def kind(tokens: Sequence[str], at: int) -> str | None:
    """What the number at a place counts: its unit, "date", "time", "year", or "" where nothing says it; None: no number."""
    if at >= len(tokens) or not NUMBER.match(tokens[at]):
        return None
    if DATE.fullmatch(tokens[at]):
        return "date"
    if _TIME.fullmatch(tokens[at]):
        return "time"
    unit = tokens[at + 1] if at + 1 < len(tokens) and tokens[at + 1] in words.MEASURES else ""
    return stem(unit) if unit else "year" if _YEAR.fullmatch(tokens[at]) else ""
