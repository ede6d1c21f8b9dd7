"""The five things a strategy can ask for, and what it gets back.

A strategy is a generator: it yields a `Step`, receives that step's `Result`, and returns an `Answer`. It does no I/O.
The functions `search` … `call_tool` are the typed form of `yield`: ``found = yield from search(question.text, top=20)``.
Who carries steps out is left to `runtime`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar, runtime_checkable

from rung.errors import InternalError
from rung.records import Asker, Failure, Json, Message, Passage, Usage, digest

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Search:
    """Passages for a query, best first. The driver adds the asker: a strategy cannot search as somebody else.

    `index` is "documents" or the digest of an index artifact (the examples of `few_shot`). With `everything` the query
    is ignored and all readable passages come in document order. `where` is a condition on documents, see
    `rung.knowledge.protocol.Lookup`. `diversity` is how much a passage is worth less for repeating those before it, 0 (not
    at all) to 1: maximal marginal relevance with λ = 1 − diversity. `dense_weight`: that of the dense ranking against
    BM25's, 0 to 1; None is the index's own.
    """

    query: str
    top: int
    index: str = "documents"
    everything: bool = False
    where: str = ""
    diversity: float = 0.0
    dense_weight: float | None = None


@dataclass(frozen=True, slots=True)
class Rerank:
    """The same passages in a better order, cut to `top`."""

    query: str
    passages: tuple[Passage, ...]
    top: int
    model: str = ""


@dataclass(frozen=True, slots=True)
class Generate:
    """The assistant's next turn. At most one of `schema` (JSON Schema as text), `regex` and `choices` constrains it."""

    messages: tuple[Message, ...]
    adapter: str = ""  # digest of a LoRA artifact; "" is the base model
    schema: str = ""
    regex: str = ""
    choices: tuple[str, ...] = ()
    max_tokens: int = 128
    temperature: float = 0.0
    seed: int = 0
    model: str = ""  # "" is the project's model; a driver finds the `carrier` by it, which is given none


@dataclass(frozen=True, slots=True)
class Classify:
    """The label of a text."""

    text: str
    labels: tuple[str, ...]
    model: str = ""


@dataclass(frozen=True, slots=True)
class CallTool:
    """A tool's answer. `arguments` is JSON text."""

    name: str
    arguments: str = "{}"


Step = Search | Rerank | Generate | Classify | CallTool


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Result of `Search` and of `Rerank`."""

    passages: tuple[Passage, ...]


@dataclass(frozen=True, slots=True)
class GenerateResult:
    """Result of `Generate`. `truncated`: the token limit ended it. `prompt_cut`: the server read less than it was sent.

    `cached_tokens`: of the prompt's, those that the server had in its prefix cache, which most hosts charge less for.
    `estimated`: the server counted no tokens, so that these are by `Generator.count_tokens`.
    """

    text: str
    prompt_tokens: int = 0
    completion_tokens: int = 0
    truncated: bool = False
    usd: float | None = None
    prompt_cut: bool = False
    cached_tokens: int = 0
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class ClassifyResult:
    """Result of `Classify`."""

    label: str
    probability: float = 1.0


@dataclass(frozen=True, slots=True)
class CallToolResult:
    """Result of `CallTool`: any JSON value."""

    value: Json = None


Result = SearchResult | GenerateResult | ClassifyResult | CallToolResult
Conversation = Generator[Step, Result, T]


def usage_of(result: Result | Failure) -> Usage | None:
    """What a model consumed for a step; None where none answered, or where nobody knows."""
    if isinstance(result, Failure):
        return result.usage
    if not isinstance(result, GenerateResult):
        return None
    return Usage(
        result.prompt_tokens,
        result.completion_tokens,
        steps=1,
        usd=result.usd,
        cut_prompts=int(result.prompt_cut),
        cached_tokens=result.cached_tokens,
        estimated=int(result.estimated),
    )


class StepFailed(Exception):
    """Thrown into a strategy at its `yield` when the step failed; a strategy may catch it and go on another way."""

    def __init__(self, failure: Failure) -> None:
        self.failure = failure
        super().__init__(failure.error)


@dataclass(frozen=True, slots=True)
class Request:
    """A step together with who asks: what an engine is given, and what is memoised."""

    step: Step
    asker: Asker = field(default_factory=Asker)


def kind(step: Step) -> str:
    """The step's name on records and in tables: "search", "generate", …"""
    return {"CallTool": "call_tool"}.get(type(step).__name__, type(step).__name__.lower())


def carrier(step: Step) -> str:
    """By what name the engine that carries it out is found: its kind, and the model where it names one of several."""
    return f"{kind(step)}:{step.model}" if isinstance(step, Generate) and step.model else kind(step)


def delivered(step: Step) -> Step:
    """The step as its carrier is given it: which of several models it is for has been seen to, and changes nothing more."""
    return replace(step, model="") if isinstance(step, Generate) and step.model else step


def request_digest(request: Request, engine: str) -> str:
    """Digest of a step as carried out by an engine for an asker. Only a search depends on who asks."""
    groups = request.asker.groups if isinstance(request.step, Search) else None
    asker = None if groups is None else sorted(groups)
    return digest(kind(request.step), request.step, engine, asker)


def _ask(step: Step, expected: type[R]) -> Conversation[R]:
    result = yield step
    if not isinstance(result, expected):
        raise InternalError(f"{kind(step)} was answered with {type(result).__name__}, not {expected.__name__}")
    return result


def relayed(conversation: Conversation[T], each: Callable[[Step], Step]) -> Conversation[T]:
    """The same conversation, what `each` makes of a step in its place. What `each` raises ends it."""
    try:
        step = next(conversation)
        while True:
            asked = each(step)
            try:
                result = yield asked
            except StepFailed as failed:
                step = conversation.throw(failed)
            else:
                step = conversation.send(result)
    except StopIteration as ended:
        value: T = ended.value
        return value


def search(
    query: str,
    *,
    top: int,
    index: str = "documents",
    everything: bool = False,
    where: str = "",
    diversity: float = 0.0,
    dense_weight: float | None = None,
) -> Conversation[SearchResult]:
    """Ask for passages."""
    return _ask(Search(query, top, index, everything, where, diversity, dense_weight), SearchResult)


def rerank(query: str, passages: tuple[Passage, ...], *, top: int, model: str = "") -> Conversation[SearchResult]:
    """Ask for a better order."""
    return _ask(Rerank(query, passages, top, model), SearchResult)


def generate(step: Generate) -> Conversation[GenerateResult]:
    """Ask for text."""
    return _ask(step, GenerateResult)


def classify(text: str, labels: tuple[str, ...], *, model: str = "") -> Conversation[ClassifyResult]:
    """Ask for a label."""
    return _ask(Classify(text, labels, model), ClassifyResult)


def call_tool(name: str, arguments: str = "{}") -> Conversation[CallToolResult]:
    """Ask a tool."""
    return _ask(CallTool(name, arguments), CallToolResult)


class Engine(Protocol):
    """Carries out steps of one kind, many at a time. Models and indexes are engines; drivers feed them.

    `identity` names what answers (model digest, index version, settings that change results): equal identity and equal
    request mean an equal result.
    """

    @property
    def identity(self) -> str: ...

    def run(self, requests: Sequence[Request]) -> Iterator[tuple[int, Result | Failure]]:
        """Yield (place in `requests`, result) as each completes, in any order, each exactly once.

        A request that fails yields a `Failure`; only what concerns every request (no server, no disk) is raised.
        """
        ...


# What an engine may have beside. None is an `Engine` itself: `isinstance` would have every one compute its identity.


@runtime_checkable
class DeferredEngine(Protocol):
    """An engine that may take hours for a call, so that it is asked for as much as possible at once."""

    @property
    def is_deferred(self) -> bool:
        """Whether it is one: it is asked when no conversation waits for another."""
        ...


def is_deferred(engine: Engine | None) -> bool:
    """Whether an engine is one that may take hours for a call."""
    return isinstance(engine, DeferredEngine) and engine.is_deferred


@dataclass(frozen=True, slots=True)
class Restart:
    """In a stream: its text broke off, for this reason, and begins anew. Who cannot take back what came so far ends it here,
    with this failure."""

    failure: Failure


@runtime_checkable
class StreamingEngine(Protocol):
    """An engine that can show its text while it grows."""

    def stream(self, request: Request) -> Iterator[str | Restart | GenerateResult | Failure]:
        """Yield pieces of text ("" where it may be ended and has none), then the whole `GenerateResult` (or the `Failure`)
        last."""
        ...


Hear = Callable[[str | Restart], None]  # takes a piece of text, or that it begins anew: ends it by raising


@runtime_checkable
class PushEngine(Protocol):
    """An engine whose text grows for many threads at once: none of them wakes for a piece of it."""

    def push(self, request: Request, on_text: Hear) -> Result | Failure:
        """Call `on_text` with each piece of text, on this thread or another one while this sleeps; return the result.

        What `on_text` raises ends the request, and is raised here. Call it with "" where more was made and no text
        is certain yet, so that it can end that, too.
        """
        ...
