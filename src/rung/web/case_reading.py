"""Reads a stored verdict into a `CaseIndex`: once through its file, without a record for each answer.

What a case asks is the project's row of today, where it asks the same as then; else what the verdict's rows of answers say.
"""

from __future__ import annotations

import gzip
import json
import zlib
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from rung.config.project import Project
from rung.dataset.load import gold_documents, read_cases
from rung.errors import UserError
from rung.files.durable import damaged
from rung.pipeline.evaluation_store import EVALUATIONS, Asked, head_of
from rung.pipeline.publishing import RAGAS, Published
from rung.records import Case, Problem
from rung.report.access import COLUMN, Needs, needs_of
from rung.report.contents import CasePage
from rung.verdict.bar import MAIN
from rung.verdict.failure_modes import RIGHT_FROM
from rung.web.case_index import (
    GOLD,
    PARTLY,
    RIGHT,
    WRONG,
    CaseIndex,
    CaseTexts,
    Cited,
    Layout,
    Rights,
    StoredRows,
    folded,
)

Tell = Callable[[float], None]  # of the share that is read, 0 to 1
_BLOCK = 1 << 17  # bytes of lines that are compressed together
_FASTEST = 1  # level of zlib
_OFTEN = 2000  # lines between two reports
_SHOWN = b'{"shown":'
_REST = 0.8  # of the work is done when the file has been read


def read_index(project: Project, verdict: Published, tell: Tell = lambda _share: None) -> CaseIndex:
    """The index of a verdict.

    Args:
        project: whose cases may still say what was asked.
        verdict: as it was published.
        tell: called now and then.

    Raises:
        UserError: its answers were taken away, or a newer Rung wrote them.
        Damaged: they cannot be read.
    """
    path = verdict.folder / EVALUATIONS
    if not path.is_file():
        raise UserError(f"the verdict in {verdict.folder} has no stored answers: run 'rung compare' again")
    try:
        with path.open("rb") as packed, gzip.GzipFile(fileobj=packed) as lines:
            size = max(1, path.stat().st_size)
            reading = _Reading(head_of(lines.readline()))
            for number, line in enumerate(lines):
                reading.add(line)
                if number % _OFTEN == 0:
                    tell(_REST * packed.tell() / size)
        reading.end()
    except (OSError, EOFError, ValueError, KeyError, TypeError, IndexError, RecursionError, zlib.error) as error:
        raise damaged(path, str(error) or type(error).__name__) from error
    asked = _asked(project, verdict, reading)
    tell((1 + _REST) / 2)
    return reading.index(asked, winner=verdict.winner)


@dataclass
class _Asked:
    """What is known of what was asked. By case number: the case, where the project asks the same; else the question, its
    accepted answers and who may read them, as rows of answers say."""

    cases: dict[int, Case] = field(default_factory=dict)
    rows: dict[int, tuple[str, tuple[str, ...], Needs]] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


def _asked(project: Project, verdict: Published, reading: _Reading) -> _Asked:
    asked = _Asked()
    problems: list[Problem] = []
    try:
        for case, beside in read_cases(project, problems):
            number = reading.numbers.get(case.id)
            if number is not None and Asked.of(case).question == reading.asked[number][0]:
                asked.cases[number] = replace(case, gold_documents=gold_documents(case, beside))
    except UserError as error:
        asked.remarks = (f"The project's cases cannot be read: {error}",)
    left = set(range(len(reading.ids))) - set(asked.cases)
    if left:
        asked.rows = dict(_rows(verdict.folder / RAGAS, reading.numbers, left))
    return asked


def _rows(
    path: Path, numbers: Mapping[str, int], left: set[int]
) -> Iterator[tuple[int, tuple[str, tuple[str, ...], Needs]]]:
    """What rows of answers say of cases that are `left`; those that no row is of are not given."""
    left = set(left)
    try:
        with path.open(encoding="utf-8", errors="replace") as rows:
            for line in rows:
                row = json.loads(line)
                number = numbers.get(str(row["case"]))
                if number in left:
                    left.discard(number)
                    listed = row.get("references") or []
                    needs = tuple(sorted(tuple(sorted(groups)) for groups in row.get(COLUMN, ())))
                    yield number, (str(row["question"]), tuple(map(str, listed)), needs)
                if not left:
                    return
    except (OSError, ValueError, KeyError, TypeError):
        return  # what they do not say is unknown, and shown as that


class _Numbers:
    """Numbers of things, in the order in which they came."""

    def __init__(self, *first: Any) -> None:
        self.all: dict[Any, int] = {one: number for number, one in enumerate(first)}

    def __call__(self, one: Any) -> int:
        return self.all.setdefault(one, len(self.all))


class _RungRows:
    """A rung whose lines are read. Columns have a value for each case."""

    def __init__(self, row: Mapping[str, Any], cases: int) -> None:
        own = row["rung"]
        self.name, self.is_reference, self.order = str(own["name"]), bool(own["reference"]), own["order"]
        self.metrics: list[list[str]] = row["metrics"]
        self._main = [names.index(MAIN) if MAIN in names else None for names in self.metrics]
        self.left: int = row["answered"]
        self.marks, self.layers = np.zeros(cases, np.int8), np.zeros(cases, np.int16)
        self.needs = np.zeros(cases, np.int32)
        self.places = np.full((2, cases), -1, np.int32)
        self.texts, self.spans = bytearray(), np.zeros((2, cases), np.int64)

    def main_score(self, passes: Sequence[Sequence[float | None]]) -> float | None:
        """The mean of `correct` over the passes in which it applies."""
        pairs = zip(self._main, passes, strict=True)
        values = [value for at, row in pairs if at is not None and row and (value := row[at]) is not None]
        return sum(values) / len(values) if values else None


class _Reading:
    """What is known after the lines so far."""

    def __init__(self, head: Mapping[str, Any]) -> None:
        self.usage, self.passage_fields = head["usage"], head["passage"]
        self.ids = [str(one[0]) for one in head["cases"]]
        self.asked = [(str(one[1]), str(one[2])) for one in head["cases"]]
        self.numbers = {id: number for number, id in enumerate(self.ids)}
        groups = head["facts"]["document_groups"] or {}
        self.restricted = {id: tuple(some) for id, some in groups.items() if some}
        self.rungs: list[_RungRows] = []
        self.layers, self.needs, self.documents = _Numbers(""), _Numbers(()), _Numbers()
        self.cited: tuple[array[int], array[int], array[int]] = array("i"), array("h"), array("i")
        self.passages: tuple[array[int], array[int]] = array("i"), array("i")
        self.passage_groups: list[tuple[str, ...]] = []
        self.rows, self._open = StoredRows(), bytearray()

    def add(self, line: bytes) -> None:
        """The next line."""
        if line.startswith(_SHOWN):
            for column, value in zip(self.passages, self._stored(line), strict=True):
                column.append(value)
            self.passage_groups.append(self._groups(line) if self.restricted else ())
        elif not self.rungs or not self.rungs[-1].left:
            self.rungs.append(_RungRows(json.loads(line), len(self.ids)))
        else:
            self._answer(self.rungs[-1], line)

    def end(self) -> None:
        """All lines are there."""
        if self.rungs and self.rungs[-1].left:
            raise ValueError("it ends before its last answer")
        if self._open:
            self._pack()

    def _stored(self, line: bytes) -> tuple[int, int]:
        if len(self._open) > _BLOCK:
            self._pack()
        start = len(self._open)
        self._open += line if line.endswith(b"\n") else line + b"\n"
        return len(self.rows.blocks), start

    def _pack(self) -> None:
        self.rows.blocks.append(zlib.compress(self._open, _FASTEST))
        self._open = bytearray()

    def _groups(self, line: bytes) -> tuple[str, ...]:
        values = dict(zip(self.passage_fields, json.loads(line)["shown"], strict=True))
        return tuple(values["groups"])

    def _answer(self, rung: _RungRows, line: bytes) -> None:
        row = json.loads(line)
        case, outcome = self.numbers[row["case"]], row["passes"][0]
        rung.left -= 1
        rung.places[:, case] = self._stored(line)
        lost, score = row.get("lost") or "", rung.main_score(row["scores"])
        rung.layers[case] = self.layers(lost)
        rung.marks[case] = WRONG if lost else RIGHT if score is None or score >= RIGHT_FROM else PARTLY
        text = folded(outcome["failure"][0] if "failure" in outcome else outcome["text"])
        rung.spans[:, case] = len(rung.texts), len(rung.texts) + len(text)
        rung.texts += text
        cited = dict.fromkeys(one[1] for one in outcome.get("citations", ()))
        for document in cited:
            self._cite(document, len(self.rungs) - 1, case)
        if self.restricted:
            rung.needs[case] = self.needs(self._needs(outcome, cited))

    def _cite(self, document: str, rung: int, case: int) -> None:
        for column, value in zip(self.cited, (self.documents(document), rung, case), strict=True):
            column.append(value)

    def _needs(self, outcome: Mapping[str, Any], cited: Iterable[str]) -> Needs:
        """As `report.access.needs_of_answer`."""
        shown = outcome.get("passages", 0)
        references = [*outcome.get("retrieved", ()), *(shown if isinstance(shown, list) else ())]
        numbers = (one if isinstance(one, int) else one[0] for one in references)
        groups = {tuple(sorted(some)) for number in numbers if (some := self.passage_groups[number])}
        groups |= {tuple(sorted(self.restricted[document])) for document in cited if document in self.restricted}
        return tuple(sorted(groups))

    def index(self, asked: _Asked, *, winner: str | None) -> CaseIndex:
        """All of it."""
        ranked = sorted(range(len(self.rungs)), key=lambda n: (self.rungs[n].is_reference, self.rungs[n].order))
        ranked = [number for number in ranked if (self.rungs[number].marks != 0).any()]
        rungs, cases = [self.rungs[number] for number in ranked], len(self.ids)
        for number in range(cases):
            for document in asked.cases[number].gold_documents if number in asked.cases else ():
                self._cite(document, GOLD, number)
        new = {old: number for number, old in enumerate(ranked)} | {GOLD: GOLD}
        texts = [self._own(number, asked) for number in range(cases)]
        index = CaseIndex(
            rungs=tuple(rung.name for rung in rungs),
            is_reference=tuple(rung.is_reference for rung in rungs),
            winner=winner,
            metric=MAIN,
            ids=self.ids,
            questions=[question for question, _ in texts],
            asked=self.asked,
            places=[asked.cases[number].place if number in asked.cases else "" for number in range(cases)],
            marks=_stacked([rung.marks for rung in rungs], cases, np.int8),
            layers=_stacked([rung.layers for rung in rungs], cases, np.int16),
            layer_names=tuple(self.layers.all),
            by_urgency=_by_urgency(rungs, cases, winner),
            texts=_joined([folded("\n".join((question, *answers))) for question, answers in texts], rungs),
            cited=Cited(
                tuple(self.documents.all),
                np.array(self.cited[0], np.int32),
                np.array([new[rung] for rung in self.cited[1]], np.int16),
                np.array(self.cited[2], np.int32),
            ),
            rights=Rights([()], np.zeros(cases, np.int32), np.zeros((len(rungs), cases), np.int32)),
            rows=self.rows,
            layout=Layout(
                self.usage,
                self.passage_fields,
                [rung.metrics for rung in rungs],
                np.array(self.passages, np.int32),
                np.array([rung.places for rung in rungs], np.int32).reshape(len(rungs), 2, cases).swapaxes(0, 1),
            ),
            remarks=asked.remarks,
        )
        return replace(index, rights=self._rights(index, asked, rungs)) if self.restricted else index

    def _own(self, number: int, asked: _Asked) -> tuple[str, Sequence[str]]:
        """The question of a case and its accepted answers; "" where nobody knows."""
        if number in asked.cases:
            return asked.cases[number].question, asked.cases[number].answers
        return asked.rows[number][:2] if number in asked.rows else ("", ())

    def _rights(self, index: CaseIndex, asked: _Asked, rungs: Sequence[_RungRows]) -> Rights:
        of_case = np.zeros(len(self.ids), np.int32)
        of_answer = _stacked([rung.needs for rung in rungs], len(self.ids), np.int32)
        everything = tuple(sorted({tuple(sorted(groups)) for groups in self.restricted.values()}))
        for number in range(len(self.ids)):
            case = asked.cases.get(number)
            if case is None:  # what it rests on is not known: who may read all may read it
                needs = asked.rows[number][2] if number in asked.rows else everything
            elif case.answerable and not case.gold_documents and of_answer[:, number].any():
                needs = needs_of(CasePage(case, index.outcomes(number)[0]), self.restricted)
            else:
                needs = needs_of(CasePage(case, {}), self.restricted)
            of_case[number] = self.needs(needs)
        return Rights(list(self.needs.all), of_case, of_answer)


def _stacked(rows: Sequence[Any], cases: int, kind: Any) -> Any:
    return np.array(rows, dtype=kind).reshape(len(rows), cases)


def _by_urgency(rungs: Sequence[_RungRows], cases: int, winner: str | None) -> Any:
    """As `report.html.cases.ordered`: what the choice lost, then in part, then what most rungs got wrong, then as given."""
    wrong, lost = np.zeros(cases, np.int32), np.zeros(cases, np.int8)
    for rung in rungs:
        if not rung.is_reference:
            wrong += rung.marks > RIGHT
            if rung.name == winner:
                lost = np.where(rung.marks == WRONG, 2, np.where(rung.marks == PARTLY, 1, 0))
    return np.lexsort((np.arange(cases), -wrong, -lost)).astype(np.int32)


def _joined(own: Sequence[bytes], rungs: Sequence[_RungRows]) -> CaseTexts:
    """All texts in one, a zero between two; what was gathered of the rungs is given up on the way."""
    spans = [rung.spans.tolist() for rung in rungs]
    total = sum(map(len, own)) + sum(len(rung.texts) for rung in rungs) + len(own) * (len(rungs) + 1)
    blob, starts, at = bytearray(total), array("q", [0]), 0
    for case, text in enumerate(own):
        pieces = [text, *(rung.texts[a[case] : b[case]] for rung, (a, b) in zip(rungs, spans, strict=True))]
        for piece in pieces:
            blob[at : at + len(piece)] = piece
            at += len(piece) + 1
            starts.append(at)
    for rung in rungs:
        rung.texts, rung.spans = bytearray(), np.zeros((2, 0), np.int64)
    return CaseTexts(blob, starts, len(rungs) + 1)
