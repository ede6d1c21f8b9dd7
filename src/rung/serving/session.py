"""A project that stays open and answers one caller after the other: searches, questions, documents, feedback.

What answers is what `rung ask` and `rung search` have answer, for the groups of whoever asks. Speaking a protocol is left to
`mcp_server`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, ExitStack
from types import TracebackType

from rung.artifacts import Training
from rung.builders.building import ArtifactBuilder
from rung.commands.search import Searcher, SearchRequest
from rung.config.project import Project
from rung.errors import UserError
from rung.loop import answer, opened
from rung.pipeline.pinned_strategy import PinnedStrategy
from rung.pipeline.pins import as_pinned, promoted
from rung.pipeline.preflight import check_servers
from rung.pipeline.searchable import at_hand
from rung.progress import say
from rung.records import Asker, Json, Passage
from rung.runtime.engines import Engines
from rung.runtime.runner import StepRunner
from rung.serving.tool_results import (
    MAX_ID,
    MAX_PASSAGES,
    Answered,
    DocumentPart,
    SearchHits,
    answered,
    asked_text,
    document_for,
    hit_of,
    part_of,
    short_text,
)
from rung.state.database import State, open_state
from rung.state.feedback import Rating, Remark, add_remark

MAX_ANSWERS = 1_000  # that feedback can be about by their id


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
        self._said = ""  # the deployment that answered last

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
        passages = searcher.find([asked_text(query, "query")], request)[0]
        # why there are none is not told to who may not read all: it would say that something is there
        note = "" if passages else searcher.why_nothing(query, request) if asker.groups is None else "nothing was found"
        return SearchHits(tuple(map(hit_of, self._readable(passages, asker))), note)

    def ask(self, question: str, *, asker: Asker, rung: str = "") -> Answered:
        """One rung's answer; by default that of the deployment that is promoted, else of the last verdict's winner, as it
        was measured. Nothing is trained for it.

        Raises:
            UserError: no verdict, no such rung, it would have to be trained first, or it failed.
        """
        question = asked_text(question, "question")
        if not self._servers_checked:
            check_servers(self._engines, judging=False)
            self._servers_checked = True
        builder = ArtifactBuilder(self._runner, while_training=_no_training)
        asked = None if rung else self._deployed(builder)
        live, pinned = answer(builder, question, rung=rung or None, asked=asked, asker=asker)
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
        return part_of(document_for(asker, at_hand(self._engines) or self._engines.documents, id), span)

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
        entry: dict[str, Json] = {"question": asked_text(asked, "question"), "answer": None, "documents": []}
        details: dict[str, Json] = {"correction": short_text(correction, "correction")} if correction.strip() else {}
        if shown is not None:
            documents: list[Json] = list(dict.fromkeys(cited.document for cited in shown.citations))
            entry |= {"model": shown.rung, "answer": shown.answer, "documents": documents}
        if self._state is None:
            self._state = self._stack.enter_context(open_state(self.project))
        add_remark(self._state, Remark(answer_id[:MAX_ID], caller, rating, details, entry))

    def _deployed(self, builder: ArtifactBuilder) -> PinnedStrategy | None:
        """What is promoted, opened; None where nothing is. A change is said."""
        record = promoted(self.project)
        id = "" if record is None else record.id
        if id != self._said:
            say(f"deployment {id} of {record.label} answers" if record else "nothing is promoted: the last winner answers")
            self._said = id
        return None if record is None else as_pinned(builder, record)

    def _current(self) -> Searcher:
        """The search over the documents as they are now."""
        newest = at_hand(self._engines) if self._searcher is not None else None
        if self._searcher is None or newest is None or newest.version != self._version:
            self._searcher = Searcher(self._engines)
            self._version = self._searcher.knowledge.version
        return self._searcher

    def _readable(self, passages: Iterable[Passage], asker: Asker) -> list[Passage]:
        access = self._access()
        return [one for one in passages if asker.may_read(access.get(one.document, one.groups))]

    def _access(self) -> Mapping[str, tuple[str, ...]]:
        """Document -> who may read it, as the documents are now."""
        return self._engines.knowledge.document_groups() if self._engines.knowledge is not None else {}


def _no_training(_training: Training) -> AbstractContextManager[object]:
    raise UserError("it has to be trained first, which nobody who asks waits for: run 'rung compare', or ask another rung")
