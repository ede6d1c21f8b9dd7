"""Deployments: what is served and tried, who passed a gate and why; promoted and gone back from through the gate alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Path
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from rung.config.project import Project
from rung.errors import UserError
from rung.pipeline.pinned_strategy import measured_specs
from rung.pipeline.publishing import last_choice, latest_folder, published
from rung.records.deployment import (
    DeploymentEvent,
    DeploymentRecord,
    Rollout,
    Standing,
    standing,
    state_of,
    taken_back,
)
from rung.report.html.markup import Safe, el, join, scrolling
from rung.report.numbers import count
from rung.serving.going_back import WINNER, rollback, withdraw
from rung.serving.promotion import REVIEW, GateShut, PromoteRequest
from rung.serving.trials import risk_of_each, signals
from rung.state.database import State
from rung.state.deployments import Pair, Seen, all_deployments, deployment, events, pairs, seen
from rung.watching.promoting import promote_and_watch
from rung.web.forms import choice
from rung.web.jobs import background_of, job_pane
from rung.web.project_at_hand import at_hand_of, project_of
from rung.web.reviewer import name_form, named_reviewer, reviewer_of
from rung.web.shell import Tab, href, page
from rung.web.viewer import Viewer, viewer_of

router = APIRouter()
TABS = (Tab("deployments", "Deployments"),)
JOB = "promote"
SHOWN = 50  # events, and differences
MAX_REASON = 2_000  # characters
Reason = Annotated[str, Form(max_length=MAX_REASON)]
KINDS = {"full": "at once", "canary": "as a canary, for a share of the askers", "shadow": "in the shadow, unseen"}


@router.get("/deployments")
def listed(request: Request) -> Response:
    """All of them, the newest first, and what happened."""
    at_hand, viewer = at_hand_of(request), viewer_of(request)
    state = at_hand.state()
    happened = events(state)
    now, records = standing(happened), all_deployments(state)
    parts = [job_pane(background_of(at_hand).job(JOB), viewer), _now(state, now, {one.id: one for one, _ in records})]
    if records:
        parts.append(_table([*reversed(records)], now))
        shown = happened[-SHOWN:]
        more = f", the newest {SHOWN} of {len(happened)}" if len(happened) > SHOWN else ""
        parts.append(el("section", el("h2", f"What happened{more}"), _history([*reversed(shown)], taken_back(happened))))
    if viewer.may_edit:
        parts.append(_changes(request, now))
    return page(request, "Deployments", *parts, scripts=("again.js",))


@router.get("/deployments/{id}")
def one(request: Request, id: Annotated[str, Path(max_length=64)]) -> Response:
    """One of them whole: its gate, digests, trial and history."""
    state, viewer = at_hand_of(request).state(), viewer_of(request)
    record = deployment(state, id)
    happened = events(state)
    now, gone = standing(happened), taken_back(happened)
    own = [event for event in reversed(happened) if record.id in (event.deployment, gone.get(event.number))]
    over = ", ".join(check.name for check in record.passed_over)
    facts = [
        ("State", state_of(record.id, now)),
        ("Rung", record.label),
        ("Promoted by", f"{record.by or 'nobody named'}, {record.created}, with Rung {record.rung}"),
        ("Reason", record.reason or "none was given"),
        ("Passed over", over or "nothing: every check held"),
        ("Comes in", KINDS[record.rollout.kind]),
        ("Measured by", f"verdict {record.verdict}"),
    ]
    parts = [el("dl", *(join(el("dt", name), el("dd", value, dir="auto")) for name, value in facts), cls="facts")]
    parts += [_gate(record), _digests(record)]
    by_id = seen(state, trial=record.id)
    if by_id:
        is_tried = record.id == now.candidate
        parts.append(_trial(record, by_id.get(now.current, Seen()) if is_tried else None, by_id))
    parts += [el("section", el("h2", "What happened to it"), _history(own, gone)), _differences(state, record, viewer)]
    return page(request, f"Deployment {record.id}", *parts)


class Promotion(BaseModel):
    """What is to be promoted, and how; `over`: in the name of whoever asks, over checks that do not hold."""

    rung: str = Field(max_length=200)
    kind: Literal["full", "canary", "shadow"] = "full"
    share: float = Field(0.1, gt=0, lt=1)
    reason: str = Field("", max_length=MAX_REASON)
    over: str = Field("", max_length=10)


@router.post("/deployments/promote")
def promote(request: Request, form: Annotated[Promotion, Form()]) -> Response:
    """Have what was measured served, as `rung promote` does: through the gate, in the background."""
    by, at_hand = named_reviewer(request), at_hand_of(request)
    limit = at_hand.project().settings.bar.limits().get("p95_seconds")
    rollout = Rollout(kind=form.kind, share=form.share, max_p95=limit)
    if not form.reason.strip():
        raise HTTPException(400, "say why: the reason is kept with the deployment")
    # a reason alone passes over nothing: a reason with `by` does
    wish = PromoteRequest(form.rung, rollout, by if form.over else "", form.reason.strip(), by)
    builder = at_hand.builder()

    def work() -> str:
        try:
            record = promote_and_watch(builder, at_hand.state(), wish)
        except GateShut as shut:
            raise UserError(_shut_words(shut.record)) from shut
        return f"deployment {record.id} of {record.label}: {KINDS[record.rollout.kind]}"

    background_of(at_hand).start(JOB, f"Promoting {form.rung}", work, by=by)
    return RedirectResponse(href("deployments"), 303)


def _shut_words(record: DeploymentRecord) -> str:
    """Why the gate let nothing through, and what can be done on this page."""
    wrong = "; ".join(f"{check.name}: {check.says}" for check in record.passed_over)
    mend = "mend that, or tick 'Pass over checks that do not hold, in my name': your name and reason are kept with it"
    if any(check.name == REVIEW for check in record.passed_over):
        mend = "it waits in the queue under 'Deployments': once it is approved there, promote it again"
    return f"{record.label} is not promoted: {wrong}. To go on: {mend}."


def _promotable(project: Project) -> list[str]:
    """Rungs that the last verdict measured, without the reference arms, which are never served."""
    folder = latest_folder(project)
    if folder is None:
        return []
    try:
        rungs: Any = published(project, folder.name).said["rungs"]
    except UserError:  # it is not whole: nothing of it is promoted
        return []
    measured = {one["name"] for one in rungs if one["status"] == "measured" and not one.get("reference")}
    return [label for label in measured_specs(folder) if label in measured]


@router.post("/deployments/rollback")
def go_back(request: Request, to: Annotated[str, Form(max_length=64)] = "", reason: Reason = "") -> Response:
    """End what is tried, or go back, as `rung rollback` does."""
    by, state = named_reviewer(request), at_hand_of(request).state()
    if not reason.strip():
        raise HTTPException(400, "say why: the reason is kept with the deployment")
    if to == WINNER:
        withdraw(project_of(request), state, by=by, reason=reason.strip())
    else:
        rollback(state, to=to, by=by, reason=reason.strip())
    return RedirectResponse(href("deployments"), 303)


def _now(state: State, now: Standing, records: dict[str, DeploymentRecord]) -> Safe:
    if not now.current:
        words = "Nothing is promoted: the last verdict's winner answers under 'rung serve'."
        return el("p", words)
    parts = [el("p", "Served: ", _named(records[now.current]))] if now.current in records else []
    if now.candidate and now.candidate in records:
        record = records[now.candidate]
        limits = {} if record.rollout.max_p95 is None else {record.id: record.rollout.max_p95}
        by_id = seen(state, trial=record.id, slower_than=limits)
        parts.append(el("p", f"Tried beside it as a {now.trying}: ", _named(record)))
        parts.append(_trial(record, by_id.get(now.current, Seen()), by_id))
    return el("div", *parts, cls="pane")


def _named(record: DeploymentRecord) -> Safe:
    return join(
        el("a", record.id, href=href("deployments", record.id)), f" of {record.label}, by {record.by or 'nobody named'}"
    )


def _table(records: list[tuple[DeploymentRecord, int]], now: Standing) -> Safe:
    heads = ("Deployment", "State", "Rung", "Promoted", "By", "Gate", "Strategy")
    rows = []
    for record, _ in records:
        over = ", ".join(check.name for check in record.passed_over)
        gate = f"passed over: {over}; {record.reason}" if over else "held" if record.checks else "nothing is kept of it"
        link = el("a", record.id, href=href("deployments", record.id))
        cells = (state_of(record.id, now), record.label, record.created[:16].replace("T", " "), record.by, gate)
        code = el("td", el("code", record.spec.digest[:12]))
        rows.append(el("tr", el("th", link, scope="row"), *(el("td", one, dir="auto") for one in cells), code))
    head = el("tr", *(el("th", words, scope="col") for words in heads))
    table = el("table", el("thead", head), el("tbody", *rows), cls="list")
    return el("section", el("h2", count(len(records), "deployment")), scrolling(table, "Deployments"))


def _history(happened: list[DeploymentEvent], gone: Mapping[int, str]) -> Safe:
    rows = [
        el(
            "tr",
            el("td", event.at[:16].replace("T", " ")),
            el("th", el("a", event.deployment, href=href("deployments", event.deployment)), scope="row"),
            el("td", f"served again, {other} taken back" if (other := gone.get(event.number)) else event.what),
            *(el("td", words, dir="auto") for words in (event.by, event.why)),
        )
        for event in happened
    ]
    head = el("tr", *(el("th", words, scope="col") for words in ("At (UTC)", "Deployment", "What", "By", "Why")))
    return scrolling(el("table", el("thead", head), el("tbody", *rows), cls="list"), "What happened")


def _gate(record: DeploymentRecord) -> Safe:
    if not record.checks:
        return Safe("")
    rows = []
    for check in record.checks:
        holds = el("td", "holds" if check.holds else "does not hold", cls="good" if check.holds else "bad")
        rows.append(el("tr", el("th", check.name, scope="row"), holds, el("td", check.says, dir="auto")))
    head = el("tr", *(el("th", words, scope="col") for words in ("Check", "Outcome", "What it says")))
    return el(
        "section",
        el("h2", "The gate"),
        scrolling(el("table", el("thead", head), el("tbody", *rows), cls="list"), "The gate"),
    )


def _digests(record: DeploymentRecord) -> Safe:
    pairs = [("Strategy", record.spec.digest), ("Answers by", record.digest)]
    pairs += [(f"Model {name}", identity) for name, identity in record.models.items()]
    pairs += [(f"Artifact {one[:12]}", f"files {files}") for one, files in record.artifacts.items()]
    pairs += [(f"Index, {name}", str(value)) for name, value in record.index.items()]
    facts = el("dl", *(join(el("dt", name), el("dd", el("code", value))) for name, value in pairs), cls="facts")
    return el("section", el("h2", "What it answers by"), facts)


def _trial(record: DeploymentRecord, old: Seen | None, by_id: dict[str, Seen]) -> Safe:
    """What was seen of both, and how the sequential test stands; `old` None: it is not tried any more."""
    heads = ("Deployment", "Answers", "Failed", "Late", "Refusals", "Up", "Down", "Askers", "Rated up", "Rated down")
    rows = []
    for id, one in by_id.items():
        answers = (one.answers, one.failed, one.late, one.refused, one.up, one.down)
        counts = (*answers, one.askers, one.askers_up, one.askers_down)
        who = f"{id} (this one)" if id == record.id else id
        rows.append(el("tr", el("th", who, scope="row"), *(el("td", f"{n:,}", cls="number") for n in counts)))
    head = el("tr", *(el("th", words, scope="col", cls=None if n == 0 else "number") for n, words in enumerate(heads)))
    parts = [scrolling(el("table", el("thead", head), el("tbody", *rows), cls="list"), "What was seen")]
    if old is not None and record.rollout.kind == "canary":
        parts += _standing(record.rollout, old, by_id.get(record.id, Seen()))
    return el("div", el("h2", "The trial"), *parts)


def _standing(rollout: Rollout, old: Seen, new: Seen) -> list[Safe]:
    """How far the evidence is from what decides: shares of the logarithm that is asked for."""
    each, rows = math.log(1 / risk_of_each(rollout)), []
    for name, one in signals(rollout, old, new).items():
        drop = "no drop told" if one.drop is None else f"{100 * one.drop:+.1f} points"
        cells = (drop, _share(one.worse, each), _share(one.not_worse, math.log(1 / rollout.risk)))
        rows.append(el("tr", el("th", name, scope="row"), *(el("td", words, cls="number") for words in cells)))
    heads = (
        "Signal",
        "Drop of the share of good ones",
        "Evidence that it is worse",
        f"Evidence that it is not worse by {100 * rollout.margin:g} points",
    )
    head = el("tr", *(el("th", words, scope="col", cls=None if n == 0 else "number") for n, words in enumerate(heads)))
    words = (
        "At 100 % of the evidence that is asked for, in either signal, it ends as worse; at 100 % in both, it takes over. "
        "Each asker counts once, by the first answer and the first rating. "
        f"It may be looked at after every answer, at a risk of {rollout.risk:g} in all; after "
        f"{rollout.max_answers:,} answers it ends undecided."
    )
    table = el("table", el("thead", head), el("tbody", *rows), cls="list")
    return [el("h3", "The sequential test"), scrolling(table, "The sequential test"), el("p", words, cls="quiet small")]


def _share(evidence: float, needed: float) -> str:
    return f"{max(0.0, min(1.0, evidence / needed)):.0%}" if math.isfinite(evidence) else "0%"


def _differences(state: State, record: DeploymentRecord, viewer: Viewer) -> Safe:
    some, total = pairs(state, record.id, limit=SHOWN)
    if not total:
        return Safe("")
    title = el("h2", f"{count(total, 'answer')} in the shadow differ from the served ones")
    if viewer.groups is not None:
        why = "They are shown to who may read everything: nobody noted whom each was for."
        return el("section", title, el("p", why, cls="quiet"))
    items = [el("li", *_pair(one)) for one in some]
    note = el("p", f"The newest {len(some)}.", cls="quiet small") if total > len(some) else Safe("")
    return el("section", title, note, el("ol", *items))


def _pair(pair: Pair) -> list[Safe]:
    texts = [(name, _text(value)) for name, value in (("Asked", pair.question), ("Served", pair.old), ("Shadow", pair.new))]
    return [el("p", el("b", f"{name}: "), text, dir="auto") for name, text in texts]


def _text(value: object) -> str:
    row = value if isinstance(value, dict) else {}
    return str(row.get("text") or f"failed: {row.get('failure')}")[:1_000]


def _changes(request: Request, now: Standing) -> Safe:
    """Promote, and go back."""
    project = project_of(request)
    parts = [name_form(request, href("deployments"))]
    if not reviewer_of(request):
        return el("section", el("h2", "Promote or go back"), *parts)
    labels, chosen = _promotable(project), last_choice(project)
    if labels:
        rungs = [(one, f"{one}{', the choice' if one == chosen else ''}") for one in labels]
        share = el("input", type="number", name_="share", value="0.1", min="0.01", max="0.99", step="0.01")
        over = el("input", type="checkbox", name_="over", value="yes")
        ways = [(kind, words) for kind, words in KINDS.items() if kind == "full" or now.current]
        fields = [
            choice("Rung of the last verdict", "rung", rungs, chosen if chosen in labels else labels[0]),
            choice("How it comes in", "kind", ways, "full"),
            el("label", "Share of a canary", share),
            _reason("promote"),
            el("label", over, " Pass over checks that do not hold, in my name", cls="check"),
            el("p", el("button", "Promote through the gate", cls="main")),
        ]  # fmt: skip
        parts.append(
            el("form", el("h3", "Promote"), *fields, method="post", action=href("deployments", "promote"), cls="stack")
        )
    else:
        parts.append(el("p", "There is no verdict that measured a rung: 'rung compare' makes one.", cls="quiet"))
    if now.current:
        parts.append(_back(now))
    return el("section", el("h2", "Promote or go back"), *parts)


def _back(now: Standing) -> Safe:
    options = [("", f"end what is tried, {now.candidate}")] if now.candidate else []
    if not now.candidate and now.green:
        options.append(("", f"the last good one, {now.green}"))
    options += [(id, id) for id in reversed(now.earlier) if id != now.current]
    options.append((WINNER, "no deployment: the last verdict's winner"))
    fields = [
        choice("Go back to", "to", options, options[0][0]),
        _reason("go back"),
        el("p", el("button", "Go back")),
    ]
    return el("form", el("h3", "Go back"), *fields, method="post", action=href("deployments", "rollback"), cls="stack")


def _reason(what: str) -> Safe:
    return el("label", f"Why you {what}", el("input", name_="reason", required=True, maxlength=2_000))
