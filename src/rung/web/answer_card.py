"""An answer on the board: text with citations that open at their place, what was read for it, what it took, and thumbs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rung.config.project import Project
from rung.pipeline.pricing import usd_of
from rung.records import Citation, Passage
from rung.report.html.markup import Safe, el, join
from rung.serving.answered import Answered
from rung.serving.answering import Answering
from rung.serving.callers import Caller
from rung.text.left_out import left_out
from rung.text.support import MARK
from rung.tracing.waterfall import cost_of
from rung.web.forms import hidden
from rung.web.readable import APART, document_address, document_link
from rung.web.shell import href

MAX_COMMENT = 10_000  # characters


def answer_card(answered: Answered, answering: Answering, caller: Caller, project: Project, *, may_rate: bool) -> Safe:
    """An answer with all that is told of it.

    Args:
        answered: the answer.
        answering: who knows what may be read now.
        caller: who asked.
        project: whose prices count.
        may_rate: whether they may say what they think of it.
    """
    answer = answered.answer
    text = el("div", _marked(answer.text, {one.mark: one for one in answered.cited}), cls="text", dir="auto")
    tags = [el("span", "refused", cls="tag plain")] if answer.refused else []
    tags += [el("span", "cut off at its room", cls="tag plain")] if answer.truncated else []
    tags += [el("span", why, cls="tag plain") for why in left_out(answer)]
    withheld = len(answer.citations) - len(answered.cited)
    readable = [one for one in answer.passages if answering.may_read(caller, one.document)]
    parts = [el("p", *tags) if tags else Safe(""), text, _cited(answered, readable), _passages(answer.passages, readable)]
    parts += (
        [el("p", f"Withheld: {withheld} citations of what this asker may not read.", cls="quiet small")] if withheld else []
    )
    parts.append(el("p", " · ".join(_facts(answered, project)), cls="quiet small"))
    if may_rate:
        parts.append(_thumbs(answered.asked.id))
    return el("div", *parts, cls="answer-card")


def refused_card(why: str) -> Safe:
    """That there is no answer, and why."""
    return el("p", why, cls="error", role="alert", dir="auto")


def turns_list(turns: list[tuple[str, str]]) -> Safe:
    """Earlier turns of a chat."""
    if not turns:
        return Safe("")
    names = {"user": "You", "assistant": "Answer"}
    return join(*(el("p", el("b", f"{names.get(role, role)}: "), text, dir="auto", cls="turn") for role, text in turns))


def _marked(text: str, by_mark: Mapping[int, Citation]) -> Safe:
    """The text, its marks such as [1] as links to where they stand."""
    parts, last = list[str](), 0
    for match in MARK.finditer(text):
        numbers = [int(one) for one in match[1].split(",") if one.strip().isdecimal()]
        if not any(number in by_mark for number in numbers):
            continue
        parts.append(text[last : match.start()])
        lead = match[0][: len(match[0]) - len(match[0].lstrip())]
        parts.append(lead)
        for number in numbers:
            one = by_mark.get(number)
            parts.append(
                f"[{number}]"
                if one is None
                else el("a", f"[{number}]", href=document_address(one.document, one.start, one.end), cls="cite", **APART)
            )
        last = match.end()
    return join(*parts, text[last:])


def _cited(answered: Answered, passages: list[Passage]) -> Safe:
    if not answered.cited:
        return Safe("")
    by_id = {one.id: one for one in passages}
    items = []
    for one in answered.cited:
        shown = by_id.get(one.passage)
        quoted = shown.between(one.start, one.end) if shown is not None else ""
        words = el("q", quoted[:300], dir="auto") if quoted else Safe("")
        page = "" if shown is None else _page_or_line(shown, one.start)
        items.append(
            el("li", f"[{one.mark}] ", document_link(one.document, one.start, one.end, is_apart=True), page, " ", words)
        )
    return el("ul", *items, cls="cited small")


def _page_or_line(shown: Passage, character: int) -> str:
    line = shown.line_at(character)
    return f", page {shown.page}" if shown.page else f", line {line:,}" if line else ""


def _passages(all_of_them: tuple[Passage, ...], readable: list[Passage]) -> Safe:
    if not all_of_them:
        return Safe("")
    items = [
        el(
            "li",
            el("p", document_link(one.document, one.start, one.end, is_apart=True), cls="small"),
            el("div", one.text, cls="text small", dir="auto"),
        )
        for one in readable
    ]
    left = len(all_of_them) - len(readable)
    note = [el("p", f"{left} more may not be read by this asker now.", cls="quiet small")] if left else []
    return el("details", el("summary", f"Passages shown to it ({len(all_of_them)})"), el("ol", *items), *note)


def _facts(answered: Answered, project: Project) -> Iterator[str]:
    live, tally, deployment = answered.ended.live, answered.ended.tally, answered.asked.deployment
    first = f", first words after {live.first_token:.2f} s" if live.first_token is not None else ""
    yield f"{live.seconds:.2f} s{first}"
    cached = f" ({tally.cached_tokens:,} of them cached)" if tally.cached_tokens else ""
    yield f"{tally.prompt_tokens:,} tokens read{cached}, {tally.completion_tokens:,} made"
    models, usd = deployment.pinned.models, None
    if len(models) == 1:
        prices = project.settings.on(models[0]).prices
        usd = usd_of(prices, models[0], tally.prompt_tokens, tally.completion_tokens)
    yield cost_of(usd)
    yield f"by {answered.answer.by or deployment.pinned.label} {deployment.digest[:12]}"
    if not answered.as_measured:
        yield "not as it was measured"


def _thumbs(id: str) -> Safe:
    up = el("button", "Good", name_="rating", value="up")
    down = el("button", "Bad", name_="rating", value="down")
    buttons = el("form", *hidden(id=id), up, down, method="post", action=href("ask", "rate"), cls="row", data_rate=True)
    area = el("textarea", name_="correction", required=True, maxlength=100_000, dir="auto")
    comment = el("input", name_="comment", maxlength=MAX_COMMENT)
    correct = el(
        "form", *hidden(id=id, rating="down"),
        el("label", "What it should have said", area), el("label", "Remark", comment), el("p", el("button", "Send")),
        method="post", action=href("ask", "rate"), cls="stack", data_rate=True,
    )  # fmt: skip
    return join(buttons, el("details", el("summary", "Correct it"), correct))
