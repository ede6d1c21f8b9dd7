"""OpenAI's Responses API. Nothing is stored: a response is not found again, and the client sends the turns before it."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import BeforeValidator, Field

from rung.records import Json
from rung.serving import sse
from rung.serving.answered import Answered, Asked
from rung.serving.chats import Body, Metadata, Note, Turn, chat_of, no_instruction, notes_of
from rung.serving.citations import own_field, url_citations
from rung.serving.refusal import NotAnswered, unsupported
from rung.serving.request_state import answering_of, base_url, begun, caller_of, whole
from rung.serving.response_format import Form, form_of
from rung.serving.wishes import Wishes

router = APIRouter()
PATH = "/v1/responses"
ID, _ITEM = "resp_", "msg_"  # begin the name of a response, and of the message in it
_TEXTS = ("text", "input_text", "output_text")
_OF_OUTPUT = ("id", "status", "phase")  # of a message that comes back as it was sent
_NOT_STORED = "nothing is stored: send the turns before it with 'input'"
_NO_TOOLS = "no rung was measured with a client's tools; /v1/chat/completions takes a function that 'tool_choice' names"


def _as_turns(value: Any) -> Any:
    """Items as turns of a chat; what is no message is said by its type."""
    if not isinstance(value, list):
        return value
    return [_as_turn(item) for item in value]


def _as_turn(item: Any) -> Any:
    if not isinstance(item, Mapping):
        return item
    if (kind := item.get("type", "message")) != "message":
        raise ValueError(f"an item of type {str(kind)[:40]!r} is not supported: there are messages")
    turn = {name: value for name, value in item.items() if name != "type" and name not in _OF_OUTPUT}
    if isinstance(content := turn.get("content"), list):
        turn["content"] = [_as_part(part) for part in content]
    return turn


def _as_part(part: Any) -> Any:
    if not isinstance(part, Mapping) or part.get("type") not in _TEXTS:
        return part
    if part["type"] == "output_text":
        part = {name: value for name, value in part.items() if name not in ("annotations", "logprobs")}
    return {**part, "type": "text"}


class TextFormat(Body):
    """The form of the answer."""

    type: Form
    name: str | None = None
    schema_: dict[str, Any] | None = Field(None, alias="schema")
    strict: bool | None = None
    description: str | None = None


class Text(Body):
    """What the text is to be."""

    format: TextFormat | None = None
    verbosity: Literal["medium"] | None = None


class FunctionTool(Body):
    """A function that the client can carry out; taken where it may not be called."""

    type: Literal["function"]
    name: str = Field(min_length=1, max_length=64)
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class ResponseStreamOptions(Body):
    """Of a streamed answer."""

    include_obfuscation: Literal[False] = False


class NamedFunction(Body):
    """The one function to be called, as this API names it."""

    type: Literal["function"]
    name: str


class ResponsesRequest(Body):
    """Body of /v1/responses. `previous_response_id` and `conversation` are here to be refused with a reason."""

    neutral: ClassVar[Mapping[str, Any]] = {
        "top_p": 1,
        "store": False,
        "background": False,
        "truncation": "auto",
        "top_logprobs": 0,
        "include": [],
        "service_tier": "auto",
        "reasoning": {},
    }
    model: str
    input: Annotated[str | list[Turn], BeforeValidator(_as_turns)] = Field(union_mode="left_to_right")
    instructions: str | None = None
    stream: bool = False
    stream_options: ResponseStreamOptions | None = None
    temperature: float | None = Field(None, ge=0, le=2)
    max_output_tokens: int | None = Field(None, ge=1)
    text: Text | None = None
    tools: list[FunctionTool] = Field([], max_length=128)
    tool_choice: Literal["none", "auto", "required"] | NamedFunction | None = None
    parallel_tool_calls: bool = True
    store: bool = False
    previous_response_id: str | None = None
    conversation: str | dict[str, Any] | None = None
    user: Note | None = None
    safety_identifier: Note | None = None
    metadata: Metadata | None = None
    prompt_cache_key: Note | None = None


@router.post(PATH, summary="Answer, by the Responses API", tags=["openai"])
async def responses(request: Request, body: ResponsesRequest) -> Response:
    """The deployment `model` answers `input`: a text, or messages, of which the last asks."""
    answering, caller = answering_of(request), caller_of(request)
    deployment = answering.deployment(body.model, caller)
    for name in ("store", "previous_response_id", "conversation"):
        if getattr(body, name):
            raise unsupported(name, _NOT_STORED)
    if (body.tools and body.tool_choice != "none") or body.tool_choice not in (None, "none", "auto"):
        raise unsupported("tools" if body.tools else "tool_choice", _NO_TOOLS)
    if body.instructions and body.instructions.strip() and not deployment.takes_instruction:
        raise unsupported("instructions", no_instruction(deployment))
    turns = [Turn(role="user", content=body.input)] if isinstance(body.input, str) else body.input
    chat = chat_of(turns, deployment, instruction=body.instructions or "", where="input")
    form = body.text.format if body.text else None
    schema = form_of(form.type, form.schema_, deployment) if form else ""
    wishes = Wishes(body.max_output_tokens, body.temperature, schema=schema, instruction=chat.instruction)
    notes = notes_of(body.user or body.safety_identifier, body.metadata)
    reply = Reply(Asked(deployment, chat.question, wishes, body.stream, notes=notes), body, base_url(request))
    news = answering.answer(caller, reply.asked)
    if body.stream:
        events = reply.events(await begun(request, news))
        return StreamingResponse(events, media_type=sse.MEDIA_TYPE, headers=sse.HEADERS)
    return JSONResponse(reply.ended(await whole(request, news)))


@dataclass(frozen=True, slots=True)
class Reply:
    """How an answer is reply. `since`: seconds since 1970."""

    asked: Asked
    body: ResponsesRequest
    base: str
    since: int = field(default_factory=lambda: int(time.time()))

    async def events(self, news: AsyncGenerator[str | Answered]) -> AsyncGenerator[bytes]:
        """An answer as it grows; its citations come when its text is whole."""
        number = -1

        def event(kind: str, **entry: Json) -> bytes:
            nonlocal number
            number += 1
            return sse.event({"type": f"response.{kind}", **entry, "sequence_number": number}, f"response.{kind}")

        at: dict[str, Json] = {"item_id": f"{_ITEM}{self.asked.id}", "output_index": 0, "content_index": 0}
        try:
            async with aclosing(news) as pieces:
                yield event("created", response=self._response("in_progress"))
                yield event("in_progress", response=self._response("in_progress"))
                yield event("output_item.added", output_index=0, item=self._item("in_progress", []))
                yield event("content_part.added", **at, part=_part("", []))
                async for piece in pieces:
                    if isinstance(piece, str):
                        yield event("output_text.delta", **at, delta=piece, logprobs=[])
                        continue
                    text, annotations = piece.answer.text, _annotations(piece, self.base)
                    for index, annotation in enumerate(annotations):
                        yield event("output_text.annotation.added", **at, annotation_index=index, annotation=annotation)
                    yield event("output_text.done", **at, text=text, logprobs=[])
                    yield event("content_part.done", **at, part=_part(text, annotations))
                    response = self.ended(piece)
                    yield event(
                        "output_item.done", output_index=0, item=self._item(_status(piece), [_part(text, annotations)])
                    )
                    yield event(_status(piece), response=response)
        except NotAnswered as refusal:
            code = "invalid_prompt" if refusal.status < 500 else "server_error"
            error: Json = {"code": code, "message": refusal.message}
            yield event("failed", response=self._response("failed") | {"error": error})

    def ended(self, answered: Answered) -> dict[str, Json]:
        """The response, once its answer is whole."""
        status = _status(answered)
        item = self._item(status, [_part(answered.answer.text, _annotations(answered, self.base))])
        response = self._response(status) | {"output": [item], "usage": _usage(answered)}
        if status == "incomplete":
            response["incomplete_details"] = {"reason": "max_output_tokens"}
        else:
            response["completed_at"] = int(time.time())
        return response | {"rung": own_field(answered, self.base)}

    def _response(self, status: str) -> dict[str, Json]:
        body, deployment = self.body, self.asked.deployment
        form = body.text.format if body.text else None
        written: Json = form.model_dump(by_alias=True, exclude_none=True) if form else {"type": "text"}
        if form is None and deployment.schema:
            written = {"type": "json_object"}
        metadata: dict[str, Json] = dict(body.metadata or {})
        return {
            "id": f"{ID}{self.asked.id}",
            "object": "response",
            "created_at": self.since,
            "completed_at": None,
            "status": status,
            "background": False,
            "error": None,
            "incomplete_details": None,
            "instructions": body.instructions,
            "max_output_tokens": body.max_output_tokens,
            "metadata": metadata,
            "model": deployment.name,
            "output": [],
            "parallel_tool_calls": body.parallel_tool_calls,
            "previous_response_id": None,
            "prompt_cache_key": body.prompt_cache_key,
            "reasoning": {"effort": None, "summary": None},
            "safety_identifier": body.safety_identifier,
            "store": False,
            "temperature": deployment.temperature if body.temperature is None else body.temperature,
            "text": {"format": written},
            "tool_choice": "none",
            "tools": [],
            "top_p": 1.0,
            "truncation": "auto",
            "usage": None,
            "user": body.user,
        }

    def _item(self, status: str, content: Sequence[Json]) -> dict[str, Json]:
        return {
            "id": f"{_ITEM}{self.asked.id}",
            "type": "message",
            "role": "assistant",
            "status": status,
            "content": list(content),
        }


def _part(text: str, annotations: list[Json]) -> Json:
    return {"type": "output_text", "text": text, "annotations": annotations, "logprobs": []}


def _annotations(answered: Answered, base: str) -> list[Json]:
    """As in the chat API, flat."""
    return [{"type": "url_citation", **citation} for citation in url_citations(answered, base)]


def _status(answered: Answered) -> str:
    return "incomplete" if answered.answer.truncated else "completed"


def _usage(answered: Answered) -> Json:
    tally = answered.ended.tally
    return {
        "input_tokens": tally.prompt_tokens,
        "input_tokens_details": {"cached_tokens": tally.cached_tokens, "cache_write_tokens": 0},
        "output_tokens": tally.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": tally.prompt_tokens + tally.completion_tokens,
    }
