"""Which models there are, by the name that `rung.yaml` gives. Built-in hosts come through the same door as a stranger's:
an entry point of the group `rung.models`, whose value makes a `Host`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import cast

from rung.config.schema import Settings
from rung.errors import ModelError
from rung.models.protocol import (
    Embedder,
    Generator,
    Host,
    LocalEngine,
    LocalHost,
    NamingHost,
    ReadingHost,
    RerankingHost,
    Server,
)
from rung.plugins import Door, hint
from rung.progress import Tick
from rung.records.steps import Engine

GENERATOR = "generator"  # as a reranker: the project's own model grades the passages
_HAS = ("generators", "embedders", "is_local", "claims", "generator", "embedder")


def _host_of(make: object) -> Host:
    host = make() if callable(make) else make
    if missing := [name for name in _HAS if not hasattr(host, name)]:
        raise TypeError(f"a model host has {', '.join(_HAS)}; this one lacks {', '.join(missing)}")
    return cast("Host", host)


DOOR = Door(
    group="rung.models",
    noun="model host",
    built_in={
        "packaged": "rung.models.hosts:PackagedHost",
        "gguf": "rung.models.hosts:GgufHost",
        "encoder": "rung.models.hosts:EncoderHost",
        "hf": "rung.models.hf_host:HfHost",
        "http": "rung.models.hosts:HttpHost",
        "cross-encoder": "rung.models.hosts:CrossEncoderHost",
        "scripted": "rung.models.hosts:ScriptedHost",
        "python": "rung.models.callables:CallableHost",
    },
    part_of=_host_of,
    error=ModelError,
)


@dataclass(frozen=True, slots=True)
class PatientServer:
    """How a model server is treated where the project does not say."""

    timeout_seconds: float = 60
    retries: int = 4
    concurrency: int = 8
    requests_per_minute: float | None = None
    context_tokens: int = 8192
    reasoning_tokens: int = 0
    api: str = "chat"
    adapters_at: str = ""
    batch: bool = False


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


def is_tunable(settings: Settings) -> bool:
    """Whether the model of a project can be tuned: its weights are on this machine, or its host tunes it. Raises as
    `is_local`."""
    return settings.tuning_of() is not None or is_local(settings.tuned_on())


def engine(name: str) -> LocalEngine:
    """Which engine answers for a local generator on this machine, without opening it; "" for others, or where only files
    tell that are not here, or broken. Raises as `is_local` does."""
    host = _host(name, "generator")
    return host.engine(name) if isinstance(host, LocalHost) else ""


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


def is_here(name: str) -> bool:
    """Whether a generator's files need not be fetched; raises as `is_local`."""
    host = _host(name, "generator")
    return not isinstance(host, ReadingHost) or host.is_here(name)


def check_files(name: str) -> None:
    """Look over the files of a generator without opening it.

    Raises:
        ModelError: it cannot be opened; says why, as opening it would.
        MissingExtra: a library is not installed.
    """
    host = _host(name, "generator")
    if isinstance(host, ReadingHost):
        host.check_files(name)


@cache
def hosts() -> tuple[Host, ...]:
    """Every host, built-ins first.

    Raises:
        ModelError: a plugin's host cannot be loaded, is none, or takes the name of another.
    """
    return tuple(DOOR.load().values())


def _host(name: str, what: str) -> Host:
    for host in hosts():
        if host.claims(name):
            return host
    raise ModelError(f"unknown {what} '{name}'; {hint(name, _names(what))}")


def _names(what: str) -> list[str]:
    """The names, or forms of names, that the hosts have for a generator, an embedder or a reranker."""
    names: list[str] = [GENERATOR] if what == "reranker" else []
    return [*names, *(name for host in hosts() for name in _offered(host, what))]


def _offered(host: Host, what: str) -> tuple[str, ...]:
    if what == "reranker":
        return host.rerankers if isinstance(host, RerankingHost) else ()
    return host.generators if what == "generator" else host.embedders
