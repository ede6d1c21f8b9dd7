"""A decision on an entry of the queue, by the functions that the terminal decides by; none on what was not shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from rung.commands.label_cases import label, last_labels, unlabel
from rung.commands.review import Waiting, check_decision, decide, subject_of_row, waiting
from rung.commands.stakes_review import WaitingDeployment, decide_deployment, decide_rows
from rung.commands.undo import last_decision, subject_of, take_back
from rung.config.project import Project
from rung.dataset.high_stakes import DRAFT
from rung.dataset.proposals import Use
from rung.dataset.review_log import Event, approvers, in_force, reviews
from rung.errors import UserError
from rung.records import Json, canonical, digest
from rung.records.deployment import SHOWN
from rung.scoring.answer_labels import AnswerLabel, answer_digest
from rung.text.parsing import Malformed, json_of
from rung.web.project_at_hand import ProjectAtHand
from rung.web.queue_entries import Entry, Label, Teaching, draft_entry, labelled_entry, may_see, queue
from rung.web.viewer import Viewer

Action = Literal["approve", "reject", "skip"]
_WORDS = {"approve": "approved", "reject": "rejected", "split": "divided", "undo": "taken back"}
_LABELS = {True: "called good", False: "called not good", None: "skipped"}


@dataclass(frozen=True, slots=True)
class Edit:
    """What a person wrote in place of a draft's own. `answers`: () where `answerable` is False, or nothing was written."""

    question: str
    answers: tuple[str, ...]
    answerable: bool
    use: Use


@dataclass(frozen=True, slots=True)
class Chosen:
    """A decision as it was sent. `subject`: of the entry as it was shown; `edit` None: it is approved as it stands."""

    kind: str
    subject: str
    action: Action
    by: str
    reason: str = ""
    edit: Edit | None = None


class Overtaken(UserError):
    """The entry is not what was shown any more. `now`: what it is, None where nothing of it waits; `why`: what happened."""

    def __init__(self, why: str, now: Entry | None) -> None:
        self.why, self.now = why, now
        super().__init__(why)


@dataclass(frozen=True, slots=True)
class LastDecision:
    """What somebody decided last, and can take back. `mark` names it."""

    words: str
    mark: str
    event: Event | None = None
    labels: tuple[AnswerLabel, ...] = ()


def decided(at_hand: ProjectAtHand, viewer: Viewer, chosen: Chosen) -> str:
    """Carry a decision out; what came of it, in a sentence.

    Raises:
        Overtaken: the entry is not what was shown any more.
        UserError: it may not be decided so; says why.
    """
    project = at_hand.project()
    if chosen.kind == "label":
        return _labelled(at_hand, viewer, chosen)
    entry = next((one for one in queue(at_hand, viewer).entries if one.subject == chosen.subject), None)
    if entry is None:
        raise _overtaken(at_hand, viewer, chosen)
    if isinstance(entry.item, Waiting):
        return _drafted(at_hand, viewer, entry.item, chosen)
    action = _no_skip(chosen.action)
    if isinstance(entry.item, Teaching):
        only = [entry.item.waits.digest]
        decide_rows(project, action, by=chosen.by, reason=chosen.reason, only=only)
        return f"{_WORDS[action]}: a row that would teach"
    assert isinstance(entry.item, WaitingDeployment)
    names = decide_deployment(project, entry.item.digest, action, by=chosen.by, reason=chosen.reason)
    return _waits(project, names, action, f"deployment {entry.item.digest[:SHOWN]}")


def last_of(project: Project, by: str) -> LastDecision | None:
    """What this person decided or labelled last and did not take back; None: nothing.

    Raises:
        UserError: the log of reviews, or a label, cannot be read.
    """
    if not by:
        return None
    event, labels = last_decision(project, by), last_labels(project, by)
    if event is None and not labels:
        return None
    if event is None or (labels and _time(labels[0].at) >= _time(str(event.get("at")))):
        words = f"{_LABELS[labels[0].good]}: an answer to {labels[0].case}"
        return LastDecision(words, digest("label", labels[0].case, labels[0].at)[:SHOWN], None, labels)
    words = f"{_WORDS[str(event.get('action'))]}: {event.get('what', 'draft')} {subject_of(event)}"
    return LastDecision(words, digest("event", canonical(dict(event)))[:SHOWN], event)


def undone(project: Project, by: str, mark: str) -> LastDecision:
    """Take back what somebody decided last, where it is what they were shown.

    Returns:
        What was taken back.

    Raises:
        UserError: they decided something else since, or nothing; the row was changed meanwhile.
    """
    last = last_of(project, by)
    if last is None or last.mark != mark:
        raise UserError("that is not your last decision any more: look at the queue again")
    if last.event is not None:
        take_back(project, by=by, expected=last.event)
    else:
        unlabel(project, last.labels)
    return last


def waiting_again(at_hand: ProjectAtHand, viewer: Viewer, last: LastDecision) -> Entry | None:
    """The entry that waits again since a decision was taken back; None: none that who looks may read.

    Raises:
        UserError: the index cannot be opened.
    """
    event, labels = last.event or {}, {(one.case, one.answer) for one in last.labels}
    subjects = (event.get("subject"), _subject(event.get("before")), *_listed(event.get("rows")))
    for entry in queue(at_hand, viewer).entries:
        if isinstance(entry.item, Label):
            if any((one.case, answer_digest(one.case, one.response)) in labels for one in entry.item.copies):
                return entry
        elif entry.subject in subjects or (isinstance(entry.item, WaitingDeployment) and entry.item.digest in subjects):
            return entry
    return None


def _labelled(at_hand: ProjectAtHand, viewer: Viewer, chosen: Chosen) -> str:
    """A label counts beside another's: two people may say different things of one answer."""
    project = at_hand.project()
    entry = labelled_entry(project, viewer, chosen.subject)
    if entry is not None and not may_see(entry, viewer, at_hand):
        entry = None
    if entry is None or not isinstance(entry.item, Label):
        raise Overtaken("another verdict came meanwhile, and no rung that is compared gives this answer in it", None)
    check_decision(chosen.action, chosen.by, chosen.reason or "a label says no more")
    replies: dict[Action, Literal["yes", "no", "skip"]] = {"approve": "yes", "reject": "no", "skip": "skip"}
    label(project, entry.item.plan, entry.item.copies, replies[chosen.action], by=chosen.by)
    good = {"approve": True, "reject": False}.get(chosen.action)
    return f"{_LABELS[good]}: an answer to {entry.item.shown.case}"


def _drafted(at_hand: ProjectAtHand, viewer: Viewer, draft: Waiting, chosen: Chosen) -> str:
    project, edit = at_hand.project(), chosen.edit
    before = draft
    if edit is not None:
        draft = draft.used_as(edit.use)
        draft = draft.mended(question=edit.question, answers=edit.answers, answerable=edit.answerable)
        if draft.row != before.row and not chosen.reason.strip():
            raise UserError("say why it is edited: the reason is kept with the decision")
    action = _no_skip(chosen.action)
    try:
        names = decide(project, draft, action, by=chosen.by, reason=chosen.reason)
    except UserError as error:
        if not any(one.subject == before.subject for one in waiting(project)):
            raise _overtaken(at_hand, viewer, chosen) from error
        raise
    return _waits(project, names, action, f"'{draft.id}'")


def _waits(project: Project, names: Sequence[str], action: str, what: str) -> str:
    left = project.settings.review.reviewers - len(names)
    more = f"; {left} more {'has' if left == 1 else 'have'} to" if action == "approve" and left > 0 else ""
    return f"{_WORDS[action]}: {what}{more}"


def _no_skip(action: Action) -> Literal["approve", "reject"]:
    if action == "skip":
        raise UserError("what is skipped is decided on by nobody: go on to the next")
    return action


def _overtaken(at_hand: ProjectAtHand, viewer: Viewer, chosen: Chosen) -> Overtaken:
    """What became of an entry that is not as it was shown: who decided on it, or how it stands now."""
    project, id = at_hand.project(), chosen.subject.rpartition(":")[0]
    draft = next((one for one in waiting(project) if id and one.id == id), None)
    now = None
    if draft is not None:
        entry = draft_entry(draft)
        visible = queue(at_hand, viewer).entries if viewer.groups is not None else (entry,)
        now = next((one for one in visible if one.subject == entry.subject), None)
    event = _decision(project, chosen.subject, draft)
    if event is not None:
        why = f": {event['reason']}" if event.get("reason") else ""
        words = f"{event.get('by')} has {_WORDS[str(event.get('action'))]} it meanwhile ({event.get('at')}){why}"
        return Overtaken(words, now)
    if draft is not None:
        return Overtaken(f"its row was changed since you were shown it: {draft.path.name}:{draft.line}", now)
    return Overtaken("it does not wait any more: its row was changed, or taken out of its file", None)


def _decision(project: Project, subject: str, now: Waiting | None) -> Event | None:
    """The decision that made an entry another, or ended it; None: none did, but somebody changed its row.

    One that was taken back did not, nor an approval after which it waited on, as it was.
    """
    events = in_force(reviews(project))
    own = (
        one
        for one in reversed(events)
        if subject in (one.get("subject"), _subject(one.get("before")), *_listed(one.get("rows")))
    )
    event = next((one for one in own if one.get("action") in _WORDS), None)
    if event is None or event.get("action") != "approve" or event.get("what", DRAFT) != DRAFT:
        return event
    if now is not None:
        return event if _subject(event.get("after")) == now.subject != subject else None
    names = approvers(events, DRAFT, str(event.get("subject")))
    return event if len(names) >= project.settings.review.reviewers else None


def _subject(row: Json) -> str | None:
    """What names a draft as this row has it; None: it is none."""
    return subject_of_row(row) if isinstance(row, dict) else None


def _listed(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def shown_row(text: str, subject: str) -> dict[str, Json] | None:
    """The row that a page carried along, where it is the one that its subject names."""
    try:
        row = json_of(text)
    except Malformed:
        return None
    return row if isinstance(row, dict) and subject == subject_of_row(row) else None


def _time(text: str) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return 0.0
