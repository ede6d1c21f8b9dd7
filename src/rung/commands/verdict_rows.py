"""The answers and scores of a verdict as rows, for tables of other programs; nothing is asked of a model."""

from __future__ import annotations

import json
from collections.abc import Sequence

from rung.errors import UserError
from rung.pipeline.evaluation_store import EVALUATIONS, read_evaluations
from rung.pipeline.publishing import Published
from rung.records import Evaluation, Json
from rung.scoring.refusal import spoken

COLUMNS = ("rung", "case", "question", "answer", "failure", "lost_in")  # before the metrics


class VerdictAnswers:
    """What each rung answered in a verdict, and which of it an asker may see.

    Args:
        verdict: as it was published.
        rung: of one rung alone; "" of all.
        groups: leave out what an asker with these may not read; None: nothing.

    Raises:
        UserError: its answers were taken away, or there is no such rung in it.
    """

    def __init__(self, verdict: Published, *, rung: str = "", groups: frozenset[str] | None = None) -> None:
        if not (path := verdict.folder / EVALUATIONS).is_file():
            raise UserError(f"the verdict in {verdict.folder} has no stored answers: run 'rung compare' again")
        whole = _parsed(verdict.text("ragas"))
        self.rows = whole if groups is None else _parsed(verdict.text("ragas", groups))
        self.questions = {str(row["case"]): row["question"] for row in self.rows}
        self._restricted = groups is not None
        self._seen = {(str(row["rung"]), str(row["case"])) for row in self.rows}
        self._hidden = len(whole) - len(self.rows)
        answered = [one for one in read_evaluations(path).evaluations if one.outcomes]
        self.evaluations: Sequence[Evaluation] = [one for one in answered if rung in ("", one.name)]
        if not self.evaluations:
            names = ", ".join(one.name for one in answered)
            raise UserError(f"'{rung}' answered nothing in this verdict; there are: {names}")

    @property
    def metrics(self) -> list[str]:
        """Every metric of any rung."""
        return list(dict.fromkeys(name for one in self.evaluations for name in one.scorecard.values))

    def shows(self, rung: str, case: str) -> bool:
        """Whether the answer may be seen; without groups every one, and every failure."""
        return not self._restricted or (rung, case) in self._seen

    def texts(self, rung: str) -> dict[str, str]:
        """What a rung said, by case."""
        one = next(evaluation for evaluation in self.evaluations if evaluation.name == rung)
        answers = {outcome.case: outcome.answer for outcome in one.outcomes if self.shows(rung, outcome.case)}
        return {case: spoken(answer) for case, answer in answers.items() if answer is not None}

    def hidden(self) -> list[str]:
        """How many answers are left out, in words; nothing where none is."""
        if not self._hidden:
            return []
        return [f"{self._hidden:,} answers touch what these groups may not read, and are left out"]

    def table(self) -> list[dict[str, Json]]:
        """A row for each rung and case: `COLUMNS`, then the metrics that apply to it."""
        written: list[dict[str, Json]] = []
        for evaluation in self.evaluations:
            indexes = {case: index for index, case in enumerate(evaluation.scorecard.cases)}
            for outcome in evaluation.outcomes:
                if not self.shows(evaluation.name, outcome.case):
                    continue
                index = indexes[outcome.case]
                row: dict[str, Json] = {
                    **{"rung": evaluation.name, "case": outcome.case, "question": self.questions.get(outcome.case)},
                    "answer": None if outcome.answer is None else spoken(outcome.answer),
                    "failure": None if outcome.failure is None else outcome.failure.error,
                    "lost_in": evaluation.layers[index] if evaluation.layers else None,
                }
                written.append({**row, **evaluation.scorecard.at(index)})
        return written


def _parsed(lines: str) -> list[dict[str, Json]]:
    return [json.loads(line) for line in lines.split("\n") if line]
