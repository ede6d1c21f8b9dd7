"""What was asked and answered of late, as its traces have it: the streams that tests of drift look at.

A stream begins at a multiple of `BLOCK` in the numbers of answers, so that looks at it agree on where it began, and at most
two blocks ago: what a test says of false alarms is said of one such stream. It keeps nothing but a memory of texts that were
read, by answer.

Tests that take independent draws look at the first question of each session (`rung.state.sessions`) alone; a question
within a chat is no first one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from rung.dataset.near_duplicates import normal
from rung.records import Answer, Citation, Json, Passage
from rung.records.traces import Trace
from rung.state.sessions import Session
from rung.tracing import conventions as names
from rung.tracing.reading import last_text, listed, messages_in, passage_texts, retrieved
from rung.watching.surroundings import Surroundings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rung.state.database import State
    from rung.state.observed import Observed

    Floats = NDArray[np.float64]

BLOCK = 2_000  # answers, of all deployments, between two moments at which a stream may begin
SWITCH_ON = "write 'serve: {traces: {content: true}}' into rung.yaml and restart the server"
_REMEMBERED = 20_000  # questions


@dataclass(frozen=True, slots=True)
class LiveAnswer:
    """An answer with what was asked. `answer` None: its texts were cut or masked, so that citations cannot be looked up."""

    number: int
    id: str
    caller: str
    question: str
    refused: bool
    response: str
    answer: Answer | None


@dataclass(frozen=True, slots=True)
class Traffic:
    """A stream: answers whose texts were captured, oldest first. `first`: those that began a session; `seen`: all that were
    given; `without_text`: those without; `repeated`: questions that the same caller had asked before, which are left out."""

    answers: tuple[LiveAnswer, ...]
    first: tuple[LiveAnswer, ...]
    seen: int
    without_text: int
    repeated: int

    @property
    def untold(self) -> str:
        """Why nothing can be told of texts; "" where some were captured, or nothing was asked."""
        if not self.seen or self.without_text < self.seen:
            return ""
        return f"the texts of the last {self.seen:,} answers were not captured: {SWITCH_ON}"

    @property
    def distinct(self) -> int:
        """Different questions that began a session."""
        return len({normal(one.question) for one in self.first})


def stream(observed: Sequence[Observed]) -> tuple[Observed, ...]:
    """The observed answers that a test looks at now: since the beginning of the block before the one under way."""
    if not observed:
        return ()
    begin = (observed[-1].number // BLOCK - 1) * BLOCK
    return tuple(one for one in observed if one.number >= begin)


def traffic(surroundings: Surroundings) -> Traffic:
    """The stream that is looked at now, with its texts.

    Raises:
        Unavailable: the database is.
    """
    observed = stream(surroundings.observed)
    read = _read(surroundings.state, [one.answer for one in observed])
    answers, first, asked, repeated = list[LiveAnswer](), list[LiveAnswer](), set[tuple[str, str]](), 0
    sessions: dict[str, Session] = {}
    for one in observed:
        texts = read.get(one.answer)
        if texts is None:
            continue
        begins = sessions.setdefault(texts.caller, Session()).begins(texts.at) and not texts.is_follow_up
        key = (texts.caller, normal(texts.question))
        if key in asked:
            repeated += 1
            continue
        asked.add(key)
        answers.append(
            LiveAnswer(one.number, one.answer, texts.caller, texts.question, one.refused, texts.response, texts.answer)
        )
        first += answers[-1:] if begins else []
    return Traffic(tuple(answers), tuple(first), len(observed), sum(one.answer not in read for one in observed), repeated)


@dataclass(frozen=True, slots=True)
class _Read:
    at: int
    caller: str
    question: str
    is_follow_up: bool
    response: str
    answer: Answer | None


class _Memory:
    """What traces said, by answer: they do not change, and take long to unpack."""

    def __init__(self) -> None:
        self.read: dict[str, _Read | None] = {}

    def put(self, id: str, read: _Read | None) -> None:
        while len(self.read) >= _REMEMBERED:
            del self.read[next(iter(self.read))]
        self.read[id] = read


@lru_cache(maxsize=4)
def _memory(_database: str) -> _Memory:
    return _Memory()


def _read(state: State, ids: Sequence[str]) -> dict[str, _Read]:
    from rung.tracing.store import kept, with_content

    memory, there = _memory(state.name), with_content(state, ids)
    for id in memory.read.keys() & (set(ids) - there):  # it was deleted meanwhile
        del memory.read[id]
    for trace in kept(state, [id for id in ids if id in there and id not in memory.read]):
        memory.put(trace.summary.id, _of(trace))
    every = ((id, memory.read.get(id)) for id in ids)
    return {id: read for id, read in every if read is not None}


def _of(trace: Trace) -> _Read | None:
    """What a trace says of its question and answer; None where it has no question."""
    content, attributes = trace.root.content or {}, trace.root.attributes
    question, reply = last_text(content.get(names.INPUT_MESSAGES)), last_text(content.get(names.OUTPUT_MESSAGES))
    if not question.strip():
        return None
    whole = bool(listed(content.get(names.OUTPUT_MESSAGES))) and not (
        attributes.get(names.MASKED) or attributes.get(names.CUT)
    )
    answer = _answer(trace, reply) if whole else None
    caller = trace.summary.caller_id or trace.summary.caller
    turns = [turn for turn in messages_in(content.get(names.INPUT_MESSAGES)) if turn.role == "user"]
    return _Read(round(trace.summary.began * 1000), caller, question, len(turns) > 1, reply, answer)


def _answer(trace: Trace, text: str) -> Answer:
    texts, passages = passage_texts(trace), dict[str, Passage]()
    for step in trace.steps:
        for row in retrieved(step):
            if (id := str(row.get("id"))) in texts:
                passages[id] = Passage(id, str(row["document"]), _whole(row["start"]), _whole(row["end"]), texts[id])
    cited = [row for row in listed(trace.root.attributes.get(names.CITATIONS)) if isinstance(row, dict)]
    citations = [
        Citation(_whole(row["mark"]), str(row["document"]), _whole(row["start"]), _whole(row["end"])) for row in cited
    ]
    refused = bool(trace.root.attributes.get(names.REFUSED))
    return Answer(text, refused=refused, citations=tuple(citations), passages=tuple(passages.values()))


def _whole(value: Json) -> int:
    return int(str(value))
