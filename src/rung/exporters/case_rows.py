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
    *("drafted_by", "approved_by", "meta"),
)


def row_of(case: Case, written: Written) -> dict[str, Json]:
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
        "drafted_by": its.get("drafted_by"),
        "approved_by": its.get("approved_by"),
        "meta": dict(case.meta),
    }
    if not case.answerable:
        row["answerable"] = False
    row["split"] = case.split
    if case.groups is not None:
        row["as"] = [*case.groups]
    return {**row, **{key: value for key, value in optional.items() if value}}


def cases_csv(cases: Sequence[Case], written: Written) -> str:
    """The cases as CSV: a row each, lists and objects as JSON."""
    rows = [{**row_of(case, written), "answerable": case.answerable} for case in cases]
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
