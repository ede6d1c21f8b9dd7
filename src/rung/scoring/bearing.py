"""Which passages of its gold documents bear a case's answer: one rule for what the oracle is shown and what teaches.

A passage bears the answer where it holds an accepted one as `correct` reads it, numbers by their value (of a long answer,
most of its words). Which of several is meant is told by nearness: the words that a passage shares with the question and its
answers, rare ones counting for more. An answer that the document says in other words is not seen; then nearness alone tells.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rung.records import Case, Passage
from rung.text import matching
from rung.text.json_values import leaves, parse

SAID_AS_IS = (
    "match",
    "f1",
    "em",
    "contains",
)  # what `correct` means where an accepted answer may stand in a document as it is
SHORT = 10  # words; a longer answer may be said there in other words
LONG_ANSWER = 5  # words; from here on most of an answer's words are enough
MAX_WORDS = 0.7  # of a long answer's distinct words
NEARER = 2.0  # times: a passage that is so much nearer than any that holds an answer bears it too
_SATURATION, _BY_LENGTH = 1.2, 0.75  # BM25's k1 and b
_BEGIN = r"(?:(?<![\w.,])|(?<=\D[.,])|(?<=^[.,])|(?!\w))"  # of a phrase in a text: not inside a word or a number
_END = r"(?:(?!\w)(?![.,]\d)|(?<!\w))"

_ITEMS = re.compile(r"\s*[;,]\s+(?:(?:and|or|und|oder|et|ou|y|e|o)\s+)?|\s+(?:and|und|et|y)\s+|\s*\n\s*")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_DIGIT = re.compile(r"\d")
_UNIT_WORDS = 3

Phrases = tuple[tuple[str, ...], ...]  # of each accepted answer, what of it is looked for


@dataclass(frozen=True, slots=True)
class Ranked:
    """Passages, best first. The first `bearing` bear the answer; 0: none holds one, and nobody can tell."""

    passages: tuple[Passage, ...]
    bearing: int


def phrases(case: Case, *, schema: str = "", labels: Sequence[str] = ()) -> Phrases:
    """What to look for in a document: each accepted answer or, of JSON, its texts and numbers.

    None with labels: no document need say them.
    """
    if labels:
        return ()
    parts = [_leaves(answer) if schema else [answer] for answer in case.answers]
    wording = (tuple(text.strip() for text in texts if matching.tokens(text)) for texts in parts)
    return tuple(dict.fromkeys(filter(None, wording)))


def holds(passage: Passage, answers: Phrases) -> bool:
    """Whether an accepted answer, or part of one that is JSON, stands in a passage or its title."""
    return any(_held(_text(passage), answers))


def holds_whole(passages: Sequence[Passage], answers: Phrases) -> bool:
    """Whether these passages together hold all that is looked for of one accepted answer."""
    held = frozenset[str]().union(*(_held(_text(passage), answers) for passage in passages))
    return any(held.issuperset(answer) for answer in answers)


def in_parts(text: str, answer: str) -> bool:
    """Whether a text holds an answer in parts: all items of a list, or a number whose unit stands in its line or in its
    table's head ("5,200" below "Weight kg" for "5,200 kg").

    >>> in_parts("| Item | Weight kg |\\n|---|---|\\n| Crate | 5,200 |", "5,200 kg"), in_parts("Leeds\\nHull", "Hull, Leeds")
    (True, True)
    """
    items = [item for item in _ITEMS.split(answer) if item.strip()]
    if len(items) > 1 and all(item.strip().casefold() in text.casefold() for item in items):
        return all(matching.holds(text, item) for item in items)
    units = [word for word in matching.tokens(answer) if not _NUMBER.fullmatch(word)]
    numbers = [word for word in matching.tokens(answer) if _NUMBER.fullmatch(word)]
    if len(numbers) != 1 or not 0 < len(units) <= _UNIT_WORDS:
        return False
    head = ""
    for line in text.splitlines():
        head = "" if not line.strip() else head or line
        held = _DIGIT.search(line) is not None and matching.holds(line, numbers[0])
        if held and {*units} <= {*matching.tokens(line), *matching.tokens(head)}:
            return True
    return False


def ranked(case: Case, passages: Sequence[Passage], answers: Phrases) -> Ranked:
    """The passages by how surely they bear the answer, equal ones in the order given.

    Those that hold most of an accepted answer come first, the nearest of them first; of an answer in JSON also those that
    hold a part that is missing in these. After them one that is `NEARER` than all of them, then the rest, nearest first.
    """
    near = _nearness(" ".join([case.question, *(phrase for answer in answers for phrase in answer)]), passages)
    held = [_held(_text(passage), answers) for passage in passages]
    shares = [max((len(own & {*answer}) / len({*answer}) for answer in answers), default=0.0) for own in held]
    nearest = sorted(range(len(passages)), key=lambda n: -near[n])
    best, seen, chosen = max(shares, default=0.0), set[str](), list[int]()
    for n in sorted(nearest, key=lambda n: -shares[n]) if best else ():
        if shares[n] == best or held[n] - seen:
            chosen.append(n)
            seen |= held[n]
    if chosen and near[nearest[0]] > NEARER * max(near[n] for n in chosen):
        chosen.insert(1, nearest[0])
    by_rank = dict.fromkeys([*chosen, *nearest])
    return Ranked(tuple(passages[n] for n in by_rank), len(chosen))


def _leaves(answer: str) -> list[str]:
    try:
        value = parse(answer)
    except ValueError:
        return []
    return [str(leaf) for _, leaf in leaves(value) if isinstance(leaf, (str, int, float)) and not isinstance(leaf, bool)]


def _text(passage: Passage) -> str:
    return f"{passage.title}\n{passage.text}"


def _held(text: str, answers: Phrases) -> frozenset[str]:
    literal = _literal(text) if answers else ""
    return frozenset(phrase for answer in answers for phrase in answer if _stands(phrase, text, literal))


def _stands(phrase: str, text: str, literal: str) -> bool:
    """Whether a text holds a phrase as it is written, or by its meaning, or most words of a long one."""
    if re.search(rf"{_BEGIN}{re.escape(_literal(phrase))}{_END}", literal) or matching.holds(text, phrase):
        return True
    tokens = frozenset(matching.tokens(phrase))
    if len(tokens) < LONG_ANSWER or matching.has_runs(phrase):  # single characters are in any text
        return False
    return len(tokens.intersection(matching.tokens(text))) >= MAX_WORDS * len(tokens)


def _literal(text: str) -> str:
    return " ".join(text.casefold().split())


def _nearness(query: str, passages: Sequence[Passage]) -> list[float]:
    """BM25 of the query's words among these passages alone."""
    counted = [Counter(matching.tokens(_text(passage))) for passage in passages]
    frequency = Counter(word for words in counted for word in words)
    lengths = [words.total() for words in counted]
    usual = sum(lengths) / len(lengths) if any(lengths) else 1.0
    asked = [word for word in dict.fromkeys(matching.tokens(query)) if word in frequency]
    rare = {word: math.log1p((len(counted) - frequency[word] + 0.5) / (frequency[word] + 0.5)) for word in asked}
    return [
        sum(
            rare[word] * words[word] / (words[word] + _SATURATION * (1 - _BY_LENGTH + _BY_LENGTH * length / usual))
            for word in asked
            if word in words
        )
        for words, length in zip(counted, lengths, strict=True)
    ]
