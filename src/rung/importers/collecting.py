"""Rows of importers as rows that a project reads: checked by its own reader, each question once, with provenance.

A row is taken or refused as a whole. What is written where is left to `rung.commands.import_files`.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from rung.dataset.case_rows import case_of, weight_of
from rung.dataset.chat_tools import apart
from rung.dataset.formats import example_of, flaw
from rung.importers.fields import SYSTEM_NOTE
from rung.importers.imported import ImportedRow, Row, case_row
from rung.records import Case, Json, Problem, digest

Kind = Literal["cases", "examples", "documents"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_RUBRIC_ONLY = (
    "has only a rubric for a model that judges, and no accepted answer: set 'bar: {metric: judge}' and import it again"
)


@dataclass(frozen=True, slots=True)
class RowProblem(Problem):
    """About one of several rows that stand on the same line. `row`: its number among the file's rows, its name."""

    row: str = ""

    def __str__(self) -> str:
        return str(Problem(self.path, self.line, f"{self.row}: {self.message}"))


@dataclass(frozen=True, slots=True)
class Origin:
    """Where rows come from: a file's name, its form, and whether parts lie in it (a folder, an archive) or beside it.

    `in_order`: whether the rows are given as they stand in the file, none left out, so that a number tells which one it is.
    """

    file: str
    form: str
    holds_parts: bool = False
    in_order: bool = True

    def location(self, row: ImportedRow) -> Problem:
        """Of a row, as a problem without a message."""
        beside = self.file.rpartition("/")[0]
        folder = self.file if self.holds_parts else beside
        path = f"{folder}/{row.part}".removeprefix("/" if not folder else "") if row.part else self.file
        return Problem(path, row.line, "")


@dataclass(slots=True)
class Collected:
    """The rows that came of a file, and what became of its own: `taken` and `refused` are all of them."""

    rows: dict[Kind, list[Row]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    taken: int = 0
    refused: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)
    schemas: list[Json] = field(default_factory=list)
    metrics: dict[str, int] = field(default_factory=dict)
    left: dict[Kind, int] = field(default_factory=dict)  # rows of kinds that were not asked for


class Collector:
    """Takes rows of any number of files, so that among all of them each question is asked once and ids are unique.

    Args:
        to: the kind that is asked for; None: whatever there is. Cases are made of examples, and examples of cases.
        existing: the cases that the project has.
        judged: whether a case may have a rubric and no answer.
    """

    def __init__(self, to: Kind | None = None, existing: Iterable[Case] = (), *, judged: bool = True) -> None:
        self.to, self.judged = to, judged
        self._cases: dict[str, str] = {}  # id -> where
        self._asked: dict[str, Case] = {}  # by `_asks`
        self._examples: dict[str, str] = {}  # id -> where
        self._taught: dict[str, str] = {}  # digest -> where
        for case in existing:
            self._cases.setdefault(case.id, case.place)
            self._asked.setdefault(_asks(case), case)
        self._documents: dict[str, tuple[str, str]] = {}
        self._fresh: list[tuple[Kind, Row]] = []  # of the row at hand
        self._registered: list[tuple[dict[str, Any], str]] = []

    def collect(self, rows: Sequence[ImportedRow], origin: Origin) -> Collected:
        """Every row of a file. Problems of rows that share a line say which row they mean."""
        collected = Collected()
        on_line = Counter((row.part, row.line) for row in rows)
        for number, row in enumerate(rows, 1):
            location = origin.location(row)
            called = [f"row {number}"] * origin.in_order + [f"'{row.name}'"] * bool(row.name)
            which = " ".join(called) if row.line and on_line[row.part, row.line] > 1 else ""
            self._fresh, self._registered = [], []
            notes = list(row.notes)
            try:
                self._take(row, origin, notes, collected)
            except ValueError as error:
                collected.refused.append(_problem(location, which, str(error)))
                for register, id in self._registered:  # nothing of it stays, so that others may have its ids and documents
                    register.pop(id)
                continue
            collected.taken += 1
            for kind, one in self._fresh:
                collected.rows[kind].append(one)
            collected.notes += [_problem(location, which, note) for note in notes]
            if row.schema is not None and row.schema not in collected.schemas:
                collected.schemas.append(row.schema)
            if row.metric:
                collected.metrics[row.metric] = collected.metrics.get(row.metric, 0) + 1
        return collected

    def _take(self, row: ImportedRow, origin: Origin, notes: list[str], collected: Collected) -> None:
        """Put what is asked for of a row into `_fresh`.

        Raises:
            ValueError: nothing of it can be taken; says why.
        """
        if row.refused:
            raise ValueError(row.refused)
        chosen = self._asked_for(row, notes)
        of_documents = bool(row.documents) and not (row.cases or row.examples) and self.to in ("cases", "examples")
        if not any(chosen.values()) and not of_documents:
            raise ValueError(f"holds no {self.to}" if self.to else "holds nothing")
        location = str(origin.location(row)).removesuffix(": ")
        provenance: Row = {"form": origin.form, "file": origin.location(row).path, "line": row.line}
        for document in chosen["documents"]:
            self._document(document, location, provenance)
        faults = list[str]()
        for add, listed in ((self._case, chosen["cases"]), (self._example, chosen["examples"])):
            for one in listed:
                try:
                    add(one, location, provenance, notes)
                except ValueError as error:
                    faults.append(str(error))
        judging = len(chosen["cases"]) + len(chosen["examples"])
        if faults and len(faults) == judging:
            raise ValueError(faults[0])
        notes += [f"one of its {judging:,} combinations {fault}" for fault in faults]
        for kind in KINDS:
            given = {"cases": row.cases, "examples": row.examples, "documents": row.documents}[kind]
            if given and not chosen[kind] and not (kind != "documents" and self.to in ("cases", "examples")):
                collected.left[kind] = collected.left.get(kind, 0) + len(given)

    def _asked_for(self, row: ImportedRow, notes: list[str]) -> dict[Kind, Sequence[Row]]:
        match self.to:
            case "cases":
                return {
                    "cases": [*row.cases, *(_as_case(one, notes) for one in row.examples)],
                    "examples": (),
                    "documents": (),
                }
            case "examples":
                return {"cases": (), "examples": [*row.examples, *map(_as_example, row.cases)], "documents": ()}
            case "documents":
                return {"cases": (), "examples": (), "documents": row.documents}
        return {"cases": row.cases, "examples": row.examples, "documents": row.documents}

    def _case(self, row: Row, location: str, provenance: Row, notes: list[str]) -> None:
        _check_text(row)
        row = _with_meta(row, provenance)
        rubric = isinstance(row.get("meta"), dict) and "rubric" in _meta(row)
        try:
            case, _ = case_of(row, location, judged=rubric and self.judged)
            weight_of(row.get("weight"))
        except ValueError as error:
            raise ValueError(_RUBRIC_ONLY if rubric and not self.judged and not row.get("answers") else str(error)) from None
        asks = _asks(case)
        if other := self._asked.get(asks):
            same = set(other.answers) == set(case.answers) and other.answerable == case.answerable
            more = "" if same else ", with other answers; write them there if they are right as well"
            raise ValueError(f"asks the same as {other.place}{more}")
        id = _free(case.id, self._cases, row, notes)
        self._register(self._cases, id, location)
        self._register(self._asked, asks, case)
        self._fresh.append(("cases", row))

    def _example(self, row: Row, location: str, provenance: Row, notes: list[str]) -> None:
        row = _with_meta(row, provenance)
        row.setdefault("source", location)
        example = example_of(row, location)
        if why := flaw(example):
            raise ValueError(why)
        if where := self._taught.get(example.digest):
            raise ValueError(f"repeats {where}")
        _check_text(row)
        id = _free(example.id, self._examples, row, notes)
        self._register(self._examples, id, location)
        self._register(self._taught, example.digest, location)
        self._fresh.append(("examples", row))

    def _document(self, row: Row, location: str, provenance: Row) -> None:
        """A document, once: one text is one document, however many rows name it."""
        id, text = str(row["id"]), str(row["text"])
        if not text.strip():
            raise ValueError(f"its document '{id}' is empty")
        before, where = self._documents.get(id, (text, ""))
        if before != text:
            raise ValueError(f"its document '{id}' has another text at {where}")
        if not where:
            row = _with_meta(row, provenance)
            _check_text(row)
            self._register(self._documents, id, (text, location))
            self._fresh.append(("documents", row))

    def _register(self, register: dict[str, Any], key: str, value: object) -> None:
        """What of the row at hand others are compared with; it goes again where the row is refused."""
        register[key] = value
        self._registered.append((register, key))


def _problem(location: Problem, row: str, message: str) -> Problem:
    if row:
        return RowProblem(location.path, location.line, message, row)
    return Problem(location.path, location.line, message)


def _asks(case: Case) -> str:
    """What a case asks, in which conversation and as whom: cases that agree in it ask the same."""
    groups = None if case.groups is None else sorted(set(case.groups))
    return digest(case.question.strip(), case.messages, groups)


def _free(id: str, register: Mapping[str, str], row: Row, notes: list[str]) -> str:
    """The id, or where another row has it the next with a number that none has, which is written into the row."""
    if id not in register:
        return id
    free = next(name for n in itertools.count(2) if (name := f"{id}-{n}") not in register)
    notes.append(f"the id '{id}' is already at {register[id]}: it is called '{free}'")
    row["id"] = free
    return free


def _as_case(example: Row, notes: list[str]) -> Row:
    """An example as a case: the last user turn asks, the assistant's answer is accepted.

    Raises:
        ValueError: it ends with a call, or other than with a question and its answer.
    """
    read = example_of(example, "row:0")
    spoken = [turn for turn in read.messages if turn.role != "system"]
    if len(spoken) < 2 or spoken[-1].role != "assistant" or spoken[-2].role != "user":
        raise ValueError("does not end with a question and its answer: it makes no case")
    if apart(spoken[-1].content)[1]:
        raise ValueError("ends with a call of a tool: it makes no case")
    if len(spoken) < len(read.messages):
        notes.append(SYSTEM_NOTE)
    before: list[Mapping[str, Json]] = [{"role": turn.role, "content": turn.content} for turn in spoken[:-2]]
    meta: Row = dict(read.meta)
    if read.generated_by:
        meta["generated_by"] = read.generated_by
    return case_row(spoken[-2].content, [spoken[-1].content], id=example.get("id"), messages=before, meta=meta)


def _as_example(case: Row) -> Row:
    """A case as an example: its first accepted answer is the assistant's.

    Raises:
        ValueError: it has none.
    """
    answers = case.get("answers")
    first = answers[0] if isinstance(answers, list) and answers else None
    if first is None:
        raise ValueError("has no accepted answer: it makes no example")
    before = case.get("messages")
    text = first if isinstance(first, str) else json.dumps(first, ensure_ascii=False)
    turns = [*(before if isinstance(before, list) else []), {"role": "user", "content": case["question"]}]
    example: Row = {"messages": [*turns, {"role": "assistant", "content": text}]}
    return {**example, **{key: case[key] for key in ("id", "meta") if key in case}}


def _meta(row: Row) -> Row:
    meta = row.get("meta")
    return meta if isinstance(meta, dict) else {}


def _with_meta(row: Row, provenance: Row) -> Row:
    return {**row, "meta": {**_meta(row), "imported": dict(provenance)}}


def _check_text(row: Row) -> None:
    """Raises `ValueError` where a row holds what no file of text can."""
    try:
        json.dumps(row, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError:
        raise ValueError("holds half of a character (a lone surrogate): write the text anew") from None
