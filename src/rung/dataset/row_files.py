"""The rows of a file: JSONL, a JSON array or CSV, told apart by the content; each row with the line it begins on, and where
it stands in the text.

What a row means is left to `forms` and `pairs`, writing one anew to `row_writing`.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from rung.errors import InputError
from rung.files.limited import content_of
from rung.records import Json, Problem
from rung.text import parsing
from rung.text.parsing import DEEP, Malformed, check_value, json_of
from rung.text.spreadsheet_cells import SEPARATOR

Row = tuple[int, dict[str, Json]]  # line from 1 on which it begins, the row
_DELIMITERS = (",", ";", "\t", "|")
ABOVE_TABLE = "stands above the table's head, and is no row of it"
_LOOKED_AT = 8  # rows in which a table's head is looked for
_WIDEST = 2**31 - 1  # characters of a cell; the library's own limit is 131,072


class RowSpan(NamedTuple):
    """A row and the characters of the text that are it, without the end of its line. `error`: why it is no row, ""; `row` is
    {} then. `cells`: of a table's record. What has no characters is wrong with all of the text from that line on."""

    line: int
    start: int
    end: int
    row: dict[str, Json]
    error: str = ""
    cells: Sequence[str] = ()


def rows_in(path: Path, shown: str, problems: list[Problem]) -> Iterator[Row]:
    """Every row of a file; what is none becomes a problem.

    Args:
        shown: the file's name in problems.
    """
    text, before, any_row = decoded(path, shown, problems), len(problems), False
    if text is None or not text.strip():
        return
    for row in rows_of_text(text, shown, problems):
        any_row = True
        yield row
    if not any_row and len(problems) == before:
        problems.append(Problem(shown, 0, "the file holds no row"))


def rows_of_text(text: str, shown: str, problems: list[Problem]) -> Iterator[Row]:
    """`rows_in` of a text that is at hand."""
    yield from _sound(spans_in(text), shown, problems)


def spans_in(text: str) -> Iterator[RowSpan]:
    """Every row of a text where it stands, and what is none."""
    if is_table(text):
        yield from _of_table(text)
    elif text.lstrip().startswith("["):
        yield from _of_array(text)
    elif (whole := _object(text)) is not None:
        start = text.index("{")
        yield RowSpan(1 + text[:start].count("\n"), start, len(text.rstrip()), whole)
    else:
        yield from spans_of_lines(text)


def _sound(spans: Iterable[RowSpan], shown: str, problems: list[Problem]) -> Iterator[Row]:
    """The rows; what is none becomes a problem."""
    for span in spans:
        if span.error:
            problems.append(Problem(shown, span.line, span.error))
        else:
            yield span.line, span.row


def is_table(text: str) -> bool:
    """Whether a text's rows are read as CSV."""
    return text.lstrip()[:1] not in ("[", "{")


def json_lines(path: Path, shown: str, problems: list[Problem]) -> Iterator[Row]:
    """(line number from 1, object) of a JSONL file; lines that are none become problems."""
    text = decoded(path, shown, problems)
    if text is not None:
        yield from _sound(spans_of_lines(text), shown, problems)


def decoded(path: Path, shown: str, problems: list[Problem]) -> str | None:
    """The text of a file, byte order mark aside; None, and a problem, where it is none."""
    try:
        text = parsing.decoded(content_of(path))
    except UnicodeDecodeError as error:
        problems.append(Problem(shown, 0, f"left out: it is not UTF-8 ({error.reason} at byte {error.start})"))
        return None
    except InputError as error:
        problems.append(Problem(shown, 0, f"left out: {str(error).removeprefix(f'{path}: ')}"))
        return None
    if not text.strip():
        problems.append(Problem(shown, 0, "the file is empty"))
    return text


def spans_of_lines(text: str) -> Iterator[RowSpan]:
    """The objects of a text of one JSON value a line, where they stand, and the lines that are none."""
    start = 0
    for number, line in enumerate(text.split("\n"), 1):
        begin, end = start, start + len(line.rstrip("\r"))
        start += len(line) + 1
        if not line.strip():
            continue
        try:
            yield _of_value(number, begin, end, json_of(line))
        except Malformed as error:
            yield RowSpan(number, begin, end, {}, f"is no JSON: {error}")


def _of_value(line: int, start: int, end: int, value: Json) -> RowSpan:
    if isinstance(value, dict):
        return RowSpan(line, start, end, value)
    return RowSpan(line, start, end, {}, f"must be an object {{…}}, found {type(value).__name__}")


def _object(text: str) -> dict[str, Json] | None:
    """The whole text as one object over several lines; None where it is JSONL."""
    first, _, rest = text.strip().partition("\n")
    if not rest.strip():
        return None
    try:
        json_of(first)
    except Malformed:
        try:
            whole = json_of(text)
        except Malformed:
            return None
        return whole if isinstance(whole, dict) else None
    return None


def _of_array(text: str) -> Iterator[RowSpan]:
    """Elements of a JSON array, decoded one by one, since only so their lines are known."""
    decoder, at, line, counted = json.JSONDecoder(), text.index("[") + 1, 1, 0

    def skip(index: int, marks: str) -> int:
        while index < len(text) and text[index] in marks:
            index += 1
        return index

    while (at := skip(at, " \t\r\n,")) < len(text) and text[at] != "]":
        line, counted = line + text.count("\n", counted, at), at
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            why = error.msg if isinstance(error, json.JSONDecodeError) else f"{DEEP}, or a number is too long"
            there = 1 + text.count("\n", 0, error.pos) if isinstance(error, json.JSONDecodeError) else line
            yield RowSpan(there, at, at, {}, f"is no JSON: {why}; the elements from here on are not read")
            return
        start, at = at, end
        try:
            check_value(value)
        except Malformed as error:
            yield RowSpan(line, start, end, {}, f"is no JSON that can be used: {error}")
        else:
            yield _of_value(line, start, end, value)
    if at < len(text) and (more := skip(at + 1, " \t\r\n")) < len(text):
        line += text.count("\n", counted, more)
        yield RowSpan(line, more, more, {}, "stands behind the end of the array: it is not read, nor is what follows")
    if at >= len(text):
        yield RowSpan(1 + text.count("\n"), at, at, {}, "the array is not closed: the file may be cut off")


def _of_table(text: str) -> Iterator[RowSpan]:
    """Records of a CSV with a header; a quoted cell may run over lines."""
    header: Sequence[str] = ()
    for span in spans_of_records(text):
        if span.error:
            yield span
        elif header:
            yield span._replace(row=dict(zip(header, span.cells, strict=True)))
        else:
            header = span.cells


def table_cells(text: str, shown: str, problems: list[Problem]) -> Iterator[tuple[int, list[str]]]:
    """(line, cells) of a CSV's header, cells stripped, and of each record that has as many cells; others become problems."""
    for span in spans_of_records(text):
        if span.error:
            problems.append(Problem(shown, span.line, span.error))
        else:
            yield span.line, list(span.cells)


def delimiter_of(text: str) -> str:
    """What stands between the cells of a CSV: what its first line says; else of the usual ones the one that cuts the first
    rows evenly; else the one that cuts the head into most cells."""
    if named := SEPARATOR.match(text):
        return named[1]

    def evenness(delimiter: str) -> tuple[bool, int]:
        rows = _first_rows(text, delimiter)
        widths = [len(cells) for cells in rows[head_at(rows) :]] or [0]
        return len(set(widths)) == 1 < widths[0], widths[0]

    return max(_DELIMITERS, key=evenness)


def head_at(rows: Sequence[Sequence[str]]) -> int:
    """Which of a table's first rows is its head: the first one, or the one below notes.

    A note is a row with nothing but one text of several words, above rows most of which have as many cells, and more.
    """
    filled = [[cell for cell in row if cell.strip()] for row in rows]
    notes = next((n for n, cells in enumerate(filled) if len(cells) != 1 or " " not in cells[0].strip()), 0)
    below = [len(row) for row in rows[notes:]]
    return notes if len(below) > 1 and len(filled[notes]) > 1 and below.count(below[0]) > len(below) / 2 else 0


def spans_of_records(text: str) -> Iterator[RowSpan]:
    """`table_cells` where they stand, and the records that are none."""
    csv.field_size_limit(_WIDEST)
    delimiter = delimiter_of(text)
    named = SEPARATOR.match(text)
    end, skipped, width = named.end() if named else 0, 1 if named else 0, 0
    notes = head_at(_first_rows(text[end:], delimiter))

    def lines() -> Iterator[str]:
        nonlocal end
        for line in io.StringIO(text[end:], newline=""):
            end += len(line)
            yield line

    reader = csv.reader(lines(), delimiter=delimiter, strict=True)
    while True:
        line, start, error = reader.line_num + 1 + skipped, end, ""
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as malformed:
            yield from _torn(line, start, text[start:end], delimiter, str(malformed))
            continue
        if not any(cell.strip() for cell in cells):
            continue
        if notes:
            notes, error = notes - 1, ABOVE_TABLE
        if not error and not width:
            width, cells = len(cells), [cell.strip() for cell in cells]
        elif not error and len(cells) != width:
            over = f" in lines {line} to {last}" if (last := reader.line_num + skipped) > line else ""
            error = f"has {len(cells)} cells{over}, the header {width}: put quotes around cells"
        yield RowSpan(line, start, start + len(text[start:end].rstrip("\r\n")), {}, error, cells)


def _torn(line: int, start: int, record: str, delimiter: str, why: str) -> Iterator[RowSpan]:
    """A record that is no CSV; each of its lines, where it has several: a quote that was left open ran over other rows.

    Args:
        line: on which it begins.
        start: where it stands in the text.
        record: it, as far as it was read.
        delimiter: what stands between cells.
        why: it is none.
    """
    opened = line + _lines_above_quote(record, delimiter)
    lines = [*io.StringIO(record, newline="")]
    last = line + len(lines) - 1
    is_open = "end of data" in why
    what = f"the quote that line {opened} opens is never closed" if is_open else why
    over = f", and lines {line} to {last} are not read" if last > line else ""
    mend = "; close it, or double it where it is part of a text" if is_open else ""
    end = start if over else start + len(record.rstrip("\r\n"))
    yield RowSpan(line, start, end, {}, f"is no CSV: {what}{over}{mend}")
    for number, below in enumerate(lines[1:], line + 1):
        if number > opened and below.strip():
            yield RowSpan(number, start, start, {}, f"is not read: it stands behind the quote that line {opened} opens")


def _lines_above_quote(record: str, delimiter: str) -> int:
    """How many lines of a record that is no CSV stand above its first cell that does not end."""
    mark = re.escape(delimiter)
    cell = re.compile(rf'(?:"(?:[^"]|"")*+"|[^"{mark}\r\n][^{mark}\r\n]*+|)(?:{mark}|\r\n|\r|\n)')
    at = 0
    while match := cell.match(record, at):
        at = match.end()
    return len([*io.StringIO(f"{record[:at]}.", newline="")]) - 1


def _first_rows(text: str, delimiter: str) -> list[list[str]]:
    """The first records that are not blank, up to one that is no CSV."""
    reader, rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True), list[list[str]]()
    with suppress(csv.Error):
        for cells in islice((cells for cells in reader if any(cell.strip() for cell in cells)), _LOOKED_AT):
            rows.append(cells)
    return rows
