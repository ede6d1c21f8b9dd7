"""Search and documents: what a caller may read, found and shown."""

from __future__ import annotations

from html import escape
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from rung.errors import UserError
from rung.knowledge.filters import parsed
from rung.records import Document, Json, Passage, canonical
from rung.records.steps import Conversation, SearchResult, rerank, search
from rung.serving.answering import Answering
from rung.serving.callers import Caller
from rung.serving.chats import Body
from rung.serving.citations import place_url
from rung.serving.conversations import Pending
from rung.serving.refusal import NotAnswered, invalid, readable, unsupported
from rung.serving.request_state import answering_of, base_url, caller_of, unless_left

router = APIRouter()
_RERANKED = 50  # passages that a reranker is given, where fewer are asked for
_MOST_RERANKED = 100  # it reads each of them with the query
_NO_DOCUMENTS = "the project has no documents"


class SearchBody(Body):
    """Body of /v1/search. `where`: a condition on the documents' meta; `rerank`: by the project's reranker."""

    query: str
    top: int = Field(5, ge=1, le=1000)
    where: dict[str, Any] | None = None
    diversity: float = Field(0.0, ge=0, le=1)
    rerank: bool = False


@router.post("/v1/search", summary="Search the documents", tags=["rung"])
async def find(request: Request, body: SearchBody) -> Response:
    """Passages that the caller may read, best first, as strategies find them."""
    answering, caller = answering_of(request), caller_of(request)
    where = canonical(body.where) if body.where else ""
    finding = found(answering, caller, body.query, top=body.top, where=where, diversity=body.diversity, reranked=body.rerank)
    passages = await unless_left(request, finding)
    base = base_url(request)
    return JSONResponse({"object": "list", "data": [_passage(passage, base) for passage in passages]})


async def found(
    answering: Answering,
    caller: Caller,
    query: str,
    *,
    top: int,
    where: str = "",
    diversity: float = 0.0,
    reranked: bool = False,
) -> list[Passage]:
    """Passages that the caller may read, best first. `where`: canonical JSON text.

    Raises:
        NotAnswered: nothing is asked, it cannot be done here, or it failed.
    """
    engines = next(iter(answering.deployments.values())).engines
    if answering.knowledge is None:
        raise invalid(_NO_DOCUMENTS)
    if not query.strip():
        raise invalid("'query' is empty", "query")
    if reranked and "rerank" not in engines:
        raise unsupported("rerank", "the project names no reranker")
    if reranked and top > _MOST_RERANKED:
        raise invalid(f"'top' is at most {_MOST_RERANKED} with 'rerank'", "top")
    try:
        parsed(where)
    except UserError as error:
        raise invalid(str(error), "where") from None

    def searching() -> Conversation[SearchResult]:
        depth = max(top, _RERANKED) if reranked else top
        result = yield from search(readable(query), top=depth, where=where, diversity=diversity)
        if reranked:
            result = yield from rerank(readable(query), result.passages, top=top)
        return result

    pending = Pending(searching, engines, refresh=answering.refresh)
    result = await answering.value(caller, pending, model="search")
    return [p for p in result.passages if answering.may_read(caller, p.document)]


def _passage(passage: Passage, base: str) -> dict[str, Json]:
    return {
        "document": passage.document,
        "title": passage.title,
        "source": passage.source,
        "span": [passage.start, passage.end],
        "page": passage.page or None,
        "line": passage.line or None,
        "score": passage.score,
        "text": passage.text,
        "url": place_url(base, passage.document, passage.start, passage.end),
    }


@router.get("/documents/{document:path}", summary="Show a document", tags=["rung"])
async def show(
    request: Request, document: str, start: int | None = None, end: int | None = None, format: str = "html"
) -> Response:
    """The text of a document that the caller may read; `start` and `end` mark characters of it, where the page opens, and
    are what is given as text."""
    answering, caller = answering_of(request), caller_of(request)
    if format not in ("html", "text"):
        raise invalid("'format' is html or text", "format")

    def readable_document() -> Document | None:
        answering.refresh()
        if answering.knowledge is None or not answering.may_read(caller, document):
            return None
        return answering.knowledge.document(document)

    shown = await run_in_threadpool(readable_document)
    if shown is None:  # the same for what is not there and for what is another's
        raise NotAnswered(404, f"there is no document '{document}'", code="document_not_found")
    if format == "text":
        return PlainTextResponse(shown.text[max(0, start or 0) : None if end is None else max(0, end)])
    return HTMLResponse(_page(shown, start, end))


def _page(document: Document, start: int | None, end: int | None) -> str:
    """A page of text and nothing else: what a document says can be no markup of ours."""
    length = len(document.text)
    first = min(max(0, start or 0), length)
    last = min(max(first, first if end is None else end), length)
    before, marked, after = (
        escape(part) for part in (document.text[:first], document.text[first:last], document.text[last:])
    )
    mark = f'<mark id="place">{marked}</mark>' if marked else '<span id="place"></span>'
    title = escape(document.title or document.source or document.id)
    style = "body{max-width:48rem;margin:2rem auto;font:1rem/1.5 sans-serif}pre{white-space:pre-wrap;font:inherit}"
    head = f'<meta charset="utf-8"><title>{title}</title><style>{style}</style>'
    return f"<!doctype html><html><head>{head}</head><body><h1>{title}</h1><pre>{before}{mark}{after}</pre></body></html>"
