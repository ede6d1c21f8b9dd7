"""What does a CSV file say? A Markdown table, or a line a row where it is long.

How rows are written is left to `markup`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from rung.knowledge.reading.encodings import decode
from rung.knowledge.reading.markup import converted, table
from rung.knowledge.reading.source import Item, SourceFile, Unusable

_DELIMITERS = ",;\t|"
_SAMPLE = 16_384
_LONGEST_FIELD = 10_000_000


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
