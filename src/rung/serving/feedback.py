"""What people said of answers: each rating is in the database before it is acknowledged."""

from __future__ import annotations

import asyncio
import logging
import re
import threading
import uuid
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from rung.errors import UserError
from rung.records import Json, canonical
from rung.serving.answered import Answered
from rung.serving.callers import Caller
from rung.serving.chats import Body
from rung.serving.periodic import Periodic
from rung.serving.refusal import NotAnswered
from rung.serving.request_state import answering_of, caller_of
from rung.state.buffered import BufferedWriter
from rung.state.database import State, now_ms
from rung.state.erasing import last_erasure
from rung.state.feedback import Rating, Remark, add_remark, answer_name, complete, forget_answers, who_answered
from rung.state.tables import answers

router = APIRouter()
_log = logging.getLogger(__name__)
RECENT = 10_000  # answers whose text this process keeps for their rating
MOST = 64_000_000  # characters of them, with their questions
_HOUR = 3_600_000  # milliseconds
RATED_FOR = 7 * 24 * _HOUR  # how long an answer can be rated
_SOON = 0.25  # seconds until other processes know of an answer
_TIDYING = 1.0  # seconds
_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Rated:
    """An answer as it is written down with its rating. `caller`: the id of who got it; `characters`: of the entry."""

    caller: str
    entry: dict[str, Json]
    characters: int


class Unknown(NotAnswered):
    """No answer of this id is known; another process may write it within a moment."""


class Feedback:
    """The ratings of a project, and the answers that can be rated: those that this process gave with question and answer,
    those of other processes on the same database by their id."""

    def __init__(self, state: State) -> None:
        self.process = uuid.uuid4().hex
        self._state = state
        self._recent: OrderedDict[str, Rated] = OrderedDict()
        self._lock, self._characters = threading.Lock(), 0
        self._writer = BufferedWriter(state, seconds=_SOON)
        self._forgotten, self._erased = 0, last_erasure(state)
        self._chores = Periodic("feedback", self._tidy, seconds=_TIDYING)

    @property
    def kept(self) -> int:
        """Answers whose text this process keeps for their rating, at most RECENT."""
        return len(self._recent)

    def remember(self, caller: Caller, answered: Answered) -> None:
        """An answer that may be rated from now on."""
        asked = answered.asked
        groups = caller.asker.groups
        entry: dict[str, Json] = {
            "model": asked.deployment.name,
            "digest": asked.deployment.digest,
            "question": asked.question.text,
            "answer": answered.answer.text,
            "documents": list(dict.fromkeys(c.document for c in answered.cited)),
            "groups": None if groups is None else [*sorted(groups)],
        }
        if asked.deployment.id:
            entry["deployment"] = asked.deployment.id
        if asked.question.messages:
            entry["messages"] = [{"role": m.role, "content": m.content} for m in asked.question.messages]
        entry |= asked.notes
        rated = Rated(caller.id, entry, len(canonical(entry)))
        with self._lock:
            self._recent[asked.id] = rated
            self._characters += rated.characters
            while len(self._recent) > RECENT or (self._characters > MOST and len(self._recent) > 1):
                self._characters -= self._recent.popitem(last=False)[1].characters
        row = {"id": asked.id, "at": now_ms(), "caller": caller.id, "process": self.process}
        self._writer.add(answers, {**row, "model": asked.deployment.name, "digest": asked.deployment.digest})

    def rate(self, caller: Caller, id: str, rating: Rating, details: Mapping[str, Json]) -> None:
        """Write a rating down, with the question and the answer where they are still known.

        Raises:
            Unknown: nobody has said yet that this answer was given.
            NotAnswered: this caller got no such answer, or the database takes nothing.
        """
        name = answer_name(id)
        try:
            who, entry, process = self._answer(name)
            if who != caller.id:
                message = f"there is no answer '{id}' of yours that can be rated"
                kind = Unknown if who is None and _ID.fullmatch(name) else NotAnswered
                raise kind(404, message, param="id", code="answer_not_found")
            add_remark(self._state, Remark(name, caller.name, rating, details, entry), process=process)
        except UserError as error:
            raise _not_kept(error) from error

    async def rate_soon(self, caller: Caller, id: str, rating: Rating, details: Mapping[str, Json]) -> None:
        """As `rate`, for an answer too that another process gave a moment ago. No thread waits for it.

        Raises:
            NotAnswered: as `rate`.
        """
        try:
            await run_in_threadpool(self.rate, caller, id, rating, details)
        except Unknown:
            await asyncio.sleep(2 * _SOON)
            await run_in_threadpool(self.rate, caller, id, rating, details)

    def note(self, caller: Caller, question: str, rating: Rating, details: Mapping[str, Json]) -> None:
        """Write down what is said of an answer to a question, whoever gave it.

        Raises:
            NotAnswered: the database takes nothing.
        """
        entry: dict[str, Json] = {"question": question, "answer": None, "documents": []}
        try:
            add_remark(self._state, Remark("", caller.name, rating, details, entry))
        except UserError as error:
            raise _not_kept(error) from error

    def close(self) -> None:
        """Write what waits, and what other processes ask of this one's answers."""
        self._chores.close()
        try:
            self._tidy()
        except UserError as error:
            _log.error("what was rated elsewhere stays without its question: %s", error)
        except Exception:
            _log.exception("a defect of Rung in 'feedback'")
        self._writer.close()

    def _answer(self, id: str) -> tuple[str | None, Mapping[str, Json] | None, str]:
        """Who got it, what it was, and who will say so where this process does not know."""
        with self._lock:
            rated = self._recent.get(id)
        if rated is not None:
            return rated.caller, rated.entry, ""
        answer = who_answered(self._state, id)
        if answer is None:
            return None, None, ""
        return answer.caller, {"model": answer.model, "digest": answer.digest}, answer.process

    def _entry(self, id: str) -> dict[str, Json] | None:
        with self._lock:
            rated = self._recent.get(id)
        return rated.entry if rated is not None else None

    def _tidy(self) -> None:
        if (erased := last_erasure(self._state)) != self._erased:  # what was forgotten must not come back with a rating
            with self._lock:
                self._recent.clear()
                self._characters, self._erased = 0, erased
        complete(self._state, self.process, self._entry)
        if now_ms() - self._forgotten > _HOUR:
            forget_answers(self._state, before=now_ms() - RATED_FOR)
            self._forgotten = now_ms()


def _not_kept(error: UserError) -> NotAnswered:
    _log.error("a rating was not kept: %s", error)
    return NotAnswered(507, "the rating could not be written", code="not_stored")


class FeedbackBody(Body):
    """Body of /v1/feedback. `id`: of the answer; `correction`: what it should have said."""

    id: str = Field(max_length=200)
    rating: Rating
    comment: str | None = Field(None, max_length=10_000)
    correction: str | None = Field(None, max_length=100_000)


@router.post("/v1/feedback", summary="Rate an answer", tags=["rung"])
async def rate(request: Request, body: FeedbackBody) -> Response:
    """Written down with question and answer before it is acknowledged. Only who got the answer may rate it."""
    feedback, caller = _feedback_of(request), caller_of(request)
    details = body.model_dump(include={"comment", "correction"}, exclude_none=True)
    await feedback.rate_soon(caller, body.id, body.rating, details)
    answering_of(request).metrics.feedback.labels(body.rating).inc()
    return JSONResponse({"object": "feedback", "id": body.id, "stored": True})


def _feedback_of(request: Request) -> Feedback:
    """Where ratings go."""
    return cast("Feedback", request.app.state.feedback)
