"""Answers and passages out of the lines of a stored comparison; what the lines are, `evaluation_store` says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from rung.records import Answer, Citation, Failure, Outcome, Passage, ToolCall, Usage


def stored_passage(names: Sequence[str], values: Sequence[Any]) -> Passage:
    """A passage from its line. `names`: of its fields, as the first line of the file has them."""
    return Passage.of(dict(zip(names, values, strict=True)))


class OutcomeReader:
    """Reads what came of a case.

    Args:
        usage: names of the fields of a usage, as the first line of the file has them.
        passage: a passage by its number.
    """

    def __init__(self, usage: Sequence[str], passage: Callable[[int], Passage]) -> None:
        self._usage, self._passage_of = usage, passage
        self._scored: dict[tuple[int, float], Passage] = {}  # those with a score in a ranking

    def outcome(self, case: str, row: Mapping[str, Any]) -> Outcome:
        """One pass over a case."""
        usage = Usage(**dict(zip(self._usage, row["usage"], strict=True)))
        if "failure" in row:
            return Outcome(case, failure=Failure(*row["failure"]), usage=usage)
        retrieved = tuple(map(self._passage, row.get("retrieved", ())))
        shown = row.get("passages", 0)
        answer = Answer(
            row["text"],
            row.get("plain", row["text"]),
            refused=row.get("refused", False),
            citations=tuple(Citation(*one) for one in row.get("citations", ())),
            passages=retrieved[:shown] if isinstance(shown, int) else tuple(map(self._passage, shown)),
            retrieved=retrieved,
            truncated=row.get("truncated", False),
            by=row.get("by", ""),
            calls=tuple(ToolCall(*one) for one in row.get("calls", ())),
            turns_left_out=row.get("turns_left_out", 0),
            documents_left_out=row.get("documents_left_out", 0),
            memory_failed=row.get("memory_failed", False),
        )
        return Outcome(case, answer, usage=usage)

    def _passage(self, reference: int | list[Any]) -> Passage:
        if isinstance(reference, int):
            return self._passage_of(reference)
        number, score = reference
        if (number, score) not in self._scored:
            self._scored[number, score] = replace(self._passage_of(number), score=score)
        return self._scored[number, score]
