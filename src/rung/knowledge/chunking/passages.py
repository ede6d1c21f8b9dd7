"""The passages of a document: spans of its text that keep what belongs together.

`document.text[p.start:p.end] == p.text` always holds. What belongs together is told by `structure`, the best division found
by `packing`. Reading files is left to `readers`, embedding to `sync`.
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rung.errors import UserError
from rung.knowledge.chunking.packing import Pieces, joined, pack
from rung.knowledge.chunking.structure import SECTION, SENTENCE, TORN, WORD, Cut, Paths, Section, Structure, structure
from rung.knowledge.chunking.symbols import Symbols
from rung.knowledge.protocol import Row
from rung.records import Document, Passage

Count = Callable[[Sequence[str]], list[int]]

PAGES = "pages"  # key of Document.meta: where pages 1, 2, … start in the text
BODY_START = "body_start"  # key of Document.meta: where the text after the front matter starts
HEADER_TOKENS = 48  # room for the contextual header (title and headings) within the embedder's window
CONTEXT_TOKENS = 40  # and for a model's sentence of context, where there is one
SEPARATOR = " › "
OVERLAP_AT = SENTENCE + 0.2  # an overlap begins with a sentence, an item, a row or a block of code, not within a line
_NOT_SPACE = re.compile(r"\S")
_WORD_PARTS = re.compile(r"\S{1,24}\s*")  # a longer word is cut: it is data, or a script without spaces


@dataclass(frozen=True, slots=True)
class Chunking:
    """Passage size and overlap in the embedder's tokens. The size is cut to what the embedder can see, see `capacity`.

    `parent_tokens` above 0: passages are cut inside larger ones, their parents, of at most so many tokens.
    """

    tokens: int = 160
    overlap: int = 24
    parent_tokens: int = 0

    def __post_init__(self) -> None:
        if self.tokens < 8:
            raise UserError(f"chunking.tokens must be 8 or more: got {self.tokens}")
        if not 0 <= self.overlap <= self.tokens // 2:
            raise UserError(f"chunking.overlap must lie between 0 and half of chunking.tokens: got {self.overlap}")
        if self.parent_tokens and self.parent_tokens < 2 * self.tokens:
            raise UserError(
                f"knowledge.parent_tokens must be 0 or at least twice chunk_tokens ({self.tokens}): got {self.parent_tokens}"
            )

    def capacity(self, max_tokens: int) -> int:
        """Tokens that a passage may have when the embedder reads `max_tokens`, the header and two special tokens aside."""
        return max(8, min(self.tokens, max_tokens - HEADER_TOKENS - 2))


def body_start(document: Document) -> int:
    """Where the text after the front matter starts. `Document.text` is the whole file: spans are positions in the file."""
    value = document.meta.get(BODY_START, 0)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= len(document.text) else 0


def whole(document: Document) -> Passage:
    """The document from the end of its front matter as one passage, white space at both ends left out."""
    span = _trimmed(document.text, body_start(document), len(document.text))
    return _passage(document, span, document.title, Places(document))


def passages(document: Document, *, chunking: Chunking, count: Count, max_tokens: int) -> tuple[Passage, ...]:
    """Cut a document into passages, in order. White space between them belongs to none; everything else is covered.

    `count` gives the tokens of each text; it is called once or twice for a document, so that a text is tokenized once. The
    title of a passage is its document's title, the headings (or definitions) above it and, where a table had to be cut, the
    table's head row. What overlaps is whole sentences (lines, rows): never a part of one, nothing across a heading.
    """
    start = body_start(document)
    if not document.text[start:].strip():
        return ()
    layout = structure(document, start)
    fine = _pieces(document.text, start, layout, count, chunking.capacity(max_tokens))
    paths, places = Paths(layout.sections), Places(document)
    by_span: dict[tuple[int, int], Passage] = {}
    for span, parent in _spans(document.text, fine, layout, chunking, max_tokens):
        title = _title(document, paths, layout.tables, span)
        by_span.setdefault(span, _passage(document, span, title, places, parent))
    return tuple(by_span.values())


def rows_of(document: Document, *, chunking: Chunking, count: Count, max_tokens: int) -> list[Row]:
    """A document's passages, ready to embed and to index, without a context; arguments as of `passages`."""
    symbols = Symbols(document, body_start(document))
    cut = passages(document, chunking=chunking, count=count, max_tokens=max_tokens)
    return [row(passage, count=count, symbols=symbols.terms(passage)) for passage in cut]


def row(passage: Passage, *, count: Count, symbols: tuple[str, ...] = (), context: str = "") -> Row:
    """A passage with its contextual header, ready to embed and to index; the header is no part of any offset. `context`:
    a model's sentence of it, of which `CONTEXT_TOKENS` tokens are taken."""
    context = _fitting(context, count, room=CONTEXT_TOKENS, end=False)
    indexed = "\n\n".join(part for part in (_fitting(passage.title, count), context, passage.text) if part)
    return Row(passage, indexed, key_of(indexed), symbols, context)


def key_of(indexed: str) -> str:
    """Names a text as it is embedded; under it its vector is stored."""
    return hashlib.sha256(indexed.encode()).hexdigest()[:32]


class Places:
    """The page and the line of a position in a document, both from 1; page 0 where the document has no pages."""

    def __init__(self, document: Document) -> None:
        declared = document.meta.get(PAGES)
        self._pages = [at for at in declared if isinstance(at, int)] if isinstance(declared, list) else []
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


def _passage(
    document: Document, span: tuple[int, int], title: str, places: Places, parent: tuple[int, int] | None = None
) -> Passage:
    start, end = span
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
        parent=parent,
    )


def _spans(
    text: str, fine: Pieces, layout: Structure, chunking: Chunking, max_tokens: int
) -> Iterator[tuple[tuple[int, int], tuple[int, int] | None]]:
    """The span of each passage, and of its parent where parents are on: passages are cut inside their parent."""
    limit = chunking.capacity(max_tokens)
    overlap = min(chunking.overlap, limit // 2)
    pieces = joined(fine, layout.keeps, limit=limit)
    families = [(0, len(pieces))]
    if chunking.parent_tokens:
        families = pack(pieces, 0, len(pieces), target=chunking.parent_tokens, limit=chunking.parent_tokens)
    ends = [*pieces.starts[1:], len(text)]
    for first, last in families:
        parent = _trimmed(text, pieces.starts[first], ends[last - 1])
        before = first
        for a, b in pack(pieces, first, last, target=limit - overlap, limit=limit):
            room = min(overlap, limit - sum(pieces.tokens[a:b]))
            begin = (
                pieces.starts[a] if pieces.section[a] else _overlapping(fine, pieces.starts[before], pieces.starts[a], room)
            )
            yield _trimmed(text, begin, ends[b - 1]), parent if chunking.parent_tokens else None
            before = a


def _overlapping(fine: Pieces, floor: int, begin: int, room: int) -> int:
    """Where a passage begins when it may repeat `room` tokens of what comes before it, from `floor` on, in its section."""
    index = bisect_right(fine.starts, begin) - 1
    while fine.starts[index - 1] > floor and begin > floor:
        index -= 1
        room -= fine.tokens[index]
        if room < 0 or fine.section[index]:
            break
        if fine.cut[index] <= OVERLAP_AT:
            begin = fine.starts[index]
    return begin


def _pieces(text: str, start: int, layout: Structure, count: Count, limit: int) -> Pieces:
    """The finest pieces between the cuts, with their tokens; one that is longer than a passage is cut at words."""
    cuts: dict[int, Cut] = {}
    for cut in (Cut(start, SECTION), *layout.cuts):
        # Not at white space, and the last cut at a place: it is the one that knows more.
        begun = _NOT_SPACE.search(text, cut.at)
        if begun is not None and (begun.start() not in cuts or cut.section):
            cuts[begun.start()] = Cut(begun.start(), cut.cost, cut.cross, cut.section, cut.torn)
    ordered = [cuts[at] for at in sorted(cuts)]
    ends = [cut.at for cut in ordered[1:]] + [len(text)]
    marks = count([""])[0]  # the tokens at both ends, which a text has once and its pieces would each have
    sizes = [max(1, n - marks) for n in count([text[cut.at : end] for cut, end in zip(ordered, ends, strict=True)])]
    pieces = Pieces([], [], [], [], [])
    for cut, end, size in zip(ordered, ends, sizes, strict=True):
        parts = [(cut.at, size)] if size <= limit else _by_words(text, cut.at, end, count, limit)
        for index, (at, tokens) in enumerate(parts):
            pieces.starts.append(at)
            pieces.tokens.append(tokens)
            pieces.cut.append(WORD if index else cut.cost + TORN * cut.torn)
            pieces.cross.append(0.0 if index else cut.cross)
            pieces.section.append(cut.section and not index)
    return pieces


def _by_words(text: str, start: int, end: int, count: Count, limit: int) -> list[tuple[int, int]]:
    """(start, tokens) of parts of at most a quarter of a passage: words, and parts of words that are longer than that."""
    marks = count([""])[0]
    spans = [match.span() for match in _WORD_PARTS.finditer(text, start, end)]
    sizes = [max(1, n - marks) for n in count([text[a:b] for a, b in spans])]
    room = max(1, limit // 4)  # parts, not passages: what stands before and after them has a say too
    parts: list[tuple[int, int]] = []
    for (a, _), size in _small(spans, sizes, room):
        if parts and parts[-1][1] + size <= room:
            parts[-1] = (parts[-1][0], parts[-1][1] + size)
        else:
            parts.append((a, size))
    return parts


def _small(spans: Sequence[tuple[int, int]], sizes: Sequence[int], limit: int) -> Iterator[tuple[tuple[int, int], int]]:
    """The spans, with those of more than `limit` tokens (a script without spaces) cut evenly."""
    for (start, end), size in zip(spans, sizes, strict=True):
        step = end - start if size <= limit else max(1, (end - start) * limit // (2 * size))
        for at in range(start, end, step):
            yield (at, min(at + step, end)), -(-size * step // (end - start))


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    piece = text[start:end]
    left = start + len(piece) - len(piece.lstrip())
    return left, max(left, start + len(piece.rstrip()))


def _title(document: Document, paths: Paths, tables: Sequence[Section], span: tuple[int, int]) -> str:
    path = paths.over(*span)
    if path and path[0] == document.title:
        path = path[1:]
    cut = next((t.title for t in tables if t.start < span[0] < t.end), "")
    return SEPARATOR.join(part for part in (document.title, *path, cut) if part)


def _fitting(title: str, count: Count, *, room: int = HEADER_TOKENS, end: bool = True) -> str:
    """A header of at most `room` tokens: of a long one the end, which is the nearest heading, or the beginning."""
    words = title[-2000:].split()
    while words and count([" ".join(words)])[0] > room:
        cut = max(1, len(words) // 8)
        words = words[cut:] if end else words[:-cut]
    return " ".join(words)
