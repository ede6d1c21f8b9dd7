"""The rows of a workbook's first sheet that has any, below the row with the names of the columns."""

from __future__ import annotations

from collections.abc import Sequence

from rung.dataset.row_files import ABOVE_TABLE, head_at
from rung.errors import InputError
from rung.importers.parquet import Note
from rung.records import Dropped, Json


def sheet_rows(content: bytes, shown: str, note: Note) -> Sequence[tuple[int, dict[str, Json]]]:
    """(row number from 1, cells by column) of an XLSX, XLSB or ODS file; of other archives none.

    A cell is the text that the sheet shows (`8%`, `00042`); of an XLSB file, whose formats are not read, the plain value.

    Raises:
        InputError: it is a workbook, and cannot be read.
        MissingExtra: it is a workbook, and the library that reads it is not installed.
    """
    if not is_workbook(content):
        return ()
    from rung.knowledge.readers.source import SourceFile, Unusable
    from rung.knowledge.readers.workbook import sheets_of
    from rung.knowledge.readers.workbook_notes import Notes

    file, notes = SourceFile(shown, data=content), Notes()
    try:
        filled = [sheet for sheet in sheets_of(file, notes, cells_alone=True) if sheet.rows]
    except Unusable as error:
        raise InputError(str(error), path=shown) from error
    for _, item in notes.items(file):
        note(0, f"{item.what} are left out: {item.count:,}" if isinstance(item, Dropped) else str(item))
    if len(filled) > 1:
        others = ", ".join(sheet.name for sheet in filled[1:])
        note(0, f"only the sheet '{filled[0].name}' is read; left out: {others}")
    rows = sorted(filled[0].rows.items()) if filled else []
    head = head_at([[*cells.values()] for _, cells in rows])
    for index, _ in rows[:head]:
        note(index + 1, ABOVE_TABLE)
    header: dict[int, str] = {}
    for index, cells in rows[head : head + 1]:
        header = {column: cell.strip() for column, cell in sorted(cells.items())}
        note_repeated([*header.values()], index + 1, note)
    return [
        (index + 1, {name: cells.get(column, "") for column, name in header.items()}) for index, cells in rows[head + 1 :]
    ]


def is_workbook(content: bytes) -> bool:
    """Whether an archive is a workbook."""
    return any(mark in content for mark in (b"xl/workbook", b"application/vnd.oasis.opendocument.spreadsheet"))


def note_repeated(header: Sequence[str], line: int, note: Note) -> None:
    """Say which names several columns have."""
    for name in sorted({name for name in header if name and header.count(name) > 1}):
        note(line, f"several columns are called '{name}': only the last of them is read")
