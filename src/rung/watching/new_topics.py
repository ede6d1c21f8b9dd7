"""What questions that lie far from every case are about: groups of alike ones, named by the words that set them apart."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rung.records import Json
from rung.text.matching import terms

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

ALIKE = 0.55  # cosine distance up to which questions, on average, are of one topic
MIN_QUESTIONS = 3  # of a topic
MAX_GROUPED = 1_000  # the newest, since time and memory grow with the square
EXAMPLES, WORDS = 3, 3
_PRIOR = 0.5  # of a word in a topic; its log-odds are divided by their error (Monroe, Colaresi and Quinn 2008)


@dataclass(frozen=True, slots=True)
class Topic:
    """Alike questions. `name`: the words that tell them from all others, the best first; `examples`: the most typical."""

    name: str
    questions: int
    examples: tuple[str, ...]

    def as_json(self) -> dict[str, Json]:
        """For programs."""
        return {"name": self.name, "questions": self.questions, "examples": list(self.examples)}

    def __str__(self) -> str:
        return f"{self.name} ({self.questions}, such as {self.examples[0]!r})"


def topics(texts: Sequence[str], vectors: Floats, others: Sequence[str]) -> tuple[Topic, ...]:
    """The topics among questions, the largest first; questions that are like no others are of none.

    Args:
        texts: the questions.
        vectors: unit vectors of them, [m, d].
        others: questions of other topics, from which names tell them.
    """
    import numpy as np
    from scipy.cluster.hierarchy import fcluster, linkage

    texts, vectors = list(texts[-MAX_GROUPED:]), vectors[-MAX_GROUPED:]
    if len(texts) < MIN_QUESTIONS:
        return ()
    groups = fcluster(linkage(vectors, method="average", metric="cosine"), ALIKE, criterion="distance")
    counted = [Counter(_words(text)) for text in texts]
    background = sum((Counter(_words(text)) for text in others), Counter[str]())
    named = []
    for group in np.unique(groups):
        rows = np.flatnonzero(groups == group)
        if len(rows) < MIN_QUESTIONS:
            continue
        own = sum((counted[row] for row in rows), Counter[str]())
        rest = background + sum((counted[row] for row in np.flatnonzero(groups != group)), Counter[str]())
        typical = rows[np.argsort(-(vectors[rows] @ vectors[rows].mean(axis=0)), kind="stable")]
        examples = list(dict.fromkeys(" ".join(texts[row].split()) for row in typical))[:EXAMPLES]
        named.append(Topic(_name(own, rest), len(rows), tuple(examples)))
    return tuple(sorted(named, key=lambda topic: -topic.questions))


def _name(own: Counter[str], rest: Counter[str]) -> str:
    n, m, words = own.total(), rest.total(), len(own | rest)

    def score(word: str) -> float:
        a, b = own[word] + _PRIOR, rest[word] + _PRIOR
        odds = math.log(a / (n + _PRIOR * words - a)) - math.log(b / (m + _PRIOR * words - b))
        return odds / math.sqrt(1 / a + 1 / b)

    best = sorted((word for word in own if len(word) > 1), key=lambda word: (-score(word), word))
    return ", ".join(best[:WORDS]) or "no words"


def _words(text: str) -> set[str]:
    return set(terms(text))
