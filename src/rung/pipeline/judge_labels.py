"""People's labels of single answers: their file in the project, and a judge's scores corrected by them before `decide`."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rung.config.project import Project
from rung.dataset.row_files import json_lines
from rung.errors import InputError
from rung.files.durable import alone
from rung.records import Evaluation, JudgeCheck, Outcome, Problem
from rung.report.ragas import response_of
from rung.scoring.answer_labels import AnswerLabel, Heard, answer_digest, heard, standing
from rung.scoring.judge import agreement
from rung.stats.prediction_powered import MIN_LABELS, Corrected, among, corrected, shift_of, shifted
from rung.verdict import reasons
from rung.verdict.bar import MAIN

if TYPE_CHECKING:
    from rung.pipeline.scored import Scored
    from rung.stats.estimates import Floats

FILE, LOCK = "human.labels.jsonl", "human.labels.lock"


def labels_file(project: Project) -> Path:
    """Where people's labels are kept: beside `rung.yaml`, to be kept under version control."""
    return project.root / FILE


def read_labels(project: Project) -> list[AnswerLabel]:
    """Every label of the file that nobody took back, in its order; none where there is no file.

    Raises:
        InputError: a line is no label.
    """
    path = labels_file(project)
    if not path.exists():
        return []
    problems: list[Problem] = []
    labels = []
    for line, row in json_lines(path, str(path), problems):
        try:
            labels.append(AnswerLabel.read(row))
        except ValueError as error:
            raise InputError(f"is no label of an answer: it {error}", path=path, line=line) from error
    if problems and path.stat().st_size:
        raise InputError(problems[0].message, path=path, line=problems[0].line)
    return standing(labels)


def add_labels(project: Project, labels: Sequence[AnswerLabel]) -> None:
    """Write labels at the end of the file; when this returns they are on the disk. Others who do wait for it."""
    path = labels_file(project)
    with alone(project.state / LOCK):
        ended = not path.exists() or path.read_bytes()[-1:] in (b"", b"\n")
        with path.open("a", encoding="utf-8") as file:
            file.write("" if ended else "\n")
            file.write("".join(f"{json.dumps(label.as_json(), ensure_ascii=False)}\n" for label in labels))
            file.flush()
            os.fsync(file.fileno())


def corrected_by_people(project: Project, scored: Scored) -> tuple[dict[str, Corrected], JudgeCheck | None]:
    """By rung its `correct` on the scale of people's labels, where a model judges by a rubric and people labelled enough.

    A rung with `MIN_LABELS` labels of its own answers or more is corrected by these. Others move by as much as these did on
    average, taken to be judged alike, and are as uncertain: a judge that is too kind to all must not make the one that was
    looked at the worst. What the judge is not asked about, an answer that says it does not know, keeps its score.
    """
    import numpy as np

    settings = project.settings
    if scored.measure.correct_by != "judge" or settings.judge.mode == "pairwise" or not (labels := read_labels(project)):
        return {}, None
    judged = {e.name: e for e in scored.evaluations if MAIN in e.values and not e.has_failed}
    by_people = {name: heard(labels, name, digests(e.outcomes), e.scorecard.cases) for name, e in judged.items()}
    asked = {name: _asked(e) for name, e in judged.items()}
    parts = {}
    for index, (name, e) in enumerate(judged.items()):
        one = corrected(asked[name], by_people[name].human, clusters=e.clusters, seed=index + 1)
        if one is not None:
            parts[name] = one
    if not parts:
        return {}, _check(settings.judge.model or settings.model, judged, by_people, {})
    shift, corrections = shift_of(list(parts.values())), {}
    for index, (name, e) in enumerate(judged.items()):
        if np.isnan(asked[name]).all():
            continue
        part = parts.get(name) or shifted(asked[name], shift, clusters=e.clusters)
        corrections[name] = among(e.values[MAIN], part, clusters=e.clusters, seed=index + 1 if name in parts else 0)
    own = {name: corrections[name] for name in parts}
    others = [name for name in corrections if name not in own]
    return corrections, _check(
        settings.judge.model or settings.model, judged, by_people, own, others=others, moved=shift.mean
    )


def _asked(evaluation: Evaluation) -> Floats:
    """`correct` of the answers that the judge was asked about, NaN elsewhere: what says that it does not know is 0 or 1 by
    rule."""
    import numpy as np

    refused = {o.case for o in evaluation.outcomes if o.answer is None or o.answer.refused}
    by_rule = np.array([case in refused for case in evaluation.scorecard.cases])
    return np.where(by_rule, np.nan, evaluation.values[MAIN])


def digests(outcomes: Sequence[Outcome]) -> dict[str, str]:
    """Case -> digest of the answer that a run gave."""
    texts = ((o.case, "" if o.answer is None else response_of(o.answer)) for o in outcomes)
    return {case: answer_digest(case, text) for case, text in texts}


def _check(
    judge: str,
    judged: Mapping[str, Evaluation],
    by_people: Mapping[str, Heard],
    own: Mapping[str, Corrected],
    *,
    others: Sequence[str] = (),
    moved: float = 0.0,
) -> JudgeCheck:
    """How far people and the judge agree, over all labels that count, and what follows, in numbers and in words."""
    import numpy as np

    pairs = []
    for name, heard_of in by_people.items():
        column = judged[name].values[MAIN]
        for n in np.flatnonzero(~np.isnan(heard_of.human) & ~np.isnan(column) & (heard_of.human != 0.5)):
            pairs.append((bool(heard_of.human[n] > 0.5), bool(column[n] > 0.5)))
    agreed = agreement(pairs)
    words = [
        agreed.words(judge, corrected=bool(own))
        if agreed
        else f"The judge {judge} is not calibrated: no label in {FILE} counts."
    ]
    if own:
        summary = "; ".join(
            f"{name} {reasons.number(one.judged)} by the judge, {reasons.interval(one.estimate)} with {one.labels} labels"
            for name, one in own.items()
        )
        words.append(f"`correct` is the judge's, corrected by people's labels: {summary}.")
        if others:
            words.append(
                f"{reasons.listed(others)}: too few labels of their own; their judged answers moved as those did of which "
                f"people were asked ({moved:+.2f}), which is right if the judge errs alike on them."
            )
    elif pairs:
        words.append(
            f"The judge's scores are not corrected: a rung needs {MIN_LABELS} labels of its answers (rung cases label)."
        )
    words += [sentence for name, one in by_people.items() for sentence in _not_counted(name, one)]
    return JudgeCheck(
        labels=len(pairs),
        agreement=None if agreed is None else agreed.share,
        kappa=None if agreed is None else agreed.kappa,
        judged={name: float(np.nanmean(e.values[MAIN])) for name, e in judged.items() if not np.isnan(e.values[MAIN]).all()},
        by_rung={name: one.labels for name, one in own.items()},
        power={name: one.power for name, one in own.items()},
        words=tuple(words),
    )


def _not_counted(name: str, of_rung: Heard) -> list[str]:
    """Sentences about labels of a rung that count for nothing, or for half."""
    sentences = []
    if of_rung.stale:
        n = reasons.cases(of_rung.stale, what="label")
        sentences.append(f"{n} of {name} said something of answers that it no longer gives: none of its labels counts.")
    if of_rung.split:
        n = reasons.cases(of_rung.split, what="answer")
        sentences.append(f"Labels contradict each other on {n} of {name}: each counts as the mean of its labels.")
    return sentences
