"""What changed between two comparisons of a project, and which rungs got worse: paired on the cases that both have.

A case is the same where its id, question and accepted answers are. Keeping the records is left to `pipeline.publishing`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from rung.records import Difference, Json
from rung.report.table import wrapped
from rung.verdict import reasons
from rung.verdict.statistics import ALPHA, holm, paired

How = Literal["better", "worse", "no significant difference", "only in the first", "only in the second", "not comparable"]


@dataclass(frozen=True, slots=True)
class Record:
    """A comparison as it is kept: the cases it judged by, in order, and each measured rung's `correct` on them (None: none).

    `clusters`: the cluster of each case, empty where all are independent.
    """

    name: str
    cases: tuple[str, ...]
    correct: Mapping[str, tuple[float | None, ...]]
    settings: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    winner: str | None = None
    clears_bar: bool = False
    clusters: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """One rung, second run minus first. `difference` None where it cannot be compared; p is Holm's."""

    rung: str
    how: How
    difference: Difference | None = None
    settings: tuple[str, ...] = ()  # names of the settings that differ


@dataclass(frozen=True, slots=True)
class Changes:
    """Two comparisons side by side. `cases`: those that both judged by."""

    first: Record
    second: Record
    cases: int
    rungs: tuple[Change, ...]

    @property
    def worse(self) -> tuple[str, ...]:
        """The rungs that are significantly worse in the second."""
        return tuple(change.rung for change in self.rungs if change.how == "worse")


def changes(first: Record, second: Record) -> Changes:
    """Each rung of either comparison: paired tests on the common cases, Holm's correction over the rungs, 5 %."""
    index_of = {case: n for n, case in enumerate(first.cases)}
    common = [(index_of[case], n) for n, case in enumerate(second.cases) if case in index_of]
    clusters = [second.clusters[n] for _, n in common] if second.clusters else None
    both = [name for name in second.correct if name in first.correct]
    compared = {}
    for name in both:
        a, b = first.correct[name], second.correct[name]
        columns = [[_number(b[n]) for _, n in common], [_number(a[m]) for m, _ in common]]
        if common:
            compared[name] = paired(*columns, clusters=clusters)
    comparable = {name: one for name, one in compared.items() if one.estimate.n}
    adjusted = holm({name: one.p for name, one in comparable.items()})
    rungs = []
    for name in dict.fromkeys((*second.correct, *first.correct)):
        if name not in both:
            rungs.append(Change(name, "only in the second" if name in second.correct else "only in the first"))
            continue
        settings = _differing(first.settings.get(name, {}), second.settings.get(name, {}))
        if name not in comparable:
            rungs.append(Change(name, "not comparable", settings=settings))
            continue
        mean, p = comparable[name].estimate.mean or 0.0, adjusted[name]
        how: How = "no significant difference" if p >= ALPHA or mean == 0 else "better" if mean > 0 else "worse"
        rungs.append(Change(name, how, Difference(second.name, first.name, comparable[name].estimate, p), settings))
    return Changes(first, second, len(common), tuple(rungs))


def change_lines(comparison: Changes) -> Iterator[str]:
    """For a person at a terminal of 80 columns."""
    first, second = comparison.first, comparison.second
    yield from wrapped(f"{second.name} against {first.name}: {reasons.cases(comparison.cases, what='common case')}")
    yield from wrapped(f"choice: {first.winner or 'none'} -> {second.winner or 'none'}")
    for side in (first, second):
        if not side.clears_bar:
            yield from wrapped(f"{side.name} is not shown to clear the bar")
    for change in comparison.rungs:
        by = "" if change.difference is None else f" (by {reasons.interval(change.difference.estimate)}, p {_p(change)})"
        other = f" (settings differ: {', '.join(change.settings)})" if change.settings else ""
        yield from wrapped(f"{change.rung}: {change.how}{by}{other}", indent=2)


def change_json(comparison: Changes) -> dict[str, Json]:
    """For programs."""
    rungs: list[Json] = []
    for change in comparison.rungs:
        e = None if change.difference is None else change.difference.estimate
        estimate: Json = None if e is None else {"mean": e.mean, "low": e.low, "high": e.high, "n": e.n}
        p = None if change.difference is None else change.difference.p
        settings: list[Json] = list(change.settings)
        rungs.append({"name": change.rung, "how": change.how, "difference": estimate, "p": p, "settings": settings})
    worse: list[Json] = list(comparison.worse)
    sides: dict[str, Json] = {
        key: {"name": side.name, "winner": side.winner, "clears_bar": side.clears_bar}
        for key, side in (("first", comparison.first), ("second", comparison.second))
    }
    return {**sides, "cases": comparison.cases, "worse": worse, "rungs": rungs}


def _p(change: Change) -> str:
    p = 1.0 if change.difference is None else change.difference.p
    return f"{p:.2g}" if p >= 0.001 else "< 0.001"


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _differing(one: Mapping[str, Json], other: Mapping[str, Json]) -> tuple[str, ...]:
    return tuple(sorted(key for key in {*one, *other} if one.get(key) != other.get(key)))


def record_of(value: Mapping[str, Json], name: str) -> Record:
    """A record from its JSON value.

    Raises:
        ValueError: it is none.
    """
    cases, rungs, clusters = value.get("cases"), value.get("rungs"), value.get("clusters") or []
    if not isinstance(cases, list) or not isinstance(rungs, dict) or not isinstance(clusters, list):
        raise ValueError("no record of a comparison")
    correct: dict[str, tuple[float | None, ...]] = {}
    settings: dict[str, Mapping[str, Json]] = {}
    for rung, row in rungs.items():
        column = row.get("correct") if isinstance(row, dict) else None
        if not isinstance(row, dict) or not isinstance(column, list) or len(column) != len(cases):
            raise ValueError("no record of a comparison")
        correct[rung] = tuple(float(one) if isinstance(one, (int, float)) else None for one in column)
        declared = row.get("settings")
        settings[rung] = declared if isinstance(declared, dict) else {}
    winner = value.get("winner")
    whole = tuple(int(one) for one in clusters if isinstance(one, int))
    chosen = winner if isinstance(winner, str) else None
    return Record(name, tuple(map(str, cases)), correct, settings, chosen, value.get("clears_bar") is True, whole)


def as_json(record: Record) -> dict[str, Json]:
    """The record as a JSON value; `record_of` reads it again."""
    rungs: dict[str, Json] = {}
    for name, column in record.correct.items():
        scores: list[Json] = list(column)
        rungs[name] = {"correct": scores, "settings": dict(record.settings.get(name, {}))}
    cases: list[Json] = list(record.cases)
    clusters: list[Json] = list(record.clusters)
    return {
        "cases": cases,
        "rungs": rungs,
        "winner": record.winner,
        "clears_bar": record.clears_bar,
        "clusters": clusters,
    }


def named_cases(cases: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """(id, digest of question and answers) as one name each: a case that was changed is another case."""
    return tuple(f"{id}@{print_[:12]}" for id, print_ in cases)
