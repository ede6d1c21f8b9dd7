"""What people said of answers: a line for each rating, on the disk before it is acknowledged."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from rung.errors import UserError
from rung.records import Json, canonical
from rung.serving.answering import Answered
from rung.serving.callers import Caller
from rung.serving.chats import Body
from rung.serving.refusal import NotAnswered
from rung.serving.remarks import keep_remark
from rung.serving.request_state import answering_of, caller_of, feedback_of

router = APIRouter()
RECENT = 10_000  # answers that can be rated
MOST = 64_000_000  # characters of them, with their questions, that are kept
_PREFIXES = ("chatcmpl-", "msg_")


@dataclass(frozen=True, slots=True)
class Rated:
    """An answer as it is written down with its rating. `caller`: the id of who got it; `characters`: of the entry."""

    caller: str
    entry: dict[str, Json]
    characters: int


class Feedback:
    """The ratings of a project, and the answers of this process that can be rated."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._recent: OrderedDict[str, Rated] = OrderedDict()
        self._lock, self._characters = threading.Lock(), 0

    def remember(self, caller: Caller, answered: Answered) -> None:
        """An answer that may be rated from now on, until many others have come."""
        asked = answered.asked
        entry: dict[str, Json] = {
            "model": asked.deployment.name,
            "digest": asked.deployment.digest,
            "question": asked.question.text,
            "answer": answered.answer.text,
            "documents": list(dict.fromkeys(c.document for c in answered.cited)),
        }
        if asked.question.messages:
            entry["messages"] = [{"role": m.role, "content": m.content} for m in asked.question.messages]
        rated = Rated(caller.id, entry, len(canonical(entry)))
        with self._lock:
            self._recent[asked.id] = rated
            self._characters += rated.characters
            while len(self._recent) > RECENT or (self._characters > MOST and len(self._recent) > 1):
                self._characters -= self._recent.popitem(last=False)[1].characters

    def rate(self, caller: Caller, id: str, rating: dict[str, Json]) -> None:
        """Write a rating down, with the question and the answer.

        Raises:
            NotAnswered: this caller got no such answer from this process, or the disk takes no more.
        """
        with self._lock:
            rated = self._recent.get(next((id[len(p) :] for p in _PREFIXES if id.startswith(p)), id))
        if rated is None or rated.caller != caller.id:
            raise NotAnswered(
                404, f"there is no answer '{id}' of yours that can be rated", param="id", code="answer_not_found"
            )
        try:
            keep_remark(self._state, {"id": id, "caller": caller.name, **rating, **rated.entry})
        except UserError as error:
            raise NotAnswered(507, "the rating could not be written", code="not_stored") from error


class FeedbackBody(Body):
    """Body of /v1/feedback. `id`: of the answer; `correction`: what it should have said."""

    id: str = Field(max_length=200)
    rating: Literal["up", "down"]
    comment: str | None = Field(None, max_length=10_000)
    correction: str | None = Field(None, max_length=100_000)


@router.post("/v1/feedback", summary="Rate an answer", tags=["rung"])
async def rate(request: Request, body: FeedbackBody) -> Response:
    """Written down with question and answer before it is acknowledged. Only who got the answer may rate it."""
    feedback, caller = feedback_of(request), caller_of(request)
    await run_in_threadpool(feedback.rate, caller, body.id, body.model_dump(exclude={"id"}, exclude_none=True))
    answering_of(request).metrics.feedback.labels(body.rating).inc()
    return JSONResponse({"object": "feedback", "id": body.id, "stored": True})
