"""What do the bytes of a file say? The built-in readers: Markdown, plain text, JSONL documents.

Which files are read, and with which reader, is left to `readers`.

`Document.text` is the file as decoded, whole: byte order mark dropped, line ends as they are, front matter kept. So a
position in the text is a position in the file. What may be cut into passages starts at `meta["body_start"]` where there
is front matter. A document whose groups cannot be understood is left out, never made public.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import NoReturn

from rung.knowledge.chunking import BODY_START
from rung.knowledge.markdown import FrontMatterError, as_json, front_matter, headings
from rung.knowledge.readers import Item, SourceFile
from rung.records import Document, Json

# Longest first: the mark of UTF-32-LE begins with that of UTF-16-LE.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_ROW_KEYS = {"id", "text", "title", "groups", "meta", "source"}


class Unusable(ValueError):
    """This document cannot be taken; the message says why."""


def read_markdown(file: SourceFile) -> Iterator[Item]:
    """A Markdown file as one document. Front matter: `title`, `groups`; every other key goes to meta."""
    text, note = decode(file.data)
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
        yield 1, str(error)
        return
    if not text[matter.body_start :].strip():
        yield 0, "has front matter, and nothing after it"
        return
    meta = {k: v for k, v in matter.values.items() if k not in ("title", "groups")}
    meta.pop(BODY_START, None)
    if matter.body_start:
        meta[BODY_START] = matter.body_start
    first = next((h.title for h in headings(text, matter.body_start)), "")
    title = _words(matter.values.get("title")) or first or PurePosixPath(file.id).stem
    yield 0, Document(file.id, text, title, groups, meta, source=file.id)


def read_text(file: SourceFile) -> Iterator[Item]:
    """A plain text file as one document, named by its stem."""
    text, note = decode(file.data)
    if note:
        yield 1, note
    if text is not None:
        yield 0, Document(file.id, text, PurePosixPath(file.id).stem, source=file.id)


def read_jsonl(file: SourceFile) -> Iterator[Item]:
    """One document a line: `id` and `text`; `title`, `groups`, `meta`, `source` where there are. Blank lines are skipped."""
    text, note = decode(file.data)
    if note:
        yield 1, note
    rows = 0
    # Not splitlines(): JSON text may hold U+2028 and its like unescaped.
    for number, line in enumerate((text or "").split("\n"), 1):
        if line.strip():
            rows += 1
            try:
                yield number, _document(line, file.id)
            except Unusable as error:
                yield number, str(error)
    if text is not None and not rows:
        yield 0, "is empty"


def decode(data: bytes) -> tuple[str | None, str]:
    """The text of a file, and what is to be said about it: by its byte order mark, else UTF-8, else Windows-1252.

    None where it is no text at all.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            try:
                return data[len(mark) :].decode(encoding), ""
            except UnicodeDecodeError as error:
                text = data[len(mark) :].decode(encoding, "replace")
                return text, f"is broken {encoding.upper()} ({error.reason}); the broken places were replaced by U+FFFD"
    try:
        text, note = data.decode("utf-8"), ""
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        text = data.decode("cp1252", "replace")
        note = f"is not UTF-8 (line {line}) and was read as Windows-1252; save it as UTF-8 if letters look wrong"
    if "\x00" in text:
        return None, "holds NUL characters: no text, or UTF-16 without a byte order mark; save it as UTF-8"
    return text, note


def groups_of(values: Mapping[str, Json]) -> tuple[str, ...]:
    """The groups that may read a document: a list, or names separated by commas. Absent or null: everybody.

    Raises:
        Unusable: they are no names, or the key looks misspelt; taking the document would make it public.
    """
    for key in values:
        if key != "groups" and key.strip().lower() in ("group", "groups"):
            raise Unusable(f"the key '{key}' looks like access groups: write 'groups', or name it otherwise; left out")
    said = values.get("groups")
    if said is None:
        return ()
    names = said.split(",") if isinstance(said, str) else said
    if not isinstance(names, list) or not all(isinstance(n, (str, int)) and not isinstance(n, bool) for n in names):
        raise Unusable(f"groups must be a list of names (quote yes, no, on and off): got {json.dumps(said)[:80]}; left out")
    groups = tuple(dict.fromkeys(str(name).strip() for name in names))
    if "" in groups:
        raise Unusable("groups holds an empty name; write the names, or leave the key out for everybody; left out")
    return groups


def _document(line: str, file: str) -> Document:
    values = _row(line)
    unknown = {key: value for key, value in values.items() if key not in _ROW_KEYS}
    groups = groups_of(values)
    id, text, meta = values.get("id"), values.get("text"), values.get("meta")
    if isinstance(id, int) and not isinstance(id, bool):
        id = str(id)
    if not isinstance(id, str) or not id.strip():
        raise Unusable(f"'id' must be text that is not empty: got {_shown(values, 'id')}; left out")
    if not isinstance(text, str) or not text.strip():
        raise Unusable(f"'text' of '{id}' must be text that is not empty: got {_shown(values, 'text')}; left out")
    if meta is not None and not isinstance(meta, dict):
        raise Unusable(f"'meta' of '{id}' must be an object: got {_shown(values, 'meta')}; left out")
    kept = {k: v for k, v in {**unknown, **(meta or {})}.items() if k != BODY_START}
    title, source = _words(values.get("title")), _words(values.get("source"))
    return Document(id, text, title, groups, kept, source=source or file)


def _row(line: str) -> dict[str, Json]:
    def refuse(constant: str) -> NoReturn:
        raise Unusable(f"{constant} is no JSON; left out")

    try:
        values = json.loads(line, parse_constant=refuse)
    except Unusable:
        raise
    except json.JSONDecodeError as error:
        raise Unusable(f"is no JSON ({error.msg}, column {error.colno}); left out") from error
    except (ValueError, RecursionError) as error:
        raise Unusable(f"is no JSON that can be read ({error}); left out") from error
    if not isinstance(values, dict):
        raise Unusable('is no JSON object; a document is {"id": …, "text": …}; left out')
    if "\\u" in line and (cleaned := _LONE_SURROGATE.sub("�", json.dumps(values, ensure_ascii=False))):
        values = json.loads(cleaned)  # half a character, as \ud83d alone, can be stored and sent nowhere
    return {str(key): as_json(value) for key, value in values.items()}


def _shown(values: Mapping[str, Json], key: str) -> str:
    return json.dumps(values[key])[:60] if key in values else "nothing"


def _words(value: Json) -> str:
    return " ".join(str(value).split()) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else ""
