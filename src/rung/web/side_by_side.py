"""Runs beside each other: how each rung differs from the first run's, and what else changed between them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rung.config.project import Project
from rung.errors import Damaged, UserError
from rung.pipeline.decision_store import DECISION
from rung.pipeline.evaluation_store import EVALUATIONS, Facts, read_facts
from rung.pipeline.made_by import KNOWLEDGE, TAUGHT
from rung.pipeline.publishing import RECORD, Published, published, read_list, record
from rung.records import Estimate, Json
from rung.report.changes import Changes, Record, changes
from rung.report.numbers import count
from rung.verdict.bar import MAIN
from rung.web.by_stamp import ByStamp
from rung.web.run_list import BarState, bar_of


@dataclass(frozen=True, slots=True)
class CaseChanges:
    """Ids of the cases that judge one run and not the first, that judge the first alone, and that have changed."""

    added: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    altered: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Column:
    """One run: its scores by rung, how it differs from the first (None: it is the first), and what else changed.

    `others`: (what, before, after), as texts.
    """

    number: int
    created: str
    winner: str | None
    bar: BarState
    scores: Mapping[str, Estimate]
    changes: Changes | None = None
    cases: CaseChanges = CaseChanges()
    others: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class _Shown:
    number: int
    created: str
    verdict: Published
    record: Record


_records: ByStamp[Record] = ByStamp(16)
_changed: ByStamp[Changes] = ByStamp(64)


def beside(project: Project, numbers: Sequence[int]) -> tuple[Column, ...]:
    """These runs, each against the first.

    Raises:
        UserError: one of them is not there, or holds no record.
    """
    created = {line.number: line.created for line in read_list(project)}
    shown = [
        _Shown(n, created.get(n, ""), verdict, _record_of(project, n, verdict.folder))
        for n in numbers
        for verdict in (published(project, str(n)),)
    ]
    return tuple(_column(one, None if index == 0 else shown[0]) for index, one in enumerate(shown))


def _record_of(project: Project, number: int, folder: Path) -> Record:
    return _records.get(folder, [folder / RECORD], lambda: record(project, str(number)))


def _changes(first: _Shown, second: _Shown) -> Changes:
    folders = (first.verdict.folder, second.verdict.folder)
    files = [folder / RECORD for folder in folders]
    return _changed.get(folders, files, lambda: changes(first.record, second.record))


def _column(one: _Shown, first: _Shown | None) -> Column:
    entry = one.verdict.said
    scores = {str(rung["name"]): Estimate(**score) for rung in _rungs(entry) if (score := rung["scores"].get(MAIN))}
    column = Column(one.number, one.created, one.verdict.winner, bar_of(entry), scores)
    if first is None:
        return column
    return Column(
        one.number, one.created, one.verdict.winner, bar_of(entry), scores,
        changes=_changes(first, one),
        cases=_cases(first.record.cases, one.record.cases),
        others=tuple(_others(first.verdict, one.verdict)),
    )  # fmt: skip


def _rungs(entry: Mapping[str, Any]) -> list[dict[str, Any]]:
    return list(entry["rungs"])


def _cases(first: Sequence[str], second: Sequence[str]) -> CaseChanges:
    """`named_cases` are id@digest."""
    before, after = (dict(name.rsplit("@", 1) for name in names if "@" in name) for names in (first, second))
    added = tuple(id for id in after if id not in before)
    gone = tuple(id for id in before if id not in after)
    return CaseChanges(added, gone, tuple(id for id in after if id in before and before[id] != after[id]))


def _others(first: Published, second: Published) -> Iterator[tuple[str, str, str]]:
    """What else differs, of what both say."""
    entries = (first.said, second.said)
    yield from _differing("Version of the index", *(str(entry.get("knowledge_version", "")) for entry in entries))
    yield from _differing("Models", *map(_models, entries))
    for rung, (before, after) in _settings(*entries).items():
        yield from _differing(f"{rung}: settings", before, after)
    for name, words in (("partial", "Cut short"), ("trial", "Trial"), ("rescored", "Scored again")):
        yield from _differing(words, *(str(_coverage(entry).get(name) or "no") for entry in entries))
    facts = [_facts(one.folder) for one in (first, second)]
    if facts[0] is None or facts[1] is None:
        states = ["not stored any more" if one is None else "stored" for one in facts]
        yield "Bar, documents and examples", states[0], states[1]
        return
    yield from _differing_facts(facts[0], facts[1])
    decided = [_decided(one.folder) for one in (first, second)]
    if all(decided):
        for name in ("demand", "prices", "prices_on"):
            yield from _differing_values(name.replace("_", " "), decided[0].get(name), decided[1].get(name))


def _differing_facts(one: Facts, other: Facts) -> Iterator[tuple[str, str, str]]:
    for name in dict.fromkeys((*one.asked, *other.asked)):
        words = "Risk" if name == "risk" else f"Bar: {name}"
        yield from _differing(words, _text(one.asked.get(name)), _text(other.asked.get(name)))
    yield from _differing("Judged by", one.correct_by, other.correct_by)
    yield from _differing("Passages", f"{one.passages:,}", f"{other.passages:,}")
    for name, words in ((KNOWLEDGE, "How documents are cut and embedded"), (TAUGHT, "Examples and train cases")):
        yield from _differing(words, *(side.made_by.get(name, "")[:12] for side in (one, other)))
    yield from _differing("Weight of the dense ranking", _text(one.weight), _text(other.weight))
    groups = [side.document_groups or {} for side in (one, other)]
    if one.document_groups is not None and other.document_groups is not None:
        added, gone = groups[1].keys() - groups[0].keys(), groups[0].keys() - groups[1].keys()
        if added or gone:
            yield "Documents", f"{count(len(groups[0]), 'document')}", f"{len(added):,} more, {len(gone):,} gone"
        moved = sum(groups[0][id] != groups[1][id] for id in groups[0].keys() & groups[1].keys())
        if moved:
            yield "Who may read what", "", f"another for {count(moved, 'document')}"


def _differing(what: str, before: str, after: str) -> Iterator[tuple[str, str, str]]:
    if before != after:
        yield what, before, after


def _differing_values(what: str, before: Any, after: Any) -> Iterator[tuple[str, str, str]]:
    """The keys of two records that differ."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in dict.fromkeys((*before, *after)):
            yield from _differing_values(f"{what}: {key}", before.get(key), after.get(key))
    else:
        yield from _differing(what.capitalize(), _text(before), _text(after))


def _models(entry: Mapping[str, Any]) -> str:
    return ", ".join(sorted({str(rung["model"]) for rung in _rungs(entry) if rung.get("model")}))


def _settings(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Of rungs that both have: the settings that differ."""
    before, after = ({str(rung["name"]): rung["settings"] for rung in _rungs(entry)} for entry in (one, other))
    differing = {}
    for name in before.keys() & after.keys():
        keys = sorted(key for key in {*before[name], *after[name]} if before[name].get(key) != after[name].get(key))
        if keys:
            sides = (", ".join(f"{key} {_text(side[name].get(key))}" for key in keys) for side in (before, after))
            differing[name] = (next(sides), next(sides))
    return dict(sorted(differing.items()))


def _coverage(entry: Mapping[str, Json]) -> Mapping[str, Json]:
    coverage = entry.get("coverage")
    return coverage if isinstance(coverage, dict) else {}


def _facts(folder: Path) -> Facts | None:
    path = folder / EVALUATIONS
    try:
        return read_facts(path) if path.is_file() else None
    except (Damaged, UserError):
        return None


def _decided(folder: Path) -> dict[str, Any]:
    try:
        value: dict[str, Any] = json.loads((folder / DECISION).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return value


def _text(value: Any) -> str:
    if value is None:
        return "none"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
