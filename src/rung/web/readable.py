"""What whoever looks may read of the documents, and the passage around a quote, from the index as it is now."""

from __future__ import annotations

from rung.report.html.markup import Safe, el, join
from rung.web.document_access import snapshot_of
from rung.web.project_at_hand import ProjectAtHand
from rung.web.shell import href

APART = {"target": "_blank", "rel": "noopener"}  # attributes of a link that leaves the page as it is
AROUND = 260  # characters before and after a span that are shown with it


def quoted_passage(at_hand: ProjectAtHand, document: str, quote: str, span: tuple[int, int] | None = None) -> Safe:
    """A quote of a document where it stands, marked, with what is around it, and a link that opens there.

    Args:
        at_hand: the project.
        document: its id.
        quote: what is looked for, where no span is given.
        span: its characters.

    Raises:
        UserError: the index cannot be opened.
    """
    from rung.knowledge import find_quote

    snapshot = snapshot_of(at_hand.project())
    indexed = None if snapshot is None else next(iter(snapshot.documents([document])), None)
    if indexed is None:
        gone = f"{document} is not among the documents that were read"
        return join(el("p", gone, cls="quiet small"), el("blockquote", quote, dir="auto") if quote else Safe(""))
    text = indexed.text
    at = span if span is not None and 0 <= span[0] < span[1] <= len(text) else find_quote(text, quote)
    if at is None:
        why = "the quote does not stand in the document as it is now:" if quote else "the whole document is named"
        shown = el("blockquote", quote, dir="auto") if quote else Safe("")
        return join(el("p", document_link(document), f": {why}", cls="small"), shown)
    start, end = at
    first, last = max(0, start - AROUND), min(len(text), end + AROUND)
    parts = (
        "…" if first else "", text[first:start], el("mark", text[start:end]), text[end:last], "…" if last < len(text) else ""
    )  # fmt: skip
    return join(el("p", document_link(document, start, end), cls="small"), el("blockquote", *parts, dir="auto", cls="text"))


def document_link(document: str, start: int | None = None, end: int | None = None, *, is_apart: bool = False) -> Safe:
    """A link to a document's page, which opens at these characters; in another tab where it `is_apart`."""
    where = f", characters {start:,} to {end:,}" if start is not None and end is not None else ""
    apart = APART if is_apart else {}
    return join(el("a", document, href=document_address(document, start, end), dir="auto", **apart), where)


def document_address(document: str, start: int | None = None, end: int | None = None) -> str:
    """The address of a document's page; where characters are given, of the place that it marks."""
    address = href("documents", document, start=start, end=end)
    return address if start is None else f"{address}#place"
