"""Carries out `Rerank` steps by the project's own generator, and what every reranker shares: texts, order, grouping.

A cross-encoder on this machine is in `cross_encoder`, one behind a URL in `http_reranking`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from rung.errors import InternalError
from rung.records import Asker, Failure, Message, Passage, Usage
from rung.records.steps import Generate, GenerateResult, Request, Rerank, Result, SearchResult, usage_of

if TYPE_CHECKING:
    from rung.models.protocol import Generator

GRADES = ("0", "1", "2", "3")
RULE = (
    "Grade how well the passage answers the query. 3: it holds the whole answer. 2: it holds a part of it. "
    "1: it is about the same thing, and answers nothing. 0: it is about something else. Say the grade only."
)


def asked(request: Request) -> Rerank:
    """The step of a request.

    Raises:
        InternalError: it is none for a reranker.
    """
    if not isinstance(request.step, Rerank):
        raise InternalError(f"a reranker was given {type(request.step).__name__}")
    return request.step


def shown(passage: Passage) -> str:
    """A passage as a reranker reads it: its title (and headings), then its text."""
    return f"{passage.title}\n{passage.text}" if passage.title else passage.text


def reordered(step: Rerank, scores: Sequence[float]) -> SearchResult:
    """The passages by their new scores, best first, cut to `top`; equal scores keep the order that they came in."""
    scored = [replace(passage, score=score) for passage, score in zip(step.passages, scores, strict=True)]
    return SearchResult(tuple(sorted(scored, key=lambda passage: -passage.score)[: step.top]))


class GeneratorReranker:
    """Asks a generator to grade each passage from 0 to 3, one by one; equal grades keep the order of the search.

    Pointwise with several grades: it needs no probabilities, which servers do not give, no long prompt with all passages
    in it, and ranks better than yes or no (Zhuang and others 2024). The query stands before the passage, so that a prefix
    cache reads it once.
    """

    def __init__(self, generator: Generator, *, report: Callable[[Usage], None] = lambda _generated: None) -> None:
        """`report` hears of every generation: what it consumed is in no result."""
        self._generator = generator
        self._report = report

    @property
    def identity(self) -> str:
        """That of the generator, and of the wording."""
        return f"grades/1/{self._generator.identity}"

    def run(self, requests: Sequence[Request]) -> Iterator[tuple[int, Result | Failure]]:
        """Yield each result as soon as all of its passages are graded; one that could not be graded fails it."""
        steps = [asked(request) for request in requests]
        pairs = [(index, number) for index, step in enumerate(steps) for number in range(len(step.passages))]
        prompts = [Request(grading(steps[index], number), Asker()) for index, number in pairs]
        grades: list[dict[int, float]] = [{} for _ in steps]
        failed: dict[int, Failure] = {}
        left = [len(step.passages) for step in steps]
        for index, step in enumerate(steps):
            if not step.passages:
                yield index, SearchResult(())
        for at, result in self._generator.run(prompts) if prompts else ():
            index, number = pairs[at]
            if (used := usage_of(result)) is not None:
                self._report(used)
            left[index] -= 1
            if isinstance(result, GenerateResult) and result.text.strip() in GRADES:
                grades[index][number] = GRADES.index(result.text.strip()) / (len(GRADES) - 1)
            else:
                failed[index] = _why(result)
            if not left[index]:
                yield index, failed.get(index) or _graded(steps[index], grades[index])


def grading(step: Rerank, number: int) -> Generate:
    """What a generator is asked to grade one passage of a step."""
    prompt = f"Query: {step.query}\n\nPassage: {shown(step.passages[number])}\n\nGrade:"
    return Generate((Message("system", RULE), Message("user", prompt)), choices=GRADES, max_tokens=4)


def _graded(step: Rerank, grades: Mapping[int, float]) -> SearchResult:
    return reordered(step, [grades[number] for number in range(len(step.passages))])


def _why(result: Result | Failure) -> Failure:
    if isinstance(result, Failure):
        return Failure(f"a passage could not be graded: {result.error}", step="rerank", attempt=result.attempt)
    text = result.text if isinstance(result, GenerateResult) else type(result).__name__
    return Failure(f"a passage was graded {text[:40]!r}, not {', '.join(GRADES)}", step="rerank")
