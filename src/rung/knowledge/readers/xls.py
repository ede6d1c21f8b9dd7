"""The sheets of an old binary workbook (XLS), by xlrd: cells as they are shown, merged and hidden parts, comments."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rung.errors import MissingExtra
from rung.knowledge.readers.number_formats import BUILT_IN, FormatError, general, number_format
from rung.knowledge.readers.runs import Run, joined
from rung.knowledge.readers.sheet_text import CELLS, SHEETS, Room, Sheet
from rung.knowledge.readers.source import SourceFile, Unusable

if TYPE_CHECKING:
    from rung.knowledge.readers.workbook_notes import Notes

_TEXT, _NUMBER, _DATE, _BOOLEAN, _ERROR = 1, 2, 3, 4, 5
_FILLED = frozenset((_TEXT, _NUMBER, _DATE, _BOOLEAN, _ERROR))
_RAISED = {1: "raised", 2: "lowered"}


def sheets(file: SourceFile, notes: Notes) -> Iterator[Sheet]:
    """The visible sheets in their order.

    Raises:
        Unusable: it is no workbook, is encrypted, or is too large.
    """
    try:
        import xlrd
    except ImportError as error:
        raise MissingExtra("docs", f"reading {file.suffix} files") from error
    try:
        with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
            book = xlrd.open_workbook(
                file_contents=file.data,
                formatting_info=True,
                ragged_rows=True,
                ignore_workbook_corruption=True,
                logfile=nowhere,
            )
    except Exception as error:  # of a damaged file xlrd raises whatever its parser stumbles over
        if "encrypted" in str(error).lower():
            raise Unusable("is encrypted: it opens with a password only; save it without one") from error
        raise Unusable(f"is no workbook that can be read ({error})") from error
    room = Room()
    for sheet in book.sheets():
        if sheet.visibility:
            notes.dropped[SHEETS] += 1
            continue
        try:
            yield _read(book, sheet, notes, room)
        except Unusable:
            raise
        except (
            IndexError,
            KeyError,
            AttributeError,
            TypeError,
            ValueError,
        ) as error:  # formats and fonts that are not there
            notes.broken.append(f"has a sheet '{sheet.name}' that cannot be read ({error})")


def plain(value: object) -> str:
    """A value without a format: whole numbers without a point, dates without midnight."""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, (int, float)):
        return general(float(value))
    if isinstance(value, datetime.datetime):
        return value.date().isoformat() if value.time() == datetime.time() else value.isoformat(" ")
    if isinstance(value, datetime.timedelta):
        seconds = round(value.total_seconds())
        return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return str(value)


def _read(book: Any, source: Any, notes: Notes, room: Room) -> Sheet:
    sheet = Sheet(source.name)
    for number in range(source.nrows):
        row: dict[int, str] = {}
        bold = True
        for position, kind in enumerate(source.row_types(number)):
            if kind not in _FILLED:
                continue
            cell = source.cell(number, position)
            text = _shown(book, source, cell, (number, position), notes)
            if text.strip():
                row[position] = text
                room.take(text)
                bold = bold and bool(book.font_list[book.xf_list[cell.xf_index].font_index].bold)
        if row:
            sheet.rows[number] = row
            if bold:
                sheet.bold.add(number)
    for (number, position), note in source.cell_note_map.items():
        if text := " ".join(note.text.split()):
            cells = sheet.rows.setdefault(number, {})
            cells[position] = f"{cells.get(position, '')} [Comment: {text}]".strip()
    sheet.spans = [(top, left, after - 1, right - 1) for top, after, left, right in source.merged_cells]
    sheet.hidden_rows = {number for number, row in source.rowinfo_map.items() if row.hidden}
    sheet.hidden_columns = [(position, position) for position, column in source.colinfo_map.items() if column.hidden]
    if source.has_pane_record and source.panes_are_frozen:
        sheet.frozen = source.horz_split_pos - 1
    return sheet


def _shown(book: Any, sheet: Any, cell: Any, position: tuple[int, int], notes: Notes) -> str:
    if cell.ctype == _TEXT:
        return _rich(book, cell.value, sheet.rich_text_runlist_map.get(position, ()))
    if cell.ctype == _BOOLEAN:
        return "TRUE" if cell.value else "FALSE"
    if cell.ctype == _ERROR:
        from xlrd import error_text_from_code

        return str(error_text_from_code.get(cell.value, "#ERROR"))
    if cell.ctype not in (_NUMBER, _DATE):
        return ""
    key = book.xf_list[cell.xf_index].format_key
    code = BUILT_IN.get(key) or book.format_map[key].format_str
    try:
        shown = number_format(code).text(cell.value, date1904=bool(book.datemode))
    except FormatError:
        notes.formats[code] += 1
        return general(cell.value)
    notes.dropped[CELLS] += not shown
    return shown


def _rich(book: Any, text: str, changes: Any) -> str:
    """A text whose formatting changes at these (place, font)."""
    if not changes:
        return text.replace("\u00ad", "")
    starts = [0, *(start for start, _ in changes), len(text)]
    kinds = ["", *(_RAISED.get(book.font_list[font].escapement, "") for _, font in changes)]
    return joined(Run(text[a:b], kind) for a, b, kind in zip(starts, starts[1:], kinds, strict=False))
