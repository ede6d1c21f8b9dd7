"""The answers and scores of a verdict as rows, for tables of other programs; nothing is asked of a model."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from rung.dataset.load import Dataset, documents_in
from rung.errors import UserError
from rung.pipeline.evaluation_store import EVALUATIONS, Asked, read_evaluations
from rung.pipeline.publishing import Published
from rung.records import Case, Evaluation, Json, Outcome
from rung.report.access import may_read, needs_of
from rung.report.contents import CasePage
from rung.scoring.refusal import spoken

COLUMNS = ("rung", "case", "question", "answer", "failure", "lost_in")  # before the metrics


class VerdictAnswers:
    """What each rung answered in a verdict, and which of it an asker may see.

    An answer may be seen by those who may read all that it was made of, a failure by those who may see its case. A case is
    known by the answers of any rung to it; one that none answered by the project's cases, if it is asked there as it was.

    Args:
        verdict: as it was published.
        rung: of one rung alone; "" of all.
        groups: leave out what an asker with these may not read; None: nothing.
        cases: the project's, with their gold documents; called where they are needed.

    Raises:
        UserError: its answers were taken away, or there is no such rung in it.
    """

    def __init__(
        self,
        verdict: Published,
        *,
        rung: str = "",
        groups: frozenset[str] | None = None,
        cases: Callable[[], Iterable[Case]] = tuple,
    ) -> None:
        if not (path := verdict.folder / EVALUATIONS).is_file():
            raise UserError(f"the verdict in {verdict.folder} has no stored answers: run 'rung compare' again")
        whole = _parsed(verdict.text("ragas"))
        self.rows = whole if groups is None else _parsed(verdict.text("ragas", groups))
        self.questions = {str(row["case"]): row["question"] for row in self.rows}
        self._groups, self._stored = groups, read_evaluations(path)
        self._seen = {(str(row["rung"]), str(row["case"])) for row in self.rows}
        answered = [one for one in self._stored.evaluations if one.outcomes]
        self.evaluations: Sequence[Evaluation] = [one for one in answered if rung in ("", one.name)]
        if not self.evaluations:
            names = ", ".join(one.name for one in answered)
            raise UserError(f"'{rung}' answered nothing in this verdict; there are: {names}")
        self._open = set(self.questions)  # cases that may be seen
        self._ask(cases)

    def _ask(self, cases: Callable[[], Iterable[Case]]) -> None:
        """What cases are asked, and who may see them, of which no answer says so."""
        outcomes = {case: dict[str, Outcome]() for case in self._stored.asked}
        for evaluation in self._stored.evaluations:
            for outcome in evaluation.outcomes:
                outcomes.setdefault(outcome.case, {})[evaluation.name] = outcome
        failed = {outcome.case for one in self.evaluations for outcome in one.outcomes if outcome.answer is None}
        if not (unknown := failed - self._open):
            return
        restricted = {id: needed for id, needed in (self._stored.facts.document_groups or {}).items() if needed}
        for case in cases():
            asked = self._stored.asked.get(case.id)
            if case.id not in unknown or asked is None or asked.question != Asked.of(case).question:
                continue
            needs = needs_of(CasePage(case, outcomes[case.id]), restricted)
            if self._groups is None or may_read(needs, self._groups):
                self._open.add(case.id)
                self.questions[case.id] = case.question

    @property
    def metrics(self) -> list[str]:
        """Every metric of any rung."""
        return list(dict.fromkeys(name for one in self.evaluations for name in one.scorecard.values))

    def shows(self, rung: str, outcome: Outcome) -> bool:
        """Whether what became of a case may be seen; without groups all of it."""
        if self._groups is None:
            return True
        return outcome.case in self._open if outcome.answer is None else (rung, outcome.case) in self._seen

    def texts(self, rung: str) -> dict[str, str]:
        """What a rung said, by case."""
        one = next(evaluation for evaluation in self.evaluations if evaluation.name == rung)
        answers = {outcome.case: outcome.answer for outcome in one.outcomes if self.shows(rung, outcome)}
        return {case: spoken(answer) for case, answer in answers.items() if answer is not None}

    def hidden_cases(self, rung: str) -> set[str]:
        """The cases of which a rung's answer, or that it failed, is left out."""
        one = next(evaluation for evaluation in self.evaluations if evaluation.name == rung)
        return {outcome.case for outcome in one.outcomes if not self.shows(rung, outcome)}

    def hidden(self, *, failures: bool = True) -> list[str]:
        """How many answers of these rungs are left out, and how many failures, in words; nothing where none is."""
        left = [o for one in self.evaluations for o in one.outcomes if not self.shows(one.name, o)]
        failed = sum(outcome.answer is None for outcome in left)
        answers = len(left) - failed
        notes = [f"{answers:,} answers touch what these groups may not read, and are left out"] if answers else []
        if failed and failures:
            notes.append(
                f"{failed:,} failures at cases that are not known to be for these groups are left out: no rate is whole"
            )
        return notes

    def table(self) -> list[dict[str, Json]]:
        """A row for each rung and case: `COLUMNS`, then the metrics that apply to it."""
        written: list[dict[str, Json]] = []
        for evaluation in self.evaluations:
            indexes = {case: index for index, case in enumerate(evaluation.scorecard.cases)}
            for outcome in evaluation.outcomes:
                if not self.shows(evaluation.name, outcome):
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


def judged_cases(rows: Dataset) -> Iterable[Case]:
    """Cases whose gold documents are those of their evidence, too."""
    for case in rows.cases:
        quotes = rows.quotes.get(case.id, ())
        yield replace(case, gold_documents=tuple(dict.fromkeys((*case.gold_documents, *documents_in(quotes)))))


def _parsed(lines: str) -> list[dict[str, Json]]:
    return [json.loads(line) for line in lines.split("\n") if line]
