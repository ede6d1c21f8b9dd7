"""A trace as a person reads it: steps as a waterfall, what was asked and answered, what each step found, read and wrote."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rung.records.traces import Span, Trace
from rung.report.html.markup import Safe, el, join, scrolling
from rung.tracing import conventions as names
from rung.tracing.reading import last_text, listed, messages_in, passage_texts, retrieved
from rung.tracing.waterfall import IN_HEAD, NOT_CAPTURED, attribute_words, step_words
from rung.web.readable import document_link

_BAR = 300  # of the picture's own units


def waterfall(trace: Trace) -> Safe:
    """When each step began and how long it took, as a bar beneath those before it."""
    whole = max([trace.summary.seconds, *(step.began + step.seconds for step in trace.steps)]) or 1.0
    rows = []
    for number, step in enumerate(trace.steps, 1):
        x = min(step.began / whole * _BAR, _BAR - 2)
        width = max(2.0, min(step.seconds / whole * _BAR, _BAR - x))
        rect = el("rect", x=f"{x:.1f}", y="2", width=f"{width:.1f}", height="10", cls="failed" if step.error else "ran")
        bar = el("svg", rect, viewBox=f"0 0 {_BAR} 14", cls="bar", aria_hidden="true", preserveAspectRatio="none")
        cells = [el("td", bar), *(el("td", f"{one:.3f}", cls="number") for one in (step.began, step.seconds))]
        outcome = el("td", step_words(step).removeprefix(": "), cls="bad" if step.error else None)
        rows.append(el("tr", el("th", f"{number}. {step.name}", scope="row"), *cells, outcome))
    if not rows:
        return el("p", "No step was carried out.", cls="quiet")
    heads = (("Step", None), ("When", None), ("Began (s)", "number"), ("Seconds", "number"), ("Came to", None))
    head = el("tr", *(el("th", words, scope="col", cls=cls) for words, cls in heads))
    table = el("table", el("thead", head), el("tbody", *rows), cls="list waterfall")
    return scrolling(table, "Steps")


def texts_of(trace: Trace) -> Iterator[Safe]:
    """What was asked and answered, with what it cites, and the versions that answered."""
    root = trace.root.content
    if root is None:
        yield el("p", NOT_CAPTURED, cls="quiet")
    else:
        yield el("h2", "Question")
        yield _text(last_text(root.get(names.INPUT_MESSAGES)))
        yield el("h2", "Answer")
        has_answer = names.OUTPUT_MESSAGES in root
        yield _text(last_text(root.get(names.OUTPUT_MESSAGES))) if has_answer else el("p", "There was none.", cls="quiet")
    cited = [row for row in listed(trace.root.attributes.get(names.CITATIONS)) if isinstance(row, dict)]
    if cited:
        items = [el("li", f"[{row.get('mark')}] ", _place(row)) for row in cited]
        yield el("ul", *items, cls="cited")
    pairs = [*attribute_words(trace.root.attributes, IN_HEAD)]
    yield el("details", el("summary", "Versions, and what else was noted"), _facts(pairs))


def steps_of(trace: Trace) -> Iterator[Safe]:
    """Each step with its attributes and, where they were captured, its texts."""
    shown = passage_texts(trace)
    for number, step in enumerate(trace.steps, 1):
        parts = [_facts([*attribute_words(step.attributes)])]
        if step.error:
            parts.insert(0, el("p", f"{step.error}: {step.message}", cls="error", dir="auto"))
        content = step.content or {}
        if isinstance(query := content.get(names.RETRIEVAL_QUERY), str):
            parts += [el("h3", "Query"), _text(query)]
        if results := retrieved(step):
            parts.append(el("h3", f"Passages ({len(results)})"))
            parts.append(el("ol", *(el("li", *_passage(row, shown)) for row in results)))
        for title, key in (("Prompt", names.INPUT_MESSAGES), ("Generated", names.OUTPUT_MESSAGES)):
            for message in messages_in(content.get(key)):
                parts += [el("h3", f"{title}, {message.role}"), _text(message.content)]
        for name in (names.TEXT, names.LABEL, names.TOOL_ARGUMENTS, names.TOOL_RESULT):
            if name in content:
                parts += [el("h3", name.rpartition(".")[2]), _text(str(content[name]))]
        yield el("details", el("summary", f"{number}. {_title(step)}"), *parts)


def _title(step: Span) -> str:
    return f"{step.name}{step_words(step)}"


def _passage(values: Mapping[str, object], shown: Mapping[str, str]) -> list[Safe]:
    score = values.get("score")
    scored = f", score {score:.4g}" if isinstance(score, float) else ""
    text = shown.get(str(values.get("id")), "")
    return [el("p", _place(values), scored, cls="small"), *([_text(text)] if text else [])]


def _place(row: Mapping[str, object]) -> Safe:
    start, end = row.get("start"), row.get("end")
    span = (start, end) if isinstance(start, int) and isinstance(end, int) else (None, None)
    return document_link(str(row.get("document")), *span)


def _facts(pairs: list[tuple[str, str]]) -> Safe:
    return el("dl", *(join(el("dt", name), el("dd", value, dir="auto")) for name, value in pairs), cls="facts")


def _text(text: str) -> Safe:
    return el("div", text, cls="text", dir="auto")
