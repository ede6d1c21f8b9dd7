"""Builds a router: its rungs answer cases that do not judge, the project's scorer says who was right, a head learns it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from rung.errors import NotWorthwhile
from rung.records import Answer, Asker, Case, Json, Outcome, digest
from rung.scoring import score_run, yardstick
from rung.scoring.registry import scorers
from rung.steps import Conversation
from rung.strategies.protocol import Member, Routing
from rung.training.registry import learnt_case
from rung.workshop.artifacts import Built, Training, building, remember_rows, seal

if TYPE_CHECKING:
    from rung.estimating import Floats
    from rung.training.router import Trials
    from rung.workshop.holding import Workshop

KIND = "router"
COMPLETION = 4  # a token that is written costs about so many that are read: by price lists, and by a local model's time
BY_CASES = -1


def build_router(workshop: Workshop, need: Routing, title: str) -> Built:
    """The router over these rungs; named by them, the cases, the engines that answered and the recipe.

    Raises:
        NotWorthwhile: no rung is better than the cheapest on any case, or too few could be scored.
    """
    from rung.training.classifier import finite
    from rung.training.router import train_router

    settings = workshop.project.settings
    engines = {name: engine.identity for name, engine in workshop.engines().items()}
    cases = [(c.id, c.question, c.answers, c.answerable, c.groups, c.messages) for c in need.cases]
    members = [(member.label, member.identity) for member in need.members]
    judged_by = (need.schema, need.labels, settings.bar.metric, settings.prices.model_dump())
    named = digest(KIND, members, cases, engines, workshop.embedder.identity, need.recipe, judged_by, workshop.seed)
    folder = workshop.artifact_folder(KIND, named)
    with building(workshop, folder, title) as missing:
        if missing:
            began = time.monotonic()
            with workshop.while_training(Training(KIND, len(need.cases))):
                trials, tried = _trials(workshop, need, title)
            with workshop.reporter.phase(title):
                used = (digest for member in need.members for digest in member.spec.artifacts)
                beside = tuple(dict.fromkeys(digest for digest in used if digest in workshop.ready.classifiers))
                vectors = finite(workshop.classifiers.vectors([case.question for case in tried], beside=beside))
                least = float(str(need.recipe["threshold"]))
                head, made = train_router(
                    vectors,
                    trials,
                    threshold=None if least == BY_CASES else least,
                    give_up=float(str(need.recipe["give_up"])),
                    refuse=need.recipe["otherwise"] == "refuse",
                    seed=workshop.seed,
                )
                remember_rows(folder, map(learnt_case, tried))
                replace(head, beside=beside).save(folder)
                about: dict[str, Json] = {
                    "kind": KIND,
                    "rows": len(tried),
                    "rows_digest": digest(cases),
                    "base": {"name": settings.embedder, "identity": workshop.embedder.identity},
                    "recipe": dict(need.recipe),
                    "seconds": time.monotonic() - began,
                }
                seal(folder, {**about, **made})
    workshop.ready.classifiers[named] = folder
    return Built(named, folder)


def _trials(workshop: Workshop, need: Routing, title: str) -> tuple[Trials, list[Case]]:
    """What every member made of the cases, cheapest member first; a case that could not be scored is left out."""
    import numpy as np

    from rung.training.router import Trials

    outcomes = [_answered(workshop, member, need.cases, title) for member in need.members]
    costs, unit = _costs(workshop, outcomes)
    correct = np.stack([_correct(workshop, need, some) for some in outcomes], axis=1)
    scored = np.flatnonzero(np.isfinite(correct).all(axis=1))
    if len(scored) < 2:
        raise NotWorthwhile(f"{len(scored)} of {len(need.cases)} cases could be scored for every rung")
    order = sorted(range(len(need.members)), key=lambda place: (float(costs[:, place].mean()), place))
    tried = [need.cases[place] for place in scored]
    return Trials(
        names=tuple(need.members[place].label for place in order),
        correct=correct[scored][:, order],
        cost=costs[scored][:, order],
        refusing=np.array([float(not case.answerable) for case in tried]),
        unit=unit,
    ), tried


def _answered(workshop: Workshop, member: Member, cases: Sequence[Case], title: str) -> list[Outcome]:
    talks = [_talk(member, case) for case in cases]
    ended = workshop.carry(talks, title=f"{title}: {member.label} tries")
    return [Outcome(c.id, e.value, e.failure, e.usage) for c, e in zip(cases, ended, strict=True)]


def _talk(member: Member, case: Case) -> tuple[Asker, Callable[[], Conversation[Answer]]]:
    return case.asker, lambda: member.strategy.answer(case.ask())


def _correct(workshop: Workshop, need: Routing, outcomes: Sequence[Outcome]) -> Floats:
    """`correct` of each case, by the scorer that judges the project."""
    metric = workshop.project.settings.bar.metric or ""
    measure = yardstick(need.cases, schema=need.schema, labels=need.labels, metric=metric)
    judge = {"correctness": scorers()["correctness"]}
    return score_run(need.cases, outcomes, yardstick=measure, scorers=judge).values["correct"]


def _costs(workshop: Workshop, outcomes: Sequence[Sequence[Outcome]]) -> tuple[Floats, str]:
    """[cases, members], and in what: money where every price is known and some is not 0, else tokens."""
    import numpy as np

    prices = workshop.project.settings.prices
    per_prompt, per_completion = prices.prompt_usd_per_million, prices.completion_usd_per_million
    used = [[outcome.usage for outcome in some] for some in outcomes]
    if per_prompt is not None and per_completion is not None:
        spent = [
            [(u.prompt_tokens * per_prompt + u.completion_tokens * per_completion) / 1e6 for u in some] for some in used
        ]
        return np.array(spent).T, "usd a question"
    charged = [[0.0 if not u.prompt_tokens + u.completion_tokens else u.usd for u in some] for some in used]
    if all(usd is not None for some in charged for usd in some) and any(usd for some in charged for usd in some):
        return np.array(charged, dtype=float).T, "usd a question"
    tokens = [[float(u.prompt_tokens + COMPLETION * u.completion_tokens) for u in some] for some in used]
    return np.array(tokens).T, f"tokens a question, one written as {COMPLETION} read"
