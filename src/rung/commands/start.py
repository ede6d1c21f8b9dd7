"""A project over what is there: documents, cases and examples are found by looking, and nothing of them is touched.

Written are `rung.yaml`, `AGENTS.md`, and drafts of cases, in files that are not there yet.
"""

from __future__ import annotations

import glob
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rung.commands.agents_page import NAME as AGENTS
from rung.commands.agents_page import agents_page
from rung.commands.draft_cases import Drafts, draft
from rung.commands.first_look import KINDS, FirstLook, code_patterns, first_look, in_words, missing_extras
from rung.commands.found_rows import FoundRows, found_rows
from rung.config.project import FILE, load_project
from rung.errors import UserError
from rung.files.outputs import check_free, whole_or_not, writable, write_output
from rung.pipeline.sources import Sources

EACH = 5  # drafts of each kind
DRAFTS = "cases/drafts.jsonl"
EMPTY = "cases/cases.jsonl"
_SHOWN = 6  # files of other tools, or patterns of source code, that are named
_YAML = """\
name: {name}
task: Answer the question with as few words as possible, from the documents.   # what the model is told to do
knowledge:
  sources: {sources}   # {found}
{code}{behaviour}
cases: {cases}   # {judging}
model: smollm2-135m-grounded     # or openai:<name>, http://host/v1#<name>
rungs: [prompt, few_shot, long_context, rag]   # add tuned_model and hybrid when you have examples
bar: {{correct: 0.60}}             # and hard limits: leaks: 0, p95_seconds: 2.0, usd_per_1k: 1.00
"""
_NO_EXAMPLES = """\
# behaviour:
#   examples: [examples/*.jsonl]   # OpenAI chat rows {"messages": [...]}: they teach
#   schema: answer.schema.json     # or labels: [refund, shipping, other]"""
_EXAMPLES = """\
behaviour:
  examples: {examples}   # {rows:,} rows: they teach
#   schema: answer.schema.json     # or labels: [refund, shipping, other]"""


@dataclass(slots=True)
class Started:
    """The files that were written (or would be), what was found, and what is to be said of it."""

    written: list[Path] = field(default_factory=list)
    look: FirstLook = field(default_factory=FirstLook)
    rows: FoundRows = field(default_factory=FoundRows)
    drafts: Drafts | None = None
    notes: list[str] = field(default_factory=list)


def start(folder: Path, source: Path, *, drafts: bool = True, dry_run: bool = False) -> Started:
    """Make a project in a folder, over documents that are there or in another folder.

    Args:
        folder: where `rung.yaml` is to be; made if it is not there.
        source: where the documents are.
        drafts: whether to draft cases from them, by rules.
        dry_run: write nothing.

    Raises:
        UserError: there is no document, a project already, or something in the way of a file. Nothing is written then.
    """
    if not source.is_dir():
        raise UserError(f"{source} is no folder: name the one with your documents")
    check_free(folder / FILE, instead="it is a project already")
    rows = found_rows(folder)
    if source.resolve() != folder.resolve():
        rows = _joined(rows, found_rows(source))
    started = Started(look=first_look(source, rows=(*rows.cases, *rows.examples)), rows=rows)
    if not started.look.total:
        kinds = "Markdown, HTML, PDF, Office, CSV, rows with id and text"
        raise UserError(f"{source} holds no documents that can be read ({kinds})")
    for extra, files in missing_extras(source, started.look).items():
        started.notes.append(in_words(extra, files))
    _said_of_rows(started)
    code = _code(folder, source)
    if code:
        started.notes.append(f"source code is no source by itself: {', '.join(code)} may be named under knowledge.sources")
    wants = drafts and not (folder / DRAFTS).exists()
    others = _no_cases(folder, started.rows)
    started.notes += [f"{path}: no rows of cases, so rung.yaml does not name it under 'cases'" for path in others]
    unnamed = not started.rows.cases and (bool(others) or not _rows_in_cases(folder))
    listed = [DRAFTS] if wants else [EMPTY] if unnamed else []
    text = _yaml(folder, source, started, listed, code, wide=not others)
    contents = {FILE: text, **({EMPTY: ""} if listed == [EMPTY] and not (folder / EMPTY).exists() else {})}
    contents |= {} if os.path.lexists(folder / AGENTS) else {AGENTS: agents_page(folder.resolve().name)}
    started.written = [folder / name for name in (*contents, *([DRAFTS] if wants else []))]
    for path in started.written:
        _check_target(path)
    if not dry_run:
        with whole_or_not(started.written):
            for name, content in contents.items():
                write_output(folder / name, content)
            if wants:
                _draft(folder, started)
    return started


def _check_target(path: Path) -> None:
    """Refuse what would fail only when the file is written: before anything is."""
    check_free(path, instead="move it away")
    if path.is_symlink():
        raise UserError(f"{path} is a link that leads nowhere: move it away", code="exists")
    inside = next(parent for parent in path.parents if os.path.lexists(parent) or parent == parent.parent)
    if not inside.is_dir():
        raise UserError(f"{path} cannot be written, since {inside} is no folder: move it away", code="exists")
    if not writable(inside):
        raise UserError(f"{path} cannot be written: {inside} may not be written to")


def _rows_in_cases(folder: Path) -> list[Path]:
    """The files that `cases/*.jsonl` takes."""
    return sorted(path for path in (folder / "cases").glob("*.jsonl") if not path.name.startswith("."))


def _no_cases(folder: Path, rows: FoundRows) -> list[Path]:
    """Those of them that are no cases or drafts; an empty file is not yet anything else."""
    cases = {path.resolve() for path in rows.cases}
    return [path for path in _rows_in_cases(folder) if path.resolve() not in cases and not _is_empty(path)]


def _is_empty(path: Path) -> bool:
    return path.is_file() and not path.stat().st_size


def _draft(folder: Path, started: Started) -> None:
    """Write drafts; an empty file where there is nothing to draft."""
    from rung.importers.source import ImportFile

    documents = list(Sources(load_project(folder), remember=False))
    lines = ""
    if documents:
        rows = [row for path in started.rows.cases for _, row in ImportFile(path).rows]
        asked, ids = (frozenset(str(row.get(key, "")) for row in rows) for key in ("question", "id"))
        started.drafts = draft(None, documents, each=EACH, by="rules", excluded=asked, drafted=ids)
        lines = "".join(json.dumps(one.row(), ensure_ascii=False) + "\n" for one in started.drafts.drafts)
    write_output(folder / DRAFTS, lines)


def _yaml(folder: Path, source: Path, started: Started, more: list[str], code: list[str], *, wide: bool) -> str:
    rows = started.rows
    sources = _from(folder, source, started.look.patterns)
    cases = [*_patterns(rows.cases, folder), *more]
    if wide:
        wider = ("cases/*.jsonl" if one.rpartition("/")[0] == "cases" and one.endswith(".jsonl") else one for one in cases)
        cases = list(dict.fromkeys(wider))
    count = sum(rows.cases.values())
    judging = f"{count:,} rows: they judge; no rung ever sees them" if count else _JUDGING
    examples = _patterns(rows.examples, folder)
    behaviour = _NO_EXAMPLES
    if examples:
        behaviour = _EXAMPLES.format(examples=_flow(examples), rows=sum(rows.examples.values()))
    return _YAML.format(
        name=json.dumps(folder.resolve().name, ensure_ascii=False),
        sources=_flow(sources),
        found=started.look,
        code=f"  # source code, if it is to be searched too: {', '.join(map(json.dumps, code))}\n" if code else "",
        behaviour=behaviour,
        cases=_flow(cases or ["cases/*.jsonl"]),
        judging=judging,
    )


def _code(folder: Path, source: Path) -> list[str]:
    """Patterns of the source code in both folders."""
    inside = source.resolve().is_relative_to(folder.resolve())
    looked_in = [folder] if inside else [folder, source]
    return [pattern for one in looked_in for pattern in _from(folder, one, code_patterns(one))][:_SHOWN]


def _from(folder: Path, source: Path, patterns: Iterable[str]) -> list[str]:
    """Patterns of a folder as rung.yaml names them."""
    prefix = "" if source.resolve() == folder.resolve() else f"{glob.escape(_path(source, folder))}/"
    return [f"{prefix}{pattern}" for pattern in patterns]


_JUDGING = '{"question", "answers"} rows: they judge; no rung ever sees them'


def _flow(values: list[str]) -> str:
    return json.dumps(values, ensure_ascii=False)


def _patterns(files: Mapping[Path, int], folder: Path) -> list[str]:
    return [glob.escape(_path(path, folder)) for path in sorted(files)]


def _path(path: Path, folder: Path) -> str:
    """A path as rung.yaml names it: from the project where it lies in it, else from the root of the disk."""
    whole, root = path.resolve(), folder.resolve()
    return whole.relative_to(root).as_posix() if whole.is_relative_to(root) else whole.as_posix()


def _joined(one: FoundRows, other: FoundRows) -> FoundRows:
    def both(mine: Mapping[Path, object], more: Mapping[Path, object]) -> dict[Path, object]:
        seen = {path.resolve() for path in mine}
        return {**mine, **{path: value for path, value in more.items() if path.resolve() not in seen}}

    cases, examples, importable = (
        both(getattr(one, name), getattr(other, name)) for name in ("cases", "examples", "importable")
    )
    return FoundRows(cases, examples, importable, one.passed_over + other.passed_over)  # type: ignore[arg-type]


def _said_of_rows(started: Started) -> None:
    rows = started.rows
    for path, count in rows.cases.items():
        started.notes.append(f"{path}: {count:,} cases, which rung.yaml names")
    for path, count in rows.examples.items():
        started.notes.append(f"{path}: {count:,} examples, which rung.yaml names")
    for path, form in list(rows.importable.items())[:_SHOWN]:
        also = " (it is read as a document, too: what it answers is then known)" if path.suffix.lower() in KINDS else ""
        started.notes.append(f"{path} is of the form {form}: rung import {path} takes it{also}")
    if (more := len(rows.importable) - _SHOWN) > 0:
        started.notes.append(f"{more:,} more files are of other tools' forms: rung import takes them")
    if rows.passed_over:
        started.notes.append(f"{rows.passed_over:,} files were not looked into: they are too large or too many")
