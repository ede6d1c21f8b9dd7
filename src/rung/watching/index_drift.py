"""Whether the index still holds what the sources say: changed, missing, unreadable, grown old by age or by their own dates.

What a sync would do is found as `rung sync --dry-run` finds it, and counted, not estimated. Whether sources have stopped
being fed is a test: with changes as often as `knowledge.changes` says, coming one by one by chance, none in so long a time
is unlikely. A date that a document gives is taken at its word.
"""

from __future__ import annotations

import fcntl
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rung.config.schema import times_per_month
from rung.pipeline.sources import Sources
from rung.records import Document, Json
from rung.records.alerts import Found, Reading
from rung.watching.surroundings import Surroundings

if TYPE_CHECKING:
    from rung.knowledge import Knowledge, SyncReport

STILL, PAST, OLD = "sources still", "documents past their date", "documents stale"
SHOWN = 20  # names in the evidence
RISK = 0.01  # of calling sources that change as they did still
SMALL = 0.1  # share of the documents that may go for a sync to be harmless
ENDS: Final = ("valid_until", "valid_to", "expires", "expiry", "expiration", "review_by", "review_until", "until")
WRITTEN: Final = ("updated", "last_updated", "modified", "last_modified", "reviewed", "last_reviewed", "date", "published")
_DAYS_A_MONTH = 365.25 / 12
_COUNTED = "what a sync would change, counted"
_DATED = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")


def look(surroundings: Surroundings) -> Iterator[Reading]:
    """Readings of the sources against the index, of reading them, and of their age; none where there are no documents."""
    project = surroundings.project
    if not project.settings.knowledge.sources:
        return
    sources, knowledge = Sources(project, remember=False, may_be_empty=True), surroundings.engines.documents
    passing = _Passing(sources)
    knowledge.refresh()
    report = knowledge.compare(passing)
    is_syncing = syncing(project.state / "index")
    is_harmless = _is_harmless(report, knowledge)
    snapshot = surroundings.snapshot
    held = 0 if snapshot is None else len(snapshot.state.documents)
    yield _changed(report, held, is_syncing=is_syncing, is_harmless=is_harmless)
    yield _missing(report, held, is_syncing=is_syncing, is_harmless=is_harmless)
    yield _unreadable([str(problem) for problem in (*sources.problems, *report.problems)], sources.count)
    if snapshot is None:
        names = (STILL, PAST) if project.settings.watch.stale_days is None else (STILL, PAST, OLD)
        yield from (Reading(name, "unknown", "nothing is indexed yet: 'rung sync'") for name in names)
        return
    yield _still(surroundings, report)
    yield _past(surroundings, passing.ends)
    if project.settings.watch.stale_days is not None:
        yield _old(surroundings, passing, project.settings.watch.stale_days)


@dataclass
class _Passing:
    """The documents of the sources; the dates that they give are kept while they pass, by document."""

    sources: Sources
    ends: dict[str, date] = field(default_factory=dict)
    written: dict[str, date] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Document]:
        for document in self.sources:
            for dates, names in ((self.ends, ENDS), (self.written, WRITTEN)):
                if (day := dated_by(document.meta, names)) is not None:
                    dates[document.id] = day
            yield document


def syncing(folder: Path) -> bool:
    """Whether a process on this machine writes the index in this folder now."""
    with suppress(FileNotFoundError), (folder / "lock").open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _changed(report: SyncReport, held: int, *, is_syncing: bool, is_harmless: bool) -> Reading:
    count = report.added + report.changed + report.renamed
    says = (
        f"sources that are not in the index as they are now: {count:,} ({report.added:,} new, {report.changed:,} changed, "
        f"{report.renamed:,} renamed)"
    )
    if report.rebuilt:
        says = f"the whole index is out of date: {report.rebuilt}"
    is_behind = bool(count or report.rebuilt)
    return Reading(
        "sources changed",
        _counted(is_behind=is_behind, is_syncing=is_syncing),
        _meanwhile(says, is_syncing=is_behind and is_syncing) if is_behind else "the index holds the sources as they are",
        figure=count or (held if report.rebuilt else 0),
        limit=1,
        test=_COUNTED,
        do="'rung sync' takes them in; 'rung compare' then, where much has changed" if is_behind else "",
        act="sync" if is_behind and is_harmless else "",
        clears_after=1,
        evidence={"added": report.added, "changed": report.changed, "renamed": report.renamed, "rebuilt": report.rebuilt},
    )


def _missing(report: SyncReport, held: int, *, is_syncing: bool, is_harmless: bool) -> Reading:
    says = f"documents of the index that have no source any more: {report.removed:,} of {held:,}"
    return Reading(
        "sources missing",
        _counted(is_behind=bool(report.removed), is_syncing=is_syncing),
        _meanwhile(says, is_syncing=bool(report.removed) and is_syncing),
        figure=report.removed,
        limit=1,
        test=_COUNTED,
        do=""
        if not report.removed
        else "'rung sync' takes them out of the index"
        if is_harmless
        else "look whether a drive, a server or a pattern is amiss; 'rung sync' would take all of them out of the index",
        act="sync" if report.removed and is_harmless else "",
        clears_after=1,
    )


def _is_harmless(report: SyncReport, knowledge: Knowledge) -> bool:
    """Whether a sync by itself does no harm: little goes, not all is made anew, and nobody went back to this index."""
    held = len(knowledge.document_groups())
    return not report.rebuilt and not knowledge.held and report.removed <= SMALL * held


def _unreadable(problems: Sequence[str], read: int) -> Reading:
    return Reading(
        "sources unreadable",
        "drifted" if problems else "fine",
        f"problems while {read:,} documents were read: {len(problems):,}{f', as {problems[0]}' if problems else ''}",
        figure=len(problems),
        limit=1,
        test="files that could not be read, or with a reservation, counted",
        do="mend them, or leave them out of knowledge.sources; 'rung check' lists all" if problems else "",
        evidence={"problems": list[Json](problems[:SHOWN])},
    )


def _still(surroundings: Surroundings, report: SyncReport) -> Reading:
    """Whether the documents have stopped changing, against `knowledge.changes`; what waits for a sync has changed."""
    name, pace = STILL, surroundings.project.settings.knowledge.changes
    often = times_per_month(pace)
    if not often:
        return Reading(name, "unknown", "knowledge.changes in rung.yaml does not say how often the documents change")
    waiting = report.added + report.renamed + report.removed + (0 if report.rebuilt else report.changed)
    if waiting:
        return Reading(name, "fine", f"documents that came, changed or went since the last sync: {waiting:,}", figure=0.0)
    if surroundings.clock.jumped:
        return Reading(name, "unknown", surroundings.clock.jumped)
    versions = surroundings.engines.documents.versions()
    if not versions:
        return Reading(name, "unknown", "the index does not say since when it is as it is")
    newest_first = sorted(versions, key=lambda one: one.number, reverse=True)
    content = newest_first[0].content  # compaction makes versions that find the same; an older one was gone back to
    same = [one.since for one in takewhile(lambda one: one.content == content, newest_first)]
    days = max(0.0, (surroundings.clock.now.timestamp() - min(same)) / 86_400)
    expected = days / _DAYS_A_MONTH * often
    limit = math.log(1 / RISK)
    state: Found = "drifted" if expected >= limit else "fine"
    return Reading(
        name,
        state,
        f"no document has changed for {days:.1f} days, in which {expected:.1f} changes were to be expected ({pace})",
        figure=expected,
        limit=limit,
        test=f"Poisson: none where {limit:.1f} are expected has a chance of {RISK:g}",
        false_alarms=RISK,
        per="time without a change",
        do="look whether what writes the sources still runs, and say in knowledge.changes what is true"
        if state == "drifted"
        else "",
    )


def _past(surroundings: Surroundings, dated: Mapping[str, date]) -> Reading:
    """Documents that say themselves that they hold no more."""
    name = PAST
    if surroundings.clock.jumped:
        return Reading(name, "unknown", surroundings.clock.jumped)
    today = surroundings.clock.now.date()
    past = {id: day for id, day in dated.items() if day < today}
    return Reading(
        name,
        "drifted" if past else "fine",
        f"{len(past):,} of {len(dated):,} documents that say until when they hold are past that{_first(past)}",
        figure=len(past),
        limit=1,
        test=f"their own dates ({', '.join(ENDS)}) against today's",
        do="renew them, or take them out of the sources; then 'rung sync'" if past else "",
        evidence={"documents": {id: day.isoformat() for id, day in sorted(past.items())[:SHOWN]}},
    )


def _old(surroundings: Surroundings, documents: _Passing, days: float) -> Reading:
    """Documents that were written longer ago than `watch.stale_days` allows."""
    name = OLD
    if surroundings.clock.jumped:
        return Reading(name, "unknown", surroundings.clock.jumped)
    oldest = surroundings.clock.now.date() - timedelta(days=days)
    dated = documents.written
    old = {id: day for id, day in dated.items() if day < oldest}
    undated = documents.sources.count - len(dated)
    return Reading(
        name,
        "drifted" if old else "fine",
        f"{len(old):,} of {len(dated):,} documents with a date are older than {days:g} days{_first(old)}; "
        f"{undated:,} give no date",
        figure=len(old),
        limit=1,
        test=f"their own dates ({', '.join(WRITTEN)}) against watch.stale_days",
        do="review them, and write the date of that into them; then 'rung sync'" if old else "",
        evidence={"documents": {id: day.isoformat() for id, day in sorted(old.items())[:SHOWN]}, "undated": undated},
    )


def dated_by(meta: Mapping[str, Json], names: Sequence[str]) -> date | None:
    """The day that a document gives under the first of these names that it has; None: under none.

    >>> dated_by({"Updated": "2024-3-1"}, WRITTEN)
    datetime.date(2024, 3, 1)
    """
    folded = {name.lower().replace("-", "_").replace(" ", "_"): value for name, value in meta.items()}
    for name in names:
        match = _DATED.match(str(folded.get(name, "")).strip())
        if match:
            with suppress(ValueError):
                return date(*map(int, match.groups()))
    return None


def _first(dates: Mapping[str, date]) -> str:
    if not dates:
        return ""
    id, day = min(dates.items(), key=lambda item: (item[1], item[0]))
    return f", {id} since {day.isoformat()} the longest"


def _counted(*, is_behind: bool, is_syncing: bool) -> Found:
    """What is being synced now is neither fine nor drifted: the look after the sync tells."""
    if not is_behind:
        return "fine"
    return "between" if is_syncing else "drifted"


def _meanwhile(says: str, *, is_syncing: bool) -> str:
    return f"{says}; a sync is under way" if is_syncing else says
