"""A workbook (XLSX, XLSB, XLS, ODS) as one document: a section for each sheet, values as a person sees them.

How each kind keeps its cells is left to `xlsx`, `xls` and `ods`, how a sheet is written to `sheet_text`.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator

from rung.errors import MissingExtra
from rung.knowledge.readers.markup import converted
from rung.knowledge.readers.sheet_text import CELLS, COLUMNS, ROWS, SHEETS, Room, Sheet, sheet_text
from rung.knowledge.readers.source import Item, SourceFile, Unusable
from rung.knowledge.readers.workbook_notes import Notes
from rung.knowledge.readers.zips import opened


def read_workbook(file: SourceFile) -> Iterator[Item]:
    """A workbook as one document. Hidden sheets, rows and columns are left out and counted."""
    notes = Notes()
    parts = [text for sheet in sheets_of(file, notes) if (text := sheet_text(sheet, notes.dropped))]
    yield from notes.items(file)
    if not parts:
        hidden = any(notes.dropped[what] for what in (SHEETS, ROWS, COLUMNS, CELLS))
        yield 0, "holds no values" + (" that are not hidden" if hidden else "")
        return
    yield 0, converted(file.id, "\n\n".join(parts) + "\n", notes.title or file.name)


def sheets_of(file: SourceFile, notes: Notes, *, cells_alone: bool = False) -> Iterable[Sheet]:
    """The visible sheets of a workbook, with their cells as they are shown.

    Args:
        file: the workbook.
        notes: takes what is to be said about it.
        cells_alone: without comments and addresses of links in the cells (XLSX, ODS).

    Raises:
        Unusable: it is no workbook, is encrypted, or is too large.
        MissingExtra: the library that reads such a workbook is not installed.
    """
    if not file.data.startswith(b"PK"):
        from rung.knowledge.readers.xls import sheets as of_xls

        return of_xls(file, notes)
    with opened(file) as archive:
        names = {name.lower() for name in archive.namelist()}
    if "content.xml" in names:
        from rung.knowledge.readers.ods import sheets as of_ods

        return of_ods(file, notes, cells_alone=cells_alone)
    if any(name.endswith("workbook.bin") for name in names):
        return _binary(file, notes)
    from rung.knowledge.readers.xlsx import sheets as of_xlsx

    return of_xlsx(file, notes, cells_alone=cells_alone)


def _binary(file: SourceFile, notes: Notes) -> Iterator[Sheet]:
    """XLSB, by calamine: values without their formats."""
    try:
        from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetTypeEnum, SheetVisibleEnum
    except ImportError as error:
        raise MissingExtra("docs", f"reading {file.suffix} files") from error
    from rung.knowledge.readers.xls import plain

    room = Room()
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(file.data))
        cells = [sheet for sheet in book.sheets_metadata if sheet.typ == SheetTypeEnum.WorkSheet]
        seen = [sheet.name for sheet in cells if sheet.visible == SheetVisibleEnum.Visible]
        notes.dropped[SHEETS] += len(cells) - len(seen)
        if seen:
            notes.broken.append("is XLSB: numbers are read without their formats, merged cells once; save it as .xlsx")
        for name in seen:
            sheet = Sheet(name)
            for number, values in enumerate(book.get_sheet_by_name(name).iter_rows()):
                row = {column: text for column, value in enumerate(values) if (text := plain(value))}
                for text in row.values():
                    room.take(text)
                if row:
                    sheet.rows[number] = row
            yield sheet
    except PasswordError as error:
        raise Unusable("is encrypted: it opens with a password only; save it without one") from error
    except (CalamineError, OSError, ValueError) as error:
        raise Unusable(f"is no workbook that can be read ({error})") from error
