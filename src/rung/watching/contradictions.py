"""Where two versions of one document that are both searched say different things: another number, a "not" more.

Versions of one document have the same title, or the same path, but for what tells versions apart ("v2", "2023", "old",
"copy"), and half of their sentences in common. A contradiction is a sentence that both have, but for its numbers or its
negation. What is worded anew is not found; what both say of different things in the same words is found wrongly.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import PurePosixPath

from rung.records import Document
from rung.records.alerts import Reading
from rung.text import weekdays
from rung.text.months import ENGLISH
from rung.text.sentences import sentences
from rung.watching.index_drift import ENDS, dated_by
from rung.watching.surroundings import Surroundings

SHOWN = 20  # contradictions in the evidence
MOST = 20_000  # documents that are looked at
CROWD = 30  # documents of one name; of more, the first are looked at
COMMON = 0.5  # share of the shorter one's sentences that both have, numbers aside
WORDS = 4  # of a sentence, beside its numbers
FALSE = 0.001  # chance that two documents of one name, and no versions of one another, contradict; benchmarks/watching.py
_WORD = re.compile(r"\w+(?:[.,:/-]\d+)*")
_VERSION = re.compile(
    r"\b(?:v(?:er(?:sion)?)?[ ._-]?\d+(?:[._]\d+)*|(?:19|20)\d{2}(?:[ ._-]\d{1,2}){0,2}|old|new|copy|draft|final|backup|bak|"
    r"archived?|deprecated|obsolete|previous|current|latest|rev(?:ision)?[ ._-]?\d+|\(\d+\))\b|\(\d+\)",
    re.IGNORECASE,
)
_NUMBERS = frozenset(
    [
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "twenty",
        "thirty",
        "forty",
        "fifty",
        "sixty",
        "seventy",
        "eighty",
        "ninety",
        "hundred",
        "thousand",
        "million",
        "half",
        "twice",
        "double",
        *weekdays.ENGLISH,
        *(month.lower() for month in ENGLISH if month != "May"),  # the verb is the likelier
    ]
)
_NEGATIONS = frozenset(["not", "no", "never", "cannot", "nor", "without", "none", "nothing", "neither"])


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two sentences that differ in a number or a negation alone, and whose documents they are in."""

    one: str
    other: str
    says: str
    other_says: str


@dataclass(frozen=True, slots=True)
class _Sentence:
    frame: tuple[str, ...]
    values: tuple[str, ...]
    text: str


def look(surroundings: Surroundings) -> Iterator[Reading]:
    """One reading; none where there are no documents."""
    if surroundings.snapshot is None:
        return
    today = surroundings.clock.now.date()
    ids = sorted(surroundings.snapshot.state.documents)
    documents = surroundings.snapshot.documents(ids[:MOST])
    valid = [one for one in documents if (day := dated_by(one.meta, ENDS)) is None or day >= today]
    every = list(contradictions(valid))
    left_out = f"; {len(ids) - MOST:,} documents beyond {MOST:,} were not looked at" if len(ids) > MOST else ""
    pairs = {(one.one, one.other) for one in every}
    first = f", as {every[0].one} ('{every[0].says}') and {every[0].other} ('{every[0].other_says}')" if every else ""
    yield Reading(
        "contradictions",
        "drifted" if every else "fine",
        f"sentences that contradict one of another version: {len(every):,}, in {len(pairs):,} pairs{first}{left_out}",
        figure=len(every),
        limit=1,
        test="sentences of two versions of one document that differ in numbers or a negation alone, counted",
        false_alarms=FALSE,
        per="pair of documents of one name",
        do="take the version that holds no more out of the sources, or give it a date (valid_until); then 'rung sync'"
        if every
        else "",
        evidence={
            "contradictions": [
                {"documents": [one.one, one.other], "sentences": [one.says, one.other_says]} for one in every[:SHOWN]
            ]
        },
    )


def contradictions(documents: Sequence[Document]) -> Iterator[Contradiction]:
    """Every one, in the order of the documents.

    >>> old = Document("a-v1.md", "You may return goods within 30 days. The buyer pays for the parcel.", title="Returns")
    >>> new = Document("a-v2.md", "You may return goods within 14 days. The buyer pays for the parcel.", title="Returns")
    >>> [(one.says, one.other_says) for one in contradictions([old, new])]
    [('You may return goods within 30 days.', 'You may return goods within 14 days.')]
    """
    read: dict[int, list[_Sentence]] = {}
    for at, other in pairs_of_one_name(documents):
        for index in (at, other):
            if index not in read:
                read[index] = list(_sentences(documents[index].text))
        yield from _between(documents[at], read[at], documents[other], read[other])


def pairs_of_one_name(documents: Sequence[Document]) -> list[tuple[int, int]]:
    """Places of documents that may be versions of each other, by title or path; of more than `CROWD`, the first."""
    groups: dict[str, list[int]] = defaultdict(list)
    for at, document in enumerate(documents):
        for name in _names(document):
            groups[name].append(at)
    return sorted({pair for some in groups.values() for pair in combinations(some[:CROWD], 2)})


def _names(document: Document) -> Iterator[str]:
    """By what a document is known whatever its version."""
    if title := _unversioned(document.title):
        yield f"title {title}"
    path = PurePosixPath(document.id)
    if stem := _unversioned(path.stem):
        yield f"path {path.suffix} {stem}"


def _unversioned(name: str) -> str:
    return " ".join(re.findall(r"\w+", _VERSION.sub(" ", name.replace("_", " ").replace("-", " ")).lower()))


def _sentences(text: str) -> Iterator[_Sentence]:
    for start, end in sentences(text):
        shown = " ".join(text[start:end].split())
        frame, values = list[str](), list[str]()
        for word in _WORD.findall(shown.lower().replace("n't", " not")):
            if word in _NEGATIONS:
                values.append(word)
            elif word in _NUMBERS or any(c.isdigit() for c in word):
                values.append(word)
                frame.append("#")
            else:
                frame.append(word)
        if sum(word != "#" for word in frame) >= WORDS:
            yield _Sentence(tuple(frame), tuple(values), shown)


def _between(
    document: Document, own: Sequence[_Sentence], other: Document, others: Sequence[_Sentence]
) -> Iterator[Contradiction]:
    if not own or not others:
        return
    by_frame: dict[tuple[str, ...], list[_Sentence]] = defaultdict(list)
    for one in others:
        by_frame[one.frame].append(one)
    common = sum(one.frame in by_frame for one in own)
    if common < COMMON * min(len(own), len(others)):
        return
    named, times = _years_of(document) ^ _years_of(other), Counter(one.frame for one in own)
    for one in own:
        same = by_frame.get(one.frame, [])
        # a sentence that stands in one of them several times, as lines of a table do, is of several things; one that has
        # the year by which its document is told from the other is of another edition, not another word on the same
        is_single = len(same) == times[one.frame] == 1
        if is_single and same[0].values != one.values and not named & {*one.values, *same[0].values}:
            yield Contradiction(document.id, other.id, one.text, same[0].text)


def _years_of(document: Document) -> frozenset[str]:
    return frozenset(re.findall(r"(?:19|20)\d{2}", f"{document.title} {PurePosixPath(document.id).stem}"))
