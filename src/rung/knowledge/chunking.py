"""Where are the passages of a document? Spans of its text, cut at headings, paragraphs and sentences.

`document.text[p.start:p.end] == p.text` always holds. Reading files is left to `readers`, embedding to `sync`.
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from rung.errors import InternalError, UserError
from rung.knowledge.markdown import Heading, heading_path, headings
from rung.knowledge.protocol import Row
from rung.records import Document, Passage

Count = Callable[[Sequence[str]], list[int]]

PAGES = "pages"  # key of Document.meta: where pages 1, 2, … start in the text
BODY_START = "body_start"  # key of Document.meta: where the text after the front matter starts
HEADER_TOKENS = 48  # room for the contextual header (title and headings) within the embedder's window
SEPARATOR = " › "
_MARKDOWN = {".md", ".markdown", ".mdown", ".mkd"}
_LONGEST_TOKEN = 16  # more characters per token than this is certainly more text than fits


@dataclass(frozen=True, slots=True)
class Chunking:
    """Passage size and overlap in the embedder's tokens. The size is cut to what the embedder can see, see `capacity`."""

    tokens: int = 160
    overlap: int = 24

    def __post_init__(self) -> None:
        if self.tokens < 8:
            raise UserError(f"chunking.tokens must be 8 or more: got {self.tokens}")
        if not 0 <= self.overlap <= self.tokens // 2:
            raise UserError(f"chunking.overlap must lie between 0 and half of chunking.tokens: got {self.overlap}")

    def capacity(self, max_tokens: int) -> int:
        """Tokens that a passage may have when the embedder reads `max_tokens`, the header and two special tokens aside."""
        return max(8, min(self.tokens, max_tokens - HEADER_TOKENS - 2))


def body_start(document: Document) -> int:
    """Where the text after the front matter starts. `Document.text` is the whole file: spans are positions in the file."""
    value = document.meta.get(BODY_START, 0)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= len(document.text) else 0


def whole(document: Document) -> Passage:
    """The document from the end of its front matter as one passage, white space at both ends left out."""
    start, end = _trimmed(document.text, body_start(document), len(document.text))
    return _passage(document, start, end, document.title, Places(document))


def is_markdown(document: Document) -> bool:
    """Whether to cut at Markdown structure: by the suffix of the source, or `meta.format: markdown`."""
    return PurePath(document.source).suffix.lower() in _MARKDOWN or document.meta.get("format") == "markdown"


def passages(document: Document, *, chunking: Chunking, count: Count, max_tokens: int) -> tuple[Passage, ...]:
    """Cut a document into passages, in order. White space between them belongs to none; everything else is covered.

    `count` gives the tokens of each text. The title of a passage is its document's title and the headings above it.
    """
    start, markdown = body_start(document), is_markdown(document)
    found = headings(document.text, start) if markdown else []
    spans = _spans(document.text[start:], chunking.capacity(max_tokens), chunking.overlap, count, markdown)
    shifted = [(a + start, b + start) for a, b in spans]
    if markdown:
        shifted = _without_bare_headings(document.text, shifted, found)
    places = Places(document)
    return tuple(_passage(document, a, b, _title(document, found, a), places) for a, b in shifted)


def row(passage: Passage, *, count: Count) -> Row:
    """A passage with its contextual header, ready to embed and to index; the header is no part of any offset."""
    header = _fitting(passage.title, count)
    indexed = f"{header}\n\n{passage.text}" if header else passage.text
    return Row(passage, indexed, hashlib.sha256(indexed.encode()).hexdigest()[:32])


class Places:
    """The page and the line of a position in a document, both from 1; page 0 where the document has no pages."""

    def __init__(self, document: Document) -> None:
        said = document.meta.get(PAGES)
        self._pages = [at for at in said if isinstance(at, int)] if isinstance(said, list) else []
        self._text, self._at, self._line = document.text, 0, 1

    def page(self, position: int) -> int:
        """The page that a position stands on. What stands before the first page belongs to it."""
        return max(1, bisect_right(self._pages, position)) if self._pages else 0

    def line(self, position: int) -> int:
        """The line of a position. Asking in ascending order reads the text once; going back reads it anew."""
        if position < self._at:
            self._at, self._line = 0, 1
        self._line += self._text.count("\n", self._at, position)
        self._at = position
        return self._line


def _passage(document: Document, start: int, end: int, title: str, places: Places) -> Passage:
    return Passage(
        id=f"{document.id}#{start}-{end}",
        document=document.id,
        start=start,
        end=end,
        text=document.text[start:end],
        title=title,
        source=document.source,
        groups=tuple(sorted(document.groups)),
        page=places.page(start),
        line=places.line(start),
    )


def _spans(text: str, capacity: int, overlap: int, count: Count, markdown: bool) -> list[tuple[int, int]]:
    from semantic_text_splitter import MarkdownSplitter, TextSplitter

    far_too_long = _LONGEST_TOKEN * capacity

    def size(piece: str) -> int:
        # The splitter also tries whole sections; tokenizing those would make long documents quadratic.
        return capacity + len(piece) if len(piece) > far_too_long else count([piece])[0]

    splitter = (MarkdownSplitter if markdown else TextSplitter).from_callback(size, capacity, min(overlap, capacity // 2))
    spans = []
    for start, chunk in splitter.chunk_indices(text):
        if text[start : start + len(chunk)] != chunk:
            raise InternalError(f"the splitter gave a wrong offset: {start}")
        spans.append(_trimmed(text, start, start + len(chunk)))
    return [(a, b) for a, b in spans if a < b]


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    piece = text[start:end]
    left = start + len(piece) - len(piece.lstrip())
    return left, max(left, start + len(piece.rstrip()))


def _without_bare_headings(text: str, spans: list[tuple[int, int]], found: list[Heading]) -> list[tuple[int, int]]:
    """Give a passage that is nothing but headings to the passage after it: alone it answers nothing, yet matches much."""
    merged: list[tuple[int, int]] = []
    pending: int | None = None
    for place, (start, end) in enumerate(spans):
        inside = [h for h in found if start <= h.start and h.end <= end]
        words = text[start:end]
        for heading in reversed(inside):
            words = words[: heading.start - start] + words[heading.end - start :]
        first = start if pending is None else min(pending, start)
        if inside and not words.strip() and place + 1 < len(spans):
            pending = first
        else:
            merged.append((first, end))
            pending = None
    return merged


def _title(document: Document, found: list[Heading], position: int) -> str:
    path = heading_path(found, position)
    if path and path[0] == document.title:
        path = path[1:]
    return SEPARATOR.join(part for part in (document.title, *path) if part)


def _fitting(title: str, count: Count) -> str:
    """A header of at most `HEADER_TOKENS` tokens: of a long one the end, which is the nearest heading."""
    words = re.split(r"\s+", title[-2000:].strip())
    while words and count([" ".join(words)])[0] > HEADER_TOKENS:
        words = words[max(1, len(words) // 8) :]
    return " ".join(words)
