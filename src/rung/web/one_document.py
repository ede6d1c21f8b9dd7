"""One document as it is indexed: its text with the borders of its passages, who may read it, a marked place; pages of a PDF
as pictures."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from rung.config.project import Project
from rung.errors import UserError
from rung.knowledge.page_images import PageImage, page_image_apart
from rung.records import Document, Passage, canonical
from rung.report.html.markup import Safe, el, join, marked, shorten
from rung.report.numbers import count
from rung.web.document_access import readable_document, snapshot_of
from rung.web.forms import paged, pager
from rung.web.project_at_hand import project_of
from rung.web.shell import HEADERS, href, page
from rung.web.viewer import viewer_of

router = APIRouter()
TABS = ()
PER_PAGE = 60  # pieces of text on a page of the board
_PLACE = 'id="place"'
_META = 300  # characters of a value of meta

Character = Annotated[int | None, Query(ge=0, le=10**10)]
Count = Annotated[int | None, Query(ge=1, le=10**7)]


@dataclass(frozen=True, slots=True)
class Piece:
    """Characters `start` to `end` of a document. `number` of the passage that begins here, from 1; 0: they are in none.
    `shared`: how many characters behind `end` are of this passage and of the next one, too."""

    start: int
    end: int
    number: int = 0
    shared: int = 0


def pieces(length: int, passages: Sequence[Passage]) -> list[Piece]:
    """A document's text cut where its passages begin, nothing twice and nothing left out."""
    parts, reached = list[Piece](), 0
    ranked = sorted(passages, key=lambda p: (p.start, p.end))
    for index, passage in enumerate(ranked):
        if passage.start > reached:
            parts.append(Piece(reached, passage.start))
        start = passage.start
        following = ranked[index + 1].start if index + 1 < len(ranked) else length
        end = max(start, min(passage.end, following))
        parts.append(Piece(start, end, index + 1, max(0, passage.end - end)))
        reached = max(reached, end)
    return [*parts, Piece(reached, length)] if reached < length else parts


@router.get("/documents/{id:path}")
def one_document(  # noqa: PLR0917 - the fields of the address
    request: Request, id: str, start: Character = None, end: Character = None, sheet: Count = None, at: Count = None
) -> Response:
    """A document; `start` and `end` mark characters of it, `sheet` is the page of a PDF that is drawn."""
    project = project_of(request)
    document = readable_document(project, viewer_of(request), id)
    if document is None:
        raise HTTPException(404, f"there is no document '{shorten(id, most=200)}' that you may read")
    snapshot = snapshot_of(project)
    passages = snapshot.passages_of(id) if snapshot is not None else ()
    span = _span(document, start, end)
    drawn = _drawn(project, document, span, sheet)
    parts = [_facts(document, passages, span), drawn]
    back = el("p", el("a", "All documents", href=href("documents")), cls="small")
    return page(
        request,
        document.title or document.id,
        back,
        *parts,
        _text(document, passages, span, at, is_anchor=_PLACE not in drawn),
    )


def _span(document: Document, start: int | None, end: int | None) -> tuple[int, int] | None:
    if start is None:
        return None
    length = len(document.text)
    first = min(start, length)
    return first, min(max(first, first if end is None else end), length)


def _facts(document: Document, passages: Sequence[Passage], span: tuple[int, int] | None) -> Safe:
    lines: list[tuple[str, str]] = [
        ("Document", el("code", document.id)),
        ("Who may read it", ", ".join(sorted(document.groups)) or "everybody"),
        ("Source", document.source or "not stated"),
        ("Size", f"{count(len(document.text), 'character')}, cut into {count(len(passages), 'passage')}"),
    ]
    if document.origin and document.origin != document.source:
        lines.append(("Read from", document.origin))
    for key, value in document.meta.items():
        if key not in ("pages", "body_start"):
            lines.append((key, shorten(value if isinstance(value, str) else canonical(value), most=_META)))
    if span is not None:
        lines.append(("Marked", f"characters {span[0]:,}–{span[1]:,}"))
    return el("dl", *(join(el("dt", name), el("dd", value, dir="auto")) for name, value in lines), cls="facts")


# --- the text -----------------------------------------------------------------------------------------------------------


def _text(
    document: Document, passages: Sequence[Passage], span: tuple[int, int] | None, at: int | None, *, is_anchor: bool
) -> Safe:
    cut = [one for one in pieces(len(document.text), passages) if one.number or not _is_blank(document, one)]
    if at is None:
        where = bisect_right([piece.start for piece in cut], span[0]) - 1 if span else 0
        at = max(0, where) // PER_PAGE + 1
    at, pages, rows = paged(len(cut), at, PER_PAGE)
    marks = {"start": span[0], "end": span[1]} if span else {}
    around = [href("documents", document.id, **marks, at=at + step) for step in (-1, 1)]
    shown = cut[rows]
    anchored = next((piece for piece in shown if is_anchor and span and piece.end > span[0]), None)
    items = [_piece(document, piece, span, is_anchored=piece is anchored) for piece in shown]
    note = el("p", "As it was cut: each border begins a passage, as it is searched and cited.", cls="quiet small")
    head = el("h2", "Text", id="text")
    return el("section", head, note, pager(at, pages, around), *items, pager(at, pages, around), aria_labelledby="text")


def _is_blank(document: Document, piece: Piece) -> bool:
    """Whether it is only the white space between two passages."""
    return not document.text[piece.start : piece.end].strip()


def _piece(document: Document, piece: Piece, span: tuple[int, int] | None, *, is_anchored: bool) -> Safe:
    words = f"Passage {piece.number:,}" if piece.number else "In no passage"
    words += f" · characters {piece.start:,}–{piece.end + piece.shared:,}"
    if piece.shared:
        words += f" (the last {piece.shared:,} stand below, in the next passage too)"
    text = document.text[piece.start : piece.end]
    anchor = "place" if is_anchored else None
    body = marked(text, [span] if span else [], offset=piece.start, anchor=anchor)
    return el(
        "div", el("p", words, cls="quiet small"), el("div", body, cls="text" if piece.number else "text quiet", dir="auto"),
        id=f"c{piece.start}", cls="piece",
    )  # fmt: skip


# --- pages of a PDF -----------------------------------------------------------------------------------------------------


def _drawn(project: Project, document: Document, span: tuple[int, int] | None, sheet: int | None) -> Safe:
    """The page that is asked for as a picture, or why there is none; nothing for what is no PDF."""
    path = _file(project, document)
    if path.suffix.lower() != ".pdf":
        return Safe("")
    number = sheet or (_sheet_at(document, span[0]) if span else 1)
    try:
        image = page_image_apart(path, number, _marks(document, span, number))
    except UserError as error:
        words = f"This PDF cannot be drawn, so that only its text is shown: {error}."
        return el("p", words, cls="notice", dir="auto")
    marks = {"start": span[0], "end": span[1]} if span else {}
    around = [href("documents", document.id, **marks, sheet=number + step) for step in (-1, 1)]
    source = href("document-pages", document.id, **marks, sheet=number)
    words = f"Page {number:,} of {document.title or document.id}" + (", the place marked" if image.marked else "")
    picture = el(
        "img",
        src=source,
        alt=words,
        width=image.width,
        height=image.height,
        cls="sheet",
        id="place" if image.marked else None,
    )
    return el(
        "section", el("h2", "Page", id="page"), _marked_words(image, span), pager(number, image.pages, around), picture,
        aria_labelledby="page",
    )  # fmt: skip


def _marked_words(image: PageImage, span: tuple[int, int] | None) -> Safe:
    if span is None or not image.pieces or image.marked == image.pieces:
        return Safe("")
    missing = image.pieces - image.marked
    words = f"{count(missing, 'line')} of the place could not be found on the page as it is drawn: its text is below."
    return el("p", words, cls="quiet small")


def _file(project: Project, document: Document) -> Path:
    return project.root / (document.origin or document.source or document.id)


def _sheets(document: Document) -> list[int]:
    """Where each page of a document begins in its text."""
    declared = document.meta.get("pages")
    return [at for at in declared if isinstance(at, int)] if isinstance(declared, list) else []


def _sheet_at(document: Document, character: int) -> int:
    return max(1, bisect_right(_sheets(document), character))


def _marks(document: Document, span: tuple[int, int] | None, number: int) -> tuple[str, ...]:
    """The text of the marked place that stands on this page."""
    starts = _sheets(document)
    if span is None or number > len(starts):
        return ()
    first = starts[number - 1] if number > 1 else 0
    last = starts[number] if number < len(starts) else len(document.text)
    text = document.text[max(span[0], first) : max(0, min(span[1], last))]
    return (text,) if text.strip() else ()


@router.get("/document-pages/{id:path}")
def page_picture(request: Request, id: str, sheet: Count = 1, start: Character = None, end: Character = None) -> Response:
    """The picture of a page."""
    project = project_of(request)
    document = readable_document(project, viewer_of(request), id)
    if document is None or (path := _file(project, document)).suffix.lower() != ".pdf":
        raise HTTPException(404, "there is no such picture")
    number = sheet or 1
    image = page_image_apart(path, number, _marks(document, _span(document, start, end), number))
    return Response(image.png, media_type="image/png", headers=HEADERS)
