"""Exact match and token F1 as the official SQuAD 2.0 evaluation computes them (Rajpurkar et al. 2018).

Refusals and unanswerable cases are left to `correctness`.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


@lru_cache(maxsize=4096)  # several metrics ask for the same text, one after the other
def normalise(text: str) -> str:
    """Lower case, without ASCII punctuation, English articles and superfluous white space, in the official order.

    >>> normalise("The  U.S. dollar!")
    'us dollar'
    """
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def accepted(answers: Sequence[str]) -> Sequence[str]:
    """The answers that count: those that normalise to nothing are dropped; if none is left, the empty answer is right."""
    return [answer for answer in answers if normalise(answer)] or [""]


def exact_match(said: str, answers: Sequence[str]) -> float:
    """1 if the text equals an accepted answer after normalisation, else 0."""
    return _best(said, answers, lambda one, other: float(one == other))


def token_f1(said: str, answers: Sequence[str]) -> float:
    """F1 over normalised tokens, best over the accepted answers, in [0, 1]."""
    return _best(said, answers, _f1)


def contains(said: str, answers: Sequence[str]) -> float:
    """1 if an accepted answer stands in the text as whole words, after normalisation, else 0."""
    return _best(said, answers, lambda one, other: float(f" {other} " in f" {one} "))


def _best(said: str, answers: Sequence[str], score: Callable[[str, str], float]) -> float:
    one = normalise(said)
    return max(score(one, normalise(answer)) for answer in accepted(answers))


def _f1(said: str, gold: str) -> float:
    one, other = said.split(), gold.split()
    if not one or not other:
        return float(one == other)
    same = sum((Counter(one) & Counter(other)).values())
    # As official: precision and recall first. 2 * same / (len + len) would differ from it in the last digit.
    precision, recall = same / len(one), same / len(other)
    return 2 * precision * recall / (precision + recall) if same else 0.0
