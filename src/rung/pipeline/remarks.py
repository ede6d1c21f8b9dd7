"""What must be said of how a comparison came about: that it is a trial run, that its latencies were not taken together."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping, Sequence

from rung.pipeline.prepare import Prepared
from rung.records import Answer, Case, Coverage, Evaluation, Json, Timed, rung_of
from rung.records.gold import ignored
from rung.scoring import ScoringContext
from rung.scoring.refusal import spoken
from rung.text.json_values import fits
from rung.text.labels import is_label, label_named
from rung.text.parsing import unfenced
from rung.verdict import reasons

BUSY = 2.0  # load average for each CPU from which on a machine was too busy: a comparison itself comes to about 1

_HELD = frozenset(("structured", "long_context", "rag", "closed_book", "oracle"))  # rungs and arms that ask for the form


def trial(prepared: Prepared, coverage: Coverage, left_out: str = "") -> str:
    """Why a comparison is a trial run, "" where it is none: it was limited to some of the cases, a model was left out, or it
    was cut short."""
    there = len(prepared.rows.split("test"))
    if len(prepared.cases) < there:
        return reasons.limited(len(prepared.cases), there)
    if left_out:
        return reasons.without_model(left_out)
    return "a budget ended it" if coverage.partial else ""


def timed_in(evaluations: Sequence[Evaluation]) -> dict[str, Timed]:
    """When and where each rung was timed, of those that were."""
    latencies = ((e.name, e.result.latency) for e in evaluations)
    return {name: latency.timed for name, latency in latencies if latency is not None and latency.timed}


def of_timing(evaluations: Sequence[Evaluation]) -> Iterator[str]:
    """What speaks against setting the latencies side by side, or against trusting them."""
    for e in evaluations:
        if e.result.unanswered is not None:
            yield reasons.unanswered(e.name, e.result.unanswered, e.result.latency)
    timed = timed_in(evaluations)
    sessions = {one.session: one for one in timed.values()}
    if len(sessions) > 1:
        yield reasons.timed_apart(timed)
    for one in sessions.values():
        if one.host != platform.node():
            yield reasons.timed_elsewhere(one)
        elif one.load is not None and one.load > BUSY * one.cpus:
            yield reasons.timed_while_busy(one)


def when_timed(evaluations: Sequence[Evaluation]) -> dict[str, Json]:
    """For the settings that a report names: when and where all rungs were timed, if they were timed together."""
    sessions = {one.session: one for one in timed_in(evaluations).values()}
    return {"timed": str(one)} if len(sessions) == 1 and (one := next(iter(sessions.values()))) else {}


def of_scoring(cases: Sequence[Case], scoring_context: ScoringContext, evaluations: Sequence[Evaluation]) -> Iterator[str]:
    """What was forgiven or left out when answers were scored."""
    left_out = {case.id: ids for case in cases if (ids := ignored(case))}
    answers = {e.name: [(o.case, o.answer) for o in e.outcomes if o.answer is not None] for e in evaluations}
    met = {id for each in answers.values() for id, a in each if any(p.document in left_out.get(id, ()) for p in a.retrieved)}
    if met:
        yield reasons.documents_ignored(len(met), len(cases))
    labels = scoring_context.labels if scoring_context.correct_by == "label" else ()
    for name, each in answers.items():
        responses = [spoken(answer) for _, answer in each if not answer.refused]
        forgiven = [text for text in responses if not is_label(text, labels) and label_named(text, labels) is not None]
        if forgiven:
            yield reasons.labels_forgiven(name, len(forgiven), len(each), forgiven[0].strip())
    yield from _in_fences(answers, scoring_context.schema)


def _in_fences(answers: Mapping[str, Sequence[tuple[str, Answer]]], schema: str) -> Iterator[str]:
    """Rungs whose answers are JSON of the schema within a Markdown fence, and what to do. `answers`: by rung, with their
    cases."""
    fenced: dict[str, int] = {}
    for name, each in answers.items() if schema else ():
        inner = (text for _, answer in each if (text := unfenced(answer.text)) is not None)  # no fence is JSON
        fenced[name] = sum(fits(text, schema) for text in inner)
    ignored_by = next((name for name, count in fenced.items() if count and rung_of(name) in _HELD), "")
    what = f", since {ignored_by} asks for the form, and it is not held" if ignored_by else ", or hold the form (structured)"
    for name, count in fenced.items():
        if count:
            yield (
                f"{name}: {count:,} of {len(answers[name]):,} answers are right in form but for a Markdown fence (```) "
                f"around them: say in the task that there is to be none{what}."
            )


def of_answers(evaluations: Sequence[Evaluation], *, limit_tokens: int) -> list[str]:
    """What is amiss with answers, artifacts and scores, rung by rung. `limit_tokens`: see `Materials`."""
    begun = [e for e in evaluations if e.outcomes]
    remarks: list[str] = []
    for e in begun:
        if errors := e.scorecard.errors:
            scores = "1 score" if len(errors) == 1 else f"{len(errors)} scores"
            remarks.append(f"{e.name}: {scores} could not be made ({errors[0].scorer}: {errors[0].message}).")
    remarks += [f"{e.name}: {doubt}." for e in evaluations for doubt in e.doubts if e.spec is not None]
    cut_prompts = [(e, sum(outcome.usage.cut_prompts > 0 for outcome in e.outcomes)) for e in begun]
    remarks += [reasons.prompt_cut(e.name, n, len(e.outcomes)) for e, n in cut_prompts if n]
    remarks += [sentence for e in begun if (sentence := _passages_cut(e, limit_tokens))]
    remarks += _left_out(begun)
    return remarks


def _left_out(begun: Sequence[Evaluation]) -> Iterator[str]:
    """What answers were to be of and are not: turns of long conversations, documents beyond a budget."""
    for e in begun:
        answers = [outcome.answer for outcome in e.outcomes if outcome.answer is not None]
        if turns := [answer.turns_left_out for answer in answers if answer.turns_left_out]:
            yield reasons.turns_left_out(e.name, turns, len(answers))
        if documents := [answer.documents_left_out for answer in answers if answer.documents_left_out]:
            yield reasons.documents_left_out(e.name, documents, len(answers))


def _passages_cut(evaluation: Evaluation, room: int) -> str:
    """That answers were not shown all the passages they should have been, since they do not fit; "" where they were."""
    if evaluation.is_reference or evaluation.spec is None or not room:
        return ""  # the oracle says itself what does not fit
    most = evaluation.spec.settings.get("passages")
    if not isinstance(most, int):
        return ""
    answers = [o.answer for o in evaluation.outcomes if o.answer is not None and o.answer.retrieved]
    cut = sum(answer.passages[:most] != answer.retrieved[:most] for answer in answers)
    return reasons.passages_cut(evaluation.name, cut, len(answers), room) if cut else ""
