"""What the bytes of a plain file say: Markdown and text. The readers of other kinds are in `reading`.

Which files are read, and with which reader, is left to `readers`.

`Document.text` is the file as decoded, whole: byte order mark dropped, line ends as they are, front matter kept. So a
position in the text is a position in the file. What may be cut into passages starts at `meta["body_start"]` where there
is front matter. A document whose groups cannot be understood is left out, never made public.
"""

from __future__ import annotations

from collections.abc import Iterator

from rung.knowledge.chunking.markdown import FrontMatterError, front_matter, headings
from rung.knowledge.chunking.passages import BODY_START
from rung.knowledge.readers.access import groups_of
from rung.knowledge.readers.encodings import decode
from rung.knowledge.readers.mark_lines import in_text
from rung.knowledge.readers.rows import read_jsonl, words
from rung.knowledge.readers.source import Item, SourceFile, Unusable
from rung.records import Document

__all__ = ["decode", "read_jsonl", "read_markdown", "read_text"]

_RESERVED = ("title", "groups", BODY_START, "pages")  # the last two are what readers say about the text


def read_markdown(file: SourceFile) -> Iterator[Item]:
    """A Markdown file as one document. Front matter: `title`, `groups`; every other key goes to meta."""
    text, note = decode(file.data, file.charset)
    if note:
        yield 1, note
    if text is None:
        return
    try:
        matter = front_matter(text)
        groups = groups_of(matter.values)
    except FrontMatterError as error:
        yield error.line, str(error)
        return
    except Unusable as error:
        mark = in_text(text)
        yield mark[0] if mark else 1, str(error)
        return
    if not text[matter.body_start :].strip():
        yield 0, "has front matter, and nothing after it"
        return
    meta = {k: v for k, v in matter.values.items() if k not in _RESERVED}
    if matter.body_start:
        meta[BODY_START] = matter.body_start
    first = next((h.title for h in headings(text, matter.body_start)), "")
    title = words(matter.values.get("title")) or first or file.name
    yield 0, Document(file.id, text, title, groups, meta, source=file.id)


def read_text(file: SourceFile) -> Iterator[Item]:
    """A plain text file as one document, named by its stem."""
    text, note = decode(file.data, file.charset)
    if note:
        yield 1, note
    if text is not None:
        yield 0, Document(file.id, text, file.name, source=file.id)
