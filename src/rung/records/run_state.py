"""What happens in a comparison while it goes on, as records: who may show it (a terminal, a file, a page) reads them alone.

An event says what is new of one rung (`RungEvent`), of the whole (`RunEvent`), or of the work under way (`WorkEvent`);
what it leaves None is as before. `RunState` is what all events so far come to. Numbers are made as the verdict's are, of the
cases so far.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Literal, TypeVar

from rung.records.reason import ReasonKind
from rung.records.verdicts import Estimate, Latency

# waiting: for its turn; planned: to be built first; done: nothing more is to be answered; stopped: by the race
State = Literal["waiting", "planned", "building", "answering", "timing", "done", "stopped", "left out"]


@dataclass(frozen=True, slots=True)
class RungEvent:
    """What is new of a rung or arm.

    `answered`: cases that it has answered. `judged`: of these, those that `scores` are of. `scores`: metric -> mean with its
    interval. `note`: why it was stopped or left out, in words, and `note_kind` of which kind that is; both "" where it is
    neither any more. `order`: its place on the ladder.
    """

    rung: str
    state: State | None = None
    order: int | None = None
    reference: bool | None = None
    answered: int | None = None
    judged: int | None = None
    scores: Mapping[str, Estimate] | None = None
    usd_per_1k: float | None = None
    latency: Latency | None = None
    note: str | None = None
    note_kind: ReasonKind | Literal[""] | None = None


@dataclass(frozen=True, slots=True)
class RunEvent:
    """What is new of the whole comparison.

    `cases`: that judge. `judged_by`: what `correct` means. `limits`: metrics that the bar limits. `seconds` and `usd`: used
    so far; `seconds_allowed`, `usd_allowed`: the budget. `seconds_left`: at most, as far as it can be told; `untold`: rungs
    of which nobody knows how long building them takes. `ended`: how it ended: "verdict", or in words. `paused`: whether
    somebody has paused it.
    """

    project: str | None = None
    cases: int | None = None
    judged_by: str | None = None
    limits: tuple[str, ...] | None = None
    seconds: float | None = None
    seconds_allowed: float | None = None
    seconds_left: float | None = None
    usd: float | None = None
    usd_allowed: float | None = None
    untold: tuple[str, ...] | None = None
    winner: str | None = None
    ended: str | None = None
    paused: bool | None = None


@dataclass(frozen=True, slots=True)
class WorkEvent:
    """The piece of work under way: `title` "" where none is, `note` what it says of itself (a loss, the time left)."""

    title: str = ""
    done: int = 0
    total: int = 0
    note: str = ""


Event = RungEvent | RunEvent | WorkEvent
E = TypeVar("E", RungEvent, RunEvent)


@dataclass(frozen=True, slots=True)
class RunState:
    """A comparison as far as it has come."""

    run: RunEvent = RunEvent()
    rungs: Mapping[str, RungEvent] = field(default_factory=dict)
    work: WorkEvent = WorkEvent()

    def after(self, event: Event) -> RunState:
        """The state once this has happened too."""
        match event:
            case RungEvent():
                before = self.rungs.get(event.rung, RungEvent(event.rung))
                return replace(self, rungs={**self.rungs, event.rung: _merged(before, event)})
            case RunEvent():
                return replace(self, run=_merged(self.run, event))
            case WorkEvent():
                return replace(self, work=event)

    @property
    def ladder(self) -> tuple[RungEvent, ...]:
        """All rungs from the lowest, then the reference arms."""
        return tuple(sorted(self.rungs.values(), key=lambda one: (bool(one.reference), one.order or 0)))


def _merged(before: E, event: E) -> E:
    changes = {f.name: value for f in fields(event) if (value := getattr(event, f.name)) is not None}
    return replace(before, **changes)
