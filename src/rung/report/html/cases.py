"""What happened in each case: question, accepted answers, and what every rung said, cited and was shown.

Passages stand in the page once, in a closed store at its end; an answer refers to them by number, and the page's script
copies them in when they are opened. Without a script the references are links into the store. What is over the limits is
left out and counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from rung.records import Answer, Case, Citation, Outcome, Passage, ToolCall
from rung.report.access import guarded, guarded_answer, needs_of, needs_of_answer
from rung.report.contents import WHAT_IS_RIGHT, CasePage, Limits, Mark, Report, everyone, layer_words, mark_of
from rung.report.html.markup import Safe, el, join, section, shorten
from rung.report.numbers import count, percent, significant
from rung.text.left_out import left_out
from rung.text.support import doubted

_SIGNS: Mapping[Mark, tuple[str, str]] = {"right": ("✓", "good"), "partly right": ("◐", "neutral"), "wrong": ("✗", "bad")}
_URGENT: Mapping[Mark, int] = {"wrong": -2, "partly right": -1, "right": 0}


@dataclass(slots=True)
class _Store:
    """Passages in the order in which they were first referred to."""

    limits: Limits
    numbers: dict[tuple[str, str], int] = field(default_factory=dict)
    passages: list[Passage] = field(default_factory=list)

    def number(self, passage: Passage) -> int:
        """The passage's number; a new one where it was not referred to before."""
        key = (passage.id, passage.text)
        if key not in self.numbers:
            self.numbers[key] = len(self.passages)
            self.passages.append(passage)
        return self.numbers[key]

    def section(self) -> Safe:
        """All passages, once each, closed."""
        if not self.passages:
            return Safe("")
        most = self.limits.passage_characters
        items = [
            guarded(
                el(
                    "li",
                    el("p", passage_location(p), cls="quiet"),
                    el("div", shorten(p.text, most=most), cls="text", dir="auto"),
                    id=f"p{i}",
                ),
                (p.groups,) if p.groups else (),
            )
            for i, p in enumerate(self.passages)
        ]
        summary = el("summary", f"All passages that the cases refer to ({len(items):,})")
        return el("details", summary, el("ol", *items, cls="store"), id="store")


@dataclass(frozen=True, slots=True)
class _Context:
    """What the rows of every case need to know."""

    report: Report
    rungs: tuple[str, ...]
    layers: tuple[str, ...]
    store: _Store


def cases_section(report: Report) -> Safe:
    """Section 7."""
    if not report.cases:
        return section("cases", "Cases", el("p", "No cases are in this report."))
    rungs = tuple(r.name for r in everyone(report.verdict) if r.status == "measured")
    pages = ordered(report)
    layers = tuple(dict.fromkeys(layer_words(layer) for page in pages for layer in page.lost_in.values() if layer))
    context = _Context(report, rungs, layers, _Store(report.limits))
    shown = pages[: report.limits.cases]
    rows = [_case(page, i, context, with_passages=i < report.limits.cases_with_passages) for i, page in enumerate(shown)]
    return section(
        "cases", "Cases", el("p", _left_out(report, len(shown)), cls="quiet"), _filters(context, len(shown)),
        el("div", *rows, id="case-list"), context.store.section(),
    )  # fmt: skip


def ordered(report: Report) -> list[CasePage]:
    """Cases that the choice lost first, then those that most rungs lost, then as given."""
    metric, winner = report.verdict.main_metric, report.verdict.winner
    names = [r.name for r in report.verdict.rungs if not r.reference]

    def urgency(page: CasePage) -> tuple[int, int]:
        marks = {name: mark_of(page, name, metric=metric) for name in names if name in page.outcomes}
        wrong = [name for name, mark in marks.items() if mark != "right"]
        return (0 if winner not in marks else _URGENT[marks[winner]]), -len(wrong)

    return sorted(report.cases, key=urgency)


def _left_out(report: Report, shown: int) -> str:
    limits, total = report.limits, len(report.cases)
    parts = [
        "Cases that the choice got wrong come first."
        if report.verdict.winner
        else "Cases that most rungs got wrong come first.",
        WHAT_IS_RIGHT,
    ]
    if shown < total:
        parts.append(f"{shown:,} of {total:,} cases are listed; {total - shown:,} are left out to keep the file small.")
    if shown > limits.cases_with_passages:
        parts.append(f"The first {limits.cases_with_passages:,} carry their passages.")
    return " ".join(parts)


def _filters(context: _Context, shown: int) -> Safe:
    rungs = [el("option", "any rung", value="")] + [el("option", name, value=str(i)) for i, name in enumerate(context.rungs)]
    states = [
        el("option", text, value=value)
        for value, text in (("", "any"), ("right", "right"), ("partly", "partly right"), ("wrong", "wrong"))
    ]
    layers = [el("option", "any layer", value="")] + [
        el("option", f"lost: {name}", value=str(i + 1)) for i, name in enumerate(context.layers)
    ]
    controls = [
        el("label", "Rung", el("select", *rungs, id="by-rung")),
        el("label", "Outcome", el("select", *states, id="by-outcome")),
        el("label", "Lost in", el("select", *layers, id="by-layer")),
        el(
            "label",
            "Search",
            el("input", type="search", id="by-text", placeholder="words in question or answers"),
            cls="wide",
        ),
    ]
    counter = el("p", count(shown, "case"), id="found", role="status", aria_live="polite", cls="quiet")
    # Shown by the script: without it the list stands unfiltered.
    return el("form", el("div", *controls, cls="controls"), counter, id="filters", hidden=True)


def _case(page: CasePage, number: int, context: _Context, *, with_passages: bool) -> Safe:
    metric, winner = context.report.verdict.main_metric, context.report.verdict.winner
    answered = [name for name in context.rungs if name in page.outcomes]
    marks = {name: mark_of(page, name, metric=metric) for name in answered}
    right, partly = (sum(mark == state for mark in marks.values()) for state in ("right", "partly right"))
    summary = [
        el("span", page.case.question, cls="asked", dir="auto"),
        el("span", f"{right} of {len(answered)} right{f', {partly} in part' if partly else ''}", cls="tally"),
    ]
    if winner is not None and winner in answered:
        summary.insert(0, mark_sign(marks[winner], f"{winner} is {marks[winner]}"))
    rows = [_answer(page, name, context, with_passages=with_passages) for name in answered]
    states = " ".join(_state(page, name, context) for name in context.rungs)
    whole = el(
        "details",
        el("summary", *summary),
        el("div", about_case(page.case), *rows, cls="inside"),
        cls="case",
        id=f"case-{number}",
        data_states=states,
    )
    return guarded(whole, needs_of(page, context.report.restricted))


def _state(page: CasePage, rung: str, context: _Context) -> str:
    """For the filters: "-" not answered, "r" right, "p" in part, "w" wrong with the layer's number, 0: nobody diagnosed."""
    if rung not in page.outcomes:
        return "-"
    mark = mark_of(page, rung, metric=context.report.verdict.main_metric)
    if mark != "wrong":
        return mark[0]
    layer = layer_words(page.lost_in.get(rung, ""))
    return f"w{context.layers.index(layer) + 1 if layer in context.layers else 0}"


def mark_sign(mark: Mark, words: str) -> Safe:
    """A mark as a sign, with words for who does not see it."""
    sign, cls = _SIGNS[mark]
    return el(
        "span",
        el("span", sign, aria_hidden="true"),
        el("span", words, cls="unseen"),
        cls=f"mark {cls}",
        title=words,
    )


def about_case(case: Case, *, link: Callable[[str, int, int], str] | None = None) -> Safe:
    """What a case asks beside its question, and what it is judged by. `link`: address of characters of a document."""
    pairs: list[tuple[str, Safe]] = []
    if case.messages:
        turns = [el("p", el("b", f"{m.role}: "), m.content, dir="auto") for m in case.messages]
        pairs.append(("Earlier turns", join(*turns)))
    if case.answerable:
        accepted = [el("li", answer, dir="auto") for answer in case.answers]
        pairs.append(("Accepted answers", el("ul", *accepted) if accepted else Safe("none given")))
    else:
        pairs.append(("Accepted answer", el("em", "none: the documents hold no answer, so it should refuse")))
    where: list[str] = []
    for e in case.evidence:
        words = f"{e.document}, characters {e.start:,}–{e.end:,}"
        where.append(el("a", words, href=link(e.document, e.start, e.end)) if link else words)
    where = where or list(case.gold_documents)
    if where:
        pairs.append(("Evidence", join(*(el("p", line) for line in where))))
    if case.groups is not None:
        pairs.append(("Asked as", join(", ".join(case.groups) or "nobody in particular (no group)")))
    pairs.append(("Case", join(el("code", case.id), f" · {case.split}", f" · {case.place}" if case.place else "")))
    return el("dl", *(join(el("dt", name), el("dd", value)) for name, value in pairs), cls="facts")


def _answer(page: CasePage, rung: str, context: _Context, *, with_passages: bool) -> Safe:
    outcome, verdict, most = page.outcomes[rung], context.report.verdict, context.report.limits.answer_characters
    whole = el(
        "article",
        answer_head(page, rung, metric=verdict.main_metric, winner=verdict.winner),
        *answer_text(page.case, outcome, most=most),
        *_shown_parts(page.case, outcome, context, with_passages=with_passages),
        *not_borne_out(page, rung, most=most),
        cls="answer",
    )
    return guarded_answer(rung, whole, needs_of_answer(outcome, context.report.restricted))


def answer_head(page: CasePage, rung: str, *, metric: str, winner: str | None) -> Safe:
    """Whose answer it is, and how it was judged: right, in part, or the layer that lost the case."""
    mark, layer = mark_of(page, rung, metric=metric), layer_words(page.lost_in.get(rung, ""))
    score = page.scores.get(rung, {}).get(metric)
    sign, cls = _SIGNS[mark]
    words = layer or "wrong" if mark == "wrong" else mark
    head = [el("b", rung), el("span", f"{sign} {words}", cls=f"verdict {cls}")]
    if score is not None and 0 < score < 1:
        head.append(el("span", f"{metric} {percent(score)}", cls="quiet small"))
    if rung == winner:
        head.append(el("span", "the choice", cls="tag"))
    return el("p", *_spaced(head), cls="head")


def not_borne_out(page: CasePage, rung: str, *, most: int) -> list[Safe]:
    """The sentences that what they cite does not bear out, where that was judged."""
    answer = page.outcomes[rung].answer
    if answer is None or page.scores.get(rung, {}).get("support_recall", 1.0) == 1:
        return []
    items = [el("li", f"{why}: ", el("span", shorten(sentence, most=most), dir="auto")) for why, sentence in doubted(answer)]
    return [el("div", el("p", "Not supported:"), el("ul", *items), cls="quiet small")] if items else []


def _spaced(parts: Sequence[Safe]) -> list[Safe]:
    return [join(" " if i else "", part) for i, part in enumerate(parts)]


def answer_text(case: Case, outcome: Outcome, *, most: int, link: Callable[[Citation], str] | None = None) -> list[Safe]:
    """What came of a case: the answer with its citations and what is to be said of it, or why there is none.

    Args:
        case: whose gold the citations are held against.
        outcome: of one rung.
        most: characters that are shown.
        link: address of what a citation cites; None: there is none.
    """
    if outcome.answer is None:
        failure = outcome.failure
        error = "no answer was recorded" if failure is None else failure.error
        where = f" (in {failure.step}, attempt {failure.attempt})" if failure is not None and failure.step else ""
        return [el("p", el("b", "Failed: "), shorten(error, most=most), where, cls="error")]
    answer = outcome.answer
    notes = [
        note for note, holds in (("refused", answer.refused), ("cut off at the token limit", answer.truncated)) if holds
    ]
    notes += left_out(answer)
    if outcome.usage.cut_prompts:
        notes.append("the server cut the prompt and did not say so")
    used = outcome.usage.prompt_tokens + outcome.usage.completion_tokens
    if used:
        notes.append(f"{significant(used)} tokens")
    text = shorten(answer.text, most=most)
    quote = el("blockquote", text, dir="auto") if text.strip() else el("blockquote", el("em", "(an empty answer)"))
    cites = [el("p", "Cites ", *_cited(answer.citations, case, link), cls="cites")] if answer.citations else []
    noted = [el("p", " · ".join(notes), cls="quiet small")] if notes else []
    return [quote, *_called(answer.calls, most=most), *cites, *noted]


def _shown_parts(case: Case, outcome: Outcome, context: _Context, *, with_passages: bool) -> list[Safe]:
    answer = outcome.answer
    if answer is None or not answer.passages:
        return []
    if with_passages:
        return [_shown(case, answer, context)]
    words = f"{count(len(answer.passages), 'passage')} shown to the model (not kept in this report)"
    return [el("p", words, cls="quiet small")]


def _called(calls: Sequence[ToolCall], *, most: int) -> list[Safe]:
    """The calls of tools that an answer took."""
    items = [
        el(
            "li",
            el("code", f"{call.name}({shorten(call.arguments, most=most)})"),
            " failed: " if call.failed else " → ",
            el("code", shorten(call.value, most=most)),
        )
        for call in calls
    ]
    return [el("div", el("p", "Called:"), el("ol", *items), cls="small")] if items else []


def _cited(citations: Sequence[Citation], case: Case, link: Callable[[Citation], str] | None) -> list[Safe]:
    parts = []
    for i, c in enumerate(citations):
        gold = el("span", "★ gold", cls="gold") if gold_spans(case, c.document, c.start, c.end) is not None else Safe("")
        where = f"{c.document}, {c.start:,}–{c.end:,}"
        named = el("a", where, href=link(c)) if link else where
        parts.append(join("; " if i else "", el("b", f"[{c.mark}]"), " ", named, " ", gold))
    return parts


def gold_spans(case: Case, document: str, start: int, end: int) -> list[tuple[int, int]] | None:
    """The case's evidence within these characters, counted from `start`.

    [] where only the document is known to be gold, None where nothing here is.
    """
    spans = [
        (max(e.start, start) - start, min(e.end, end) - start)
        for e in case.evidence
        if e.document == document and e.start < end and start < e.end
    ]
    if spans:
        return spans
    return [] if not case.evidence and document in case.gold_documents else None


def _shown(case: Case, answer: Answer, context: _Context) -> Safe:
    cited: Mapping[str, int] = {c.passage: c.mark for c in reversed(answer.citations) if c.passage}
    gold = [gold_spans(case, p.document, p.start, p.end) for p in answer.passages]
    most = context.report.limits.passages_per_answer
    chosen = sorted(range(len(gold)), key=lambda i: (gold[i] is None, answer.passages[i].id not in cited, i))[:most]
    items = []
    for i in sorted(chosen):
        passage, spans = answer.passages[i], gold[i]
        number = context.store.number(passage)
        tags = [el("span", "★ gold", cls="gold")] if spans is not None else []
        if passage.id in cited:
            tags.append(el("span", f"cited as [{cited[passage.id]}]", cls="tag plain"))
        link = el("a", passage_location(passage), href=f"#p{number}")
        seen = context.report.limits.passage_characters
        marks = ",".join(f"{a}-{min(b, seen)}" for a, b in spans or () if a < seen)
        items.append(el("li", *_spaced([link, *tags]), value=i + 1, data_passage=number, data_gold=marks or None))
    gold_count = sum(spans is not None for spans in gold)
    head = f"{count(len(gold), 'passage')} shown to the model" + (f", {gold_count} gold" if gold_count else "")
    left = len(gold) - len(items)
    rest = el("p", f"{count(left, 'further passage')} not listed here.", cls="quiet small") if left else Safe("")
    return el("details", el("summary", head), el("ol", *items), rest, cls="shown")


def passage_location(passage: Passage) -> str:
    """Where a passage stands, in words."""
    name = (
        f"{passage.title} · {passage.document}" if passage.title and passage.title != passage.document else passage.document
    )
    return f"{name}, characters {passage.start:,}–{passage.end:,}"
