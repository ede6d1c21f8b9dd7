"""Whether the project's own search finds an answer to what a draft says nothing answers.

The rules look for the words of a thing; a search also finds who speaks of it in others.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import partial

from rung.commands.draft_checks import Miss
from rung.pipeline.prepare import up_to_date
from rung.records import Asker, Passage
from rung.records.steps import Conversation, search
from rung.runtime.runner import StepRunner
from rung.text.prose import prose
from rung.text.support import content

MAX_DOCUMENTS = 2_000  # of more an index is not made for this alone
_TOP = 5  # passages that are looked at
_TOGETHER = 32  # questions that are asked at once
_SHARED = 0.4  # of a question's words that a sentence of a passage that was found has which may answer it


def can_search(runner: StepRunner, documents: int) -> bool:
    """Make the index ready, where that does not take long; whether it is.

    Raises:
        UserError: the documents cannot be indexed.
    """
    knowledge = runner.engines.knowledge
    if knowledge is None or documents > MAX_DOCUMENTS:
        return False
    return up_to_date(runner.engines).knowledge.passage_count > 0


def unfound(runner: StepRunner, misses: Iterator[Miss]) -> Iterator[Miss]:
    """Those of which no passage that the search finds has a sentence near the question that may answer it."""
    while some := list(itertools.islice(misses, _TOGETHER)):
        asked = [(Asker(), partial(_found, miss)) for miss in some]
        for miss, ended in zip(some, runner.run(asked, title="search for answers"), strict=True):
            if ended.failure is None and not ended.value:
                yield miss


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
