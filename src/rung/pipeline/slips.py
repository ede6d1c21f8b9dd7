"""Cases that can never be won, and what in cases, examples and settings is most likely a slip: for `rung check`.

What cannot be right is a problem; what is only likely wrong is a warning. Reading the rows is left to `materials`.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rung.config.project import Project
from rung.dataset.load import Dataset
from rung.errors import UserError
from rung.pipeline.answer_room import least_room, room_after
from rung.pipeline.counting import likely_tokens
from rung.pipeline.gold_slips import gold_of, not_in_gold, squeezed
from rung.records import Case, Document, Problem
from rung.scoring.bearing import SAID_AS_IS
from rung.strategies.prompting import worked_examples
from rung.strategies.protocol import Materials
from rung.text.json_values import breach
from rung.text.labels import label_named

SHOW_CASES = ("rag", "multi_hop", "tuned_retriever")  # rungs whose `shots` are train cases with passages, and examples

_EVERYBODY = frozenset(
    ["public", "everyone", "everybody", "anyone", "all", "offentlich", "alle", "tous", "todos", "publico", "tutti"]
)


@dataclass(frozen=True, slots=True)
class Found:
    """Problems, and warnings, which are no more than likely."""

    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()


def check_rows(project: Project, rows: Dataset, documents: Collection[Document]) -> Found:
    """Everything that can be said of cases and examples without running anything."""
    there = {document.id: document for document in documents}
    problems = [*unwinnable(project, rows), *_unreadable(rows, there), *_mistaught(rows)]
    warnings = [
        *_answered_unanswerable(rows),
        *_partly_wrong(project, rows),
        *_repeated(rows),
        *_labels_asked(rows),
        *_cut_short(project, rows),
        *_judged_unknown(rows, there),
        *_asked_as_nobody(rows, there),
        *_for_everybody(documents),
    ]
    if not (rows.schema or rows.labels) and project.settings.bar.metric in (None, *SAID_AS_IS):
        warnings += not_in_gold(rows.cases, there)
    return Found(tuple(problems), tuple(warnings))


def unwinnable(project: Project, rows: Dataset) -> Iterator[Problem]:
    """A problem for each case none of whose accepted answers may be given: they are no label, or break the schema."""
    for case, reasons in never_right(project, rows):
        rest = f", nor is any other of its {len(reasons)} answers right" if len(reasons) > 1 else ""
        effect = "it teaches what is never right" if case.split == "train" else "such a case can never be won"
        yield _at(case, f"{reasons[0]}{rest}: {effect}")


def never_right(project: Project, rows: Dataset) -> Iterator[tuple[Case, list[str]]]:
    """Each case none of whose accepted answers may be given, and why not, answer by answer."""
    for case in rows.cases:
        reasons = _reasons(project, case, rows)
        if reasons and len(reasons) == len(case.answers):
            yield case, reasons


def idle_shots(project: Project, materials: Materials) -> Iterator[Problem]:
    """A problem for each rung whose `shots` show fewer train cases than they say, or none, since there are too few."""
    for index, (name, settings) in enumerate(project.rungs()):
        shots = settings.get("shots", 0)
        numbers = [n for n in (shots if isinstance(shots, list) else [shots]) if isinstance(n, int) and 0 < n <= 100]
        if name not in SHOW_CASES or not numbers:
            continue
        shown = len(worked_examples(materials, max(numbers), with_passages=True)) // 2
        if shown < max(numbers):
            line = project.line("rungs", index, name, "shots")
            effect = f"show only {shown}" if shown else "do nothing"
            why = 'they are cases with "split": "train" that have an answer and name its gold, and examples of behaviour'
            message = f"the {max(numbers)} 'shots' of {name} {effect}: {why}, and there are {shown or 'none'}"
            yield Problem(project.file.name, line, message)


def nearest(name: str, existing: Collection[str]) -> str:
    """The existing document id that a misspelt one most likely means; "" where none is near."""
    folded = {_folded(other): other for other in existing}
    target = _folded(name)
    if target in folded:
        return folded[target]
    stem = _stem(target)
    alike = [key for key in folded if _stem(key) == stem]
    if len(alike) == 1:
        return folded[alike[0]]
    close = difflib.get_close_matches(target, alike or folded, n=1, cutoff=0.75)
    return folded[close[0]] if close else ""


def _reasons(project: Project, case: Case, rows: Dataset) -> list[str]:
    """Why each of its accepted answers may not be given; those that may are not in it."""
    if not case.answerable or project.settings.bar.metric == "judge":
        return []
    schema, *answers = (unicodedata.normalize("NFC", text) for text in (rows.schema, *case.answers))
    return [why for answer in answers if (why := _forbidden(answer, schema, rows.labels))]


def _forbidden(answer: str, schema: str, labels: Sequence[str]) -> str:
    """Why labels or schema do not allow an answer; "" where they do."""
    shown = f"{answer[:60]!r}"
    if not answer.strip():
        return "an accepted answer is empty"
    if schema:
        try:
            why = breach(answer, schema)
        except UserError:
            return ""  # the schema itself is broken, which is said elsewhere
        return f"the accepted answer {shown} breaks the schema: {why}" if why else ""
    if labels and label_named(answer, labels) is None:
        near = difflib.get_close_matches(_folded(answer.strip()), [_folded(label) for label in labels], n=1, cutoff=0.7)
        hint = next((f" (did you mean {label!r}?)" for label in labels if near and _folded(label) == near[0]), "")
        return f"the accepted answer {shown} is none of the {len(labels)} labels{hint}"
    return ""


def _mistaught(rows: Dataset) -> Iterator[Problem]:
    """Examples whose answer neither labels nor schema allow."""
    for example in rows.examples:
        if why := _forbidden(example.output, rows.schema, rows.labels):
            message = why.replace("the accepted answer", "its answer")
            yield Problem.at(example.place, f"{message}: it teaches what is wrong")


def _unreadable(rows: Dataset, there: Mapping[str, Document]) -> Iterator[Problem]:
    """Answerable cases whose asker may read none of the gold documents."""
    for case in rows.cases:
        gold = [there[id] for id in gold_of(case) if id in there]
        if case.groups is None or not case.answerable or not gold:
            continue
        if not any(not document.groups or set(case.groups) & set(document.groups) for document in gold):
            who = f"with {', '.join(case.groups)}" if case.groups else "without a group"
            groups = ", ".join(gold[0].groups)
            yield _at(case, f"is asked {who}, and its gold document '{gold[0].id}' is for {groups}: it can never be won")


def _asked_as_nobody(rows: Dataset, there: Mapping[str, Document]) -> Iterator[Problem]:
    """Test cases of restricted documents that do not say who asks: whether a rung leaks is not looked at in them."""
    of_restricted = [c for c in rows.split("test") if any(there[id].groups for id in gold_of(c) if id in there)]
    if nobody := [case for case in of_restricted if case.groups is None]:
        count = f"{len(nobody):,} of {len(of_restricted):,} test cases of restricted documents, this the first, have no 'as'"
        yield _at(nobody[0], f"{count}: asked as one who may read everything, they tell nothing of leaks")


def _for_everybody(documents: Collection[Document]) -> Iterator[Problem]:
    """Groups that are called as if everybody were in them: nobody is who does not say so."""
    named: dict[str, list[Document]] = {}
    for document in documents:
        for group in document.groups:
            if squeezed(group) in _EVERYBODY:
                named.setdefault(group, []).append(document)
    for group, some in sorted(named.items()):
        count = f"{len(some):,} document{'s are' if len(some) != 1 else ' is'} for the group '{group}'"
        message = f"{count}, which is a group like any other: who is not in it may not read; for everybody, name no group"
        yield Problem(some[0].origin or some[0].source or some[0].id, 0, message)


def _judged_unknown(rows: Dataset, there: Mapping[str, Document]) -> Iterator[Problem]:
    """Documents that a case grades, or ignores, and that are not there; of gold documents that is said elsewhere."""
    for case in rows.cases if there else ():
        for key in ("grades", "ignored_documents"):
            judged = case.meta.get(key)
            named = [one for one in judged if isinstance(one, str)] if isinstance(judged, (dict, list)) else []
            unknown = [one for one in named if one not in there and one not in (*case.gold_documents, case.id)]
            if not unknown:
                continue
            meant = nearest(unknown[0], there)
            more = f", and {len(unknown) - 1:,} more" if len(unknown) > 1 else ""
            hint = f" (did you mean '{meant}'?)" if meant else ""
            yield _at(case, f"'meta.{key}' names '{unknown[0]}'{more}, which is no document{hint}")


def _partly_wrong(project: Project, rows: Dataset) -> Iterator[Problem]:
    """Cases that can be won, and accept an answer that can never come."""
    for case in rows.cases:
        reasons = _reasons(project, case, rows)
        if reasons and len(reasons) < len(case.answers):
            yield _at(case, f"{reasons[0]}: it can never be given; another of its answers can")


def _answered_unanswerable(rows: Dataset) -> Iterator[Problem]:
    """Unanswerable cases with accepted answers: one of the two is wrong."""
    for case in rows.cases:
        if not case.answerable and case.answers:
            message = f'it is "answerable": false and accepts {case.answers[0][:60]!r}'
            yield _at(case, f"{message}: only a refusal is right, and its answers are not looked at")


def _cut_short(project: Project, rows: Dataset) -> Iterator[Problem]:
    """Rungs that leave less room than the shortest accepted answer of a test case takes: it cannot be said whole."""
    asked = [(min(map(likely_tokens, c.answers)), c) for c in rows.split("test") if c.answerable and c.answers]
    if not asked:
        return
    need, longest = max(asked, key=lambda one: one[0])
    shown = [e.output for e in rows.examples] + [a for c in rows.cases if c.split != "test" for a in c.answers[:1]]
    least = least_room(project.settings.model, project.settings.server.context_tokens)
    usual = room_after(max(map(likely_tokens, shown), default=None), rows.schema, at_least=least)
    rooms = [(index, name, settings.get("max_tokens") or 0) for index, (name, settings) in enumerate(project.rungs())]
    for index, name, room in rooms:
        if isinstance(room, int) and 0 < room < need:
            cut = sum(room < tokens for tokens, _ in asked)
            message = f"'max_tokens: {room}' of {name} cuts the accepted answers of {cut} test cases"
            line = project.line("rungs", index, name, "max_tokens")
            yield Problem(project.file.name, line, f"{message}: that of {longest.place} has about {need} tokens")
    if usual < need and not (rooms and all(room for _, _, room in rooms)):
        message = f"its shortest accepted answer has about {need} tokens, and there is room for {usual}"
        yield _at(longest, f"{message}: it will be cut; give the rungs 'max_tokens'")


def _repeated(rows: Dataset) -> Iterator[Problem]:
    """Cases that ask what an earlier one asks, for the same asker and of the same documents, or where one names none."""
    seen: dict[object, list[Case]] = {}
    for case in rows.cases:
        asker, gold = None if case.groups is None else tuple(sorted(case.groups)), set(gold_of(case))
        earlier = seen.setdefault((" ".join(_folded(case.question).split()), case.messages, asker), [])
        alike = [one for one in earlier if not gold or (own := set(gold_of(one))) == gold or not own]
        earlier.append(case)
        first = next(iter(alike), case)
        if first is case or _is_copy(case, first):
            continue
        if (first.split == "train") == (case.split == "train"):  # across, it is a leak, and said
            same = sorted(map(squeezed, first.answers)) == sorted(map(squeezed, case.answers))
            yield _at(case, f"asks what {first.place} asks{'' if same else ', and accepts other answers'}")


def _is_copy(case: Case, first: Case) -> bool:
    """Whether a case is a further draw of another one's row (`weight`)."""
    return case.place == first.place and case.id.startswith(f"{first.id}#")


def _labels_asked(rows: Dataset) -> Iterator[Problem]:
    """Cases whose question is a label: the answer stands where the question should."""
    labels = {_folded(label).strip() for label in rows.labels}
    for case in rows.cases:
        if _folded(case.question).strip() in labels:
            yield _at(case, f"its question {case.question.strip()[:60]!r} is a label: were question and answer swapped?")


def _at(case: Case, message: str) -> Problem:
    return Problem.at(case.place, f"case '{case.id}': {message}")


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _stem(id: str) -> str:
    """The last part of an id, without its ending."""
    return id.rpartition("/")[2].partition(".")[0]
