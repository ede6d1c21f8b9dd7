"""What a Markdown text says about itself: front matter, headings, title. Positions are characters of the whole text.

Reading files is left to `readers`, cutting into passages to `chunking`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import yaml

from rung.records import Json

FRONT_MATTER_LIMIT = 65_536
_OPEN = re.compile(r"---[ \t]*\r?\n")
_CLOSE = re.compile(r"^(?:---|\.\.\.)[ \t]*\r?(?:\n|\Z)", re.MULTILINE)
_KEY_LINE = re.compile(r"[A-Za-z_][\w -]*[ \t]*:(?:[ \t]|\r?\n|\Z)")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_ATX = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$")
_SETEXT = re.compile(r" {0,3}(=+|-+)[ \t]*$")
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
        return yaml.safe_load(source)
    except yaml.MarkedYAMLError as error:
        line = 2 + (error.problem_mark.line if error.problem_mark else 0)
        raise FrontMatterError(f"the front matter is no YAML: {error.problem}", line) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        if isinstance(error, FrontMatterError):
            raise
        raise FrontMatterError(f"the front matter is no YAML: {error}", 2) from error


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
    found: list[Heading] = []
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
            found.append(Heading(position, position + len(bare), len(atx[1]), _plain(atx[2] or "")))
            above = ""
        elif above.strip() and (under := _SETEXT.match(bare)):
            found.append(Heading(above_start, position + len(bare), 1 if under[1][0] == "=" else 2, _plain(above)))
            above = ""
        else:
            # Only a line of a paragraph can be underlined: not a list item, quote, table row or indented code.
            above, above_start = ("" if re.match(r"(?: {4}|\t|\s*(?:[-*+>|]|\d+[.)]))", bare) else bare), position
        position += len(line)
    return [h for h in found if h.title]


def _plain(title: str) -> str:
    return " ".join(_MARKUP.sub("", _LINK.sub(r"\1", title)).split())


def heading_path(found: list[Heading], position: int) -> tuple[str, ...]:
    """The headings under which a position stands, outermost first; one that starts exactly there is among them."""
    path: list[Heading] = []
    for heading in found:
        if heading.start > position:
            break
        while path and path[-1].level >= heading.level:
            path.pop()
        path.append(heading)
    return tuple(h.title for h in path)
