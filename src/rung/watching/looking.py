"""One look after another: every detector asked, every alert moved on, what is harmless done, what fired told of."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from rung.config.project import Project
from rung.errors import InternalError, UserError
from rung.records.alerts import Alert, AlertEvent, Key, Reading
from rung.runtime.engines import Engines
from rung.state.alerts import LastLook, last_look, record_look
from rung.state.database import State, Unavailable
from rung.watching.alerting import all_after
from rung.watching.detectors import DETECTORS, Detector
from rung.watching.surroundings import Clock, Surroundings

_log = logging.getLogger(__name__)
JUMP = 120.0  # seconds by which the time of day and a clock that cannot jump may part between two looks
COULD = "could look"  # name of the reading of whether a detector could look
BLIND = 3  # looks in a row that it could not, until that fires


@dataclass(frozen=True, slots=True)
class LookReport:
    """What a look came to. `readings`: by detector, of those that looked; `waiting`: those whose pause is not over."""

    look: int
    at: datetime
    readings: Mapping[str, Sequence[Reading]]
    alerts: Mapping[Key, Alert]
    events: Sequence[AlertEvent] = ()
    waiting: tuple[str, ...] = ()
    jumped: str = ""

    @property
    def firing(self) -> tuple[Alert, ...]:
        """The alerts that fire now."""
        return tuple(alert for alert in self.alerts.values() if alert.state == "firing")


@dataclass
class Watch:
    """Looks again and again, at one project; what it must not forget is in the database.

    Args:
        detectors: which look.
        wall: the time of day, in seconds since 1970.
        steady: a clock that cannot jump, in seconds.
    """

    detectors: Sequence[Detector] = DETECTORS
    wall: Callable[[], float] = time.time
    steady: Callable[[], float] = time.monotonic
    _looked: dict[str, float] = field(default_factory=dict, init=False)  # when each detector did, by the steady clock
    _before: tuple[float, float] | None = field(default=None, init=False)  # both clocks at the look before

    def look(self, project: Project, state: State, engines: Engines) -> LookReport:
        """Look once. What it found is in the database when this returns.

        Args:
            project: as it is now.
            state: its database.
            engines: its models and index.

        Raises:
            Unavailable: the database is; then nothing was counted.
        """
        clock = self._clock(last_look(state))
        surroundings = Surroundings(project, state, engines, clock)
        due = [one for one in self.detectors if self._is_due(one)]
        readings, blind = dict[str, list[Reading]](), dict[str, str]()
        for one in due:
            readings[one.name], why = _readings(one, surroundings)
            blind |= {one.name: why} if why else {}
        at = round(clock.now.timestamp() * 1000)
        number, alerts, events = record_look(
            state, lambda before, look: all_after(before, readings, blind=blind, look=look, at=at), at=at
        )
        for one in due:
            self._looked[one.name] = self.steady()
        waiting = tuple(one.name for one in self.detectors if one not in due)
        return LookReport(number, clock.now, readings, alerts, events, waiting, clock.jumped)

    def _is_due(self, detector: Detector) -> bool:
        looked = self._looked.get(detector.name)
        return looked is None or self.steady() - looked >= detector.pause

    def _clock(self, last: LastLook) -> Clock:
        wall, steady = self.wall(), self.steady()
        jumped = ""
        if self._before is not None:
            passed, counted = wall - self._before[0], steady - self._before[1]
            if abs(passed - counted) > JUMP:
                jumped = f"the clock jumped by {passed - counted:+,.0f} s since the look before"
        elif last.at - wall * 1000 > JUMP * 1000:
            jumped = f"the clock says an earlier time than at the look before, by {last.at / 1000 - wall:,.0f} s"
        self._before = (wall, steady)
        return Clock(last.number + 1, datetime.fromtimestamp(wall, UTC), jumped)


def _readings(detector: Detector, surroundings: Surroundings) -> tuple[list[Reading], str]:
    """What a detector says, whether it could look among it, and why it could not; "": it could."""
    readings, why = list[Reading](), ""
    try:
        for reading in detector.look(surroundings):
            if any((one.name, one.subject) == (reading.name, reading.subject) for one in readings):
                raise InternalError(f"two readings of {reading.name} ({reading.subject})")
            readings.append(reading)
    except Unavailable:
        raise
    except UserError as error:
        why = str(error)
    except Exception as error:
        _log.exception("a defect of Rung in the detector of %s", detector.name)
        why = f"a defect of Rung: {type(error).__name__}: {error}"
    return [*readings, _could_look(why)], why


def _could_look(why: str) -> Reading:
    """Whether a detector could look, itself an alert: what is not looked at must not pass for fine."""
    return Reading(
        COULD,
        "drifted" if why else "fine",
        why or "it looked",
        test=f"{BLIND} looks in a row that it could not",
        do="mend what keeps it from looking; until then it tells of nothing" if why else "",
        fires_after=BLIND,
        clears_after=1,
    )
