"""A project that stays open and answers one caller after the other: searches, questions, documents, feedback.

What answers is what `rung ask` and `rung search` have answer, for the groups of whoever asks. Speaking a protocol is left to
`mcp_server`.
"""

from __future__ import annotations

import difflib
import re
import secrets
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from types import TracebackType

from rung.artifacts import Training
from rung.builders.building import ArtifactBuilder
from rung.commands.search import Searcher, SearchRequest
from rung.config.project import Project
from rung.errors import UserError
from rung.knowledge.chunking.passages import Places
from rung.loop import answer, opened
from rung.pipeline.pinned_strategy import PinnedStrategy
from rung.pipeline.preflight import check_servers
from rung.pipeline.prepare import at_hand
from rung.records import Answer, Asker, Document, Json, Passage
from rung.runtime.engines import Engines
from rung.runtime.runner import StepRunner
from rung.state.database import State, open_state
from rung.state.feedback import Rating, Remark, add_remark
from rung.text.support import doubted

MAX_QUERY = 20_000  # characters of a question or a query
MAX_PASSAGES = 50
MAX_CHARACTERS = 40_000  # of a document in one answer: agents refuse longer ones, or cut them without a word
MAX_ID = 64  # characters
MAX_ANSWERS = 1_000  # that feedback can be about by their id
_FEW = 10_000  # ids among which near ones are looked for
_SPAN = re.compile(r"(?P<line>L?)(?P<start>\d{1,12})\s*-\s*L?(?P<end>\d{1,12})")


@dataclass(frozen=True, slots=True)
class SearchHit:
    """A passage that a search found: characters `start` to `end`. Lines count from 1; page 0: the document has none."""

    document: str
    source: str
    title: str
    first_line: int
    last_line: int
    page: int
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
    page: int
    start: int
    end: int
    quote: str


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer. `refused`: the rung says that it does not know. `unsupported`: sentences that what they cite does not bear
    out. `withheld`: citations left out, of documents that the asker may not read."""

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


class Session:
    """An open project. Used by one thread, the one that enters it."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._stack = ExitStack()
        self._answers: OrderedDict[str, tuple[str, Answered]] = OrderedDict()
        self._servers_checked = False
        self._searcher: Searcher | None = None
        self._version = 0  # of the index that it searches
        self._state: State | None = None  # opened for the first remark

    def __enter__(self) -> Session:
        with ExitStack() as stack:
            self._engines: Engines = stack.enter_context(opened(self.project, reading=True))
            self._runner = stack.enter_context(StepRunner(self._engines))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stack.__exit__(kind, error, trace)

    def search(self, query: str, *, asker: Asker, top: int = 5) -> SearchHits:
        """Passages that the asker may read, best first.

        Raises:
            UserError: nothing is asked, or the project has no documents.
        """
        if not 1 <= top <= MAX_PASSAGES:
            raise UserError(f"k must be from 1 to {MAX_PASSAGES}, and is {top}")
        searcher, request = self._current(), SearchRequest(top, asker)
        passages = searcher.find([_asked(query, "query")], request)[0]
        # why there are none is not told to who may not read all: it would say that something is there
        note = "" if passages else searcher.why_nothing(query, request) if asker.groups is None else "nothing was found"
        return SearchHits(tuple(map(_hit, self._readable(passages, asker))), note)

    def ask(self, question: str, *, asker: Asker, rung: str = "") -> Answered:
        """One rung's answer; by default the last verdict's winner's, as it was measured. Nothing is trained for it.

        Raises:
            UserError: no verdict, no such rung, it would have to be trained first, or it failed.
        """
        question = _asked(question, "question")
        if not self._servers_checked:
            check_servers(self._engines, judging=False)
            self._servers_checked = True
        builder = ArtifactBuilder(self._runner, while_training=_no_training)
        live, pinned = answer(builder, question, rung=rung or None, asker=asker)
        if live.value is None:
            raise UserError(f"{pinned.label} failed: {live.failure.error if live.failure else 'no answer'}")
        behaviour = self.project.settings.behaviour
        is_prose = not (behaviour.schema_file or behaviour.labels)
        shown = answered(live.value, pinned, asker=asker, access=self._access(), is_prose=is_prose)
        self._answers[shown.answer_id] = (question, shown)
        if len(self._answers) > MAX_ANSWERS:
            self._answers.popitem(last=False)
        return shown

    def document(self, id: str, *, asker: Asker, span: str = "") -> DocumentPart:
        """A document that the asker may read, or a part of it: "L10-L40" are lines, "100-250" characters.

        Raises:
            UserError: there is none of this id that the asker may read, or it has no such span.
        """
        document = self._document(id, asker)
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

    def feedback(
        self, *, rating: Rating, answer_id: str = "", question: str = "", correction: str = "", caller: str = ""
    ) -> None:
        """Keep what is said of an answer of this session, by its id, or of any answer to a question.

        Raises:
            UserError: it is about no answer of this session and no question, or the database takes nothing.
        """
        asked, shown = self._answers.get(answer_id, (question, None))
        if shown is None and not question.strip():
            why = f"'{answer_id[:MAX_ID]}' is no answer of this session" if answer_id else "it is about nothing"
            raise UserError(f"{why}: give the answer_id that 'ask' returned, or the question")
        entry: dict[str, Json] = {"question": _asked(asked, "question"), "answer": None, "documents": []}
        details: dict[str, Json] = {"correction": _short(correction, "correction")} if correction.strip() else {}
        if shown is not None:
            documents: list[Json] = list(dict.fromkeys(cited.document for cited in shown.citations))
            entry |= {"model": shown.rung, "answer": shown.answer, "documents": documents}
        if self._state is None:
            self._state = self._stack.enter_context(open_state(self.project))
        add_remark(self._state, Remark(answer_id[:MAX_ID], caller, rating, details, entry))

    def _current(self) -> Searcher:
        """The search over the documents as they are now."""
        newest = at_hand(self._engines) if self._searcher is not None else None
        if self._searcher is None or newest is None or newest.version != self._version:
            self._searcher = Searcher(self._engines)
            self._version = self._searcher.knowledge.version
        return self._searcher

    def _document(self, id: str, asker: Asker) -> Document:
        knowledge = at_hand(self._engines) or self._engines.documents
        access, name = knowledge.document_groups(), id.strip().removeprefix("./")
        document = knowledge.document(name) if name in access and asker.may_read(access[name]) else None
        if document is None:
            readable = [one for one, groups in access.items() if asker.may_read(groups)]
            raise UserError(f"there is no document '{id[:200]}' that this asker may read; {_nearest(name, readable)}")
        return document

    def _readable(self, passages: Iterable[Passage], asker: Asker) -> list[Passage]:
        access = self._access()
        return [one for one in passages if asker.may_read(access.get(one.document, one.groups))]

    def _access(self) -> Mapping[str, tuple[str, ...]]:
        """Document -> who may read it, as the documents are now."""
        return self._engines.knowledge.document_groups() if self._engines.knowledge is not None else {}


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
    )


def _no_training(_training: Training) -> AbstractContextManager[object]:
    raise UserError("it has to be trained first, which nobody who asks waits for: run 'rung compare', or ask another rung")


def _nearest(name: str, ids: Sequence[str]) -> str:
    """What is to be said of a name that is no document's: which of these ids was meant, if any."""
    near = [id for id in ids if id.endswith(f"/{name}")][:3]
    if not near and len(ids) <= _FEW:
        near = difflib.get_close_matches(name, ids, n=3)
    return f"did you mean {' or '.join(map(repr, near))}?" if near else "search shows the ids of documents"


def _asked(text: str, what: str) -> str:
    if not text.strip():
        raise UserError(f"the {what} is empty: write one")
    return _short(text, what)


def _short(text: str, what: str) -> str:
    if len(text) > MAX_QUERY:
        raise UserError(f"the {what} has {len(text):,} characters, and may have {MAX_QUERY:,}: shorten it")
    return text


def _span(span: str, text: str) -> tuple[int, int]:
    form = _SPAN.fullmatch(span.strip())
    if form is None:
        raise UserError(f"the span {span[:40]!r} is none: write lines as 'L10-L40', characters as '100-250'")
    first, last = int(form["start"]), int(form["end"])
    if not form["line"]:
        if not first < last or first >= len(text):
            raise UserError(f"there are no characters {first}-{last}: the document has {len(text):,}, counted from 0")
        return first, min(last, len(text))
    ends = [0, *(match.end() for match in re.finditer("\n", text))]  # where each line begins
    if not 1 <= first <= last or first > len(ends):
        raise UserError(f"there are no lines {first}-{last}: the document has {len(ends):,}, counted from 1")
    return ends[first - 1], ends[last] if last < len(ends) else len(text)


def _hit(passage: Passage) -> SearchHit:
    return SearchHit(
        document=passage.document,
        source=passage.source or passage.document,
        title=passage.title,
        first_line=passage.line,
        last_line=passage.line + passage.text.rstrip("\n").count("\n") if passage.line else 0,
        page=passage.page,
        start=passage.start,
        end=passage.end,
        score=round(passage.score, 6),
        text=passage.text,
    )


def _cited(mark: int, document: str, span: tuple[int, int], shown: Passage | None) -> Cited:
    start, end = span
    if shown is None:
        return Cited(mark, document, document, 0, 0, start, end, "")
    source, quote = shown.source or document, shown.between(start, end)
    return Cited(mark, document, source, shown.line_at(start), shown.page, start, end, quote)
