"""A trace for a person at a terminal: who asked, what each step took and when, what was found, read and said.

Lines of text, without colours. What names and texts hold is not looked at here: who prints the lines keeps a terminal safe.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from rung.records import Json
from rung.records.traces import Span, Trace, TraceSummary
from rung.report.table import wrapped
from rung.tracing import conventions as names
from rung.tracing.reading import last_text, listed, messages_in, passage_texts, retrieved

_BAR = 24  # columns of a bar
_PASSAGES = 8  # of a step that are shown
NOT_CAPTURED = "texts were not captured (serve.traces.content in rung.yaml is false)"
_TOKENS = (names.INPUT_TOKENS, names.OUTPUT_TOKENS, names.CACHED_TOKENS)
IN_HEAD = (names.AGENT_NAME, names.RESPONSE_ID, names.CALLER, names.GROUPS, *_TOKENS)  # of a conversation's own span
_HIDDEN = (names.OPERATION, names.RETRIEVAL_DOCUMENTS, names.CITATIONS, names.USD)  # shown in another form, or not here


def list_lines(traces: Sequence[TraceSummary]) -> Iterator[str]:
    """A line for each, the newest first as they come."""
    yield f"{'began (UTC)':<19} {'trace':<12} {'seconds':>7} {'read':>7} {'made':>6} {'$':>8} answered by, for; error"
    for one in traces:
        cost = "?" if one.usd is None else f"{one.usd:.4f}"
        line = f"{moment(one.began)[:19]} {one.id[:12]} {one.seconds:7.2f} {one.prompt_tokens:7,} {one.completion_tokens:6,}"
        error = f"; {one.error}" if one.error else ""
        yield f"{line} {cost:>8} {one.answered_by}, {one.caller}{error}"


def trace_lines(trace: Trace) -> Iterator[str]:
    """A conversation, its steps as a waterfall, and the texts of each where they were captured."""
    yield from _head(trace)
    yield ""
    yield from _waterfall(trace)
    root, shown = trace.root.content, passage_texts(trace)
    if root is not None:
        yield from _quoted("question", last_text(root.get(names.INPUT_MESSAGES)))
    for number, step in enumerate(trace.steps, 1):
        yield ""
        yield f"{number}. {step.name}"
        yield from _step(step, shown)
    yield ""
    if root is None:
        yield NOT_CAPTURED
    elif names.OUTPUT_MESSAGES in root:
        yield from _quoted("answer", last_text(root.get(names.OUTPUT_MESSAGES)))
    else:
        yield "there was no answer"


def cost_of(usd: float | None) -> str:
    """Dollars, or that they are not known."""
    return "cost unknown" if usd is None else f"${usd:.6f}"


def moment(seconds: float) -> str:
    """A time since 1970 as it is written: UTC, to the millisecond."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def _head(trace: Trace) -> Iterator[str]:
    one, attributes = trace.summary, trace.root.attributes
    yield from wrapped(f"{one.id}: {one.answered_by}, {moment(one.began)} UTC, {one.seconds:.3f} s")
    if one.trace != one.id:
        yield from wrapped(f"part of trace {one.trace}, below the caller's span {trace.root.parent}", indent=2)
    groups = attributes.get(names.GROUPS)
    reads = "everything" if groups is None else ", ".join(map(str, listed(groups))) or "public documents"
    yield from wrapped(f"asked by {one.caller} ({one.caller_id}), who reads {reads}", indent=2)
    tokens = f"{one.prompt_tokens:,} tokens read ({one.cached_tokens:,} of them cached), {one.completion_tokens:,} made"
    yield from wrapped(f"{tokens}; {cost_of(one.usd)}", indent=2)
    if one.error:
        yield from wrapped(f"error {one.error}: {trace.root.message or 'nothing more is said'}", indent=2)
    if cited := [row for row in listed(attributes.get(names.CITATIONS)) if isinstance(row, dict)]:
        cites = ", ".join(f"[{row['mark']}] {row['document']} {row['start']}-{row['end']}" for row in cited)
        yield from wrapped(f"cites {cites}", indent=2)
    yield from _attributes(attributes, IN_HEAD, indent=2)


def _waterfall(trace: Trace) -> Iterator[str]:
    """When each step began and how long it took, as a bar under those before it."""
    whole = max([trace.summary.seconds, *(step.began + step.seconds for step in trace.steps)]) or 1.0
    yield f"{'':{_BAR}}  {'began':>8} {'seconds':>8}"
    for number, step in enumerate(trace.steps, 1):
        first = min(round(step.began / whole * _BAR), _BAR - 1)
        length = max(1, min(round(step.seconds / whole * _BAR), _BAR - first))
        bar = f"{' ' * first}{'#' * length}".ljust(_BAR)
        line = f"{bar}  {step.began:8.3f} {step.seconds:8.3f}  {number}. {step.name}{step_words(step)}"
        yield line


def step_words(step: Span) -> str:
    """What a step came to, in a few words."""
    if step.error:
        return f": {step.error}"
    attributes = step.attributes
    if names.RETRIEVAL_DOCUMENTS in attributes:
        count = attributes.get(names.PASSAGES_COUNT, len(listed(attributes[names.RETRIEVAL_DOCUMENTS])))
        return f": {count} passages"
    if names.INPUT_TOKENS in attributes:
        usd = attributes.get(names.USD)
        cost = "" if usd is None else f", ${usd}"
        return f": {attributes[names.INPUT_TOKENS]} read, {attributes[names.OUTPUT_TOKENS]} made{cost}"
    return ""


def _step(step: Span, shown: Mapping[str, str]) -> Iterator[str]:
    if step.error:
        yield from wrapped(f"error {step.error}: {step.message}", indent=3)
    yield from _attributes(step.attributes, (), indent=3)
    content = step.content or {}
    if isinstance(query := content.get(names.RETRIEVAL_QUERY), str):
        yield from _quoted("query", query)
    results = retrieved(step)
    for row in results[:_PASSAGES]:
        yield from wrapped(f"{row['document']} {row['start']}-{row['end']}, score {_number(row['score'])}", indent=3)
        if text := shown.get(str(row["id"]), ""):
            yield from _indented(text, 6)
    if len(results) > _PASSAGES:
        yield f"   ... and {len(results) - _PASSAGES} more (--json has them)"
    for message in messages_in(content.get(names.INPUT_MESSAGES)):
        yield from _quoted(f"prompt, {message.role}", message.content)
    for message in messages_in(content.get(names.OUTPUT_MESSAGES)):
        yield from _quoted("generated", message.content)
    for name in (names.TEXT, names.LABEL, names.TOOL_ARGUMENTS, names.TOOL_RESULT):
        if name in content:
            yield from _quoted(name.rpartition(".")[2], str(content[name]))


def _attributes(attributes: Mapping[str, Json], skipped: Sequence[str], *, indent: int) -> Iterator[str]:
    for name, shown in attribute_words(attributes, skipped):
        yield from wrapped(f"{name}: {shown}", indent=indent, mark=" " * indent)


def attribute_words(attributes: Mapping[str, Json], skipped: Sequence[str] = ()) -> Iterator[tuple[str, str]]:
    """(name, value) of a span's attributes for a person; those that have a form of their own are skipped, too."""
    for name, value in attributes.items():
        if name not in (*skipped, *_HIDDEN) and value is not None:
            shown = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else value
            shown = ", ".join(map(str, shown)) if isinstance(shown, list) else shown
            yield name.removeprefix("gen_ai."), _number(shown)


def _quoted(title: str, text: str) -> Iterator[str]:
    yield f"   {title}:"
    yield from _indented(text, 6)


def _indented(text: str, indent: int) -> Iterator[str]:
    yield from (" " * indent + line for line in text.split("\n"))  # as it is: white space and long lines are a text's own


def _number(value: Json) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
