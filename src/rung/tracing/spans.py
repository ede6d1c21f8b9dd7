"""A conversation that was recorded, as spans with the conventions' names; what it read and wrote only where that is wanted.

Done off the path of answers, by the thread that writes traces.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.metadata import version
from urllib.parse import urlsplit

from rung.dataset.redaction import Detector, by_form
from rung.errors import UserError
from rung.models.endpoint import Endpoint, is_on_server
from rung.models.vendors import VENDORS
from rung.records import Answer, Asker, Failure, Json, Passage, Question, Usage
from rung.records.steps import (
    CallToolResult,
    Classify,
    ClassifyResult,
    Generate,
    GenerateResult,
    Request,
    Rerank,
    Search,
    SearchResult,
    carrier,
    delivered,
    kind,
    request_digest,
    usage_of,
)
from rung.records.traces import Span, Trace, TraceSummary
from rung.runtime.live import StepRun
from rung.tracing import conventions as names
from rung.tracing.content import Content
from rung.tracing.parent import TraceParent, new_span

Price = Callable[[str, Usage], float | None]  # a model, what it consumed -> US dollars, where they are known
MAX_PASSAGES = 200  # of one step that are listed
INTERRUPTED, STEP_FAILED = "interrupted", "step_failed"  # values of `error.type`


@dataclass(frozen=True, slots=True)
class Opening:
    """What is known of a conversation when it begins.

    `id`: of its answer; `model`: of steps that name none; `identities`: carrier -> identity of its engine; `attributes` are
    of the conversation, and so is `content`, which is kept only where content is. `began`: seconds since 1970; `clock`:
    `time.perf_counter` then.
    """

    id: str
    trace: str
    parent: TraceParent | None
    deployment: str
    digest: str
    caller: str
    caller_id: str
    asker: Asker
    question: Question | None
    model: str
    began: float
    clock: float
    identities: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, Json] = field(default_factory=dict)
    content: Mapping[str, Json] = field(default_factory=dict)


@dataclass(slots=True)
class Ending:
    """How a conversation ended. `error`: the class of it, "" where none; `unfinished`: tokens read and written by a step
    that was ended in the middle. `seconds`: since it began."""

    error: str = ""
    message: str = ""
    answer: Answer | None = None
    seconds: float = 0.0
    unfinished: tuple[int, int] = (0, 0)
    attributes: dict[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Spans:
    """Makes spans. `keeps_content`: whether texts are kept; `detector`: who recognises what is masked in them."""

    keeps_content: bool
    price: Price
    detector: Detector = by_form

    def trace(self, opening: Opening, runs: Sequence[StepRun], ending: Ending) -> Trace:
        """The whole conversation."""
        content, root_id = Content(self.detector) if self.keeps_content else None, new_span()
        asked = None if content is None else _asked(opening, content)  # first: nothing else takes its room
        steps = tuple(self._step(opening, run, root_id, content) for run in runs)
        root, summary = self._root(opening, steps, ending, root_id)
        if content is not None and asked is not None:
            texts, attributes = asked
            texts |= content.kept(_said(ending))
            attributes |= {names.MASKED: content.masked, names.CUT: content.cut}
            root = replace(root, attributes={**root.attributes, **attributes}, content=texts)
        return Trace(summary, root, steps, opening.parent is None or opening.parent.sampled)

    def _root(self, opening: Opening, steps: Sequence[Span], ending: Ending, id: str) -> tuple[Span, TraceSummary]:
        prompt, cached, written = (
            sum(int(str(step.attributes.get(name, 0))) for step in steps)
            for name in (names.INPUT_TOKENS, names.CACHED_TOKENS, names.OUTPUT_TOKENS)
        )
        prompt, written = prompt + ending.unfinished[0], written + ending.unfinished[1]
        costs = [step.attributes.get(names.USD) for step in steps if step.kind == "generate"]
        usd = sum(float(str(cost)) for cost in costs) if all(cost is not None for cost in costs) else None
        groups = opening.asker.groups
        attributes: dict[str, Json] = {
            names.OPERATION: names.WORKFLOW,
            names.AGENT_NAME: opening.deployment,
            **({names.AGENT_VERSION: opening.digest} if opening.digest else {}),
            names.RESPONSE_ID: opening.id,
            names.INPUT_TOKENS: prompt,
            names.OUTPUT_TOKENS: written,
            names.CACHED_TOKENS: cached,
            **({} if usd is None else {names.USD: usd}),
            names.CALLER: opening.caller,
            names.GROUPS: None if groups is None else list[Json](sorted(groups)),
            names.RUNG_VERSION: _version(),
            **opening.attributes,
            **ending.attributes,
        }
        if ending.answer is not None:
            attributes |= _answered(ending.answer)
        parent, name = opening.parent.span if opening.parent else "", f"{names.WORKFLOW} {opening.deployment}"
        message = Content.error(ending.message)
        root = Span(id, parent, "conversation", name, 0.0, ending.seconds, ending.error, message, attributes)
        summary = TraceSummary(
            id=opening.id,
            trace=opening.trace,
            began=opening.began,
            seconds=ending.seconds,
            deployment=opening.deployment,
            digest=opening.digest,
            caller=opening.caller,
            caller_id=opening.caller_id,
            error=ending.error,
            prompt_tokens=prompt,
            cached_tokens=cached,
            completion_tokens=written,
            usd=usd,
            steps=len(steps),
            has_content=self.keeps_content,
            deployment_id=str(attributes.get(names.DEPLOYMENT, "")),
        )
        return root, summary

    def _step(self, opening: Opening, run: StepRun, root: str, content: Content | None) -> Span:
        step, result = run.step, run.result
        name, attributes = self._described(opening, run)
        identity = run.engine or opening.identities.get(carrier(step), "")
        if identity:
            attributes[names.ENGINE] = identity
            attributes[names.STEP_DIGEST] = request_digest(Request(delivered(step), opening.asker), identity)
        error, message = "", ""
        if isinstance(result, Failure):
            error, message = STEP_FAILED, Content.error(result.error)
        elif result is None:
            error, message = INTERRUPTED, "the conversation was ended in the middle of it"
        texts = None if content is None else content.kept(_texts(run, content))
        began = run.began - opening.clock
        return Span(new_span(), root, kind(step), name, began, run.seconds, error, message, attributes, texts)

    def _described(self, opening: Opening, run: StepRun) -> tuple[str, dict[str, Json]]:
        """(name, attributes) of a step, without any text."""
        step, result = run.step, run.result
        attributes: dict[str, Json] = {names.OPERATION: names.OPERATIONS[kind(step)]}
        passages = result.passages if isinstance(result, SearchResult) else ()
        if isinstance(step, Search | Rerank):
            attributes |= {names.RETRIEVAL_TOP_K: step.top, names.RETRIEVAL_DOCUMENTS: _listed(passages)}
            if len(passages) > MAX_PASSAGES:
                attributes[names.PASSAGES_COUNT] = len(passages)
            if isinstance(step, Search):
                attributes[names.DATA_SOURCE] = step.index
            elif step.model:
                attributes[names.REQUEST_MODEL] = step.model
            return str(attributes[names.OPERATION]), attributes
        if isinstance(step, Generate):
            return self._generated(step, run, step.model or opening.model)
        if isinstance(step, Classify):
            attributes |= {names.REQUEST_MODEL: step.model} if step.model else {}
            attributes |= {names.PROBABILITY: result.probability} if isinstance(result, ClassifyResult) else {}
            return names.CLASSIFY, attributes
        attributes |= {names.TOOL_NAME: step.name, names.TOOL_TYPE: "function"}
        return f"{names.TOOL} {step.name}", attributes

    def _generated(self, step: Generate, run: StepRun, model: str) -> tuple[str, dict[str, Json]]:
        provider = _provider(model)
        attributes: dict[str, Json] = {
            names.OPERATION: names.CHAT,
            **provider,
            names.REQUEST_MAX_TOKENS: step.max_tokens,
            names.REQUEST_TEMPERATURE: step.temperature,
            names.REQUEST_SEED: step.seed,
            **({names.ADAPTER: step.adapter} if step.adapter else {}),
            **({names.OUTPUT_TYPE: "json"} if step.schema else {}),
        }
        if run.first_text is not None:
            attributes |= {names.REQUEST_STREAM: True, names.RESPONSE_FIRST_CHUNK: run.first_text}
        used = None if run.result is None else usage_of(run.result)
        if used is not None:
            attributes |= {
                names.INPUT_TOKENS: used.prompt_tokens,
                names.OUTPUT_TOKENS: used.completion_tokens,
                names.CACHED_TOKENS: used.cached_tokens,
                **({names.PROMPT_CUT: True} if used.cut_prompts else {}),
            }
            usd = self.price(model, used)
            attributes |= {} if usd is None else {names.USD: usd}
        if isinstance(run.result, GenerateResult):
            attributes[names.RESPONSE_FINISH_REASONS] = ["length" if run.result.truncated else "stop"]
        return f"{names.CHAT} {provider[names.REQUEST_MODEL]}", attributes


def _texts(run: StepRun, content: Content) -> dict[str, Json]:
    """What a step read and wrote. A passage's text comes with the first step that found it."""
    step, result = run.step, run.result
    if isinstance(step, Search | Rerank):
        query: dict[str, Json] = {} if isinstance(step, Search) and step.everything else {names.RETRIEVAL_QUERY: step.query}
        passages = result.passages[:MAX_PASSAGES] if isinstance(result, SearchResult) else ()
        return {**query, names.TEXTS: {p.id: p.text for p in passages if content.is_new(p.id)}}
    if isinstance(step, Generate):
        texts: dict[str, Json] = {names.INPUT_MESSAGES: [message(m.role, m.content) for m in step.messages]}
        if isinstance(result, GenerateResult):
            reason = "length" if result.truncated else "stop"
            texts[names.OUTPUT_MESSAGES] = [{**message("assistant", result.text), "finish_reason": reason}]
        return texts
    if isinstance(step, Classify):
        label: dict[str, Json] = {names.LABEL: result.label} if isinstance(result, ClassifyResult) else {}
        return {names.TEXT: step.text, **label}
    arguments: dict[str, Json] = {names.TOOL_ARGUMENTS: step.arguments}
    return {**arguments, names.TOOL_RESULT: result.value} if isinstance(result, CallToolResult) else arguments


def message(role: str, text: str) -> dict[str, Json]:
    """A message as the conventions write it."""
    return {"role": role, "parts": [{"type": "text", "content": text}]}


def _asked(opening: Opening, content: Content) -> tuple[dict[str, Json], dict[str, Json]]:
    """(texts, attributes) of what was asked, and of how."""
    texts: dict[str, Json] = dict(opening.content)
    if (question := opening.question) is not None:
        earlier = [message(m.role, m.content) for m in question.messages]
        texts[names.INPUT_MESSAGES] = [*earlier, message("user", question.text)]
    texts = content.kept(texts)
    counts: dict[str, Json] = {names.ASKED_MASKED: content.masked, names.ASKED_CUT: content.cut}
    return texts, {name: count for name, count in counts.items() if count}


def _said(ending: Ending) -> dict[str, Json]:
    if ending.answer is None:
        return {}
    reason = "length" if ending.answer.truncated else "stop"
    return {names.OUTPUT_MESSAGES: [{**message("assistant", ending.answer.text), "finish_reason": reason}]}


def _answered(answer: Answer) -> dict[str, Json]:
    cited: list[Json] = [{"mark": c.mark, "document": c.document, "start": c.start, "end": c.end} for c in answer.citations]
    by: dict[str, Json] = {names.ANSWERED_BY: answer.by} if answer.by else {}
    left_out = {names.TURNS_LEFT_OUT: answer.turns_left_out, names.DOCUMENTS_LEFT_OUT: answer.documents_left_out}
    counts: dict[str, Json] = {name: count for name, count in left_out.items() if count}
    return {names.REFUSED: answer.refused, names.CITATIONS: cited, **by, **counts}


def _listed(passages: Sequence[Passage]) -> list[Json]:
    """Passages by their places; a text has none of its words here."""
    return [
        {"id": p.id, "score": p.score, "document": p.document, "start": p.start, "end": p.end}
        for p in passages[:MAX_PASSAGES]
    ]


@cache
def _provider(model: str) -> dict[str, Json]:
    """Whose model it is, its name there, and where its server is."""
    if not is_on_server(model):
        return {names.PROVIDER: names.OWN_PROVIDER, names.REQUEST_MODEL: model}
    vendor = model.partition(":")[0]
    try:
        endpoint = Endpoint.named(model)
    except UserError:  # an address that is nowhere said any more: its name says enough
        return {names.PROVIDER: names.PROVIDERS.get(vendor, vendor), names.REQUEST_MODEL: model}
    address = urlsplit(endpoint.url)
    provider = names.PROVIDERS.get(vendor, vendor) if vendor in VENDORS else address.hostname or "http"
    located: dict[str, Json] = {names.PROVIDER: provider, names.REQUEST_MODEL: endpoint.model}
    port = address.port or (443 if address.scheme == "https" else 80)
    return {**located, names.SERVER_ADDRESS: address.hostname or "", names.SERVER_PORT: port}


@cache
def _version() -> str:
    return version("rung")
