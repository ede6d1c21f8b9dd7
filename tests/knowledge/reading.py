"""What its reader makes of a file, in this process."""

from __future__ import annotations

from pathlib import Path

from rung.knowledge.readers.converting import read
from rung.knowledge.readers.source import SourceFile
from rung.records import Document, Dropped

CASES = Path(__file__).parent / "cases"


def given(name: str, data: bytes | str, *, charset: str = "") -> tuple[list[Document], list[str], dict[str, int]]:
    """Documents, what was said of them, and what was left out by a rule: how much of what."""
    file = SourceFile(name, Path(name), data.encode() if isinstance(data, str) else data, charset=charset)
    items = [item for _, item in read(file)]
    dropped = {item.what: item.count for item in items if isinstance(item, Dropped)}
    return [i for i in items if isinstance(i, Document)], [i for i in items if isinstance(i, str)], dropped


def text_of(name: str, data: bytes | str, *, charset: str = "") -> str:
    """The text of a file that has nothing wrong with it and is one document."""
    documents, said, _ = given(name, data, charset=charset)
    assert said == []
    assert len(documents) == 1
    return documents[0].text


def case(name: str) -> str:
    """The text of a small file beside the tests."""
    return text_of(name, (CASES / name).read_bytes())


def pages_of(document: Document) -> list[str]:
    """The text of each page."""
    starts = document.meta["pages"]
    assert isinstance(starts, list)
    places = [start for start in starts if isinstance(start, int)]
    return [document.text[a:b].strip() for a, b in zip(places, [*places[1:], len(document.text)], strict=True)]
