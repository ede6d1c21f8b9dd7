"""From a passage to the next by what it names: the words to search with, and which passages stand on the best paths.

The hop needs no model. A passage that bears out part of a question names what the rest is about ("Gisvi was born in
Windhoek"): the question's words that it lacks are searched with each of its names. A path is as good as the first search
says of its first passage, as the question's words that its passages hold together, and as surely as its passages name each
other. Pure: which searches are made is left to `hopping`.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from rung.records import Passage
from rung.text.names import headline, names
from rung.text.sentences import sentences
from rung.text.support import content

SALIENT = 2  # sentences of a passage that are nearest to the question: their names are searched for
NAMED, MENTIONED = 1.0, 0.5  # what a link is worth: the next passage is about what was named, or speaks of it
LINKED, FOLLOWED = 0.5, 0.5  # what links, and the ranks of the searches that followed, count beside rank and words
FURTHER = 0.6  # what a path of several passages is worth beside one alone: a wrong step costs then less than it may bring
_WORD = re.compile(r"[\w'’-]+")


@dataclass(frozen=True, slots=True)
class Path:
    """Passages, each found by a name in the one before; `links` and `shares` have one number for each step."""

    passages: tuple[Passage, ...]
    share: float  # of the first passage, of the best of the first search, in [0, 1]
    links: tuple[float, ...] = ()
    shares: tuple[float, ...] = ()

    @property
    def last(self) -> Passage:
        """Where the next step begins."""
        return self.passages[-1]

    @property
    def words(self) -> frozenset[str]:
        """The content words of all its passages."""
        return frozenset().union(*map(words_of, self.passages))

    def extended(self, passage: Passage, name: str, share: float) -> Path:
        """The path with one passage more, which a search for this name found."""
        link = link_of(name, self.last, passage)
        return replace(self, passages=(*self.passages, passage), links=(*self.links, link), shares=(*self.shares, share))


@dataclass(frozen=True, slots=True)
class Lead:
    """A name in the last passage of a path, and the words to search with for it."""

    path: Path
    name: str
    query: str


def leads(question: str, path: Path, most: int) -> Iterator[Lead]:
    """The names that a path's last passage has and the question has not: its title, then those nearest to the question."""
    passage = path.last
    asked, held = f" {_plain(question)} ", path.words
    rest = " ".join(word for word in _WORD.findall(question) if not content(word) & held)
    listed = dict.fromkeys((headline(passage.title), *names(salient(question, passage.text))))
    new = [name for name in listed if content(name) and f" {_plain(name)} " not in asked]
    yield from (Lead(path, name, f"{rest} {name}".strip()) for name in new[:most])


def salient(question: str, text: str) -> str:
    """The sentences of a text that share most words with a question, in their order."""
    spans, asked = sentences(text), content(question)
    shared = [len(asked & content(text[start:end])) for start, end in spans]
    best = sorted(range(len(spans)), key=lambda index: (-shared[index], index))[:SALIENT]
    return "\n".join(text[slice(*spans[index])] for index in sorted(best))


def words_of(passage: Passage) -> frozenset[str]:
    """The content words of a passage and its title."""
    return content(f"{passage.title}\n{passage.text}")


def link_of(name: str, before: Passage, after: Passage) -> float:
    """How surely a passage is about what the one before it names, in [0, 1]."""
    named, title = content(name), content(headline(after.title))
    if title and (title == named or title <= words_of(before)):
        return NAMED
    return MENTIONED if named <= words_of(after) else 0.0


def ranked(question: str, paths: Sequence[Path]) -> dict[str, tuple[float, Path]]:
    """Passage id -> (score, the best path that it stands on), best first; equal scores in the order of first sight."""
    worth = weights(question, paths)
    best: dict[str, tuple[float, Path]] = {}
    for path in paths:
        score = _score(path, worth)
        for passage in path.passages:
            if passage.id not in best or score > best[passage.id][0]:
                best[passage.id] = score, path
    return dict(sorted(best.items(), key=lambda item: -item[1][0]))


def weights(question: str, paths: Sequence[Path]) -> Mapping[str, float]:
    """Content word of the question -> its share of the question: rare ones among the passages that were found count more."""
    pool = {passage.id: passage for path in paths for passage in path.passages}
    frequency = Counter(word for passage in pool.values() for word in words_of(passage))
    rare = {w: math.log1p((len(pool) - frequency[w] + 0.5) / (frequency[w] + 0.5)) for w in sorted(content(question))}
    total = sum(rare.values())
    return {word: value / total for word, value in rare.items()} if total else {}


def _score(path: Path, worth: Mapping[str, float]) -> float:
    held = sum(worth[word] for word in path.words & worth.keys())
    if not path.links:
        return path.share + held
    link, share = (sum(values) / len(values) for values in (path.links, path.shares))
    return FURTHER * (path.share + held + LINKED * link + FOLLOWED * share)


def _plain(text: str) -> str:
    return " ".join(_WORD.findall(text.casefold()))
