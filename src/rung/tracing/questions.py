"""The questions of what was served, out of the traces that kept their texts."""

from __future__ import annotations

from dataclasses import dataclass

from rung.records import Message
from rung.state.database import State
from rung.tracing import conventions as names
from rung.tracing.reading import messages_in
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
        turns = messages_in((trace.root.content or {}).get(names.INPUT_MESSAGES))
        if turns and turns[-1].role == "user" and turns[-1].content.strip():
            groups = trace.root.attributes.get(names.GROUPS)
            own = tuple(map(str, groups)) if isinstance(groups, list) else None
            asked.append(TracedQuestion(trace.summary.id, turns[-1].content.strip(), tuple(turns[:-1]), own))
        else:
            untold += 1
    return asked, untold
