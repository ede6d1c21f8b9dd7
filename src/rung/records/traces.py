"""What is kept of a conversation: when which step was carried out, by what, and what it took. Frozen, without I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rung.records.values import Json


@dataclass(frozen=True, slots=True)
class Span:
    """A conversation, or one step of it. `began`: seconds after the conversation's beginning; `parent` "": nobody's.

    `kind`: "conversation", or the step's. `attributes` say what, how much and by whom; `content` what was read and written,
    masked, and is None where it was not captured. `error`: the class of what went wrong, "" where nothing did.
    """

    id: str
    parent: str
    kind: str
    name: str
    began: float
    seconds: float
    error: str = ""
    message: str = ""
    attributes: Mapping[str, Json] = field(default_factory=dict)
    content: Mapping[str, Json] | None = None


@dataclass(frozen=True, slots=True)
class TraceSummary:
    """A conversation in a line.

    `id` is its answer's; `trace` the W3C trace id, the caller's own where it sent one. `began`: seconds since 1970. `usd`
    None: a price is unknown. `deployment` is the name that was asked; `deployment_id` of what was promoted and
    answered under it, "" where nothing was.
    """

    id: str
    trace: str
    began: float
    seconds: float
    deployment: str
    digest: str
    caller: str
    caller_id: str
    error: str = ""
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    usd: float | None = None
    steps: int = 0
    has_content: bool = False
    deployment_id: str = ""

    @property
    def answered_by(self) -> str:
        """The name that was asked, and which deployment answered under it."""
        return f"{self.deployment} {self.deployment_id}".rstrip()


@dataclass(frozen=True, slots=True)
class Trace:
    """A conversation with its steps, in their order. `root` is the conversation's own span; its `parent` is the caller's."""

    summary: TraceSummary
    root: Span
    steps: tuple[Span, ...] = ()
    sampled: bool = True  # by the caller: whether its tracing system wants it
