"""What a folder says of its need before anything is measured: facts for `verdict.advise`, each with where it was read.

Reads files and Git's history; runs no model and writes nothing. What only a person knows is asked by the CLI.
"""

from __future__ import annotations

import glob
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rung.commands.first_look import first_look, in_words, needing_extras
from rung.config.project import FILE, Project, load_project
from rung.dataset.load import load_dataset, read_examples
from rung.errors import UserError
from rung.files.limited import yaml_file, yaml_of
from rung.pipeline.counting import CHARACTERS_PER_TOKEN
from rung.pipeline.publishing import latest
from rung.records import Case, Document, Json, Problem, kind_of_older, rung_of
from rung.stats.rules_of_thumb import MIN_EXAMPLES, START_CASES
from rung.strategies.registry import find, ladder
from rung.text.parsing import Malformed
from rung.verdict.facts import Changes, Facts, facts_of

if TYPE_CHECKING:
    from rung.records import Example

ASSUMED = "needs_specific_facts"  # taken for so where documents are there and nobody said anything of it
YEAR = 365 * 86400
# Changes of the sources a day, from the most: how often is "weekly"?
_PACE: tuple[tuple[float, Changes], ...] = (
    (4, "hourly"),
    (0.5, "daily"),
    (1 / 10, "weekly"),
    (1 / 45, "monthly"),
    (1 / 120, "quarterly"),
)

# What only people know, in the order in which it is asked: fact -> question with a yes or a no.
QUESTIONS: Mapping[str, str] = {
    "needs_specific_facts": "Do answers depend on specific, current or private facts?",
    "needs_behaviour_change": "Must the model answer in a manner, voice or form that it does not have by itself?",
    "needs_citations": "Must answers show their sources?",
    "per_user_access": "May some askers read what others may not?",
    "live_values": "Do answers need live values (prices, stock, status)?",
    "multi_document": "Must one answer be put together from several documents?",
    "mixed_queries": "Do the questions differ much in difficulty?",
    "domain_vocabulary": "Does the domain use words that a general search would miss?",
    "specialised_reasoning": "Does the domain reason in its own way (clinical, legal, financial)?",
    "answers_are_labels": "Is each answer one of a fixed set of labels?",
    "prompting_exhausted": "Has a serious prompt with examples been tried, and its quality stopped rising?",
    "prototype": "Is it a prototype?",
    "high_stakes": "Would a wrong answer do harm (medical, legal, money)?",
}


@dataclass(frozen=True, slots=True)
class Known:
    """Facts that were read, and where each comes from."""

    facts: Facts
    sources: Mapping[str, str]
    problems: tuple[Problem, ...] = ()


def read_facts(folder: Path) -> Known:
    """Facts from a project, or from a folder that is none yet.

    Raises:
        UserError: there is no such folder, or `rung.yaml` is broken.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: there is no such folder; name the project's, or leave it out")
    sourced: dict[str, tuple[Json, str]] = {}
    problems: list[Problem] = []
    if (folder / FILE).exists():
        project = load_project(folder)
        _from_settings(project, sourced)
        _from_rows(project, sourced, problems)
        _from_documents(project.root, project.settings.knowledge.sources, sourced, problems)
        _from_the_last_verdict(project, sourced)
    else:
        _from_documents(folder, first_look(folder).patterns, sourced, problems)
    facts = facts_of({name: value for name, (value, _) in sourced.items()}, location=str(folder))
    return Known(facts, {name: where for name, (_, where) in sourced.items()}, tuple(problems))


def read_given(path: Path) -> list[Facts] | Facts:
    """Facts from a JSON or YAML file: one object, or a list of them; an object may hold them under `facts`.

    Raises:
        UserError: it cannot be read, or holds something else.
    """
    value, _ = yaml_file(path)
    if isinstance(value, list):
        return [_one(item, f"{path}: entry {number}") for number, item in enumerate(value, 1)]
    return _one(value, str(path))


def with_given(facts: Facts, given: Sequence[str]) -> Facts:
    """The facts with `name=value` pairs in their place; a value is YAML (`true`, `12`, `weekly`).

    Raises:
        UserError: no such fact, or a wrong value.
    """
    values: dict[str, Json] = {}
    for pair in given:
        name, mark, value = pair.partition("=")
        if not mark:
            raise UserError(f"--fact takes name=value, found {pair!r}")
        try:
            values[name.strip()] = _value(value)
        except Malformed as error:
            raise UserError(f"--fact {name}: {error}") from error
    checked = _of_a_rung(facts_of(values, location="--fact"), "--fact compared")
    return replace(facts, **{name: getattr(checked, name) for name in values})


def _value(text: str) -> Json:
    value, _ = yaml_of(text)
    return value  # type: ignore[return-value]  # what it is, is checked by name


def asked(facts: Facts, ask: Callable[[str, bool], bool | None]) -> Facts:
    """The facts with a person's answers to what is not known. `ask`: a question, and what is taken where nothing is said."""
    likely = {ASSUMED: bool(facts.corpus_tokens)}
    answers = {
        name: ask(question, likely.get(name, False)) for name, question in QUESTIONS.items() if getattr(facts, name) is None
    }
    return replace(facts, **answers)  # type: ignore[arg-type]  # every question is about a yes or a no


def assume(facts: Facts) -> tuple[Facts, tuple[str, ...]]:
    """The facts, with what is assumed where documents are there and nobody said what for: that answers hang on them."""
    if not facts.corpus_tokens or facts.needs_specific_facts is not None:
        return facts, ()
    return replace(facts, needs_specific_facts=True), (ASSUMED,)


def _one(value: object, location: str) -> Facts:
    if isinstance(value, dict) and isinstance(value.get("facts"), dict):
        value = value["facts"]
    if not isinstance(value, dict):
        raise UserError(f"{location}: facts are an object such as {json.dumps({'needs_specific_facts': True})}")
    return _of_a_rung(facts_of(value, location=location), f"{location}: compared")


def _of_a_rung(facts: Facts, location: str) -> Facts:
    """The facts, if the rung that was measured is one that there is: it may become the advice."""
    if facts.compared is not None:
        try:
            find(facts.compared)
        except UserError as error:
            raise UserError(f"{location}: {error}") from error
    return facts


def _from_settings(project: Project, sourced: dict[str, tuple[Json, str]]) -> None:
    settings = project.settings
    if settings.traffic.queries_per_month is not None:
        sourced["queries_per_month"] = settings.traffic.queries_per_month, f"{FILE}: traffic"
    if settings.bar.p95_seconds is not None:
        sourced["p95_latency_ms"] = settings.bar.p95_seconds * 1000, f"{FILE}: bar"
    if settings.knowledge.sources:
        sourced["needs_specific_facts"] = True, f"{FILE}: knowledge.sources"
    if settings.behaviour.schema_file or settings.behaviour.labels:
        sourced["strict_format"] = True, f"{FILE}: behaviour"
    if settings.behaviour.labels:
        sourced["answers_are_labels"] = True, f"{FILE}: behaviour.labels"
    if settings.knowledge.changes in ("hourly", "daily", "weekly", "monthly", "quarterly", "yearly", "rarely", "never"):
        sourced["knowledge_changes"] = settings.knowledge.changes, f"{FILE}: knowledge.changes"


def _from_rows(project: Project, sourced: dict[str, tuple[Json, str]], problems: list[Problem]) -> None:
    cases: tuple[Case, ...] = ()
    try:
        rows = load_dataset(project)
        cases, examples = rows.cases, rows.examples
        problems += rows.problems
    except UserError as error:
        location, message = f"{project.file}:{project.line('cases')}", str(error).split("\n")[0].rstrip(":")
        problems.append(Problem(str(project.file), project.line("cases"), message.removeprefix(f"{location}: ")))
        examples = read_examples(project, problems) if project.settings.behaviour.examples else ()
    judging = [case for case in cases if case.split == "test"]
    train_cases = [case for case in cases if case.split == "train"]
    sourced["has_eval_set"] = len(judging) >= START_CASES, f"{len(judging)} test cases"
    sourced["examples"] = len(examples) or len(train_cases), _of_examples(examples, train_cases)
    if examples:
        sourced["needs_behaviour_change"] = True, f"{FILE}: behaviour.examples"
    if any(case.groups is not None for case in cases):
        sourced["per_user_access"] = True, "cases with 'as'"


def _of_examples(examples: Sequence[Example], train_cases: Sequence[Case]) -> str:
    if not examples:
        return f"no examples, {len(train_cases)} train cases"
    approved = sum(bool(example.approved_by) for example in examples)
    return f"{len(examples)} examples, {approved} of them approved by a person"


def _from_documents(
    root: Path, patterns: Sequence[str], sourced: dict[str, tuple[Json, str]], problems: list[Problem]
) -> None:
    if not patterns:
        sourced["corpus_tokens"] = 0, "no documents"
        return
    from rung.knowledge import read_sources

    read = read_sources(root, patterns)
    documents: Sequence[Document] = read.documents
    characters = sum(len(document.text) for document in documents)
    where = f"{len(documents)} documents"
    if unread := needing_extras(read.problems):
        files = sorted({path for paths in unread.values() for path in paths})
        characters += sum((root / path).stat().st_size for path in files if (root / path).is_file())
        where += f", and {len(files)} that need an extra, counted by their size"
        problems += [Problem(str(root), 0, in_words(extra, len(paths))) for extra, paths in unread.items()]
    sourced["corpus_tokens"] = characters // CHARACTERS_PER_TOKEN, where
    if any(document.groups for document in documents):
        sourced["per_user_access"] = True, "documents with groups"
    if documents and "knowledge_changes" not in sourced and (pace := _pace(root, patterns)) is not None:
        sourced["knowledge_changes"] = pace


def _pace(root: Path, patterns: Sequence[str]) -> tuple[Json, str] | None:
    """How often the sources changed in the last year: by Git, else by the days on which files were written."""
    moments, where = _commits(root, patterns), "Git's history"
    if not moments:
        days = {int(path.stat().st_mtime // 86400) for path in _files(root, patterns)}
        moments, where = [day * 86400.0 for day in days], "the files' dates"
    recent = sorted(moment for moment in moments if moment >= time.time() - YEAR)
    if len(recent) < 2:  # a copy, or a first commit: says nothing of change
        return None
    a_day = (len(recent) - 1) / max(1.0, (time.time() - recent[0]) / 86400)
    pace = next((name for least, name in _PACE if a_day >= least), "rarely")
    return pace, f"{len(recent)} changes in {where}"


def _files(root: Path, patterns: Sequence[str]) -> Iterator[Path]:
    """The files of the patterns, those of folders with them."""
    for match in (Path(name) for pattern in patterns for name in glob.glob(str(root / pattern), recursive=True)):  # noqa: PTH207
        yield from (path for path in ([match] if match.is_file() else match.rglob("*")) if path.is_file())


def _commits(root: Path, patterns: Sequence[str]) -> list[float]:
    """When the sources were committed to, in seconds; empty without Git."""
    git = shutil.which("git")
    if git is None:
        return []
    named = [p if (root / p).is_dir() else f":(glob){p}" for p in patterns]
    command = [git, "-C", str(root), "log", "--since=1.year", "--format=%ct", "--", *named]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    return [float(line) for line in ran.stdout.split()] if ran.returncode == 0 else []


def _from_the_last_verdict(project: Project, sourced: dict[str, tuple[Json, str]]) -> None:
    """The rung that it chose; and prompting is exhausted where it measured that (with examples, if there are any) below the
    bar."""
    bar = project.settings.bar.correct
    try:
        verdict = latest(project).said
    except UserError:
        return
    winner = verdict.get("winner")
    if isinstance(winner, str) and rung_of(winner) in ladder():  # a plugin's may be uninstalled
        where = f"the last comparison chose {winner}"
        sourced["compared"] = rung_of(winner), where
        sourced["compared_clears"] = bool(verdict.get("clears_bar")), where
    reached = reached_in(verdict.get("rungs"))
    tried = [reached[name] for name in ("few_shot", "structured", "prompt") if name in reached]
    few = sourced.get("examples", (0, ""))[0]
    serious = "few_shot" in reached or not isinstance(few, int) or few < MIN_EXAMPLES
    if bar is not None and tried and serious:
        sourced["prompting_exhausted"] = max(tried) < bar, f"the last comparison: {max(tried):.2f} against {bar:.2f}"


def reached_in(rungs: object) -> dict[str, float]:
    """What each rung came to in a verdict's `rungs`, by its best setting: its mean; of one that the race did not need to the
    end the most that it may be."""
    reached: dict[str, float] = {}
    for rung in rungs if isinstance(rungs, list) else []:
        scores = rung.get("scores") if isinstance(rung, dict) else None
        correct = scores.get("correct") if isinstance(scores, dict) else None
        if not isinstance(rung, dict) or not isinstance(correct, dict):
            continue
        kind = rung.get("stopped_kind", kind_of_older(str(rung.get("stopped", ""))))  # an earlier Rung wrote none
        value = correct.get("high" if kind == "not_needed" else "mean")
        if isinstance(value, (int, float)):
            name = rung_of(str(rung["name"]))
            reached[name] = max(float(value), reached.get(name, 0.0))
    return reached
