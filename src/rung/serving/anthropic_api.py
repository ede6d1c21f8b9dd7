"""Anthropic's API: messages."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, ClassVar

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import Field

from rung.records import Json
from rung.serving import sse
from rung.serving.answered import Answered, Asked
from rung.serving.chats import (
    MAX_NOTE,
    Body,
    TextPart,
    Turn,
    chat_of,
    no_instruction,
    notes_of,
    stop_of,
)
from rung.serving.citations import own_field
from rung.serving.refusal import NotAnswered, unsupported
from rung.serving.request_state import answering_of, base_url, begun, caller_of, whole
from rung.serving.wishes import Wishes

router = APIRouter()
PATH = "/v1/messages"
ID = "msg_"  # begins an answer's name


class MessagesMetadata(Body):
    """Of a request: who asks the client."""

    user_id: str | None = Field(None, max_length=MAX_NOTE)


class MessagesRequest(Body):
    """Body of /v1/messages."""

    neutral: ClassVar[Mapping[str, Any]] = {
        "top_p": 1,
        "tools": [],
        "tool_choice": {"type": "none"},
        "thinking": {"type": "disabled"},
        "service_tier": "auto",
    }
    model: str
    max_tokens: int = Field(ge=1)
    messages: list[Turn]
    stream: bool = False
    temperature: float | None = Field(None, ge=0, le=1)
    stop_sequences: list[str] | None = None
    system: str | list[TextPart] | None = None
    metadata: MessagesMetadata | None = None


@router.post(PATH, summary="Answer a chat", tags=["anthropic"])
async def messages(request: Request, body: MessagesRequest) -> Response:
    """The deployment `model` answers the last message; those before it are its earlier turns."""
    answering, caller = answering_of(request), caller_of(request)
    deployment = answering.deployment(body.model, caller)
    system = "\n".join(part if isinstance(part, str) else part.text for part in _parts(body.system))
    if system.strip() and not deployment.takes_instruction:
        raise unsupported("system", no_instruction(deployment))
    stop = stop_of(body.stop_sequences, "stop_sequences", "a list")
    chat = chat_of(body.messages, deployment, instruction=system)
    wishes = Wishes(body.max_tokens, body.temperature, stop=stop, instruction=chat.instruction)
    notes = notes_of(body.metadata.user_id if body.metadata else None)
    asked = Asked(deployment, chat.question, wishes, body.stream, notes=notes)
    news, base = answering.answer(caller, asked), base_url(request)
    if body.stream:
        events = _events(await begun(request, news), asked, base)
        return StreamingResponse(events, media_type=sse.MEDIA_TYPE, headers=sse.HEADERS)
    answered = await whole(request, news)
    block: Json = {"type": "text", "text": answered.answer.text, "citations": None}
    more: dict[str, Json] = {"usage": _usage(answered), "rung": own_field(answered, base)}
    return JSONResponse({**_head(asked), "content": [block], **_ending(answered), **more})


def _parts(system: str | list[TextPart] | None) -> Sequence[str | TextPart]:
    return [system] if isinstance(system, str) else system or []


async def _events(news: AsyncGenerator[str | Answered], asked: Asked, base: str) -> AsyncGenerator[bytes]:
    """An answer as it grows. How many tokens the prompt had is known at its end only."""
    empty: dict[str, Json] = {"content": [], "stop_reason": None, "stop_sequence": None}
    none: Json = {"input_tokens": 0, "output_tokens": 0}

    def event(kind: str, entry: dict[str, Json]) -> bytes:
        return sse.event({"type": kind, **entry}, kind)

    try:
        async with aclosing(news) as pieces:
            yield event("message_start", {"message": {**_head(asked), **empty, "usage": none}})
            block: Json = {"type": "text", "text": "", "citations": None}
            yield event("content_block_start", {"index": 0, "content_block": block})
            async for piece in pieces:
                if isinstance(piece, str):
                    yield event("content_block_delta", {"index": 0, "delta": {"type": "text_delta", "text": piece}})
                    continue
                yield event("content_block_stop", {"index": 0})
                yield event(
                    "message_delta", {"delta": _ending(piece), "usage": _usage(piece), "rung": own_field(piece, base)}
                )
        yield event("message_stop", {})
    except NotAnswered as refusal:
        yield sse.event(refusal.body(PATH), "error")


def _head(asked: Asked) -> dict[str, Json]:
    return {"id": f"{ID}{asked.id}", "type": "message", "role": "assistant", "model": asked.deployment.name}


def _ending(answered: Answered) -> dict[str, Json]:
    stopped = next(iter(answered.asked.stopped), None)
    reason = "max_tokens" if answered.answer.truncated else "stop_sequence" if stopped else "end_turn"
    return {"stop_reason": reason, "stop_sequence": stopped}


def _usage(answered: Answered) -> dict[str, Json]:
    tally = answered.ended.tally
    return {
        "input_tokens": tally.prompt_tokens - tally.cached_tokens,
        "output_tokens": tally.completion_tokens,
        "cache_read_input_tokens": tally.cached_tokens,
    }
