"""An answer cut into clauses, each with its tokens: what one of them denies, the next may state."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from rung.text.matching import Reading, as_digits, folded, joined_amounts, tokens
from rung.text.sentences import sentences
from rung.text.stating import words

_ITEM = re.compile(r"\s*\n\s*(?:[-*•·–]|\d{1,2}[.)])\s+")
_MARKUP = re.compile(r"[*_`#>]{1,3}(?=\S)|(?<=\S)[*_`]{1,3}")
_OR_MORE = re.compile(
    r"(?<=\d) (?:or|and|oder|ou|o) (?:more|less|fewer|above|below|over|under|mehr|weniger|plus|moins|más|menos)\b"
)
_ASIDE = re.compile(r"(?<=\s)\(([^()]{1,200})\)")  # "Article 17(3)" has none
_HYPHEN = re.compile(r"(?<=[^\W\d_])-(?=[^\W\d_])")
_CUT = re.compile(
    r"\s*(?:[;؛、，。；：]|:(?!\d)|(?<!\d):)\s*|,\s+(?!\d)|\s+[–—-]\s+|\n+"
    r"|\s+(?=(?:but|and|y|und|et|sondern|aber|sino|pero|mais)\b)"
    r"|\s+(?=(?:although|though|whereas|while|which|who|whose|because|after|that had)\b)",
    re.IGNORECASE,
)
_BETWEEN = re.compile(r"\b(?:between|zwischen|entre)\s+\S+(?:\s+\S+)?$", re.IGNORECASE)
_STEM = re.compile(r"(?:(?<!s)s|es|en|em|er|e|n)$")

_MIN_STEM = 3
_VERB_ENDINGS = ("d", "ed", "ing")


@dataclass(frozen=True, slots=True)
class Clause:
    """A part of an answer. `sentence` is the number of its sentence; `aside`: it stood in brackets; `apart`: it follows a
    semicolon.
    """

    text: str
    tokens: tuple[str, ...]
    sentence: int
    aside: bool = False
    apart: bool = False

    @property
    def joined(self) -> str:
        """The tokens as a text, for patterns of several words."""
        return " ".join(self.tokens)

    @property
    def content(self) -> frozenset[str]:
        """The stems of what says something."""
        return content(self.tokens)

    @property
    def denies(self) -> bool:
        """Whether there is a denial in it."""
        return bool(words.NEGATORS.intersection(self.tokens))

    def shares(self, asked: frozenset[str]) -> int:
        """How many of its words the question has."""
        return shared(self.content, asked)

    def beyond(self, asked: frozenset[str], accepted: frozenset[str]) -> frozenset[str]:
        """What it says that neither the question nor an accepted answer does."""
        left = self.content - accepted - asked
        return frozenset(word for word in left if not shared(frozenset({word}), asked))


@lru_cache(maxsize=256)  # each accepted answer asks for the same text
def cut(text: str, reading: Reading) -> tuple[Clause, ...]:
    """The clauses of an answer in order; what stands in brackets comes after its sentence."""
    clauses: list[Clause] = []
    whole = joined_amounts(as_digits(_MARKUP.sub("", _ITEM.sub(", ", text))))  # "two hundred and fifty" is no two clauses
    bare = _OR_MORE.sub("", whole)
    for number, (start, end) in enumerate(sentences(bare)):
        sentence = bare[start:end]
        for part, apart in _parts(_ASIDE.sub(" ", sentence)):
            clauses.append(Clause(part, folded_tokens(part, reading), number, apart=apart))
        clauses += [Clause(aside, folded_tokens(aside, reading), number, aside=True) for aside in _ASIDE.findall(sentence)]
    return tuple(clause for clause in clauses if clause.tokens)


def _parts(sentence: str) -> list[tuple[str, bool]]:
    """A sentence cut where a clause begins, not inside "between 5 and 10"; and whether each part follows a semicolon."""
    parts: list[tuple[str, bool]] = []
    begin, apart = 0, False
    for cutting in _CUT.finditer(sentence):
        part = sentence[begin : cutting.start()]
        if not _BETWEEN.search(part) and part.strip().casefold() not in words.NEGATORS:
            parts.append((part, apart))
            begin, apart = cutting.end(), ";" in cutting[0] or "；" in cutting[0]
    return [*parts, (sentence[begin:], apart)]


@lru_cache(maxsize=4096)
def folded_tokens(text: str, reading: Reading) -> tuple[str, ...]:
    """The tokens of `matching`, hyphens between words apart, without accents."""
    return tuple(map(folded, tokens(_HYPHEN.sub(" ", text), reading)))


@lru_cache(maxsize=16384)
def stem(token: str) -> str:
    """A word without its ending; numbers and short words as they are."""
    if not token[:1].isalpha() or len(token) <= _MIN_STEM:
        return token
    while len(bare := _STEM.sub("", token)) >= _MIN_STEM and bare != token:
        token = bare
    return token


@lru_cache(maxsize=8192)
def content(parts: tuple[str, ...]) -> frozenset[str]:
    """The stems of what says something."""
    return frozenset(
        stem(token) for token in parts if token not in words.FILLER and (token[:1].isalnum() or token in words.MEASURES)
    )


def alike(one: str, other: str) -> bool:
    """Whether two stems are forms of one word, as far as their beginnings tell: "reclam-ar" and "reclam-acion"."""
    if one == other:
        return True
    if not (one.isalpha() and other.isalpha()):
        return False
    short, long = sorted((one, other), key=len)
    if long.startswith(short) and long[len(short) :] in _VERB_ENDINGS:
        return True
    least = len(short)
    same = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), least)
    return same >= 4 and (same == least or (same >= 6 and max(len(one), len(other)) - same <= 5))


def shared(some: frozenset[str], others: frozenset[str]) -> int:
    """How many of the first words are among the others."""
    return sum(one in others or any(alike(one, other) for other in others) for one in some)
