"""Where a quote stands, and which passages hold a case's gold. Judging citations is left to `scoring`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from rung.errors import UserError
from rung.knowledge.chunking.passages import whole
from rung.records import Case, Document, Passage
from rung.scoring.bearing import Phrases, holds, ranked

WHOLE_TOKENS = 350  # up to this size a gold document is one passage
_HELD = 1000  # documents


@dataclass(frozen=True, slots=True)
class Gold:
    """The passages of a case's gold, best first. The first `bearing` bear the answer; 0: nobody can tell which do.

    `held`: whether an accepted answer stands in one of them, word for word.
    """

    passages: tuple[Passage, ...] = ()
    bearing: int = 0
    held: bool = False

    @property
    def teaching(self) -> tuple[Passage, ...]:
        """Those that may be shown as what the answer stands in: where nobody can tell, the nearest to the question."""
        return self.passages[: self.bearing or 1]


class Library(Protocol):
    """What is needed of the knowledge to look documents up; `Knowledge` is one."""

    def document(self, id: str) -> Document | None: ...

    def passages_of(self, document: str) -> tuple[Passage, ...]: ...

    def tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, as the embedder counts."""
        ...


class Shelf:
    """A library that looks up once what many cases name; it holds the last 1,000 documents."""

    def __init__(self, library: Library) -> None:
        self.document = lru_cache(_HELD)(library.document)
        self.passages_of = lru_cache(_HELD)(library.passages_of)
        self._counted = lru_cache(_HELD)(library.tokens)

    def tokens(self, texts: Sequence[str]) -> list[int]:
        """As `Library` says."""
        return self._counted(tuple(texts))


def find_quote(document_text: str, quote: str) -> tuple[int, int] | None:
    """Where a quote stands first: (start, end), or None. As it is written; else with all white space left out of both.

    White space is what copying changes: line breaks, double and non-breaking spaces, words cut at a line's end.
    """
    if not quote.strip():
        return None
    if (exact := document_text.find(quote)) >= 0:
        return exact, exact + len(quote)
    places = [i for i, character in enumerate(document_text) if not character.isspace()]
    letters = "".join(quote.split())
    begin = "".join(document_text[i] for i in places).find(letters)
    return None if begin < 0 else (places[begin], places[begin + len(letters) - 1] + 1)


def gold_passages(case: Case, library: Library, phrases: Phrases = ()) -> Gold:
    """The passages that hold the case's evidence, most of it first; then those of gold documents without evidence spans.

    Of such a document, those that bear the answer come first (`rung.scoring.bearing`). One of at most `WHOLE_TOKENS` tokens
    is a single passage, whole.

    Args:
        case: with its evidence and gold documents.
        library: where they are looked up.
        phrases: what to look for in gold documents; none: nearness to the question alone tells.

    Raises:
        UserError: the case names a document that does not exist, or characters that it does not have.
    """
    spanned = _spanned(case, library)
    with_evidence = {evidence.document for evidence in case.evidence}
    others = [_document(case, id, library) for id in dict.fromkeys(case.gold_documents) if id not in with_evidence]
    parts = ranked(case, [passage for document in others for passage in _of_document(document, library)], phrases)
    passages = (*spanned, *parts.passages)
    return Gold(passages, len(spanned) + parts.bearing, any(holds(passage, phrases) for passage in passages))


def _spanned(case: Case, library: Library) -> Sequence[Passage]:
    shared: dict[Passage, int] = {}
    for evidence in case.evidence:
        document = _document(case, evidence.document, library)
        if not 0 <= evidence.start < evidence.end <= len(document.text):
            raise UserError(
                f"{_location(case)}the evidence {evidence.start}-{evidence.end} lies outside '{document.id}', which has"
                f" {len(document.text)} characters; correct the span, or give the quote instead"
            )
        for passage in library.passages_of(document.id):
            if (overlap := min(passage.end, evidence.end) - max(passage.start, evidence.start)) > 0:
                shared[passage] = shared.get(passage, 0) + overlap
    return sorted(shared, key=lambda p: (-shared[p], p.document, p.start))


def _of_document(document: Document, library: Library) -> Sequence[Passage]:
    passage = whole(document)
    return [passage] if library.tokens([passage.text])[0] <= WHOLE_TOKENS else library.passages_of(document.id)


def _document(case: Case, id: str, library: Library) -> Document:
    document = library.document(id)
    if document is None:
        raise UserError(f"{_location(case)}there is no document '{id}'; correct the case, or bring the document back")
    return document


def _location(case: Case) -> str:
    return f"{case.place}: " if case.place else f"case {case.id}: "
