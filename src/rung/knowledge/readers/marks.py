"""What looks like a mark of restriction: keys, columns and objects that seem to say who may read a document.

Only `groups` is understood, in the places that `access` names. This is for everything else: a document that carries such a
mark is left out, never made public. The words are in `mark_words`, the lines of texts in `mark_lines`. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from rung.knowledge.readers.mark_words import (
    GROUPS,
    is_of_a_column,
    kind_of,
    plainly,
    restricts,
    restricts_in_words,
    words_of,
)
from rung.records import Json

__all__ = ["GROUPS", "in_json", "in_table", "in_tables", "in_values", "kind_of", "plainly", "restricts", "words_of"]

_HOLDERS = frozenset({"meta", "metadata", "frontmatter", "params", "extra", "custom", "rung"})
_TEXTS = frozenset({"text", "content", "body", "pagecontent", "markdown", "html"})
_HEADS = 5  # rows in which a table's heads may stand
_WRITTEN_OUT = re.compile(r"(?:^|; )([^:;|]{1,60}): ")


def in_values(values: Mapping[str, Json]) -> str:
    """The first key, as a path, that restricts among the values of a document; `groups` itself, at the top, is not meant.

    In what is called `meta`, `metadata` and the like all marks count, in other objects those that count among words.
    """
    waiting: list[tuple[str, Mapping[str, Json], bool]] = [("", values, True)]
    while waiting:
        path, some, strict = waiting.pop()
        for key, value in some.items():
            at = f"{path}{key}"
            if at != GROUPS and (restricts if strict else restricts_in_words)(key, value):
                return at
            held = strict and "".join(words_of(key)) in _HOLDERS
            waiting += [(f"{at}.", inner, held) for inner in _objects(value)]
    return ""


def in_json(value: Json) -> str:
    """The first key that restricts in JSON that is read as text; "" where there is none.

    All objects are looked at, since the one that says who may read stands above the text, beside it or around it. In one
    with a text, and in what is called `meta` there, all marks count; elsewhere those that count among words.
    """
    waiting = [(inner, True, False) for inner in _objects(value)]
    while waiting:
        some, outer, strict = waiting.pop()
        strict = strict or holds_text(some)
        for key, entry in some.items():
            listed = outer or isinstance(entry, str) or _holds_names(entry)
            if (strict and restricts(key, entry)) or (listed and restricts_in_words(key, entry)):
                return key
            held = "".join(words_of(key)) in _HOLDERS
            waiting += [(inner, outer and held, strict and held) for inner in _objects(entry)]
    return ""


def holds_text(value: Mapping[str, Json]) -> bool:
    """Whether an object has a text, as a document has."""
    return any("".join(words_of(str(key))) in _TEXTS and isinstance(text, str) for key, text in value.items())


def _holds_names(value: Json) -> bool:
    """Whether a list, or one in an object, is of names and not of objects, as in a schema."""
    if isinstance(value, dict):
        return any(isinstance(inner, list) and _holds_names(inner) for inner in value.values())
    return isinstance(value, list) and bool(value) and all(isinstance(item, (str, int)) for item in value)


def in_table(rows: Sequence[Sequence[str]]) -> str:
    """The head of a column that says who may read a row; "" where there is none.

    Tables whose rows are documents (a column is called text, or content) may have no mark; others, in which a group
    may be one of anything, no column called `groups`, `acl`, `allowed_roles` and the like.
    """
    for row in rows[:_HEADS]:
        documents = any("".join(words_of(head)) in _TEXTS for head in row)
        for head in row:
            if is_of_a_column(head) or (documents and kind_of(head) in ("plain", "vague")):
                return head.strip()
    return ""


def in_tables(text: str) -> str:
    """The same of the tables in a Markdown text that was made from a workbook or a CSV file, long ones written out."""
    block: list[list[str]] = []
    seen: set[tuple[str, ...]] = set()
    for line in text.splitlines():
        if line.startswith("|"):
            if len(block) < _HEADS:
                block.append([cell.strip() for cell in line.strip("|").split("|")])
            continue
        if block and (head := in_table(block)):
            return head
        block = []
        heads = tuple(_WRITTEN_OUT.findall(line))
        if heads not in seen and (head := in_table([heads])):
            return head
        seen.add(heads)
    return in_table(block)


def _objects(value: Json) -> list[dict[str, Json]]:
    """An object, or the objects of a list and of the lists in it."""
    objects: list[dict[str, Json]] = []
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            objects.append(one)
        elif isinstance(one, list):
            waiting += one
    return objects
