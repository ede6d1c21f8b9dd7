"""The questions of what was served, out of the traces that kept their texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rung.records import Json, Message
from rung.records.traces import Span
from rung.state.database import State
from rung.tracing import conventions as names
from rung.tracing.store import whole


@dataclass(frozen=True, slots=True)
class TracedQuestion:
    """What was asked, masked, and the turns before it. `id`: of the trace; `groups`: the asker's, None where all may be
    read."""

    id: str
    text: str
    messages: tuple[Message, ...] = ()
    groups: tuple[str, ...] | None = None


def questions_of(state: State) -> tuple[list[TracedQuestion], int]:
    """The questions of all traces, the oldest first, and how many traces tell none: their texts were not kept.

    Raises:
        Unavailable: the database is.
    """
    asked, untold = [], 0
    for trace in whole(state):
        turns = _turns(trace.root)
        if turns and turns[-1].role == "user" and turns[-1].content.strip():
            groups = trace.root.attributes.get(names.GROUPS)
            own = tuple(map(str, groups)) if isinstance(groups, list) else None
            asked.append(TracedQuestion(trace.summary.id, turns[-1].content.strip(), tuple(turns[:-1]), own))
        else:
            untold += 1
    return asked, untold


def _turns(root: Span) -> list[Message]:
    listed = (root.content or {}).get(names.INPUT_MESSAGES)
    return [_turn(one) for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def _turn(message: Mapping[str, Json]) -> Message:
    parts = message.get("parts")
    texts = [str(part.get("content", "")) for part in (parts if isinstance(parts, list) else []) if isinstance(part, dict)]
    return Message(str(message.get("role", "")), "".join(texts))
