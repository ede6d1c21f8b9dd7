"""Rows that are not written one after the other: a table by its columns, the turns of a chat.

Where values stand in the file is told as JSON pointers; lines are left to `source`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rung.dataset.formats import ROLES
from rung.importers.fields import QUESTIONS, name_in
from rung.records import Json, canonical

_MIN_COLUMNS = 2
_SINGULAR = {"questions": "question", "queries": "query", "prompts": "prompt", "inputs": "input", "responses": "response"}
_TURN = (("role", "content"), ("from", "value"))
_CHAT_IDS = ("conversation_id", "conversation", "chat_id", "dialogue_id", "dialog_id", "session_id", "thread_id")


def rows_of_columns(table: Mapping[str, Json]) -> list[tuple[str, dict[str, Json]]]:
    """(pointer, row) of each row of an object that is a table by columns; none where it is no such object.

    A column is an object of its cells by the rows' names, as data frames write them (`{"query": {"0": …}}`), or a list of
    them (`{"question": [...], "answer": [...]}`); a table may also keep the names of its columns apart from its rows
    (`{"columns": [...], "data": [[...], ...]}`).
    """
    if (split := _of_split(table)) is not None:
        return split
    head = next(iter(table), "")
    table = {_SINGULAR.get(name, name): column for name, column in table.items()}
    first = next(iter(table.values()), None)
    if len(table) < _MIN_COLUMNS or not first:
        return []
    if isinstance(first, dict):
        columns = {name: column for name, column in table.items() if isinstance(column, dict)}
        same = len(columns) == len(table) and all(column.keys() == first.keys() for column in columns.values())
        return [(_pointer(head, key), {n: c[key] for n, c in columns.items()}) for key in first] if same else []
    lists = {name: column for name, column in table.items() if isinstance(column, list)}
    lengths = {len(column) for column in lists.values()}
    asks = lists.get(name_in(lists, QUESTIONS))
    if len(lists) < len(table) or len(lengths) > 1 or not asks or not all(isinstance(one, str) for one in asks):
        return []
    return [(_pointer(head, str(n)), {name: c[n] for name, c in lists.items()}) for n in range(len(asks))]


def _of_split(table: Mapping[str, Json]) -> list[tuple[str, dict[str, Json]]] | None:
    columns, data = table.get("columns"), table.get("data")
    if not isinstance(columns, list) or not isinstance(data, list) or not all(isinstance(name, str) for name in columns):
        return None
    if not data or not all(isinstance(cells, list) and len(cells) == len(columns) for cells in data):
        return None
    return [(_pointer("data", str(n)), _named(columns, cells)) for n, cells in enumerate(data) if isinstance(cells, list)]


def _named(columns: Sequence[Json], cells: Sequence[Json]) -> dict[str, Json]:
    return {str(name): cell for name, cell in zip(columns, cells, strict=True)}


def _pointer(*names: str) -> str:
    return "".join(f"/{name.replace('~', '~0').replace('/', '~1')}" for name in names)


def is_turn(value: Json) -> bool:
    """Whether a value is a turn of a chat, and nothing else."""
    if not isinstance(value, dict):
        return False
    return any(str(value.get(role)).lower() in ROLES and text in value for role, text in _TURN)


def chats_of_turns(rows: Sequence[tuple[int, dict[str, Json]]]) -> tuple[str, list[tuple[int, dict[str, Json]]]]:
    """(the key that names a turn's chat, (line, row) of each chat) of rows that are turns; "" where they are of one chat."""
    name = next((name for name in _CHAT_IDS if all(name in row for _, row in rows)), "")
    turns: dict[str, list[Json]] = {}
    chats: list[tuple[int, dict[str, Json]]] = []
    for line, row in rows:
        own = {name: row[name]} if name else {}
        if (key := canonical(own)) not in turns:
            chats.append((line, {**own, "messages": turns.setdefault(key, [])}))
        turns[key].append({key: value for key, value in row.items() if key != name})
    return name, chats


def is_chat(value: Json) -> bool:
    """Whether a value is a list of turns."""
    return isinstance(value, list) and bool(value) and all(map(is_turn, value))
