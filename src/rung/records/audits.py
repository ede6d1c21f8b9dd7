"""What an audit of a project states: what it searches, what taught what, what answered, and what is gone. Frozen, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class IndexedDocument:
    """A document that is searched. `licence` and `date` are of its own metadata, "" where it says none; `groups` empty:
    everybody may read it."""

    id: str
    source: str
    licence: str = ""
    date: str = ""
    groups: tuple[str, ...] = ()
    characters: int = 0


@dataclass(frozen=True, slots=True)
class IndexVersion:
    """A version of the index that is kept. `since`: ISO 8601."""

    number: int
    since: str
    made_by: str
    documents: int
    passages: int


@dataclass(frozen=True, slots=True)
class TrainedArtifact:
    """An artifact, and what taught it. `rows` None: unknown. `approvals`: who approved the rows that taught it, and how
    many each; "" is nobody, "unknown" a row that is in the project's files no more. `acts`: who promoted or retired it."""

    kind: str
    digest: str
    state: str
    created: str = ""
    base: str = ""
    rows: int | None = None
    rows_digest: str = ""
    approvals: Mapping[str, int] = field(default_factory=dict)
    licences: Mapping[str, int] = field(default_factory=dict)
    acts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answered:
    """Answers of a deployment: how many were observed, or are traced, from when to when, under which digest."""

    count: int
    first: str
    last: str
    digest: str = ""
    failed: int = 0


@dataclass(frozen=True, slots=True)
class AuditedDeployment:
    """What was promoted. `passed_over`: checks of the gate that did not hold, in words; `pins`: name -> digest."""

    id: str
    label: str
    digest: str
    state: str
    promoted: str
    by: str
    reason: str = ""
    passed_over: tuple[str, ...] = ()
    pins: Mapping[str, str] = field(default_factory=dict)
    answered: tuple[Answered, ...] = ()
    events: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GoneDocument:
    """A document that is searched no more, and where it is still named or quoted: place -> how often. Empty: nowhere."""

    id: str
    still_in: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RecordedErasure:
    """An erasure as it was recorded; `digest` is keyed. `ended` "": it was begun, and killed."""

    at: str
    kind: str
    digest: str
    by: str
    reason: str = ""
    ended: str = ""
    erased: Mapping[str, int] = field(default_factory=dict)
    left: int = 0
    trained: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Audit:
    """All of it. `created`: ISO 8601; `policies`: what `rung.yaml` says of personal data and retention; `others`: traced
    answers by the name of what answered; `unknown`: what could not be looked at, in sentences."""

    project: str
    created: str
    rung: str
    policies: Mapping[str, str] = field(default_factory=dict)
    documents: tuple[IndexedDocument, ...] = ()
    versions: tuple[IndexVersion, ...] = ()
    artifacts: tuple[TrainedArtifact, ...] = ()
    deployments: tuple[AuditedDeployment, ...] = ()
    others: Mapping[str, tuple[Answered, ...]] = field(default_factory=dict)
    gone: tuple[GoneDocument, ...] = ()
    erasures: tuple[RecordedErasure, ...] = ()
    unknown: tuple[str, ...] = ()
