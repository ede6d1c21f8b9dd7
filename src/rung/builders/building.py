"""What builders of artifacts work with: the engines of a project, who runs steps on them, and how training is to go."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

from rung.artifacts import Training
from rung.config.project import Project
from rung.dataset.load import training_hold
from rung.errors import NotWorthwhile
from rung.progress import say
from rung.records import Json, Usage
from rung.runtime.cache import StepCache
from rung.runtime.engines import Engines
from rung.runtime.runner import StepRunner


def tokens_of(usages: Sequence[Usage]) -> dict[str, Json]:
    """What models took while something was built, as its manifest has it. `usd` None: a part of it has no price."""
    took = sum((usage for usage in usages if usage.prompt_tokens + usage.completion_tokens), Usage(usd=0.0))
    counts: dict[str, Json] = {"prompt": took.prompt_tokens, "completion": took.completion_tokens}
    return {**counts, "cached": took.cached_tokens, "usd": took.usd}


@dataclass(frozen=True, slots=True)
class HostedRequest:
    """That jobs may be begun at a model's host: all of them (`is_allowed`), or as many as cost no more than `max_usd`.

    `is_dry`: none, and none is looked at. `first_wait`: seconds until a job is looked at for the second time. `begun`: what
    those are foretold to cost that were begun by this request.
    """

    is_allowed: bool = False
    max_usd: float | None = None
    is_dry: bool = False
    first_wait: float = 2.0
    begun: list[float] = field(default_factory=list)


def _aloud(label: str, why: str) -> None:
    say(f"! {label} {why}")


@dataclass(frozen=True)
class ArtifactBuilder:
    """Builds artifacts, with the engines of a project and who runs steps on them.

    `recipe_file`: for adapters, in the place of the project's `recipe.yaml`. `searching`: adapters' learning rate and rank
    are searched first. `hosted`: what may be begun at models' hosts; None: nothing. `while_training` is entered around each
    training, and may raise `BudgetEnded`. `on_failure` is given the label of a rung that cannot be built, and why, at once.
    """

    runner: StepRunner
    recipe_file: Path | None = None
    searching: bool = False
    hosted: HostedRequest | None = None
    while_training: Callable[[Training], AbstractContextManager[object]] = nullcontext
    on_failure: Callable[[str, str], None] = _aloud

    @contextmanager
    def training(self, training: Training) -> Iterator[None]:
        """Around each training: `while_training`, where people approved what is learnt from, if that is asked for.

        Raises:
            NotWorthwhile: rows wait for an approval (`review: required`).
        """
        self.check_approved()
        with self.while_training(training):
            yield

    def check_approved(self) -> None:
        """Refuse to train while rows wait for people.

        Raises:
            NotWorthwhile: they do (`review: required`).
        """
        if why := training_hold(self.project):
            raise NotWorthwhile(f"it is not trained: {why}")

    def on(self, model: str) -> ArtifactBuilder:
        """Who builds for this model; "" is the project's default."""
        return replace(self, runner=self.runner.on(model))

    @property
    def engines(self) -> Engines:
        """Those of the project."""
        return self.runner.engines

    @property
    def cache(self) -> StepCache:
        """Where results are remembered."""
        return self.engines.cache

    @property
    def project(self) -> Project:
        """What the artifacts are of."""
        return self.runner.project
