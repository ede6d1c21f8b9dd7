"""What a person changes from a case: a word on an answer, its gold, a new case made of it, the verdict anew."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import fields
from datetime import UTC, datetime
from urllib.parse import parse_qsl, urlsplit

from fastapi import APIRouter
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from rung.commands.mend_rows import CASE, RowLine, add_draft, changed_by, replace_row, seen_row
from rung.config.project import Project
from rung.dataset.case_rows import case_of
from rung.dataset.review_log import deciding
from rung.errors import UserError
from rung.loop import rescore
from rung.pipeline.judge_labels import add_labels
from rung.pipeline.publishing import read_list
from rung.records import Json, Outcome, digest
from rung.report.html.markup import Safe, el, join
from rung.report.ragas import response_of
from rung.scoring.answer_labels import CHOSEN, AnswerLabel, answer_digest
from rung.text.parsing import Malformed, json_of
from rung.web.background import AGAIN, Underway
from rung.web.case_at_hand import CaseAtHand, case_at_hand
from rung.web.case_index import CaseFilter, CaseIndex
from rung.web.cases import index_of_run, number_of
from rung.web.document_access import readable_texts
from rung.web.forms import Sent, hidden, sent_from, text_in, texts_in
from rung.web.jobs import UnderWay, background_of, job_pane
from rung.web.project_at_hand import ProjectAtHand, at_hand_of, project_of
from rung.web.reviewer import by_field, done, reviewer_of, who
from rung.web.runs import Number
from rung.web.shell import href, page
from rung.web.viewer import Viewer, editor_of, viewer_of

router = APIRouter()
TABS = ()
_FREE = 2  # empty fields for further answers
_DIGITS = 12  # of the number of a character


def label_form(request: Request, case: str, rung: str, *, run: int) -> Safe:
    """Where a person says whether an answer is right, whatever its grade."""
    buttons = [
        el("button", f"It is {word}", name_="good", value=value) for word, value in (("right", "yes"), ("wrong", "no"))
    ]
    form = el(
        "form", *hidden(case=case, rung=rung), by_field(request), *(join(button, " ") for button in buttons),
        method="post", action=href("runs", run, "label"), cls="row",
    )  # fmt: skip
    return el("details", el("summary", f"The grade of {rung} is wrong"), form)


def digest_of(case: str, outcome: Outcome) -> str:
    """By which labels name an answer."""
    return answer_digest(case, "" if outcome.answer is None else response_of(outcome.answer))


def changes_section(request: Request, at_hand: CaseAtHand, *, run: int) -> Safe:
    """Forms to mend the case, to make another of it, and to score again."""
    forms = [_draft_form(request, at_hand, run), rescore_form(run)]
    if at_hand.line is not None:
        forms.insert(0, _gold_form(request, at_hand, at_hand.line, run))
    return el("section", el("h2", "Mend it", id="mend"), *forms, aria_labelledby="mend")


def rescore_form(run: int) -> Safe:
    """The button that scores a run again, and what that is."""
    words = (
        "Scores, gaps and the choice anew from the stored answers, by today's cases; no rung is asked anything, a judge "
        "may be. In a terminal: "
    )
    return el(
        "form", el("p", words, el("code", f"rung rescore {run}"), cls="small"), el("button", "Score this run again"),
        method="post", action=href("runs", run, "rescore"),
    )  # fmt: skip


def _gold_form(request: Request, at_hand: CaseAtHand, line: RowLine, run: int) -> Safe:
    row, case = line.row, at_hand.case
    answers = [*map(_shown, _list(row.get("answers"))), *[""] * _FREE]
    fields = [
        el("label", f"Accepted answer {number}", el("textarea", answer, name_="answer", rows=2, dir="auto"))
        for number, answer in enumerate(answers, 1)
    ]
    for number, item in enumerate([*_list(row.get("evidence")), {}], 1):
        entry = item if isinstance(item, dict) else {}
        fields.append(_evidence_fields(number, entry, item))
    documents = row.get("gold_documents")
    listed = [documents] if isinstance(documents, str) else [str(one) for one in _list(documents)]
    fields.append(el("label", "Gold documents, one on a line", el("textarea", "\n".join(listed), name_="documents", rows=2)))
    box = el("input", type="checkbox", name_="refuse", value="yes", checked=not case.answerable)
    fields.append(el("label", box, " The documents hold no answer: it should refuse"))
    form = el(
        "form", *hidden(case=case.id, stamp=line.stamp), *fields, by_field(request),
        el("button", "Write it into the case", cls="main"),
        method="post", action=href("runs", run, "gold"), cls="stack",
    )  # fmt: skip
    about = el(
        "p", "Written to ", el("code", case.place), ", this line alone. What is left empty is left out.", cls="quiet small"
    )
    return el("details", el("summary", "Change its accepted answers and its gold"), about, form)


def _evidence_fields(number: int, entry: dict[str, Json], item: Json) -> Safe:
    span = f"{entry.get('start', '')}-{entry.get('end', '')}" if "start" in entry or "end" in entry else ""
    return el(
        "fieldset",
        el("legend", f"Evidence {number}"),
        *hidden(was=json.dumps(item, ensure_ascii=False)),
        el("label", "Document", el("input", name_="document", value=str(entry.get("document", "")), dir="auto")),
        el("label", "Quote", el("textarea", str(entry.get("quote", "")), name_="quote", rows=2, dir="auto")),
        el("label", "or characters, such as 10-25", el("input", name_="span", value=span, pattern="\\d+-\\d+")),
    )


def _draft_form(request: Request, at_hand: CaseAtHand, run: int) -> Safe:
    case = at_hand.case
    form = el(
        "form", *hidden(case=case.id),
        el("label", "Question", el("textarea", case.question, name_="question", rows=3, required=True, dir="auto")),
        el("p", "It takes over the accepted answers, the gold and the asker of this case; whoever approves it mends them.",
           cls="quiet small"),
        by_field(request), el("button", "Draft it"),
        method="post", action=href("runs", run, "draft"), cls="stack",
    )  # fmt: skip
    return el("details", el("summary", "Make a new case of it"), form)


@router.post("/runs/{number}/label")
def label(request: Request, number: Number, form: Sent) -> Response:
    """A person's word on an answer."""
    viewer, project = editor_of(request), project_of(request)
    index, case = _case(request, number, form)
    by, rung, good = who(viewer, form), text_in(form, "rung"), {"yes": True, "no": False}.get(text_in(form, "good"))
    readable = index.readable(viewer.groups)
    if rung not in index.rungs or good is None or (readable and not readable.answers[index.rungs.index(rung), case]):
        raise HTTPException(400, "say of which rung's answer it is, and whether it is right")
    id, outcome = index.ids[case], index.outcomes(case)[0].get(rung)
    if outcome is None:
        raise HTTPException(400, f"{rung} did not answer this case")
    at = datetime.now(UTC).isoformat(timespec="seconds")
    with deciding(project):
        add_labels(project, [AnswerLabel(id, rung, digest_of(id, outcome), good, by, at, CHOSEN, 0)])
    return done(request, _case_address(request, number, id, "label"), by)


@router.post("/runs/{number}/gold")
def gold(request: Request, number: Number, form: Sent) -> Response:
    """The gold of a case as a person wrote it."""
    viewer, project = editor_of(request), project_of(request)
    index, case = _case(request, number, form)
    by, at_hand = who(viewer, form), case_at_hand(project, viewer, index, case)
    if at_hand.line is None:
        raise UserError(" ".join(at_hand.remarks))
    location = at_hand.case.place
    seen = (location, text_in(form, "stamp"))
    line = seen_row(project, CASE, seen)
    if line.stamp != at_hand.line.stamp:
        raise UserError(f"{location}: nothing was written: the row that you sent is not this case's: open the page again")
    after = changed_by(line.row, _gold_of(form, line), by)
    _check_evidence(project, viewer, after, location)
    replace_row(project, CASE, seen, after, by=by)
    return done(request, _case_address(request, number, index.ids[case], "gold"), by)


@router.post("/runs/{number}/draft")
def draft(request: Request, number: Number, form: Sent) -> Response:
    """A new case made of one."""
    viewer, project = editor_of(request), project_of(request)
    index, case = _case(request, number, form)
    by, question = who(viewer, form), text_in(form, "question").strip()
    at_hand = case_at_hand(project, viewer, index, case)
    if not question or question == at_hand.case.question:
        raise HTTPException(400, "write another question: this one is asked already")
    before = {} if at_hand.line is None else at_hand.line.row
    taken = ("answers", "answerable", "evidence", "gold_documents", "as", "messages", "calls")
    row: dict[str, Json] = {"id": f"{index.ids[case]}-{digest(question)[:6]}", "question": question}
    row |= {key: before[key] for key in taken if key in before}
    if "answers" not in row:
        row |= {"answers": list(at_hand.case.answers)}
    add_draft(project, {**row, "drafted_by": by, "meta": {"made_of": index.ids[case]}})
    return done(request, _case_address(request, number, index.ids[case], "draft"), by)


def _case_address(request: Request, number: int, id: str, did: str) -> str:
    """A case's page, among those of the filter that one came with."""
    sent = dict(parse_qsl(urlsplit(sent_from(request)).query))
    return href("runs", number, "cases", id, **{one.name: sent.get(one.name) for one in fields(CaseFilter)}, done=did)


def _case(request: Request, number: int, form: FormData) -> tuple[CaseIndex, int]:
    index = index_of_run(request, number)
    if isinstance(index, Underway):
        raise HTTPException(503, "the answers of this run are being read: send it again in a moment")
    return index, number_of(index, text_in(form, "case"), editor_of(request).groups)


def _gold_of(form: FormData, line: RowLine) -> dict[str, Json]:
    """The keys of a row that the form changes."""
    before = {_shown(one): one for one in _list(line.row.get("answers"))}
    answers: list[Json] = [before.get(text, text) for text in texts_in(form, "answer") if text.strip()]
    evidence: list[Json] = _evidence_of(form)
    documents: list[Json] = [name.strip() for name in text_in(form, "documents").split("\n") if name.strip()]
    refuses = text_in(form, "refuse") == "yes"
    if refuses and answers:
        raise UserError("a case whose documents hold no answer has none: take the accepted answers out")
    changes: dict[str, Json] = {"answers": answers}
    if "answerable" in line.row or refuses or not answers:
        changes["answerable"] = not refuses
    if "evidence" in line.row or evidence:
        changes["evidence"] = evidence
    if "gold_documents" in line.row or documents:
        changes["gold_documents"] = documents
    return changes


def _evidence_of(form: FormData) -> list[Json]:
    items: list[Json] = []
    columns = [texts_in(form, name) for name in ("was", "document", "quote", "span")]
    for was, document, quote, span in zip(*columns, strict=False):
        try:
            before = json_of(was) if was else {}
        except Malformed as error:
            raise HTTPException(400, f"nothing was written: a field of this form is no JSON: {error}") from error
        entry = dict(before) if isinstance(before, dict) else {}
        entry |= {"document": document.strip()}
        for key in ("quote", "start", "end"):
            entry.pop(key, None)
        start, _, end = (part.strip() for part in span.partition("-"))
        if quote.strip():
            entry["quote"] = quote
        if start.isdecimal() and end.isdecimal() and max(len(start), len(end)) <= _DIGITS:
            entry |= {"start": int(start), "end": int(end)}
        elif span.strip():
            raise HTTPException(400, f"'{span[:40]}': characters are two numbers, such as 10-25; nothing was written")
        if document.strip():
            items.append(entry)
    return items


def _check_evidence(project: Project, viewer: Viewer, row: dict[str, Json], location: str) -> None:
    """Refuse evidence that the documents which a viewer may read do not have: of others not even that they are there."""
    from rung.dataset.load import Dataset, with_evidence
    from rung.knowledge import find_quote

    try:
        case, evidence = case_of(dict(row), location, judged=project.settings.bar.metric == "judge", drafts=True)
    except ValueError as error:
        raise UserError(f"{location}: nothing was written: the row {error}") from error
    text_of = readable_texts(project, viewer)
    if text_of is None:
        return
    checked = with_evidence(Dataset(cases=(case,), quotes={case.id: evidence}), text_of, find_quote)
    if checked.problems:
        raise UserError(f"{checked.problems[0]}; nothing was written")


def _list(value: Json) -> Sequence[Json]:
    return value if isinstance(value, list) else []


def _shown(answer: Json) -> str:
    return answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)


# --- the verdict anew ---------------------------------------------------------------------------------------------------


@router.post("/runs/{number}/rescore")
def score_again(request: Request, number: Number) -> Response:
    """Begin to score a run again; where somebody has begun it, it is theirs that is shown."""
    editor_of(request)
    at_hand, project = at_hand_of(request), project_of(request)
    scored = _scored(at_hand)

    def work() -> str:
        folder = rescore(project, str(number)).published.folder.name
        scored[number] = next(line.number for line in reversed(read_list(project)) if line.verdict == folder)
        return f"the new verdict is run {scored[number]}"

    with suppress(UnderWay):
        background_of(at_hand).start(_job_of(number), f"Scoring run {number} again", work, by=reviewer_of(request))
    return RedirectResponse(href("runs", number, "rescored"), 303)


@router.get("/runs/{number}/rescored")
def scored_again(request: Request, number: Number) -> Response:
    """How far it is, and what came of it."""
    at_hand = at_hand_of(request)
    job = background_of(at_hand).job(_job_of(number))
    if job is None:
        raise HTTPException(404, "this server knows nothing of it: the list of runs has what there is")
    parts = [job_pane(job, viewer_of(request))]
    if job.state == "done":
        run = _scored(at_hand)[number]
        link = el("a", f"run {run}", href=href("runs", run))
        what_if = el("a", "what if", href=href("runs", run, "what-if"))
        parts.append(el("p", "The verdict anew is ", link, " (", what_if, "). It is one of the list of runs, as any other."))
    response = page(request, f"Run {number}, scored again", *parts)
    if job.state == "running":
        response.headers["Refresh"] = str(AGAIN)
    return response


def _job_of(number: int) -> str:
    return f"rescore {number}"


def _scored(at_hand: ProjectAtHand) -> dict[int, int]:
    """The number of the newest verdict that came of scoring a run again, by the run's."""
    return at_hand.part("scored again", dict[int, int])
