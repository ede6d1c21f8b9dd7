"""Whether an answer has another number where an accepted answer has its own: half the words right is then not half right.

Numbers are the tokens of `reading`, so they count by their value.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rung.text.matching.answers import best, f1

_VALUE = re.compile(r"-?\d")
_NAMED = re.compile(r"([^\W\d]+)(\d[\d.]*)([^\W\d]*)")  # E-4042, B12, mid-1990s


def figured_f1(text: str, answers: Sequence[str]) -> float:
    """Token F1 times `figures_kept`, best over the accepted answers, in [0, 1].

    >>> figured_f1("99 working days", ["3 working days"]), figured_f1("3 days", ["3 working days"])
    (0.0, 0.8)
    """
    return best(lambda one, other: f1(one, other) * figures_kept(one, other), text, answers)


def figures_kept(predicted: Sequence[str], answer: Sequence[str]) -> float:
    """The share of an accepted answer's numbers that a text has, where it has others in the place of the rest; else 1.

    Both as tokens. A text that leaves a number out and gives no other contradicts nothing, nor does one that gives more.

    >>> figures_kept(("15", "%", "in", "2024"), ("12", "%", "in", "2024"))
    0.5
    >>> figures_kept(("few", "days"), ("3", "days")), figures_kept(("e4043",), ("e4042",))
    (1.0, 0.0)
    """
    return min(_kept(values(predicted), values(answer)), *(_kept(*pair) for pair in _named(predicted, answer)), 1.0)


def _kept(predicted: set[str], expected: set[str]) -> float:
    return len(expected & predicted) / len(expected) if expected - predicted and predicted - expected else 1.0


def values(tokens: Sequence[str]) -> set[str]:
    """Those of the tokens that are numbers."""
    return {token for token in tokens if _VALUE.match(token)}


def _named(one: Sequence[str], other: Sequence[str]) -> list[tuple[set[str], set[str]]]:
    """Numbers behind a name, name by name: those of the text, and those of the answer."""
    predicted, expected = _by_name(one), _by_name(other)
    return [(predicted.get(name, set()), numbers) for name, numbers in expected.items()]


def _by_name(side: Sequence[str]) -> dict[tuple[str, str], set[str]]:
    numbers: dict[tuple[str, str], set[str]] = {}
    for token in side:
        if named := _NAMED.fullmatch(token):
            numbers.setdefault((named[1], named[3]), set()).add(named[2])
    return numbers
