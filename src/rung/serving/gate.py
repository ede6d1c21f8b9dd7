"""The gate before a deployment: what the last verdict says of it, what its artifacts forgot, whether it answers as scored.

Each condition is a `Check` with its figure; what follows from one that does not hold is left to `promotion`.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rung.artifacts.store import ARTIFACTS, MANIFEST, Built
from rung.builders.building import ArtifactBuilder
from rung.builders.forgetting_gate import forgot
from rung.dataset.duplicates import short
from rung.dataset.load import load_dataset
from rung.errors import UserError
from rung.pipeline.evaluation_store import Asked as AsStored
from rung.pipeline.evaluation_store import Stored
from rung.pipeline.limits import asked_in, bar_in
from rung.pipeline.publishing import Published
from rung.pipeline.searchable import at_hand
from rung.progress import Tick, phase
from rung.records import Answer, Asker, Bill, Case, Estimate, Latency, Outcome, RungResult
from rung.records.deployment import Check
from rung.serving.answered import Asked
from rung.serving.answering import Answering, whole_answer
from rung.serving.callers import Caller
from rung.serving.conversations import Conversations, Limits
from rung.serving.deployments import Deployment
from rung.serving.metrics import Metrics
from rung.serving.refusal import NotAnswered
from rung.text.matching import matches
from rung.verdict.reasons import commonest

EVALUATIONS = "evaluations.jsonl.gz"
SAMPLE = 20  # cases that are answered anew
_NAMED = 5  # of those that were not answered as scored
_SEED = 20


@dataclass(frozen=True, slots=True)
class AsCase(Caller):
    """Asks as a case does: `asks` may read everything."""

    asks: Asker = field(default_factory=Asker)

    @property
    def asker(self) -> Asker:
        """The case's."""
        return self.asks


def checks(builder: ArtifactBuilder, deployment: Deployment, verdict: Published, stored: Stored | None) -> tuple[Check, ...]:
    """Every condition of the gate, in the order in which they are told.

    Args:
        builder: with the engines that answer.
        deployment: opened.
        verdict: that measured it.
        stored: its answers, where they are kept.

    Raises:
        UserError: the verdict did not measure this rung.
    """
    result = _result(_row(verdict, deployment.pinned.label))
    return (
        _bar(builder, verdict, result, stored),
        _leaks(result),
        _forgetting(builder, deployment),
        _parity(builder, deployment, stored),
    )


def _row(verdict: Published, label: str) -> Mapping[str, Any]:
    rungs: Any = verdict.said["rungs"]
    row = next((one for one in rungs if one["name"] == label and not one.get("reference")), None)
    if row is None or row["status"] != "measured":
        names = ", ".join(one["name"] for one in rungs if one["status"] == "measured" and not one.get("reference"))
        raise UserError(f"the last verdict measured no rung '{label}'; it measured: {names or 'none'}")
    return dict(row)


def _result(row: Mapping[str, Any]) -> RungResult:
    """A rung's line as far as limits are about it."""
    latency, bill = row["latency_ms"], row["bill"]
    times = None if latency["p95"] is None else Latency(latency["p50"], latency["p95"], 0)
    costs = None if bill is None else Bill({}, {}, None, per_month=bill["per_month"], per_passed=bill["per_passed"])
    scores = {name: Estimate(one["mean"], one["low"], one["high"], one["n"]) for name, one in row["scores"].items()}
    return RungResult(
        row["name"],
        row["settings"],
        "measured",
        scores=scores,
        usd_per_1k=row["usd_per_1k"],
        latency=times,
        bill=costs,
        probability=row["probability_of_bar"],
        keeps=row["keeps"],
    )


def _bar(builder: ArtifactBuilder, verdict: Published, result: RungResult, stored: Stored | None) -> Check:
    bar, probability = bar_in(builder.project), result.probability
    coverage: Any = verdict.said.get("coverage") or {}
    broken = [f"{name} is {value:.4g}" for name, value, _ in bar.broken_by(result)]
    if bar.correct is None:
        return Check("bar", False, None, "rung.yaml sets no bar for 'correct', so that nothing says what is good enough")
    if probability is None:
        return Check("bar", False, None, "the last verdict does not say how probably it reaches the bar")
    if other := _asked_otherwise(builder, verdict, stored):
        return Check("bar", False, probability, other)
    says = f"reaches {bar.correct:g} with probability {probability:.2f}, where {1 - bar.risk:.2f} is asked for"
    if broken:
        says += f"; a limit is broken: {', '.join(broken)}"
    if partial := coverage.get("partial"):
        says += f"; the comparison ended early: {partial}"
    return Check("bar", bar.is_cleared(probability) and not broken and not partial, probability, says)


def _asked_otherwise(builder: ArtifactBuilder, verdict: Published, stored: Stored | None) -> str:
    """What the verdict was judged by and `rung.yaml` does not ask any more, in words; "" where both are the same."""
    now, root = asked_in(builder.project), builder.project.root
    then = dict(stored.facts.asked) if stored is not None else {}
    again = f"decide anew with 'rung rescore {root}' or 'rung compare {root}'"
    if not then:
        return f"the last verdict does not say by what bar it was judged: {again}"
    then["risk"] = verdict.said["risk"]
    names = sorted(name for name in {**now, **then} if now.get(name) != then.get(name))
    changes = (f"{name} was {then.get(name, 'not set')} and is {now.get(name, 'not set')}" for name in names)
    return f"the last verdict was judged otherwise than rung.yaml asks now ({', '.join(changes)}): {again}" if names else ""


def _leaks(result: RungResult) -> Check:
    leaks = result.scores.get("leaks")
    if leaks is None or leaks.mean is None:
        return Check("leaks", True, None, "no case is about what its asker may not read, so that nothing could leak")
    return Check("leaks", leaks.mean == 0, leaks.mean, f"{leaks.mean * leaks.n:.0f} of {leaks.n} cases leaked")


def _forgetting(builder: ArtifactBuilder, deployment: Deployment) -> Check:
    state = builder.project.state
    spec = deployment.spec
    named = () if spec is None else (*spec.artifacts, *(one for _, member in spec.members for one in member.artifacts))
    folders = [folder for one in named for folder in (state / ARTIFACTS).glob(f"*/{one}") if (folder / MANIFEST).exists()]
    tuned = [Built(folder.name, folder) for folder in folders if "forgetting" in Built(folder.name, folder).manifest]
    marked = [why for built in tuned for why in forgot(builder.project, built)]
    says = "; ".join(marked) or (f"{len(tuned)} tuned artifacts, within the limit" if tuned else "nothing of it was tuned")
    return Check("forgetting", not marked, float(len(marked)), says)


def _parity(builder: ArtifactBuilder, deployment: Deployment, stored: Stored | None) -> Check:
    """Whether cases, asked anew through the serving path, are answered as they were when they were scored."""
    if stored is None:
        return Check("parity", False, None, "the verdict keeps no answers to hold the served ones against")
    outcomes = next((one.outcomes for one in stored.evaluations if one.name == deployment.pinned.label), ())
    sample = _sample(load_dataset(builder.project).cases, stored, outcomes)
    if not sample:
        return Check("parity", False, None, f"none of the {len(outcomes)} scored answers is to a case as it stands now")
    given = asyncio.run(_answered(builder, deployment, [case for case, _ in sample]))
    how = [_compared(scored, answer) for (_, scored), answer in zip(sample, given, strict=True)]
    named = {one: [case for (case, _), what in zip(sample, how, strict=True) if what == one] for one in {*how}}
    failed = [failure for failure in given if isinstance(failure, str)]
    says = f"of {len(sample)} cases asked anew, {how.count('equal')} were answered word for word as scored"
    says += f", {how.count('alike')} say the same in other words" if "alike" in named else ""
    says += f", {how.count('other')} otherwise: {_places(named['other'])}" if "other" in named else ""
    if failed:
        says += f", {len(failed)} came to no answer, asked twice ({commonest(failed)}): {_places(named['failed'])}"
    share = (how.count("equal") + how.count("alike")) / len(sample)
    return Check("parity", share == 1, share, says)


def _places(cases: Sequence[Case]) -> str:
    """Where the first few stand, with the beginnings of their questions."""
    shown = ", ".join(f"{case.place or case.id} ({short(case.question)})" for case in cases[:_NAMED])
    return f"{shown} and {len(cases) - _NAMED} more" if len(cases) > _NAMED else shown


def _sample(cases: Sequence[Case], stored: Stored, outcomes: Sequence[Outcome]) -> list[tuple[Case, Answer]]:
    """Cases that stand as they stood, with the answers that were scored; always the same ones. A failure is nothing to hold
    an answer against."""
    by_id = {case.id: case for case in cases}
    usable = [(by_id[one.case], one.answer) for one in outcomes if one.case in by_id and one.answer is not None]
    usable = [pair for pair in usable if AsStored.of(pair[0]).question == stored.asked[pair[0].id].question]
    return random.Random(_SEED).sample(usable, min(SAMPLE, len(usable)))


async def _answered(builder: ArtifactBuilder, deployment: Deployment, cases: Sequence[Case]) -> list[Answer | str]:
    """What the server would answer; why it would not, where it fails twice."""
    engines = builder.engines
    answering = Answering(
        {deployment.name: deployment}, Conversations(Limits()), Metrics(), at_hand(engines), cuttings=engines.indexes
    )

    async def each(cases: Sequence[Case], title: str) -> list[Answer | str]:
        done = 0

        async def one(case: Case, tick: Tick) -> Answer | str:
            nonlocal done
            asked, caller = Asked(deployment, case.ask()), AsCase(f"case {case.id}", asks=case.asker)
            try:
                return (await whole_answer(answering.answer(caller, asked))).answer
            except NotAnswered as refusal:
                return refusal.why or refusal.message
            finally:
                done += 1
                tick(done, len(cases), "")

        with phase(title) as tick:
            return list(await asyncio.gather(*(one(case, tick) for case in cases)))

    try:
        given = await each(cases, "cases asked as a server would")
        failed = [index for index, answer in enumerate(given) if isinstance(answer, str)]
        if failed:
            again = await each([cases[index] for index in failed], "cases that failed asked once more")
            for index, answer in zip(failed, again, strict=True):
                given[index] = answer
        return given
    finally:
        answering.conversations.close()


def _compared(scored: Answer, given: Answer | str) -> str:
    """ "equal", "alike", "other", or "failed"."""
    if isinstance(given, str):
        return "failed"
    if scored.text.strip() == given.text.strip() and scored.refused == given.refused:
        return "equal"
    is_alike = scored.refused == given.refused and matches(given.plain or given.text, [scored.plain or scored.text])
    return "alike" if is_alike else "other"
