"""Builds a router: its rungs answer cases that do not judge, the project's scorer says who was right, a head learns it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from rung.artifacts.store import Built, Training, artifact_folder, building, remember_rows, seal
from rung.builders.building import ArtifactBuilder
from rung.builders.scored_answers import content_of, correct_of, outcomes_of
from rung.config.pricing import BATCH_PRICES
from rung.config.project import Project
from rung.errors import NotWorthwhile
from rung.progress import phase, working_time
from rung.records import Case, Json, Outcome, digest
from rung.runtime.runner import StepRunner
from rung.strategies.protocol import Routing
from rung.training.registry import learnt_case
from rung.verdict.costs import Prices, token_usd

if TYPE_CHECKING:
    from rung.stats.estimates import Floats
    from rung.training.router import Trials

KIND = "router"
COMPLETION = 4  # a token that is written costs about so many that are read: by price lists, and by a local model's time
BY_CASES = -1
_LATER = (  # routers were named before these prices came
    *("cached_prompt_usd_per_million", "machine_concurrency"),
    *("hosting_usd_per_hour", "hosting_hours_per_month", "hosting_tokens_per_second"),
)


def build_router(builder: ArtifactBuilder, need: Routing, title: str) -> Built:
    """The router over these rungs; named by them, the cases, the engines that answered and the recipe.

    Raises:
        NotWorthwhile: no rung is better than the cheapest on any case, or too few could be scored.
    """
    from rung.training.classifier import finite
    from rung.training.router import train_router

    settings = builder.project.settings
    named = router_digest(builder, need)
    folder = artifact_folder(builder.project.state, KIND, named)
    with building(folder, title) as missing:
        if missing:
            began = working_time()
            with builder.training(Training(KIND, len(need.cases))):
                trials, tried = _trials(builder.runner, need, title)
            with phase(title):
                used = (digest for member in need.members for digest in member.spec.artifacts)
                beside = tuple(dict.fromkeys(digest for digest in used if digest in builder.engines.heads))
                vectors = finite(builder.engines.classifiers.vectors([case.question for case in tried], beside=beside))
                least = float(str(need.recipe["threshold"]))
                head, manifest = train_router(
                    vectors,
                    trials,
                    threshold=None if least == BY_CASES else least,
                    give_up=float(str(need.recipe["give_up"])),
                    refuse=need.recipe["otherwise"] == "refuse",
                    seed=builder.project.settings.seed,
                )
                remember_rows(folder, map(learnt_case, tried))
                replace(head, beside=beside).save(folder)
                about: dict[str, Json] = {
                    "kind": KIND,
                    "rows": len(tried),
                    "rows_digest": digest(_content(need)),
                    "base": {"name": settings.embedder, "identity": builder.engines.embedder.identity},
                    "recipe": dict(need.recipe),
                    "seconds": working_time() - began,
                }
                seal(folder, {**about, **manifest})
    return Built(named, folder)


def router_digest(builder: ArtifactBuilder, need: Routing) -> str:
    """Names a router by everything that what it learns depends on."""
    settings = builder.project.settings
    others = {model: None for member in need.members for model in member.spec.models if model != settings.model}
    engines = {name: engine.identity for name, engine in builder.engines.by_step(tuple(others)).items()}
    members = [(member.label, member.identity, member.spec.task) for member in need.members]
    later = {name for name in _LATER if name not in settings.prices.model_fields_set} | {*BATCH_PRICES}
    judged_by = (need.schema, need.labels, settings.bar.metric, settings.prices.model_dump(exclude=later))
    weights = (settings.bar.fields,) if settings.bar.fields else ()
    return digest(
        KIND,
        members,
        _content(need),
        engines,
        builder.engines.embedder.identity,
        need.recipe,
        judged_by,
        *weights,
        builder.project.settings.seed,
    )


def _content(need: Routing) -> list[tuple[object, ...]]:
    return [content_of(case) for case in need.cases]


def _trials(runner: StepRunner, need: Routing, title: str) -> tuple[Trials, list[Case]]:
    """What every member made of the cases, cheapest member first; a case that could not be scored is left out."""
    import numpy as np

    from rung.training.router import Trials

    outcomes = [
        outcomes_of(runner.on(member.spec.model), member.strategy, need.cases, title=f"{title}: {member.label} tries")
        for member in need.members
    ]
    costs, unit = _costs(runner.project, [member.spec.model for member in need.members], outcomes)
    columns = [correct_of(runner.project, need.cases, some, schema=need.schema, labels=need.labels) for some in outcomes]
    correct = np.stack(columns, axis=1)
    scored = np.flatnonzero(np.isfinite(correct).all(axis=1))
    if len(scored) < 2:
        raise NotWorthwhile(f"{len(scored)} of {len(need.cases)} cases could be scored for every rung")
    by_cost = sorted(range(len(need.members)), key=lambda index: (float(costs[:, index].mean()), index))
    tried = [need.cases[index] for index in scored]
    return Trials(
        names=tuple(need.members[index].label for index in by_cost),
        correct=correct[scored][:, by_cost],
        cost=costs[scored][:, by_cost],
        refusing=np.array([float(not case.answerable) for case in tried]),
        unit=unit,
    ), tried


def _costs(project: Project, models: Sequence[str], outcomes: Sequence[Sequence[Outcome]]) -> tuple[Floats, str]:
    """[cases, members], and in what: money where every price is known and some is not 0, else tokens. `models`: of each."""
    import numpy as np

    prices = [Prices(**project.on(model).settings.prices.model_dump(exclude={*BATCH_PRICES})) for model in models]
    used = [[outcome.usage for outcome in some] for some in outcomes]
    charged = [[token_usd(usage, own) for usage in some] for own, some in zip(prices, used, strict=True)]
    given = all(own.of_tokens(1, 1) is not None for own in prices)
    if all(usd is not None for some in charged for usd in some) and (given or any(usd for some in charged for usd in some)):
        return np.array(charged, dtype=float).T, "usd a question"
    tokens = [[float(u.prompt_tokens + COMPLETION * u.completion_tokens) for u in some] for some in used]
    return np.array(tokens).T, f"tokens a question, one written as {COMPLETION} read"
