"""A file that is to be imported: what kind it is by its content, its rows with their lines, its value as a whole.

Everything is read once, when it is first asked for. What a form makes of it is left to the forms.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from datetime import date
from functools import cached_property
from pathlib import Path

import yaml

from rung.dataset.row_files import ABOVE_TABLE, rows_of_text, table_cells
from rung.errors import InputError
from rung.files.limited import content_of, name_of, yaml_of
from rung.importers.layouts import chats_of_turns, is_chat, rows_of_columns
from rung.importers.parquet import MAGIC, parquet_rows
from rung.importers.workbooks import note_repeated, sheet_rows
from rung.records import Json, Problem
from rung.text.json_values import line_of, pointer_lines
from rung.text.parsing import Malformed, decoded, json_of

_ONE_CHAT = "its rows are read as the turns of one chat"
ZIP = b"PK\x03\x04"
OLE = b"\xd0\xcf\x11\xe0"
# Keys of an object under which exports keep their rows.
WRAPPERS = (
    "examples",
    "data",
    "rows",
    "samples",
    "items",
    "goldens",
    "records",
    "results",
    "questions",
    "queries",
    "runs",
    "documents",
)
# Keys of an object that is a row itself, whatever lists stand in it.
_ROW_KEYS = frozenset(
    (
        *("messages", "conversations", "conversation", "contents", "question", "user_input", "query", "input", "inputs"),
        *(
            "prompt",
            "instruction",
            "request",
            "response",
            "choices",
            "custom_id",
            "item",
            "datasource_item",
            "fields",
            "vars",
        ),
    )
)
_SHOWN = 12  # files in a message
_WRAPPED_KEYS = 12  # an object with more keys than these is a row itself


class ImportFile:
    """A file, or a folder, to be imported.

    Args:
        path: where it is.
        question: the column or variable that is the question, where the user says so.
        answer: the one that is the accepted answer.
    """

    def __init__(self, path: Path, *, question: str = "", answer: str = "") -> None:
        self.path, self.question, self.answer = path, question, answer
        self.shown = name_of(path)
        self.notes: list[Problem] = []  # what is said of the file besides its rows; importers add to it

    @cached_property
    def is_folder(self) -> bool:
        """Whether it is a folder, as BEIR's are."""
        return self.path.is_dir()

    @cached_property
    def content(self) -> bytes:
        """All its bytes, none of a folder.

        Raises:
            InputError: it cannot be read.
        """
        return b"" if self.is_folder else content_of(self.path)

    @cached_property
    def is_zip(self) -> bool:
        """Whether it is a ZIP archive; a workbook is one, too."""
        return self.content.startswith(ZIP)

    @cached_property
    def is_parquet(self) -> bool:
        """Whether it is a Parquet file."""
        return self.content.startswith(MAGIC)

    @cached_property
    def text(self) -> str:
        """Its text, byte order mark aside; "" of a folder or an archive. What is no JSON may be in another encoding than
        UTF-8: the likeliest is taken, and that is noted.

        Raises:
            InputError: it is no text.
        """
        if self.is_folder or self.is_zip or self.is_parquet or self.content.startswith(OLE):
            return ""
        try:
            text = decoded(self.content)
        except UnicodeDecodeError as error:
            if (guessed := self._guessed()) is not None:
                return guessed
            line = 1 + self.content[: error.start].count(b"\n")
            raise InputError(f"is not UTF-8 text ({error.reason}): save it as UTF-8", path=self.shown, line=line) from error
        if "\x00" in text:
            line = 1 + text[: text.index("\x00")].count("\n")
            raise InputError("holds NUL characters, and is no text: save it as UTF-8", path=self.shown, line=line)
        return text

    def _guessed(self) -> str | None:
        """The text of a file that is not UTF-8, read as documents are; None of JSON, which must be, and of no text."""
        if self.content.lstrip()[:1] in (b"{", b"["):
            return None
        from rung.knowledge.readers.encodings import decode, holds_controls

        text, note = decode(self.content)
        if text is None or "\ufffd" in text or holds_controls(text):
            return None
        self.note(0, note)
        return text

    @cached_property
    def looks_json(self) -> bool:
        """Whether it begins as JSON or JSONL does."""
        return self.text.lstrip()[:1] in ("{", "[")

    @cached_property
    def is_table(self) -> bool:
        """Whether its rows come from a table: CSV, a workbook, Parquet."""
        return bool(self.rows) and not self.looks_json

    @cached_property
    def is_csv(self) -> bool:
        """Whether they come from CSV."""
        return self.is_table and bool(self.text)

    @cached_property
    def whole(self) -> Json:
        """The value of the file as one JSON or YAML value; None where it is none, or is a list of rows (`rows`)."""
        if self.looks_json:
            try:
                return json_of(self.text)
            except Malformed:
                return None
        return self._yaml[0]

    @cached_property
    def yaml_fault(self) -> Malformed | None:
        """Why a file that begins as YAML with keys does is none; None where it is, or does not begin so."""
        return self._yaml[2]

    @cached_property
    def rows(self) -> Sequence[tuple[int, dict[str, Json]]]:
        """(line, row) of each row: of JSONL, a JSON list, a list under a known key, CSV, a workbook, Parquet."""
        if self.is_zip:
            return sheet_rows(self.content, self.shown, self.note)
        if self.is_parquet:
            return list(parquet_rows(self.content, self.shown, self.note))
        if not self.text.strip() or self._yaml[0] is not None:
            return ()
        if chats := self._chats():
            return chats
        problems: list[Problem] = []
        rows = list(rows_of_text(self.text, self.shown, problems))
        above = [problem for problem in problems if problem.message == ABOVE_TABLE]
        self.notes += above
        self.bad_rows += (problem for problem in problems if problem not in above)
        if len(rows) == 1 and not self.bad_rows and self.looks_json:
            return self._unwrapped(*rows[0])
        if rows and not self.looks_json:
            self._check_head()
        if self.looks_json and is_chat([row for _, row in rows]):
            if self.bad_rows:  # a chat without one of its turns has answers to what was not asked
                return ()
            name, chats = chats_of_turns(rows)
            self.note(0, f"its rows are read as turns of chats, each with its own '{name}'" if name else _ONE_CHAT)
            return chats
        return rows

    @cached_property
    def bad_rows(self) -> list[Problem]:
        """What of the file is no row; complete once `rows` was read."""
        return []

    def line(self, pointer: str) -> int:
        """The line of a value of the whole file, by its JSON pointer ("/tests/0"), or of what is around it."""
        lines = self._lines
        while pointer and pointer not in lines:
            pointer = pointer.rpartition("/")[0]
        return lines.get(pointer, 1)

    def note(self, line: int, message: str) -> None:
        """Say something of the file that is about no one row."""
        self.notes.append(Problem(self.shown, line, message))

    def note_unread(self, read: Collection[Path]) -> None:
        """Say which files of the folder are none of those that were read; of a folder without such a file, its name.

        Files and folders whose names begin with a dot are none.
        """
        others = sorted(path.relative_to(self.path).as_posix() + "/" * path.is_dir() for path in _beside(self.path, read))
        if others:
            more = f" and {len(others) - _SHOWN:,} more" if len(others) > _SHOWN else ""
            self.note(0, f"not taken: {', '.join(others[:_SHOWN])}{more} (what holds rows is imported by its own name)")

    @cached_property
    def _lines(self) -> dict[str, int]:
        if self.looks_json:
            return pointer_lines(self.text)
        node = self._yaml[1]
        return dict(_node_lines(node)) if node is not None else {}

    @cached_property
    def _yaml(self) -> tuple[Json, yaml.Node | None, Malformed | None]:
        """(value, nodes, why it is none) of a YAML file with an object or a list of objects at its top."""
        text = self.text.lstrip()
        if self.looks_json or not text or not _begins_as_yaml(text):
            return None, None, None
        try:
            value, node = yaml_of(self.text, core=True)
            return (_as_json(value), node, None) if isinstance(value, (dict, list)) else (None, None, None)
        except Malformed as error:
            return None, None, error

    def _chats(self) -> Sequence[tuple[int, dict[str, Json]]]:
        """A row for each chat of a file whose lines, or elements, are lists of turns; none where one is anything else."""
        if not self.text.lstrip().startswith("["):
            return ()
        if self.whole is None:
            lines = [(n, line) for n, line in enumerate(self.text.split("\n"), 1) if line.strip()]
            with suppress(Malformed):
                listed = [(n, json_of(line)) for n, line in lines]
                return [(n, {"messages": chat}) for n, chat in listed] if all(is_chat(chat) for _, chat in listed) else ()
            return ()
        if not isinstance(self.whole, list) or not self.whole or not all(map(is_chat, self.whole)):
            return ()
        return [(line_of(self._lines, f"/{n}"), {"messages": chat}) for n, chat in enumerate(self.whole)]

    def _check_head(self) -> None:
        """Say which names several columns of a table have."""
        line, header = next(table_cells(self.text, self.shown, []))
        note_repeated(header, line, self.note)

    def _unwrapped(self, line: int, row: dict[str, Json]) -> Sequence[tuple[int, dict[str, Json]]]:
        data = row.get("data")
        around = ""
        if set(row) == {"data"} and isinstance(data, dict) and isinstance(data.get("examples"), list):
            row, around = data, "/data"  # as Phoenix' REST API gives the examples of a data set
        if columns := rows_of_columns(row):
            return [(line_of(self._lines, pointer), one) for pointer, one in columns]
        key = next((key for key in WRAPPERS if isinstance(row.get(key), list) and row[key]), "")
        inner = row.get(key)
        if _ROW_KEYS & set(row) - ({"prompt", "instruction"} if key == "examples" else set()):
            return [(line, row)]
        if not isinstance(inner, list) or len(row) > _WRAPPED_KEYS or not any(isinstance(one, dict) for one in inner):
            return [(line, row)]
        rows = []
        for index, one in enumerate(inner):
            there = line_of(self._lines, f"{around}/{key}/{index}")
            if isinstance(one, dict):
                rows.append((there, one))
            else:
                self.bad_rows.append(Problem(self.shown, there, f"must be an object {{…}}, found {type(one).__name__}"))
        return rows


def _beside(folder: Path, read: Collection[Path]) -> Iterator[Path]:
    """What of a folder was not read: files, and folders in which nothing was."""
    for path in folder.iterdir():
        if path.name.startswith(".") or path in read:
            continue
        if any(path in one.parents for one in read):
            yield from _beside(path, read)
        elif not path.is_dir() or any(path.rglob("*")):
            yield path


def _as_json(value: object) -> Json:
    """A YAML value as JSON has it: dates as ISO text, bytes as theirs."""
    match value:
        case dict():
            return {str(key): _as_json(one) for key, one in value.items()}
        case list() | tuple() | set():
            return [_as_json(one) for one in value]
        case None | bool() | int() | float() | str():
            return value
        case date():
            return value.isoformat()
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _begins_as_yaml(text: str) -> bool:
    """Whether the first line that is no comment is a key, a list's item or a document's mark."""
    lines = (line.rstrip() for line in text.split("\n") if line.strip() and not line.lstrip().startswith("#"))
    first = next(lines, "")
    key, colon, rest = first.partition(":")
    plain_key = bool(colon) and (not rest or rest[0] == " ") and not any(mark in key for mark in ',;\t|{}"')
    return first.startswith(("---", "- ", "%YAML")) or plain_key


def _node_lines(node: yaml.Node, pointer: str = "") -> list[tuple[str, int]]:
    """(JSON pointer, line) of each value of a YAML document."""
    lines = [(pointer, node.start_mark.line + 1)]
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            lines += _node_lines(value, f"{pointer}/{key.value}")
            lines.append((f"{pointer}/{key.value}", key.start_mark.line + 1))
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            lines += _node_lines(value, f"{pointer}/{index}")
    return lines
