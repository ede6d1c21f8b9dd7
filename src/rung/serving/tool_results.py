"""What an agent's tools give: passages, answers and parts of documents, as one asker may see them."""

from __future__ import annotations

import difflib
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rung.errors import UserError
from rung.knowledge.chunking.passages import Places
from rung.pipeline.pinned_strategy import PinnedStrategy
from rung.records import Answer, Asker, Document, Passage
from rung.text.left_out import left_out
from rung.text.support import doubted

if TYPE_CHECKING:
    from rung.knowledge import Knowledge

MAX_QUERY = 20_000  # characters of a question or a query
MAX_PASSAGES = 50
MAX_CHARACTERS = 40_000  # of a document in one answer: agents refuse longer ones, or cut them without a word
MAX_ID = 64  # characters
_FEW = 10_000  # ids among which near ones are looked for
_SPAN = re.compile(r"(?P<line>L?)(?P<start>\d{1,12})\s*-\s*L?(?P<end>\d{1,12})")


class NotMeant(UserError):
    """A mistake of whoever called a tool: the sentence holds nothing but what came with the call, and what it may know."""


@dataclass(frozen=True, slots=True)
class SearchHit:
    """A passage that a search found: characters `start` to `end`. Lines count from 1; page None: the document has none."""

    document: str
    source: str
    title: str
    first_line: int
    last_line: int
    page: int | None
    start: int
    end: int
    score: float
    text: str


@dataclass(frozen=True, slots=True)
class SearchHits:
    """Passages, best first. `note`: why there are none."""

    passages: tuple[SearchHit, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Cited:
    """What `[mark]` in an answer stands for. `quote` is the document's text there."""

    mark: int
    document: str
    source: str
    first_line: int
    page: int | None
    start: int
    end: int
    quote: str


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer. `refused`: the rung says that it does not know. `unsupported`: sentences that what they cite does not bear
    out. `withheld`: citations left out, of documents that the asker may not read. `left_out`: what it was to be of and is
    not, in words."""

    answer_id: str
    answer: str
    refused: bool
    citations: tuple[Cited, ...]
    unsupported: tuple[str, ...]
    truncated: bool
    withheld: int
    rung: str
    model: str
    artifacts: dict[str, str] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DocumentPart:
    """Characters `start` to `end` of a document of so many `characters`. `more`: the span to ask for next, or ""."""

    document: str
    source: str
    title: str
    first_line: int
    last_line: int
    start: int
    end: int
    characters: int
    text: str
    more: str = ""


def hit_of(passage: Passage) -> SearchHit:
    """A passage as a search shows it."""
    return SearchHit(
        document=passage.document,
        source=passage.source or passage.document,
        title=passage.title,
        first_line=passage.line,
        last_line=passage.line + passage.text.rstrip("\n").count("\n") if passage.line else 0,
        page=passage.page or None,
        start=passage.start,
        end=passage.end,
        score=round(passage.score, 6),
        text=passage.text,
    )


def answered(
    given: Answer, pinned: PinnedStrategy, *, asker: Asker, access: Mapping[str, tuple[str, ...]], is_prose: bool = True
) -> Answered:
    """What an asker is shown of an answer, looked at once more by who may read the documents now.

    Args:
        given: the strategy's answer.
        pinned: who gave it.
        asker: who is shown it.
        access: document -> groups that may read it, none being everybody.
        is_prose: its sentences can be held against what they cite.

    Raises:
        UserError: the model was shown what the asker may not read.
    """
    if not all(asker.may_read(access.get(passage.document, passage.groups)) for passage in given.passages):
        raise UserError("the answer rests on a document that this asker may not read, and is withheld")
    shown = {passage.id: passage for passage in given.passages}
    cited = [one for one in given.citations if asker.may_read(access.get(one.document, ()))]
    return Answered(
        answer_id=secrets.token_hex(8),
        answer=given.text,
        refused=given.refused,
        citations=tuple(_cited(c.mark, c.document, (c.start, c.end), shown.get(c.passage)) for c in cited),
        unsupported=tuple(sentence for _, sentence in doubted(given)) if is_prose else (),
        truncated=given.truncated,
        withheld=len(given.citations) - len(cited),
        rung=given.by or pinned.label,
        model=pinned.models[0],
        artifacts=dict(pinned.artifacts),
        left_out=tuple(left_out(given)),
    )


def document_for(asker: Asker, knowledge: Knowledge, id: str) -> Document:
    """The document of this id.

    Raises:
        NotMeant: there is none that the asker may read.
    """
    access, name = knowledge.document_groups(), id.strip().removeprefix("./")
    document = knowledge.document(name) if name in access and asker.may_read(access[name]) else None
    if document is None:
        readable = [one for one, groups in access.items() if asker.may_read(groups)]
        raise NotMeant(f"there is no document '{id[:200]}' that this asker may read; {_nearest(name, readable)}")
    return document


def part_of(document: Document, span: str = "") -> DocumentPart:
    """A document, or a part of it: "L10-L40" are lines, "100-250" characters.

    Raises:
        NotMeant: it has no such span.
    """
    text = document.text
    start, end = _span(span, text) if span else (0, len(text))
    cut = min(end, start + MAX_CHARACTERS)
    lines = Places(document)
    return DocumentPart(
        document=document.id,
        source=document.source or document.id,
        title=document.title,
        first_line=lines.line(start),
        last_line=lines.line(max(start, cut - 1)),
        start=start,
        end=cut,
        characters=len(text),
        text=text[start:cut],
        more=f"{cut}-{end}" if cut < end else "",
    )


def asked_text(text: str, what: str) -> str:
    """A question or a query.

    Raises:
        NotMeant: it says nothing, or is too long.
    """
    if not text.strip():
        raise NotMeant(f"the {what} is empty: write one")
    return short_text(text, what)


def short_text(text: str, what: str) -> str:
    """A text that is not too long.

    Raises:
        NotMeant: it is.
    """
    if len(text) > MAX_QUERY:
        raise NotMeant(f"the {what} has {len(text):,} characters, and may have {MAX_QUERY:,}: shorten it")
    return text


def _nearest(name: str, ids: Sequence[str]) -> str:
    """What is to be said of a name that is no document's: which of these ids was meant, if any."""
    near = [id for id in ids if id.endswith(f"/{name}")][:3]
    if not near and len(ids) <= _FEW:
        near = difflib.get_close_matches(name, ids, n=3)
    return f"did you mean {' or '.join(map(repr, near))}?" if near else "search shows the ids of documents"


def _span(span: str, text: str) -> tuple[int, int]:
    form = _SPAN.fullmatch(span.strip())
    if form is None:
        raise NotMeant(f"the span {span[:40]!r} is none: write lines as 'L10-L40', characters as '100-250'")
    first, last = int(form["start"]), int(form["end"])
    if not form["line"]:
        if not first < last or first >= len(text):
            raise NotMeant(f"there are no characters {first}-{last}: the document has {len(text):,}, counted from 0")
        return first, min(last, len(text))
    ends = [0, *(match.end() for match in re.finditer("\n", text))]  # where each line begins
    if not 1 <= first <= last or first > len(ends):
        raise NotMeant(f"there are no lines {first}-{last}: the document has {len(ends):,}, counted from 1")
    return ends[first - 1], ends[last] if last < len(ends) else len(text)


def _cited(mark: int, document: str, span: tuple[int, int], shown: Passage | None) -> Cited:
    start, end = span
    if shown is None:
        return Cited(mark, document, document, 0, None, start, end, "")
    source, quote = shown.source or document, shown.between(start, end)
    return Cited(mark, document, source, shown.line_at(start), shown.page or None, start, end, quote)
