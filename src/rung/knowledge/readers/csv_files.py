"""What a CSV or TSV file says: its tables as Markdown. The delimiter is the one that cuts the whole file most evenly.

Which rows are titles and heads is left to `table_heads`, how rows are written to `markup`.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rung.knowledge.readers.encodings import decode
from rung.knowledge.readers.markup import converted, tables
from rung.knowledge.readers.source import Item, SourceFile, Unusable
from rung.text.spreadsheet_cells import SEPARATOR

_DELIMITERS = "\t;|,"  # of equally good ones the first: commas stand in text too
_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_NONE = "\x1f"  # a delimiter of files that have none
_MIN_EVENNESS = 0.5
_SAMPLE = 1_000_000  # characters of each of three parts of a long file that are tried with every delimiter
_LONGEST_FIELD = 10_000_000
_ESCAPED = re.compile(r'(?<!\\)\\"')
_SHOWN = 5  # lines in a message


@dataclass(frozen=True, slots=True)
class _Row:
    """The line that a row begins on, its cells without empty ones at its end, and how many there were with those."""

    line: int
    cells: tuple[str, ...]
    width: int


def read_csv(file: SourceFile) -> Iterator[Item]:
    """A CSV or TSV file as one document. Uneven rows, and a quote that is never closed, are named with their lines."""
    text, note = decode(file.data, file.charset)
    if note:
        yield 1, note
    if text is None:
        return
    text = _unescaped(text)
    named = SEPARATOR.match(text)
    delimiter = named[1] if named else "\t" if file.suffix == ".tsv" and "\t" in text else delimiter_of(text)
    skipped = 1 if named else 0
    try:
        rows, open_line = _rows(text[named.end() :] if named else text, delimiter)
    except csv.Error as error:
        raise Unusable(f"is no CSV that can be read ({error})") from error
    if open_line:
        yield open_line + skipped, "has a quote that is never closed; every line was read as a row: close it, or double it"
    usual = _usual_width(rows)
    if uneven := _uneven(rows, usual):
        lines = ", ".join(str(row.line + skipped) for row in uneven[:_SHOWN]) + (", …" if len(uneven) > _SHOWN else "")
        what = f"{len(uneven)} rows have" if len(uneven) > 1 else "1 row has"
        others = f"than the {usual} cells of the others, cut at {_NAMES.get(delimiter, delimiter)} (line {lines})"
        yield uneven[0].line + skipped, f"{what} more or fewer {others}; all was kept: quote a cell that holds the mark"
    markdown = tables([row.cells for row in rows])
    if not markdown:
        yield 0, "holds no values"
        return
    yield 0, converted(file.id, markdown + "\n", file.name)


def delimiter_of(text: str) -> str:
    """The mark that cuts a file most evenly; where that is not even and spares the first line, there is one column."""
    sample = _sample(text)
    scores = {mark: _evenness(sample, mark) for mark in _DELIMITERS if mark in sample}
    best = max(scores, key=lambda mark: scores[mark], default=",")
    first = next((line for line in sample.splitlines() if line.strip()), "")
    return _NONE if scores and scores[best][0] < _MIN_EVENNESS and best not in first else best


def _unescaped(text: str) -> str:
    r"""The text with quotes that are escaped as `\"` doubled, where it is then cut more evenly: a path may end so too."""
    doubled = _ESCAPED.sub('""', text)
    if doubled == text:
        return text
    scores = [_evenness(_sample(one), delimiter_of(one))[0] for one in (text, doubled)]
    return doubled if scores[1] > scores[0] else text


def _sample(text: str) -> str:
    if len(text) <= 3 * _SAMPLE:
        return text
    parts = [text[:_SAMPLE], text[len(text) // 2 :][:_SAMPLE], text[-_SAMPLE:]]
    first, *others = (part[: part.rfind("\n") + 1] for part in parts[:2])
    return first + "".join(part[part.find("\n") + 1 :] for part in (*others, parts[2]))


def _evenness(text: str, delimiter: str) -> tuple[float, int]:
    """How alike the rows are that a mark cuts, from 0 to 1, and their usual width.

    A row of one cell is a miss: it is a title at best. So is one with a torn quotation; one whose cells begin with a space
    and a small letter, as behind a comma in a sentence, counts half.
    """
    try:
        rows = [row for row in _rows(text, delimiter)[0] if row.cells]
    except csv.Error:
        return 0.0, 0
    usual = _usual_width(rows)
    good = [row for row in rows if usual and len(row.cells) <= usual <= row.width]
    points = sum(0.5 if _reads_on(row) else 1 for row in good if not any(cell.count('"') % 2 for cell in row.cells))
    return (points / len(rows) if rows else 0.0), usual


def _reads_on(row: _Row) -> bool:
    return any(cell[:1] == " " and cell[1:2].islower() for cell in row.cells)


def _rows(text: str, delimiter: str) -> tuple[list[_Row], int]:
    """The rows of a file, and the line of a quote that is never closed (0: all are).

    Raises:
        csv.Error: a field is too long.
    """
    csv.field_size_limit(_LONGEST_FIELD)
    rows = list(_parsed(text, delimiter))
    last = rows[-1].cells[-1] if rows and rows[-1].cells else ""
    if "\n" in last and _ends_open(text, delimiter):
        return list(_parsed(text, delimiter, unquoted=True)), rows[-1].line
    return rows, 0


def _parsed(text: str, delimiter: str, *, unquoted: bool = False) -> Iterator[_Row]:
    """Each row with the line that it begins on; cells that are missing at its end are not told from empty ones."""
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=delimiter,
        quoting=csv.QUOTE_NONE if unquoted else csv.QUOTE_MINIMAL,
        skipinitialspace=_has_spaced_quotes(text, delimiter),
    )
    line = 1
    for cells in reader:
        width = len(cells)
        while width and not cells[width - 1].strip():
            width -= 1
        yield _Row(line, tuple(map(_unquoted, cells[:width]) if unquoted else cells[:width]), len(cells))
        line = reader.line_num + 1


def _has_spaced_quotes(text: str, delimiter: str) -> bool:
    """Whether a space stands between a delimiter and a quotation that is a whole cell: `1, "x, y", 3`."""
    mark = re.escape(delimiter)
    return re.search(rf'(?:^|{mark}) +"(?:[^"\n]|"")*" *(?:{mark}|\r?$)', text, re.MULTILINE) is not None


def _unquoted(cell: str) -> str:
    return cell.removeprefix('"').removesuffix('"').replace('""', '"')


def _ends_open(text: str, delimiter: str) -> bool:
    spaced = _has_spaced_quotes(text, delimiter)
    try:
        for _ in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True, skipinitialspace=spaced):
            pass
    except csv.Error as error:
        return "end of data" in str(error)
    return False


def _usual_width(rows: Sequence[_Row]) -> int:
    """How many cells most rows of more than one have; columns that none of those fills do not count. 0: no row has."""
    widths = Counter(row.width for row in rows if len(row.cells) > 1)
    usual = max(widths, key=lambda width: (widths[width], width), default=0)
    return max((len(row.cells) for row in rows if row.width == usual), default=0)


def _uneven(rows: Sequence[_Row], usual: int) -> list[_Row]:
    """Rows longer than the others, and those within the table whose cells run out. A title or total of one cell is none."""
    whole = [index for index, row in enumerate(rows) if len(row.cells) <= usual <= row.width]
    if len(whole) < 2:
        return []
    inside = range(whole[0], whole[-1])
    short = [index for index in inside if rows[index].width < usual and len(rows[index].cells) > 1]
    long = [index for index, row in enumerate(rows) if len(row.cells) > usual]
    return [rows[index] for index in sorted((*short, *long))]
