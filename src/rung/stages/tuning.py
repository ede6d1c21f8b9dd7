"""Which settings of a rung are worth judging? Searched on the dev cases, so that the test cases stay unseen.

The lists among a rung's settings in `rung.yaml` span the space: chunk sizes, passages, weights, reranking, shots, ranks,
learning rates, whatever the rung takes. Optuna proposes combinations; what it looks for is more `correct` and fewer tokens,
the part of cost and latency that can be told in batches. The combinations on that front go on to be judged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rung.errors import UserError
from rung.records import Case, canonical
from rung.stages.answering import Run, answered
from rung.stages.budget import Allowed
from rung.stages.candidates import Candidate, build
from rung.stages.grading import card_of
from rung.stages.intake import Intake
from rung.stages.judging import measure
from rung.verdict.decide import MAIN
from rung.workshop import Workshop

if TYPE_CHECKING:
    import optuna

FEWEST = 10  # dev cases; fewer tell combinations apart by luck
KEPT = 3  # combinations of one rung that go on, at most
_AGAIN = 8  # times as many trials as combinations, at most


@dataclass(frozen=True)
class Searched:
    """The candidates that go on, and what was tried, in words ("" where nothing was to be searched)."""

    candidates: tuple[Candidate, ...]
    said: str = ""


@dataclass
class _Space:
    """The combinations of one rung. `axes`: setting -> its values, as canonical JSON."""

    candidates: Sequence[Candidate]
    axes: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        settings = [candidate.settings for candidate in self.candidates]
        for key in settings[0]:
            values = list(dict.fromkeys(canonical(one.get(key)) for one in settings))
            if len(values) > 1:
                self.axes[key] = values

    def at(self, point: Mapping[str, str]) -> Candidate | None:
        """The candidate of a point; None where the combination does not apply."""
        fits = (c for c in self.candidates if all(canonical(c.settings.get(k)) == v for k, v in point.items()))
        return next(fits, None)


def settle(workshop: Workshop, intake: Intake, candidates: Sequence[Candidate], allowed: Allowed | None) -> Searched:
    """All candidates, or where a search is wanted those that it leaves; raises as `search` does."""
    trials = allowed.trials if allowed else None
    return Searched(tuple(candidates)) if trials is None else search(workshop, intake, candidates, trials=trials)


def search(workshop: Workshop, intake: Intake, candidates: Sequence[Candidate], *, trials: int) -> Searched:
    """Of every rung with several combinations, those that are on the front of `correct` and tokens among the dev cases.

    Args:
        workshop: builds what a combination needs.
        intake: its dev cases judge here; its test cases are not touched.
        candidates: of the whole sweep, planned and not built.
        trials: combinations to try in all, spread over the rungs.

    Raises:
        UserError: Optuna is not installed, too few dev cases, or nothing to search.
    """
    spaces: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        if candidate.plan is not None and not candidate.rung.reference:
            spaces.setdefault(candidate.rung.name, []).append(candidate)
    swept = {name: some for name, some in spaces.items() if len(some) > 1}
    cases = intake.rows.split("dev")
    _check(swept, cases)
    kept: set[str] = set()
    tried = 0
    for name, some in swept.items():
        front, count = _front(workshop, intake, _Space(some), cases, max(2, trials // len(swept)))
        kept |= {candidate.label for candidate in front}
        tried += count
        workshop.reporter.say(f"search: {name}: {count} of {len(some)} tried, {len(front)} go on")
    chosen = tuple(c for c in candidates if c.rung.name not in swept or c.label in kept)
    all_ = sum(map(len, swept.values()))
    return Searched(
        chosen,
        f"Settings of {', '.join(swept)} were searched on {len(cases)} dev cases: {tried} of {all_} combinations tried; "
        f"the {len(kept)} on the front of correct and tokens were judged.",
    )


def _check(swept: Mapping[str, Sequence[Candidate]], cases: Sequence[Case]) -> None:
    try:
        import optuna  # noqa: F401
    except ImportError as error:
        raise UserError("--search needs Optuna: pip install 'rung[search]'") from error
    if not swept:
        raise UserError("--search finds nothing to search: give a setting of a rung a list, as 'rag: {passages: [1, 3]}'")
    if len(cases) < FEWEST:
        raise UserError(
            f'--search looks at dev cases only, there are {len(cases)}: mark at least {FEWEST} cases with "split": "dev"'
        )


def _front(
    workshop: Workshop, intake: Intake, space: _Space, cases: Sequence[Case], trials: int
) -> tuple[list[Candidate], int]:
    """The candidates on the front, the best `correct` first, and how many were tried."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    known: dict[str, tuple[float, float] | None] = {}

    def worth(trial: optuna.Trial) -> tuple[float, float]:
        point = {key: str(trial.suggest_categorical(key, values)) for key, values in space.axes.items()}
        candidate = space.at(point)
        if candidate is None:
            raise optuna.TrialPruned
        if candidate.label not in known:
            known[candidate.label] = _worth(workshop, intake, candidate, cases)
        found = known[candidate.label]
        if found is None:
            raise optuna.TrialPruned
        return found

    def enough(study: optuna.Study, _trial: optuna.trial.FrozenTrial) -> None:
        if len(known) >= min(trials, len(space.candidates)):
            study.stop()

    grid = len(space.candidates) <= trials
    sampler: optuna.samplers.BaseSampler = (
        optuna.samplers.GridSampler(dict(space.axes), seed=workshop.seed)
        if grid
        else optuna.samplers.TPESampler(seed=workshop.seed, n_startup_trials=max(3, trials // 3))
    )
    study = optuna.create_study(directions=["maximize", "minimize"], sampler=sampler)
    study.optimize(worth, n_trials=trials * _AGAIN, callbacks=[enough])  # a sampler may ask for what it has tried
    best = sorted(study.best_trials, key=lambda t: (-t.values[0], t.values[1]))
    front = [space.at({key: str(value) for key, value in t.params.items()}) for t in best]
    return list({c.label: c for c in front if c is not None}.values())[:KEPT], len(known)


def _worth(workshop: Workshop, intake: Intake, candidate: Candidate, cases: Sequence[Case]) -> tuple[float, float] | None:
    """Mean `correct` and tokens of an answer on the dev cases; None where it could not be built or judged."""
    import numpy as np

    (built,) = build(workshop, [candidate])
    if built.strategy is None:
        return None
    run = answered(workshop, Run(built, (), 0.0), cases, title=f"search {candidate.label}")
    column = card_of(workshop, measure(workshop, intake), cases, run.passes).values.get(MAIN)
    if column is None or bool(np.isnan(column).all()):
        return None
    tokens = [outcome.usage.prompt_tokens + outcome.usage.completion_tokens for outcome in run.outcomes]
    return float(np.nanmean(column)), float(np.mean(tokens))
