"""What a detector may look at: the project, what is served and by which verdict, its traffic, the index, the clock.

All of it is read when it is first asked for, once in a look, and nothing is written. What is not there is None; what cannot
be read raises, and the runner makes an unknown reading of that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from rung.config.project import Project
from rung.dataset.load import Dataset, load_dataset
from rung.pipeline.evaluation_store import EVALUATIONS, Stored, read_evaluations
from rung.pipeline.pinned_strategy import measured_specs
from rung.pipeline.publishing import Published, latest_folder, published, verdicts_of
from rung.records import Evaluation, StrategySpec
from rung.records.deployment import SHOWN, DeploymentRecord, Standing
from rung.runtime.engines import Engines, index_of

if TYPE_CHECKING:
    from rung.knowledge.protocol import Snapshot
    from rung.state.alerts import Baseline
    from rung.state.database import State
    from rung.state.observed import Observed

WINDOW = 10_000  # newest answers of the deployment that is served that tests of its traffic look at


@dataclass(frozen=True, slots=True)
class Clock:
    """When a look is. `look`: its number, which grows by one from look to look, across restarts, whatever the clocks say.
    `now`: the time of day. `jumped`: why ages and dates cannot be told in this look; "": they can."""

    look: int = 1
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    jumped: str = ""


@dataclass(frozen=True)
class Surroundings:
    """Of one look. Read-only.

    Args:
        project: that is watched.
        state: its database.
        engines: its models and index, which open when they are first asked for and stay open from look to look; their cache
            is thrown away, so that what a detector asks a model stays out of the project.
        clock: of this look.
        watched: id of the deployment that is looked at; "": the one that is served.
    """

    project: Project
    state: State
    engines: Engines
    clock: Clock = field(default_factory=Clock)
    watched: str = ""

    @cached_property
    def standing(self) -> Standing:
        """What is served and tried."""
        from rung.state.deployments import standing_now

        return standing_now(self.state)

    @cached_property
    def deployment(self) -> DeploymentRecord | None:
        """What is served; None: nothing was promoted."""
        from rung.state.deployments import deployment

        id = self.watched or self.standing.current
        return deployment(self.state, id) if id else None

    @cached_property
    def verdict(self) -> Published | None:
        """The verdict that measured what is served, else the last one; None: that is gone, or there is none."""
        record = self.deployment
        if record is None:
            folder = latest_folder(self.project)
            return None if folder is None else published(self.project, folder.name)
        is_there = bool(record.verdict) and (verdicts_of(self.project) / record.verdict).is_dir()
        return published(self.project, record.verdict) if is_there else None

    @property
    def label(self) -> str:
        """The rung that is served, else the last verdict's winner; "" where there is neither."""
        if self.deployment is not None:
            return self.deployment.label
        return (self.verdict.winner or "") if self.verdict else ""

    @cached_property
    def measured_spec(self) -> StrategySpec | None:
        """That rung's strategy, as the verdict measured it."""
        return None if self.verdict is None else measured_specs(self.verdict.folder).get(self.label)

    @cached_property
    def spec(self) -> StrategySpec | None:
        """The strategy that is served."""
        return self.deployment.spec if self.deployment else self.measured_spec

    @cached_property
    def stored(self) -> Stored | None:
        """Answers and scores of the verdict; None: they were taken away."""
        path = None if self.verdict is None else self.verdict.folder / EVALUATIONS
        return None if path is None or not path.exists() else read_evaluations(path)

    @cached_property
    def evaluation(self) -> Evaluation | None:
        """What the verdict has of the rung that is served: each case's outcome, its usage, scores, times."""
        every = self.stored.evaluations if self.stored else ()
        return next((one for one in every if one.name == self.label), None)

    @property
    def unmeasured(self) -> str:
        """Why there is nothing to hold what is served against; "": there is, or nothing was promoted."""
        record = self.deployment
        if record is None or self.evaluation is not None:
            return ""
        again = "nothing of it can be held against it until 'rung compare' measures it anew and 'rung promote' deploys that"
        if self.verdict is None:
            return f"verdict {record.verdict[:SHOWN]} that measured {record.label} is gone: {again}"
        if self.stored is None:
            which = f"the answers of verdict {record.verdict[:SHOWN]} that measured {record.label}"
            return f"{which} were taken away ('rung forget' and 'rung knowledge prune' do that): {again}"
        return f"verdict {record.verdict[:SHOWN]} has no answers of {record.label}: {again}"

    @property
    def keeps_baseline(self) -> str:
        """What keeps a baseline of what is served, in words: before anything is, nothing but a promotion does."""
        return "'rung promote' keeps one" if self.deployment is None else "'rung watch --baseline' keeps one of today's"

    @cached_property
    def dataset(self) -> Dataset:
        """The project's cases and examples as they are now."""
        return load_dataset(self.project)

    @cached_property
    def snapshot(self) -> Snapshot | None:
        """The newest version of the index, whole, without the embedder; None: there are no documents, or no index yet.

        A sync that is under way shows in the next look.
        """
        return index_of(self.project).snapshot() if self.project.settings.knowledge.sources else None

    @cached_property
    def observed(self) -> tuple[Observed, ...]:
        """The newest answers of what is served, since it is, oldest first; at most `WINDOW`."""
        from rung.state.observed import observed

        if self.deployment is None:
            return ()
        since = self.standing.since if self.deployment.id == self.standing.current else 0
        return observed(self.state, self.deployment.id, since=since, limit=WINDOW)

    @cached_property
    def baselines(self) -> Mapping[str, Baseline]:
        """What detectors had of what is served when it was as measured, by detector; {}: none was kept."""
        from rung.state.alerts import baselines_of

        return baselines_of(self.state, self.deployment.id) if self.deployment else {}
