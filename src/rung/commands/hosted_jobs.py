"""Jobs that run at a model's host: which model is meant, and how one is ended."""

from __future__ import annotations

from collections.abc import Iterator

from rung.builders.hosted_adapter import host_of, running_jobs
from rung.config.project import Project
from rung.errors import UserError
from rung.models.http_client import RequestFailed
from rung.training.hosted.protocol import ENDED, JobGone
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
    """End the jobs that run at the host of a model; a line for each.

    Raises:
        UserError: as `hosted_model`, or the host does not end one.
    """
    own = project.on(hosted_model(project, alias))
    host, jobs = host_of(own), running_jobs(own)
    if host is None or not jobs:
        yield f"nothing runs at the host of {alias}"
        return
    for folder, note in jobs.items():
        try:
            if not (id := note.job or host.find(note.submission)):
                note.again().write(folder)
                yield f"{host.name} has begun no job {note.marker}"
                continue
            state = host.state(id)
            if state.phase not in ENDED:
                host.cancel(id)
                state = host.state(id)
        except JobGone:
            note.again().write(folder)
            yield f"{host.name} knows no job {note.job}: it is forgotten here"
            continue
        except RequestFailed as error:
            raise UserError(f"{host.name} does not end {note.job or note.marker}: {error}") from error
        if state.phase == "succeeded":
            yield f"{id} had ended at {host.name}, as {state.model}: 'rung train generator --on {alias}' takes it over"
        elif state.phase in ENDED:
            note.again().write(folder)
            yield f"{id} is {state.phase} at {host.name}"
        else:
            yield f"{host.name} is ending {id} ({state.note or state.phase})"
