"""The examples of a project with what `rung examples lint` finds in them, once for each state of their files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from rung.commands.lint import LintRequest, look
from rung.commands.mend_rows import CASE, EXAMPLE, files_of
from rung.config.project import Project
from rung.dataset import read_examples
from rung.dataset.lint import KINDS, Finding
from rung.dataset.load import shown_as
from rung.errors import UserError
from rung.records import Problem
from rung.web.background import Background, Underway
from rung.web.by_stamp import stamp_of

DISAGREEMENT, UNREADABLE = "disagreement", "unreadable"  # kinds of finding beside the linter's
ALL_KINDS = (*KINDS, DISAGREEMENT, UNREADABLE)
_SHOWN = 400  # characters of a side in the list


@dataclass(frozen=True, slots=True)
class ExampleLine:
    """A row. `location`: its file and line; `input` and `output` shortened; `findings`: (kind, why)."""

    location: str
    input: str
    output: str
    findings: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ExampleList:
    """All rows in the files' order; `sound`: how many may teach; `remarks`: what is to be said of all of them."""

    lines: tuple[ExampleLine, ...] = ()
    sound: int = 0
    remarks: tuple[str, ...] = ()


@cache
def _lists() -> Background[ExampleList]:
    return Background(2)


def example_list(project: Project) -> ExampleList | Underway:
    """The list, or how far it is.

    Raises:
        UserError: `rung.yaml` names no examples, or a file that is not there.
    """
    if not project.settings.behaviour.examples:
        raise project.error("there are no examples (behaviour.examples)", "behaviour")
    files = [*files_of(project, EXAMPLE), *_cases(project), project.file]
    stamp = tuple((str(path), stamp_of(path)) for path in files)
    return _lists().get(str(project.root), stamp, lambda tell: _listed(project, tell))


def _cases(project: Project) -> tuple[Path, ...]:
    try:
        return files_of(project, CASE)
    except UserError:
        return ()


def _listed(project: Project, tell: Callable[[float], None]) -> ExampleList:
    problems: list[Problem] = []
    files = [(shown_as(project, path), path) for path in files_of(project, EXAMPLE)]
    read = [row for shown, path in files for row in read_examples(path, problems, shown=shown, flawed=True)]
    tell(0.2)
    looked = look([project.root], request=LintRequest(table=False))
    findings = _by_place(looked.linted.findings)
    for location, some in _by_place(looked.linted.disagreements, DISAGREEMENT).items():
        findings[location] += some
    lines = [ExampleLine(e.place, _cut(e.input), _cut(e.output), tuple(findings.get(e.place, ()))) for e in read]
    unread = [problem for problem in problems if problem.line]
    has_row = {line.location for line in lines}
    for problem in unread:
        location = f"{problem.path}:{problem.line}"
        if location not in has_row:
            lines.append(ExampleLine(location, "", "", ((UNREADABLE, problem.message),)))
    number_of = {shown: number for number, (shown, _) in enumerate(files)}
    lines.sort(key=lambda line: _order(line.location, number_of))
    slips = tuple(str(p) for p in problems if not p.line or f"{p.path}:{p.line}" in has_row)
    return ExampleList(tuple(lines), looked.linted.sound, (*slips, *looked.notes))


def _order(location: str, number_of: Mapping[str, int]) -> tuple[int, int]:
    file, _, line = location.rpartition(":")
    return number_of.get(file, len(number_of)), int(line)


def _by_place(findings: tuple[Finding, ...], kind: str = "") -> defaultdict[str, list[tuple[str, str]]]:
    """Findings by the place of each row that they name."""
    by_place: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for finding in findings:
        for row in finding.rows:
            others = [str(other) for other in finding.rows if other != row][:5]
            also = f" (with line {', '.join(others)}{' …' if len(finding.rows) > 6 else ''})" if others else ""
            by_place[f"{finding.file}:{row}"].append((kind or finding.kind, f"{finding.why}{also}"))
    return by_place


def counts(listed: ExampleList) -> Mapping[str, int]:
    """Rows that have findings of each kind; kinds that none has are left out."""
    total = {kind: sum(any(one == kind for one, _ in line.findings) for line in listed.lines) for kind in ALL_KINDS}
    return {kind: count for kind, count in total.items() if count}


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
