"""What stands beside the cells of a sheet as text: headers and footers of its pages, addresses of links.

Pure rules over texts; where they come from, `xlsx` knows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from rung.knowledge.readers.table_heads import is_value

_COUNTED = re.compile(
    r"(?:\b(?:page|p\.|seite|s\.|pagina|página)\s*)?&P(?:[^&\w]*(?:(?:of|von|de|di|sur|van)\b)?[^&\w]*&N)?", re.IGNORECASE
)
_CODE = re.compile(r'&(?:"[^"]*"|K[0-9A-Fa-f+\-]{6}|\d+|[A-Za-z])')  # of a font, a colour, a size, a field
_SECTION = re.compile(r"&[LCR]")
_AND = "\ue000"
_ADDRESS = re.compile(r"(?:https?|ftp)://\S+")


def edge_texts(coded: str) -> Iterator[str]:
    """The words of a header or footer: left, middle and right, without page numbers, dates and names of files."""
    for section in _SECTION.split(coded.replace("&&", _AND)):
        words = " ".join(_CODE.sub("", _COUNTED.sub("", section)).replace(_AND, "&").split()).strip(" -–|,/")
        if any(map(str.isalnum, words)):
            yield words


def linked(text: str, address: str) -> str:
    """A cell's text with the address that it leads to; values, and texts that are the address, stay as they are."""
    if not _ADDRESS.fullmatch(address) or is_value(text) or address.rstrip("/").endswith(text.rstrip("/")):
        return text
    return f"[{text}]({address})"
