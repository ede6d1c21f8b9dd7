"""A job at a host from its files to its end: begun once, looked at until it ends, gone on with after a crash."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from rung.errors import ServerError, UserError
from rung.models.http_retries import RequestFailed
from rung.progress import Tick, rest, say
from rung.training.hosted.job_note import JobNote
from rung.training.hosted.protocol import ENDED, JobGone, JobState, TuningHost
from rung.training.hosted.rows import TuningRows

_LONGEST_WAIT = 60.0  # seconds between two looks
_GROWTH = 1.5
_STARTS = 3  # requests to start a job, where it is shown that the one before started none


@dataclass(frozen=True, slots=True)
class Run:
    """One job.

    `folder`: where its note is kept. `on`: what `rung.yaml` calls the model. `allow` is told what the host itself foretells
    before a job is begun, and may raise. `first_wait`: seconds until the second look.
    """

    host: TuningHost
    rows: TuningRows
    folder: Path
    on: str
    allow: Callable[[float | None], None]
    first_wait: float = 2.0

    def carry_out(self, note: JobNote, tick: Tick) -> tuple[JobNote, JobState]:
        """The job from where its note says that it is, to its end: (the note, how it ended).

        Raises:
            UserError: the host refuses the files or the job; it failed, was cancelled or is gone.
            ServerError: the host cannot be asked; the job, if there is one, goes on.
        """
        try:
            if not note.job:
                note = self._started(note)
            return note, self._ended(note, tick)
        except (KeyboardInterrupt, SystemExit):
            if note.job:
                say(f"{self.host.name} goes on with {note.job}; {self._how}")
            raise

    @property
    def _how(self) -> str:
        again = f"'rung train generator --on {self.on}"
        return f"{again}' looks at it again, {again} --cancel' ends it"

    def _started(self, note: JobNote) -> JobNote:
        if note.asked and (id := self._found(note)):
            say(f"{self.host.name} has begun {id} before; it is gone on with")
            return replace(note, job=id).write(self.folder)
        try:
            note = self._uploaded(note)
        except RequestFailed as error:
            if error.complaint is None or error.complaint.is_transient:
                raise ServerError(
                    f"the file did not get to {self.host.name} ({error}): run the command again later"
                ) from error
            raise UserError(f"{self.host.name} does not take the file: {error}") from error
        quoted = self.host.quote(note.submission)
        self.allow(quoted)
        begun, usd = datetime.now(UTC).isoformat(timespec="seconds"), note.usd if quoted is None else quoted
        note = replace(note, asked=True, begun=begun, usd=usd).write(self.folder)
        for _ in range(_STARTS):
            try:
                id = self.host.start(note.submission)
            except RequestFailed as error:
                id = self._after(error, note)
            if id:
                say(f"{self.host.name} has begun {id}")
                return replace(note, job=id).write(self.folder)
        raise ServerError(f"{self.host.name} does not begin the job after {_STARTS} tries: run the command again later")

    def _uploaded(self, note: JobNote) -> JobNote:
        """With the host's names of the files; each is kept as soon as it is known."""
        if not note.train:
            note = replace(note, train=self.host.upload(self.rows.train)).write(self.folder)
        if self.rows.validation is not None and not note.validation:
            note = replace(note, validation=self.host.upload(self.rows.validation)).write(self.folder)
        return note

    def _after(self, error: RequestFailed, note: JobNote) -> str:
        """The id of a job of which the host did not say that it began; "" where it surely did not."""
        complaint = error.complaint
        if complaint is not None and not complaint.is_transient:
            replace(note, asked=False, train="", validation="").write(self.folder)
            raise UserError(f"{self.host.name} refuses the job: {error}") from error
        rest(self.first_wait)  # it may take a moment until the host lists what it has begun
        return self._found(note)

    def _found(self, note: JobNote) -> str:
        """The id of the job, where the host has begun it; else ""."""
        try:
            return self.host.find(note.submission)
        except RequestFailed as error:
            raise ServerError(
                f"{self.host.name} does not say whether it has begun {note.marker} ({error}): run the command again later"
            ) from error

    def _ended(self, note: JobNote, tick: Tick) -> JobState:
        """How the job ended. A look that fails is taken again: the job goes on at the host."""
        wait, looks, state = self.first_wait, 0, None
        while state is None or state.phase not in ENDED:
            if looks:
                rest(wait)
                wait = min(_LONGEST_WAIT, wait * _GROWTH)
            looks += 1
            try:
                state = self.host.state(note.job)
                tick(looks, 0, f"{note.job}: {state.note or state.phase}")
            except RequestFailed as error:
                tick(looks, 0, f"{note.job}: {error}")
            except ServerError as error:
                raise ServerError(f"{error}. {note.job} goes on at {self.host.name}: {self._how}") from error
            except JobGone as error:
                raise UserError(
                    f"{self.host.name} knows no job {note.job}: it was deleted, or the key is another account's; "
                    f"'rung train generator --on {self.on} --cancel' forgets it, and the command after that begins another"
                ) from error
        if state.phase != "succeeded":
            note.again().write(self.folder)
            reason = f": {state.reason}" if state.reason else ""
            verb = "was cancelled" if state.phase == "cancelled" else "failed"
            raise UserError(f"{note.job} {verb} at {self.host.name}{reason}; the same command begins another")
        if not state.model:
            raise UserError(f"{note.job} ended at {self.host.name}, which names no model that came of it: look there")
        return state
