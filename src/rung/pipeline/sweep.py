"""The settings of a rung that are worth judging, searched on the dev cases, so that the test cases stay unseen.

The lists among a rung's settings in `rung.yaml` span the space: chunk sizes, passages, weights, reranking, shots, ranks,
learning rates, whatever the rung takes. Optuna proposes combinations; what it looks for is more `correct` and fewer tokens,
the part of cost and latency that can be told in batches. The combinations on that front go on to be judged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING

from rung.builders.building import ArtifactBuilder
from rung.config.project import Project
from rung.dataset.load import load_dataset
from rung.errors import BudgetEnded, UserError
from rung.pipeline.answering import answered
from rung.pipeline.candidates import Candidate, build, evaluation_of
from rung.pipeline.evaluate import measure
from rung.pipeline.grading import score_answers
from rung.pipeline.prepare import Prepared
from rung.progress import say
from rung.records import Case, canonical
from rung.verdict.bar import MAIN

if TYPE_CHECKING:
    import optuna

MIN_CASES = 10  # dev cases; fewer tell combinations apart by luck
KEPT = 3  # combinations of one rung that go on, at most
_AGAIN = 8  # times as many trials as combinations, at most
NOTHING = "--search finds nothing to search: give a setting of a rung a list, as 'rag: {passages: [1, 3]}'"


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


class Searching:
    """A search of the settings of all swept rungs, a rung at a time: those that must be trained come after the others.

    `trials` None: none is wanted, and all candidates go on.

    Raises:
        UserError: Optuna is not installed, too few dev cases, or nothing to search.
    """

    def __init__(
        self, builder: ArtifactBuilder, prepared: Prepared, candidates: Sequence[Candidate], trials: int | None
    ) -> None:
        self._builder, self._prepared = builder, prepared
        self._cases = prepared.rows.split("dev")
        self._swept = {} if trials is None else _swept(candidates)
        self._fronts: dict[str, int] = {}  # of each rung that was searched
        self._tried: dict[str, int] = {}
        self._cut: list[str] = []
        if trials is not None:
            check_search(builder.project, trials)
            if not self._swept:
                raise UserError(NOTHING)
            self._each = max(2, trials // len(self._swept))

    @property
    def swept(self) -> frozenset[str]:
        """Rungs whose settings are searched."""
        return frozenset(self._swept)

    def left_of(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Of these candidates those that go on: of each swept rung, all of whose combinations are among them, the front."""
        chosen = list(candidates)
        for name in dict.fromkeys(c.ladder_rung for c in candidates if c.ladder_rung in self._swept):
            some = [c for c in self._swept[name] if c.label in {one.label for one in candidates}]
            front = self._searched(name, some)
            chosen = [c for c in chosen if c.ladder_rung != name or c.label in front]
        return chosen

    def said(self) -> str:
        """What was searched, in words; "" where nothing was."""
        if not self._tried:
            return ""
        everything = sum(len(self._swept[name]) for name in self._tried)
        ended = f" The budget ended the search of {', '.join(self._cut)}." if self._cut else ""
        return (
            f"Settings of {', '.join(self._tried)} were searched on {len(self._cases)} dev cases: "
            f"{sum(self._tried.values())} of {everything} combinations tried; the {sum(self._fronts.values())} on the front "
            f"of correct and tokens were judged.{ended}"
        )

    def _searched(self, name: str, some: Sequence[Candidate]) -> set[str]:
        """Labels on the front of one rung's combinations; all of them where the budget ended it before one was tried."""
        explored = _Front(self._builder, self._prepared, _Space(some), self._cases)
        try:
            explored.look(self._each)
        except BudgetEnded:
            self._cut.append(name)
        front = explored.best() or list(some)
        self._tried[name], self._fronts[name] = len(explored.tried), len(front)
        say(f"search: {name}: {len(explored.tried)} of {len(some)} tried, {len(front)} go on")
        return {candidate.label for candidate in front}


def check_search(project: Project, trials: int | None) -> None:
    """Refuse a search that cannot be made, before documents are read; `trials` None: none is wanted.

    Raises:
        UserError: Optuna is not installed, too few dev cases, or nothing to search.
    """
    if trials is None:
        return
    if find_spec("optuna") is None:
        raise UserError("--search needs Optuna: pip install 'rung[search]'")
    if not any(isinstance(value, list) for _, settings in project.rungs() for value in settings.values()):
        raise UserError(NOTHING)
    cases = load_dataset(project).split("dev")
    if len(cases) < MIN_CASES:
        raise UserError(
            f'--search looks at dev cases only, there are {len(cases)}: mark at least {MIN_CASES} cases with "split": "dev"'
        )


def _swept(candidates: Sequence[Candidate]) -> dict[str, list[Candidate]]:
    """Rungs of which several combinations apply."""
    spaces: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        if candidate.plan is not None and not candidate.rung.reference:
            spaces.setdefault(candidate.ladder_rung, []).append(candidate)
    return {name: some for name, some in spaces.items() if len(some) > 1}


class _Front:
    """Combinations of one rung as they are tried. `tried`: label -> `correct` and tokens, None where they cannot be told."""

    def __init__(self, builder: ArtifactBuilder, prepared: Prepared, space: _Space, cases: Sequence[Case]) -> None:
        self._builder, self._prepared, self._space, self._cases = builder, prepared, space, cases
        self.tried: dict[str, tuple[float, float] | None] = {}

    def look(self, trials: int) -> None:
        """Try so many combinations at most, or all of them where they are no more.

        Raises:
            BudgetEnded: a limit was reached; what was tried by then is known.
        """
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        space, seed = self._space, self._builder.project.settings.seed

        def enough(study: optuna.Study, _trial: optuna.trial.FrozenTrial) -> None:
            if len(self.tried) >= min(trials, len(space.candidates)):
                study.stop()

        sampler: optuna.samplers.BaseSampler = (
            optuna.samplers.GridSampler(dict(space.axes), seed=seed)
            if len(space.candidates) <= trials
            else optuna.samplers.TPESampler(seed=seed, n_startup_trials=max(3, trials // 3))
        )
        study = optuna.create_study(directions=["maximize", "minimize"], sampler=sampler)
        study.optimize(self._worth, n_trials=trials * _AGAIN, callbacks=[enough])  # a sampler may ask for what it has tried

    def best(self) -> list[Candidate]:
        """Those that no other is better than, the best `correct` first."""
        tried = [(c, worth) for c in self._space.candidates if (worth := self.tried.get(c.label)) is not None]
        front = [(c, w) for c, w in tried if not any(_is_better(other, w) for _, other in tried)]
        return [c for c, _ in sorted(front, key=lambda one: (-one[1][0], one[1][1]))][:KEPT]

    def _worth(self, trial: optuna.Trial) -> tuple[float, float]:
        import optuna

        point = {key: str(trial.suggest_categorical(key, values)) for key, values in self._space.axes.items()}
        candidate = self._space.at(point)
        if candidate is None:
            raise optuna.TrialPruned
        if candidate.label not in self.tried:
            self.tried[candidate.label] = _worth(self._builder, self._prepared, candidate, self._cases)
        worth = self.tried[candidate.label]
        if worth is None:
            raise optuna.TrialPruned
        return worth


def _is_better(one: tuple[float, float], other: tuple[float, float]) -> bool:
    """Whether it is at least as right and as short, and not the same."""
    return one != other and one[0] >= other[0] and one[1] <= other[1]


def _worth(
    builder: ArtifactBuilder, prepared: Prepared, candidate: Candidate, cases: Sequence[Case]
) -> tuple[float, float] | None:
    """Mean `correct` and tokens of an answer on the dev cases; None where it could not be built or judged."""
    import numpy as np

    (built,) = build(builder, [candidate])
    if built.strategy is None:
        return None
    tried = answered(builder.runner, evaluation_of(builder.project, built), cases, title=f"search {candidate.label}")
    by_id = {case.id: case for case in cases}
    column = score_answers(builder.runner, measure(builder.project, prepared), tried, by_id).values.get(MAIN)
    if column is None or bool(np.isnan(column).all()):
        return None
    tokens = [outcome.usage.prompt_tokens + outcome.usage.completion_tokens for outcome in tried.outcomes]
    return float(np.nanmean(column)), float(np.mean(tokens))
