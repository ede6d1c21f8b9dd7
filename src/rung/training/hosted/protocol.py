"""What a host that tunes must offer: its file's rules, and a job that is started, found again, looked at and cancelled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from rung.models.wire import WireFormat
from rung.records import Json

Phase = Literal["queued", "running", "succeeded", "failed", "cancelled"]
ENDED = ("succeeded", "failed", "cancelled")


@dataclass(frozen=True, slots=True)
class FileRules:
    """What a host takes. None: it states no limit. Tokens are estimated at four bytes each.

    `roles`: of turns. `weighs`: earlier turns of the assistant can be left unlearnt (`weight: 0`). `validates`: it takes
    rows that are held out. `reserved`: words that no prompt may hold. `source`: the page, and the day when it was read.
    """

    source: str
    min_rows: int = 1
    max_rows: int | None = None
    max_row_tokens: int | None = None
    max_file_bytes: int | None = None
    max_validation_rows: int | None = None
    max_epochs: int | None = None
    ranks: tuple[int, ...] = ()  # of adapters; (): any
    roles: tuple[str, ...] = ("system", "user", "assistant")
    weighs: bool = True
    validates: bool = True
    reserved: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TuningFile:
    """Rows as the host takes them, JSONL."""

    name: str
    content: bytes
    rows: int


@dataclass(frozen=True, slots=True)
class Submission:
    """A job as it is asked for. `marker` names it at the host: no other job of anybody's is called so. `train` and
    `validation` are the host's names of the files ("": none held out); `former`: ids of jobs that it surely is not."""

    marker: str
    train: str
    validation: str
    settings: Mapping[str, Json] = field(default_factory=dict)
    former: tuple[str, ...] = ()

    def named(self, names: Mapping[str, str]) -> dict[str, Json]:
        """The settings among these, by the host's names for them."""
        return {names[key]: value for key, value in self.settings.items() if key in names}


@dataclass(frozen=True, slots=True)
class JobState:
    """How far a job is. `model`: what the host calls what came of it; `reason`: why it failed, in the host's words;
    `tokens`: those that it charged for; `note`: what it says of itself meanwhile."""

    phase: Phase
    model: str = ""
    reason: str = ""
    tokens: int | None = None
    note: str = ""


class TuningHost(Protocol):
    """A host that tunes. Methods raise `RequestFailed` or `ServerError` as `models.http_client.Client` does."""

    @property
    def name(self) -> str: ...

    @property
    def wire(self) -> WireFormat:
        """How what it tunes is asked."""
        ...

    @property
    def rules(self) -> FileRules: ...

    @property
    def takes(self) -> Sequence[str]:
        """The keys of a recipe that it can be told."""
        ...

    @property
    def deploys(self) -> str:
        """What has to be done before the tuned model answers; "": nothing."""
        ...

    @property
    def identity(self) -> str:
        """Where it is, and what it tunes; nothing secret."""
        ...

    @property
    def base(self) -> str:
        """What the host calls the model that it tunes."""
        ...

    def check(self) -> None:
        """Raise `UserError` where something is missing without which it cannot be asked."""
        ...

    def upload(self, file: TuningFile) -> str:
        """Bring a file there; what the host calls it. May be done twice."""
        ...

    def quote(self, job: Submission) -> float | None:
        """US dollars that the host itself foretells; None where it does not."""
        ...

    def start(self, job: Submission) -> str:
        """Start a job, asked once and never again; its id."""
        ...

    def find(self, job: Submission) -> str:
        """The id of a job that was started under this marker or with these files; "" where there is none."""
        ...

    def state(self, id: str) -> JobState:
        """How far it is.

        Raises:
            JobGone: the host knows no such job.
        """
        ...

    def cancel(self, id: str) -> None:
        """Have the host end it; raises as `state`."""
        ...


class JobGone(Exception):
    """The host knows no job of this id."""
