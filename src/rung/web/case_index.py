"""A stored verdict as columns: which cases meet a filter is told without reading an answer.

Marks, layers and scores are arrays with a row for each rung and a column for each case; texts are joined, case-folded, in
one piece; the answers themselves stay compressed, and are read for the page that shows them. `case_reading` fills it.
"""

from __future__ import annotations

import json
import zlib
from array import array
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rung.pipeline.stored_outcomes import OutcomeReader, stored_passage
from rung.records import Asker, Case, Outcome, Passage
from rung.report.access import Needs, may_read
from rung.report.contents import CasePage, Mark

Bools = NDArray[np.bool_]
MARKS: tuple[Mark | None, ...] = (None, "right", "partly right", "wrong")  # by the number in `CaseIndex.marks`
UNANSWERED, RIGHT, PARTLY, WRONG = range(4)
OUTCOMES: Mapping[str, int] = {"right": RIGHT, "partly": PARTLY, "wrong": WRONG, "none": UNANSWERED}
ANY = "any"  # of `CaseFilter.differs`
GOLD = -1  # the "rung" of a document that the case itself names
_NOT_STORED = -1  # block of a row that there is none of


def folded(text: str) -> bytes:
    """A text as it is searched."""
    return text.replace("\0", " ").casefold().encode("utf-8", "surrogatepass")


@dataclass(frozen=True, slots=True)
class CaseFilter:
    """Which cases are asked for; "" asks for all.

    `rung`: whose outcome and layer are meant, else any rung's. `outcome`: of `OUTCOMES`. `layer`: that lost the case.
    `differs`: `ANY`, the rungs came out differently; or a rung that `rung` (else any other) came out differently from.
    `document`: part of the id of a document that the case names or an answer cites. `text`: of the question, the accepted
    answers or an answer.
    """

    rung: str = ""
    outcome: str = ""
    layer: str = ""
    differs: str = ""
    document: str = ""
    text: str = ""


@dataclass
class StoredRows:
    """Lines of the stored verdict, compressed in blocks: a line is known by its block and by where in it it begins."""

    blocks: list[bytes] = field(default_factory=list)

    @cached_property
    def _unpacked(self) -> Callable[[int], bytes]:
        return lru_cache(16)(lambda block: zlib.decompress(self.blocks[block]))

    def row(self, block: int, start: int) -> Any:
        """A line, parsed."""
        text = self._unpacked(block)
        return json.loads(text[start : text.index(b"\n", start)])

    @property
    def size(self) -> int:
        """Bytes in memory."""
        return sum(map(len, self.blocks))


@dataclass(frozen=True)
class CaseTexts:
    """All texts of all cases in one: of each case its question with its accepted answers, then what each rung answered.

    `starts`: where each begins, `width` of them for each case, and where the last one ends.
    """

    blob: bytearray
    starts: array[int]
    width: int

    @cached_property
    def _cases(self) -> array[int]:
        return self.starts[:: self.width]

    def matches(self, text: str, readable: Bools | None) -> Bools:
        """Which cases hold a text. `readable`: which of a case's texts may be read, shape [cases, width]; None: all."""
        cases = self._cases
        hit = np.zeros(len(cases) - 1, dtype=np.bool_)
        needle, find = folded(text), self.blob.find
        seen = None if readable is None else readable.reshape(-1)
        at = find(needle)
        while at >= 0:
            if seen is None:
                case = bisect_right(cases, at) - 1
                readable_here = True
            else:
                segment = bisect_right(self.starts, at) - 1
                case, readable_here = segment // self.width, bool(seen[segment])
            if readable_here:
                hit[case] = True
            after = cases[case + 1] if readable_here else self.starts[segment + 1]
            at = find(needle, after)
        return hit


@dataclass(frozen=True)
class Cited:
    """Which documents cases name and answers cite: three columns of equal length. `rung` is `GOLD` where the case does."""

    names: Sequence[str]
    document: NDArray[np.int32]
    rung: NDArray[np.int16]
    case: NDArray[np.int32]

    def matches(self, part: str, cases: int, readable: Bools | None, gold: Bools | None = None) -> Bools:
        """Which cases have to do with documents with this in their ids. `readable`: answers, shape [rungs, cases]; `gold`:
        of which cases what they name may be read; None: all."""
        wanted_names = part.casefold()
        numbers = [number for number, name in enumerate(self.names) if wanted_names in name.casefold()]
        meant = np.isin(self.document, np.array(numbers, dtype=np.int32))
        if readable is not None:
            meant &= (self.rung == GOLD) | readable[self.rung, self.case]
        if gold is not None:
            meant &= (self.rung != GOLD) | gold[self.case]
        hit = np.zeros(cases, dtype=np.bool_)
        hit[self.case[meant]] = True
        return hit

    def gold_readable(self, cases: int, asker: Asker, access: Mapping[str, tuple[str, ...]]) -> Bools:
        """Of which cases an asker may read all documents that they name. `access`: who may read each that there is."""
        is_gold = self.rung == GOLD
        named = ((number, self.names[number]) for number in np.unique(self.document[is_gold]).tolist())
        closed = [number for number, name in named if name not in access or not asker.may_read(access[name])]
        readable = np.ones(cases, dtype=np.bool_)
        readable[self.case[is_gold & np.isin(self.document, np.array(closed, dtype=np.int32))]] = False
        return readable


@dataclass(frozen=True)
class Rights:
    """Who may read what: numbers of `needs` for each case, and for each answer, shape [rungs, cases]."""

    needs: Sequence[Needs]
    of_case: NDArray[np.int32]
    of_answer: NDArray[np.int32]


@dataclass(frozen=True)
class Readable:
    """What one viewer may read: cases, and answers (of cases that they may read), shape [rungs, cases]."""

    cases: Bools
    answers: Bools

    def texts(self, gold: Bools) -> Bools:
        """As `CaseTexts.matches` takes it. `gold`: of which cases what they name, and so what they accept, may be read."""
        return np.column_stack([self.cases & gold, self.answers.T])


@dataclass(frozen=True)
class Layout:
    """How the rows of the stored verdict are read: names of the fields of a usage and of a passage; of each rung the metrics
    of each pass; where each passage and each answer stands (block and start, `passages` [2, passages], `answers`
    [2, rungs, cases])."""

    usage: Sequence[str]
    passage: Sequence[str]
    metrics: Sequence[Sequence[Sequence[str]]]
    passages: NDArray[np.int32]
    answers: NDArray[np.int32]


@dataclass(frozen=True)
class CaseIndex:
    """A verdict's cases. See the module; `by_urgency` are the cases' numbers as the report lists them.

    `rungs`: in the order of the report, `is_reference` of each. `places`: file and line of each case's row as the project
    had it when this was read, "" where it asks this no more. `questions`: "" where nobody knows any more what was asked;
    `asked`: the digests of `evaluation_store.Asked`.
    """

    rungs: tuple[str, ...]
    is_reference: tuple[bool, ...]
    winner: str | None
    metric: str
    ids: Sequence[str]
    questions: Sequence[str]
    asked: Sequence[tuple[str, str]]
    places: Sequence[str]
    marks: NDArray[np.int8]
    layers: NDArray[np.int16]
    layer_names: tuple[str, ...]  # by the number in `layers`; the first is ""
    by_urgency: NDArray[np.int32]
    texts: CaseTexts
    cited: Cited
    rights: Rights
    rows: StoredRows
    layout: Layout
    remarks: tuple[str, ...] = ()

    @cached_property
    def _numbers(self) -> Mapping[str, int]:
        return {id: number for number, id in enumerate(self.ids)}

    @cached_property
    def _readable(self) -> Callable[[frozenset[str]], Readable]:
        return lru_cache(16)(self._readable_by)

    def number(self, id: str) -> int | None:
        """A case's number by its id; None where there is none."""
        return self._numbers.get(id)

    def readable(self, groups: frozenset[str] | None) -> Readable | None:
        """What who has these groups may read; None: everything."""
        if groups is None or self.rights.needs == [()]:
            return None
        return self._readable(groups)

    def _readable_by(self, groups: frozenset[str]) -> Readable:
        open_ = np.array([may_read(needs, groups) for needs in self.rights.needs], dtype=np.bool_)
        cases = open_[self.rights.of_case]
        return Readable(cases, open_[self.rights.of_answer] & cases)

    def matching(
        self, asked: CaseFilter, groups: frozenset[str] | None, access: Mapping[str, tuple[str, ...]] | None = None
    ) -> NDArray[np.int32]:
        """The numbers of the cases that a filter takes and that a viewer may read, the urgent ones first.

        Args:
            asked: the filter.
            groups: of the viewer; None: they may read everything.
            access: who may read each document now. The gold is today's, so that who is held to groups finds a case by its
                gold and by what it accepts only where they may read all of its gold as it is now.
        """
        readable = self.readable(groups)
        selected = np.ones(len(self.ids), dtype=np.bool_) if readable is None else readable.cases.copy()
        if groups is not None and readable is None:
            readable = Readable(selected.copy(), np.ones(self.marks.shape, dtype=np.bool_))
        needs_gold = groups is not None and bool(asked.document or asked.text)
        gold = self.cited.gold_readable(len(self.ids), Asker(groups), access or {}) if needs_gold else None
        for mask in self._masks(asked, readable, gold):
            selected &= mask
        return self.by_urgency[selected[self.by_urgency]]

    def _masks(self, asked: CaseFilter, readable: Readable | None, gold: Bools | None) -> list[Bools]:
        masks = []
        row = self.rungs.index(asked.rung) if asked.rung in self.rungs else None
        if asked.outcome or asked.layer or row is not None:
            masks.append(self._came_out(asked, row))
        if asked.differs:
            masks.append(self._differing(asked.differs, row))
        if asked.document:
            answers = None if readable is None else readable.answers
            masks.append(self.cited.matches(asked.document, len(self.ids), answers, gold))
        if asked.text:
            masks.append(self.texts.matches(asked.text, None if readable is None or gold is None else readable.texts(gold)))
        return masks

    def _came_out(self, asked: CaseFilter, row: int | None) -> Bools:
        fits = np.ones(self.marks.shape, dtype=np.bool_)
        if asked.outcome:
            fits &= self.marks == OUTCOMES[asked.outcome]
        elif row is not None or asked.layer:
            fits &= self.marks != UNANSWERED
        if asked.layer:
            fits &= self.layers == (self.layer_names.index(asked.layer) if asked.layer in self.layer_names else -1)
        return _of_row(fits, row)

    def _differing(self, differs: str, row: int | None) -> Bools:
        answered = self.marks != UNANSWERED
        if differs in self.rungs:
            other = self.rungs.index(differs)
            apart = (self.marks != self.marks[other]) & answered & answered[other]
            return _of_row(apart if row is not None else apart[~np.array(self.is_reference)], row)
        own = ~np.array(self.is_reference)
        lowest = np.where(answered, self.marks, WRONG + 1)[own].min(axis=0, initial=WRONG + 1)
        highest = self.marks[own].max(axis=0, initial=UNANSWERED)
        differing: Bools = (highest > lowest) & answered[own].any(axis=0)
        return differing if row is None else differing & answered[row]

    def counts(self, numbers: NDArray[np.int32]) -> NDArray[np.int64]:
        """How often each rung came out how on these cases, shape [rungs, 4] in the order of `MARKS`."""
        marks = self.marks[:, numbers]
        return np.stack([(marks == mark).sum(axis=1) for mark in range(len(MARKS))], axis=1)

    def passage(self, number: int) -> Passage:
        """A passage that answers name by this number."""
        block, start = self.layout.passages[:, number].tolist()
        return stored_passage(self.layout.passage, self.rows.row(block, start)["shown"])

    def outcomes(self, case: int) -> tuple[dict[str, Outcome], dict[str, dict[str, float]]]:
        """What each rung answered to a case in its first pass; and its scores, the mean of its passes."""
        reader = OutcomeReader(self.layout.usage, lru_cache(None)(self.passage))
        outcomes, scores = dict[str, Outcome](), dict[str, dict[str, float]]()
        for number, rung in enumerate(self.rungs):
            block, start = self.layout.answers[:, number, case].tolist()
            if block == _NOT_STORED:
                continue
            row = self.rows.row(block, start)
            outcomes[rung] = reader.outcome(self.ids[case], row["passes"][0])
            scores[rung] = averaged(self.layout.metrics[number], row["scores"])
        return outcomes, scores

    def page(self, number: int, case: Case) -> CasePage:
        """A case with what every rung made of it. `case`: as it is to be shown."""
        outcomes, scores = self.outcomes(number)
        lost = {rung: self.layer_names[self.layers[self.rungs.index(rung), number]] for rung in outcomes}
        return CasePage(case, outcomes, scores, lost)


def _of_row(fits: Bools, row: int | None) -> Bools:
    """Which cases fit: by this row, or by any."""
    return np.asarray(fits.any(axis=0) if row is None else fits[row], dtype=np.bool_)


def averaged(names: Sequence[Sequence[str]], passes: Sequence[Sequence[float | None]]) -> dict[str, float]:
    """The mean of each metric over the passes in which it applies."""
    values: dict[str, list[float]] = {}
    for metrics, row in zip(names, passes, strict=True):
        for name, value in zip(metrics, row, strict=False):  # a pass without a score has no columns
            if value is not None:
                values.setdefault(name, []).append(value)
    return {name: sum(some) / len(some) for name, some in values.items()}
