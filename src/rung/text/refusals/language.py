"""What one language gives to the rule of `clauses`: ways of saying that one does not know, and what may stand beside it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True, slots=True)
class Words:
    """A regular expression, compiled when it is first asked: those of four languages take most of a second, and a language
    is asked only about texts that hold one of its negations."""

    expression: str

    def match(self, text: str) -> re.Match[str] | None:
        """As that of `re.Pattern`."""
        return _compiled(self.expression).match(text)

    def sub(self, by: str, text: str, count: int = 0) -> str:
        """As that of `re.Pattern`."""
        return _compiled(self.expression).sub(by, text, count)


@cache
def _compiled(expression: str) -> re.Pattern[str]:
    return re.compile(expression)


@dataclass(frozen=True, slots=True)
class Language:
    """Patterns over a clause in lower case, straight quotation marks and single spaces; all but `exact` match at its start.

    Args:
        negations: words without which nothing is refused: a text without any of any language is an answer.
        opening: what may stand before what is said: "Sorry,", "Based on the passages,".
        refuses: that one does not know, or that the sources do not say.
        topic: what the sources are about instead: neither a refusal nor an answer.
        pointer: where to ask instead: neither a refusal nor an answer.
        looked: that one looked for it, which says nothing yet.
        sources: what the passages are called, for clauses that leave them out: "… give the year, but DO NOT NAME THE DAY".
        pronoun: "they", of the passages.
        headless: the rest of "I looked, but COULD NOT FIND it", to be read with the subject of the clause before.
        contrast: words that begin a new clause: "but", "however".
        weak_contrast: the same, but only behind a comma: "so", "still".
        yielding: words that begin a clause which the next one outweighs: "although".
        condition: words that begin a clause about what others do in a case: "if".
        guess: words that begin what one does not know but answers: "I think", "probably".
        exact: that only the exact answer is unknown, anywhere in a clause.
    """

    negations: str
    opening: Words
    refuses: Words
    topic: Words
    pointer: Words
    looked: Words
    sources: str
    pronoun: Words
    headless: Words
    contrast: str
    weak_contrast: str
    yielding: Words
    condition: Words
    guess: Words
    exact: Words


def unsaid(source: str, negation: str, telling: str, asserting: str, duty: str) -> str:
    """A pattern for a clause that names the sources, denies, and speaks of telling, in any order.

    Not where the sources do say something ("The text says that no …": `asserting`), nor of a rule ("must not": `duty`).
    """
    named = rf"\b(?:{source})"
    return (
        rf"(?=.*\b(?:{negation}))(?=.*{named})(?=.*\b(?:{telling})\b)"
        rf"(?!.*{named} (?:\w+ ){{0,2}}?(?:{asserting})\b)(?!.*\b(?:{duty})\b)"
    )


def any_of(*patterns: str) -> Words:
    """One pattern that matches where any of these does; texts are case-folded, where ß is ss."""
    return Words("|".join(f"(?:{pattern})" for pattern in patterns).replace("ß", "ss"))
