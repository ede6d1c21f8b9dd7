"""A case as a row of Rung's own, and as a row of a table that spreadsheets open and `rung import` reads back."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence

from rung.records import Case, Json
from rung.text.spreadsheet_cells import guarded

Written = Mapping[str, Mapping[str, Json]]  # case -> `evidence` as its row has it, `drafted_by` and `approved_by`
COLUMNS = (
    *("id", "question", "answers", "answerable", "split", "as", "messages", "evidence", "gold_documents"),
    *("calls", "drafted_by", "approved_by", "weight", "meta"),
)
COUNTED_ONCE = "a case that its weight counts several times is one row, which other programs count once"


def weighed(cases: Sequence[Case]) -> list[tuple[Case, int]]:
    """(case, weight) for each row of the project's files: copies that a `weight` made are one again, as their row is."""
    first: dict[str, Case] = {}
    weights: dict[str, int] = {}
    for case in cases:
        head = first.get(case.place) if case.place else None
        if head is not None and case.id.startswith(f"{head.id}#"):
            weights[head.id] += 1
        else:
            first[case.place] = case
            weights[case.id] = 1
    return [(case, weights[case.id]) for case in cases if case.id in weights]


def counted_once(weights: Sequence[int]) -> list[str]:
    """What is to be said of rows whose weight other programs do not know; nothing where there are none."""
    several = sum(weight > 1 for weight in weights)
    return [f"{COUNTED_ONCE}; Rung reads its 'weight' back ({several:,} of {len(weights):,} rows)"] if several else []


def row_of(case: Case, written: Written, weight: int = 1) -> dict[str, Json]:
    """The row as docs/data-formats.md has it; what there is nothing of has no key."""
    row: dict[str, Json] = {"id": case.id, "question": case.question, "answers": [*case.answers]}
    its = written.get(case.id, {})
    evidence = its.get("evidence") or [
        {"document": span.document, "start": span.start, "end": span.end} for span in case.evidence
    ]
    optional: dict[str, Json] = {
        "messages": [{"role": turn.role, "content": turn.content} for turn in case.messages],
        "evidence": evidence,
        "gold_documents": [*case.gold_documents],
        "calls": [call.as_written() for call in case.calls],
        "drafted_by": its.get("drafted_by"),
        "approved_by": its.get("approved_by"),
        "weight": weight if weight > 1 else None,
        "meta": dict(case.meta),
    }
    if not case.answerable:
        row["answerable"] = False
    row["split"] = case.split
    if case.groups is not None:
        row["as"] = [*case.groups]
    return {**row, **{key: value for key, value in optional.items() if value}}


def cases_csv(cases: Sequence[Case], written: Written) -> str:
    """The cases as CSV: a row for each row of their files, lists and objects as JSON."""
    rows = [{**row_of(case, written, weight), "answerable": case.answerable} for case, weight in weighed(cases)]
    return table([name for name in COLUMNS if any(name in row for row in rows)], rows)


def table(columns: Sequence[str], rows: Sequence[Mapping[str, Json]]) -> str:
    """Rows as CSV (RFC 4180); texts as they are, those that a spreadsheet would run `guarded`, all else as JSON, what is
    missing as nothing."""
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(row.get(name)) for name in columns])
    return written.getvalue()


def _cell(value: Json) -> str:
    if value is None:
        return ""
    return guarded(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
