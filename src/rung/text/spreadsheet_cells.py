"""Texts in cells that a spreadsheet opens: none of them is to be taken for a formula, and each comes back as it was.

Spreadsheets run what begins with =, +, - or @, also behind a tab or a line break. An apostrophe before it makes it a text.
What stands between the cells of a CSV file its first line may say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from rung.records import Json

SEPARATOR = re.compile(r'"?sep=(.)"?\r?\n', re.IGNORECASE)  # the first line by which Excel is told what stands between cells
_RUNS = re.compile(r"'*[=+\-@\t\r\n]")
_GUARDED = re.compile(r"'+[=+\-@\t\r\n]")


def guarded(text: str) -> str:
    """A text as a cell that no spreadsheet runs.

    >>> guarded("=1+1"), guarded("'=1"), guarded("a=1")
    ("'=1+1", "''=1", 'a=1')
    """
    return f"'{text}" if _RUNS.match(text) else text


def unguarded(cell: str) -> str:
    """The text that `guarded` made this cell of.

    >>> unguarded("'=1+1"), unguarded("''=1"), unguarded("'tis")
    ('=1+1', "'=1", "'tis")
    """
    return cell[1:] if _GUARDED.match(cell) else cell


def unguarded_row(row: Mapping[str, Json]) -> dict[str, Json]:
    """The row with its texts as they were before they were guarded."""
    return {key: unguarded(cell) if isinstance(cell, str) else cell for key, cell in row.items()}
