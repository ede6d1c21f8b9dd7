"""Which deployment answers whom on this server, what is seen of each, and what follows: every server on one database alike.

What is served is what the database's events come to; each server looks for new ones, opens what they name beside what it
has, and then answers by it. Answers under way end with the deployment that they began with. Whatever one server decides is
an event that counts only if nobody was faster, so that two of them decide once.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from rung.errors import UserError
from rung.records.deployment import DeploymentEvent, DeploymentRecord, Standing, event_words, standing, taken_back
from rung.serving.alarms import Alarms
from rung.serving.answered import Asked
from rung.serving.callers import Caller
from rung.serving.deployments import Deployment
from rung.serving.metrics import Metrics
from rung.serving.periodic import Periodic
from rung.serving.trials import Decision, broken_limit, decide_canary, decide_shadow, risk_of_limit
from rung.state.buffered import BufferedWriter
from rung.state.database import State, Unavailable, now_ms
from rung.state.deployments import (
    Overtaken,
    Place,
    Seen,
    add_event,
    deployment,
    events,
    last_event,
    last_seen,
    seen,
    seen_since,
    trial_salt,
)
from rung.state.tables import observations

_log = logging.getLogger(__name__)
SOON = 0.25  # seconds until what was seen is written, and a new event is noticed
AGAIN, LATEST = 5.0, 300.0  # seconds until what could not be opened is tried again: at first, and at most
WRITER = "rung serve"  # who did what a server decided


@dataclass(frozen=True)
class Served:
    """What this server answers by: where the events stand, and the deployments that it has open, each with its record."""

    now: Standing = field(default_factory=Standing)
    current: Deployment | None = None
    candidate: Deployment | None = None
    records: Mapping[str, DeploymentRecord] = field(default_factory=dict)
    salt: str = field(default="", repr=False)  # of the trial; see `trial_salt`

    @property
    def trial(self) -> str:
        """The id of the one that is tried, where this server has it open."""
        return self.now.candidate if self.candidate is not None else ""


def is_chosen(caller: str, digest: str, share: float) -> bool:
    """Whether a caller is among the share whom a deployment of this digest answers: always the same ones, on every server,
    and those of a smaller share are among those of a larger."""
    drawn = hashlib.sha256(f"{digest}\0{caller}".encode("utf-8", "surrogatepass")).digest()[:8]
    return int.from_bytes(drawn, "big") < share * 2**64


def asker_of(caller: str, salt: str) -> str:
    """Sixteen characters that tell a caller from others within one trial, to nobody who has not its salt."""
    return hmac.new(salt.encode(), caller.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:16]


class Rollouts:
    """The deployments of one server.

    Args:
        state: the database.
        opener: opens a deployment; raises UserError where it is not what was promoted.
        metrics: what is counted goes there.
        on_change: told of every change, before answers are given by it.
        on_none: has this server answer as before any promotion; raises where it cannot.

    Raises:
        UserError: the deployment that is to be served cannot be opened; the database is away.
    """

    def __init__(
        self,
        state: State,
        opener: Callable[[DeploymentRecord], Deployment],
        metrics: Metrics,
        on_change: Callable[[Served], None] = lambda _served: None,
        on_none: Callable[[], None] = lambda: None,
    ) -> None:
        self.served = Served()
        self._on_none, self._is_bare = on_none, True  # whether it answers as before any promotion
        self.is_away = False
        self._state, self._opener, self._metrics, self._on_change = state, opener, metrics, on_change
        self._looking = threading.RLock()
        self._after: Place = (0, 0)  # before the blocks of the current one that limits are looked at over
        self._looked = (-1, 0, 0)
        self._alarms = Alarms(state)
        self._again, self._pause = math.inf, AGAIN  # when what could not be opened is tried again, and the pause after that
        self.follow(starting=True)
        self._writer = BufferedWriter(state, seconds=SOON)
        self._chores = Periodic("deployments", self.work, seconds=SOON)

    def close(self) -> None:
        """Write what was seen, and end."""
        self._chores.close()
        self._writer.close()

    def route(self, caller: Caller) -> Deployment | None:
        """Who answers a caller under the name `rung`; None where nothing was promoted."""
        served = self.served
        if served.candidate is not None and served.now.trying == "canary":
            record = served.records[served.now.candidate]
            if is_chosen(caller.id, record.digest, record.rollout.share):
                return served.candidate
        return served.current

    def ended(self, caller: Caller, asked: Asked, end: str, seconds: float, refused: bool = False) -> None:
        """Note how an answer for a caller came out: "answered", "failed" or "late"."""
        if not asked.deployment.id:
            return
        served = self.served
        trial = served.trial
        asker = asker_of(caller.id, served.salt) if trial else ""
        row = {"at": now_ms(), "answer": asked.id, "deployment": asked.deployment.id, "trial": trial, "asker": asker}
        self._writer.add(observations, {**row, "end": end, "refused": refused, "seconds": seconds})

    def work(self) -> None:
        """Look for new events, and decide upon what was seen.

        Raises:
            Unavailable: the database is.
        """
        try:
            self.follow()
            self._writer.flush()
            self.decide()
            self.is_away = False
        except Unavailable:
            self.is_away = True
            raise

    def follow(self, *, starting: bool = False) -> None:
        """Answer by what the events come to now. While it starts, what cannot be opened is refused; later it is said, tried
        again after a pause that doubles, and what was open goes on answering.

        Raises:
            UserError: see above.
        """
        with self._looking:
            is_new = last_event(self._state) != self.served.now.last
            if not is_new and time.monotonic() < self._again:
                return
            self._pause = AGAIN if is_new else min(2 * self._pause, LATEST)
            history = events(self._state)
            now = standing(history)
            before, opened, records = self.served, self._open_ones(), dict(self.served.records)
            for id in dict.fromkeys(one for one in (now.current, now.candidate) if one and one not in opened):
                try:
                    records[id] = deployment(self._state, id)
                    opened[id] = self._opener(records[id])
                except Unavailable:
                    raise
                except Exception as error:  # whatever an engine raises: the other one is served and looked at all the same
                    if starting and id == now.current:
                        raise
                    _log.error(
                        "deployment %s is not served here: %s; it is tried again in %g s",
                        *(id, error, self._pause),
                        exc_info=None if isinstance(error, UserError) else error,
                    )
            is_whole = all(id in opened for id in (now.current, now.candidate) if id) and self._gone_back(now)
            self._again = math.inf if is_whole else time.monotonic() + self._pause
            current = opened.get(now.current, before.current if now.current else None)
            candidate = opened.get(now.candidate) if now.candidate else None
            salt = trial_salt(self._state, now.candidate) if candidate is not None else ""
            served = Served(now, current, candidate, records, salt)
            self._on_change(served)
            self.served = served
            if now.current != before.now.current or now.since != before.now.since:
                self._after = (0, 0)
            new = () if starting else tuple(one for one in history if one.number > before.now.last)
            self._tell(new, opened, taken_back(history))

    def decide(self) -> Decision | None:
        """Look at what was seen, and act upon it; None where nothing follows.

        Raises:
            Unavailable: the database is.
        """
        with self._looking:
            if not self.served.now.current:
                return None
            looked = (self.served.now.last, *last_seen(self._state))
            if looked == self._looked:
                return None
            decision = self._decided(self.served)
            self._looked = looked  # only now: what could not be written is decided upon again
            return decision

    def _decided(self, served: Served) -> Decision | None:
        now = served.now
        if now.candidate and now.candidate in served.records:
            decision = self._decide_trial(served, served.records[now.candidate])
            if decision is not None:
                event = DeploymentEvent(0, now.candidate, decision.what, WRITER, decision.why, decision.figures)
                return self._act(event, decision)
        return self._guard(served, served.records[now.current]) if now.current in served.records else None

    def _decide_trial(self, served: Served, record: DeploymentRecord) -> Decision | None:
        now, rollout = served.now, record.rollout
        limits = {} if rollout.max_p95 is None else {record.id: rollout.max_p95}
        by_id = seen(self._state, trial=record.id, slower_than=limits)
        old, new = by_id.get(now.current, Seen()), by_id.get(record.id, Seen())
        for id, one in ((now.current, old), (record.id, new)):
            for name, count in asdict(one).items():
                self._metrics.trial.labels(id, name).set(count)
        return decide_canary(rollout, old, new) if now.trying == "canary" else decide_shadow(rollout, old, new)

    def _guard(self, served: Served, record: DeploymentRecord) -> Decision | None:
        """Take the served deployment back where it breaks a limit in a block that was filled, or is under way."""
        now, rollout = served.now, record.rollout
        if now.returned_by == WRITER or not now.green:
            why = "was gone back to by itself already" if now.green else "there is none to go back to"
            for line in self._alarms.look(record, since=now.since, why=why):
                _log.error("%s", line)
            return None
        blocks, index = seen_since(self._state, record.id, since=now.since, after=self._after, slower_than=rollout.max_p95)
        risk = risk_of_limit(rollout)
        one, broken = next(((one, why) for one in blocks if (why := broken_limit(rollout, one, risk=risk))), (Seen(), ""))
        if not broken:
            self._after = index
            return None
        decision = Decision("stopped", broken, {"seen": dict(asdict(one))})
        event = DeploymentEvent(0, now.green, "rolled back", WRITER, f"{record.id}: {broken}", decision.figures)
        return self._act(event, decision)

    def _act(self, event: DeploymentEvent, decision: Decision) -> Decision | None:
        try:
            add_event(self._state, event, expected=self.served.now.last)
        except Overtaken as other:  # another server, or a person
            _log.info("not done: %s", other)
            self.follow()
            return None
        self.follow()
        return decision

    def _gone_back(self, now: Standing) -> bool:
        """Whether this server answers as before any promotion, where nothing is promoted any more; else what was open
        goes on, and it is said."""
        try:
            if not now.current and not self._is_bare:
                self._on_none()
        except Unavailable:
            raise
        except Exception as error:  # as where a deployment is opened
            _log.error("the winner is not served here: %s; it is tried again in %g s", error, self._pause, exc_info=error)
            return False
        self._is_bare = not now.current
        return True

    def _open_ones(self) -> dict[str, Deployment]:
        """What is open, by id; what was served before is among it while it is named."""
        both = (self.served.current, self.served.candidate)
        return {one.id: one for one in both if one is not None and one.id}

    def _tell(self, new: Sequence[DeploymentEvent], opened: Mapping[str, Deployment], gone: Mapping[int, str]) -> None:
        """The log and the metrics of a change; of what happened before this server, nothing is told. What a server did by
        itself against a deployment is an error: that is what the log shows unless it is asked for more."""
        for event in new:
            is_against = event.what in ("stopped", "rolled back")
            alert = "ALERT: " if is_against and event.by == WRITER else ""
            is_end = is_against or event.what in ("undecided", "withdrawn")
            level = logging.ERROR if alert else logging.WARNING if is_end else logging.INFO
            _log.log(level, "%sdeployment %s", alert, event_words(event, gone.get(event.number, "")))
            self._metrics.deployment_events.labels(event.what).inc()
        now = self.served.now
        self._metrics.deployment.clear()
        self._metrics.trial.clear()
        for id, what in ((now.current, "served"), (now.candidate, now.trying)):
            if id:
                record = self.served.records.get(id)
                state = what if id in opened else "refused"
                self._metrics.deployment.labels(id, record.label if record else "", state).set(1)
