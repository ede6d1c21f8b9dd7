"""What a Markdown text says about itself: front matter, headings, blocks. Positions are characters of the whole text.

Reading files is left to `readers`, cutting into passages to `chunking`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal, NamedTuple

import yaml

from rung.knowledge.readers.marks import kind_of, words_of
from rung.records import Json

FRONT_MATTER_LIMIT = 65_536
_OPEN = re.compile(r"---[ \t]*\r?\n")
_CLOSE = re.compile(r"^(?:---|\.\.\.)[ \t]*\r?(?:\n|\Z)", re.MULTILINE)
_KEY_LINE = re.compile(r"[A-Za-z_][\w -]*[ \t]*:(?:[ \t]|\r?\n|\Z)")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_ATX = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$")
_SETEXT = re.compile(r" {0,3}(=+|-+)[ \t]*$")
_RULE = re.compile(r" {0,3}([-*_])(?:[ \t]*\1){2,}[ \t]*$")
_ITEM = re.compile(r" {0,3}(?:[-*+]|\d{1,9}[.)])(?:[ \t]|$)")
_INDENTED = re.compile(r"(?: {2}|\t)\s*\S")
_INDENTED_CODE = re.compile(r"(?: {4}|\t)\s*\S")
_DELIMITERS = re.compile(r" {0,3}\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$")
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_MARKUP = re.compile(r"[*`]+")


class FrontMatterError(ValueError):
    """The front matter cannot be trusted; `line` counts from 1 in the file."""

    def __init__(self, reason: str, line: int) -> None:
        self.line = line
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """The values between the two `---` lines, and where the body starts."""

    values: Mapping[str, Json] = field(default_factory=dict)
    body_start: int = 0


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading line: where it starts and ends, its level from 1, its words without markup."""

    start: int
    end: int
    level: int
    title: str


class Block(NamedTuple):
    """A block of lines: `end` is after its last line."""

    kind: Literal["heading", "rule", "table", "code", "list", "paragraph"]
    start: int
    end: int


def front_matter(text: str) -> FrontMatter:
    """The YAML front matter of a text; without one, no values and a body from 0.

    A text may begin with `---` as a mere rule. But where something that looks like a key follows, a front matter that
    cannot be read is an error: it may hold the groups, and a document must not become public by a slip of the pen.

    Raises:
        FrontMatterError: it has no end, is too long, or is no YAML mapping of plain values.
    """
    opening = _OPEN.match(text)
    if not opening:
        return FrontMatter()
    meant = _KEY_LINE.match(text, opening.end()) is not None
    closing = _CLOSE.search(text, opening.end())
    if closing is None:
        if meant:
            raise FrontMatterError("the front matter that starts with '---' has no closing '---' line", 1)
        return FrontMatter()
    source = text[opening.end() : closing.start()]
    if len(source) > FRONT_MATTER_LIMIT:
        raise FrontMatterError(f"the front matter is longer than {FRONT_MATTER_LIMIT} characters", 1)
    values = _load(source)
    if not isinstance(values, Mapping):
        if meant:
            raise FrontMatterError("the front matter is no YAML mapping of keys to values", 2)
        return FrontMatter()
    return FrontMatter({str(k): as_json(v) for k, v in values.items()}, closing.end())


def _load(source: str) -> object:
    try:
        # Aliases can make a few bytes unfold to gigabytes.
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(source, Loader=yaml.SafeLoader)):
            raise FrontMatterError("the front matter uses YAML aliases (*name): write the value out", 2)
        _refuse_twice(yaml.compose(source, Loader=yaml.SafeLoader))
        return yaml.safe_load(source)
    except yaml.MarkedYAMLError as error:
        line = 2 + (error.problem_mark.line if error.problem_mark else 0)
        raise FrontMatterError(f"the front matter is no YAML: {error.problem}", line) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        if isinstance(error, FrontMatterError):
            raise
        raise FrontMatterError(f"the front matter is no YAML: {error}", 2) from error


def _refuse_twice(node: yaml.Node | None) -> None:
    """Raises `FrontMatterError` where who may read the text stands twice: YAML takes the last, whichever is meant."""
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name = " ".join(words_of(str(key.value)))
            if name in seen and kind_of(str(key.value)):
                raise FrontMatterError(
                    f"'{key.value}' stands twice, and only one of the two can be meant; left out", 2 + key.start_mark.line
                )
            seen.add(name)
            _refuse_twice(value)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _refuse_twice(item)


def as_json(value: object) -> Json:
    """A YAML value as JSON: dates as ISO text, keys and anything else without a JSON form as text."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(k): as_json(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [as_json(v) for v in value]
    return str(value)


def headings(text: str, start: int = 0) -> list[Heading]:
    """The ATX (`## Title`) and setext (underlined) headings from `start` on, code fences left out, in order."""
    heads: list[Heading] = []
    fence, above, above_start, position = "", "", 0, start
    for line in text[start:].splitlines(keepends=True):
        bare = line.rstrip("\r\n")
        mark = _FENCE.match(bare)
        if fence:
            if mark and mark[1].startswith(fence) and not bare.strip(" `~"):
                fence = ""
            above = ""
        elif mark:
            fence, above = mark[1], ""
        elif atx := _ATX.match(bare):
            heads.append(Heading(position, position + len(bare), len(atx[1]), _plain(atx[2] or "")))
            above = ""
        elif above.strip() and (under := _SETEXT.match(bare)):
            heads.append(Heading(above_start, position + len(bare), 1 if under[1][0] == "=" else 2, _plain(above)))
            above = ""
        else:
            # Only a line of a paragraph can be underlined: not a list item, quote, table row or indented code.
            above, above_start = ("" if re.match(r"(?: {4}|\t|\s*(?:[-*+>|]|\d+[.)]))", bare) else bare), position
        position += len(line)
    return [h for h in heads if h.title]


def _plain(title: str) -> str:
    return " ".join(_MARKUP.sub("", _LINK.sub(r"\1", title)).split())


def blocks(text: str, start: int, heads: Mapping[int, int]) -> Iterator[Block]:
    """The blocks of a Markdown text from `start` on, in order; blank lines belong to none.

    `heads` are the headings, start -> end. As CommonMark and GitHub have it, as far as cutting goes: a block quote is a
    paragraph here, and so is HTML.
    """
    lines: list[_Line] = []
    position = start
    for line in text[start:].split("\n"):
        lines.append(_Line(position, line.rstrip("\r")))
        position += len(line) + 1
    lines.append(_Line(len(text), ""))
    index = 0
    while index < len(lines) - 1:
        kind, after = _block(lines, index, heads)
        if kind is not None:
            yield Block(kind, lines[index].at, lines[after].at)
        index = after


class _Line(NamedTuple):
    at: int
    text: str


def _block(
    lines: Sequence[_Line], index: int, heads: Mapping[int, int]
) -> tuple[Literal["heading", "rule", "table", "code", "list", "paragraph"] | None, int]:
    """What begins at a line, and the line after it."""
    at, text = lines[index]
    if not text.strip():
        return None, index + 1
    if at in heads:
        after = index + 1
        while after < len(lines) - 1 and lines[after].at < heads[at]:
            after += 1
        return "heading", after
    if _FENCE.match(text):
        return "code", _after_fence(lines, index)
    if _RULE.match(text):
        return "rule", index + 1
    if _begins_table(lines, index):
        return "table", _after_run(lines, index + 2, heads, in_table=True)
    if _ITEM.match(text):
        return "list", _after_list(lines, index, heads)
    if _INDENTED_CODE.match(text):
        after = index + 1
        while after < len(lines) - 1 and _INDENTED_CODE.match(lines[after].text):
            after += 1
        return "code", after
    return "paragraph", _after_run(lines, index + 1, heads, in_table=False)


def _begins_table(lines: Sequence[_Line], index: int) -> bool:
    if "|" not in lines[index].text or index + 1 >= len(lines) - 1:
        return False
    dashes = lines[index + 1].text
    return "-" in dashes and ("|" in dashes or ":" in dashes) and _DELIMITERS.match(dashes) is not None


def _after_fence(lines: Sequence[_Line], index: int) -> int:
    mark = _FENCE.match(lines[index].text.lstrip())
    fence = mark[1] if mark else "```"
    for after in range(index + 1, len(lines) - 1):
        bare = lines[after].text.strip()
        if bare.startswith(fence) and not bare.strip("`~"):
            return after + 1
    return len(lines) - 1


def _after_run(lines: Sequence[_Line], after: int, heads: Mapping[int, int], *, in_table: bool) -> int:
    """The first line that is no part of a paragraph (or of a table's rows)."""
    while after < len(lines) - 1:
        at, text = lines[after]
        if not text.strip() or at in heads or _FENCE.match(text) or _RULE.match(text):
            break
        if not in_table and (_ITEM.match(text) or _begins_table(lines, after)):
            break
        if in_table and "|" not in text:
            break
        after += 1
    return after


def _after_list(lines: Sequence[_Line], index: int, heads: Mapping[int, int]) -> int:
    """The line after a list: blank lines are inside it where an item or an indented line follows."""
    after = index + 1
    while after < len(lines) - 1:
        at, text = lines[after]
        if not text.strip():
            following = next((n for n in range(after, len(lines) - 1) if lines[n].text.strip()), None)
            if following is None or lines[following].at in heads:
                return after
            if not (_INDENTED.match(lines[following].text) or _ITEM.match(lines[following].text)):
                return after
            after = following
            if _RULE.match(lines[after].text):
                return after
            continue
        if at in heads or _RULE.match(text) or _FENCE.match(text):
            return after
        after = _after_fence(lines, after) if _FENCE.match(text.lstrip()) else after + 1
    return after
