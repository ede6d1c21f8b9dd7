"""What every rung answered, in the columns that ragas reads. For those who judge by its metrics, too.

They are those of its `SingleTurnSample` (ragas 0.4): `user_input`, `response`, `retrieved_contexts`,
`retrieved_context_ids`, `reference`, `reference_contexts`, `reference_context_ids`; `turns` is the `user_input` of its
`MultiTurnSample`. Failed answers have no row.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from rung.records import Answer, Case, Json, Message, Outcome
from rung.report.access import COLUMN, needs_of, needs_of_answer
from rung.report.contents import CasePage, Report, everyone
from rung.verdict.gaps import ORACLE

_SPEAKERS = {"user": "human", "assistant": "ai"}  # as ragas calls them
_PRINTED = {"user": "Human", "assistant": "AI", "system": "System"}


def ragas_jsonl(report: Report) -> str:
    """One JSON object a line for each answer of each rung; beside ragas' columns `rung`, `case`, `correct`, `question` and
    `references`, all accepted answers.

    Where not everybody may read it, `groups` lists lists of groups, of each of which an asker must have one.
    """
    return "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in _rows(report))


def response_of(answer: Answer) -> str:
    """The text of an answer as it is written here: without citation marks."""
    return answer.plain or answer.text


def case_columns(case: Case, quotes: Sequence[str] = ()) -> dict[str, Json]:
    """The columns of a case that nobody answered yet; `quotes`: where its answer stands."""
    columns: dict[str, Json] = {"user_input": _conversation(case), "reference": case.answers[0] if case.answers else ""}
    contexts: dict[str, Json] = {"reference_contexts": list(quotes)} if quotes else {}
    if case.gold_documents and not quotes:
        contexts["reference_context_ids"] = list(case.gold_documents)
    return {**columns, **_references(case, None), **contexts, "case": case.id}


def folded(rows: Sequence[Mapping[str, Json]]) -> list[dict[str, Json]]:
    """Rows with the copies that a case's weight made folded into the first one's row, whose `weight` counts them."""
    rung_rows: dict[tuple[Json, str], dict[str, Json]] = {}
    for row in rows:
        head, mark, number = str(row["case"]).rpartition("#")
        first = rung_rows.get((row["rung"], head)) if mark and number.isdecimal() else None
        if first is not None and all(first.get(key) == row.get(key) for key in ("question", "turns", "references", "as")):
            first["weight"] = int(str(first.get("weight", 1))) + 1
        else:
            rung_rows[row["rung"], str(row["case"])] = dict(row)
    return list(rung_rows.values())


def _rows(report: Report) -> Iterator[dict[str, Json]]:
    for rung in everyone(report.verdict):
        for page in report.cases:
            outcome = page.outcomes.get(rung.name)
            if outcome is not None and outcome.answer is not None:
                correct = page.scores.get(rung.name, {}).get(report.verdict.main_metric)
                row: dict[str, Json] = {"rung": rung.name, "case": page.case.id, "correct": correct}
                both = {*needs_of(page, report.restricted), *needs_of_answer(outcome, report.restricted)}
                gold = _gold(page)
                if gold is not None:
                    both |= {*needs_of_answer(gold, report.restricted)}
                needs: list[Json] = [list(groups) for groups in sorted(both)]
                columns = {**_columns(page.case, outcome.answer), **_references(page.case, gold)}
                yield {**columns, **row, **({COLUMN: needs} if needs else {})}


def _gold(page: CasePage) -> Outcome | None:
    """What the oracle was shown: the passages that hold the answer, where the case names any."""
    outcome = page.outcomes.get(ORACLE)
    named = page.case.evidence or page.case.gold_documents
    return outcome if named and outcome is not None and outcome.answer is not None and outcome.answer.passages else None


def _columns(case: Case, answer: Answer) -> dict[str, Json]:
    contexts: list[Json] = [passage.text for passage in answer.passages]
    return {
        "user_input": _conversation(case),
        "response": response_of(answer),
        "retrieved_contexts": contexts,
        "retrieved_context_ids": [passage.id for passage in answer.passages],
        "reference": case.answers[0] if case.answers else "",
    }


def _references(case: Case, gold: Outcome | None) -> dict[str, Json]:
    """All accepted answers, the passages that hold them, earlier turns, whether there is no answer, who asks and the split;
    what there is none of has no column."""
    columns: dict[str, Json] = {"question": case.question, "references": list(case.answers)}
    if not case.answerable:
        columns["answerable"] = False
    if case.groups is not None:
        columns["as"] = list(case.groups)
    if case.split:
        columns["split"] = case.split
    if case.calls:
        columns["calls"] = [call.as_written() for call in case.calls]
    if gold is not None and gold.answer is not None:
        columns["reference_contexts"] = [passage.text for passage in gold.answer.passages]
        columns["reference_context_ids"] = [passage.id for passage in gold.answer.passages]
    if case.messages:
        turns = [*case.messages, Message("user", case.question)]
        columns["turns"] = [{"type": _SPEAKERS.get(turn.role, turn.role), "content": turn.content} for turn in turns]
    return columns


def _conversation(case: Case) -> str:
    """The question, after the earlier turns as ragas prints them."""
    if not case.messages:
        return case.question
    turns = [*case.messages, Message("user", case.question)]
    return "\n".join(f"{_PRINTED.get(turn.role, turn.role)}: {turn.content}" for turn in turns)
