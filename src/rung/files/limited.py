"""Files of text, JSON and YAML as people give them: what no program can work with is refused with file and line.

Nothing here ends otherwise, hangs, or waits for a pipe. The limits are those of `parsing`.
"""

from __future__ import annotations

import re
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from rung.errors import InputError
from rung.records import Json
from rung.text.parsing import DEEP, MAX_DEPTH, Malformed, check_value, decoded, json_of

MAX_VALUES = 100_000  # of a YAML file, what its aliases stand for counted each time


def name_of(path: Path | str) -> str:
    """A file's name as text that can be written anywhere: bytes of it that are no UTF-8 become "�"."""
    return str(path).encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def check_name(folder: Path) -> None:
    """Refuse a project's folder under a name that the index's library cannot write.

    Raises:
        InputError: its path is no UTF-8.
    """
    path = folder.absolute()
    if name_of(path) != str(path):
        raise InputError("a project needs a path in UTF-8: rename this folder", path=name_of(path))


def content_of(path: Path) -> bytes:
    """All bytes of a file; a pipe or a device, which may have no end, is not waited for.

    Raises:
        InputError: there is no such file, it is none, or it cannot be read.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            what = "is a folder" if path.is_dir() else "is no plain file"
            raise InputError(f"{what}: a file is needed here", path=path)
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", path=path) from error
    except ValueError as error:  # a name with a NUL in it
        raise InputError(f"cannot be read: {error}", path=repr(str(path))) from error


def text_of(path: Path) -> str:
    """The text of a file in UTF-8, or in what its byte order mark says.

    Raises:
        InputError: as `content_of` does, or it is no text.
    """
    try:
        text = decoded(content_of(path))
    except UnicodeDecodeError as error:
        line = 1 + error.object[: error.start].count(b"\n")
        raise InputError(f"is not UTF-8 text ({error.reason}): save it as UTF-8", path=path, line=line) from error
    if "\x00" in text:
        line = 1 + text[: text.index("\x00")].count("\n")
        raise InputError("holds NUL characters, and is no text: save it as UTF-8", path=path, line=line)
    return text


def json_file(path: Path) -> Json:
    """The value of a file of JSON.

    Raises:
        InputError: it cannot be read, or is no JSON within the limits.
    """
    text = text_of(path)
    try:
        return json_of(text)
    except Malformed as error:
        raise InputError(f"is no JSON: {error}", path=path, line=error.line) from error


class _Loader(yaml.SafeLoader):
    """YAML's plain values; what one of them cannot be made of is told with its line."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """See `yaml.constructor.BaseConstructor`."""
        try:
            value = super().construct_object(node, deep=deep)
            if isinstance(node, yaml.ScalarNode):
                check_value(value)
            return value
        except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
            if isinstance(error, Malformed):
                raise Malformed(str(error), error.line or node.start_mark.line + 1) from error
            scalar = f"{node.value[:40]!a} " if isinstance(node.value, str) else "this "
            raise Malformed(f"{scalar}is no {node.tag.rpartition(':')[2]}", node.start_mark.line + 1) from error


def yaml_of(text: str, *, core: bool = False) -> tuple[object, yaml.Node | None]:
    """The value of a YAML text, and its nodes, which know their lines.

    Args:
        text: one document.
        core: read plain scalars as YAML 1.2 does, whose core schema other languages' parsers follow: `no`, `12:30`,
            `1_000` and `2026-01-02` are texts there, and not false, 750, 1000 and a date, and so are `{ask: How long?}` and
            `{ask: long ? short}`, which the parser at hand refuses.

    Raises:
        Malformed: it is none, refers to itself, or is beyond the limits.
    """
    try:
        return _read(text, core=core)
    except Malformed as error:
        if not core or _REFUSED not in str(error):
            raise
        stand_in = next((c for c in map(chr, range(0xE000, 0xF900)) if c not in text), "?")
        with suppress(Malformed):
            return _read(_INNER.sub(rf"\1{stand_in}", text), core=core, stand_in=stand_in)
        raise


_REFUSED = "but got '?'"
_INNER = re.compile(r"(?<=[^\s{\[,\\])(|(?<![:-])[ \t]+)\?")  # question marks that begin no key


def _read(text: str, *, core: bool, stand_in: str = "") -> tuple[object, yaml.Node | None]:
    """`yaml_of`. `stand_in`: a character that the text has in the place of question marks."""
    try:
        _check_depth(text)
        node: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
        if node is None:
            return None, None
        _unfolded(node, 1, {})
        if core:
            _resolve_as_core(node, set(), stand_in)
        return _Loader("").construct_document(node), node
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise Malformed(str(error.problem or error.context), mark.line + 1 if mark else 0) from error
    except yaml.reader.ReaderError as error:
        line = 1 + text[: error.position].count("\n")
        raise Malformed(f"the character {chr(int(error.character))!a} may not stand in it", line) from error
    except yaml.YAMLError as error:
        raise Malformed(str(error)) from error
    except (ValueError, RecursionError) as error:
        if isinstance(error, Malformed):
            raise
        raise Malformed(str(error)) from error  # a code point or a version that is none


_CORE = re.compile(
    r"true|True|TRUE|false|False|FALSE|[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+|[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"
)
_PLAIN = tuple(f"tag:yaml.org,2002:{kind}" for kind in ("bool", "int", "float", "timestamp"))
_TEXT = "tag:yaml.org,2002:str"


def _resolve_as_core(node: yaml.Node, seen: set[int], stand_in: str) -> None:
    """Make texts of plain scalars that are bool, number or date in YAML 1.1 alone; give question marks back."""
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.ScalarNode):
        node.value = node.value.replace(stand_in, "?") if stand_in else node.value
        octal = re.fullmatch(r"[-+]?0[0-9]+", node.value) is not None  # 010 is ten there, and eight here
        if node.style is None and node.tag in _PLAIN and (octal or not _CORE.fullmatch(node.value)):
            node.tag = _TEXT
    elif isinstance(node, yaml.CollectionNode):
        for one in node.value:
            for part in one if isinstance(one, tuple) else (one,):
                _resolve_as_core(part, seen, stand_in)


def _check_depth(text: str) -> None:
    """By events, which are read without going deeper: composing goes as deep as the text does."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise Malformed(DEEP, event.start_mark.line + 1 if event.start_mark else 0)


_UNDER_WAY = (0, 0)


def _unfolded(node: yaml.Node, depth: int, seen: dict[int, tuple[int, int]]) -> tuple[int, int]:
    """(values, levels) of a node whose aliases are replaced by what they stand for."""
    if depth > MAX_DEPTH:
        raise Malformed(DEEP, node.start_mark.line + 1)
    if not isinstance(node, yaml.CollectionNode):
        return 1, 1
    span = seen.get(id(node))
    if span == _UNDER_WAY:
        raise Malformed("it refers to itself (*name): write the value out", node.start_mark.line + 1)
    if span is None:
        seen[id(node)] = _UNDER_WAY
        inner = [one for pair in node.value for one in (pair if isinstance(pair, tuple) else (pair,))]
        sizes = [_unfolded(one, depth + 1, seen) for one in inner]
        span = seen[id(node)] = 1 + sum(size for size, _ in sizes), 1 + max((levels for _, levels in sizes), default=0)
        if span[0] > MAX_VALUES:
            message = f"its aliases (*name) unfold to more than {MAX_VALUES:,} values: write out what is meant"
            raise Malformed(message, node.start_mark.line + 1)
    if depth + span[1] - 1 > MAX_DEPTH:
        raise Malformed(DEEP, node.start_mark.line + 1)
    return span


def yaml_file(path: Path) -> tuple[object, yaml.Node | None]:
    """`yaml_of` of a file.

    Raises:
        InputError: it cannot be read, or is no YAML within the limits; names the line.
    """
    text = text_of(path)
    try:
        return yaml_of(text)
    except Malformed as error:
        raise InputError(f"is no YAML that can be used: {error}", path=path, line=error.line) from error
