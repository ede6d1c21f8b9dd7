"""What a watch says of what is served: readings of one look, and alerts that outlive looks. Frozen, without I/O.

How an alert changes with a reading is in `watching.alerting`; nothing is decided by a clock here, only by numbers of looks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from rung.records.values import Json

# "between": past where it is fine again, short of where it counts as drifted: an alert stays as it is
Found = Literal["fine", "between", "drifted", "unknown"]
AlertState = Literal["ok", "pending", "firing", "resolved"]
Key = tuple[str, str, str]  # detector, name, subject


@dataclass(frozen=True, slots=True)
class Reading:
    """What one look at one thing says.

    Args:
        name: what was looked at, as "sources changed"; each once for a subject in what a detector gives.
        state: how it stands; "unknown": it could not be told, which neither raises an alert nor ends one.
        says: the same in a sentence, with its numbers.
        subject: whose it is: a model's name, a document's id; "": the project's.
        figure: the number that was judged; None: there is none.
        limit: the number at which it counts as drifted.
        test: how figure and limit were compared, in words.
        false_alarms: the chance, at most, of "drifted" while nothing has changed; 0: what is counted is a fact.
        per: what that chance is of, as "look" or "10,000 requests".
        do: what to do about it, in a sentence that begins with a verb; "" where it is fine.
        act: name of the harmless remedy that `--act` carries out; "": there is none, a person decides.
        fires_after: looks in a row that must find it drifted before its alert fires.
        clears_after: looks in a row that must find it fine before its alert ends.
        evidence: details for programs: names, counts, examples.
    """

    name: str
    state: Found
    says: str
    subject: str = ""
    figure: float | None = None
    limit: float | None = None
    test: str = ""
    false_alarms: float = 0.0
    per: str = "look"
    do: str = ""
    act: str = ""
    fires_after: int = 2
    clears_after: int = 2
    evidence: Mapping[str, Json] = field(default_factory=dict)

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> Reading:
        """From its JSON form; what another Rung wrote beside is left out."""
        return cls(**{name: value[name] for name in cls.__dataclass_fields__ if name in value})


@dataclass(frozen=True, slots=True)
class Alert:
    """What became of the readings of one thing.

    Args:
        detector: whose readings.
        reading: the last one that could tell; the first, where none could.
        state: "pending" has drifted for too few looks to be told of; "resolved" has ended since the look before.
        look: number of the last look that had a reading of it.
        since: number of the look at which it came into this state.
        at: when that was, in milliseconds since 1970, for people.
        drifted: looks in a row that found it drifted.
        fine: looks in a row that found it fine.
        unknown: looks in a row that could not tell.
        blind: why the last look could not; "": it could.
        clears_after: fine looks that its end takes, as the last reading said that found it drifted.
        relapses: how often it fired again soon after it had ended: each doubles what its end takes.
        ended: number of the look at which it last ended; 0: it never fired.
        told: readings of it since then that could tell.
    """

    detector: str
    reading: Reading
    state: AlertState = "ok"
    look: int = 0
    since: int = 0
    at: int = 0
    drifted: int = 0
    fine: int = 0
    unknown: int = 0
    blind: str = ""
    clears_after: int = 2
    relapses: int = 0
    ended: int = 0
    told: int = 0

    @property
    def key(self) -> Key:
        """By which it is known from look to look."""
        return (self.detector, self.reading.name, self.reading.subject)

    @property
    def title(self) -> str:
        """It, in a few words."""
        return f"{self.reading.name}{f' ({self.reading.subject})' if self.reading.subject else ''}"


@dataclass(frozen=True, slots=True)
class AlertEvent:
    """An alert that began to fire, or ended. `number` and `at` are given where it is kept; `why`: in words."""

    detector: str
    reading: Reading
    state: Literal["firing", "resolved"]
    look: int
    why: str
    number: int = 0
    at: int = 0
