"""A project at work in a test: its engines, who runs steps on them and who builds what rungs need, all closed at the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rung.builders.building import ArtifactBuilder
from rung.config.project import Project
from rung.loop import opened
from rung.pipeline.answering import time_live
from rung.pipeline.budget import CompareRequest, Meter
from rung.pipeline.candidates import propose
from rung.pipeline.climbing import climb
from rung.pipeline.evaluate import Comparison, decide_winner, evaluate, write_report
from rung.pipeline.prepare import Prepared, prepare
from rung.pipeline.scored import Scored
from rung.pipeline.steering import Steering
from rung.progress import Reporter, reporting, waiting_while
from rung.runtime.engines import Engines
from rung.runtime.runner import StepRunner


@dataclass
class Working:
    """What the stages of the loop are given."""

    engines: Engines
    meter: Meter
    runner: StepRunner
    builder: ArtifactBuilder

    def compare(self, intake: Prepared | None = None) -> tuple[Comparison, Scored]:
        """The stages of `loop.compare`, after the engines are opened (and perhaps replaced)."""
        intake = intake or prepare(self.engines, meter=self.meter)
        raced = climb(self.builder, intake, propose(self.builder, intake), self.meter)
        timed = time_live(self.runner, raced.evaluations, intake.cases, self.meter)
        scored = evaluate(self.runner, intake, timed, self.meter)
        decided = decide_winner(self.engines, intake, scored, raced.coverage)
        return write_report(self.engines.project, intake, scored, decided), scored


@contextmanager
def working(
    project: Project,
    allowed: CompareRequest | None = None,
    *,
    reporter: Reporter | None = None,
    steering: Steering | None = None,
) -> Iterator[Working]:
    """A project whose engines are open."""
    with reporting(reporter), opened(project) as engines:
        meter = Meter.of(engines, allowed, steering)
        with waiting_while(meter.go_on), meter.runner(engines) as runner:
            yield Working(engines, meter, runner, ArtifactBuilder(runner))
