"""The labels of a project, and rows that write one of them in another way: read as that label, and said.

What counts as another way of writing is left to `rung.text.labels`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from rung.config.project import Project
from rung.dataset.row_files import json_lines
from rung.errors import InputError
from rung.files.limited import text_of
from rung.records import Case, Example, Problem
from rung.text.labels import composed, label_key, label_named

_FORGIVEN = "only case, quotation marks or a final dot differ"
Written = tuple[str, str]  # a label as a file has it, and where: "labels.txt:3"


def read_labels(project: Project, examples: Sequence[Example], problems: list[Problem]) -> tuple[str, ...]:
    """The labels of which every answer is one; () where the project has none.

    Of two that differ in writing only the first is kept, of those in examples the commonest; that is added to `problems`.

    Raises:
        InputError: their file cannot be read.
    """
    named = project.settings.behaviour.labels
    if isinstance(named, tuple):
        lines = ((label, f"{project.file.name}:{project.line('behaviour', 'labels', n)}") for n, label in enumerate(named))
        return _distinct(lines, problems)
    if named == "from_examples":
        counts = Counter(composed(example.output) for example in examples)
        first = {composed(example.output): example.place for example in reversed(examples)}
        commonest = sorted(first, key=lambda label: (-counts[label], label))
        return tuple(sorted(_distinct(((label, first[label]) for label in commonest), problems)))
    path = project.root / named
    if not path.exists():
        message = f"the labels file '{named}' does not exist (a list, a file, or 'from_examples' can stand here)"
        raise project.error(message, "behaviour", "labels")
    if path.suffix == ".jsonl":
        broken: list[Problem] = []
        rows = [(number, str(row.get("label", ""))) for number, row in json_lines(path, named, broken)]
        if broken:
            raise InputError(broken[0].message, path=path, line=broken[0].line)
    else:
        rows = list(enumerate(text_of(path).split("\n"), start=1))
    return _distinct(((row.strip(), f"{named}:{number}") for number, row in rows if row.strip()), problems)


def _distinct(written: Iterable[Written], problems: list[Problem]) -> tuple[str, ...]:
    """The labels, each once."""
    by_key: dict[str, Written] = {}
    for label, location in written:
        first, at = by_key.setdefault(label_key(label), (label, location))
        if composed(first) != composed(label):
            why = f"the label {label!r} is {first!r} of {at} ({_FORGIVEN}): it counts as that one; leave one of them out"
            problems.append(Problem.at(location, why))
    return tuple(label for label, _ in by_key.values())


def spelt_alike(
    examples: Sequence[Example], cases: Sequence[Case], labels: Sequence[str], problems: list[Problem]
) -> tuple[tuple[Example, ...], tuple[Case, ...]]:
    """Rows with each label as the project writes it. Other ways of writing are added to `problems`, each way once."""
    spelt = dict.fromkeys(labels)
    odd: dict[tuple[str, str], list[str]] = {}  # (as written, the label) -> where

    def read(text: str, location: str) -> str:
        if text in spelt or (label := label_named(text, labels)) is None:
            return text
        if composed(text) != composed(label):
            odd.setdefault((text.strip(), label), []).append(location)
        return label

    taught = tuple(
        replace(e, messages=(*e.messages[:-1], replace(e.messages[-1], content=read(e.output, e.place)))) for e in examples
    )
    judged = tuple(replace(c, answers=tuple(read(answer, c.place) for answer in c.answers)) for c in cases)
    for (text, label), locations in odd.items():
        more = f", here and in {len(locations) - 1} more rows" if len(locations) > 1 else ""
        problems.append(Problem.at(locations[0], f"{text[:60]!r} is read as the label {label!r} ({_FORGIVEN}){more}"))
    return taught, judged
