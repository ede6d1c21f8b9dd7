"""An audit of a project: what it searches, what taught what and by whose approval, what answered when, what is gone.

Runs no model, and writes nothing into the project's state. What cannot be looked at is said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING

from rung.artifacts.registry import Registry
from rung.config.project import Project
from rung.dataset import read_examples
from rung.dataset.case_rows import case_of
from rung.dataset.drafted_rows import approver
from rung.dataset.high_stakes import approvals, digest_of
from rung.dataset.load import paths, shown_as
from rung.dataset.row_files import json_lines
from rung.erasure.ledger import Erasure, Ledger
from rung.erasure.leftovers import leftovers
from rung.erasure.served import Served
from rung.errors import UserError
from rung.records import Document, Problem
from rung.records.audits import (
    Answered,
    Audit,
    AuditedDeployment,
    GoneDocument,
    IndexedDocument,
    IndexVersion,
    RecordedErasure,
    TrainedArtifact,
)
from rung.runtime.engines import index_of
from rung.state.presence import is_shared
from rung.training.registry import Act, LearntRow

if TYPE_CHECKING:
    from rung.knowledge.protocol import Index
    from rung.records.deployment import DeploymentEvent
    from rung.state.database import State

_LICENCES, _DATES = ("licence", "license", "rights"), ("date", "updated", "modified", "published", "created")
UNKNOWN = "unknown"


def audit(project: Project) -> Audit:
    """All that is told of a project.

    Raises:
        UserError: a place is damaged, or in use.
    """
    unknown: list[str] = []
    index = _index(project)
    snapshot = index.snapshot() if index is not None else None
    documents = snapshot.documents() if snapshot is not None else ()
    if project.settings.knowledge.sources and snapshot is None:
        unknown.append("nothing is indexed yet: 'rung sync' indexes the documents")
    deployments, others = _deployments(project, unknown)
    texts = {document.id: document.text for document in documents}
    gone = {} if snapshot is None else leftovers(project, index, texts)
    return Audit(
        project=project.name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        rung=version("rung"),
        policies=_policies(project),
        documents=tuple(map(_document, documents)),
        versions=tuple(
            IndexVersion(v.number, _iso(v.since), v.made_by, v.documents, v.passages)
            for v in (index.versions() if index is not None else ())
        ),
        artifacts=_artifacts(project, unknown),
        deployments=deployments,
        others=others,
        gone=tuple(GoneDocument(id, dict(sorted(counts.items()))) for id, counts in sorted(gone.items())),
        erasures=tuple(_erasures(Ledger(project.state).entries())),
        unknown=tuple(unknown),
    )


def _index(project: Project) -> Index | None:
    knowledge = project.settings.knowledge
    is_there = knowledge.sources and (knowledge.store or (project.state / "index").is_dir())
    return index_of(project) if is_there else None


def _policies(project: Project) -> dict[str, str]:
    settings = project.settings
    traces, retention = settings.serve.traces, settings.serve.retention
    return {
        "behaviour.personal_data": settings.behaviour.personal_data,
        "knowledge.personal_data": settings.knowledge.personal_data,
        "detector": settings.detector,
        "behaviour.require_approval": "yes" if settings.behaviour.require_approval else "no",
        "review.required": "yes" if settings.review.required else "no",
        "review.reviewers": str(settings.review.reviewers),
        "serve.traces.content": "texts are kept, masked" if traces.content else "no texts are kept",
        "serve.traces.days": f"{traces.days:g}, at most {traces.rows:,} traces",
        "serve.retention.observations": f"{retention.observations:g} days",
        "serve.retention.differences": f"{retention.differences:g} days",
        "records": "PostgreSQL" if is_shared(project) else "this folder",
    }


def _document(document: Document) -> IndexedDocument:
    licence, date = (
        next((str(document.meta[key]) for key in keys if document.meta.get(key)), "") for keys in (_LICENCES, _DATES)
    )
    source = document.origin or document.source or document.id
    return IndexedDocument(document.id, source, licence, date, tuple(sorted(document.groups)), len(document.text))


# --- artifacts ----------------------------------------------------------------------------------------------------------


def _artifacts(project: Project, unknown: list[str]) -> tuple[TrainedArtifact, ...]:
    registry = Registry(project.state)
    acts, problems = registry.acts()
    unknown += [f"{problem}" for problem in problems]
    approved, licences = _provenance(project, unknown)
    listed = []
    for one in registry.artifacts():
        rows = registry.rows(one) or ()
        listed.append(
            TrainedArtifact(
                kind=one.kind,
                digest=one.digest,
                state=one.state,
                created=one.created,
                base=one.base,
                rows=one.rows if one.rows is not None else len(rows) or None,
                rows_digest=one.rows_digest,
                approvals=_counted(rows, approved),
                licences={name: n for name, n in _counted(rows, licences).items() if name not in ("", UNKNOWN)},
                acts=tuple(map(_act, (act for act in acts if (act.kind, act.digest) == (one.kind, one.digest)))),
            )
        )
    return tuple(listed)


def _counted(rows: Sequence[LearntRow], by_id: Mapping[str, str]) -> dict[str, int]:
    return dict(sorted(Counter(by_id.get(row.id, UNKNOWN) for row in rows).items()))


def _act(act: Act) -> str:
    return f"{act.at}: {act.deed} by {act.by}{', although it forgot too much' if act.forced else ''}"


def _provenance(project: Project, unknown: list[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Id of each example and case -> who approved it, by the log of reviews as it now stands, and by the name in its file
    where `review` does not ask for more; -> its licence."""
    approved, licences, problems = dict[str, str](), dict[str, str](), list[Problem]()
    own_counts, logged = not project.settings.review.required, dict[str, tuple[str, ...]]()
    try:
        logged = approvals(project)
    except UserError as error:
        unknown.append(f"who approved rows is told by the log of reviews: {error}")
    try:
        for path in paths(project, project.settings.behaviour.examples, ("behaviour", "examples")):
            for example in read_examples(path, problems, flawed=True):
                named = ", ".join(logged.get(digest_of(example), ()))
                approved[example.id] = named or (example.approved_by if own_counts else "")
                licences[example.id] = example.licence
        for path in paths(project, project.settings.cases, ("cases",)):
            for number, row in json_lines(path, shown_as(project, path), problems):
                try:
                    case, _ = case_of(row, f"{path}:{number}", drafts=True)
                except ValueError:
                    continue
                named = ", ".join(logged.get(digest_of(case, {case.id: row}), ()))
                approved[case.id] = named or (approver(row) if own_counts else "")
    except UserError as error:
        unknown.append(f"who approved rows is told by the project's files: {error}")
    return approved, licences


# --- deployments --------------------------------------------------------------------------------------------------------


def _deployments(
    project: Project, unknown: list[str]
) -> tuple[tuple[AuditedDeployment, ...], dict[str, tuple[Answered, ...]]]:
    with Served(project).opened() as state:
        if state is None:
            return (), {}
        from rung.records.deployment import standing, state_of, taken_back
        from rung.state.deployments import all_deployments, events

        try:
            happened, records = events(state), all_deployments(state)
        except UserError as error:
            unknown.append(str(error))
            return (), {}
        observed, traced, now = _observed(state), _traced(state), standing(happened)
        gone = taken_back(happened)
        listed = tuple(
            AuditedDeployment(
                id=record.id,
                label=record.label,
                digest=record.digest,
                state=state_of(record.id, now),
                promoted=_iso(at / 1000),
                by=record.by,
                reason=record.reason,
                passed_over=tuple(f"{check.name}: {check.says}" for check in record.passed_over),
                pins={
                    "strategy": record.spec.digest,
                    **{f"artifact {name}": files for name, files in record.artifacts.items()},
                    **{f"model {name}": identity for name, identity in record.models.items()},
                    **{f"index {name}": str(value) for name, value in record.index.items()},
                },
                answered=observed.get(record.id, ()),
                events=tuple(_events_of(record.id, happened, gone)),
            )
            for record, at in records
        )
        return listed, traced


def _observed(state: State) -> dict[str, tuple[Answered, ...]]:
    import sqlalchemy as sa

    from rung.state.tables import observations

    table = observations.c
    failed = sa.func.coalesce(sa.func.sum(sa.case((table.end != "answered", 1), else_=0)), 0)
    query = sa.select(table.deployment, sa.func.count(), sa.func.min(table.at), sa.func.max(table.at), failed)
    with state.reading() as connection:
        rows = connection.execute(query.group_by(table.deployment)).all()
    return {str(id): (Answered(int(n), _iso(a / 1000), _iso(b / 1000), failed=int(bad)),) for id, n, a, b, bad in rows}


def _traced(state: State) -> dict[str, tuple[Answered, ...]]:
    """Traced answers by the name of what answered: with each digest that it had."""
    import sqlalchemy as sa

    from rung.state.tables import traces

    table = traces.c
    failed = sa.func.coalesce(sa.func.sum(sa.case((table.error != "", 1), else_=0)), 0)
    query = sa.select(
        table.deployment, table.digest, sa.func.count(), sa.func.min(table.at), sa.func.max(table.at), failed
    ).group_by(table.deployment, table.digest)
    by_name: dict[str, tuple[Answered, ...]] = {}
    with state.reading() as connection:
        for name, digest, n, first, last, bad in connection.execute(query.order_by(sa.func.min(table.at))):
            one = Answered(int(n), _iso(first / 1000), _iso(last / 1000), str(digest), int(bad))
            by_name[str(name)] = (*by_name.get(str(name), ()), one)
    return by_name


def _events_of(id: str, happened: Sequence[DeploymentEvent], gone: Mapping[int, str]) -> Iterator[str]:
    """What happened to one deployment, also that another was gone back to in its place."""
    for event in happened:
        if id in (event.deployment, other := gone.get(event.number, "")):
            what = f"taken back for {event.deployment}" if id == other else event.what
            yield f"{event.at}: {what} by {event.by}{f': {event.why}' if event.why else ''}"


# --- erasures -----------------------------------------------------------------------------------------------------------


def _erasures(entries: Sequence[Erasure]) -> Iterator[RecordedErasure]:
    """Each erasure once: as it ended, or as it was begun where it has no end."""
    begun: dict[str, Erasure] = {}
    for one in entries:
        if one.what == "begun":
            begun[one.digest] = one
            continue
        first = begun.pop(one.digest, one)
        yield RecordedErasure(first.at, one.kind, one.digest, one.by, one.reason, one.at, one.erased, one.left, one.trained)
    yield from (RecordedErasure(one.at, one.kind, one.digest, one.by, one.reason) for one in begun.values())


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
