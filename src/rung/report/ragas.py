"""What every rung answered, in the columns that ragas reads. For those who judge by its metrics, too.

They are named `user_input`, `response`, `retrieved_contexts`, `retrieved_context_ids` and `reference` (docs.ragas.io).
Failed answers have no row.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from rung.records import Answer, Case, Json
from rung.report.access import COLUMN, needs_of, needs_of_answer
from rung.report.contents import Report, everyone


def ragas_jsonl(report: Report) -> str:
    """One JSON object a line for each answer of each rung; beside ragas' columns `rung`, `case` and `correct`.

    Where not everybody may read it, `groups` lists lists of groups, of each of which an asker must have one.
    """
    return "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in _rows(report))


def _rows(report: Report) -> Iterator[dict[str, Json]]:
    for rung in everyone(report.verdict):
        for page in report.cases:
            outcome = page.outcomes.get(rung.name)
            if outcome is not None and outcome.answer is not None:
                correct = page.scores.get(rung.name, {}).get(report.verdict.main_metric)
                row: dict[str, Json] = {"rung": rung.name, "case": page.case.id, "correct": correct}
                both = {*needs_of(page, report.restricted), *needs_of_answer(outcome, report.restricted)}
                needs: list[Json] = [list(groups) for groups in sorted(both)]
                yield {**_columns(page.case, outcome.answer), **row, **({COLUMN: needs} if needs else {})}


def _columns(case: Case, answer: Answer) -> dict[str, Json]:
    contexts: list[Json] = [passage.text for passage in answer.passages]
    return {
        "user_input": case.question,
        "response": answer.plain or answer.text,
        "retrieved_contexts": contexts,
        "retrieved_context_ids": [passage.id for passage in answer.passages],
        "reference": case.answers[0] if case.answers else "",
    }
