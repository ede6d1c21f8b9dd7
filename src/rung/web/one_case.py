"""One case of a run: what was asked, what every rung answered and was shown, side by side, and what a person can mend."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from rung.pipeline.judge_labels import read_labels
from rung.records import Answer, Case, Citation, Outcome, Passage
from rung.records.gold import has_gold, target_ranks
from rung.report.contents import CasePage, layer_words
from rung.report.html.cases import about_case, answer_head, answer_text, gold_spans, not_borne_out, passage_location
from rung.report.html.figures import LAYERS
from rung.report.html.markup import Safe, el, join, marked, shorten
from rung.report.numbers import count, significant
from rung.scoring.answer_labels import AnswerLabel
from rung.web.background import Underway, wait_page
from rung.web.case_at_hand import CaseAtHand, case_at_hand
from rung.web.case_changes import changes_section, digest_of, label_form
from rung.web.case_index import CaseFilter, CaseIndex
from rung.web.cases import check_filter, index_of_run, matches, number_of
from rung.web.project_at_hand import project_of
from rung.web.readable import document_address
from rung.web.runs import Number
from rung.web.shell import href, page
from rung.web.viewer import viewer_of

router = APIRouter()
TABS = ()
_ANSWER, _PASSAGE = 8000, 6000  # characters that are shown
_WHY = {name: why for name, _, why in LAYERS}
_DONE = {
    "label": "Your word on the answer is kept in human.labels.jsonl. It moves no score: cases that people choose to look at "
    "say nothing of all cases. Labels that correct a judge are asked for by 'rung cases label'.",
    "gold": "The case is changed in its file, and the log of reviews says by whom. The marks below are still by the gold of "
    "then: 'rung rescore', or the button below, makes the verdict anew from the stored answers.",
    "draft": "The new case is drafted. It judges nothing until somebody approves it: 'rung review', or the queue.",
}


@router.get("/runs/{number}/cases/{id:path}")
def one_case(
    request: Request,
    number: Number,
    id: str,
    asked: Annotated[CaseFilter, Depends()],
    done: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """One case, among those of a filter."""
    index, title = index_of_run(request, number), f"Case {shorten(id, most=60)}"
    if isinstance(index, Underway):
        return wait_page(request, title, "Reading the answers of this run", index)
    case = number_of(index, id, viewer_of(request).groups)
    check_filter(asked, index)
    at_hand = case_at_hand(project_of(request), viewer_of(request), index, case)
    shown = index.page(case, at_hand.case)
    notices = [el("p", _DONE[done], cls="notice", role="status")] if done in _DONE else []
    notices += [el("p", remark, cls="notice") for remark in at_hand.remarks]
    crumbs = _crumbs(index, case, asked, matches(request, index, asked).tolist(), run=number)
    question = el("p", shown.case.question or "(what was asked is not stored any more)", cls="lead", dir="auto")
    changes = changes_section(request, at_hand, run=number) if viewer_of(request).may_edit else Safe("")
    answers = _answers(request, index, shown, run=number)
    return page(request, title, crumbs, *notices, question, _about(at_hand), answers, changes)


def _crumbs(index: CaseIndex, case: int, asked: CaseFilter, numbers: list[int], *, run: int) -> Safe:
    """Back to the list that one came from, and to the cases beside this one there."""
    query = asdict(asked)
    parts = [el("a", f"Cases of run {run}", href=href("runs", run, "cases", **query))]
    if case in numbers:
        index_here = numbers.index(case)
        beside = (("Previous case", "prev", index_here - 1), ("Next case", "next", index_here + 1))
        for words, rel, other in beside:
            if 0 <= other < len(numbers):
                address = href("runs", run, "cases", index.ids[numbers[other]], **query)
                parts += [Safe(" · "), el("a", words, href=address, rel=rel)]
        parts.append(el("span", f" · {index_here + 1:,} of {len(numbers):,}", cls="quiet"))
    return el("p", *parts, cls="small")


def _about(at_hand: CaseAtHand) -> Safe:
    if at_hand.line is None:
        return Safe("")
    return about_case(at_hand.case, link=document_address)


def _answers(request: Request, index: CaseIndex, shown: CasePage, *, run: int) -> Safe:
    """Every rung's answer in a column of its own."""
    if not shown.outcomes:
        return el("p", "No rung answered this case.", cls="quiet")
    project, viewer, id = project_of(request), viewer_of(request), shown.case.id
    labels = [one for one in read_labels(project) if one.case == id]
    readable, case = index.readable(viewer.groups), index.number(id)
    panes = []
    for rung in shown.outcomes:
        if readable is not None and not readable.answers[index.rungs.index(rung), case]:
            left_out = el("p", "Left out: it was made of documents that are not for you.", cls="quiet")
            panes.append(el("article", el("p", el("b", rung), cls="head"), left_out, cls="pane"))
            continue
        own = [one for one in labels if one.rung == rung and one.answer == digest_of(id, shown.outcomes[rung])]
        form = label_form(request, id, rung, run=run) if viewer.may_edit else Safe("")
        panes.append(_answer(index, shown, rung, [*_labels(own), form]))
    return el(
        "section", el("h2", "Answers", id="answers"), el("div", *panes, cls="columns answers"), aria_labelledby="answers"
    )


def _labels(labels: list[AnswerLabel]) -> list[Safe]:
    words = {True: "right", False: "wrong", None: "skipped"}
    return [
        el("p", "People: ", el("b", one.by, dir="auto"), f" says {words[one.good]} ({one.at})", cls="small")
        for one in labels
    ]


def _answer(index: CaseIndex, shown: CasePage, rung: str, below: list[Safe]) -> Safe:
    outcome = shown.outcomes[rung]
    lost = shown.lost_in.get(rung, "")
    why = el("p", f"{layer_words(lost).capitalize()}: {_WHY[lost]}.", cls="small") if lost in _WHY else Safe("")
    return el(
        "article",
        answer_head(shown, rung, metric=index.metric, winner=index.winner),
        why,
        *answer_text(shown.case, outcome, most=_ANSWER, link=_cited_at),
        *not_borne_out(shown, rung, most=_ANSWER),
        _steps(shown.case, outcome),
        _scores(shown.scores.get(rung, {})),
        *below,
        cls="pane answer",
    )


def _cited_at(citation: Citation) -> str:
    return document_address(citation.document, citation.start, citation.end)


def _scores(scores: dict[str, float] | object) -> Safe:
    if not isinstance(scores, dict) or not scores:
        return Safe("")
    rows = [
        el("tr", el("th", name.replace("_", " "), scope="row"), el("td", significant(value), cls="number"))
        for name, value in scores.items()
    ]
    head = el("thead", el("tr", el("th", "Score", scope="col"), el("th", "Value", scope="col", cls="number")))
    return el("details", el("summary", "Scores"), el("table", head, el("tbody", *rows), cls="list"))


def _steps(case: Case, outcome: Outcome) -> Safe:
    """What it consumed, and the passages that were found and shown, with the gold in them."""
    usage, answer = outcome.usage, outcome.answer
    facts = [
        f"{count(usage.steps, 'step')}",
        f"{usage.prompt_tokens:,} tokens of prompt, {usage.completion_tokens:,} of answer",
    ]
    if usage.usd is not None:
        facts.append(f"${usage.usd:.6f}")
    if answer is not None and answer.by:
        facts.append(f"answered by {answer.by}")
    parts = [el("p", " · ".join(facts), cls="quiet small")]
    if answer is not None and (answer.retrieved or answer.passages):
        parts += [el("p", _gold_words(case, answer), cls="small"), _passages(case, answer)]
    return join(*parts)


def _gold_words(case: Case, answer: Answer) -> str:
    """Where the gold stood in the ranking."""
    words = f"{count(len(answer.retrieved), 'passage')} found, {len(answer.passages):,} shown to the model."
    if not has_gold(case):
        return f"{words} The case names no gold."
    ranks = target_ranks(case, answer.retrieved or answer.passages)
    there = [f"{rank:,}" for rank in ranks if rank is not None]
    missing = len(ranks) - len(there)
    first = f" Gold at rank {', '.join(there)}." if there else ""
    rest = f" {count(missing, 'piece')} of gold not found." if missing else ""
    return f"{words}{first}{rest}"


def _passages(case: Case, answer: Answer) -> Safe:
    cited = {c.passage: c.mark for c in reversed(answer.citations) if c.passage}
    shown = {(p.id, p.start, p.end) for p in answer.passages}
    ranked = list(answer.retrieved)
    ranked += [p for p in answer.passages if all((p.id, p.start, p.end) != (o.id, o.start, o.end) for o in ranked)]
    items = [_passage(case, p, cited.get(p.id), is_shown=(p.id, p.start, p.end) in shown) for p in ranked]
    return el("details", el("summary", "Passages, in the order in which they were found"), el("ol", *items), cls="shown")


def _passage(case: Case, passage: Passage, mark: int | None, *, is_shown: bool) -> Safe:
    spans = gold_spans(case, passage.document, passage.start, passage.end)
    tags = [el("span", "shown" if is_shown else "not shown", cls="tag" if is_shown else "tag plain")]
    tags += [el("span", "★ gold", cls="gold")] if spans is not None else []
    tags += [el("span", f"cited as [{mark}]", cls="tag plain")] if mark is not None else []
    link = el(
        "a", passage_location(passage), href=document_address(passage.document, passage.start, passage.end), dir="auto"
    )
    text = marked(shorten(passage.text, most=_PASSAGE), spans or ())
    body = el("div", text, cls="text", dir="auto") if is_shown or spans is not None else Safe("")
    return el("li", link, " ", *(join(tag, " ") for tag in tags), body)
