"""What if traffic, prices, bar or risk were others: the verdict's own decision with other numbers. Nothing is published."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from rung.errors import UserError
from rung.pipeline.decision_store import DECISION, Decision, read_decision
from rung.pipeline.evaluation_store import EVALUATIONS
from rung.pipeline.publishing import published
from rung.records import Evaluation
from rung.report.html.markup import Safe, el
from rung.verdict.decide import Settled, settle
from rung.verdict.guesses import guessed_choice, unbuilt_then
from rung.verdict.judging import DecisionContext
from rung.verdict.share_flips import going_by
from rung.verdict.turns import turns
from rung.web.by_stamp import ByStamp
from rung.web.case_changes import rescore_form
from rung.web.project_at_hand import project_of
from rung.web.runs import Number
from rung.web.shell import HEADERS, Tab, href, page
from rung.web.viewer import viewer_of
from rung.web.what_if_inputs import Changed, changed, fields_of
from rung.web.what_if_parts import form_part, result_part

router = APIRouter()
TABS: tuple[Tab, ...] = ()
PART = "part"  # in the query: the result alone
_decisions: ByStamp[Decision] = ByStamp()
_reopened: ByStamp[tuple[Evaluation, ...]] = ByStamp()


@router.get("/runs/{number}/what-if")
def what_if(request: Request, number: Number) -> Response:
    """The form with the verdict's numbers or those that were sent, and what would be chosen by them."""
    verdict = published(project_of(request), str(number))
    title, back = f"Run {number}: what if", el("p", el("a", f"Run {number}", href=href("runs", number)))
    if not (verdict.folder / DECISION).is_file():
        return page(request, title, back, *_missing(request, number))
    try:
        decision = decision_in(verdict.folder)
    except UserError as error:
        return page(request, title, back, el("p", str(error), cls="error", role="alert"))
    other = changed(decision, request.query_params)
    if other.names:
        other = replace(other, decision=replace(other.decision, evaluations=_reopened_in(verdict.folder)))
    context = other.decision.context
    again = replace(context, incumbent=context.incumbent_after(verdict.winner))  # with other numbers it is decided after it
    settled = settle(other.decision.evaluations, other.decision.bar, again if other.names else context)
    rows = turns(settled, bar=other.decision.bar, context=again)
    stopped = tuple(e.name for e in decision.evaluations if e.stop is not None and not e.is_reference)
    result = result_part(other, settled.verdict, rows, verdict.winner, stopped, guessed=_guessed(settled, other, again))
    if PART in request.query_params:
        return HTMLResponse(result, headers=HEADERS)
    form = form_part(fields_of(decision), other.values, other.decision.bar.prefer, action=href("runs", number, "what-if"))
    about = "Move a number and see which rung would be chosen. It is the verdict's own rule, over the answers of this run."
    columns = el("div", el("div", result, role="status"), form, cls="what-if")
    return page(request, title, back, el("p", about, cls="quiet"), columns, scripts=("what_if.js",))


def _guessed(settled: Settled, other: Changed, context: DecisionContext) -> str:
    """By whose answers it is guessed what would be chosen by other numbers; "" where nobody's other answers matter."""
    if not other.names:
        return ""
    bar, economy, winner = other.decision.bar, settled.economy, settled.verdict.winner
    by = guessed_choice(settled.evaluations, winner, bar=bar, economy=economy, incumbent=context.incumbent)
    return going_by(by)


def _missing(request: Request, number: int) -> Iterator[Safe]:
    """What is said of a verdict without what it was decided by."""
    yield el(
        "p", "There is no What if of this run: an earlier Rung made its verdict, which does not say all that it was decided "
        "by. Its answers scored again make a verdict that does; it becomes a run of its own.", cls="notice",
    )  # fmt: skip
    yield rescore_form(number) if viewer_of(request).may_edit else el("p", "Somebody who may change things can do that.")


def decision_in(folder: Path) -> Decision:
    """A verdict's decision, read once as long as its files are as they were.

    Raises:
        UserError: as of `read_decision`.
    """
    return _decisions.get(folder, _files(folder), lambda: read_decision(folder))


def _files(folder: Path) -> tuple[Path, ...]:
    return folder / DECISION, folder / EVALUATIONS


def _reopened_in(folder: Path) -> tuple[Evaluation, ...]:
    """The rungs, those that the race stopped with what they answered: with other numbers it might not have. Unless one of
    them would then be chosen by the verdict's own numbers (`sensitivity.flips` does the same)."""

    def reopened() -> tuple[Evaluation, ...]:
        decision = decision_in(folder)
        again = tuple(unbuilt_then(replace(evaluation, stop=None)) for evaluation in decision.evaluations)
        now, then = (settle(some, decision.bar, decision.context).verdict for some in (decision.evaluations, again))
        return again if now.winner == then.winner else tuple(map(unbuilt_then, decision.evaluations))

    return _reopened.get(folder, _files(folder), reopened)
