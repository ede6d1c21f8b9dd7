"""Reads what a project names besides its documents: cases, examples, the schema, the labels.

One broken row never stops the rest: it becomes a `Problem` with file and line. Documents are left to `knowledge`.
"""

from __future__ import annotations

import glob
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from rung.config.project import Project
from rung.dataset import read_examples as read_file
from rung.dataset.case_rows import case_of, copies_of
from rung.dataset.high_stakes import Unapproved, on_hold, problem, unapproved
from rung.dataset.judgements import ignoring_itself, misgraded
from rung.dataset.label_sets import read_labels, spelt_alike
from rung.dataset.leakage import overlaps
from rung.dataset.load_examples import slips
from rung.dataset.obstacles import Obstacles
from rung.dataset.retrieval_pairs import read_teaching
from rung.dataset.row_files import json_lines
from rung.dataset.teaching_rows import as_indexed, fit_to_teach
from rung.errors import InputError
from rung.files.limited import json_file, name_of, text_of
from rung.records import Case, Evidence, Example, Json, Problem, Split, canonical, digest
from rung.stats.rules_of_thumb import NO_CASES, NO_JSON_LINES, NO_LINES
from rung.text.json_values import SchemaFault, line_of, pointer_lines, validator

Read = tuple[Case, dict[str, Json]]  # a case, and what of its row is kept beside it
CASE_KEYS = (
    *("id", "question", "answers", "answerable", "evidence", "gold_documents", "split", "as", "messages", "meta"),
    *("drafted_by", "approved_by", "weight"),
)
BESIDE = ("evidence", "drafted_by", "approved_by")  # keys of a row that a case does not have as they are written


@dataclass(frozen=True)
class Dataset:
    """What was read. `problems` lists what was left out and why; `repeating`: rows of these that would teach a case that
    judges."""

    cases: tuple[Case, ...] = ()
    examples: tuple[Example, ...] = ()
    schema: str = ""
    labels: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    quotes: Mapping[str, tuple[Json, ...]] = field(default_factory=dict)  # case id -> evidence as written
    written: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)  # case id -> `BESIDE` of its row
    repeating: int = 0
    missing: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # case id -> documents it names that are not there

    def split(self, name: Split) -> tuple[Case, ...]:
        """The cases of one split, in the files' order."""
        return tuple(case for case in self.cases if case.split == name)


def load_dataset(project: Project, *, judging: bool = True, obstacles: Obstacles | None = None) -> Dataset:
    """Read cases, examples, schema and labels of a project.

    Args:
        project: whose.
        judging: whether cases are needed; without, a project may have none.
        obstacles: gathers what would be raised, and the rest is read; a project may then have no cases.

    Raises:
        UserError: a file that `rung.yaml` names is absent, the schema is no schema, or no case is left to judge by.
    """
    met = obstacles or Obstacles()
    problems: list[Problem] = []
    if not project.settings.cases and met.gather:
        message = "there are no cases yet, so that nothing can be judged: name some under 'cases:'"
        problems.append(Problem(project.file.name, 1, message))
    read: list[Read] = []
    if not judging:
        read = met.past(lambda: list(read_cases(project, problems)), read) if project.settings.cases else []
    elif project.settings.cases or not met.gather:
        read = met.past(lambda: _some_cases(project, problems), read)
    written = {case.id: beside for case, beside in read}
    cases = tuple(case for case, _ in read)
    none: tuple[Example, ...] = ()
    no_labels: tuple[str, ...] = ()
    examples = met.past(lambda: read_examples(project, problems), none)
    schema = met.past(lambda: read_schema(project), "")
    labels = met.past(lambda: read_labels(project, examples, problems), no_labels)
    if labels and not schema:
        examples, cases = spelt_alike(examples, cases, labels, problems)
    examples = fit_to_teach(project, examples, problems)
    fit = {c.id: c for c in fit_to_teach(project, [c for c in cases if c.split == "train"], problems)}
    cases = tuple(fit.get(c.id, c) for c in cases if c.split != "train" or c.id in fit)
    teaching: tuple[Example | Case, ...] = (*examples, *fit.values())
    taught, repeated = overlaps(teaching, [c for c in cases if c.split != "train"])
    problems.extend(repeated)
    cases = tuple(c for c in cases if c.split != "train" or c.place in taught)
    examples = tuple(e for e in examples if e.place in taught)
    judged = tuple(c for c in cases if c.split != "train")
    nobody: tuple[Unapproved, ...] = ()
    waiting = met.past(lambda: unapproved(project, examples, cases, written, lambda: read_teaching(project, judged)), nobody)
    problems.extend(problem(project, waiting))
    return Dataset(
        cases=cases,
        examples=examples,
        schema=schema,
        labels=labels,
        problems=tuple(problems),
        repeating=len(repeated),
        quotes={case: as_indexed(project, evidence_of(beside)) for case, beside in written.items()},
        written=written,
    )


def training_hold(project: Project) -> str:
    """Why nothing may be trained now, in a sentence: rows wait for people (`review: required`); "" where it may.

    Raises:
        UserError: the rows, or the log of reviews, cannot be read.
    """
    if not project.settings.review.required:
        return ""
    return on_hold(project, waiting_to_teach(project, load_dataset(project, judging=False)))


def waiting_to_teach(project: Project, rows: Dataset) -> tuple[Unapproved, ...]:
    """The rows that would teach and wait for people: of the dataset, pairs and clicks; none unless `review: required`.

    Raises:
        UserError: a file of pairs is absent, or the log of reviews is not what it was.
    """
    judging = tuple(case for case in rows.cases if case.split != "train")
    return unapproved(project, rows.examples, rows.cases, rows.written, lambda: read_teaching(project, judging))


def _some_cases(project: Project, problems: list[Problem]) -> list[Read]:
    """`read_cases`, of which there must be some."""
    if not project.settings.cases:
        raise InputError(f"no cases: {NO_CASES}", path=project.file, code="no_cases")
    read = list(read_cases(project, problems))
    if not read:
        listed = "".join(f"\n  {p}" for p in problems[:10])
        named = [p for pattern in project.settings.cases for p in sorted(project.root.glob(pattern))]
        where = f"no cases in {', '.join(str(p) for p in named[:3])}: {NO_LINES}" if named else f"no cases: {NO_CASES}"
        foreign = [shown_as(project, path) for path in named if path.suffix.lower() not in (".jsonl", ".ndjson")]
        if foreign:
            where = f"no cases in {', '.join(foreign[:3])}: {NO_JSON_LINES.format(foreign[0])}"
        raise InputError(f"{where}{listed}", path=project.file, line=project.line("cases"), code="no_cases")
    return read


def read_examples(project: Project, problems: list[Problem]) -> tuple[Example, ...]:
    """The examples alone; what was left out is added to `problems`.

    Raises:
        UserError: a file that `rung.yaml` names is absent.
    """
    behaviour = project.settings.behaviour
    seen: dict[str, str] = {}
    examples: list[Example] = []
    for path in dict.fromkeys(paths(project, behaviour.examples, ("behaviour", "examples"))):
        shown = shown_as(project, path)
        for example in read_file(path, problems, shown=shown):
            if _is_new(example.id, example.place, seen, problems):
                examples.append(example)
    approved = [example for example in examples if example.approved_by]
    if not behaviour.require_approval or len(approved) == len(examples):
        return tuple(examples)
    waiting = next(example for example in examples if not example.approved_by)
    message = (
        f"{len(examples) - len(approved):,} of {len(examples):,} examples are not approved and teach nothing "
        "(behaviour.require_approval); this is the first: look at it, then write who approves it in 'approved_by'"
    )
    problems.append(Problem.at(waiting.place, message))
    return tuple(approved)


def shown_as(project: Project, path: Path) -> str:
    """A file's name in places and problems: relative to the project where it lies in it."""
    return name_of(path.relative_to(project.root).as_posix() if path.is_relative_to(project.root) else path)


def with_evidence(
    rows: Dataset,
    text_of: Callable[[str], str | None],
    find: Callable[[str, str], tuple[int, int] | None],
    *,
    nearest: Callable[[str], str] = lambda _: "",
) -> Dataset:
    """The dataset with its evidence resolved to characters; a case whose quote or span is gone is left out and listed.

    A test case whose whole document is gone, or was never read, still judges: people ask it all the same, and to leave it
    out would flatter every rung. It is listed, and `missing` names its documents.

    Args:
        text_of: a document's text by id; None if there is no such document.
        find: (text, quote) -> characters of the quote, None if it is not there.
        nearest: the existing id that a name which is none most likely means; "" where there is none.
    """
    cases: list[Case] = []
    problems, missing = list(rows.problems), dict(rows.missing)
    for case in rows.cases:
        quotes = rows.quotes.get(case.id, ())
        gone = tuple(d for d in dict.fromkeys([*documents_in(quotes), *case.gold_documents]) if text_of(d) is None)
        try:
            if gone and (case.split != "test" or not case.answerable):
                raise ValueError(f"document '{gone[0]}' no longer exists{_meant(nearest(gone[0]))}")
            there = [item for item in quotes if not (isinstance(item, dict) and item.get("document") in gone)]
            evidence = tuple(_resolved(item, text_of, find) for item in there)
        except ValueError as error:
            problems.append(Problem.at(case.place, f"case '{case.id}' is left out: {error}"))
            continue
        if gone:
            missing[case.id] = gone
            message = f"case '{case.id}' is judged, but its document '{gone[0]}' is not there (any more, or not read)"
            message += _meant(nearest(gone[0]))
            problems.append(Problem.at(case.place, message))
        documents = tuple(d for d in case.gold_documents if d not in gone) or tuple(e.document for e in evidence)
        cases.append(replace(case, evidence=evidence, gold_documents=tuple(dict.fromkeys(documents))))
    return replace(rows, cases=tuple(cases), problems=tuple(problems), missing=missing)


def _meant(name: str) -> str:
    return f"; did you mean '{name}'?" if name else ""


def paths(project: Project, patterns: Iterable[str], where: tuple[str | int, ...]) -> Iterator[Path]:
    """Files that match the patterns, relative to the project, sorted.

    Raises:
        InputError: a pattern matches no file; points at its line in `rung.yaml`.
    """
    for index, pattern in enumerate(patterns):
        matches = sorted(glob.glob(pattern, root_dir=project.root, recursive=True))  # noqa: PTH207 - absolute patterns too
        files = [project.root / name for name in matches if (project.root / name).is_file()]
        if not files:
            raise project.error(f"'{pattern}' matches no file in {project.root}", *where, index)
        yield from files


def read_cases(project: Project, problems: list[Problem]) -> Iterator[Read]:
    """Each case of the project's files once, with what of its row is kept beside it; none is held against any other.

    Raises:
        InputError: a pattern of `cases` matches no file.
    """
    seen: dict[str, str] = {}
    judged = project.settings.bar.metric == "judge"
    for path in dict.fromkeys(paths(project, project.settings.cases, ("cases",))):
        shown = shown_as(project, path)
        for number, row in json_lines(path, shown, problems):
            try:
                case, _ = case_of(row, f"{shown}:{number}", judged=judged)
                copies = copies_of(case, row.get("weight"))
            except ValueError as error:
                problems.append(Problem(shown, number, str(error)))
                continue
            problems.extend(slips(row, CASE_KEYS, shown, number))
            problems.extend(Problem(shown, number, why) for why in misgraded(case))
            if _is_new(case.id, case.place, seen, problems):
                own = project.settings.knowledge.ignore_identical_ids
                beside = {key: row[key] for key in BESIDE if row.get(key)}
                yield from ((ignoring_itself(copy) if own else copy, beside) for copy in copies)


def evidence_of(beside: Mapping[str, Json]) -> tuple[Json, ...]:
    """A case's evidence as it is written, of what is kept beside it."""
    evidence = beside.get("evidence")
    return tuple(evidence) if isinstance(evidence, list) else ()


def documents_in(evidence: Iterable[Json]) -> tuple[str, ...]:
    """The documents that evidence names, as it is written."""
    return tuple(str(one["document"]) for one in evidence if isinstance(one, dict) and isinstance(one.get("document"), str))


def gold_documents(case: Case, beside: Mapping[str, Json]) -> tuple[str, ...]:
    """The documents that a case names, those of its evidence too. `beside`: as `read_cases` gives it."""
    return tuple(dict.fromkeys((*case.gold_documents, *documents_in(evidence_of(beside)))))


def _is_new(id: str, location: str, seen: dict[str, str], problems: list[Problem]) -> bool:
    """Whether no row had this id before; the first one keeps it."""
    if id in seen:
        problems.append(Problem.at(location, f"id '{id}' is already at {seen[id]}; this row is left out"))
        return False
    seen[id] = location
    return True


def _resolved(
    item: Json, text_of: Callable[[str], str | None], find: Callable[[str, str], tuple[int, int] | None]
) -> Evidence:
    document = item.get("document") if isinstance(item, dict) else None
    if not isinstance(item, dict) or not isinstance(document, str):
        raise ValueError(f"evidence must be {{document, quote}} or {{document, start, end}}, found {item!r}")
    text = text_of(document)
    if text is None:
        raise ValueError(f"evidence document '{document}' no longer exists")
    quote, start, end = item.get("quote"), item.get("start"), item.get("end")
    if isinstance(quote, str) and quote.strip():
        span = find(text, quote)
        if span is None:
            raise ValueError(f"the quote {quote[:60]!r} is not in '{document}'")
        return Evidence(document, *span)
    if not (isinstance(start, int) and isinstance(end, int) and 0 <= start < end):
        raise ValueError("evidence needs a 'quote', or 'start' and 'end' with start < end")
    if end > len(text):
        raise ValueError(f"evidence ends at character {end}, but '{document}' has {len(text)}")
    return Evidence(document, start, end)


def read_schema(project: Project) -> str:
    """The JSON Schema of every answer, as text; "" where the project has none.

    Raises:
        InputError: it cannot be read, or is no JSON Schema.
    """
    name = project.settings.behaviour.schema_file
    if not name:
        return ""
    path = project.root / name
    if not path.exists():
        raise project.error(f"the schema '{name}' does not exist", "behaviour", "schema")
    schema = json_file(path)
    if not isinstance(schema, dict):
        raise InputError("a schema must be an object {…}", path=path, line=1)
    try:
        validator(json.dumps(schema))
    except SchemaFault as error:
        line = line_of(pointer_lines(text_of(path)), error.pointer)
        raise InputError(str(error), path=path, line=line) from error
    # Key order is kept: constrained decoding writes the properties in this order.
    return json.dumps(schema, ensure_ascii=False, separators=(",", ":"))


def fingerprint(rows: Dataset) -> str:
    """Digest of everything a strategy or a scorer can see of the rows."""
    return digest(rows.cases, rows.examples, rows.schema, list(rows.labels))


def show(value: object) -> str:
    """Canonical JSON, shortened for a message."""
    text = canonical(value)
    return text if len(text) <= 80 else text[:77] + "…"
