"""The batches of a project that are at a host: how far each is, how to stop them, and how to give one up."""

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
from rung.models.http_retries import RequestFailed
from rung.models.wire.batch_apis import BatchState
from rung.pipeline.candidates import models_asked
from rung.pipeline.pricing import is_batched
from rung.progress import say, waiting_for
from rung.records import Json


@dataclass(frozen=True, slots=True)
class OpenBatch:
    """A batch whose answers are still to be taken. `state` None: the host could not be asked, and `why`, or the batch has no
    name yet. `is_wanted`: rungs ask the model in batches, as it was asked then; None: a rung is wrong in `rung.yaml`."""

    note: BatchNote
    state: BatchState | None = None
    why: str = ""
    is_wanted: bool | None = True

    @property
    def outlook(self) -> str:
        """What becomes of answers that are there and that nobody has taken; "" while it runs."""
        if self.state is None or self.state.phase == "running":
            return ""
        takes = {
            True: "the next 'rung compare' takes those that it still asks, ",
            False: "no comparison asks it now, ",
            None: "",
        }[self.is_wanted]
        return f"{len(self.note.holds):,} not taken up: {takes}'rung batches drop {self.note.shown}' gives them up"

    def __str__(self) -> str:
        """One line."""
        since = datetime.fromtimestamp(self.note.since, UTC).astimezone()
        far = self.why or "whether it came there, the next 'rung compare' finds out"
        if self.state is not None:
            failed = f", {self.state.failed_rows:,} failed" if self.state.failed_rows else ""
            outlook = f"; {self.outlook}" if self.outlook else ""
            far = f"{self.state.phase}, {self.state.done:,} answered{failed}{outlook}"
        name = self.note.name or f"{self.note.shown} (was being sent)"
        many = f"{self.note.requests:,} request{'s' if self.note.requests != 1 else ''}"
        return f"{name}: {many} to {self.note.model} since {since:%Y-%m-%d %H:%M}; {far}"

    def as_json(self) -> dict[str, Json]:
        """For programs."""
        phase = None if self.state is None else self.state.phase
        answered = None if self.state is None else self.state.done
        note = self.note
        entry: dict[str, Json] = {"name": note.name, "model": note.model, "requests": note.requests, "since": note.since}
        entry |= {"mark": note.mark, "not_taken": len(note.holds), "is_wanted": self.is_wanted}
        return {**entry, "phase": phase, "answered": answered, "why": self.why}


def open_batches(project: Project) -> Iterator[OpenBatch]:
    """Every batch that is noted, the oldest first, with what its host says of it."""
    notes = BatchNotes(project.state / FOLDER)
    asked = _models_in_batches(project)
    for note in notes:
        is_wanted = None if asked is None else note.model in asked
        try:
            model = _asked(project, notes, note)
            state = model.state(note) if note.name else None
            yield OpenBatch(note, state, is_wanted=is_wanted and model.identity == note.engine)
        except UserError as error:
            yield OpenBatch(note, why=str(error), is_wanted=is_wanted)


def _models_in_batches(project: Project) -> frozenset[str] | None:
    """The models that the project's rungs ask in batches; None where a rung is wrong in `rung.yaml`."""
    try:
        return frozenset(name for name in models_asked(project) if is_batched(project.on(name)))
    except UserError:
        return None


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
        batch = f"a batch of {self.note.requests:,} request{'s' if self.note.requests != 1 else ''}"
        return f"whether {batch} came to {self.note.model} is not known: the next 'rung compare' finds it out"

    def as_json(self) -> dict[str, Json]:
        """For programs."""
        return {"name": self.note.name, "model": self.note.model, "outcome": self.outcome, "outlook": str(self)}


def cancel_batches(project: Project) -> Iterator[StoppedBatch]:
    """Have the hosts stop all that run. Yields what came of each; answers that they have by then are not lost. What a
    comparison hands over now is waited for, so that it is stopped, too.

    Raises:
        ServerError: a host does not take it, after the others were told.
    """
    notes = BatchNotes(project.state / FOLDER)
    refusals = []
    for note in _noted(notes):
        if not note.name:
            yield StoppedBatch(note, "unknown")
            continue
        try:
            model = _asked(project, notes, note)
            phase = model.state(note).phase
            if phase == "absent":
                with notes.alone():
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


def drop_batch(project: Project, name: str) -> BatchNote:
    """Forget a batch, by its name, or by its mark while it has none: its answers are not taken up, and asked again where a
    comparison wants them. A host that cannot be asked keeps nobody from that.

    Raises:
        UserError: there is none of that name, or it still runs.
    """
    notes = BatchNotes(project.state / FOLDER)
    named = [note for note in _noted(notes) if note.is_called(name)]
    if len(named) != 1:
        how = f"{len(named)} batches are" if named else "no batch is"
        raise UserError(f"{how} called '{name}': 'rung batches' lists them")
    (note,) = named
    if note.name and _runs(project, notes, note):
        raise UserError(f"{note.name} still runs: 'rung batches cancel' stops it, then drop it")
    with notes.alone():
        notes.drop(note)
    return note


def _runs(project: Project, notes: BatchNotes, note: BatchNote) -> bool:
    """Whether the host says that a batch goes on."""
    try:
        model = _asked(project, notes, note)
        return model.api.state(BatchClient(model.model.client), note.name).phase == "running"
    except (RequestFailed, UserError) as error:
        say(f"! whether {note.name} goes on at {note.model} is not known ({error})")
        return False


def _noted(notes: BatchNotes) -> list[BatchNote]:
    """All batches, once nobody is handing over: who does has the lock before there is a note."""
    if not notes.folder.exists():
        return []
    with notes.alone(waiting=waiting_for("another process is handing over to a host; waiting for that")):
        return list(notes)


def _asked(project: Project, notes: BatchNotes, note: BatchNote) -> BatchedGenerator:
    """The model of a batch, whatever `rung.yaml` says of it now."""
    server = project.on(note.model).settings.server.model_copy(update={"batch": True})
    return BatchedGenerator(HttpGenerator(Endpoint.named(note.model), server), note.model, notes)
