"""An accepted answer, and what else is known of the case when a text is held against it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rung.text.matching import Reading
from rung.text.stating import words
from rung.text.stating.clauses import content, folded_tokens, stem
from rung.text.stating.quantities import first_number, limit


@dataclass(frozen=True, slots=True)
class Expected:
    """One accepted answer. Sets hold stems.

    Args:
        text: as written.
        core: its tokens, without the small words that it begins with.
        whole: all of its tokens.
        question: the question's tokens.
        asked: what the question speaks of.
        accepted: the words of all accepted answers.
        limits: how their numbers are limited.
        other_option: where the question offers it and another one, the words of the other.
    """

    text: str
    core: tuple[str, ...]
    whole: tuple[str, ...]
    question: tuple[str, ...]
    asked: frozenset[str]
    accepted: frozenset[str]
    limits: frozenset[str]
    other_option: frozenset[str]


def expected(text: str, answers: Sequence[str], question: str, reading: Reading) -> Expected:
    """An accepted answer among all of them."""
    whole, asking = folded_tokens(text, reading), folded_tokens(question, reading)
    start = next((n for n, token in enumerate(whole) if token not in words.LEADING), 0)
    others = [folded_tokens(answer, reading) for answer in answers]
    accepted = frozenset(stem(token) for tokens in others for token in tokens)
    return Expected(
        text=text,
        core=whole[start:],
        whole=whole,
        question=asking,
        asked=content(asking),
        accepted=accepted,
        limits=frozenset(limit(tokens, first_number(tokens)).way for tokens in others),
        other_option=_other_option(asking, content(whole), accepted),
    )


def _other_option(question: Sequence[str], own: frozenset[str], accepted: frozenset[str]) -> frozenset[str]:
    at = next((n for n, token in enumerate(question) if token in words.OR), None)
    if at is None or not own or not own <= content(tuple(question)):
        return frozenset()
    sides = content(tuple(question[max(0, at - len(own) - 1) : at])), content(tuple(question[at + 1 :]))
    there = [side for side in sides if not side & own]
    return there[0] - accepted if there else frozenset().union(*sides) - accepted
