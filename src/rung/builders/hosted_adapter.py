"""Builds the adapter that a model's host makes: lessons become the host's file, the file a job, the job a name that answers.

Only `rung train generator --on` begins one; every other command takes what is there. The artifact holds no weights: its
manifest says by which name the host answers, and what it was made from.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rung.artifacts.registry import Registry
from rung.artifacts.store import Built, Training, artifact_folder, building, remember_rows, seal
from rung.builders.building import ArtifactBuilder, HostedRequest
from rung.builders.recipes import recipe_of
from rung.config.project import Project
from rung.config.tuning import TuningSettings
from rung.errors import NotAllowed, NotWorthwhile, UserError
from rung.models.endpoint import Endpoint
from rung.models.retirement import ending
from rung.progress import phase, say
from rung.records import Example, Json, digest
from rung.training.hosted.forecast import Forecast, dollars, forecast
from rung.training.hosted.job_note import JobNote, read_note
from rung.training.hosted.protocol import JobState, TuningHost
from rung.training.hosted.registry import tuning_host
from rung.training.hosted.rows import TuningRows, tuning_rows
from rung.training.hosted.run_job import Run
from rung.training.registry import instruction_of, learnt

KIND = "adapter"
PASSES = 3
VALIDATION = 0.05
_UNMEASURED = "what it forgot is not measured: its weights are at the host"


@dataclass(frozen=True, slots=True)
class _Plan:
    """A job in the making: `settings` go to the host; `notes`: what of the rows and the recipe it does not take."""

    on: str  # what `rung.yaml` calls the model
    model: str
    host: TuningHost
    tuning: TuningSettings
    rows: TuningRows
    settings: Mapping[str, Json]
    named: str
    notes: tuple[str, ...]

    @property
    def passes(self) -> int:
        """Over the rows that are learnt."""
        return int(str(self.settings["epochs"]))

    def forecast(self) -> Forecast:
        """What it may cost."""
        endpoint = Endpoint.named(self.model)
        return forecast(
            self.host,
            self.rows,
            passes=self.passes,
            usd_per_million=self.tuning.usd_per_million_tokens,
            url=endpoint.url,
            is_vendors=endpoint.is_vendors,
        )


def host_of(project: Project) -> TuningHost | None:
    """The host that tunes the project's model; None where `rung.yaml` does not say that one does.

    Raises:
        InputError: it cannot; points at the model's line.
    """
    settings = project.settings
    tuning = settings.tuning_of()
    if tuning is None:
        return None
    try:
        host = tuning_host(settings.model, tuning, settings.server)
        host.check()
    except UserError as error:
        raise project.error(f"tuning: {error}", *project.naming("model"), "tuning") from error
    return host


def build_hosted(builder: ArtifactBuilder, need_recipe: Mapping[str, Json], rows: Sequence[Example], title: str) -> Built:
    """The adapter that the host makes of these rows, named by its files, the settings and the host.

    Raises:
        NotWorthwhile: it is not there, and this command begins none.
        NotAllowed: the command did not allow it.
        UserError: the host does not take the rows; the job came to nothing.
    """
    plan = _planned(builder, need_recipe, rows)
    folder = artifact_folder(builder.project.state, KIND, plan.named)
    with building(folder, title) as missing:
        if missing:
            _carry_out(builder, plan, rows, folder, title)
    built = Built(plan.named, folder)
    _say_now(built, plan)
    return built


def _planned(builder: ArtifactBuilder, need_recipe: Mapping[str, Json], rows: Sequence[Example]) -> _Plan:
    project = builder.project
    host, tuning = host_of(project), project.settings.tuning_of()
    assert host is not None
    assert tuning is not None
    given, seed = {**recipe_of(builder), **need_recipe}, project.settings.seed
    recipe: dict[str, Json] = {"epochs": PASSES, "seed": seed, **given}
    settings = {key: value for key, value in recipe.items() if key in host.takes}
    most = host.rules.max_epochs
    if most is not None and int(str(settings["epochs"])) > most:
        raise UserError(f"{host.name} takes {most} epochs at most, and the recipe says {settings['epochs']}")
    rank = settings.get("rank")
    if rank is not None and host.rules.ranks and rank not in host.rules.ranks:
        raise UserError(f"{host.name} takes adapters of rank {', '.join(map(str, host.rules.ranks))}, and not {rank}")
    left_out = sorted(set(given) - {*host.takes, "validation"})
    share = float(str(given.get("validation", VALIDATION)))
    files = tuning_rows(rows, host, share=share, seed=seed, stem=f"rung-{digest([r.messages for r in rows])[:10]}")
    named = digest("hosted adapter", files.digests, settings, host.identity)
    notes = [*files.notes, *([f"{host.name} is not told {', '.join(left_out)} of the recipe"] if left_out else [])]
    return _Plan(project.settings.alias_of(), project.settings.model, host, tuning, files, settings, named, tuple(notes))


def _carry_out(builder: ArtifactBuilder, plan: _Plan, rows: Sequence[Example], folder: Path, title: str) -> None:
    note, request, host = read_note(folder), builder.hosted, plan.host
    command = f"'rung train generator --on {plan.on}'"
    if request is None:
        running = f"its job {note.job} runs at {host.name}: {command} looks at it" if note and note.job else ""
        raise NotWorthwhile(running or f"{host.name} has not tuned it on these rows yet: {command} has it do so")
    foretold = plan.forecast()
    note = note or JobNote(host.name, host.identity, plan.named, settings=plan.settings)
    if note.asked and request.is_dry:
        raise NotAllowed(f"{host.name} was asked for {note.job or note.marker} before: {command} looks at it")
    may_run = note.asked
    if not may_run:
        _allow(request, foretold)
        note = replace(note, usd=foretold.usd).write(folder)  # before anything is sent: who ends jobs finds it, and waits
        for other in filter(lambda one: one.asked, unfinished_jobs(builder.project).values()):
            say(f"! {other.job or other.marker} runs at {host.name} on other rows: {command[:-1]} --cancel' ends it")

    def allow(quoted: float | None) -> None:
        if quoted is not None or may_run:  # what was asked for before came to nothing: it is begun by this command
            _allow(request, foretold.quoted(quoted))
        request.begun.append(foretold.quoted(quoted).usd or 0.0)

    run = Run(host, plan.rows, folder, plan.on, allow, request.first_wait)
    with builder.training(Training(KIND, len(rows), begun=bool(note.job))), phase(f"{title}: {host.name}") as tick:
        remember_rows(folder, map(learnt, rows))
        note, state = run.carry_out(note, tick)
    seal(folder, _manifest(builder.project, plan, rows, note, state))


def _allow(request: HostedRequest, foretold: Forecast) -> None:
    """Go on only where the job was allowed at this price.

    Raises:
        NotAllowed: it was not; says what it may cost, and what to do.
    """
    most, before, why = request.max_usd, math.fsum(request.begun), ""
    if request.is_dry or (most is None and not request.is_allowed):
        why = "Nothing was sent: --yes begins it, --max-cost USD where it costs no more than that"
    elif most is not None and foretold.usd is None:
        why = "It is not begun: whether it keeps within --max-cost cannot be told; say 'tuning: {usd_per_million_tokens: …}'"
    elif most is not None and foretold.usd is not None and before + foretold.usd > most:
        beside = f", with {dollars(before)} of what this command has begun," if before else ""
        why = f"It is not begun: that is{beside} more than --max-cost {most:g}"
    if why:
        raise NotAllowed(f"{foretold} {why}")
    say(str(foretold))


def _manifest(project: Project, plan: _Plan, rows: Sequence[Example], note: JobNote, state: JobState) -> dict[str, Json]:
    host, endpoint = plan.host, Endpoint.named(plan.model)
    scheme = endpoint.vendor.name
    ends = ending(f"{scheme}:{state.model}" if scheme else plan.model, {}) or ending(plan.model, {})
    replaced = Registry(project.state).promoted(KIND)
    hosted: dict[str, Json] = {
        "host": host.name,
        "url": endpoint.url,
        "base": host.base,
        "job": note.job,
        "model": state.model,
        "answers_as": "" if host.deploys else state.model,
        "deploys": host.deploys,
        "files": dict(zip(("train", "validation"), plan.rows.digests, strict=False)),
        "usd": _charged(plan.forecast(), note, state),
        "ends": None if ends is None else {"day": ends.day.isoformat(), "source": ends.source},
        "begun": note.begun,
    }
    return {
        "kind": KIND,
        "trainer": f"{host.name}, hosted",
        "base": {"name": plan.model, "identity": host.identity},
        "recipe": dict(plan.settings),
        "rows": len(rows),
        "rows_digest": plan.rows.digests[0],
        "rows_held_out": plan.rows.validation.rows if plan.rows.validation else 0,
        "tokens": state.tokens if state.tokens is not None else plan.passes * plan.rows.tokens,
        "instruction": instruction_of(rows),
        "hosted": hosted,
        "notes": [*plan.notes, *_words(hosted), _UNMEASURED],
        **({"parent": replaced} if replaced else {}),
    }


def _charged(foretold: Forecast, note: JobNote, state: JobState) -> float | None:
    """Dollars of a job that has ended: its tokens at the price that somebody named, else what was foretold."""
    if foretold.usd is not None and foretold.tokens and state.tokens is not None:
        return foretold.usd * state.tokens / foretold.tokens
    return foretold.usd if note.usd is None else note.usd


def _words(hosted: Mapping[str, Json]) -> list[str]:
    """By which name it answers, and until when."""
    ends = hosted["ends"]
    until = f"ends on {ends['day']} ({ends['source']})" if isinstance(ends, dict) else "when it ends is not known"
    undeployed = [f"it does not answer yet: {hosted['deploys']}"] if hosted["deploys"] else []
    return [f"the host calls it {hosted['model']}; {until}", *undeployed]


def _say_now(built: Built, plan: _Plan) -> None:
    """Keep what `rung.yaml` has come to say of it since: by which name somebody deployed it, and its price where none was
    known."""
    manifest = built.manifest
    hosted, tokens, foretold = manifest.get("hosted"), manifest.get("tokens"), plan.forecast()
    if not isinstance(hosted, dict):
        return
    now = {**hosted, "answers_as": plan.tuning.answers_as or hosted.get("answers_as")}
    if hosted.get("usd") is None and foretold.usd is not None and foretold.tokens and isinstance(tokens, int):
        now["usd"] = foretold.usd * tokens / foretold.tokens
    if now != hosted:
        seal(built.folder, {**manifest, "hosted": now})


def unfinished_jobs(project: Project) -> dict[Path, JobNote]:
    """Folder -> the note of each job of the project's model that is not finished; of those that run, and of those that the
    host was not `asked` for yet.

    Raises:
        InputError: a note cannot be read.
    """
    host = host_of(project)
    adapters = artifact_folder(project.state, KIND, "")
    folders = sorted(path.parent for path in adapters.glob("*/job.json") if not (path.parent / "manifest.json").exists())
    notes = {folder: note for folder in folders if (note := read_note(folder)) is not None}
    return {folder: note for folder, note in notes.items() if host is not None and note.identity == host.identity}
