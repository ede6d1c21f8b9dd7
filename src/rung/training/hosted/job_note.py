"""What is remembered of a job at a host, beside the artifact that it will be: written before and after every request that
counts, so that a command that was killed anywhere goes on and starts nothing twice."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from rung.errors import InputError
from rung.files.durable import write_whole
from rung.records import Json, plain
from rung.training.hosted.protocol import Submission

NOTE = "job.json"
_DIGITS = 10  # of the artifact's digest, in what the host calls the job


@dataclass(frozen=True, slots=True)
class JobNote:
    """A job, as far as it came. `asked`: the host was, or was about to be, asked to start it; `job`: its id there.

    `attempt` counts the jobs of this artifact: one that failed is followed by another of another name; `former`: the ids of
    those before.
    """

    host: str
    identity: str
    digest: str
    attempt: int = 1
    train: str = ""
    validation: str = ""
    settings: Mapping[str, Json] = field(default_factory=dict)
    usd: float | None = None
    asked: bool = False
    job: str = ""
    begun: str = ""
    former: tuple[str, ...] = ()

    @property
    def marker(self) -> str:
        """What the host is to call the job."""
        return f"rung-{self.digest[:_DIGITS]}-{self.attempt}"

    @property
    def submission(self) -> Submission:
        """The job as it is asked for."""
        return Submission(self.marker, self.train, self.validation, self.settings, self.former)

    def again(self) -> JobNote:
        """The note of the next job, after this one came to nothing."""
        former = (*self.former, self.job) if self.job else self.former
        return replace(self, attempt=self.attempt + 1, train="", validation="", asked=False, job="", begun="", former=former)

    def write(self, folder: Path) -> JobNote:
        """Keep it, on the disk before this returns."""
        write_whole(folder / NOTE, json.dumps(plain(self), indent=2, ensure_ascii=False))
        return self


def read_note(folder: Path) -> JobNote | None:
    """The note in an artifact's folder; None without one.

    Raises:
        InputError: it cannot be read: what runs at the host is then not known.
    """
    path = folder / NOTE
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        return JobNote(**{**fields, "former": tuple(fields.get("former", ()))})
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        message = f"the note of a job at a host cannot be read ({error}): look there whether it runs, then delete the file"
        raise InputError(message, path=path) from error
