"""What a cell of a table of scores says: a number, a word for right or wrong, or that there is no score.

Which cells are scores is left to `score_tables`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

from rung.errors import UserError
from rung.records import Json

MISSING = frozenset({"", "na", "n/a", "#n/a", "null", "none", "-", "–", "—"})
_RIGHT = (
    "true",
    "yes",
    "y",
    "pass",
    "passed",
    "correct",
    "right",
    "wahr",
    "ja",
    "vrai",
    "oui",
    "verdadero",
    "sí",
    "✓",
    "✔",
    "✅",
)
_WRONG = (
    "false",
    "no",
    "n",
    "fail",
    "failed",
    "incorrect",
    "wrong",
    "falsch",
    "nein",
    "faux",
    "non",
    "falso",
    "✗",
    "✘",
    "❌",
)
_WORDS = {**dict.fromkeys(_RIGHT, 1.0), **dict.fromkeys(_WRONG, 0.0)}
_INSPECT = {"c": 1.0, "i": 0.0, "p": 0.5, "n": 0.0}  # correct, incorrect, partial, no answer: Inspect's letters
_COMMA = re.compile(r"[+-]?\d+,\d+")
_SCALE = re.compile(r"\s*(-?\d+(?:\.\d+)?)\s*(?:-|–|:|\.\.)\s*(-?\d+(?:\.\d+)?)\s*")


class NoScore(ValueError):
    """A cell is no score; the message says why, without its place."""


class OffScale(NoScore):
    """A cell is a number that lies outside of the scale."""


@dataclass(frozen=True, slots=True)
class Scale:
    """The scale on which scores stand: what `worst` is becomes 0, what `best` is becomes 1."""

    worst: float = 0.0
    best: float = 1.0

    def share(self, value: float) -> float:
        """A value as a share of the scale.

        Raises:
            NoScore: it lies outside.
        """
        fraction = (value - self.worst) / (self.best - self.worst)
        if not -1e-9 <= fraction <= 1 + 1e-9:
            ends = f"{min(self.worst, self.best):g} to {max(self.worst, self.best):g}"
            hint = " (--scale 0-100, say, tells what they are on)" if (self.worst, self.best) == (0, 1) else ""
            raise OffScale(f"lies outside {ends}{hint}")
        return min(1.0, max(0.0, fraction))


def scale_of(text: str) -> Scale:
    """The scale that "0-100", "1-5" or "5-1" (where less is better) names: the worst score, then the best.

    Raises:
        UserError: it names none.
    """
    match = _SCALE.fullmatch(text)
    if match is None or float(match[1]) == float(match[2]):
        raise UserError(f"--scale {text}: name the worst score and the best, as in 0-100, 1-5 or 5-1")
    return Scale(float(match[1]), float(match[2]))


def letters_of(cells: Iterable[Json]) -> bool:
    """Whether a column has Inspect's letters: C, I, P and N alone, with a C or an I among them."""
    words = {cell.strip().casefold() for cell in cells if isinstance(cell, str)} - MISSING
    return bool(words & {"c", "i"}) and words <= set(_INSPECT)


def has_decimal_comma(cell: Json) -> bool:
    """Whether a cell is a number with a decimal comma."""
    return isinstance(cell, str) and _COMMA.fullmatch(cell.strip().rstrip("%").rstrip()) is not None


def is_missing(cell: Json) -> bool:
    """Whether a cell says that there is no value."""
    return cell is None or (isinstance(cell, str) and cell.strip().casefold() in MISSING)


def score_of(cell: Json, scale: Scale, *, letters: bool = False) -> float | None:
    """The score in [0, 1] that a cell says; None where there is none.

    Numbers stand on the scale, with a decimal point or comma; "85 %" is 0.85 on any scale, and words are 1 or 0. `letters`:
    the column has Inspect's.

    Raises:
        NoScore: it says anything else.
    """
    if is_missing(cell):
        return None
    if isinstance(cell, bool):
        return float(cell)
    if isinstance(cell, str):
        word = cell.strip().casefold()
        if letters and word in _INSPECT:
            return _INSPECT[word]
        if word in _WORDS:
            return _WORDS[word]
        if word.endswith("%"):
            return Scale(0, 100).share(_number(word[:-1]))
    return scale.share(_number(cell))


def usd_of(cell: Json) -> float | None:
    """The dollars that a cell says; None where that is not known.

    Raises:
        NoScore: it is no number of 0 or more.
    """
    if is_missing(cell):
        return None
    number = _number(cell.strip().removeprefix("$").removesuffix("$") if isinstance(cell, str) else cell)
    if number < 0:
        raise NoScore("is below 0")
    return number


def _number(cell: Json) -> float:
    if isinstance(cell, bool) or not isinstance(cell, (str, int, float)):
        raise NoScore("is no number")
    text = cell.strip() if isinstance(cell, str) else cell
    try:
        number = float(text.replace(",", ".") if isinstance(text, str) and _COMMA.fullmatch(text) else text)
    except (ValueError, OverflowError):
        raise NoScore("is no number") from None
    if not math.isfinite(number):
        raise NoScore("is no number: leave the cell empty where there is no score")
    if isinstance(text, str) and "_" in text:
        raise NoScore("is no number")
    return number
