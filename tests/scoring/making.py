"""Records for the tests of scoring: short to write, with only what a test is about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

from rung.records import Answer, Case, Citation, Evidence, Failure, Json, Outcome, Passage
from rung.scoring import Scores, ScoringContext
from rung.scoring.correctness import Correctness


def passage(document: str, start: int = 0, end: int = 100, *, groups: tuple[str, ...] = ()) -> Passage:
    """Characters of a document, without text."""
    return Passage(id=f"{document}:{start}", document=document, start=start, end=end, text="", groups=groups)


def cited(document: str, start: int = 0, end: int = 100, *, mark: int = 1) -> Citation:
    """A citation of those characters."""
    return Citation(mark=mark, document=document, start=start, end=end)


def case(
    *answers: str,
    gold: tuple[str, ...] = (),
    spans: tuple[tuple[str, int, int], ...] = (),
    meta: Mapping[str, object] | None = None,
) -> Case:
    """An answerable case, or, without answers, one that is not."""
    evidence = tuple(Evidence(*span) for span in spans)
    return Case(
        "c",
        "?",
        answers,
        answerable=bool(answers),
        evidence=evidence,
        gold_documents=gold,
        meta=cast("Mapping[str, Json]", meta or {}),
    )


def said(text: str, *, retrieved: tuple[Passage, ...] = (), shown: tuple[Passage, ...] = ()) -> Outcome:
    """An answer that came."""
    return Outcome("c", Answer(text, text, retrieved=retrieved, passages=shown))


def failed(step: str = "generate") -> Outcome:
    """An answer that did not come."""
    return Outcome("c", failure=Failure("timeout", step=step))


def correctness(scoring_context: ScoringContext) -> Callable[[Case, Outcome], Scores]:
    """The built-in scorer, where no model judges."""
    scorer = Correctness(scoring_context)

    def scores(case: Case, outcome: Outcome) -> Scores:
        said = scorer(case, outcome)
        assert isinstance(said, Mapping)
        return said

    return scores
