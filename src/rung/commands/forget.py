"""Forgets a text, a document, an answer or a row: shows where it stands, and erases it from all that Rung keeps.

Places are erased one after the other; those from which the words of what was named are known come last: of an answer the
serving state, of a document the memory of steps and the index. A kill in the middle leaves places that were not come to;
the same command goes on with them, and takes what is named for what the record says it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from rung.config.project import Project
from rung.erasure.documents import Documents
from rung.erasure.ledger import LOCK, Erasure, Ledger, counts, now
from rung.erasure.naming import target_of
from rung.erasure.place import Place
from rung.erasure.results import Results
from rung.erasure.running import is_compared, servers
from rung.erasure.served import Served
from rung.erasure.sources import left_in_files
from rung.erasure.target import Finding, Kind, Left, Target, folded
from rung.erasure.trained import Artifacts, TrainedOn
from rung.erasure.verdicts import Verdicts, loses_answers
from rung.erasure.written import Written
from rung.errors import UserError
from rung.files.durable import alone
from rung.progress import phase
from rung.state.presence import is_shared

MAX_SHARE = 0.25  # of the documents, results or traces that one text may take with it,
FEW = 20  # unless these are so few, and not most of them

_SHOWN = 5  # names of files


@dataclass(frozen=True, slots=True)
class ForgetReport:
    """What holds it, what of that Rung does not erase, and what was trained on it.

    `again`: the last record of the same, where there is one; `erased`: whether it was erased now; `servers`: that run, and
    let go what they remember; `remaining`: what is found after the erasure, nothing unless somebody wrote meanwhile;
    `unread`: files in the folder that were not looked through, besides those in `left`; `blinded`: what is served and
    cannot be watched any more, in sentences.
    """

    target: Target
    findings: tuple[Finding, ...]
    left: tuple[Left, ...]
    trained: tuple[TrainedOn, ...]
    again: Erasure | None = None
    erased: bool = False
    servers: int = 0
    remaining: tuple[Finding, ...] = field(default=())
    unread: tuple[str, ...] = ()
    blinded: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether nothing more is to be done by anybody."""
        was_erased = self.erased or (self.again is not None and self.again.what == "done" and not self.findings)
        return was_erased and not (self.left or self.trained or self.remaining)


def places_of(project: Project, kind: Kind = "text", *, resumed: bool = False) -> tuple[Place, ...]:
    """The places of a project's state, in the order in which what is of a kind is erased. `resumed`: see `Documents`."""
    results, documents, served = Results(project), Documents(project, resumed), Served(project)
    others = (Verdicts(project), Written(project), Artifacts(project))
    return (*others, served, results, documents) if kind == "document" else (results, *others, documents, served)


def look(project: Project, name: str) -> ForgetReport:
    """Where it stands.

    Raises:
        UserError: it is found nowhere, is too short, or is in too much to be one person's.
    """
    again = Ledger(project.state).last(name)
    target = target_of(project, name, again.kind if again else "text")
    findings = list[Finding]()
    left, unread = left_in_files(project, target)
    places = places_of(project)
    with phase("looking") as tick:
        for number, one in enumerate(places):
            findings += one.find(target)
            left += one.left(target)
            tick(number + 1, len(places), "")
    lines = frozenset(f"{one.path}:{one.line}" for one in left if one.line)
    trained = Artifacts(project).trained_on(target, lines)
    if not (findings or left or trained or again):
        unlooked = [*(one.path for one in unread.named), *unread.others]
        but = f"; not looked at: {_few(unlooked)}" if unlooked else ""
        raise UserError(
            f"'{name}' is found nowhere in {project.root}: write it as it stands there, or an id as it was shown{but}"
        )
    _require_few(project, target, findings)
    blinded = _blinded(project, target)
    return ForgetReport(
        target, tuple(findings), (*left, *unread.named), trained, again, unread=unread.others, blinded=blinded
    )


def forget(project: Project, name: str, *, by: str, reason: str = "") -> ForgetReport:
    """Erase it everywhere.

    Args:
        project: whose state.
        name: a text, or the id of a document, an answer, a case or an example.
        by: who does it, for the record.
        reason: why, for the record.

    Raises:
        UserError: as `look`; a comparison is running; a place is in use by another process.
    """
    if is_compared(project.state):
        raise UserError("a comparison is running, and would write it again: wait for its end; nothing was erased")
    with alone(project.state / LOCK):
        report, ledger, running = look(project, name), Ledger(project.state), servers(project.state)
        _require_silent(report.target, by, reason)
        if not report.findings and report.again is not None and report.again.what == "done":
            return report
        kind, digest = report.target.kind, ledger.digest(name)
        ledger.write(Erasure(now(), "begun", kind, digest, by, reason))
        places = places_of(project, kind, resumed=report.again is not None and report.again.what == "begun")
        with phase("erasing") as tick:
            for number, one in enumerate(places):
                one.erase(report.target)
                tick(number + 1, len(places), "")
        remaining = tuple(finding for one in places for finding in one.find(report.target))
        ledger.write(
            Erasure(
                now(),
                "done",
                kind,
                digest,
                by,
                reason,
                counts(report.findings),
                len(report.left),
                tuple(one.digest for one in report.trained),
                running,
            )
        )
        return replace(report, erased=True, servers=running, remaining=remaining)


def _blinded(project: Project, target: Target) -> tuple[str, ...]:
    """Deployments, served or tried, whose verdict loses the answers and times that a watch holds theirs against."""
    with Served(project).opened() as state:
        if state is None:
            return ()
        from rung.state.deployments import deployment, standing_now

        now = standing_now(state)
        records = [deployment(state, id) for id in (now.current, now.candidate) if id]
    return tuple(
        f"deployment {one.id} ({one.label}) was measured by verdict {one.verdict}, whose stored answers and times go: 'rung "
        "watch' has nothing to hold its answers, costs and questions against, and 'rung rescore' nothing to decide upon, "
        "until 'rung compare' measures it anew and 'rung promote' deploys that"
        for one in records
        if loses_answers(project, one.verdict, target)
    )


def caveats(project: Project) -> list[str]:
    """What Rung reaches nowhere, in sentences."""
    listed = ["backups of this folder, exported files elsewhere and what was sent to a model's server or a collector"]
    if project.settings.knowledge.store:
        from rung.knowledge.store.bucket import Bucket

        listed += [words] if (words := Bucket(project.settings.knowledge.store).earlier.words()) else []
    if is_shared(project):
        listed.append("logs and backups of the database's own")
    return listed


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else "")


def unlooked(report: ForgetReport) -> str:
    """The files that were not looked through, in a few words; "" where there are none."""
    why = "no text, or too large; of documents, what they were read as was looked at"
    return f"not looked at: {_few(report.unread)} ({why})" if report.unread else ""


def _require_silent(target: Target, *words: str) -> None:
    """Refuse a record that would hold what is forgotten."""
    named = target.kind in ("text", "document")
    if any(target.holds(word) or (named and folded(target.name) in folded(word)) for word in words):
        raise UserError("what is to be forgotten stands in --reason or --by, which are kept: write them without it")


def _require_few(project: Project, target: Target, findings: Sequence[Finding]) -> None:
    """Refuse what so much of a place holds that it cannot be one person's; who names a document means all that found it."""
    if target.kind == "document":
        return
    limits: tuple[tuple[Place, str, bool], ...] = (
        (Documents(project), "documents, in the newest version", True),
        (Served(project), "traces", False),
    )
    for holder, what, is_few_of_few in limits:
        count = sum(one.count for one in findings if one.what == what)
        total = holder.count() if count > 1 else 0
        if total and (count > max(FEW, total * MAX_SHARE) or (is_few_of_few and count * 2 > total)):
            whose = "" if target.kind == "text" else "what is said in "
            raise UserError(
                f"{whose}'{target.name}' stands in {count:,} of {total:,} {what}: that is no one person's; write more "
                "characters of it, or name each by its id"
            )
