"""What do workbooks and CSV files say? Each sheet as a Markdown table, or a line a row where it is long.

How rows are written is left to `markup`.
"""

from __future__ import annotations

import csv
import datetime
import io
from collections.abc import Iterator

from rung.errors import MissingExtra
from rung.knowledge.reading.encodings import decode
from rung.knowledge.reading.markup import converted, table
from rung.knowledge.reading.source import Item, SourceFile, Unusable, drops
from rung.knowledge.reading.zips import opened

_DELIMITERS = ",;\t|"
_SAMPLE = 16_384
_LONGEST_FIELD = 10_000_000


def read_workbook(file: SourceFile) -> Iterator[Item]:
    """A workbook (XLSX, XLSB, XLS, ODS) as one document: a section for each sheet, values as last computed."""
    try:
        from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetTypeEnum, SheetVisibleEnum
    except ImportError as error:
        raise MissingExtra("docs", f"reading {file.suffix} files") from error
    if file.data.startswith(b"PK"):
        with opened(file):
            pass  # a bomb is named before it is unpacked
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(file.data))
        cells = [sheet for sheet in book.sheets_metadata if sheet.typ == SheetTypeEnum.WorkSheet]
        seen = [sheet.name for sheet in cells if sheet.visible == SheetVisibleEnum.Visible]
        sheets = [(name, book.get_sheet_by_name(name).to_python()) for name in seen]
    except PasswordError as error:
        raise Unusable("is encrypted: it opens with a password only; save it without one") from error
    except (CalamineError, OSError, ValueError) as error:
        raise Unusable(f"is no workbook that can be read ({error})") from error
    if len(seen) < len(cells):
        yield from drops(file, {"hidden sheets": len(cells) - len(seen)})
    made = [(name, table([[_shown(value) for value in row] for row in rows])) for name, rows in sheets]
    text = "\n\n".join(f"## {name}\n\n{rows}" for name, rows in made if rows)
    if not text:
        yield 0, "holds no values"
        return
    yield 0, converted(file.id, text + "\n", file.name)


def read_csv(file: SourceFile) -> Iterator[Item]:
    """A CSV or TSV file as one document; its delimiter is found out."""
    text, note = decode(file.data, file.charset)
    if note:
        yield 1, note
    if text is None:
        return
    csv.field_size_limit(_LONGEST_FIELD)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), _dialect(text, file.suffix)))
    except csv.Error as error:
        raise Unusable(f"is no CSV that can be read ({error})") from error
    made = table(rows)
    if not made:
        yield 0, "holds no values"
        return
    yield 0, converted(file.id, made + "\n", file.name)


def _dialect(text: str, suffix: str) -> type[csv.Dialect]:
    class Plain(csv.excel):
        """Commas, or the delimiter that cuts the first lines into the same number of parts."""

    if suffix == ".tsv":
        Plain.delimiter = "\t"
        return Plain
    lines = [line for line in text[:_SAMPLE].splitlines()[:20] if line.strip()]
    # The csv module's own sniffer takes letters for delimiters; what cuts every line alike is a better sign.
    counts = {mark: [next(iter(csv.reader([line], delimiter=mark)), []) for line in lines] for mark in _DELIMITERS}
    fitting = {mark: len(rows[0]) for mark, rows in counts.items() if rows and len({len(row) for row in rows}) == 1}
    best = max(fitting, key=lambda mark: fitting[mark], default=",")
    Plain.delimiter = best if fitting.get(best, 0) > 1 else ","
    return Plain


def _shown(value: object) -> str:
    """A cell's value as people write it: whole numbers without a point, dates without midnight."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        return value.date().isoformat()
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    return str(value)
