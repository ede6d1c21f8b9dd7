"""The documents in a file of rows: JSONL, and JSON that is a document or lists some; any other JSON is text.

Who may read them besides what a row says is left to `access`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

from rung.knowledge.chunking.markdown import as_json
from rung.knowledge.chunking.passages import BODY_START
from rung.knowledge.readers import marks
from rung.knowledge.readers.access import groups_of, refusal
from rung.knowledge.readers.encodings import decode, decode_line, guess, named
from rung.knowledge.readers.source import LARGEST_ROW, Item, SourceFile, Unusable
from rung.records import Document, Json

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_ROW_KEYS = {"id", "text", "title", "groups", "meta", "source"}
_BELOW = "stands below line {}, which looks like a mark of access for other rows: write 'groups' into each row; left out"
_WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")
_UTF8_MARK = b"\xef\xbb\xbf"


def read_jsonl(file: SourceFile) -> Iterator[Item]:
    """One document a line: `id` and `text`; `title`, `groups`, `meta`, `source` where there are. Blank lines are skipped.

    Lines are read one by one, so a file may be larger than memory.
    """
    rows = odd = 0
    taken = _Rows(file.id)
    first, encoding = 0, ""
    for number, raw in file.lines():
        if raw is None:
            yield number, f"is longer than {LARGEST_ROW // 2**20} MiB; left out"
            rows += 1
            continue
        if number == 1 and raw.startswith(_WIDE_MARKS):
            yield from _wide(file)
            return
        plain = raw.removeprefix(_UTF8_MARK) if number == 1 else raw
        if not plain.strip():
            continue
        rows += 1
        line, other = decode_line(plain, encoding or (encoding := "cp1252"))
        if other:
            if not odd:
                first, encoding = number, guess(plain)
                line = plain.decode(encoding, "replace")
            odd += 1
        if "\x00" in line:
            yield number, "holds NUL characters: no text, or UTF-16 without a byte order mark; save it as UTF-8; left out"
            continue
        yield number, taken.item(number, line)
    if odd:
        more = f" and {odd - 1} more lines" if odd > 1 else ""
        yield first, f"is not UTF-8{more} and was read as {named(encoding)}; save it as UTF-8 if letters look wrong"
    if not rows:
        yield 0, "is empty"


def read_json(file: SourceFile) -> Iterator[Item]:
    """A document, or those of a list, one by one; the list may stand under a key. Any other JSON is one document of text.

    A document is an object with `id` and `text`.
    """
    text, note = decode(file.data, file.charset)
    if note:
        yield 1, note
    if text is None:
        return
    try:
        value = json.loads(text, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        yield error.lineno, f"is no JSON ({error.msg}, column {error.colno}); left out"
        return
    except Unusable as error:
        yield 0, str(error)
        return
    except (ValueError, RecursionError) as error:
        yield 0, f"is no JSON that can be read ({error}); left out"
        return
    if _is_document(value):
        yield 0, _taken(json.dumps(value, ensure_ascii=False), file.id)
        return
    lists = [value] if _lists_documents(value) else []
    if isinstance(value, dict):
        lists = [inner for inner in value.values() if _lists_documents(inner)]
    around = {k: v for k, v in value.items() if not _lists_documents(v)} if isinstance(value, dict) else {}
    heads: list[Json] = [row for rows in lists for row in rows if isinstance(row, dict) and _speaks_of_others(row)]
    if key := marks.in_json(around if lists else value) or marks.in_json(heads):
        yield 0, refusal(key)
    elif not lists:
        yield 0, Document(file.id, text, file.name, source=file.id)
    for number, row in enumerate((row for rows in lists for row in rows) if not key else (), 1):
        item = _taken(json.dumps(row, ensure_ascii=False), file.id)
        yield 0, f"item {number}: {item}" if isinstance(item, str) else item


def _is_document(value: object) -> bool:
    return isinstance(value, dict) and "id" in value and "text" in value


def _lists_documents(value: object) -> bool:
    """Whether most of a list are documents; the others are then mistakes, and named."""
    return isinstance(value, list) and bool(value) and sum(map(_is_document, value)) * 2 > len(value)


def _once(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    """An object. Of a key that stands twice the last value counts, as everywhere; not where it says who may read.

    Raises:
        Unusable: a mark of access stands in it twice.
    """
    fields = dict(pairs)
    if len(fields) < len(pairs):
        keys = [key for key, _ in pairs]
        if twice := next((key for key in fields if keys.count(key) > 1 and marks.kind_of(key)), None):
            raise Unusable(f"'{twice}' stands twice, and only one of the two can be meant; left out")
    return fields


def _wide(file: SourceFile) -> Iterator[Item]:
    """UTF-16 and UTF-32, whose lines cannot be told apart before they are decoded."""
    text, note = decode(file.data, file.charset)
    if note:
        yield 1, note
    # Not splitlines(): JSON text may hold U+2028 and its like unescaped.
    taken = _Rows(file.id)
    for number, line in enumerate((text or "").split("\n"), 1):
        if line.strip():
            yield number, taken.item(number, line)


@dataclass(slots=True)
class _Rows:
    """The rows of a file. `head`: the line of one that is no document and says who may read: it speaks of those below."""

    file: str
    head: int = 0

    def item(self, number: int, line: str) -> Document | str:
        """What a row says, or why it is left out."""
        item = _taken(line, self.file)
        if not self.head and isinstance(item, str) and _is_head(line):
            self.head = number
        return _BELOW.format(self.head) if self.head and isinstance(item, Document) else item


def _is_head(line: str) -> bool:
    """Whether a row that is no document says who may read others: it has neither id nor text, or speaks of defaults."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(row, dict) and _speaks_of_others(row)


def _speaks_of_others(row: dict[str, Json]) -> bool:
    if row.keys() & {"id", "text"}:
        row = {key: value for key, value in row.items() if "default" in marks.words_of(key)}
    return any(marks.restricts(key, value) for key, value in row.items()) or bool(marks.in_values(row))


def _taken(line: str, file: str) -> Document | str:
    try:
        return _document(line, file)
    except Unusable as error:
        return str(error)


def _document(line: str, file: str) -> Document:
    values = _row(line)
    unknown = {key: value for key, value in values.items() if key not in _ROW_KEYS}
    groups = groups_of(values)
    id, text, meta = values.get("id"), values.get("text"), values.get("meta")
    if isinstance(id, float) and id.is_integer():
        id = int(id)
    if isinstance(id, int) and not isinstance(id, bool):
        id = str(id)
    if not isinstance(id, str) or not id.strip():
        raise Unusable(f"'id' must be text that is not empty: got {_shown(values, 'id')}; left out")
    if not isinstance(text, str) or not text.strip():
        raise Unusable(f"'text' of '{id}' must be text that is not empty: got {_shown(values, 'text')}; left out")
    if meta is not None and not isinstance(meta, dict):
        raise Unusable(f"'meta' of '{id}' must be an object: got {_shown(values, 'meta')}; left out")
    rest = {k: v for k, v in {**unknown, **(meta or {})}.items() if k != BODY_START}
    title, source = words(values.get("title")), words(values.get("source"))
    return Document(id, text, title, groups, rest, source=source or file, origin=file)


def _row(line: str) -> dict[str, Json]:
    def refuse(constant: str) -> NoReturn:
        raise Unusable(f"{constant} is no JSON; left out")

    try:
        values = json.loads(line, parse_constant=refuse, object_pairs_hook=_once)
    except Unusable:
        raise
    except json.JSONDecodeError as error:
        raise Unusable(f"is no JSON ({error.msg}, column {error.colno}); left out") from error
    except (ValueError, RecursionError) as error:
        raise Unusable(f"is no JSON that can be read ({error}); left out") from error
    if not isinstance(values, dict):
        raise Unusable('is no JSON object; a document is {"id": …, "text": …}; left out')
    if "\\u" in line and (cleaned := _LONE_SURROGATE.sub("\ufffd", json.dumps(values, ensure_ascii=False))):
        values = json.loads(cleaned)  # half a character, as \ud83d alone, can be stored and sent nowhere
    return {str(key): as_json(value) for key, value in values.items()}


def _shown(values: dict[str, Json], key: str) -> str:
    return json.dumps(values[key])[:60] if key in values else "nothing"


def words(value: Json) -> str:
    """A value as one line of text; "" where it is none."""
    return " ".join(str(value).split()) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else ""
