"""The forms of what is answered, for the OpenAPI description: every field by name, so that responses can be held to them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict


class Form(BaseModel):
    """What is sent, all of it."""

    model_config = ConfigDict(extra="forbid", json_schema_serialization_defaults_required=True)


class Cited(Form):
    """A citation: characters of a document, what stands there, and a page that opens at it."""

    mark: int
    document: str
    title: str
    source: str
    span: tuple[int, int]
    page: int | None
    line: int | None
    quote: str
    url: str


class Own(Form):
    """What the APIs have no place for. `id`: of one of several answers; `prompt_cut`: only where a prompt was cut; `cached`:
    only where an equal request was answered so before; `memory_failed`: only where a memory of answers could not be
    searched, so that the rung below it answered; `turns_left_out`, `documents_left_out`: only where any were."""

    model_config = ConfigDict(extra="forbid", json_schema_serialization_defaults_required=False)
    strategy: str
    digest: str
    by: str | None
    refused: bool
    as_measured: bool
    citations: list[Cited]
    id: str = ""
    prompt_cut: bool = False
    cached: bool = False
    memory_failed: bool = False
    turns_left_out: int = 0
    documents_left_out: int = 0


class UrlCitation(Form):
    """Where an answer cites what."""

    start_index: int
    end_index: int
    title: str
    url: str


class Annotation(Form):
    """A citation as the chat API has it."""

    type: Literal["url_citation"]
    url_citation: UrlCitation


class FlatAnnotation(Form):
    """A citation as the Responses API has it."""

    type: Literal["url_citation"]
    start_index: int
    end_index: int
    title: str
    url: str


class CalledFunction(Form):
    """A function, and its arguments as JSON text."""

    name: str
    arguments: str


class ToolCall(Form):
    """The call that was asked for."""

    id: str
    type: Literal["function"]
    function: CalledFunction


class ChatMessage(Form):
    """An answer."""

    model_config = ConfigDict(extra="forbid", json_schema_serialization_defaults_required=False)
    role: Literal["assistant"]
    content: str | None
    refusal: None
    annotations: list[Annotation]
    rung: Own
    tool_calls: list[ToolCall] = []


class Choice(Form):
    """One of the answers to a request."""

    index: int
    message: ChatMessage
    logprobs: None
    finish_reason: Literal["stop", "length"]


class CachedTokens(Form):
    """Of a prompt, those that did not have to be read anew."""

    cached_tokens: int


class ChatUsage(Form):
    """Tokens of a request."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: CachedTokens


class ChatCompletion(Form):
    """Answers to a chat."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    system_fingerprint: str | None
    choices: list[Choice]
    usage: ChatUsage


class OutputText(Form):
    """The text of an answer."""

    type: Literal["output_text"]
    text: str
    annotations: list[FlatAnnotation]
    logprobs: list[Any]


class OutputMessage(Form):
    """An answer."""

    id: str
    type: Literal["message"]
    role: Literal["assistant"]
    status: Literal["completed", "incomplete"]
    content: list[OutputText]


class IncompleteDetails(Form):
    """Why an answer is not whole."""

    reason: Literal["max_output_tokens"]


class InputTokensDetails(Form):
    """Of a prompt."""

    cached_tokens: int
    cache_write_tokens: int


class OutputTokensDetails(Form):
    """Of an answer."""

    reasoning_tokens: int


class ResponseUsage(Form):
    """Tokens of a request."""

    input_tokens: int
    input_tokens_details: InputTokensDetails
    output_tokens: int
    output_tokens_details: OutputTokensDetails
    total_tokens: int


class Reasoning(Form):
    """There is none."""

    effort: None
    summary: None


class Response(Form):
    """An answer, by the Responses API. Nothing of it is stored."""

    id: str
    object: Literal["response"]
    created_at: int
    completed_at: int | None
    status: Literal["completed", "incomplete"]
    background: Literal[False]
    error: None
    incomplete_details: IncompleteDetails | None
    instructions: str | None
    max_output_tokens: int | None
    metadata: dict[str, str]
    model: str
    output: list[OutputMessage]
    parallel_tool_calls: bool
    previous_response_id: None
    prompt_cache_key: str | None
    reasoning: Reasoning
    safety_identifier: str | None
    store: Literal[False]
    temperature: float
    text: dict[str, Any]
    tool_choice: Literal["none"]
    tools: list[Any]
    top_p: float
    truncation: Literal["auto"]
    usage: ResponseUsage
    user: str | None
    rung: Own


class TextBlock(Form):
    """The text of an answer. Its citations stand in `rung`."""

    type: Literal["text"]
    text: str
    citations: None


class AnthropicUsage(Form):
    """Tokens of a request."""

    input_tokens: int
    output_tokens: int
    cache_read_input_tokens: int


class AnthropicMessage(Form):
    """An answer, by Anthropic's API."""

    id: str
    type: Literal["message"]
    role: Literal["assistant"]
    model: str
    content: list[TextBlock]
    stop_reason: Literal["end_turn", "max_tokens", "stop_sequence"]
    stop_sequence: str | None
    usage: AnthropicUsage
    rung: Own


class Model(Form):
    """A deployment. `rung`: what it answers with, by digest."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str
    rung: dict[str, Any]


class ModelList(Form):
    """The deployments."""

    object: Literal["list"]
    data: list[Model]


class Embedding(Form):
    """A vector of unit length: numbers, or their bytes (little-endian, 4 each) in base64."""

    object: Literal["embedding"]
    index: int
    embedding: list[float] | str


class EmbeddingsUsage(Form):
    """Tokens of a request."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingList(Form):
    """Vectors, in the order of the texts."""

    object: Literal["list"]
    data: list[Embedding]
    model: str
    usage: EmbeddingsUsage


class FoundPassage(Form):
    """A passage that the caller may read."""

    document: str
    title: str
    source: str
    span: tuple[int, int]
    page: int | None
    line: int | None
    score: float
    text: str
    url: str


class FoundPassages(Form):
    """Passages, best first."""

    object: Literal["list"]
    data: list[FoundPassage]


class FeedbackStored(Form):
    """A rating is on the disk."""

    object: Literal["feedback"]
    id: str
    stored: Literal[True]


class Health(Form):
    """Of the server."""

    status: Literal["live", "ready", "stopping", "full"]


class OpenAIErrorDetails(Form):
    """What is wrong. `param`: of the body; `code`: for programs."""

    message: str
    type: str
    param: str | None
    code: str | None


class OpenAIError(Form):
    """A refusal in OpenAI's form."""

    error: OpenAIErrorDetails


class AnthropicErrorDetails(Form):
    """What is wrong."""

    type: str
    message: str


class AnthropicError(Form):
    """A refusal in Anthropic's form."""

    type: Literal["error"]
    error: AnthropicErrorDetails
