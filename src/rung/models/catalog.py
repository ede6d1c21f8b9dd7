"""Which models there are, by the name that `rung.yaml` gives. Built-in hosts come through the same door as a stranger's:
an entry point of the group `rung.models`, whose value makes a `Host`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from rung.errors import ModelError
from rung.models.protocol import Embedder, Generator, Host, NamingHost, RerankingHost, Server
from rung.progress import Tick
from rung.records.steps import Engine

GROUP = "rung.models"
GENERATOR = "generator"  # as a reranker: the project's own model grades the passages
BUILT_IN = {
    "packaged": "rung.models.hosts:PackagedHost",
    "gguf": "rung.models.hosts:GgufHost",
    "encoder": "rung.models.hosts:EncoderHost",
    "hf": "rung.models.hosts:HfHost",
    "http": "rung.models.hosts:HttpHost",
    "cross-encoder": "rung.models.hosts:CrossEncoderHost",
    "scripted": "rung.models.hosts:ScriptedHost",
}


@dataclass(frozen=True, slots=True)
class PatientServer:
    """How a model server is treated where the project does not say."""

    timeout_seconds: float = 60
    retries: int = 4
    concurrency: int = 8
    requests_per_minute: float | None = None
    context_tokens: int = 8192
    reasoning_tokens: int = 0


def generator(name: str, *, server: Server = PatientServer(), progress: Tick = lambda _done, _all, _note: None) -> Generator:
    """Open a generator by name; weights that are not here are fetched.

    Raises:
        ModelError: there is no such model; names the nearest. Or it cannot be fetched.
    """
    return _host(name, "generator").generator(name, server=server, progress=progress)


def embedder(name: str, *, server: Server = PatientServer(), progress: Tick = lambda _done, _all, _note: None) -> Embedder:
    """Open an embedder by name; raises as `generator` does."""
    return _host(name, "embedder").embedder(name, server=server, progress=progress)


def reranker(name: str, *, server: Server = PatientServer(), progress: Tick = lambda _done, _all, _note: None) -> Engine:
    """Open a reranker by name: an engine of `Rerank` steps; raises as `generator` does.

    `GENERATOR`, the project's own generator as a reranker, is made by whoever holds it (`reranking.GeneratorReranker`).
    """
    host = _host(name, "reranker")
    if not isinstance(host, RerankingHost):
        raise ModelError(f"'{name}' cannot be a reranker; there are: {', '.join(_names('reranker'))}")
    return host.reranker(name, server=server, progress=progress)


def is_local(name: str) -> bool:
    """Whether the weights of this generator are on this machine, so that they can be tuned.

    Raises:
        ModelError: there is no such model.
    """
    return _host(name, "generator").is_local


def is_remote(name: str, what: str = "generator") -> bool:
    """Whether a model is behind a server; raises as `check_name` does."""
    check_name(name, what)
    host = _host(name, what)
    return isinstance(host, NamingHost) and host.is_remote


def check_name(name: str, what: str = "generator") -> None:
    """Refuse a name that no model can have, without opening or asking anything.

    Raises:
        ModelError: there is no such model, or its name lacks something; says what.
    """
    host = _host(name, what)
    offered = _offered(host, what)
    forms = [form.partition("<")[0].partition("://")[0] for form in offered if "<" in form]
    if name not in offered and not any(name.startswith(form) for form in forms):
        raise ModelError(
            f"'{name}' cannot be {'an' if what[0] in 'aeiou' else 'a'} {what}; there are: {', '.join(_names(what))}"
        )
    if isinstance(host, NamingHost):
        host.check_name(name)


@cache
def hosts() -> tuple[Host, ...]:
    """Every host, built-ins first.

    Raises:
        ModelError: a plugin cannot be loaded.
    """
    return load(entry_points(group=GROUP))


def load(strangers: Iterable[EntryPoint]) -> tuple[Host, ...]:
    """The built-in hosts and those of these entry points; raises as `hosts` does."""
    built_in = [EntryPoint(name, value, GROUP) for name, value in BUILT_IN.items()]
    return tuple(_made(entry) for entry in (*built_in, *strangers))


def _made(entry: EntryPoint) -> Host:
    try:
        host: Host = entry.load()()
    except (ImportError, AttributeError, TypeError) as error:
        package = entry.dist.name if entry.dist is not None else entry.value
        raise ModelError(
            f"the model host {entry.name!r} of {package} cannot be loaded: {error}; mend or uninstall it"
        ) from error
    return host


def _host(name: str, what: str) -> Host:
    for host in hosts():
        if host.claims(name):
            return host
    there = _names(what)
    close = difflib.get_close_matches(name, there, n=1)
    hint = f"did you mean '{close[0]}'? " if close else ""
    raise ModelError(f"unknown {what} '{name}'; {hint}there are: {', '.join(there)}")


def _names(what: str) -> list[str]:
    """The names, or forms of names, that the hosts have for a generator, an embedder or a reranker."""
    found: list[str] = [GENERATOR] if what == "reranker" else []
    return [*found, *(name for host in hosts() for name in _offered(host, what))]


def _offered(host: Host, what: str) -> tuple[str, ...]:
    if what == "reranker":
        return host.rerankers if isinstance(host, RerankingHost) else ()
    return host.generators if what == "generator" else host.embedders
