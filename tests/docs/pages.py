"""What stands on a page of the documentation: fenced blocks, links, headings, tables. Judging is left to the tests.

A block's first line is ```` ```language word… ````; the words say what a test does with it:
`no-run` (shown only), `wrong` (a rung.yaml with a mistake; the next `text` block is what Rung says to it),
`file=PATH` (the same as a file of the repository, below `tests/plugin/`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
_FENCE = re.compile(r"^(?P<indent> {0,3})(?P<marks>`{3,}|~{3,})(?P<info>[^`\n]*)$")
_LINK = re.compile(r"(?<!!)\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^)\s]+)\)")
_CODE = re.compile(r"`([^`]+)`")


@dataclass(frozen=True)
class Block:
    """A fenced block. `line` is that of its first line of content, from 1."""

    page: Path
    line: int
    language: str
    words: tuple[str, ...]
    text: str

    @property
    def place(self) -> str:
        """As an editor understands it."""
        return f"{self.page.relative_to(ROOT).as_posix()}:{self.line}"

    @property
    def runs(self) -> bool:
        """Whether it is not marked as an exception."""
        return "no-run" not in self.words


def pages() -> list[Path]:
    """README.md, CONTRIBUTING.md and every page of docs/."""
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]


def blocks_in(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page, in order."""
    opened, words, start, kept = "", [""], 0, list[str]()
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        fence = _FENCE.match(line)
        if opened and fence and fence["marks"].startswith(opened) and not fence["info"].strip():
            yield Block(page, start, words[0], tuple(words[1:]), "".join(f"{one}\n" for one in kept))
            opened = ""
        elif opened:
            kept.append(line)
        elif fence:
            opened, words, start, kept = fence["marks"], fence["info"].split() or [""], number + 1, []
    if opened:
        raise ValueError(f"{page.name}:{start - 1}: this block has no end")


@cache
def blocks() -> tuple[Block, ...]:
    """Every fenced block of the documentation."""
    return tuple(block for page in pages() for block in blocks_in(page))


def prose(page: Path) -> str:
    """A page without its fenced blocks; the lines keep their numbers."""
    lines = page.read_text(encoding="utf-8").splitlines()
    for block in blocks_in(page):
        for number in range(block.line - 2, block.line + len(block.text.splitlines())):
            lines[number] = ""
    return "\n".join(lines)


def links(page: Path) -> list[tuple[int, str]]:
    """(line, target) of every Markdown link."""
    return [(n, m[1]) for n, line in enumerate(prose(page).splitlines(), 1) for m in _LINK.finditer(line)]


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    found: set[str] = set()
    for line in prose(page).splitlines():
        if heading := re.match(r"#{1,6}\s+(.*?)\s*#*$", line):
            words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading[1]).replace("`", "").lower()
            slug = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
            found.add(next(s for s in (slug, *(f"{slug}-{n}" for n in range(1, 99))) if s not in found))
    return found


def section(page: Path, heading: str) -> str:
    """The prose under a heading (given without its marks), up to the next one of its level or above.

    Raises:
        KeyError: the page has no such heading.
    """
    lines = prose(page).splitlines()
    for start, line in enumerate(lines):
        if (found := re.match(r"(#+)\s+(.*)", line)) and found[2].strip() == heading:
            level = len(found[1])
            ends = (n for n, other in enumerate(lines[start + 1 :], start + 1) if re.match(rf"#{{1,{level}}}\s", other))
            return "\n".join(lines[start + 1 : next(ends, len(lines))])
    raise KeyError(heading)


def rows(text: str) -> list[list[str]]:
    """The rows of every Markdown table in a text, cells stripped; heads and rules left out."""
    found: list[list[str]] = []
    for line in text.splitlines():
        if not line.startswith("|"):
            continue
        cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip()[1:-1])]
        if all(re.fullmatch(r":?-+:?", cell) for cell in cells):
            found.pop()  # the row above the rule is the head
        else:
            found.append(cells)
    return found


def code(cell: str) -> list[str]:
    """The code spans of a cell or text."""
    return _CODE.findall(cell)


def named(text: str) -> dict[str, list[str]]:
    """Rows by the code spans of their first cell: what a table says about each name."""
    return {name: row for row in rows(text) for name in code(row[0])}
