"""The examples that teach, with what is wrong with them beside the rows; a row is mended, or taken out, where it stands."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from rung.commands.mend_rows import EXAMPLE, RowLine, changed_by, check_row, replace_row, row_at, seen_row
from rung.errors import UserError
from rung.records import Json
from rung.report.html.markup import Safe, el, scrolling
from rung.report.numbers import count
from rung.text.parsing import Malformed, json_of
from rung.web.background import Underway, wait_page
from rung.web.example_list import ALL_KINDS, ExampleLine, ExampleList, counts, example_list
from rung.web.forms import Sent, choice, hidden, paged, pager, text_in
from rung.web.project_at_hand import project_of
from rung.web.reviewer import by_field, done, who
from rung.web.shell import Tab, href, page
from rung.web.viewer import editor_of, viewer_of

router = APIRouter()
TABS = (Tab("examples", "Examples"),)
PER_PAGE = 50
ANY = "any"  # of the filter by finding: rows that have one
_DONE = {
    "mend": "The row is changed in its file, and the log of reviews says by whom.",
    "remove": "The row is taken out of its file. The log of reviews has it, and says by whom.",
}
_TEXT_KEYS = ("instruction", "input", "output", "prompt", "completion")  # of rows that are no chats

Text = Annotated[str, Query(max_length=1000)]
PageNumber = Annotated[int, Query(ge=1, le=10**6)]
Done = Annotated[str, Query(max_length=20)]


@router.get("/examples")
def examples(request: Request, finding: Text = "", text: Text = "", at: PageNumber = 1, done: Done = "") -> Response:
    """All rows, or those with a finding."""
    project = project_of(request)
    if not project.settings.behaviour.examples:
        return page(request, "Examples", el("p", "rung.yaml names no examples (behaviour.examples)."))
    listed = example_list(project)
    if isinstance(listed, Underway):
        return wait_page(request, "Examples", "Looking the rows over", listed)
    if finding not in ("", ANY, *ALL_KINDS):
        raise HTTPException(404, f"no finding is called '{finding}'; there are: {', '.join(ALL_KINDS)}")
    selected = [line for line in listed.lines if _fits(line, finding, text.strip().casefold())]
    at, pages, shown = paged(len(selected), at, PER_PAGE)
    around = [href("examples", finding=finding, text=text, at=at + step) for step in (-1, 1)]
    rows = selected[shown]
    status = el(
        "p", f"{len(selected):,} of {count(len(listed.lines), 'row')}", role="status", aria_live="polite", cls="quiet"
    )
    results = el("div", status, _table(rows) if rows else "", pager(at, pages, around), id="results")
    notices = [el("p", _DONE[done], cls="notice", role="status")] if done in _DONE else []
    remarks = [el("li", remark, dir="auto") for remark in listed.remarks[:50]]
    about = el("p", f"{listed.sound:,} of {count(len(listed.lines), 'row')} may teach as they are.", cls="quiet small")
    remarked = el("ul", *remarks, cls="warnings small") if remarks else Safe("")
    return page(request, "Examples", *notices, about, _form(listed, finding, text), results, remarked, scripts=("live.js",))


def _fits(line: ExampleLine, finding: str, needle: str) -> bool:
    has = (finding == ANY and bool(line.findings)) or any(kind == finding for kind, _ in line.findings)
    return (not finding or has) and (not needle or needle in f"{line.input}\n{line.output}\n{line.location}".casefold())


def _form(listed: ExampleList, finding: str, text: str) -> Safe:
    by_kind = counts(listed)
    flawed = sum(bool(line.findings) for line in listed.lines)
    options = [("", f"all rows ({len(listed.lines):,})"), (ANY, f"any finding ({flawed:,})")]
    options += [(kind, f"{kind.replace('_', ' ')} ({number:,})") for kind, number in by_kind.items()]
    if finding and finding not in (ANY, *by_kind):
        options.append((finding, f"{finding.replace('_', ' ')} (0)"))
    return el(
        "form",
        choice("Finding", "finding", options, finding),
        el("label", "Words or place", el("input", type="search", name_="text", value=text, maxlength=1000)),
        el("button", "Show", data_noscript=True),
        method="get", action=href("examples"), cls="row filters", data_live=True, data_into="results",
        aria_label="Filter the examples",
    )  # fmt: skip


def _table(lines: Sequence[ExampleLine]) -> Safe:
    rows = []
    for line in lines:
        link = el("a", line.location, href=href("examples", "row", location=line.location), dir="auto")
        items = [
            el("li", el("span", kind.replace("_", " "), cls="tag plain"), f" {why}", dir="auto")
            for kind, why in line.findings
        ]
        listed = el("ul", *items, cls="warnings small") if items else el("span", "none", cls="quiet")
        cells = [el("td", listed), *(el("td", text, dir="auto", cls="words") for text in (line.input, line.output))]
        rows.append(el("tr", el("th", link, scope="row"), *cells))
    heads = [el("th", words, scope="col") for words in ("Row", "Findings", "Input", "Output")]
    table = el("table", el("thead", el("tr", *heads)), el("tbody", *rows), cls="list examples")
    return scrolling(table, "Examples")


# --- one row ------------------------------------------------------------------------------------------------------------


@router.get("/examples/row")
def example(request: Request, location: Text) -> Response:
    """One row, to be mended."""
    project = project_of(request)
    line, listed = row_at(project, EXAMPLE, location), example_list(project)
    findings: tuple[tuple[str, str], ...] = ()
    if not isinstance(listed, Underway):
        findings = next((one.findings for one in listed.lines if one.location == location), ())
    items = [el("li", el("b", kind.replace("_", " ")), f": {why}", dir="auto") for kind, why in findings]
    what = (
        el("ul", *items, cls="warnings") if items else el("p", "Nothing is wrong with it, as far as is known.", cls="quiet")
    )
    back = el("p", el("a", "All examples", href=href("examples")), cls="small")
    if not viewer_of(request).may_edit:
        return page(
            request, f"Example {location}", back, what, el("pre", el("code", line.text if line.columns else _whole(line)))
        )
    stands = (
        el("section", el("h2", "As it stands"), el("pre", el("code", line.text))) if line.columns and not line.row else ""
    )
    return page(request, f"Example {location}", back, what, stands, *_forms(request, location, line))


def _forms(request: Request, location: str, line: RowLine) -> list[Safe]:
    unseen = hidden(location=location, stamp=line.stamp)
    texts = list(_texts(line))
    fields = [
        el("label", title, el("textarea", text, name_=name, rows=min(12, 2 + len(text) // 90), dir="auto"))
        for name, title, text in texts
    ]
    save = el("button", "Write it into the file", cls="main")
    forms = []
    if line.columns and not line.row:
        words = "Put each text where it belongs: what is too much stands in the last field. Quotes come by themselves."
        fields.insert(0, el("p", words, cls="quiet small"))
    if texts:
        form = el(
            "form", *unseen, *fields, by_field(request), save, method="post", action=href("examples", "texts"), cls="stack"
        )
        forms.append(el("section", el("h2", "Texts"), form))
    whole = el(
        "label", "The row as JSON", el("textarea", _whole(line), name_="row", rows=14, dir="auto", spellcheck="false")
    )
    form = el("form", *unseen, whole, by_field(request), save, method="post", action=href("examples", "json"), cls="stack")
    forms.append(el("details", el("summary", "All of the row, as JSON"), form, open=not texts))
    ask = "Take this row out of its file? The log of reviews keeps it."
    sure = el("label", el("input", type="checkbox", name_="sure", value="yes", required=True), " Yes, take it out")
    button = el("button", "Delete the row", data_confirm=ask)
    reason = el("label", "Why", el("input", name_="reason", autocomplete="off"))
    form = el(
        "form",
        *unseen,
        reason,
        sure,
        by_field(request),
        button,
        method="post",
        action=href("examples", "delete"),
        cls="stack",
    )
    return [*forms, el("details", el("summary", "Delete it"), form)]


def _texts(line: RowLine) -> Iterator[tuple[str, str, str]]:
    """Texts of a row that can be written as such: name of the field, title, text."""
    for number, (column, cell) in enumerate(zip(line.columns, line.cells, strict=True)):
        yield f"cell-{number}", column, cell
    if line.columns:
        return
    row = line.row
    turns = row.get("messages")
    for number, turn in enumerate(turns if isinstance(turns, list) else []):
        if isinstance(turn, dict) and isinstance(content := turn.get("content"), str):
            yield f"turn-{number}", f"Turn {number + 1}: {turn.get('role')}", content
    for key in _TEXT_KEYS:
        if isinstance(value := row.get(key), str):
            yield f"key-{key}", key.capitalize(), value


def _whole(line: RowLine) -> str:
    """A row as JSON over several lines; what is none as it stands there."""
    row = line.row or dict(zip(line.columns, line.cells, strict=True))
    return json.dumps(row, ensure_ascii=False, indent=2) if row else line.text


@router.post("/examples/texts")
def mend_texts(request: Request, form: Sent) -> Response:
    """The texts of a row as a person wrote them."""
    editor_of(request)
    line = seen_row(project_of(request), EXAMPLE, _seen(form))
    row = copy.deepcopy(dict(line.row))
    for name, title, before in _texts(line):
        kind, _, key = name.partition("-")
        text = text_in(form, name, before)
        if text == before.replace("\r\n", "\n").replace("\r", "\n"):  # as a browser sends it back
            text = before
        if kind == "cell":
            row[title] = text
        elif kind == "key":
            row[key] = text
        else:
            row["messages"][int(key)]["content"] = text  # type: ignore[index, call-overload]
    return _write(request, form, line, row)


@router.post("/examples/json")
def mend_json(request: Request, form: Sent) -> Response:
    """A row as a person wrote it."""
    editor_of(request)
    try:
        row = json_of(text_in(form, "row"))
    except Malformed as error:
        raise UserError(f"nothing was written: what you wrote is no JSON: {error}") from error
    if not isinstance(row, dict):
        raise UserError("nothing was written: a row is an object {…}")
    return _write(request, form, seen_row(project_of(request), EXAMPLE, _seen(form)), row)


def _seen(form: FormData) -> tuple[str, str]:
    return text_in(form, "location"), text_in(form, "stamp")


def _write(request: Request, form: FormData, before: RowLine, row: dict[str, Json]) -> Response:
    project, seen = project_of(request), _seen(form)
    by = who(editor_of(request), form)
    has_date = not before.columns or "approved_at" in before.columns
    today = datetime.now(UTC).date().isoformat() if has_date else ""
    after = changed_by(before.row, row, by, gone=before.row.keys() - row.keys(), today=today)
    check_row(project, EXAMPLE, after, seen[0])
    replace_row(project, EXAMPLE, seen, after, by=by)
    return done(request, href("examples", done="mend"), by)


@router.post("/examples/delete")
def delete(request: Request, form: Sent) -> Response:
    """A row that goes."""
    project, viewer = project_of(request), editor_of(request)
    if text_in(form, "sure") != "yes":
        raise HTTPException(400, "nothing was deleted: say that you are sure")
    by = who(viewer, form)
    replace_row(project, EXAMPLE, _seen(form), None, by=by, reason=text_in(form, "reason"))
    return done(request, href("examples", done="remove"), by)
