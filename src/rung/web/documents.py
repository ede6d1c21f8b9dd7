"""The documents of a project: what was read, for whom, what was not and why; and what a search finds, by both rankings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from rung.commands.search import strange_groups
from rung.errors import UserError
from rung.pipeline.dense_weight import Weight, settle_alone
from rung.pipeline.sources import left_out
from rung.records import Asker
from rung.report.html.cases import passage_location
from rung.report.html.markup import Safe, el, join, scrolling, shorten
from rung.report.numbers import count
from rung.web.background import Underway, wait_page
from rung.web.by_stamp import stamp_of
from rung.web.document_access import group_names, snapshot_of
from rung.web.document_list import DocumentLine, DocumentList, document_list
from rung.web.forms import choice, paged, pager
from rung.web.opening import opening
from rung.web.project_at_hand import ProjectAtHand, at_hand_of, project_of
from rung.web.readable import document_address
from rung.web.shell import Tab, href, page
from rung.web.viewer import Viewer, viewer_of, words_for

if TYPE_CHECKING:
    from rung.knowledge import Knowledge
    from rung.knowledge.protocol import Explained, Place

router = APIRouter()
TABS = (Tab("documents", "Documents"),)
PER_PAGE, LISTED = 50, 200  # documents of a page; problems that are listed
EVERYBODY = "*"  # of the filter by readers: documents that are for everybody
_SNIPPET = 400  # characters of a passage among results
_BY = {"id": "name", "size": "size, the largest first", "date": "date, the latest first"}
ALL, CHOSEN = "all", "chosen"  # as whom a search is made
_weights: dict[tuple[str, str, int], Weight] = {}  # by project, setting and version of the index

Text = Annotated[str, Query(max_length=1000)]
PageNumber = Annotated[int, Query(ge=1, le=10**6)]


@router.get("/documents")
def documents(request: Request, text: Text = "", readers: Text = "", by: Text = "id", at: PageNumber = 1) -> Response:
    """What was read and what was not."""
    listed = document_list(project_of(request))
    if isinstance(listed, Underway):
        return wait_page(request, "Documents", "Reading what the sources hold", listed)
    viewer = viewer_of(request)
    own = [line for line in listed.lines if viewer.asker.may_read(line.readers)]
    selected = _sorted(_filtered(own, text.strip(), readers), by)
    groups = sorted({group for line in own for group in line.readers if viewer.groups is None or group in viewer.groups})
    words = f"{len(selected):,} of {count(len(own), 'document')}"
    if len(own) < len(listed.lines):
        words += f"; {count(len(listed.lines) - len(own), 'further document')} left out, which you may not read"
    at, pages, shown = paged(len(selected), at, PER_PAGE)
    around = [href("documents", text=text, readers=readers, by=by, at=at + step) for step in (-1, 1)]
    status = el("p", words, role="status", aria_live="polite", cls="quiet")
    rows = selected[shown]
    results = el("div", status, _table(rows) if rows else "", pager(at, pages, around), id="results")
    parts = [*_about(listed, viewer), _search_form("", viewer, groups), _form(text, readers, by, groups), results]
    return page(request, "Documents", *parts, _unread(listed, viewer), scripts=("live.js",))


def _filtered(lines: Iterable[DocumentLine], text: str, readers: str) -> list[DocumentLine]:
    needle = text.casefold()
    return [
        line
        for line in lines
        if (not needle or any(needle in field.casefold() for field in (line.id, line.title, line.source, line.date)))
        and (not readers or (not line.readers if readers == EVERYBODY else readers in line.readers))
    ]


def _sorted(lines: list[DocumentLine], by: str) -> list[DocumentLine]:
    if by == "size":
        return sorted(lines, key=lambda line: -line.characters)
    return sorted(lines, key=lambda line: line.date, reverse=True) if by == "date" else lines


def _about(listed: DocumentList, viewer: Viewer) -> list[Safe]:
    why = words_for(viewer, listed.why, "The sources were not looked at whole") if listed.why else ""
    if not listed.version:
        words = why or "Nothing is indexed yet: 'rung sync' reads the documents."
        return [el("p", words, cls="notice")]
    parts = [el("p", f"Version {listed.version:,} of the index: {count(listed.passages, 'passage')}.", cls="quiet small")]
    if listed.read is not None and listed.read != len(listed.lines):
        words = f"The sources hold {count(listed.read, 'document')} now, the index {len(listed.lines):,}: run 'rung sync'."
        parts.append(el("p", words, cls="notice"))
    return [*parts, el("p", why, cls="notice")] if why else parts


def _form(text: str, readers: str, by: str, groups: Sequence[str]) -> Safe:
    options = [("", "anybody"), (EVERYBODY, "everybody"), *((group, group) for group in groups)]
    field = el("input", type="search", name_="text", value=text, autocomplete="off", maxlength=1000)
    return el(
        "form",
        el("label", "Name, title, source or date", field),
        choice("Who may read it", "readers", options, readers),
        choice("By", "by", list(_BY.items()), by),
        el("button", "Show", data_noscript=True),
        method="get", action=href("documents"), cls="row filters", data_live=True, data_into="results",
        aria_label="Filter the documents",
    )  # fmt: skip


def _table(lines: Sequence[DocumentLine]) -> Safe:
    rows, has_sources = [], any(line.source not in ("", line.id) for line in lines)
    for line in lines:
        link = el("a", line.title or line.id, href=href("documents", line.id), dir="auto")
        named = el("span", line.id, cls="quiet small", dir="auto") if line.title and line.title != line.id else ""
        cells = [el("td", ", ".join(line.readers) or "everybody"), el("td", line.date)]
        cells += [el("td", line.source, dir="auto")] if has_sources else []
        size = el("td", f"{line.characters:,}", cls="number")
        rows.append(el("tr", el("th", link, " ", named, scope="row", cls="asked"), *cells, size))
    titles = ("Document", "Who may read it", "Date", *(["Source"] if has_sources else []))
    heads = [el("th", words, scope="col") for words in titles]
    head = el("thead", el("tr", *heads, el("th", "Characters", scope="col", cls="number")))
    table = el("table", head, el("tbody", *rows), cls="list cases")
    return scrolling(table, "Documents")


def _unread(listed: DocumentList, viewer: Viewer) -> Safe:
    """What was not read, or not whole. Nobody knows who might read it, so that only who may read everything sees it."""
    dropped = left_out(listed.dropped)
    total = len(listed.problems) + len(dropped)
    heading = el("h2", "Not read", id="unread")
    if viewer.groups is not None and total:
        body: list[Safe] = [
            el("p", f"{count(total, 'remark')} on what was not read: only who may read everything sees them.")
        ]
    elif not total:
        body = [el("p", "Nothing was left out." if listed.read is not None else "Not looked at.", cls="quiet")]
    else:
        body = [
            _list("Files and rows that were left out, or read otherwise than they stand", list(map(str, listed.problems))),
            _list("Parts that rules leave out of their documents", dropped),
        ]
    return el("section", heading, *body, aria_labelledby="unread")


def _list(title: str, lines: Sequence[str]) -> Safe:
    if not lines:
        return Safe("")
    items = [el("li", shorten(line, most=1000), dir="auto") for line in lines[:LISTED]]
    more = f" The first {LISTED:,} are listed; 'rung check' lists all." if len(lines) > LISTED else ""
    return join(el("h3", f"{title} ({len(lines):,})"), el("ul", *items, cls="warnings small"), el("p", more) if more else "")


# --- search -------------------------------------------------------------------------------------------------------------


@router.get("/documents/search")
def search(
    request: Request,
    q: Text = "",
    whom: Annotated[str, Query(alias="as", max_length=20)] = ALL,
    group: Annotated[list[str], Query()] = [],  # noqa: B006 - the framework copies it
    top: Annotated[int, Query(ge=1, le=100)] = 10,
) -> Response:
    """What a query finds, with its places in both rankings."""
    viewer, project = viewer_of(request), project_of(request)
    snapshot = snapshot_of(project)
    title = "Search the documents"
    if snapshot is None:
        return page(request, title, el("p", "Nothing is indexed yet: 'rung sync' reads the documents.", cls="notice"))
    groups = [one for one in group_names(snapshot.groups) if viewer.groups is None or one in viewer.groups]
    form = _search_form(q, viewer, groups, chosen=group if whom == CHOSEN else None, top=top)
    back = el("p", el("a", "All documents", href=href("documents")), cls="small")
    if not q.strip():
        return page(request, title, back, form)
    asker = _asker(viewer, group) if whom == CHOSEN else viewer.asker
    searched = _searched(at_hand_of(request), snapshot.version)
    if isinstance(searched, Underway):
        return wait_page(request, title, "Opening what searches", searched)
    knowledge, weight = searched
    explained = knowledge.explain(q, asker=asker, top=top)
    remarks = [el("p", one, cls="notice") for one in strange_groups(asker.groups or (), snapshot.groups) if whom == CHOSEN]
    about = el("p", f"{_whom(asker)}. {weight}.", cls="quiet small", dir="auto")
    body = _results(explained) if explained else el("p", "Nothing that this asker may read was found.")
    return page(request, title, back, form, *remarks, about, body)


def _asker(viewer: Viewer, groups: Sequence[str]) -> Asker:
    """An asker of these groups, none of which may read more than the viewer does.

    Raises:
        UserError: it would.
    """
    if viewer.groups is not None and (beyond := sorted(set(groups) - viewer.groups)):
        raise UserError(f"you may not search as {', '.join(beyond)}: your key has not these groups")
    return Asker(frozenset(groups))


def _whom(asker: Asker) -> str:
    if asker.groups is None:
        return "Everything is searched"
    return f"Asked with {', '.join(sorted(asker.groups))}" if asker.groups else "Asked without a group"


def _searched(at_hand: ProjectAtHand, version: int) -> tuple[Knowledge, str] | Underway:
    """The index, open, with the weight of its dense ranking in words; or how far it is opened."""

    def searched() -> tuple[Knowledge, str]:
        knowledge = at_hand.builder().engines.documents
        return knowledge, _weighed(at_hand, knowledge)

    if at_hand.answering is not None:
        return searched()
    return opening(at_hand, "search", (stamp_of(at_hand.project().file), version), searched)


def _weighed(at_hand: ProjectAtHand, knowledge: Knowledge) -> str:
    """The weight of the dense ranking in words; settled once for each version of the index. A server's stays as it is."""
    if at_hand.answering is not None:
        return f"dense_weight {knowledge.fusion.dense_weight:g}, as it is served"
    knowledge.refresh()
    project = at_hand.project()
    key = (str(project.root), str(project.settings.knowledge.dense_weight), knowledge.version)
    if key not in _weights:
        _weights[key] = settle_alone(at_hand.builder().engines, knowledge)
    weight = _weights[key]
    if knowledge.fusion.dense_weight != weight.dense_weight:
        knowledge.weigh(weight.dense_weight)
    return str(weight)


def _search_form(
    q: str, viewer: Viewer, groups: Sequence[str], *, chosen: Sequence[str] | None = None, top: int = 10
) -> Safe:
    everything = "everything there is" if viewer.groups is None else "everything you may read"
    parts = [
        el(
            "label",
            "Search the documents for",
            el("input", type="search", name_="q", value=q, maxlength=1000, required=True),
        ),
        choice("How many", "top", [(str(n), str(n)) for n in (5, 10, 20, 50)], str(top)),
    ]
    if groups:
        whom = [(ALL, everything), (CHOSEN, "an asker with the groups that are ticked")]
        parts.append(choice("As", "as", whom, ALL if chosen is None else CHOSEN))
        boxes = [
            el("label", el("input", type="checkbox", name_="group", value=one, checked=one in (chosen or ())), f" {one}")
            for one in groups
        ]
        parts.append(el("fieldset", el("legend", "Groups of the asker"), *boxes, cls="ticks"))
    button = el("button", "Search", cls="main")
    return el("form", *parts, button, method="get", action=href("documents", "search"), cls="row pane", role="search")


def _results(explained: Sequence[Explained]) -> Safe:
    rows = []
    for number, one in enumerate(explained, 1):
        passage = one.passage
        address = document_address(passage.document, passage.start, passage.end)
        text = el("div", shorten(" ".join(passage.text.split()), most=_SNIPPET), cls="small", dir="auto")
        named = el("th", el("a", passage_location(passage), href=address, dir="auto"), text, scope="row", cls="asked")
        cells = [el("td", f"{passage.score:.4f}", cls="number"), _place(one.dense), _place(one.bm25)]
        rows.append(el("tr", el("td", str(number), cls="number"), named, *cells))
    heads = ("No.", "Passage", "Together", "Dense: rank (cosine)", "BM25: rank (score)")
    head = el("thead", el("tr", *(el("th", words, scope="col") for words in heads)))
    table = el("table", head, el("tbody", *rows), cls="list cases")
    return scrolling(table, "Passages that were found")


def _place(ranked: Place | None) -> Safe:
    return el("td", "not in it" if ranked is None else f"{ranked.rank} ({ranked.score:.4f})", cls="number")
