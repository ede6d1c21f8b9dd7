"""OpenAI's API: chat completions, models and embeddings."""

from __future__ import annotations

import base64
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import Field, model_validator

from rung.records import Json, canonical
from rung.records.steps import Conversation
from rung.serving import sse
from rung.serving.answering import Answered, Answering, Asked, Wishes
from rung.serving.chats import Body, Turn, question_of, stop_of, without_neutral
from rung.serving.citations import own_field, url_citations
from rung.serving.conversations import Pending
from rung.serving.deployments import Deployment
from rung.serving.refusal import NotAnswered, invalid, readable, unsupported
from rung.serving.request_state import answering_of, base_url, begun, caller_of, embedding_of, unless_left, whole
from rung.serving.schemas import check_size

if TYPE_CHECKING:
    from rung.models.protocol import Vectors

router = APIRouter()
ID = "chatcmpl-"  # begins an answer's name
_NEUTRAL: dict[str, object] = {
    "n": 1,
    "logprobs": False,
    "top_p": 1,
    "presence_penalty": 0,
    "frequency_penalty": 0,
    "store": False,
    "logit_bias": {},
    "tools": [],
    "tool_choice": "none",
    "modalities": ["text"],
    "service_tier": "auto",
}


class StreamOptions(Body):
    """Of a streamed answer. `include_obfuscation` is what OpenAI's own servers do against listeners; only false is taken."""

    include_usage: bool = False
    include_obfuscation: Literal[False] = False


class JsonSchema(Body):
    """A form that every answer must have."""

    name: str
    schema_: dict[str, Any] = Field(alias="schema")
    strict: bool | None = None
    description: str | None = None


class ResponseFormat(Body):
    """The form of the answer."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None


class ChatRequest(Body):
    """Body of /v1/chat/completions."""

    model: str
    messages: list[Turn]
    stream: bool = False
    stream_options: StreamOptions | None = None
    temperature: float | None = Field(None, ge=0, le=2)
    seed: int | None = Field(None, ge=0, lt=2**32)
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    stop: str | list[str] | None = None
    response_format: ResponseFormat | None = None

    @model_validator(mode="before")
    @classmethod
    def _without_neutral(cls, value: Any) -> Any:
        return without_neutral(value, _NEUTRAL)


@router.post("/v1/chat/completions", summary="Answer a chat", tags=["openai"])
async def chat_completions(request: Request, body: ChatRequest) -> Response:
    """The deployment `model` answers the last message; those before it are its earlier turns."""
    answering, caller = answering_of(request), caller_of(request)
    deployment = answering.deployment(body.model)
    question, wishes = question_of(body.messages, deployment.generator), _wishes(body, deployment)
    base, asked = base_url(request), Asked(deployment, question, wishes)
    if body.stream:
        usage = body.stream_options is not None and body.stream_options.include_usage
        events = _events(await begun(request, answering.answer(caller, asked)), asked, base, usage=usage)
        return StreamingResponse(events, media_type=sse.MEDIA_TYPE, headers=sse.HEADERS)
    answered = await whole(request, answering.answer(caller, asked))
    message: dict[str, Json] = {"role": "assistant", "content": answered.answer.text, "refusal": None}
    message |= {"annotations": url_citations(answered, base), "rung": own_field(answered, base)}
    choice: dict[str, Json] = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish(answered)}
    return JSONResponse({**_head(asked, "chat.completion"), "choices": [choice], "usage": _usage(answered)})


def _wishes(body: ChatRequest, deployment: Deployment) -> Wishes:
    """What this request changes.

    Raises:
        NotAnswered: something that this deployment cannot do.
    """
    room = [n for n in (body.max_completion_tokens, body.max_tokens) if n is not None]
    stop = stop_of([body.stop] if isinstance(body.stop, str) else body.stop, "stop", "a text, or a list")
    return Wishes(min(room, default=None), body.temperature, body.seed, stop, _schema(body.response_format, deployment))


def _schema(form: ResponseFormat | None, deployment: Deployment) -> str:
    """The schema that answers are held to in this request; "" is the deployment's own form."""
    if form is None:
        return ""
    own = "the project's schema" if deployment.schema else "no schema"
    if form.type == "text":
        if deployment.schema:
            raise unsupported("response_format", f"'{deployment.name}' answers in JSON by {own}")
        return ""
    if form.type == "json_object":
        if not deployment.schema:
            raise unsupported("response_format", f"'{deployment.name}' has {own}; name one with 'json_schema'")
        return ""
    if form.json_schema is None:
        raise invalid("'response_format.json_schema' is missing", "response_format")
    try:
        schema = canonical(form.json_schema.schema_)
    except RecursionError:
        raise invalid("'response_format.json_schema.schema' is nested too deeply", "response_format") from None
    check_size(schema)
    if schema == deployment.schema:
        return ""
    if not deployment.takes_schema:
        raise unsupported("response_format", f"'{deployment.name}' answers in the form that it was built for")
    return schema


async def _events(news: AsyncGenerator[str | Answered], asked: Asked, base: str, *, usage: bool) -> AsyncGenerator[bytes]:
    """An answer as it grows; the last choice has its citations."""
    head = _head(asked, "chat.completion.chunk")
    more: dict[str, Json] = {"usage": None} if usage else {}

    def chunk(delta: dict[str, Json], finish: str | None = None) -> bytes:
        choice: Json = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return sse.event({**head, "choices": [choice], **more})

    try:
        async with aclosing(news) as pieces:
            yield chunk({"role": "assistant", "content": ""})
            async for piece in pieces:
                if isinstance(piece, str):
                    yield chunk({"content": piece})
                    continue
                extra: dict[str, Json] = {"annotations": url_citations(piece, base), "rung": own_field(piece, base)}
                yield chunk(extra, _finish(piece))
                if usage:
                    yield sse.event({**head, "choices": [], "usage": _usage(piece)})
        yield sse.DONE
    except NotAnswered as refusal:
        yield sse.event(refusal.body("/v1/chat/completions"))


def _head(asked: Asked, kind: str) -> dict[str, Json]:
    deployment = asked.deployment
    fingerprint = f"fp_{deployment.digest[:12]}" if deployment.digest else None
    head: dict[str, Json] = {"id": f"{ID}{asked.id}", "object": kind, "created": int(time.time())}
    return {**head, "model": deployment.name, "system_fingerprint": fingerprint}


def _finish(answered: Answered) -> str:
    return "length" if answered.answer.truncated else "stop"


def _usage(answered: Answered) -> dict[str, Json]:
    tally = answered.ended.tally
    counts: dict[str, Json] = {"prompt_tokens": tally.prompt_tokens, "completion_tokens": tally.completion_tokens}
    counts["total_tokens"] = tally.prompt_tokens + tally.completion_tokens
    return {**counts, "prompt_tokens_details": {"cached_tokens": tally.cached_tokens}}


@router.get("/v1/models", summary="What is served", tags=["openai"])
async def models(request: Request) -> Response:
    """The deployments, each with the digests of what it answers with. `rung` is the last verdict's winner."""
    answering = answering_of(request)
    return JSONResponse({"object": "list", "data": [_model(answering, d) for d in answering.deployments.values()]})


@router.get("/v1/models/{name:path}", summary="One of what is served", tags=["openai"])
async def model(request: Request, name: str) -> Response:
    """As in the list."""
    answering = answering_of(request)
    return JSONResponse(_model(answering, answering.deployment(name)))


def _model(answering: Answering, deployment: Deployment) -> dict[str, Json]:
    index: Json = answering.knowledge.version if answering.knowledge else None
    created = int(answering.since)
    entry: dict[str, Json] = {"id": deployment.name, "object": "model", "created": created, "owned_by": "rung"}
    return {**entry, "rung": {**deployment.described(), "index_version": index}}


class EmbeddingsRequest(Body):
    """Body of /v1/embeddings. `input_type`: what the texts are, for embedders that tell questions from passages."""

    model: str
    input: str | list[str]
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = None
    input_type: Literal["query", "passage"] = "passage"


@router.post("/v1/embeddings", summary="Embed texts", tags=["openai"])
async def embeddings(request: Request, body: EmbeddingsRequest) -> Response:
    """Vectors of unit length by the project's embedder."""
    name, embedder = embedding_of(request)
    texts = [body.input] if isinstance(body.input, str) else body.input
    if body.model != name:
        message = f"there is no embedder '{body.model}'; there is: {name}"
        raise NotAnswered(404, message, param="model", code="model_not_found")
    if not texts or not all(text.strip() for text in texts) or len(texts) > 2048:
        raise invalid("'input' is a text, or a list of 1 to 2,048 texts, none of them empty", "input")
    if body.dimensions not in (None, embedder.dimensions):
        raise unsupported("dimensions", f"'{body.model}' has {embedder.dimensions}")
    answering, caller, shown = answering_of(request), caller_of(request), [readable(text) for text in texts]

    def embedding() -> Conversation[tuple[list[int], Vectors]]:
        yield from ()  # no step: whoever carries out a conversation calls the embedder on its thread, in the caller's turn
        counts = embedder.count_tokens(shown)
        answering.on_spent(caller, sum(counts))
        return counts, embedder.embed(shown, kind=body.input_type)

    embedded = answering.value(caller, Pending(embedding, {}), model="embeddings")
    counts, vectors = await unless_left(request, embedded)

    def written(vector: Any) -> Json:
        return (
            base64.b64encode(vector.astype("<f4").tobytes()).decode()
            if body.encoding_format == "base64"
            else vector.tolist()
        )

    rows: list[Json] = [{"object": "embedding", "index": i, "embedding": written(v)} for i, v in enumerate(vectors)]
    usage: Json = {"prompt_tokens": sum(counts), "total_tokens": sum(counts)}
    return JSONResponse({"object": "list", "data": rows, "model": body.model, "usage": usage})
