"""OpenAI's API: chat completions, models and embeddings."""

from __future__ import annotations

import base64
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import Field

from rung.records import Json
from rung.records.steps import Conversation
from rung.runtime.batch import Tally
from rung.serving import several, sse
from rung.serving.answered import Answered, Asked
from rung.serving.callers import BOARD_SCOPES
from rung.serving.chats import Body, Chat, Metadata, Note, Turn, chat_of, notes_of, stop_of
from rung.serving.citations import own_field, url_citations
from rung.serving.client_tools import Call, Tool, ToolChoice, call_of
from rung.serving.conversations import Pending
from rung.serving.deployments import Deployment
from rung.serving.refusal import NotAnswered, invalid, readable, unsupported
from rung.serving.request_state import all_whole, answering_of, base_url, begun, caller_of, embedding_of, unless_left
from rung.serving.response_format import ResponseFormat, form_of, schema_of
from rung.serving.wishes import Wishes

if TYPE_CHECKING:
    from rung.models.protocol import Vectors

router = APIRouter()
ID = "chatcmpl-"  # begins an answer's name


class StreamOptions(Body):
    """Of a streamed answer. `include_obfuscation` is what OpenAI's own servers do against listeners; only false is taken."""

    include_usage: bool = False
    include_obfuscation: Literal[False] = False


class ChatRequest(Body):
    """Body of /v1/chat/completions. `user`, `safety_identifier` and `metadata` are kept with what is said of the answer."""

    neutral: ClassVar[Mapping[str, Any]] = {
        "logprobs": False,
        "top_p": 1,
        "presence_penalty": 0,
        "frequency_penalty": 0,
        "store": False,
        "logit_bias": {},
        "modalities": ["text"],
        "service_tier": "auto",
    }
    model: str
    messages: list[Turn]
    stream: bool = False
    stream_options: StreamOptions | None = None
    n: int = Field(1, ge=1, le=several.MOST)
    temperature: float | None = Field(None, ge=0, le=2)
    seed: int | None = Field(None, ge=0, lt=2**32)
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    stop: str | list[str] | None = None
    response_format: ResponseFormat | None = None
    tools: list[Tool] = Field([], max_length=128)
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool = True
    user: Note | None = None
    safety_identifier: Note | None = None
    metadata: Metadata | None = None
    prompt_cache_key: Note | None = None


@router.post("/v1/chat/completions", summary="Answer a chat", tags=["openai"])
async def chat_completions(request: Request, body: ChatRequest) -> Response:
    """The deployment `model` answers the last message; those before it are its earlier turns."""
    answering, caller = answering_of(request), caller_of(request)
    deployment = answering.deployment(body.model, caller)
    chat, call = chat_of(body.messages, deployment), call_of(body.tools, body.tool_choice)
    notes = notes_of(body.user or body.safety_identifier, body.metadata)
    first = Asked(deployment, chat.question, _wishes(body, chat, call, deployment), body.stream, notes=notes)
    all_asked = several.asked_anew(first, body.n)
    news = several.answers(answering, caller, all_asked)
    reply = Reply(first, base_url(request), call, body.n)
    if body.stream:
        usage = body.stream_options is not None and body.stream_options.include_usage
        events = reply.events(await begun(request, news), usage=usage)
        return StreamingResponse(events, media_type=sse.MEDIA_TYPE, headers=sse.HEADERS)
    return JSONResponse(reply.whole(await all_whole(request, news)))


def _wishes(body: ChatRequest, chat: Chat, call: Call | None, deployment: Deployment) -> Wishes:
    """What this request changes.

    Raises:
        NotAnswered: something that this deployment cannot do.
    """
    room = [n for n in (body.max_completion_tokens, body.max_tokens) if n is not None]
    stop = stop_of([body.stop] if isinstance(body.stop, str) else body.stop, "stop", "a text, or a list")
    form, schema = body.response_format, ""
    if call is not None:
        if form is not None and form.type != "text":
            raise invalid("'response_format' and a function in 'tool_choice' are two forms of one answer", "tool_choice")
        schema = schema_of(call.parameters, deployment)
    elif form is not None:
        schema = form_of(form.type, form.json_schema.schema_ if form.json_schema else None, deployment)
    return Wishes(min(room, default=None), body.temperature, body.seed, stop, schema, chat.instruction)


@dataclass(frozen=True, slots=True)
class Reply:
    """How the answers to a request are reply. `call`: the function whose arguments they are; `count`: how many they are."""

    first: Asked
    base: str
    call: Call | None
    count: int

    def whole(self, answers: Sequence[Answered]) -> dict[str, Json]:
        """All of them, once they are whole."""
        choices: list[Json] = []
        for index, answered in enumerate(answers):
            message: dict[str, Json] = {"role": "assistant", "content": answered.answer.text, "refusal": None}
            if self.call is not None:
                call: Json = {**self._calling(index), "function": self._function(answered.answer.text)}
                message |= {"content": None, "tool_calls": [call]}
            message |= self._more(answered)
            finish = _finish(answered)
            choices.append({"index": index, "message": message, "logprobs": None, "finish_reason": finish})
        return {**_head(self.first, "chat.completion"), "choices": choices, "usage": _usage(answers)}

    async def events(self, news: several.News, *, usage: bool) -> AsyncGenerator[bytes]:
        """Answers as they grow; the last of each has its citations."""
        head = _head(self.first, "chat.completion.chunk")
        more: dict[str, Json] = {"usage": None} if usage else {}

        def chunk(index: int, delta: dict[str, Json], finish: str | None = None) -> bytes:
            choice: Json = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}
            return sse.event({**head, "choices": [choice], **more})

        answers: list[Answered] = []
        try:
            async with aclosing(news) as pieces:
                for index in range(self.count):
                    yield chunk(index, {"role": "assistant", **self._opening(index)})
                async for index, piece in pieces:
                    if isinstance(piece, str):
                        yield chunk(index, self._piece(piece))
                        continue
                    answers.append(piece)
                    yield chunk(index, self._more(piece), _finish(piece))
            if usage:
                yield sse.event({**head, "choices": [], "usage": _usage(answers)})
            yield sse.DONE
        except NotAnswered as refusal:
            yield sse.event(refusal.body("/v1/chat/completions"))

    def _more(self, answered: Answered) -> dict[str, Json]:
        own = own_field(answered, self.base)
        if self.count > 1:
            own["id"] = f"{ID}{answered.asked.id}"
        cited = [] if self.call else url_citations(answered, self.base)
        return {"annotations": [{"type": "url_citation", "url_citation": one} for one in cited], "rung": own}

    def _opening(self, index: int) -> dict[str, Json]:
        if self.call is None:
            return {"content": ""}
        return {"content": None, "tool_calls": [{"index": 0, **self._calling(index), "function": self._function("")}]}

    def _piece(self, text: str) -> dict[str, Json]:
        if self.call is None:
            return {"content": text}
        return {"tool_calls": [{"index": 0, "function": {"arguments": text}}]}

    def _calling(self, index: int) -> dict[str, Json]:
        return {"id": f"call_{self.first.id}{index}", "type": "function"}

    def _function(self, arguments: str) -> dict[str, Json]:
        return {"name": self.call.name if self.call else "", "arguments": arguments}


def _head(asked: Asked, kind: str) -> dict[str, Json]:
    deployment = asked.deployment
    fingerprint = f"fp_{deployment.digest[:12]}" if deployment.digest else None
    head: dict[str, Json] = {"id": f"{ID}{asked.id}", "object": kind, "created": int(time.time())}
    return {**head, "model": deployment.name, "system_fingerprint": fingerprint}


def _finish(answered: Answered) -> str:
    return "length" if answered.answer.truncated else "stop"


def _usage(answers: Sequence[Answered]) -> dict[str, Json]:
    whole = sum((answered.ended.tally for answered in answers), Tally())
    read, written = whole.prompt_tokens, whole.completion_tokens
    counts: dict[str, Json] = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
    return {**counts, "prompt_tokens_details": {"cached_tokens": whole.cached_tokens}}


@router.get("/v1/models", summary="What is served", tags=["openai"])
async def models(request: Request) -> Response:
    """The deployments, each with the digests of what it answers with. `rung` is what was promoted; before that, the last
    verdict's winner."""
    answering = answering_of(request)
    return JSONResponse({"object": "list", "data": [_model(request, d) for d in answering.deployments.values()]})


@router.get("/v1/models/{name:path}", summary="One of what is served", tags=["openai"])
async def model(request: Request, name: str) -> Response:
    """As in the list."""
    answering = answering_of(request)
    return JSONResponse(_model(request, answering.deployment(name)))


def _model(request: Request, deployment: Deployment) -> dict[str, Json]:
    """Where a model's server is, is told to those alone who may look at the board."""
    answering, is_owner = answering_of(request), bool(caller_of(request).scopes & BOARD_SCOPES)
    index: Json = answering.knowledge.version if answering.knowledge else None
    created = int(answering.since)
    entry: dict[str, Json] = {"id": deployment.name, "object": "model", "created": created, "owned_by": "rung"}
    return {**entry, "rung": {**deployment.described(addresses=is_owner), "index_version": index}}


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
