"""A row written into the text of a file, in the form that the file has: JSONL, a JSON array, an object, or CSV.

All else of the text stays as it is. Where rows stand is told by `row_files`.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from typing import Literal

from rung.dataset.row_files import RowSpan, delimiter_of, is_table, spans_in
from rung.records import Json

_INDENTED = re.compile(r"[\[{]\r?\n([ \t]*)")


def with_row(text: str, span: RowSpan, row: Mapping[str, Json], columns: Sequence[str] = ()) -> str:
    """The text with this row in the place of one.

    Args:
        text: a file's.
        span: where the row stands in it.
        row: as it is to be.
        columns: of a table; () for other forms.

    Raises:
        ValueError: a table cannot hold it; says why.
    """
    written = _record(text, span, row, columns) if columns else _value(text, span, row)
    return text[: span.start] + written + text[span.end :]


def without_row(text: str, span: RowSpan) -> str:
    """The text without a row: its line, or its record, or the element with the comma that parts it from its neighbour."""
    if not is_table(text) and text.lstrip().startswith("["):
        spans = list(spans_in(text))
        after = next((one for one in spans if one.start >= span.end), None)
        before = next((one for one in reversed(spans) if one.end <= span.start), None)
        start = before.end if after is None and before is not None else span.start
        return text[:start] + text[span.end if after is None else after.start :]
    above, below = text[: span.start], text[span.end :]
    if below:
        return above + below.removeprefix("\r").removeprefix("\n")
    return above.removesuffix("\n").removesuffix("\r")


def _value(text: str, span: RowSpan, row: Mapping[str, Json]) -> str:
    """JSON on one line, or indented as what stood there."""
    before = text[span.start : span.end]
    inner = _INDENTED.match(before)
    if inner is None:
        return json.dumps(row, ensure_ascii=False)
    line_start = text.rfind("\n", 0, span.start) + 1
    outer = text[line_start : span.start] if not text[line_start : span.start].strip() else ""
    indent = inner[1].removeprefix(outer) or "  "
    lines = json.dumps(row, ensure_ascii=False, indent=indent).split("\n")
    return ("\r\n" if "\r\n" in before else "\n").join((lines[0], *(outer + line for line in lines[1:])))


def _record(text: str, span: RowSpan, row: Mapping[str, Json], columns: Sequence[str]) -> str:
    """The row's cells in the table's dialect; all of them in quotes where they were."""
    if twice := [column for column in columns if list(columns).count(column) > 1]:
        raise ValueError(f"stands below two columns called '{twice[0]}': give each a name of its own, in the file")
    if others := [key for key in row if key not in columns]:
        raise ValueError(f"has '{others[0]}', and the table has no such column: it has {', '.join(columns)}")
    if nested := [key for key, value in row.items() if isinstance(value, dict | list)]:
        raise ValueError(f"has more than a text in '{nested[0]}': a cell of a table holds a text")
    cells = [_cell(row.get(column)) for column in columns]
    delimiter = delimiter_of(text)
    is_quoted = bool(span.cells) and _joined(span.cells, delimiter, quoted=True) == text[span.start : span.end]
    written = _joined(cells, delimiter, quoted=is_quoted)
    if next(csv.reader(io.StringIO(written, newline=""), delimiter=delimiter, strict=True)) != cells:
        raise ValueError("cannot be written as one record of the table")
    return written


def _cell(value: Json) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)


def _joined(cells: Sequence[str], delimiter: str, *, quoted: bool) -> str:
    out = io.StringIO(newline="")
    quoting: Literal[0, 1] = csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL
    # of the ends of lines it puts those in quotes that it writes itself
    csv.writer(out, delimiter=delimiter, quoting=quoting, lineterminator="\r\n").writerow(cells)
    return out.getvalue().removesuffix("\r\n")
