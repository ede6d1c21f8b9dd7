"""Exact match and token F1 as the official SQuAD 2.0 evaluation computes them (Rajpurkar et al. 2018).

Refusals and unanswerable cases are left to `correctness`.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence
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


@lru_cache(maxsize=4096)
def accepted(answers: tuple[str, ...]) -> tuple[str, ...]:
    """The answers that count, normalised: those of which nothing is left are dropped; if all are, the empty one is right."""
    return tuple(filter(None, map(normalise, answers))) or ("",)


def exact_match(text: str, answers: Sequence[str]) -> float:
    """1 if the text equals an accepted answer after normalisation, else 0."""
    return float(normalise(text) in accepted(tuple(answers)))


def token_f1(text: str, answers: Sequence[str]) -> float:
    """F1 over normalised tokens, best over the accepted answers, in [0, 1]."""
    one = normalise(text)
    return max(_f1(one, answer) for answer in accepted(tuple(answers)))


def contains(text: str, answers: Sequence[str]) -> float:
    """1 if an accepted answer stands in the text as whole words, after normalisation, else 0."""
    one = f" {normalise(text)} "
    return float(any(f" {answer} " in one for answer in accepted(tuple(answers))))


def _f1(predicted: str, gold: str) -> float:
    one, other = predicted.split(), gold.split()
    if not one or not other or one == other:
        return float(one == other)
    same = sum((Counter(one) & Counter(other)).values())
    # As official: precision and recall first. 2 * same / (len + len) would differ from it in the last digit.
    precision, recall = same / len(one), same / len(other)
    return 2 * precision * recall / (precision + recall) if same else 0.0
