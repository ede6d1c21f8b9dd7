"""The answers and scores of a verdict, as they are stored beside it: `evaluations.jsonl.gz`, read and written line by line.

The first line is of the comparison. Then each rung has a line, with everything but its answers, and after it one line for
each case that it answered: what came of every pass, its scores, and the layer that lost it. A passage has a line of its own
before the first answer that saw it, and is named by its number, counted from 0, with its score in that ranking where that is
not 0: most are seen by many answers. Where what was shown is the beginning of what was found, its length says so.
"""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, astuple, dataclass, field, fields
from operator import attrgetter
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from rung.config.project import Project
from rung.errors import UserError
from rung.files.durable import damaged, short_sum
from rung.pipeline.limits import asked_in
from rung.pipeline.made_by import made_by
from rung.pipeline.prepare import Prepared
from rung.pipeline.stored_outcomes import OutcomeReader, stored_passage
from rung.records import (
    Case,
    Coverage,
    Effort,
    Evaluation,
    Json,
    Latency,
    Outcome,
    Passage,
    Reason,
    ReasonKind,
    RungResult,
    Scorecard,
    ScoreError,
    Stop,
    StrategySpec,
    Timed,
    Unanswered,
    Usage,
    kind_of,
    kind_of_older,
    plain,
)
from rung.scoring import metrics
from rung.text.left_out import counts_left_out

EVALUATIONS = "evaluations.jsonl.gz"  # of a verdict
FORMAT = 1
_FASTEST = 1  # level of gzip: a third more bytes than the best, for an eighth of the time
_RESULT = ("name", "about", "settings", "reference", "order", "artifacts", "build_seconds", "answer_seconds")
_RESULT_SINCE = ("model", "rung")  # not there in what an earlier Rung wrote
_USAGE = tuple(one.name for one in fields(Usage))
_PASSAGE = tuple(one.name for one in fields(Passage) if one.name != "score")
_encoded = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode
_used, _shown = attrgetter(*_USAGE), attrgetter(*_PASSAGE)
Dump = Callable[[Any], None]


@dataclass(frozen=True, slots=True)
class Asked:
    """What tells whether a stored case is still the same. `question`: digest of what was asked, and by whom; `judged`: of
    the question and all that the answers were judged by."""

    question: str
    judged: str

    @classmethod
    def of(cls, case: Case) -> Asked:
        """Of a case as it is now."""
        turns = [(turn.role, turn.content) for turn in case.messages]
        question = _encoded([case.question, turns, None if case.groups is None else sorted(case.groups)])
        spans = [(span.document, span.start, span.end) for span in case.evidence]
        calls = [list(map(astuple, case.calls))] if case.calls else []
        judged = _encoded([case.answers, case.answerable, spans, case.gold_documents, *calls])
        return cls(short_sum(question), short_sum(question, judged))


@dataclass(frozen=True, slots=True)
class Facts:
    """What a comparison knew beside its rungs, and what cannot be told again without a model.

    `document_groups`: who may read each document, as when the answers were scored. `weight`: the fields of the weight of the
    dense ranking (`pipeline.dense_weight`). `made_by`: what answers were made by beside a rung's own record
    (`pipeline.made_by`). `asked`: what they were judged by (`limits.asked_in`), empty where an earlier Rung did.
    """

    correct_by: str
    coverage: Coverage
    answer_tokens: int = 0
    corpus_tokens: int | None = None
    passages: int = 0
    knowledge_version: int = 0
    weight: Mapping[str, Any] | None = None
    document_groups: Mapping[str, tuple[str, ...]] | None = None
    made_by: Mapping[str, str] = field(default_factory=dict)
    asked: Mapping[str, Any] = field(default_factory=dict)


def facts_of(project: Project, prepared: Prepared, correct_by: str, coverage: Coverage) -> Facts:
    """Of a comparison that was decided."""
    materials = prepared.materials
    return Facts(
        correct_by=correct_by,
        coverage=coverage,
        answer_tokens=materials.answer_tokens,
        corpus_tokens=materials.corpus_tokens,
        passages=materials.passages,
        knowledge_version=prepared.knowledge_version,
        weight=None if prepared.weight is None else asdict(prepared.weight),
        document_groups=prepared.document_groups,
        made_by=made_by(project, prepared),
        asked=asked_in(project),
    )


@dataclass(frozen=True, slots=True)
class Stored:
    """A comparison as it is stored: `asked` by case id, in the order of the cases."""

    facts: Facts
    asked: Mapping[str, Asked]
    evaluations: tuple[Evaluation, ...] = field(default=(), repr=False)


def write_evaluations(file: BinaryIO, facts: Facts, cases: Sequence[Case], evaluations: Sequence[Evaluation]) -> None:
    """Write a comparison: a case or passage at a time, whatever there is in all."""
    with gzip.GzipFile(filename="", mode="wb", fileobj=file, compresslevel=_FASTEST, mtime=0) as packed:

        def dump(value: Any) -> None:
            packed.write(_encoded(value).encode("utf-8", "surrogatepass") + b"\n")

        asked = [[case.id, *astuple(Asked.of(case))] for case in cases]
        dump({"format": FORMAT, "usage": _USAGE, "passage": _PASSAGE, "facts": plain(facts), "cases": asked})
        writer = _Writer(dump)
        for evaluation in evaluations:
            writer.write(evaluation, cases)


@dataclass
class _Writer:
    """Writes rungs. `ids`: the number of each passage that has its line; `seen`: the same by object, which is told faster
    than equality."""

    dump: Dump
    ids: dict[tuple[Any, ...], int] = field(default_factory=dict)
    seen: dict[int, int] = field(default_factory=dict)

    def write(self, evaluation: Evaluation, cases: Sequence[Case]) -> None:
        result, stop = evaluation.result, evaluation.stop
        line: dict[str, Json] = {name: plain(getattr(result, name)) for name in (*_RESULT, *_RESULT_SINCE)}
        line |= {"why": str(result.why or ""), "why_kind": kind_of(result.why)}
        line |= {"failed": result.status == "failed", "learning": plain(result.learning), "latency": plain(result.latency)}
        line |= {"unanswered": plain(result.unanswered)} if result.unanswered else {}
        held = None if evaluation.held is None else numbers_of(evaluation.held)
        self.dump(
            {
                "rung": line,
                "spec": plain(evaluation.spec),
                "digest": "" if evaluation.spec is None else evaluation.spec.digest,
                "effort": plain(evaluation.effort),
                "marked": evaluation.marked,
                "doubts": evaluation.doubts,
                "stop": plain(stop),
                "interval": evaluation.interval,
                "held": held,
                "doubt": evaluation.doubt,
                "metrics": [list(card.values) for card in evaluation.cards],
                "answered": len(evaluation.outcomes),
            }
        )
        self._answers(evaluation, cases)

    def _answers(self, evaluation: Evaluation, cases: Sequence[Case]) -> None:
        scores = [list(zip(*map(numbers_of, card.values.values()), strict=True)) for card in evaluation.cards]
        errors = [_errors(card) for card in evaluation.cards]
        indexes = {case.id: index for index, case in enumerate(cases)}
        for outcomes in zip(*evaluation.passes, strict=True):
            case, index = outcomes[0].case, indexes[outcomes[0].case]
            row: dict[str, Any] = {"case": case, "passes": [self._outcome(outcome) for outcome in outcomes]}
            row["scores"] = [rows[index] if rows else () for rows in scores]
            if evaluation.layers and evaluation.layers[index]:
                row["lost"] = evaluation.layers[index]
            if wrong := [[n, *error] for n, by_case in enumerate(errors) for error in by_case.get(case, ())]:
                row["errors"] = wrong
            self.dump(row)

    def _outcome(self, outcome: Outcome) -> dict[str, Any]:
        row: dict[str, Any] = {"usage": _used(outcome.usage)}
        if outcome.failure is not None:
            failure = outcome.failure
            row["failure"] = [failure.error, failure.step, failure.attempt]
        if outcome.answer is not None:
            answer = outcome.answer
            row["text"] = answer.text
            if answer.plain != answer.text:
                row["plain"] = answer.plain
            row |= {name: True for name in ("refused", "truncated", "memory_failed") if getattr(answer, name)}
            row |= counts_left_out(answer)
            if answer.by:
                row["by"] = answer.by
            if answer.calls:
                row["calls"] = list(map(astuple, answer.calls))
            if answer.citations:
                row["citations"] = [[c.mark, c.document, c.start, c.end, c.passage] for c in answer.citations]
            if answer.retrieved:
                row["retrieved"] = list(map(self._numbered, answer.retrieved))
            if shown := len(answer.passages):
                as_ranked = answer.passages == answer.retrieved[:shown]
                row["passages"] = shown if as_ranked else list(map(self._numbered, answer.passages))
        return row

    def _numbered(self, passage: Passage) -> int | tuple[int, float]:
        number = self.seen.get(id(passage))
        if number is None:
            key = _shown(passage)
            number = self.ids.get(key)
            if number is None:
                number = self.ids[key] = len(self.ids)
                self.dump({"shown": key})
            self.seen[id(passage)] = number
        return (number, passage.score) if passage.score else number


def read_evaluations(path: Path) -> Stored:
    """A comparison as it was stored; `UserError` where a newer Rung wrote it, `Damaged` where it cannot be read."""
    with _lines_of(path) as lines:
        return _read(lines)


def read_facts(path: Path) -> Facts:
    """What the first line says: quick, whatever there is in all. Raises as `read_evaluations` does."""
    with _lines_of(path) as lines:
        return _facts(head_of(next(lines, "")))


def passages_in(path: Path) -> Iterator[Passage]:
    """Every passage that an answer was shown or found, once; raises as `read_evaluations` does."""
    with _lines_of(path) as lines:
        names = head_of(next(lines, ""))["passage"]
        for line in lines:
            if line.startswith('{"shown":'):
                yield stored_passage(names, json.loads(line)["shown"])


@contextmanager
def _lines_of(path: Path) -> Iterator[IO[str]]:
    try:
        with gzip.open(path, "rt", encoding="utf-8", errors="surrogatepass") as lines:
            yield lines
    except (OSError, EOFError, ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
        raise damaged(path, str(error) or type(error).__name__) from error


def head_of(line: str | bytes) -> dict[str, Any]:
    """The first line, of the comparison.

    Raises:
        UserError: a newer Rung wrote it.
    """
    head: dict[str, Any] = json.loads(line)
    if head["format"] != FORMAT:
        raise UserError(f"its answers are in format {head['format']}, and this Rung reads {FORMAT}: update Rung")
    return head


def _read(lines: IO[str]) -> Stored:
    head = head_of(next(lines, ""))
    facts = _facts(head)
    asked = {id: Asked(question, judged) for id, question, judged in head["cases"]}
    passages, evaluations = list[Passage](), list[Evaluation]()
    rung: _Rung | None = None
    for line in lines:
        row = json.loads(line)
        if "shown" in row:
            passages.append(stored_passage(head["passage"], row["shown"]))
        elif rung is None:
            rung = _Rung(row, tuple(asked), head["usage"], passages)
        else:
            rung.add(row)
        if rung is not None and not rung.left:
            evaluations.append(rung.evaluation())
            rung = None
    if rung is not None:
        raise ValueError("it ends before its last answer")
    return Stored(facts, asked, tuple(evaluations))


def _facts(head: Mapping[str, Any]) -> Facts:
    given, groups = head["facts"], head["facts"]["document_groups"]
    groups = None if groups is None else {id: tuple(some) for id, some in groups.items()}
    return Facts(**{**given, "document_groups": groups, "coverage": Coverage(**given["coverage"])})


class _Rung:
    """A rung whose lines are being read; `left`: those of its answers that are to come. `passages`: all that were read."""

    def __init__(
        self, row: Mapping[str, Any], cases: tuple[str, ...], usage: Sequence[str], passages: list[Passage]
    ) -> None:
        self.left: int = row["answered"]
        self._row, self._cases, self._reader = row, cases, OutcomeReader(usage, passages.__getitem__)
        self._indexes = {case: index for index, case in enumerate(cases)}
        self._outcomes: list[list[Outcome]] = [[] for _ in range(max(1, len(row["metrics"])))]
        self._scores = [np.full((len(names), len(cases)), math.nan) for names in row["metrics"]]
        self._errors: list[list[ScoreError]] = [[] for _ in self._scores]
        self._layers: list[Any] = [None] * len(cases)

    def add(self, row: Mapping[str, Any]) -> None:
        """One case."""
        case, index = row["case"], self._indexes[row["case"]]
        for outcomes, entry in zip(self._outcomes, row["passes"], strict=True):
            outcomes.append(self._reader.outcome(case, entry))
        for columns, scores in zip(self._scores, row["scores"], strict=True):
            columns[:, index] = scores
        for number, scorer, message in row.get("errors", ()):
            self._errors[number].append(ScoreError(case, scorer, message))
        self._layers[index] = row.get("lost")
        self.left -= 1

    def evaluation(self) -> Evaluation:
        """All of it."""
        row, (first, *again), declared = self._row, map(tuple, self._outcomes), metrics()
        cards = []
        for names, columns, errors in zip(row["metrics"], self._scores, self._errors, strict=True):
            meant = {name: declared[name] for name in names if name in declared}
            cards.append(Scorecard(self._cases, dict(zip(names, columns, strict=True)), meant, tuple(errors)))
        interval, held = row["interval"], row["held"]
        return Evaluation(
            _result(row["rung"]),
            spec=None if row["spec"] is None else StrategySpec.of(row["spec"]),
            effort=None if row["effort"] is None else Effort(**{**row["effort"], "hosted": ()}),
            marked=row["marked"],
            doubts=tuple(row["doubts"]),
            outcomes=first,
            again=tuple(again),
            stop=None if row["stop"] is None else Stop(**row["stop"]),
            interval=None if interval is None else (interval[0], interval[1]),
            cards=tuple(cards),
            layers=tuple(self._layers) if first else (),
            held=None if held is None else np.array(held, dtype=np.float64),
            doubt=row["doubt"],
        )


def _result(row: Mapping[str, Any]) -> RungResult:
    latency, learning = row["latency"], row["learning"]
    given = {name: row[name] for name in _RESULT} | {name: row.get(name, "") for name in _RESULT_SINCE}
    curves = {name: tuple((point[0], point[1]) for point in curve) for name, curve in learning.items()}
    return RungResult(
        **given,
        why=_why(row),
        status="failed" if row["failed"] else "not_applicable",
        learning=curves,
        latency=None if latency is None else _latency(latency),
        unanswered=Unanswered(**row["unanswered"]) if "unanswered" in row else None,
    )


def _why(row: Mapping[str, Any]) -> Reason | None:
    text = row["why"]
    if not text:
        return None
    kind: ReasonKind | None = row["why_kind"] if "why_kind" in row else "failed" if row["failed"] else kind_of_older(text)
    return Reason(kind or "not_applicable", text)


def _latency(row: Mapping[str, Any]) -> Latency:
    timed, steps = row["timed"], {name: (pair[0], pair[1]) for name, pair in row["steps"].items()}
    values = {**row, "steps": steps, "times": tuple(row["times"]), "timed": None if timed is None else Timed(**timed)}
    return Latency(**values)


def _errors(card: Scorecard) -> dict[str, list[tuple[str, str]]]:
    by_case: dict[str, list[tuple[str, str]]] = {}
    for error in card.errors:
        by_case.setdefault(error.case, []).append((error.scorer, error.message))
    return by_case


def numbers_of(column: NDArray[np.float64]) -> list[float | None]:
    """A column as JSON has it: None for what was not scored."""
    return [None if math.isnan(value) else value for value in column.tolist()]
