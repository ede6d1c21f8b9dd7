"""`rung export` of what is text: cases, the answers of a verdict, examples, in the forms of other tools.

A tuned model is left to `commands.export`. Nothing is asked of a model; what a form has no place for is counted and said.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rung.commands.verdict_rows import VerdictAnswers, judged_cases
from rung.config.project import Project
from rung.dataset.load import Dataset, load_dataset, paths, shown_as
from rung.dataset.write_examples import FORMATS as EXAMPLE_FORMS
from rung.dataset.write_examples import rows_as, unwritten
from rung.errors import UserError
from rung.exporters.case_rows import cases_csv, counted_once, table, weighed
from rung.exporters.promptfoo import Judged, suite_of
from rung.exporters.trec import best_of_documents, gold_of, qrels_lines, query_lines, run_lines, word
from rung.files.outputs import check_free, write_output
from rung.pipeline.limits import scoring_in
from rung.pipeline.publishing import LATEST, Published, latest, published
from rung.records import Case, Json, Problem, plain
from rung.report.ragas import case_columns, folded

EXAMPLES = tuple(EXAMPLE_FORMS)
SPLITS = ("train", "dev", "test")


@dataclass(frozen=True, slots=True)
class DataRequest:
    """What is exported: the form, one of `FORMS`, and where to.

    Args:
        form: as `--to` names it.
        out: the file, or the folder where the form is one.
        rung: whose answers; "" for all, or none where a form has them only if they are asked for.
        verdict: of which verdict; "" for the last.
        groups: leave out what an asker with these may not read; None: nothing.
        force: replace a file that is there.
    """

    form: str
    out: Path
    rung: str = ""
    verdict: str = ""
    groups: frozenset[str] | None = None
    force: bool = False


@dataclass(slots=True)
class DataReport:
    """The files that were written with their rows; what was left out; what a form has no place for."""

    form: str
    written: dict[Path, int] = field(default_factory=dict)
    left_out: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Json]:
        """For `--json`."""
        written: dict[str, Json] = {str(path): rows for path, rows in self.written.items()}
        return {"form": self.form, "written": written, "left_out": plain(self.left_out), "notes": plain(self.notes)}


def export_data(project: Project, request: DataRequest) -> DataReport:
    """Write a project's cases, a verdict's answers, or its examples.

    Raises:
        UserError: there is nothing of the kind, no such form or rung, or something stands where it would be written.
    """
    report = DataReport(request.form)
    if request.form in EXAMPLES:
        files = _examples(project, request, report)
    else:
        files = FORMS[request.form](project, request, report)
    if not files:
        listed = "".join(f"\n  {why}" for why in [*report.left_out[:10], *report.notes])
        raise UserError(f"{project.root}: there is nothing that could be written as {request.form}{listed}")
    for path in files:
        check_free(path, force=request.force)
    for path, (text, rows) in files.items():
        write_output(path, text, force=request.force)
        report.written[path] = rows
    return report


Files = dict[Path, tuple[str, int]]  # path -> (text, rows)


def _examples(project: Project, request: DataRequest, report: DataReport) -> Files:
    examples = _rows(project, report, project.settings.behaviour.examples).examples
    rows, misfits = rows_as(examples, request.form)
    report.left_out += [Problem.at(example.place, f"cannot be written: {why}") for example, why in misfits]
    report.notes += unwritten(examples, request.form)
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    return {request.out: (text, len(rows))} if rows else {}


def _promptfoo(project: Project, request: DataRequest, report: DataReport) -> Files:
    rows = _rows(project, report)
    answered = _answers(project, request) if request.rung else None
    outputs = None if answered is None else answered.texts(request.rung)
    hidden = set[str]() if answered is None else answered.hidden_cases(request.rung)
    cases = [case for case in rows.cases if outputs is None or case.split == "test"]
    context = scoring_in(project, rows.split("test"), schema=rows.schema, labels=rows.labels)
    judged = Judged(context.correct_by, rows.schema, project.settings.judge.rubric, project.settings.bar.correct)
    suite = suite_of(project.name, cases, judged, rows.written, outputs=outputs, hidden=hidden)
    report.left_out += [Problem.at(case.place, f"case '{case.id}': {why}") for case, why in suite.left_out]
    report.notes += suite.notes
    return {request.out: (suite.text, suite.count)} if suite.count else {}


def _cases_csv(project: Project, request: DataRequest, report: DataReport) -> Files:
    rows = _rows(project, report)
    count = len(weighed(rows.cases))
    return {request.out: (cases_csv(rows.cases, rows.written), count)} if count else {}


def _trec(project: Project, request: DataRequest, report: DataReport) -> Files:
    """A folder: the queries, the judgements of each split, and a run of each rung that searched, if there is a verdict."""
    rows = _rows(project, report)
    cases = [case for case in judged_cases(rows) if case.answerable and gold_of(case)]
    if without := len(rows.cases) - len(cases):
        report.notes.append(f"{without:,} cases name no gold document: no ranking can be judged by them")
    if spans := sum(bool(rows.quotes.get(case.id)) for case in cases):
        report.notes.append(f"the evidence of {spans:,} cases is written as its document: TREC judges documents")
    if asked := sum(case.groups is not None or bool(case.messages) for case in cases):
        report.notes.append(f"who asks, and earlier turns, are not written ({asked:,} cases)")
    names = {name for case in cases for name in (case.id, *gold_of(case))}
    if spaced := sum(word(name) != name for name in names):
        report.notes.append(f"white space in {spaced:,} ids is written as %20: fields of TREC are words")
    if copies := len(cases) - len(weighed(cases)):
        report.notes.append(f"a case of a weight is written as so many queries ({copies:,} copies): TREC has no weights")
    files: Files = {request.out / "queries.jsonl": ("".join(query_lines(cases)), len(cases))} if cases else {}
    for split in SPLITS:
        lines = list(qrels_lines(case for case in cases if case.split == split))
        if lines:
            files[request.out / "qrels" / f"{split}.txt"] = ("".join(lines), len(lines))
    return {**files, **_runs(project, request, report)} if files else {}


def _runs(project: Project, request: DataRequest, report: DataReport) -> Files:
    from rung.pipeline.publishing import latest_folder

    if not request.verdict and latest_folder(project) is None:
        report.notes.append("there is no verdict yet, so no rankings are written")
        return {}
    answers = _answers(project, request)
    files: Files = {}
    report.notes += answers.hidden(failures=False)
    for evaluation in answers.evaluations:
        searched = [one for one in evaluation.outcomes if one.answer is not None and one.answer.retrieved]
        lines = [
            line
            for outcome in searched
            if outcome.answer is not None and answers.shows(evaluation.name, outcome)
            for line in run_lines(outcome.case, best_of_documents(outcome.answer.retrieved), tag=evaluation.name)
        ]
        if searched and not lines:
            report.notes.append(f"no run of {evaluation.name} is written: none of its rankings may be read by these groups")
        if lines:
            name = "".join(c if c.isalnum() or c in "-_.=" else "_" for c in evaluation.name)
            files[request.out / "runs" / f"{name}.txt"] = ("".join(lines), len(lines))
    return files


def _answers_csv(project: Project, request: DataRequest, report: DataReport) -> Files:
    """A row for each rung and case, with every score."""
    answers = _answers(project, request)
    written, names = answers.table(), answers.metrics
    columns = ("rung", "case", "question", "answer", "failure", "lost_in", *names)
    report.notes += answers.hidden()
    return {request.out: (table(columns, written), len(written))} if written else {}


def _ragas(project: Project, request: DataRequest, report: DataReport) -> Files:
    from rung.pipeline.publishing import latest_folder

    if not request.verdict and not request.rung and request.groups is None and latest_folder(project) is None:
        return _ragas_cases(project, request, report)
    answers = _answers(project, request)
    rows = [row for row in answers.rows if request.rung in ("", row["rung"])]
    report.notes += answers.hidden(failures=False)  # a row is an answer
    rows = folded(rows)
    report.notes += counted_once([int(str(row.get("weight", 1))) for row in rows])
    return {request.out: ("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), len(rows))} if rows else {}


def _ragas_cases(project: Project, request: DataRequest, report: DataReport) -> Files:
    """The cases alone, where no rung has answered them."""
    rows = _rows(project, report)
    report.notes += ["there is no verdict yet: these are the cases, without answers"] if rows.cases else []
    pairs = weighed(rows.cases)
    columns = [
        {**case_columns(case, _quotes(rows, case)), **({"weight": weight} if weight > 1 else {})} for case, weight in pairs
    ]
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in columns]
    report.notes += counted_once([weight for _, weight in pairs])
    return {request.out: ("".join(lines), len(lines))} if lines else {}


def _quotes(rows: Dataset, case: Case) -> list[str]:
    """The texts that the evidence of a case quotes."""
    evidence = rows.quotes.get(case.id, ())
    return [str(one["quote"]) for one in evidence if isinstance(one, dict) and one.get("quote")]


def _junit(project: Project, request: DataRequest, report: DataReport) -> Files:
    verdict = _published(project, request)
    text = verdict.text("junit")
    report.notes += [] if verdict.clears_bar else ["the bar is not shown to be cleared: a test of the suite 'bar' fails"]
    return {request.out: (text, text.count("<testcase "))}


FORMS: Mapping[str, Callable[[Project, DataRequest, DataReport], Files]] = {
    "promptfoo": _promptfoo,
    "cases-csv": _cases_csv,
    "trec": _trec,
    "ragas": _ragas,
    "answers-csv": _answers_csv,
    "junit": _junit,
}


def _answers(project: Project, request: DataRequest) -> VerdictAnswers:
    def cases() -> Iterable[Case]:
        return judged_cases(load_dataset(project, judging=False))

    return VerdictAnswers(_published(project, request), rung=request.rung, groups=request.groups, cases=cases)


def _published(project: Project, request: DataRequest) -> Published:
    return latest(project) if request.verdict in ("", LATEST) else published(project, request.verdict)


def _rows(project: Project, report: DataReport, patterns: Sequence[str] | None = None) -> Dataset:
    """The cases and examples of a project. What cannot be read of the files that are exported is left out and said.

    `patterns`: which those are; None: those of the cases.
    """
    rows = load_dataset(project, judging=False)
    exported = project.settings.cases if patterns is None else patterns
    shown = {shown_as(project, path) for path in paths(project, exported, ("cases",))}
    report.left_out += [problem for problem in rows.problems if problem.path in shown]
    return rows
