"""The gold of a project's cases against its documents as they are now, and the rows whose gold moved or is gone, for review.

The rules are in `dataset.label_decay`; here it is found out what stood there: by the oldest kept verdict that judged by the
same gold, so that one made after a change does not hide it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from rung.commands.draft_files import lines_of, rows_of, write_lines
from rung.config.project import Project
from rung.dataset.drafted_rows import is_draft, meta_in
from rung.dataset.label_decay import STATES, Gold, GoldState, State, Texts, decayed, mended, worst
from rung.dataset.load import Dataset, load_dataset, paths, shown_as
from rung.dataset.review_log import deciding
from rung.pipeline.evaluation_store import EVALUATIONS, Asked, read_evaluations
from rung.pipeline.publishing import read_list, verdicts_of
from rung.pipeline.sources import Sources
from rung.records import Case, Evidence, Json, Passage, Problem

BY = "label decay"  # who drafted a row that was marked
MAX_VERDICTS = 20  # the latest that are looked into for what stood there


@dataclass(frozen=True, slots=True)
class LabelDecay:
    """What became of all gold. `no_gold`: cases that name none, of which nothing can be said; `problems`: documents that
    could not be read."""

    states: tuple[GoldState, ...]
    cases: int
    no_gold: int
    problems: tuple[Problem, ...] = ()
    written: Mapping[str, tuple[Json, ...]] = field(default_factory=dict)  # case id -> its evidence as written

    @property
    def by_case(self) -> Mapping[str, tuple[GoldState, ...]]:
        """The pieces of each case that names any."""
        grouped: dict[str, list[GoldState]] = {}
        for one in self.states:
            grouped.setdefault(one.case.id, []).append(one)
        return {id: tuple(some) for id, some in grouped.items()}

    @property
    def counts(self) -> dict[State, int]:
        """Cases by the worst state of their gold."""
        of_cases = [worst(some) for some in self.by_case.values()]
        return {state: of_cases.count(state) for state in STATES}

    @property
    def is_due(self) -> bool:
        """Whether the gold of some case moved or is gone."""
        return bool(self.counts["moved"] or self.counts["gone"])

    def as_json(self) -> dict[str, Json]:
        """For programs."""
        counts: dict[str, Json] = {str(state): count for state, count in self.counts.items()}
        gold: list[Json] = [one.as_json() for one in self.states]
        return {
            "cases": self.cases,
            **counts,
            "no_gold": self.no_gold,
            "gold": gold,
            "problems": list(map(str, self.problems)),
        }

    def as_lines(self) -> Iterator[str]:
        """For a person: all that is not as it was, then counts."""
        for state in ("gone", "moved", "unknown"):
            for one in self.states:
                if one.state == state:
                    yield f"{one.case.place}: {state}: '{one.document}': {one.says} (case {one.case.id})"
        yield from (f"not read: {problem}" for problem in self.problems)
        counted = ", ".join(f"{count} {state}" for state, count in self.counts.items())
        yield f"{self.cases} cases by their gold: {counted}, {self.no_gold} without"


def label_decay(project: Project) -> LabelDecay:
    """Look at the gold of all cases.

    Raises:
        UserError: there are no documents or cases, a file cannot be read, or a verdict is damaged.
    """
    from rung.knowledge import find_quote

    if not project.settings.knowledge.sources:
        raise project.error("there are no documents, so no gold can decay", "knowledge")
    rows = load_dataset(project)
    sources = Sources(project, remember=False)
    texts = {document.id: document.text for document in sources}
    unread = _unread(rows, texts, sources.problems)
    gold = Gold(rows.cases, rows.quotes, _before(project, rows), rows.schema, rows.labels)
    states = tuple(decayed(gold, Texts(texts, find_quote, unread=unread)))
    named = {one.case.id for one in states}
    none = sum(case.id not in named for case in rows.cases)
    return LabelDecay(states, len(rows.cases), none, tuple(sources.problems), rows.quotes)


@dataclass(frozen=True, slots=True)
class Marked:
    """What `mark_for_review` did: `rows` that were marked, and how many due ones were not, by why."""

    rows: int
    left: Mapping[str, int] = field(default_factory=dict)


def mark_for_review(project: Project, decay: LabelDecay) -> Marked:
    """Make drafts of the rows whose gold moved or is gone: they judge nothing until a person approves them (`rung review`).

    What moved is written where it is now; what was written, and by whom it was approved, stays in the row's `meta`.

    Raises:
        UserError: a file cannot be read or written.
    """
    due = {id: some for id, some in decay.by_case.items() if worst(some) in ("moved", "gone")}
    marked, left = 0, Counter[str]()
    files = dict.fromkeys(paths(project, project.settings.cases, ("cases",))) if due else {}
    with deciding(project):
        for path in files:
            shown = shown_as(project, path)
            own = {some[0].case.place: some for some in due.values() if some[0].case.place.rpartition(":")[0] == shown}
            if path.suffix == ".jsonl":
                done = _mark(path, shown, own, decay.written)
                marked += done
                left["changed meanwhile, or wait for review already"] += len(own) - done
            else:
                left[f"stand in {shown}, which is no .jsonl file"] += len(own)
    left["stand in no file of cases"] = len(due) - marked - left.total()
    return Marked(marked, {why: count for why, count in left.items() if count})


def _mark(path: Path, shown: str, due: Mapping[str, Sequence[GoldState]], written: Mapping[str, Sequence[Json]]) -> int:
    """Mark the rows of a file that are due, by place; how many."""
    marked = 0
    mark, lines = lines_of(path)
    for index, row in rows_of(lines):
        some = due.get(f"{shown}:{index + 1}")
        if some is None or _is_changed(row, some[0].case, written.get(some[0].case.id, ())):
            continue
        lines[index] = json.dumps(_draft(row, some), ensure_ascii=False)
        marked += 1
    if marked:
        write_lines(path, mark, lines)
    return marked


def _is_changed(row: Mapping[str, Json], case: Case, written: Sequence[Json]) -> bool:
    """Whether a row is another than the one that was looked at, or waits for a person already."""
    if is_draft(row):
        return True
    named = row.get("gold_documents") or []
    documents = (named,) if isinstance(named, str) else tuple(named) if isinstance(named, list) else ()
    now = row.get("evidence") or []
    return (row.get("question"), documents, now) != (case.question, case.gold_documents, list(written))


def _draft(row: Mapping[str, Json], states: Sequence[GoldState]) -> dict[str, Json]:
    changed = [one for one in states if one.state in ("moved", "gone")]
    was: dict[str, Json] = {
        key: row[key] for key in ("evidence", "gold_documents", "drafted_by", "approved_by") if row.get(key)
    }
    note = "; ".join(f"'{one.document}': {one.says}" for one in changed)
    own: dict[str, Json] = {"kind": f"label_{worst(states)}", "note": f"its gold changed: {note}", "before": was}
    after = {"id": states[0].case.id, **mended(row, states)}  # a row without an id is named by its words: it keeps its name
    return {**after, "meta": {**meta_in(row), **own}, "drafted_by": BY, "approved_by": ""}


def _unread(rows: Dataset, texts: Mapping[str, str], problems: Iterable[Problem]) -> set[str]:
    """Documents that cases name, that are not there, and in whose file something could not be read."""
    broken = {problem.path for problem in problems}
    named = {document for case in rows.cases for document in _named(case, rows)} - texts.keys()
    return {id for id in named if any(id == path or id.startswith((f"{path}#", f"{path}/", f"{path}:")) for path in broken)}


def _named(case: Case, rows: Dataset) -> Iterator[str]:
    yield from case.gold_documents
    for item in rows.quotes.get(case.id, ()):
        if isinstance(item, dict) and isinstance(item.get("document"), str):
            yield str(item["document"])


def _before(project: Project, rows: Dataset) -> dict[str, list[Passage]]:
    """What verdicts showed of the gold that is no quote, by case; of each case the oldest that judged by the same gold."""
    requested = {case.id: _judged_by(case, rows) for case in rows.cases}
    left = {id: case for id, case in requested.items() if case is not None}
    shown: dict[str, list[Passage]] = {}
    for line in read_list(project)[-MAX_VERDICTS:]:
        path = verdicts_of(project) / line.verdict / EVALUATIONS
        if not left or not path.is_file():
            continue
        stored = read_evaluations(path)
        same = {id for id, case in left.items() if id in stored.asked and stored.asked[id] == Asked.of(case)}
        for evaluation in stored.evaluations:
            for outcome in evaluation.outcomes:
                if outcome.case in same and outcome.answer is not None:
                    documents = set(_named(left[outcome.case], rows))
                    some = {*outcome.answer.passages, *outcome.answer.retrieved}
                    shown.setdefault(outcome.case, []).extend(p for p in some if p.document in documents)
        left = {id: case for id, case in left.items() if not shown.get(id)}
    return {id: list(dict.fromkeys(replace(p, score=0.0) for p in some)) for id, some in shown.items()}


def _judged_by(case: Case, rows: Dataset) -> Case | None:
    """The case as a verdict judged it; None where quotes say all that stood there, or it names nothing."""
    items = rows.quotes.get(case.id, ())
    spans = [item for item in items if isinstance(item, dict) and not item.get("quote")]
    if len(spans) < len(items) or not (items or case.gold_documents):
        return None
    evidence = []
    for item in spans:
        document, start, end = item.get("document"), item.get("start"), item.get("end")
        if not (isinstance(document, str) and isinstance(start, int) and isinstance(end, int)):
            return None
        evidence.append(Evidence(document, start, end))
    documents = case.gold_documents or tuple(one.document for one in evidence)
    return replace(case, evidence=tuple(evidence), gold_documents=tuple(dict.fromkeys(documents)))
