"""Jobs that run at a model's host: which model is meant, and how one is ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from rung.artifacts.store import building_alone, is_finished
from rung.builders.hosted_adapter import host_of, unfinished_jobs
from rung.config.project import Project
from rung.errors import UserError
from rung.models.http_retries import RequestFailed
from rung.progress import waiting_for
from rung.training.hosted.job_note import JobNote, read_note
from rung.training.hosted.protocol import ENDED, JobGone, TuningHost
from rung.training.hosted.registry import HOSTS


def hosted_model(project: Project, alias: str) -> str:
    """The name of the model that `rung.yaml` calls so, and that its host tunes.

    Raises:
        UserError: it names none so, or does not say that its host tunes it.
    """
    model = project.named_model(alias)
    if project.written.tuning_of(model) is None:
        raise project.error(
            f"'{alias}' says nothing of tuning at its host ({', '.join(HOSTS)}): give it 'tuning: {{}}', with a price of "
            "training if you know one ('usd_per_million_tokens')",
            *("models", alias),
        )
    return model


def cancel_jobs(project: Project, alias: str) -> Iterator[str]:
    """End the jobs that run at the host of a model; a line for each. A command that waits for a job goes on with it: it sees
    that the job has ended, and notes that; one that is about to begin a job is waited for.

    Raises:
        UserError: as `hosted_model`, or the host does not end one.
    """
    own = project.on(hosted_model(project, alias))
    host, jobs = host_of(own), unfinished_jobs(own)
    ran = False
    for folder in sorted(jobs, key=lambda folder: not jobs[folder].asked):  # what runs is not kept waiting
        assert host is not None
        try:
            with building_alone(folder, waiting=_until_begun(folder)):
                note = read_note(folder)  # what stood there before may have ended meanwhile
                if note is not None and note.asked and not is_finished(folder):
                    ran = True
                    yield _cancelled(host, note, alias, folder)
        except _Watched as watched:
            ran = True
            yield _cancelled(host, watched.note, alias)
    if not ran:
        yield f"nothing runs at the host of {alias}"


class _Watched(Exception):
    """Another command waits for the job of this note."""

    def __init__(self, note: JobNote) -> None:
        self.note = note
        super().__init__(note.job)


def _until_begun(folder: Path) -> Callable[[], None]:
    """To be called while another process has an artifact's lock: ends the waiting once that process knows its job."""
    tell = waiting_for("another command is about to begin a job; waiting for that")

    def look() -> None:
        note = read_note(folder)
        if note is not None and note.job:
            raise _Watched(note)
        tell()

    return look


def _cancelled(host: TuningHost, note: JobNote, alias: str, folder: Path | None = None) -> str:
    """End one job, and say what became of it. `folder`: where that is noted; None: the command that waits for it does.

    Raises:
        UserError: the host does not end it.
    """
    try:
        if not (id := note.job or host.find(note.submission)):
            _forget(note, folder)
            return f"{host.name} has begun no job {note.marker}"
        state = host.state(id)
        if state.phase not in ENDED:
            host.cancel(id)
            state = host.state(id)
    except JobGone:
        if folder is None:
            watched = f"{host.name} knows no job {note.job}, and another command waits for it"
            return f"{watched}: once that has ended, 'rung train generator --on {alias} --cancel' forgets it"
        _forget(note, folder)
        return f"{host.name} knows no job {note.job}: it is forgotten here"
    except RequestFailed as error:
        raise UserError(f"{host.name} does not end {note.job or note.marker}: {error}") from error
    if state.phase == "succeeded":
        return f"{id} had ended at {host.name}, as {state.model}: 'rung train generator --on {alias}' takes it over"
    if state.phase in ENDED:
        _forget(note, folder)
        return f"{id} is {state.phase} at {host.name}"
    return f"{host.name} is ending {id} ({state.note or state.phase})"


def _forget(note: JobNote, folder: Path | None) -> None:
    if folder is not None:
        note.again().write(folder)
