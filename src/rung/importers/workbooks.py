"""The rows of a workbook's first sheet that has any, below the row with the names of the columns."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta

from rung.dataset.row_files import ABOVE_TABLE, head_at
from rung.errors import InputError, MissingExtra
from rung.records import Json, Problem

Note = Callable[[int, str], None]  # says something of a line


def sheet_rows(content: bytes, shown: str, problems: list[Problem], note: Note) -> Sequence[tuple[int, dict[str, Json]]]:
    """(row number from 1, cells by column) of an XLSX, XLSB or ODS file; of other archives none.

    Raises:
        InputError: it is a workbook, and cannot be read.
        MissingExtra: it is a workbook, and the library that reads it is not installed.
    """
    if not is_workbook(content):
        return ()
    try:
        from python_calamine import CalamineError, CalamineWorkbook
    except ImportError:
        raise MissingExtra("docs", f"reading the workbook {shown}") from None
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(content))
        sheets = {name: book.get_sheet_by_name(name).to_python(skip_empty_area=False) for name in book.sheet_names}
    except (CalamineError, OSError, ValueError) as error:
        raise InputError(f"is no workbook that can be read: {error}", path=shown) from error
    filled = [name for name, rows in sheets.items() if any(any(map(_filled, row)) for row in rows)]
    if len(filled) > 1:
        problems.append(Problem(shown, 0, f"only the sheet '{filled[0]}' is read; left out: {', '.join(filled[1:])}"))
    rows = [(n, cells) for n, cells in enumerate(sheets[filled[0]] if filled else [], 1) if any(map(_filled, cells))]
    head = head_at([[str(cell) for cell in cells] for _, cells in rows])
    for number, _ in rows[:head]:
        note(number, ABOVE_TABLE)
    header = [str(cell).strip() for _, cells in rows[head : head + 1] for cell in cells]
    for number, _ in rows[head : head + 1]:
        note_repeated(header, number, note)
    listed: list[tuple[int, dict[str, Json]]] = []
    for number, cells in rows[head + 1 :]:
        listed.append((number, {name: _value(cell) for name, cell in zip(header, cells, strict=False) if name}))
    return listed


def is_workbook(content: bytes) -> bool:
    """Whether an archive is a workbook."""
    return any(mark in content for mark in (b"xl/workbook", b"application/vnd.oasis.opendocument.spreadsheet"))


def note_repeated(header: Sequence[str], line: int, note: Note) -> None:
    """Say which names several columns have."""
    for name in sorted({name for name in header if name and header.count(name) > 1}):
        note(line, f"several columns are called '{name}': only the last of them is read")


def _filled(cell: object) -> bool:
    return bool(str(cell).strip())


def _value(cell: object) -> Json:
    """Text as it is, a whole number without its ".0", a date as ISO writes it."""
    match cell:
        case bool() | str():
            return cell
        case float() if cell.is_integer():
            return int(cell)
        case int() | float():
            return cell
        case datetime() | date() | time():
            return cell.isoformat()
        case timedelta():
            return str(cell)
    return str(cell)
