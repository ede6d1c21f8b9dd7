"""Pieces of a paragraph with their formatting, as one line: raised and lowered text, struck text, notes' marks.

What raised text says is left to `raised`; which pieces there are, the readers know.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable
from dataclasses import dataclass, replace

from rung.knowledge.readers.raised import lowered, raised

_BEFORE = 80  # characters that decide what raised text means
_SOFT_HYPHEN = "\u00ad"
_EDGES = re.compile(r"\A(\s*)(.*?)(\s*)\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Run:
    """Text in one formatting. `kind`: "" on the line, "raised", "lowered", or "note" for the mark of a known note."""

    text: str
    kind: str = ""
    struck: bool = False


def joined(runs: Iterable[Run], notes: Container[str] = frozenset()) -> str:
    """One text; `notes` are the marks at which notes of the document begin. Struck text stands between `~~`."""
    merged = _merged(runs)
    out = ""
    struck_from: int | None = None
    for index, run in enumerate(merged):
        after = merged[index + 1].text if index + 1 < len(merged) else ""
        if run.struck and struck_from is None:
            struck_from = len(out)
        elif not run.struck and struck_from is not None:
            out, struck_from = out[:struck_from] + _struck(out[struck_from:]), None
        out += _written(run, out[-_BEFORE:].rpartition("\n")[2], after, notes)
    if struck_from is not None:
        out = out[:struck_from] + _struck(out[struck_from:])
    return out


def first_mark(runs: Iterable[Run]) -> str:
    """The raised text that a paragraph begins with: the mark of a note that stands in it; "" where there is none."""
    first = next((run for run in _merged(runs) if run.text.strip()), None)
    mark = first.text.strip() if first is not None and first.kind == "raised" else ""
    return mark if len(mark) <= 4 else ""


def _merged(runs: Iterable[Run]) -> list[Run]:
    out: list[Run] = []
    for run in runs:
        text = run.text.replace(_SOFT_HYPHEN, "")
        if not text:
            continue
        if out and run.kind != "note" and (out[-1].kind, out[-1].struck) == (run.kind, run.struck):
            out[-1] = replace(out[-1], text=out[-1].text + text)
        else:
            out.append(replace(run, text=text))
    return out


def _written(run: Run, before: str, after: str, notes: Container[str]) -> str:
    if run.kind == "note":
        return raised(before, run.text, after, linked=True)
    if run.kind == "raised" and run.text.strip():
        ends = _EDGES.match(run.text)
        left, mark, right = ends.groups() if ends else ("", run.text, "")
        return left + raised(before + left, mark, right + after, notes=notes) + right
    if run.kind == "lowered" and run.text.strip():
        return lowered(before, run.text)
    return run.text


def _struck(text: str) -> str:
    ends = _EDGES.match(text)
    if ends is None or not ends[2]:
        return text
    return f"{ends[1]}~~{ends[2]}~~{ends[3]}"
