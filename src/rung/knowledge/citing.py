"""Where does a quote stand, and which passages hold a case's evidence? Judging citations is left to `scoring`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from rung.errors import UserError
from rung.knowledge.chunking import whole
from rung.records import Case, Document, Passage

WHOLE_TOKENS = 350  # up to this size a gold document is shown whole


class Library(Protocol):
    """What is needed of the knowledge to look documents up; `Knowledge` is one."""

    def document(self, id: str) -> Document | None: ...

    def passages_of(self, document: str) -> tuple[Passage, ...]: ...

    def tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, as the embedder counts."""
        ...


def find_quote(document_text: str, quote: str) -> tuple[int, int] | None:
    """Where a quote stands first: (start, end), or None. As it is written; else with all white space left out of both.

    White space is what copying changes: line breaks, double and non-breaking spaces, words cut at a line's end.
    """
    if not quote.strip():
        return None
    if (exact := document_text.find(quote)) >= 0:
        return exact, exact + len(quote)
    places = [i for i, character in enumerate(document_text) if not character.isspace()]
    wanted = "".join(quote.split())
    found = "".join(document_text[i] for i in places).find(wanted)
    return None if found < 0 else (places[found], places[found + len(wanted) - 1] + 1)


def gold_passages(case: Case, library: Library) -> tuple[Passage, ...]:
    """What the reference arm `oracle` shows: the passages that hold the case's evidence, most of it first.

    For a gold document without evidence spans: the whole document where it has at most `WHOLE_TOKENS` tokens, else its
    passages in order.

    Raises:
        UserError: the case names a document that does not exist, or characters that it does not have.
    """
    shared: dict[Passage, int] = {}
    for evidence in case.evidence:
        document = _document(case, evidence.document, library)
        if not 0 <= evidence.start < evidence.end <= len(document.text):
            raise UserError(
                f"{_place(case)}the evidence {evidence.start}-{evidence.end} lies outside '{document.id}', which has"
                f" {len(document.text)} characters; correct the span, or give the quote instead"
            )
        for passage in library.passages_of(document.id):
            if (overlap := min(passage.end, evidence.end) - max(passage.start, evidence.start)) > 0:
                shared[passage] = shared.get(passage, 0) + overlap
    ranked = sorted(shared, key=lambda p: (-shared[p], p.document, p.start))
    spanned = {evidence.document for evidence in case.evidence}
    for id in dict.fromkeys(case.gold_documents):
        if id not in spanned:
            ranked += _of_document(_document(case, id, library), library)
    return tuple(ranked)


def _of_document(document: Document, library: Library) -> Sequence[Passage]:
    passage = whole(document)
    return [passage] if library.tokens([passage.text])[0] <= WHOLE_TOKENS else library.passages_of(document.id)


def _document(case: Case, id: str, library: Library) -> Document:
    document = library.document(id)
    if document is None:
        raise UserError(f"{_place(case)}there is no document '{id}'; correct the case, or bring the document back")
    return document


def _place(case: Case) -> str:
    return f"{case.place}: " if case.place else f"case {case.id}: "
