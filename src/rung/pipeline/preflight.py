"""Asks the servers behind a project's models for a trifle before documents are read, so that no hours are spent in vain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

from rung.builders.hosted_adapter import host_of
from rung.config.project import Project
from rung.config.schema import DEFAULT_EMBEDDER, TUNED
from rung.dataset.load import read_schema
from rung.dataset.obstacles import Obstacles
from rung.errors import ModelError, ServerError
from rung.models.catalog import GENERATOR, check_files, check_name, is_here, is_local, is_remote
from rung.models.endpoint import Endpoint, is_on_server
from rung.models.http_reading import ANOTHER
from rung.models.protocol import Remote
from rung.models.retirement import ending, sentence
from rung.models.vendors import VENDORS
from rung.pipeline.candidates import allowed, check_sampling, models_asked
from rung.pipeline.grading import asks_judge
from rung.pipeline.limits import check_limits
from rung.pipeline.pricing import is_batched
from rung.progress import phase, say
from rung.records import Json, Problem
from rung.runtime.engines import PROMOTED, Engines, model_of, open_engines, promoted_folder
from rung.runtime.servers import checked, known
from rung.tools import tools_of

BATCHED = (
    "{} is asked through its batch interface. How long a batch takes is no latency: the live pass alone measures that, "
    "which asks some cases directly. Prices of answers are those of serving, in full."
)
_HELD_AS = {"model": "generator", "judge": "judge", "embedder": "base_embedder", "reranker": "reranker"}


def check_servers(engines: Engines, *, judging: bool = True) -> tuple[str, ...]:
    """Ask each server for a trifle, once: what it answers is remembered. `judging`: that of the judge too, if one judges.

    Returns what a verdict is to say of them: what a server does not hold, or take.

    Raises:
        UserError: nobody listens there, or the key, the quota or the model is refused; or a model's name is none.
    """
    project, notices = engines.project, list[str]()
    for key, name, what in named_models(project, judging=judging):
        own = engines_of(engines, key, name)
        check_named(own.project, key, name, what)
        idle = key == "judge" and not asks_judge(project)
        engine = opened(own, key) if is_remote(engines.named(name), what) and not idle else None
        if not isinstance(engine, Remote):
            continue
        before = known(engines.cache, engine)
        with phase(f"ask {name}"):
            report = _asked(own, engine, key)
        if trouble := report.get("trouble"):
            say(f"! {name} did not answer a first small request ({trouble}); going on")
        lines = list(remarks(project, name, report))
        notices += [one for one in lines if one not in notices]
        for one in lines if report != before else ():
            say(f"! {one}")
    return tuple(notices)


def engines_of(engines: Engines, key: str, name: str) -> Engines:
    """Those that hold what has this name under this key: of a model that rungs ask, its own."""
    return engines.on(name) if key == "model" else engines


def opened(engines: Engines, key: str) -> object:
    """What these engines hold under a key of `rung.yaml`, an embedder as it was published; None where it is none."""
    return getattr(engines, _HELD_AS[key])


def _project_of(project: Project, key: str, name: str) -> Project:
    return project.on(name) if key == "model" else project


def named_models(project: Project, *, judging: bool = True) -> Iterator[tuple[str, str, str]]:
    """(key of `rung.yaml`, name, what it is) of every model that the project names, those made by itself aside."""
    settings = project.settings
    asked = models_asked(project)
    yield from (("model", name, "generator") for name in asked)
    yield "embedder", DEFAULT_EMBEDDER if settings.embedder == TUNED else settings.embedder, "embedder"
    if settings.reranker not in ("", TUNED, GENERATOR):
        yield "reranker", settings.reranker, "reranker"
    if judging and settings.judge.model not in ("", *asked):
        yield "judge", settings.judge.model, "generator"


def check_named(project: Project, key: str, name: str, what: str) -> None:
    """Refuse a name that no model can have, without opening or asking anything.

    Raises:
        InputError: points at its line.
    """
    try:
        check_name(model_of(project, name), what)
    except ModelError as error:
        raise _error(_project_of(project, key, name), error, key) from error


def check_opening(project: Project, key: str, name: str) -> None:
    """Refuse a generator whose files cannot be opened, before any weight is read.

    Raises:
        InputError: points at its line.
        MissingExtra: a library is not installed.
    """
    try:
        check_files(model_of(project, name))
    except ModelError as error:
        raise _error(_project_of(project, key, name), error, key) from error


def to_fetch(project: Project) -> list[str]:
    """What is to be said of generators that are not here."""
    names = dict.fromkeys(model_of(project, name) for _, name, what in named_models(project) if what == "generator")
    return [
        f"{name} is not on this machine, so it is not looked at: the first command that asks it fetches it"
        for name in names
        if not is_here(name)
    ]


def check_weights(project: Project) -> None:
    """Refuse weights beside a model that no server of one's own answers as, and such that cannot be tuned here.

    Raises:
        InputError: points at the model's line.
    """
    for alias, entry in project.settings.models.items():
        if not entry.weights:
            continue
        try:
            check_name(model_of(project, entry.weights))
            check_files(model_of(project, entry.weights))
            trainable = is_local(entry.weights)
        except ModelError as error:
            raise project.error(f"weights: {error}", "models", alias) from error
        if not entry.use.startswith(("http://", "https://")):
            message = f"'{entry.use}' takes no adapters: 'weights' stands beside the URL of a server of your own"
            raise project.error(message, "models", alias)
        if not trainable:
            message = f"'{entry.weights}' cannot be tuned here: name the weights that the server has, as hf:<folder or id>"
            raise project.error(message, "models", alias)


def check_tuning(project: Project) -> None:
    """Refuse a model that no host tunes, or not with what `rung.yaml` says.

    Raises:
        InputError: points at the model's line.
    """
    for alias, entry in project.settings.models.items():
        if entry.tuning is not None and entry.weights:
            message = "'weights' are tuned here, 'tuning' is its host's: leave one of them out"
            raise project.error(message, "models", alias, "tuning")
        if entry.tuning is not None:
            host_of(project.on(entry.use))


def check_batches(project: Project) -> None:
    """Refuse `server: {batch: true}` for a model whose host has no batch interface.

    Raises:
        InputError: points at its line.
    """
    for own in map(project.on, models_asked(project)):
        if not is_batched(own):
            continue
        host = Endpoint.named(own.settings.model).vendor
        if host.batches is None:
            able = ", ".join(f"{name}:" for name, vendor in VENDORS.items() if vendor.batches is not None)
            message = (
                f"server.batch: {own.settings.model} has no batch interface that is known here ({able} have one); take "
                "'batch: true' out, or set it under 'server' of the model that has one. A server with OpenAI's /batches "
                "is named openai:<name>, with its address in OPENAI_BASE_URL"
            )
            raise own.error(message, *_where_batched(own))


def _where_batched(project: Project) -> tuple[str | int, ...]:
    """The key that has a model asked in batches."""
    alias = next((one for one, entry in project.settings.models.items() if entry.use == project.settings.model), "")
    own = bool(alias) and project.settings.models[alias].server.batch
    return ("models", alias, "server", "batch") if own else ("server", "batch")


def check_settings(project: Project, met: Obstacles) -> None:
    """What of `rung.yaml` can be known to be wrong before any other file is read; raises, or gathers, as `met` does."""
    nothing: tuple[tuple[str, str, str], ...] = ()
    for key, name, what in met.past(lambda: tuple(named_models(project)), nothing):
        before = len(met.met)
        met.check(partial(check_named, project, key, name, what))
        if what == "generator" and len(met.met) == before:
            met.check(partial(check_opening, project, key, name))
    for key in PROMOTED:
        met.check(partial(promoted_folder, project, key))
    for check in (tools_of, allowed, check_limits, check_sampling, check_weights, check_tuning, check_batches):
        met.check(partial(check, project))


def is_held(project: Project) -> bool:
    """Whether answers, or grades, are to be held to a schema or labels."""
    settings = project.settings
    return bool(settings.behaviour.schema_file or settings.behaviour.labels) or settings.reranker == GENERATOR


def form_of(project: Project, key: str) -> tuple[bool, str]:
    """(whether answers of the model under this key are held to a form, the project's schema; "" where it has none)."""
    return (is_held(project), read_schema(project)) if key == "model" else (False, "")


def remarks(project: Project, name: str, report: Mapping[str, Json]) -> Iterator[str]:
    """What is to be said of a model's server in the verdict."""
    form, left_out, other = report.get("form"), report.get("left_out"), report.get("answered_by")
    if form in ("ignored", "refused"):
        what, parameter = "ignores" if form == "ignored" else "does not take", report.get("sent_as", "response_format")
        yield f"{name} {what} {parameter}: no answer is held to schema or labels; the prompt alone asks for them."
    if silent := report.get("no_answer"):
        yield f"{name} gave no answer to a first small request: {silent}."
    if refused := report.get("schema_refused"):
        yield f"{name} does not hold answers to the project's schema: {refused}."
    if isinstance(left_out, list) and left_out:
        names = ", ".join(map(str, left_out))
        drawn = ", so its answers may differ from time to time" if "temperature" in left_out else ""
        yield f"{name} does not take {names}: left out{drawn}."
    asked, context = name in project.settings.model_names.values(), report.get("context")
    limit = project.on(name if asked else "").settings.server.context_tokens
    if isinstance(context, int) and 0 < context < limit and asked:
        yield f"{name} reads {context:,} tokens, as its server says, not the {limit:,} of server.context_tokens."
    if other and report.get("unlisted"):
        yield f"{name} is no model of its server's list; what answers there is called {other}."
    elif other:
        yield f"{name} answered as {other}: {ANOTHER}."
    if ends := ending(name, report):
        yield sentence(name, ends)
    if asked and is_batched(project.on(name)):
        yield BATCHED.format(name)


def context_of(project: Project) -> int:
    """Tokens that prompt and answer may have together at a model's server: `server.context_tokens`, or what the server was
    found to read, where that is less. Asks nobody."""
    limit = project.settings.server.context_tokens
    model = project.settings.model
    context = next((report.get("context") for key, name, report in _cached(project) if (key, name) == ("model", model)), 0)
    return min(limit, context) if isinstance(context, int) and context else limit


def remembered(project: Project) -> list[str]:
    """What earlier checks found, and which models end, without asking anybody; for `rung check`."""
    lines = [line for _, name, report in _cached(project) for line in remarks(project, name, report)]
    return list(dict.fromkeys(lines))


def _cached(project: Project) -> Iterator[tuple[str, str, Mapping[str, Json]]]:
    """(key of `rung.yaml`, name, what an earlier check found) of each model behind a server; {} before the first."""
    remote = [(key, name) for key, name, what in named_models(project) if is_remote(model_of(project, name), what)]
    if not remote or not (project.state / "rung.db").is_file():
        yield from ((key, name, {}) for key, name in remote)
        return
    with open_engines(project, lasting=False) as engines:
        for key, name in remote:
            engine = opened(engines_of(engines, key, name), key)
            yield key, name, known(engines.cache, engine) if isinstance(engine, Remote) else {}


def missing_keys(project: Project) -> Iterator[Problem]:
    """A problem for each model whose key is not set, where its vendor answers nobody without one; of others nobody knows."""
    for name, key in {name: key for key, name, _ in named_models(project)}.items():
        if not is_on_server(name):
            continue
        endpoint = Endpoint.named(name)
        if endpoint.wants_key and not endpoint.has_key:
            message = f"{name} wants a key, and {endpoint.key_variable} is not set: set it to a key that may use it"
            where = _project_of(project, key, name).naming(key)
            yield Problem(project.file.name, project.line(*where), message)


def _asked(engines: Engines, engine: Remote, key: str) -> Mapping[str, Json]:
    constrained, schema = form_of(engines.project, key)
    try:
        return checked(engines.cache, engine, constrained=constrained, schema=schema)
    except (ModelError, ServerError) as error:
        raise _error(engines.project, error, key) from error


def _error(project: Project, error: Exception, key: str) -> Exception:
    return project.error(str(error), *project.naming(key))
