"""The queue: all that waits for a person, one entry after the other, decided as `rung review` decides."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Query
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from rung.commands.feedback_drafts import draft_from_feedback
from rung.commands.label_decay import label_decay, mark_for_review
from rung.dataset.proposals import Use
from rung.report.html.markup import Safe, el, join
from rung.report.numbers import count
from rung.web.forms import hidden
from rung.web.notices import notices_of
from rung.web.project_at_hand import at_hand_of, project_of
from rung.web.queue_decisions import Action, Chosen, Edit, Overtaken, decided, last_of, shown_row, undone, waiting_again
from rung.web.queue_entries import KINDS, Entry, Queue, queue
from rung.web.queue_pane import MAX_ROW, MAX_TEXT, TITLES, forms, pane, versions
from rung.web.reviewer import name_form, named_reviewer, reviewer_of
from rung.web.shell import Tab, href, page
from rung.web.viewer import editor_of, viewer_of

router = APIRouter()
TABS = (Tab("queue", "Queue"),)
Word = Annotated[str, Form(max_length=64)]
Key = Annotated[str, Query(max_length=64)]


@router.get("/queue")
def first(request: Request, kind: Key = "", at: Key = "", news: Key = "") -> Response:
    """What waits, and the entry that is looked at: `at`, else the first; `news` names what was just done."""
    if kind and kind not in KINDS:
        raise HTTPException(404)
    at_hand, viewer = at_hand_of(request), viewer_of(request)
    waits = queue(at_hand, viewer)
    shown = waits.of(kind)
    index = next((n for n, one in enumerate(shown) if one.key == at), 0)
    here = href("queue", kind=kind, at=at)
    may_decide = viewer.may_edit and bool(reviewer_of(request))
    parts = [
        _filters(waits, kind),
        _withheld(waits),
        _settling(waits),
        _news(request, notices_of(at_hand).text(news), kind, at),
    ]
    parts.append(name_form(request, here) if viewer.may_edit else el("p", "Your key may look, not decide.", cls="quiet"))
    if shown:
        following = shown[(index + 1) % len(shown)].key if len(shown) > 1 else ""
        parts += [_place(shown, index, kind), pane(shown[index], at_hand)]
        parts += [el("div", forms(shown[index], kind=kind, following=following), cls="decide")] if may_decide else []
    else:
        parts.append(_nothing(kind))
    parts.append(_notes(waits))
    if viewer.may_edit:
        parts.append(_more())
    return page(request, "Queue", *parts, scripts=("queue.js",))


class Decision(BaseModel):
    """A decision as a form sends it: what the entry was when it was shown, and what was written in its place."""

    kind: str = Field(max_length=64)
    subject: str = Field(max_length=MAX_TEXT)
    action: Action
    filter: str = Field("", max_length=64)
    following: str = Field("", max_length=64)
    reason: str = Field("", max_length=MAX_TEXT)
    shown: str = Field("", max_length=MAX_ROW)
    edited: str = Field("", max_length=10)
    question: str = Field("", max_length=MAX_TEXT)
    answers: str = Field("", max_length=MAX_TEXT)
    unanswerable: str = Field("", max_length=10)
    use: Use = "case"

    @property
    def edit(self) -> Edit | None:
        """What was written; None: it is decided on as it stands."""
        if not self.edited or self.action != "approve":
            return None
        lines = tuple(line for one in self.answers.splitlines() if (line := one.strip()))
        is_answerable = not self.unanswerable
        return Edit(self.question.strip(), lines if is_answerable else (), is_answerable, self.use)


@router.post("/queue/decide")
def decide(request: Request, form: Annotated[Decision, Form()]) -> Response:
    """Decide on an entry as it was shown; the next one is shown then."""
    by, edit = named_reviewer(request), form.edit
    chosen = Chosen(form.kind, form.subject, form.action, by, form.reason, edit)
    try:
        news = decided(at_hand_of(request), viewer_of(request), chosen)
    except Overtaken as overtaken:
        both = versions(shown_row(form.shown, form.subject), overtaken.now, edit)
        return _overtaken(request, overtaken, both, form.filter)
    return _shown(request, news, form.filter, form.following)


@router.post("/queue/undo")
def undo(request: Request, mark: Word, filter: Word = "", at: Word = "") -> Response:
    """Take back the last decision of whoever asks."""
    by, at_hand = named_reviewer(request), at_hand_of(request)
    last = undone(at_hand.project(), by, mark)
    entry = waiting_again(at_hand, viewer_of(request), last)
    if entry is not None:
        at, filter = entry.key, filter if filter == entry.kind else ""
    return _shown(request, f"taken back: {last.words}", filter, at)


@router.post("/queue/feedback")
def draft_feedback(request: Request) -> Response:
    """Draft cases and examples of what people said, as `rung feedback draft` does."""
    editor_of(request)
    done = draft_from_feedback(project_of(request))
    added = sum(done.added.values())
    left = f"; {len(done.proposals.left_out)} were not proposed" if done.proposals.left_out else ""
    news = f"{count(done.comments, 'comment')} read, {count(added, 'draft')} added{left}"
    return _shown(request, news)


@router.post("/queue/decay")
def mark_decay(request: Request) -> Response:
    """Look which gold moved or is gone, and make drafts of those rows, as `rung cases decay --mark` does."""
    editor_of(request)
    project = project_of(request)
    decay = label_decay(project)
    marked = mark_for_review(project, decay)
    counted = ", ".join(f"{n} {state}" for state, n in decay.counts.items())
    left = "".join(f"; {n} were not marked, as they {why}" for why, n in marked.left.items())
    news = f"gold of {count(decay.cases, 'case')}: {counted}; {count(marked.rows, 'row')} marked{left}"
    return _shown(request, news, "decay")


def _shown(request: Request, news: str, kind: str = "", at: str = "") -> Response:
    """The queue after something was done."""
    name = notices_of(at_hand_of(request)).hold(news)
    return RedirectResponse(href("queue", kind=kind, at=at, news=name), 303)


def _overtaken(request: Request, overtaken: Overtaken, both: Safe, kind: str) -> Response:
    why = el("p", f"Nothing was decided: {overtaken.why}.", cls="error", role="alert", dir="auto")
    at = overtaken.now.key if overtaken.now is not None else None
    words = "Look at it as it is now" if at else "Go on with the queue"
    on = el("p", el("a", words, href=href("queue", kind=kind, at=at), cls="button"))
    return page(request, "It changed meanwhile", why, both, on, status=409)


def _filters(waits: Queue, kind: str) -> Safe:
    counts: dict[str, int] = {"": len(waits.entries)} | {str(one): n for one, n in waits.counts.items()}
    titles: dict[str, str] = {"": "All", **TITLES}
    links = []
    for one, title in titles.items():
        if counts[one] or one == kind or not one:
            current = "true" if one == kind else None
            link = el("a", f"{title} {counts[one]:,}", href=href("queue", kind=one), aria_current=current)
            links.append(el("li", link))
    return el("div", el("ul", *links, cls="filters"), role="navigation", aria_label="Kinds")


def _withheld(waits: Queue) -> Safe:
    if not waits.withheld:
        return Safe("")
    what = "1 entry is" if waits.withheld == 1 else f"{waits.withheld:,} entries are"
    return el("p", f"{what} left out, which your groups may not read.", cls="quiet small")


def _news(request: Request, news: str, kind: str, at: str) -> Safe:
    """What was just done, and the last decision, to be taken back."""
    parts = [el("p", news, role="status", cls="notice", dir="auto")] if news else []
    viewer = viewer_of(request)
    last = last_of(project_of(request), reviewer_of(request)) if viewer.may_edit else None
    if last is not None:
        fields = hidden(mark=last.mark, filter=kind, at=at)
        undo = el("button", "Undo ", el("kbd", "u"), data_key="u", aria_keyshortcuts="u")
        words = el("span", f"Your last decision: {last.words}", cls="quiet small", dir="auto")
        parts.append(el("form", *fields, words, undo, method="post", action=href("queue", "undo"), cls="row"))
    return join(*parts)


def _place(shown: tuple[Entry, ...], index: int, kind: str) -> Safe:
    entry = shown[index]
    before, after = shown[index - 1].key, shown[(index + 1) % len(shown)].key
    links = [
        el("a", "Before", href=href("queue", kind=kind, at=before)),
        el("a", "Next", href=href("queue", kind=kind, at=after)),
    ]
    words = f"{index + 1:,} of {len(shown):,}"
    return el(
        "div", el("span", words), el("span", TITLES[entry.kind], cls="tag"), *(links if len(shown) > 1 else []), cls="pages"
    )


def _nothing(kind: str) -> Safe:
    return el("p", f"No {TITLES[kind].lower()} wait." if kind else "Nothing waits for a person.")


def _more() -> Safe:
    """What puts more into the queue."""
    decay = "Rows whose gold moved or is gone wait here until a person has mended it ('rung cases decay --mark')."
    buttons = (
        ("feedback", "Draft from feedback", "What people said of answers becomes drafts, by rules ('rung feedback draft')."),
        ("decay", "Look for decayed gold", decay),
    )
    rows = []
    for name, words, about in buttons:
        line = el("p", el("button", words), " ", el("span", about, cls="quiet small"))
        rows.append(el("form", line, method="post", action=href("queue", name)))
    hint = el("p", "'rung cases suggest' drafts cases from the documents.", cls="quiet small")
    return el("details", el("summary", "Put more into the queue"), *rows, hint)


def _notes(waits: Queue) -> Safe:
    return join(*(el("p", f"{TITLES[kind]}: {why}", cls="quiet small", dir="auto") for kind, why in waits.notes.items()))


def _settling(waits: Queue) -> Safe:
    plan = waits.plan
    if plan is None or not plan.answers:
        return Safe("")
    if plan.settled:
        words = "What labels can settle is settled: further ones make the intervals narrower."
    elif plan.more is None:
        words = "Labels alone would hardly settle the verdict; they correct the judge all the same."
    else:
        words = f"{count(plan.more, 'more case')} labelled would likely settle the verdict, about {plan.minutes} min."
    return el("p", f"{plan.labelled:,} of {plan.cases:,} cases are labelled. {words}", cls="quiet small")
