"""A question to a deployment, and an answer to it. Who answers is `answering`'s."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rung.records import Answer, Citation, Json, Question
from rung.serving.conversations import Ended
from rung.serving.deployments import Deployment
from rung.serving.wishes import Wishes
from rung.tracing.parent import new_trace


@dataclass(frozen=True)
class Asked:
    """A question to a deployment. `streamed`: its text is wanted as it grows; `id` names its answer, in feedback too;
    `stopped`: what ended its text; `bounded`: room of texts that the client made smaller; `notes`: kept with feedback."""

    deployment: Deployment
    question: Question
    wishes: Wishes = field(default_factory=Wishes)
    streamed: bool = False
    id: str = field(default_factory=new_trace)
    stopped: list[str] = field(default_factory=list)
    bounded: list[int] = field(default_factory=list)
    notes: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True)
class Answered:
    """An answer with what it consumed. `cited`: what its caller may read of its citations."""

    asked: Asked
    answer: Answer
    cited: tuple[Citation, ...]
    ended: Ended[Answer]
    as_measured: bool
    is_cached: bool = False  # given before, to an equal request
