"""The rows of a file: JSONL, a JSON array or CSV, told apart by the content; each row with the line it begins on.

What a row means is left to `forms` and `pairs`.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from rung.errors import InputError
from rung.files.limited import content_of
from rung.records import Json, Problem
from rung.text import parsing
from rung.text.parsing import DEEP, Malformed, check_value, json_of

Row = tuple[int, dict[str, Json]]  # line from 1 on which it begins, the row
_DELIMITERS = (",", ";", "\t", "|")
_WIDEST = 2**31 - 1  # characters of a cell; the library's own limit is 131,072


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
    if is_table(text):
        yield from _table(text, shown, problems)
    elif text.lstrip().startswith("["):
        yield from _array(text, shown, problems)
    elif (whole := _object(text)) is not None:
        yield 1 + text[: text.index("{")].count("\n"), whole
    else:
        yield from lines_of(text, shown, problems)


def is_table(text: str) -> bool:
    """Whether a text's rows are read as CSV."""
    return text.lstrip()[:1] not in ("[", "{")


def json_lines(path: Path, shown: str, problems: list[Problem]) -> Iterator[Row]:
    """(line number from 1, object) of a JSONL file; lines that are none become problems."""
    text = decoded(path, shown, problems)
    if text is not None:
        yield from lines_of(text, shown, problems)


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


def lines_of(text: str, shown: str, problems: list[Problem]) -> Iterator[Row]:
    """The objects of a text of one JSON value a line."""
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json_of(line)
        except Malformed as error:
            problems.append(Problem(shown, number, f"is no JSON: {error}"))
            continue
        if isinstance(row, dict):
            yield number, row
        else:
            problems.append(Problem(shown, number, f"must be an object {{…}}, found {type(row).__name__}"))


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


def _array(text: str, shown: str, problems: list[Problem]) -> Iterator[Row]:
    """Elements of a JSON array, decoded one by one, since only so their lines are known."""
    decoder, at, line, counted = json.JSONDecoder(), text.index("[") + 1, 1, 0

    def skip(index: int, marks: str) -> int:
        while index < len(text) and text[index] in marks:
            index += 1
        return index

    while (at := skip(at, " \t\r\n,")) < len(text) and text[at] != "]":
        line, counted = line + text.count("\n", counted, at), at
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            why = error.msg if isinstance(error, json.JSONDecodeError) else f"{DEEP}, or a number is too long"
            there = 1 + text.count("\n", 0, error.pos) if isinstance(error, json.JSONDecodeError) else line
            problems.append(Problem(shown, there, f"is no JSON: {why}; the elements from here on are not read"))
            return
        try:
            check_value(value)
        except Malformed as error:
            problems.append(Problem(shown, line, f"is no JSON that can be used: {error}"))
            continue
        if isinstance(value, dict):
            yield line, value
        else:
            problems.append(Problem(shown, line, f"must be an object {{…}}, found {type(value).__name__}"))
    if at >= len(text):
        problems.append(Problem(shown, 1 + text.count("\n"), "the array is not closed: the file may be cut off"))


def _table(text: str, shown: str, problems: list[Problem]) -> Iterator[Row]:
    """Records of a CSV with a header; a quoted cell may run over lines."""
    header: Sequence[str] = ()
    for line, cells in table_cells(text, shown, problems):
        if header:
            yield line, dict(zip(header, cells, strict=True))
        else:
            header = cells


def table_cells(text: str, shown: str, problems: list[Problem]) -> Iterator[tuple[int, list[str]]]:
    """(line, cells) of a CSV's header, cells stripped, and of each record that has as many cells; others become problems."""
    csv.field_size_limit(_WIDEST)
    first = text.lstrip().split("\n", 1)[0]
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    width = 0
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            problems.append(Problem(shown, line, f"is no CSV: {error}"))
            continue
        if not any(cell.strip() for cell in cells):
            continue
        if not width:
            width, cells = len(cells), [cell.strip() for cell in cells]
        elif len(cells) != width:
            problems.append(Problem(shown, line, f"has {len(cells)} cells, the header {width}: put quotes around cells"))
            continue
        yield line, cells
