"""One entry of the queue as a person judges it: what is asked, proposed and said, where it stands, and what can be done."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

from rung.commands.feedback_drafts import comments
from rung.commands.review import Waiting
from rung.commands.stakes_review import WaitingDeployment
from rung.dataset.proposals import Use
from rung.records import Case, Json
from rung.records.deployment import SHOWN
from rung.report.html.markup import Safe, el, join
from rung.web.forms import choice, hidden
from rung.web.project_at_hand import ProjectAtHand
from rung.web.queue_decisions import Edit
from rung.web.queue_entries import Entry, Label, Teaching, evidence_of
from rung.web.readable import document_link, quoted_passage
from rung.web.shell import href

TITLES: dict[str, str] = {
    "label": "Answers to label",
    "disagreement": "Disagreements",
    "feedback": "Feedback",
    "draft": "Drafted cases",
    "decay": "Decayed gold",
    "training": "Rows that would teach",
    "deployment": "Deployments",
}
_USES: dict[Use, str] = {
    "case": "a case: it judges",
    "train": "a train case: it teaches",
    "example": "an example: it teaches",
}
MAX_TEXT = 20_000  # characters of a field
MAX_ROW = 1_000_000  # characters of a row that a form carries along, to be shown beside what it is by then


def pane(entry: Entry, at_hand: ProjectAtHand) -> Safe:
    """All that is needed to judge an entry."""
    item = entry.item
    if isinstance(item, Label):
        facts = list(_of_label(item))
    elif isinstance(item, Waiting):
        facts = list(_of_draft(item))
    elif isinstance(item, Teaching):
        facts = list(_of_row(item))
    else:
        facts = list(_of_deployment(item))
    if isinstance(item, Waiting) and (words := _comments(item, at_hand)):
        facts.append(("Who said what", el("ul", *words)))
    listed = el("dl", *(join(el("dt", name), el("dd", value)) for name, value in facts), cls="facts")
    passages = [quoted_passage(at_hand, document, quote, span) for document, quote, span in evidence_of(entry)]
    if passages:
        source = join(el("h3", "Where it stands, in the documents as they were last indexed"), *passages)
    elif isinstance(item, WaitingDeployment):
        source = Safe("")
    else:
        source = el("p", "No document is named as its evidence.", cls="quiet small")
    return el(
        "article",
        el("h2", entry.title or "(no question)", dir="auto"),
        listed,
        source,
        cls="pane",
        id="entry",
        tabindex="-1",
    )


def versions(shown: dict[str, Json] | None, now: Entry | None, edit: Edit | None) -> Safe:
    """Both versions of a draft that changed under somebody's hands, and what they wrote, side by side."""
    parts = [el("div", el("h2", "As you were shown it"), _row_facts(shown), cls="pane")] if shown is not None else []
    if now is not None and isinstance(now.item, Waiting):
        parts.append(el("div", el("h2", "As it is now"), _row_facts(dict(now.item.row)), cls="pane"))
    if edit is not None:
        wrote = [("Question", edit.question), ("Answers", "\n".join(edit.answers))]
        facts = el(
            "dl", *(join(el("dt", name), el("dd", value, dir="auto", cls="text")) for name, value in wrote), cls="facts"
        )
        parts.append(el("div", el("h2", "What you wrote"), facts, cls="pane"))
    return el("div", *parts, cls="columns") if parts else Safe("")


def forms(entry: Entry, *, kind: str, following: str) -> Safe:
    """What can be done with an entry; each by a key, a button, and without scripts.

    Args:
        entry: that is shown.
        kind: that is filtered by, "" is none.
        following: key of the entry that comes after it, "" where none does.
    """
    unseen = _unseen(entry, kind, following)
    if isinstance(entry.item, Label):
        buttons = [("approve", "Good", "a", "main"), ("reject", "Not good", "r", None), ("skip", "Skip", "s", None)]
        pressed = [_button(action, words, key, cls) for action, words, key, cls in buttons]
        return el("form", *unseen, *pressed, method="post", action=href("queue", "decide"), cls="row")
    skip = el(
        "a",
        "Skip",
        " ",
        el("kbd", "s"),
        href=href("queue", kind=kind, at=following or entry.key),
        cls="button",
        data_key="s",
    )
    approve = el(
        "form", *unseen, _button("approve", "Approve", "a", "main"), skip,
        method="post", action=href("queue", "decide"), cls="row",
    )  # fmt: skip
    parts = [approve]
    if isinstance(entry.item, Waiting):
        parts.append(_edit_form(entry.item, unseen))
    parts.append(_reject_form(unseen))
    return join(*parts)


def _unseen(entry: Entry, kind: str, following: str) -> list[Safe]:
    row = json.dumps(dict(entry.item.row), ensure_ascii=False) if isinstance(entry.item, Waiting) else ""
    fields = hidden(kind=entry.kind, subject=entry.subject, filter=kind, following=following)
    return fields + (hidden(shown=row) if row and len(row) <= MAX_ROW else [])


def _button(action: str, words: str, key: str, cls: str | None) -> Safe:
    label = join(words, " ", el("kbd", key))
    return el("button", label, name_="action", value=action, cls=cls, data_key=key, aria_keyshortcuts=key)


def _reject_form(unseen: list[Safe]) -> Safe:
    field = el("label", "Why it is rejected", el("input", name_="reason", required=True, maxlength=MAX_TEXT))
    form = el(
        "form", *unseen, *hidden(action="reject"), field, el("button", "Reject"),
        method="post", action=href("queue", "decide"), cls="row",
    )  # fmt: skip
    return el("details", el("summary", "Reject ", el("kbd", "r"), data_key="r"), form)


def _edit_form(draft: Waiting, unseen: list[Safe]) -> Safe:
    answers = "\n".join(draft.answers)
    box = el("input", type="checkbox", name_="unanswerable", value="yes", checked=draft.row.get("answerable") is False)
    fields = [
        _area("Question", "question", draft.question, required=True),
        _area("Accepted answers, one a line", "answers", answers),
        el("label", box, " No document has the answer: saying so is right", cls="check"),
        choice("Use it as", "use", list(_USES.items()), draft.use),
        el("label", "Why it is edited", el("input", name_="reason", required=True, maxlength=MAX_TEXT)),
        *hidden(action="approve", edited="yes"),
        el("p", el("button", "Approve as edited", cls="main")),
    ]
    form = el("form", *unseen, *fields, method="post", action=href("queue", "decide"), cls="stack")
    return el("details", el("summary", "Edit ", el("kbd", "e"), data_key="e"), form)


def _area(title: str, name: str, text: str, *, required: bool = False) -> Safe:
    area = el("textarea", text, name_=name, required=required, maxlength=MAX_TEXT, dir="auto")
    return el("label", title, area)


def _of_label(item: Label) -> Iterator[tuple[str, Safe]]:
    shown = item.shown
    listed = [el("li", text, dir="auto") for text in shown.references]
    none = Safe("no answer is given; where none is known, saying so may be right")
    yield "Accepted", el("ul", *listed) if listed else none
    yield "Answer", el("div", shown.response, cls="text", dir="auto")
    copies = f" and {len(item.copies) - 1} copies" if len(item.copies) > 1 else ""
    yield "Case", join(el("code", shown.case), copies, "; which rung says so is not shown, so that you judge it blind")


def _of_draft(item: Waiting) -> Iterator[tuple[str, Safe]]:
    yield from _row_pairs(dict(item.row))
    yield "Use", join(_USES[item.use])
    for key, name in (("answers_given", "Was answered"), ("asked_as", "Asked as")):
        texts = _texts(item.meta(key))
        if texts:
            yield name, el("ul", *(el("li", text, dir="auto") for text in texts))
    for key, name in (("note", "Note"), ("personal", "Personal data"), ("deployments", "Deployments")):
        value = item.meta(key)
        shown = ", ".join(_texts(value)) if isinstance(value, list) else str(value or "")
        if shown:
            yield name, join(shown)
    so_far = f"; approved by {', '.join(item.by)}" if item.by else ""
    kind = f", {item.meta('kind')}" if item.meta("kind") else ""
    yield "Draft", join(el("code", item.id), f" by {item.row.get('drafted_by')}{kind}, {item.path.name}:{item.line}{so_far}")
    if not item.is_named:
        yield "Not used yet", join(f"rung.yaml does not name {item.path.name}: until it does, what is approved does nothing")


def _comments(item: Waiting, at_hand: ProjectAtHand) -> list[Safe]:
    """What people said, each with who, when and of what."""
    remarks, expected = (set(_numbers(item.meta(name))) for name in ("feedback", "expectations"))
    if not remarks | expected:
        return []
    lines = []
    for one in comments(at_hand.state()):
        if one.number in remarks or one.expectation in expected:
            at = datetime.fromtimestamp(one.at / 1000, UTC).strftime("%Y-%m-%d %H:%M")
            opinion = "" if one.is_good is None else " good" if one.is_good else " bad"
            of = join(" ", el("q", one.answer, dir="auto"), " is") if one.answer and opinion else Safe("")
            right = " | ".join(one.expected or ()) or "that there is no answer"
            says = join("; right is: ", el("q", right, dir="auto")) if one.expected is not None else Safe("")
            lines.append(el("li", el("b", one.caller, dir="auto"), f" ({at} UTC):", of, opinion, says))
    return lines


def _numbers(value: Json) -> list[int]:
    return [one for one in value if isinstance(one, int) and one] if isinstance(value, list) else []


def _of_row(item: Teaching) -> Iterator[tuple[str, Safe]]:
    row = item.row
    if isinstance(row, Case):
        answers = [el("li", text, dir="auto") for text in row.answers]
        yield "Accepted", el("ul", *answers) if answers else Safe("none: it should refuse")
    elif row is not None:
        yield "Teaches", join(*(el("p", el("b", f"{turn.role}: "), turn.content, dir="auto") for turn in row.messages))
    else:
        yield "Teaches", el("span", item.waits.shown, dir="auto")
    so_far = f"; approved by {', '.join(item.waits.by)}" if item.waits.by else ""
    yield "Row", join(el("code", item.waits.id), f" · {item.waits.place}{so_far}")


def _of_deployment(item: WaitingDeployment) -> Iterator[tuple[str, Safe]]:
    yield "Asked for by", join(item.asked_by)
    yield "Answers by", el("code", item.digest[:SHOWN])
    checks = [el("li", f"{'holds' if holds else 'does not hold'}: {name}: {says}") for holds, name, says in item.checks]
    yield "The gate", el("ul", *checks) if checks else Safe("nothing is kept of it")
    if item.by:
        yield "Approved by", join(", ".join(item.by))


def _row_facts(row: dict[str, Json] | None) -> Safe:
    pairs = [("Question", el("span", _question(row or {}), dir="auto")), *_row_pairs(row or {})]
    return el("dl", *(join(el("dt", name), el("dd", value)) for name, value in pairs), cls="facts")


def _row_pairs(row: dict[str, Json]) -> Iterator[tuple[str, Safe]]:
    """What a row of a case or an example says, but its question."""
    turns = row.get("messages")
    listed = [one for one in turns if isinstance(one, dict)] if isinstance(turns, list) else []
    if "question" in row and listed:
        yield "Earlier turns", join(*(_turn(one) for one in listed))
    if "question" not in row:
        yield "Teaches", join(*(_turn(one) for one in listed)) if listed else Safe("nothing")
    else:
        answers = [el("li", text, dir="auto") for text in _texts(row.get("answers"))]
        none = "none, and that is right" if row.get("answerable") is False else "none yet"
        yield "Accepted", el("ul", *answers) if answers else el("em", none)
    if isinstance(row.get("as"), list):
        yield "Asked by", join(", ".join(_texts(row.get("as"))) or "nobody in particular (no group)")
    evidence = row.get("evidence")
    named = [str(one.get("document")) for one in evidence if isinstance(one, dict)] if isinstance(evidence, list) else []
    if named:
        yield "Evidence", join(*(el("p", document_link(one)) for one in dict.fromkeys(named)))


def _question(row: dict[str, Json]) -> str:
    if "question" in row:
        return str(row["question"])
    turns = row.get("messages")
    asked = [one.get("content") for one in turns if isinstance(one, dict)] if isinstance(turns, list) else []
    return str(asked[-2]) if len(asked) > 1 else ""


def _turn(turn: dict[str, Json]) -> Safe:
    return el("p", el("b", f"{turn.get('role')}: "), str(turn.get("content") or ""), dir="auto")


def _texts(value: Json) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []
