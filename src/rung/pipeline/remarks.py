"""What must be said of how a comparison came about: that it is a trial run, that its latencies were not taken together."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping, Sequence

from rung.pipeline.answering import Run
from rung.pipeline.prepare import Prepared
from rung.records import Case, Coverage, Json, Timed
from rung.records.gold import ignored
from rung.scoring import ScoringContext
from rung.scoring.refusal import spoken
from rung.text.labels import is_label, label_named
from rung.verdict import reasons

BUSY = 2.0  # load average for each CPU from which on a machine was too busy: a comparison itself comes to about 1


def trial(intake: Prepared, coverage: Coverage) -> str:
    """Why a comparison is a trial run, "" where it is none: it was limited to some of the cases, or cut short."""
    there = len(intake.rows.split("test"))
    if len(intake.cases) < there:
        return reasons.limited(len(intake.cases), there)
    return "a budget ended it" if coverage.partial else ""


def timed_in(runs: Mapping[str, Run]) -> dict[str, Timed]:
    """When and where each rung was timed, of those that were."""
    return {name: run.latency.timed for name, run in runs.items() if run.latency is not None and run.latency.timed}


def of_timing(runs: Mapping[str, Run]) -> Iterator[str]:
    """What speaks against setting the latencies side by side, or against trusting them."""
    timed = timed_in(runs)
    sessions = {one.session: one for one in timed.values()}
    if len(sessions) > 1:
        yield reasons.timed_apart(timed)
    for one in sessions.values():
        if one.host != platform.node():
            yield reasons.timed_elsewhere(one)
        elif one.load is not None and one.load > BUSY * one.cpus:
            yield reasons.timed_while_busy(one)


def when_timed(runs: Mapping[str, Run]) -> dict[str, Json]:
    """For the settings that a report names: when and where all rungs were timed, if they were timed together."""
    sessions = {one.session: one for one in timed_in(runs).values()}
    return {"timed": str(one)} if len(sessions) == 1 and (one := next(iter(sessions.values()))) else {}


def of_scoring(cases: Sequence[Case], scoring_context: ScoringContext, runs: Mapping[str, Run]) -> Iterator[str]:
    """What was forgiven or left out when answers were scored."""
    left_out = {case.id: ids for case in cases if (ids := ignored(case))}
    answers = {label: [(o.case, o.answer) for o in run.outcomes if o.answer is not None] for label, run in runs.items()}
    met = {id for each in answers.values() for id, a in each if any(p.document in left_out.get(id, ()) for p in a.retrieved)}
    if met:
        yield reasons.documents_ignored(len(met), len(cases))
    labels = scoring_context.labels if scoring_context.correct_by == "label" else ()
    for label, each in answers.items():
        said = [spoken(answer) for _, answer in each if not answer.refused]
        forgiven = [text for text in said if not is_label(text, labels) and label_named(text, labels) is not None]
        if forgiven:
            yield reasons.labels_forgiven(label, len(forgiven), len(each), forgiven[0].strip())
