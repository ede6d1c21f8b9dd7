"""What a wire format is: how one family of chat servers writes requests, answers, streams and lists of models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from rung.records import Json
from rung.records.steps import Generate


@dataclass(frozen=True, slots=True)
class Call:
    """A step on its way to a model. In tokens: `reasoning`, room beside the answer's; `context`, prompt and answer together.

    `left_out`: the parameters that the model was found not to take.
    """

    step: Generate
    model: str
    reasoning: int = 0
    context: int = 0
    left_out: frozenset[str] = frozenset()
    stream: bool = False

    def takes(self, parameter: str) -> bool:
        """Whether a parameter may be sent."""
        return parameter not in self.left_out

    @property
    def limit(self) -> int:
        """Tokens that the model may write, reasoning and all."""
        return self.step.max_tokens + self.reasoning


@dataclass(frozen=True, slots=True)
class Listing:
    """What a server tells of its models, as far as it does.

    `context`: tokens that prompt and answer may have together, 0 where it does not say. `ends`: the day on which it takes
    the model away, as ISO date; `instead`: what it names for then.
    """

    names: tuple[str, ...] = ()
    context: int = 0
    ends: str = ""
    instead: str = ""


class Look(Protocol):
    """A glance at a server: one request, no patience."""

    def __call__(self, path: str, body: Mapping[str, Json] | None = None) -> Json:
        """The JSON that answers a GET, or a POST of `body`; None where nothing does.

        `path`: below the server's URL; where it begins with two slashes below its host, with `control:` below the host that
        manages its models.
        """
        ...


class WireFormat(Protocol):
    """One family's way of writing."""

    @property
    def name(self) -> str:
        """For messages and identities; "" for chat completions, which need none."""
        ...

    @property
    def optional(self) -> Mapping[str, str]:
        """Parameters that models may refuse, in the order in which they are given up: name -> how servers call them (an
        expression)."""
        ...

    @property
    def renamed(self) -> frozenset[str]:
        """Those of them for which another one is sent instead, so that nothing is lost."""
        ...

    @property
    def form(self) -> str:
        """The one of them that holds an answer to a schema."""
        ...

    @property
    def closes(self) -> bool:
        """Whether it holds answers only to schemas whose objects name all their keys."""
        ...

    @property
    def sends_context(self) -> bool:
        """Whether `Call.context` is sent, so that answers depend on it."""
        ...

    @property
    def streams(self) -> bool:
        """Whether answers can be had in pieces."""
        ...

    @property
    def lines(self) -> bool:
        """Whether a stream is a line of JSON for each event; else it is server-sent events."""
        ...

    def path(self, call: Call) -> str:
        """Where a request goes, below the server's URL."""
        ...

    def body(self, call: Call) -> dict[str, Json]:
        """The request."""
        ...

    def answer(self, body: Mapping[str, Json]) -> Mapping[str, Json]:
        """A whole answer as a chat completion."""
        ...

    def event(self, event: Mapping[str, Json]) -> Mapping[str, Json]:
        """An event of a stream as a chunk of one; {} for what says nothing of it."""
        ...

    def listing(self, look: Look, model: str) -> Listing:
        """What the server tells of its models and of this one."""
        ...
