"""The batches of a project that are at a host: how far each is, and how to stop them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from rung.config.project import Project
from rung.errors import ServerError, UserError
from rung.models.batch_notes import FOLDER, BatchNote, BatchNotes
from rung.models.batched import BatchedGenerator
from rung.models.endpoint import Endpoint
from rung.models.http import HttpGenerator
from rung.models.http_batches import BatchClient
from rung.models.http_client import RequestFailed
from rung.models.wire.batch_apis import BatchState
from rung.records import Json


@dataclass(frozen=True, slots=True)
class OpenBatch:
    """A batch whose answers are still to be taken. `state` None: the host could not be asked, and `why`."""

    note: BatchNote
    state: BatchState | None = None
    why: str = ""

    def __str__(self) -> str:
        """One line."""
        since = datetime.fromtimestamp(self.note.since, UTC).astimezone()
        far = self.why
        if self.state is not None:
            failed = f", {self.state.failed_rows:,} failed" if self.state.failed_rows else ""
            far = f"{self.state.phase}, {self.state.done:,} answered{failed}"
        name = self.note.name or "(was being sent)"
        return f"{name}: {self.note.requests:,} requests to {self.note.model} since {since:%Y-%m-%d %H:%M}; {far}"

    def as_json(self) -> dict[str, Json]:
        """For programs."""
        phase = None if self.state is None else self.state.phase
        answered = None if self.state is None else self.state.done
        note = self.note
        entry: dict[str, Json] = {"name": note.name, "model": note.model, "requests": note.requests, "since": note.since}
        return {**entry, "phase": phase, "answered": answered, "why": self.why}


def open_batches(project: Project) -> Iterator[OpenBatch]:
    """Every batch that is noted, the oldest first, with what its host says of it."""
    notes = BatchNotes(project.state / FOLDER)
    for note in notes:
        try:
            yield OpenBatch(note, _asked(project, notes, note).state(note) if note.name else None)
        except UserError as error:
            yield OpenBatch(note, why=str(error))


@dataclass(frozen=True, slots=True)
class StoppedBatch:
    """A batch that was told to stop (`cancelled`), was not there for this key (`absent`), or may never have come to its host
    (`unknown`: it has no name)."""

    note: BatchNote
    outcome: Literal["cancelled", "absent", "unknown"]

    def __str__(self) -> str:
        """One line: what became of it, and what the next comparison does."""
        batch = f"{self.note.name} of {self.note.model}"
        if self.outcome == "cancelled":
            return f"{batch} is told to stop; the next 'rung compare' takes up what it has answered"
        if self.outcome == "absent":
            return f"{batch} is not there for this key: it is given up; 'rung compare' asks again"
        batch = f"a batch of {self.note.requests:,} requests"
        return f"whether {batch} came to {self.note.model} is not known: the next 'rung compare' finds it out"

    def as_json(self) -> dict[str, Json]:
        """For programs."""
        return {"name": self.note.name, "model": self.note.model, "outcome": self.outcome, "outlook": str(self)}


def cancel_batches(project: Project) -> Iterator[StoppedBatch]:
    """Have the hosts stop all that run. Yields what came of each; answers that they have by then are not lost.

    Raises:
        ServerError: a host does not take it, after the others were told.
    """
    notes = BatchNotes(project.state / FOLDER)
    refusals = []
    for note in notes:
        if not note.name:
            yield StoppedBatch(note, "unknown")
            continue
        try:
            model = _asked(project, notes, note)
            phase = model.state(note).phase
            if phase == "absent":
                notes.drop(note)
                yield StoppedBatch(note, "absent")
            if phase != "running":
                continue
            model.api.cancel(BatchClient(model.model.client), note.name)
        except (RequestFailed, UserError) as error:
            refusals.append(f"{note.model}: {note.name} cannot be cancelled ({error}): run the same command again")
            continue
        yield StoppedBatch(note, "cancelled")
    if refusals:
        raise ServerError("; ".join(refusals))


def _asked(project: Project, notes: BatchNotes, note: BatchNote) -> BatchedGenerator:
    """The model of a batch, whatever `rung.yaml` says of it now."""
    server = project.on(note.model).settings.server.model_copy(update={"batch": True})
    return BatchedGenerator(HttpGenerator(Endpoint.named(note.model), server), note.model, notes)
