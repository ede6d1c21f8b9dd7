"""Whether the project's own search finds an answer to what a draft says nothing answers.

The rules look for the words of a thing; a search also finds who speaks of it in others. The index is searched as it is: what
is served from it does not change because somebody drafts. Only where there is none yet, one is made.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from rung.commands.draft_checks import Miss
from rung.errors import UserError
from rung.pipeline.prepare import up_to_date
from rung.records import Asker, Document, Passage
from rung.records.steps import Conversation, search
from rung.runtime.runner import StepRunner
from rung.text.prose import prose
from rung.text.support import content

MAX_DOCUMENTS = 2_000  # of more an index is not made for this alone
_TOP = 5  # passages that are looked at
_TOGETHER = 32  # questions that are asked at once
_SHARED = 0.4  # of a question's words that a sentence of a passage that was found has which may answer it


@dataclass
class AnswerSearch:
    """The search for answers to drafts that have none.

    `trouble`: why it is not asked, or no longer, "" where it is; `failed`: questions whose search failed, which stay.
    """

    runner: StepRunner
    trouble: str = ""
    failed: int = 0

    @classmethod
    def over(cls, runner: StepRunner, documents: Sequence[Document]) -> AnswerSearch:
        """The search, where the index holds exactly these documents. One is made only for a project that has none."""
        try:
            return cls(runner, _trouble(runner, documents))
        except UserError as error:
            return cls(runner, f"the search cannot be asked: {error}")

    @property
    def words(self) -> str:
        """What is to be said of it; "" where every draft was searched for."""
        failed = f"the search failed for {self.failed:,} questions, which stay" if self.failed else ""
        return "; ".join(one for one in (failed, self.trouble) if one)

    def unfound(self, misses: Iterator[Miss]) -> Iterator[Miss]:
        """Those of which no passage that the search finds has a sentence near the question that may answer it.

        One whose search fails stays. Where all of those that are asked together fail, no more are asked.
        """
        while not self.trouble and (some := list(itertools.islice(misses, _TOGETHER))):
            results = self._searched(some)
            for miss, is_said in zip(some, results, strict=True):
                self.failed += is_said is None
                if not is_said:
                    yield miss
        yield from misses

    def _searched(self, misses: Sequence[Miss]) -> list[bool | None]:
        """Whether an answer to each is found; None where its search failed."""
        asked = [(Asker(), partial(_found, miss)) for miss in misses]
        try:
            engines = {"search": self.runner.engines.documents.engine()}  # no model is opened for it
            ends = self.runner.run(asked, title="search for answers", engines=engines)
        except UserError as error:
            self.trouble = f"the search cannot be asked: {error}"
            return [None] * len(misses)
        failures = [end.failure for end in ends if end.failure is not None]
        if len(failures) == len(ends):
            self.trouble = f"the search is asked no more: {failures[0].error}"
        return [None if end.failure is not None else bool(end.value) for end in ends]


def _trouble(runner: StepRunner, documents: Sequence[Document]) -> str:
    """Why the index cannot be searched for these documents; "" where it can. Makes one where there is none.

    Raises:
        UserError: the documents cannot be indexed, or the embedder cannot be asked.
    """
    knowledge = runner.engines.documents
    knowledge.refresh()
    if not knowledge.version:
        if runner.project.settings.knowledge.store:
            return "nothing is indexed in the store yet, and drafts alone do not fill it: run 'rung sync' first"
        if len(documents) > MAX_DOCUMENTS:
            return f"an index of {len(documents):,} documents is not made for drafts alone: run 'rung sync' first"
        up_to_date(runner.engines)
    report = knowledge.compare(documents)
    changes = report.added + report.changed + report.renamed + report.removed
    if changes or report.rebuilt:
        why = f"{changes:,} documents changed" if changes else "it was made with other settings"
        return f"the index is not up to date ({why}), and drafts alone do not change it: run 'rung sync' first"
    return "" if knowledge.passage_count else "the index holds no passages"


def _found(miss: Miss) -> Conversation[bool]:
    """Whether an answer is found."""
    result = yield from search(miss.question, top=_TOP)
    return any(may_answer(miss, passage) for passage in result.passages)


def may_answer(miss: Miss, passage: Passage) -> bool:
    """Whether a sentence of a passage has what an answer would have, and much of the question's words."""
    words = content(miss.question)
    return any(
        miss.answers.search(text) and len(words & (content(text) | content(passage.title))) >= _SHARED * len(words)
        for text in (passage.text[start:end] for start, end in prose(passage.text))
    )
