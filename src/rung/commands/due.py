"""What is to be trained again, and why: the project's rows against those that taught its artifacts; runs no model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from rung.artifacts.registry import Registry
from rung.commands.stakes_review import waiting_rows
from rung.config.project import Project
from rung.dataset.load import Dataset, load_dataset
from rung.errors import UserError
from rung.pipeline.materials import materials_of
from rung.records import Case, Example
from rung.records.gold import has_gold
from rung.records.steps import Conversation
from rung.state.presence import has_database
from rung.strategies.protocol import Adapter, Materials, Plan
from rung.strategies.tuned_model import TunedModel
from rung.training.registry import Artifact, learnt
from rung.training.retraining import Due, Material, due, unseen

TRAINED = "adapter"  # the kind that is told of where nothing is trained yet
MENDED = ("data", "quality")  # detectors of the watch whose alerts training may end
UNTAUGHT = ("example-index",)  # kinds that are built whenever they are needed, and learn nothing


def whats_due(
    project: Project,
    rows: Dataset | None = None,
    *,
    groups: Mapping[str, Sequence[str]] | None = None,
    now: datetime | None = None,
) -> tuple[Due, ...]:
    """What `retrain:` says of each trained kind, by its promoted artifact, else its newest. Empty without `retrain:`.

    Args:
        project: whose artifacts and rows.
        rows: the project's rows, where they are read already.
        groups: document id -> who may read it; None: as the index has it.
        now: with a time zone.
    """
    rule = project.settings.retrain
    if not rule.when:
        return ()
    now = now or datetime.now(UTC)
    registry = Registry(project.state)
    latest = _latest(registry)
    materials: Materials | None = None  # where rows are counted
    held: frozenset[str] | None = None  # those that people have still to approve, where `review` is required
    if rule.rows is not None:
        try:
            rows = rows or _naming_documents(load_dataset(project))
        except UserError as error:
            return tuple(Due(kind, "", None, f"the rows cannot be read: {error}") for kind in latest)
        if project.settings.review.required:
            held = frozenset(one.id for one in waiting_rows(project))  # by the rows as they are written
        materials, _ = materials_of(project, rows, _groups_in_index(project) if groups is None else groups)
    drifted = _drifted(project) if rule.when == "drift" else None
    dues: list[Due] = []
    for kind, artifact in latest.items():
        seen = registry.rows(artifact) if artifact else ()
        new = None if materials is None or seen is None else unseen(seen, _pools(materials, kind, held))
        dues.append(due(rule, artifact, new, kind=kind, now=now, drifted=drifted))
    return tuple(dues)


def _drifted(project: Project) -> list[str] | None:
    """Alerts that fire now and that training may end; None where nobody has looked yet, or nothing can be read."""
    if not has_database(project):
        return None
    try:
        from rung.state.alerts import all_alerts, last_look
        from rung.state.database import Unavailable, open_state
    except ImportError:  # without the extra `serve` nothing is served here
        return None
    try:
        with open_state(project) as state:
            if not last_look(state).number:
                return None
            firing = [alert for alert in all_alerts(state).values() if alert.state == "firing"]
    except Unavailable:
        return None
    return [alert.title for alert in firing if alert.detector in MENDED]


def _latest(registry: Registry) -> dict[str, Artifact | None]:
    """Trained kind -> its promoted artifact, else its newest."""
    latest: dict[str, Artifact | None] = {}
    for artifact in registry.artifacts():  # by kind, then by time
        earlier = latest.get(artifact.kind)
        if artifact.kind in UNTAUGHT or artifact.state not in ("built", "promoted"):
            continue
        if earlier is None or earlier.state != "promoted":
            latest[artifact.kind] = artifact
    return latest or {TRAINED: None}


def _naming_documents(rows: Dataset) -> Dataset:
    """The dataset, whose cases name the documents of their quotes: which characters these are takes the documents' texts."""

    def named(case: Case) -> Case:
        quoted = (item.get("document") for item in rows.quotes.get(case.id, ()) if isinstance(item, dict))
        return replace(case, gold_documents=tuple(dict.fromkeys((*case.gold_documents, *map(str, filter(None, quoted))))))

    return replace(rows, cases=tuple(map(named, rows.cases)))


def _groups_in_index(project: Project) -> Mapping[str, Sequence[str]]:
    from rung.runtime.engines import index_of

    if not project.settings.knowledge.sources:
        return {}
    snapshot = index_of(project).snapshot()
    return {} if snapshot is None else snapshot.groups


def _pools(materials: Materials, kind: str, held: frozenset[str] | None) -> list[tuple[Material, ...]]:
    """`_teaching`. Where `review` is required the log of reviews alone says what is approved."""
    pools = _teaching(materials, kind)
    return pools if held is None else [tuple(replace(row, approved=row.id not in held) for row in pool) for pool in pools]


def _teaching(materials: Materials, kind: str) -> list[tuple[Material, ...]]:
    """What may teach a kind; only rows that teach chats are told apart by what they say, too.

    A case was written by a person, or drafted and approved by one; an example says who approved it.
    """
    train_cases = materials.lessons
    match kind:
        case "retriever" | "reranker":
            return [tuple(Material(c.id) for c in train_cases if c.answerable and has_gold(c))]
        case "router":
            return [tuple(Material(c.id) for c in materials.dev)]
        case "classifier":
            labels = set(materials.labels)
            examples = (Material(e.id, "", _approved(e)) for e in materials.examples if e.output.strip() in labels)
            return [(*examples, *(Material(c.id) for c in train_cases if c.answers and c.answers[0].strip() in labels))]
        case _:
            return _chat_pools(materials)


def _approved(example: Example) -> bool:
    return bool(example.approved_by.strip())


def _chat_pools(materials: Materials) -> list[tuple[Material, ...]]:
    """The examples, told apart by id and turns, and the train cases."""
    approved = {example.id: _approved(example) for example in materials.examples}
    chats = [learnt(chat) for chat in _chats(TunedModel.plan(replace(materials, trainable=True), {}))]
    examples = tuple(Material(chat.id, chat.digest, approved[chat.id]) for chat in chats if chat.id in approved)
    digests = {} if materials.examples else {chat.id: chat.digest for chat in chats}
    cases = tuple(Material(case.id, digests.get(case.id, "")) for case in materials.lessons)
    return [examples, cases]


def _chats(planned: object) -> list[Example]:
    """The training chats of a plan whose lessons need no step."""
    if not isinstance(planned, Plan):
        return []
    conversations = [lesson.talk() for need in planned.needs if isinstance(need, Adapter) for lesson in need.lessons]
    return [chat for conversation in conversations if (chat := _end(conversation)) is not None]


def _end(conversation: Conversation[Example | None]) -> Example | None:
    try:
        next(conversation)
    except StopIteration as stop:
        chat: Example | None = stop.value
        return chat
    conversation.close()
    return None
