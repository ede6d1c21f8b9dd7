"""Files of other tools as cases, examples and documents of a project. Nothing that is there is overwritten."""

from __future__ import annotations

import glob
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rung.config.project import Project
from rung.dataset.drafted_rows import meta_in
from rung.dataset.load import load_dataset
from rung.dataset.obstacles import Obstacles
from rung.dataset.write_examples import write_rows
from rung.errors import InputError, MissingExtra, UserError
from rung.files.limited import name_of
from rung.files.outputs import check_free, write_output
from rung.importers.collecting import KINDS, Collected, Collector, Kind, Origin
from rung.importers.imported import ImportedRow, Row, unique
from rung.importers.registry import form_of
from rung.importers.source import ImportFile
from rung.records import Case, Json, Problem, plain

_FOLDERS: dict[Kind, str] = {"cases": "cases", "examples": "examples", "documents": "docs"}
_KEYS: dict[Kind, str] = {"cases": "cases", "examples": "behaviour.examples", "documents": "knowledge.sources"}


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """What is asked for.

    Args:
        form: of every file; "" to find out.
        to: the kind that is written; None: whatever there is.
        output: the one file to write; other kinds beside it. None: a file for each input.
        question, answer: the columns or variables that are these; "" to guess.
        dry_run: write nothing.
    """

    form: str = ""
    to: Kind | None = None
    output: Path | None = None
    question: str = ""
    answer: str = ""
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class ImportedFile:
    """What became of one file: `taken` and `refused` are all of its rows."""

    file: str
    form: str
    about: str
    taken: int
    refused: tuple[Problem, ...]
    notes: tuple[Problem, ...]
    counts: dict[Kind, int]
    left: dict[Kind, int]
    meta: dict[str, int]  # what stands under `meta` of the rows and came of the file: key -> rows

    @property
    def rows(self) -> int:
        """All rows of the file."""
        return self.taken + len(self.refused)

    def as_json(self) -> dict[str, Json]:
        """For `--json`."""
        return {
            **{"file": self.file, "form": self.form, "rows": self.rows, "taken": self.taken},
            **{"not_taken": plain(self.refused), "notes": plain(self.notes)},
            **{"counts": plain(self.counts), "not_asked_for": plain(self.left)},
            "meta": plain(self.meta),
        }


@dataclass(slots=True)
class ImportReport:
    """All files, what was written (path -> rows), and what to write into rung.yaml."""

    files: list[ImportedFile] = field(default_factory=list)
    failed: list[Problem] = field(default_factory=list)  # files that could not be read, or are of no known form
    written: dict[Path, int] = field(default_factory=dict)
    advice: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Json]:
        """For `--json`."""
        return {
            "files": [file.as_json() for file in self.files],
            "failed": plain(self.failed),
            "written": {str(path): rows for path, rows in self.written.items()},
            "advice": plain(self.advice),
        }


def import_files(paths: Sequence[Path], request: ImportRequest, project: Project | None = None) -> ImportReport:
    """Read files of other tools, and write what they hold as rows of Rung's own.

    Args:
        paths: the files, and folders of retrieval collections.
        request: what is asked for.
        project: into whose folders; None: beside the files.

    A file of several that is absent, broken as a whole or of no known form is `failed`, and the others are imported.

    Raises:
        UserError: the one file is such, nothing in them can be taken, or something stands where the rows would be written.
    """
    collector = Collector(request.to, _existing(project), judged=project is None or project.settings.bar.metric == "judge")
    report, results = ImportReport(), list[tuple[Path, Collected]]()
    for path in paths:
        try:
            imported, collected = _imported(path, request, collector)
        except (InputError, MissingExtra) as error:
            if len(paths) == 1:
                raise
            line, why = (error.line, error.reason) if isinstance(error, InputError) else (0, str(error))
            report.failed.append(Problem(name_of(path), line, why))
            continue
        report.files.append(imported)
        results.append((path, collected))
    targets = _targets(results, request, project)
    if not targets:
        raise UserError(_nothing(report))
    schemas = unique([schema for _, collected in results for schema in collected.schemas])
    schema_file = _schema_file(paths[0], request, project) if len(schemas) == 1 and request.to != "documents" else None
    for target in (*targets, *([schema_file] if schema_file else [])):
        check_free(target, instead="name another file with -o FILE")
    for target, (_, rows) in targets.items():
        report.written[target] = len(rows) if request.dry_run else write_rows(target, rows)
    if schema_file and not request.dry_run:
        write_output(schema_file, json.dumps(schemas[0], ensure_ascii=False, indent=2) + "\n")
    cases = [row for kind, rows in targets.values() if kind == "cases" for row in rows]
    report.advice = [*_of_rubrics(cases), *_of_schemas(schemas, schema_file, project), *_of_metrics(results, project)]
    if project is not None and not request.dry_run:
        report.advice += _unread({target: kind for target, (kind, _) in targets.items()}, project)
    return report


def _imported(path: Path, request: ImportRequest, collector: Collector) -> tuple[ImportedFile, Collected]:
    """What became of one file, and the rows that came of it."""
    if not path.exists():
        raise InputError("does not exist: name files to import", path=name_of(path), code="no_file")
    file = ImportFile(path, question=request.question, answer=request.answer)
    form, importer = form_of(file, request.form)
    rows = [*_with_bad_rows(file, importer.read(file))]  # all of them before one is taken: the file may break at its end
    collected = collector.collect(rows, Origin(file.shown, form, file.is_folder or file.is_zip, not file.bad_rows))
    counts = {kind: len(rows) for kind, rows in collected.rows.items() if rows}
    notes = (*file.notes, *collected.notes)
    refused = tuple(sorted(collected.refused, key=lambda problem: (problem.path, problem.line)))
    imported = ImportedFile(
        *(file.shown, form, importer.about, collected.taken, refused, notes, counts, collected.left),
        meta=dict(_under_meta(collected)),
    )
    return imported, collected


def _under_meta(collected: Collected) -> Counter[str]:
    """How many rows have each key under `meta`, but for where they came from."""
    metas = (row.get("meta") for rows in collected.rows.values() for row in rows)
    return Counter(key for meta in metas if isinstance(meta, dict) for key in meta if key != "imported")


def _with_bad_rows(file: ImportFile, rows: Iterator[ImportedRow]) -> Iterator[ImportedRow]:
    """The rows, and after them what of the file is none."""
    yield from rows
    for problem in file.bad_rows:
        yield ImportedRow(problem.line, refused=problem.message)


def _existing(project: Project | None) -> tuple[Case, ...]:
    """The cases that a project has."""
    if project is None:
        return ()
    return load_dataset(project, judging=False, obstacles=Obstacles(project.file.name, gather=True)).cases


def _targets(
    results: Sequence[tuple[Path, Collected]], request: ImportRequest, project: Project | None
) -> dict[Path, tuple[Kind, list[Row]]]:
    """The files to write, each with its kind and its rows."""
    targets: dict[Path, tuple[Kind, list[Row]]] = {}
    none: Kind = "cases"
    main = next((kind for kind in KINDS if any(collected.rows[kind] for _, collected in results)), none)
    for path, collected in results:
        for kind in KINDS:
            if rows := collected.rows[kind]:
                target = _target(path, kind, request, project, main=main)
                targets.setdefault(target, (kind, []))[1].extend(rows)
    return targets


def _target(path: Path, kind: Kind, request: ImportRequest, project: Project | None, *, main: Kind = "cases") -> Path:
    """Where rows of a kind go. `main`: the kind for which the user's own name of a file is."""
    stem = path.resolve().name if path.is_dir() else path.name.split(".")[0] or path.name.strip(".")
    if request.output is not None:
        return request.output if kind == main else request.output.with_name(f"{request.output.stem}.{kind}.jsonl")
    if project is not None:
        return project.root / _FOLDERS[kind] / f"{stem}.jsonl"
    return path.parent / f"{stem}.{kind}.jsonl"


def _schema_file(path: Path, request: ImportRequest, project: Project | None) -> Path | None:
    if project is not None and project.settings.behaviour.schema_file:
        return None
    target = _target(path, "cases", request, project)
    folder = project.root if project is not None and request.output is None else target.parent
    return folder / f"{target.name.split('.')[0]}.schema.json"


def _of_rubrics(cases: Sequence[Row]) -> Iterator[str]:
    """How many cases have a rubric, and how many nothing else."""
    graded = [(row, rubric) for row in cases if (rubric := meta_in(row).get("rubric"))]
    alone = sum("answers" not in row for row, _ in graded)
    if graded:
        some = {json.dumps(rubric) for _, rubric in graded}
        each = (
            "the same one: write it as judge.rubric"
            if len(some) == 1
            else "kept in meta.rubric; a judge grades all by judge.rubric"
        )
        yield f"{_cases(len(graded))} a rubric, {each}"
    if alone:
        yield f"{_cases(alone)} no accepted answer: only with 'bar: {{metric: judge}}' in rung.yaml are their answers judged"


def _cases(count: int) -> str:
    return f"{count:,} case has" if count == 1 else f"{count:,} cases have"


def _of_schemas(schemas: Sequence[Json], file: Path | None, project: Project | None) -> Iterator[str]:
    if file is not None:
        name = file.relative_to(project.root) if project is not None and file.is_relative_to(project.root) else file
        yield f"the schema that answers must fit stands in {file}: write 'behaviour: {{schema: {name}}}' into rung.yaml"
    elif len(schemas) > 1:
        yield f"its assertions name {len(schemas)} different schemas, and a project has one: none was written"
    elif schemas:
        yield "rung.yaml names a schema already: the one of the assertions was not written"


def _of_metrics(results: Sequence[tuple[Path, Collected]], project: Project | None) -> Iterator[str]:
    """What the assertions ask for, as the bar's metric; the commonest, where they differ."""
    metrics = sum((Counter(collected.metrics) for _, collected in results), Counter[str]())
    if not metrics or (project is not None and project.settings.bar.metric):
        return
    most = metrics.most_common(1)[0][0]
    counts = ", ".join(f"{name} {count:,}" for name, count in metrics.most_common())
    what = f"its assertions ask for {'different metrics' if len(metrics) > 1 else 'the metric'} ({counts})"
    yield f"{what}: 'bar: {{metric: {most}}}' in rung.yaml judges as they do; without it short answers are judged by 'match'"


def _unread(written: Mapping[Path, Kind], project: Project) -> Iterator[str]:
    """Which of the files no pattern of rung.yaml reads."""
    settings = project.settings
    patterns = {
        "cases": settings.cases,
        "behaviour.examples": settings.behaviour.examples,
        "knowledge.sources": settings.knowledge.sources,
    }
    for path, kind in written.items():
        resolved = path.resolve()
        for pattern in patterns[_KEYS[kind]]:
            matches = glob.glob(pattern, root_dir=project.root, recursive=True)  # noqa: PTH207 - absolute patterns too
            there = [(project.root / match).resolve() for match in matches]
            if any(one == resolved or (one.is_dir() and one in resolved.parents) for one in there):
                break
        else:
            name = path.relative_to(project.root) if path.is_relative_to(project.root) else path
            yield f"rung.yaml does not read {path}: add '{name}' to {_KEYS[kind]}"


def _nothing(report: ImportReport) -> str:
    refused = [*report.failed, *(problem for file in report.files for problem in file.refused)]
    listed = "".join(f"\n  {problem}" for problem in refused[:10])
    more = f"\n  … and {len(refused) - 10:,} more" if len(refused) > 10 else ""
    names = ", ".join([*(f"{file.file} ({file.form})" for file in report.files), *(one.path for one in report.failed)])
    return f"nothing in {names} can be taken{listed}{more}"
