"""What is served, by every digest that it answers with, and what became of it. Frozen, without I/O.

A deployment is made once and never changed; what happens to it are events, which only grow. Which one is served, which one
is tried beside it, and what can be gone back to is told by the events alone, in their order: no clock has a say in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from rung.errors import UserError
from rung.records.spec import StrategySpec
from rung.records.values import Json, digest

FORMAT = 1  # of the record; a newer one is refused
SHOWN = 12  # characters of a digest where people read it
SINCE = "observations"  # of an event's figures: how many answers had been seen before it
Kind = Literal["full", "shadow", "canary"]
What = Literal["promoted", "shadow", "canary", "finished", "stopped", "undecided", "rolled back", "withdrawn"]


@dataclass(frozen=True, slots=True)
class Check:
    """One condition of the gate: whether it holds, the number it was told by, and what that is in words."""

    name: str
    holds: bool
    figure: float | None
    says: str


@dataclass(frozen=True, slots=True)
class Rollout:
    """How a deployment comes in, and what it must keep to.

    Args:
        kind: at once, or beside the one that is served: answering in its shadow, or for a share of the askers.
        share: of the askers whom a canary answers.
        margin: the drop in good answers that must be ruled out before it takes over, as a share.
        tolerance: the drop that is put up with; a larger one that is shown ends it.
        risk: the chance that is taken of ending one that is no worse and within its limits, and of letting one take over
            that is worse by the margin.
        max_answers: of both together, after which a canary that was not decided ends, and the old one stays.
        max_error_rate: share of answers that may fail.
        max_p95: seconds within which 95 % of the answers must be; None: no limit.
        max_down_rate: share of ratings that may be "down"; None: no limit.
    """

    kind: Kind = "full"
    share: float = 0.1
    margin: float = 0.05
    tolerance: float = 0.0
    risk: float = 0.05
    max_answers: int = 20_000
    max_error_rate: float | None = 0.05
    max_p95: float | None = None
    max_down_rate: float | None = None

    def __post_init__(self) -> None:
        shares = ("share", "margin", "tolerance", "risk", "max_error_rate", "max_down_rate")
        for name in shares:
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise UserError(f"{name} is a share, so it lies in 0 to 1, not at {value:g}")
        if self.kind == "canary" and not 0 < self.share < 1:
            raise UserError(f"a canary's share of the askers lies between 0 and 1, not at {self.share:g}")
        if not 0 < self.risk < 0.5:
            raise UserError(f"the risk lies between 0 and 0.5, not at {self.risk:g}")
        if not 0 <= self.tolerance <= self.margin < 1 or not self.margin:
            raise UserError(
                f"the margin lies between 0 and 1, and the tolerance from 0 to the margin, not at {self.margin:g} and "
                f"{self.tolerance:g}"
            )
        if self.max_answers < 1 or (self.max_p95 is not None and not 0 < self.max_p95 < 1e9):
            raise UserError("the number of answers and the seconds must be above 0")


@dataclass(frozen=True, slots=True)
class DeploymentRecord:
    """A promoted strategy, pinned. `digest` is of all that it answers with; `id` of this promotion of it.

    Args:
        label: the rung's.
        spec: the strategy.
        verdict: digest of the verdict that measured it.
        artifacts: digest of each artifact -> digest of its files.
        models: name of each model -> its identity.
        index: what the documents are searched by: "embedder", "chunking", "reranker", and the "version" that it was
            promoted with, which follows the documents and is not held to; empty where there are no documents.
        checks: the gate.
        rollout: how it comes in.
        created: ISO 8601, for people; nothing is decided by it.
        by: who promoted it.
        reason: why, where a check did not hold; else what was said, or "".
        rung: version of Rung.
    """

    label: str
    spec: StrategySpec
    verdict: str = ""
    artifacts: Mapping[str, str] = field(default_factory=dict)
    models: Mapping[str, str] = field(default_factory=dict)
    index: Mapping[str, Json] = field(default_factory=dict)
    checks: tuple[Check, ...] = ()
    rollout: Rollout = Rollout()
    created: str = ""
    by: str = ""
    reason: str = ""
    rung: str = ""
    format: int = FORMAT

    @property
    def pins(self) -> dict[str, Json]:
        """All that it is held to when it is opened, by name."""
        index = {name: value for name, value in self.index.items() if name != "version"}
        pinned = {"spec": self.spec.digest, "schema": digest(self.spec.schema) if self.spec.schema else ""}
        return {**pinned, "artifacts": dict(self.artifacts), "models": dict(self.models), "index": index}

    @property
    def digest(self) -> str:
        """Equal digest, equal answers."""
        return digest("deployment", self.pins)

    @property
    def id(self) -> str:
        """Of this promotion."""
        return digest("promotion", self)[:SHOWN]

    @property
    def passed_over(self) -> tuple[Check, ...]:
        """The checks that did not hold."""
        return tuple(check for check in self.checks if not check.holds)

    @classmethod
    def of(cls, row: Mapping[str, Json]) -> DeploymentRecord:
        """The record whose `plain` form this is.

        Raises:
            UserError: a newer Rung wrote it.
            ValueError: it is none.
        """
        if isinstance(row.get("format"), int) and row["format"] > FORMAT:  # type: ignore[operator]
            raise UserError(
                f"the deployment is of format {row['format']}, and this Rung reads {FORMAT}: it was promoted by Rung "
                f"{row.get('rung')}; update this one"
            )
        try:
            given: dict[str, Any] = dict(row)
            given["spec"] = StrategySpec.of(given["spec"])
            given["checks"] = tuple(Check(**check) for check in given["checks"])
            given["rollout"] = Rollout(**given["rollout"])
            return cls(**given)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"is no deployment: {error}") from error


@dataclass(frozen=True, slots=True)
class DeploymentEvent:
    """What happened to a deployment: the `number` is its place among all events. `by`: who did it; `figures`: what it was
    decided by. `at`: ISO 8601, for people."""

    number: int
    deployment: str
    what: What
    by: str = ""
    why: str = ""
    figures: Mapping[str, Json] = field(default_factory=dict)
    at: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """What the events come to. "" where there is none.

    Args:
        current: the id of the deployment that is served.
        candidate: of the one that is tried beside it.
        trying: how.
        earlier: of those that were served before, oldest first.
        failed: of those that were stopped or taken back: nothing goes back to them by itself.
        last: number of the last event; 0: there is none.
        since: the number of the last answer that was seen before the current one was served.
        returned_by: who went back to the current one; "" where it came in another way.
    """

    current: str = ""
    candidate: str = ""
    trying: Literal["", "shadow", "canary"] = ""
    earlier: tuple[str, ...] = ()
    failed: frozenset[str] = frozenset()
    last: int = 0
    since: int = 0
    returned_by: str = ""

    @property
    def green(self) -> str:
        """The last one before the current that nothing was wrong with; "" where there is none."""
        usable = (id for id in reversed(self.earlier) if id not in self.failed and id != self.current)
        return next(usable, "")

    def after(self, event: DeploymentEvent) -> Standing:
        """With one more event.

        Raises:
            UserError: a newer Rung wrote it.
        """
        id, without = event.deployment, replace(self, candidate="", trying="", last=event.number)
        match event.what:
            case "promoted" | "finished":
                return without._serving(event)
            case "shadow" | "canary":
                return replace(self, candidate=id, trying=event.what, last=event.number)
            case "stopped":
                return replace(without, failed=self.failed | {id})
            case "undecided":
                return without
            case "rolled back":
                return replace(without, failed=self.failed | {self.current} - {id, ""})._serving(event)
            case "withdrawn":  # nothing is served by promotion any more: servers answer as before the first one
                gone = replace(without, failed=self.failed | {id}, earlier=(*self.earlier, id))
                return replace(gone, current="", since=0, returned_by=event.by)
        raise UserError(
            f"'{event.what}' is nothing that this Rung knows of deployments: a newer one wrote it; update this one"
        )

    def _serving(self, event: DeploymentEvent) -> Standing:
        id, since = event.deployment, event.figures.get(SINCE)
        earlier = self.earlier if self.current in ("", id) else (*self.earlier, self.current)
        by = event.by if event.what == "rolled back" else ""
        now = replace(self, current=id, earlier=earlier, failed=self.failed - {id}, returned_by=by)
        return replace(now, since=since if isinstance(since, int) else 0)


def standing(events: Iterable[DeploymentEvent]) -> Standing:
    """What all events, in their order, come to.

    Raises:
        UserError: a newer Rung wrote one of them.
    """
    now = Standing()
    for event in events:
        now = now.after(event)
    return now


def taken_back(events: Iterable[DeploymentEvent]) -> dict[int, str]:
    """Of all events in their order: number of each that went back -> the deployment that was served until then.

    Raises:
        UserError: a newer Rung wrote one of them.
    """
    now, gone = Standing(), dict[int, str]()
    for event in events:
        if event.what == "rolled back" and now.current:
            gone[event.number] = now.current
        now = now.after(event)
    return gone


def event_words(event: DeploymentEvent, gone: str = "") -> str:
    """What happened, by whom and why. `gone`: of `taken_back`, "" where there is none."""
    if event.what != "rolled back":
        words = f"{event.deployment} {event.what} by {event.by}"
    elif gone:
        words = f"{gone} taken back by {event.by}, {event.deployment} is served again"
    else:
        words = f"{event.deployment} is served again, by {event.by}"
    why = event.why.removeprefix(f"{gone}: ")  # a server names it there, for who reads the event alone
    return f"{words}: {why}" if why else words


def state_of(id: str, now: Standing) -> str:
    """What a deployment is now, in a word or two."""
    if id == now.current:
        return "served"
    if id == now.candidate:
        return now.trying
    return "taken back" if id in now.failed else "earlier" if id in now.earlier else "ended"


def differences(pinned: Mapping[str, Json], actual: Mapping[str, Json]) -> list[str]:
    """What is otherwise than it was pinned, each in words."""
    wrong: list[str] = []
    for name, value in pinned.items():
        there = actual.get(name)
        if isinstance(value, dict):
            inner = there if isinstance(there, dict) else {}
            wrong += [
                f"{_SINGULAR.get(name, name)} {_short(key)} is {_short(inner.get(key)) or 'gone'} and was {_short(one)}"
                for key, one in value.items()
                if inner.get(key) != one
            ]
        elif value != there:
            wrong.append(f"{name} is {_short(there)} and was {_short(value)}")
    return wrong


_SINGULAR = {"artifacts": "artifact", "models": "model", "index": "the index's"}


def _short(value: object) -> str:
    text = "" if value is None else str(value)
    return text[:SHOWN] if len(text) == 64 and all(one in "0123456789abcdef" for one in text) else text
