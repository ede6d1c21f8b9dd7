"""Asks a person about single answers of the last verdict, those that tell most, so that a few labels correct the judge.

Asked about are the choice and its nearest rival, on the same cases, blind to which rung said what. Cases come in a random
order: drawing those more often on which the judge tells the two apart, or is in doubt, makes the intervals of ten to thirty
labels wider, not narrower (`benchmarks/judge_correction.py`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from rung.config.project import Project
from rung.errors import UserError
from rung.pipeline.judge_labels import add_labels, read_labels
from rung.pipeline.limits import bar_in
from rung.pipeline.publishing import latest
from rung.records import Json, digest
from rung.report.access import COLUMN
from rung.scoring.answer_labels import CHOSEN, AnswerLabel, answer_digest, heard
from rung.stats.prediction_powered import MIN_LABELS, Corrected, corrected, labels_needed
from rung.text.refusals import is_refusal
from rung.verdict.bar import Bar
from rung.verdict.probability import at_least

if TYPE_CHECKING:
    from rung.stats.estimates import Floats

PRESUMED = 0.13  # variance of what people's labels and the judge differ by, before it is known: they agree on about 85 %
SECONDS = 45.0  # for an answer, before it is known how long this person takes
PAUSE = 600.0  # seconds between two labels that are no time of thinking
NO_ANSWER = "rung"  # who says that an answer which did not come is not good

Said = Literal["yes", "no", "skip", "quit"]


@dataclass(frozen=True, slots=True)
class Shown:
    """What a person is shown: a question, its accepted answers, an answer. Not whose it is."""

    case: str
    question: str
    references: tuple[str, ...]
    response: str
    rungs: tuple[str, ...]  # that said so; not shown
    needs: tuple[tuple[str, ...], ...] = ()  # groups, of each of which who is shown it must have one


@dataclass(frozen=True, slots=True)
class LabelPlan:
    """What to ask, in order, and how far it is.

    `rungs`: the choice and its nearest rival; `cases`: that both were judged on; `answers`: to ask about, not yet labelled,
    in a random order; `asked`: those that were asked about; `labelled`: cases that both are labelled on. `more`: how many
    further cases would likely settle the verdict, None where none would; `settled`: whether it is; `seconds`: that an answer
    takes.
    """

    name: str
    rungs: tuple[str, ...]
    cases: int
    answers: tuple[Shown, ...]
    labelled: int
    more: int | None
    settled: bool
    seconds: float
    asked: tuple[Shown, ...] = ()

    @property
    def minutes(self) -> int | None:
        """About how long the further cases take."""
        if self.more is None:
            return None
        cases = list(dict.fromkeys(one.case for one in self.answers))[: self.more]
        asked = sum(one.case in cases for one in self.answers)
        return max(1, round(asked * self.seconds / 60))

    def as_json(self) -> dict[str, Json]:
        """For programs."""
        return {
            "rungs": list(self.rungs),
            "cases": self.cases,
            "labelled": self.labelled,
            "would_settle": self.more,
            "settled": self.settled,
            "minutes": self.minutes,
        }


@dataclass(frozen=True, slots=True)
class _Answers:
    """The last verdict's answers of a rung: case -> row of `answers.jsonl`."""

    rung: str
    rows: Mapping[str, Mapping[str, Json]]

    def score(self, case: str) -> float | None:
        """The judge's; 0 where no answer came."""
        row = self.rows.get(case)
        value = 0.0 if row is None else row.get("correct")
        return float(value) if isinstance(value, (int, float)) else None

    def text(self, case: str) -> str:
        row = self.rows.get(case)
        return str(row.get("response", "")) if row is not None else ""

    def named(self, case: str) -> tuple[str, str, str]:
        """The answer as a label names it: case, rung, digest of the text."""
        return case, self.rung, answer_digest(case, self.text(case))

    def is_judged(self, case: str) -> bool:
        """Whether the judge was asked: what says that it does not know is 0 or 1 by rule."""
        return bool(self.text(case)) and not is_refusal(self.text(case))


def label_plan(project: Project) -> LabelPlan:
    """What to ask about the last verdict.

    Raises:
        UserError: there is no verdict, no model judges, or fewer cases than `MIN_LABELS` were judged.
    """
    if project.settings.bar.metric != "judge":
        raise UserError(f"{project.root}: no model judges here (bar.metric is not judge), so there is nothing to correct")
    if project.settings.judge.mode == "pairwise":
        raise UserError(f"{project.root}: a judge of pairs is not corrected; labels of pairs go into the cases' meta.human")
    last = latest(project)
    rungs = _contenders(last.said)
    rows: dict[str, dict[str, Mapping[str, Json]]] = {}
    for line in filter(None, last.text("ragas").split("\n")):
        row = json.loads(line)
        rows.setdefault(str(row["rung"]), {})[str(row["case"])] = row
    answers = [_Answers(rung, rows.get(rung, {})) for rung in rungs]
    cases = sorted({case for by_case in rows.values() for case in by_case})
    cases = [case for case in cases if all(one.score(case) is not None for one in answers)]
    cases = [case for case in cases if any(one.is_judged(case) for one in answers)]
    if len(cases) < MIN_LABELS:
        raise UserError(f"{project.root}: the last verdict judged {len(cases)} cases; {MIN_LABELS} are needed")
    name = digest(*sorted(f"{case} {one.rung} {one.text(case)}" for case in cases for one in answers))[:12]
    labels = [one for one in read_labels(project) if one.plan != CHOSEN]
    asked = {(one.case, one.rung, one.answer) for one in labels}
    left, before = list[Shown](), list[Shown]()
    for case in sorted(cases, key=lambda case: digest(name, case)):  # random, and always the same
        judged = [one for one in answers if one.is_judged(case)]
        left += _shown(case, [one for one in judged if one.named(case) not in asked], name)
        before += _shown(case, [one for one in judged if one.named(case) in asked], name)
    given = {(one.case, one.rung, one.answer) for one in labels if one.good is not None}
    labelled = sum(all(one.named(case) in given for one in answers if one.is_judged(case)) for case in cases)
    corrections = {one.rung: _corrected(one, cases, labels, seed=n) for n, one in enumerate(answers)}
    if None in corrections.values():
        labelled = min(labelled, MIN_LABELS - 1)
    columns = {one.rung: corrections[one.rung] or _presumed(_column(one, cases)) for one in answers}
    more, settled = _more(columns, bar_in(project), labelled)
    return LabelPlan(name, rungs, len(cases), tuple(left), labelled, more, settled, _seconds(labels), tuple(before))


def ask(project: Project, plan: LabelPlan, person: Callable[[Shown], Said], *, by: str) -> int:
    """Ask a person, answer by answer, until they quit or all is asked; each label is kept at once.

    Args:
        project: whose file gets the labels.
        plan: what to ask.
        person: shown an answer, says what it is.
        by: the person's name.

    Returns:
        How many answers were labelled.
    """
    given = 0
    for copies in alike(plan.answers):
        first = copies[0]
        reply: Said = "no" if not first.response else person(first)
        if reply == "quit":
            break
        label(project, plan, copies, reply, by=by if first.response else NO_ANSWER)
        given += len(copies) if first.response and reply != "skip" else 0
    return given


def alike(answers: Sequence[Shown]) -> list[tuple[Shown, ...]]:
    """Answers by what a person is shown, in their order: copies of a case are asked about once."""
    same: dict[tuple[str, str, tuple[str, ...]], list[Shown]] = {}
    for shown in answers:
        same.setdefault((shown.question, shown.response, shown.references), []).append(shown)
    return [tuple(copies) for copies in same.values()]


def label(project: Project, plan: LabelPlan, copies: Sequence[Shown], reply: Said, *, by: str) -> None:
    """Keep what a person said of an answer, for all copies of its case."""
    good = {"yes": True, "no": False}.get(reply)
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    labels = []
    for one in copies:
        answer = answer_digest(one.case, one.response)
        labels += [AnswerLabel(one.case, rung, answer, good, by, at, plan.name, plan.cases) for rung in one.rungs]
    add_labels(project, labels)


def last_labels(project: Project, by: str) -> tuple[AnswerLabel, ...]:
    """What this person said last, of one answer; () where they said nothing.

    Raises:
        InputError: a line of the file is no label.
    """
    own = [one for one in read_labels(project) if one.by == by]
    return tuple(one for one in own if one.at == own[-1].at)


def unlabel(project: Project, labels: Sequence[AnswerLabel]) -> None:
    """Take labels back: the file only grows, and further lines do."""
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    add_labels(project, [replace(one, good=None, at=at, undone=True) for one in labels])


def _contenders(verdict: Mapping[str, Json]) -> tuple[str, ...]:
    """The choice (the best, where there is none), and the one nearest to it that answered every case."""
    rungs = verdict.get("rungs")
    means: dict[str, float] = {}
    for rung in rungs if isinstance(rungs, list) else []:
        if (
            isinstance(rung, dict)
            and rung.get("status") == "measured"
            and not rung.get("reference")
            and not rung.get("stopped")
        ):
            scores = rung.get("scores")
            score = scores.get("correct") if isinstance(scores, dict) else None
            mean = score.get("mean") if isinstance(score, dict) else None
            if isinstance(mean, (int, float)):
                means[str(rung["name"])] = float(mean)
    if not means:
        raise UserError("the last verdict judged no rung on every case")
    winner = verdict.get("winner")
    first = winner if isinstance(winner, str) and winner in means else max(means, key=lambda name: means[name])
    others = sorted((name for name in means if name != first), key=lambda name: abs(means[name] - means[first]))
    return (first, *others[:1])


def _shown(case: str, answers: Sequence[_Answers], name: str) -> list[Shown]:
    """A case's answers, equal ones once, in a random order."""
    by_text: dict[str, list[_Answers]] = {}
    for one in sorted(answers, key=lambda a: digest(name, case, a.text(case))):
        by_text.setdefault(one.text(case), []).append(one)
    row = next((one.rows[case] for one in answers if case in one.rows), {})
    listed = row.get("references", [row["reference"]] if row.get("reference") else [])
    references = tuple(str(one) for one in listed) if isinstance(listed, list) else ()
    question = str(row.get("question", row.get("user_input", "")))
    return [
        Shown(case, question, references, text, tuple(one.rung for one in same), _needs(case, same))
        for text, same in by_text.items()
    ]


def _needs(case: str, answers: Sequence[_Answers]) -> tuple[tuple[str, ...], ...]:
    """Groups for which a case and its answers are, as the verdict's rows say."""
    listed = (row.get(COLUMN) for one in answers if (row := one.rows.get(case)) is not None)
    groups = (some for column in listed if isinstance(column, list) for some in column if isinstance(some, list))
    return tuple(dict.fromkeys(tuple(map(str, some)) for some in groups))


def _corrected(answers: _Answers, cases: Sequence[str], labels: Sequence[AnswerLabel], *, seed: int) -> Corrected | None:
    judged = heard(labels, answers.rung, {case: answers.named(case)[2] for case in cases}, cases)
    return corrected(_column(answers, cases), judged.human, seed=seed)


def _column(answers: _Answers, cases: Sequence[str]) -> Floats:
    import numpy as np

    return np.array([answers.score(case) for case in cases], dtype=np.float64)


def _more(columns: Mapping[str, Corrected], bar: Bar, labelled: int) -> tuple[int | None, bool]:
    """How many more cases would settle what the verdict hangs on, and whether it is settled: whether the choice reaches the
    bar or, without one, whether it is better than its rival."""
    what, target = next(iter(columns.values())), bar.correct
    if target is None and len(columns) == 1:
        return None, labelled >= MIN_LABELS
    if target is None:
        what, target = _difference(*columns.values()), 0.5
    sure = (1 - bar.risk) ** (1 / len(columns))  # the risk is shared among what is tried
    if labelled >= MIN_LABELS:
        chance = at_least(what.values, target)
        if chance is not None and not bar.risk <= chance < sure:
            return None, True
    needed = labels_needed(what, target, 1 - sure)
    return None if needed is None else max(1, max(needed, MIN_LABELS) - labelled), False


def _presumed(column: Floats) -> Corrected:
    """What would be known of a rung without a label, if the judge errs as judges do."""
    import numpy as np

    mean = float(np.nanmean(column))
    return Corrected(mean, (PRESUMED / 2) ** 0.5, 10.0, 1.0, 0, mean, column)


def _difference(first: Corrected, rival: Corrected) -> Corrected:
    """How much better one is than the other, one half for "as good"."""
    values = first.values - rival.values + 0.5
    error = (first.error**2 + rival.error**2) ** 0.5
    mean = first.mean - rival.mean + 0.5
    return Corrected(mean, error, min(first.freedom, rival.freedom), 1.0, min(first.labels, rival.labels), mean, values)


def _seconds(labels: Sequence[AnswerLabel]) -> float:
    """The median time between two labels of a person."""
    from statistics import median

    gaps = []
    people = [one for one in labels if one.by != NO_ANSWER]
    for before, after in pairwise(people):
        try:
            gap = (datetime.fromisoformat(after.at) - datetime.fromisoformat(before.at)).total_seconds()
        except (ValueError, TypeError):
            continue
        if 0 < gap < PAUSE:
            gaps.append(gap)
    return median(gaps) if len(gaps) >= MIN_LABELS else SECONDS
