"""Ships steps to workers on other machines: Ray actors that open a model once and carry out slices of a batch.

No second driver: a `Spread` is an `Engine` around the local one, with its identity. So `batch.carry` replays, and stores
each slice as it arrives, as ever, and a killed command goes on where it was. The slice of a worker that dies is carried
out elsewhere, in halves: a step that kills workers is found and fails alone. Needs the extra `scale`.
"""

from __future__ import annotations

import logging
import os
import socket
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rung.errors import MissingExtra, UserError
from rung.records import Failure
from rung.records.steps import Engine, Generate, Request, Result, kind

if TYPE_CHECKING:
    from ray.actor import ActorHandle

log = logging.getLogger(__name__)
LOCAL = "local"
Opener = Callable[[], Engine]
Shipped = tuple[Path, dict[str, bytes]]  # an adapter's folder here, and its files by name
Answers = list[tuple[int, Result | Failure]]
_MIN_SLICE, _MAX_SLICE = 16, 64  # steps of a slice: enough for continuous batching, little enough to lose
_SLICES = 4  # for each worker: the faster one takes more of them
_SINGLE = 2  # deaths that a step may cause alone before it fails
_MAX_DEATHS = 20  # in a row, without one slice that came back
_KNOCK = 10.0  # seconds that a cluster has to open its door
_MEMORY = 100_000_000  # bytes of the object store of a cluster of our own: steps and results are small


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where workers run, and how many.

    `address`: "local" starts Ray on this machine, "auto" joins the cluster that it belongs to; else
    "host:port". `seconds`: how long to wait for the first worker, with its model open.
    """

    address: str = LOCAL
    count: int = 2
    seconds: float = 600.0


class Worker:
    """What runs on the other side: opens the engine of each step kind once, when first asked. Not for use on its own."""

    def __init__(self, openers: Mapping[str, Opener]) -> None:
        self._openers = openers
        self._engines: dict[str, Engine] = {}

    def identity(self, name: str) -> str:
        """Open the engine of a kind, and say what it is.

        Raises:
            UserError: it cannot be opened here.
        """
        try:
            if name not in self._engines:
                self._engines[name] = self._openers[name]()
            return self._engines[name].identity
        except UserError as error:
            raise UserError(str(error)) from None  # others of its kind do not survive the way

    def learn(self, name: str, adapters: Mapping[str, Shipped]) -> None:
        """Make adapters (by digest) answerable here.

        Raises:
            UserError: this model serves none, or the disk is full.
        """
        try:
            folders = {digest: _unpacked(digest, shipped) for digest, shipped in adapters.items()}
            self._engines[name].use_adapters(folders)  # type: ignore[attr-defined]  # generators have it
        except (UserError, OSError) as error:
            raise UserError(str(error)) from None

    def run(self, name: str, requests: Sequence[Request]) -> Answers:
        """Carry out a slice.

        Raises:
            UserError: something that concerns every step.
        """
        try:
            return list(self._engines[name].run(requests))
        except UserError as error:
            raise UserError(str(error)) from None


@dataclass(slots=True)
class _Slice:
    """Requests by their places, and how many workers died over them."""

    places: Sequence[int]
    deaths: int = 0


@dataclass(slots=True, eq=False)
class _Hired:
    """A worker: the kinds that it has opened, the adapters that it knows, the slice it is at (None: it is getting ready)."""

    actor: ActorHandle[Worker]
    knows: set[str] = field(default_factory=set)
    slice: _Slice | None = None


class Pool:
    """Workers on a Ray cluster, hired when first needed and replaced when they die. Close it when the work is done.

    Args:
        cluster: where, and how many.
        openers: step kind -> what opens its engine; called on the workers, so it has to be importable there.
    """

    def __init__(self, cluster: Cluster, openers: Mapping[str, Opener]) -> None:
        self.cluster = cluster
        self._openers = dict(openers)
        self._started = False
        self._workers: list[_Hired] = []

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *ended: object) -> None:
        self.close()

    def engine(self, name: str, local: Engine, *, adapters: Mapping[str, Path] | None = None) -> Spread:
        """The engine of a kind as carried out by the workers. `adapters` (digest -> folder) may grow meanwhile."""
        return Spread(self, name, local, {} if adapters is None else adapters)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The step kinds that the workers carry out."""
        return tuple(self._openers)

    def workers(self, count: int) -> list[_Hired]:
        """So many workers that are not known to be dead, at most as many as the cluster is said to have.

        Raises:
            MissingExtra: Ray is not installed.
            UserError: the cluster cannot be reached.
        """
        ray = _ray()
        if not ray.is_initialized():
            _connect(self.cluster)
            self._started = True
        while len(self._workers) < min(count, self.cluster.count):
            remote = ray.remote(num_cpus=1, max_restarts=0, scheduling_strategy="SPREAD")(Worker)
            self._workers.append(_Hired(remote.remote(self._openers)))
        return list(self._workers)

    def dismiss(self, worker: _Hired) -> None:
        """Forget a worker that died."""
        if worker in self._workers:
            self._workers.remove(worker)

    def close(self) -> None:
        """Let the workers go, and the cluster where it was started here."""
        if not self._workers and not self._started:
            return
        import ray

        if ray.is_initialized():
            for worker in self._workers:
                ray.kill(worker.actor)
            if self._started:
                ray.shutdown()
        self._workers, self._started = [], False


class Spread:
    """An `Engine` that ships slices of what it is given to the workers of a pool. Use one run at a time."""

    def __init__(self, pool: Pool, name: str, local: Engine, adapters: Mapping[str, Path]) -> None:
        self._pool, self._name, self._local, self._adapters = pool, name, local, adapters

    @property
    def identity(self) -> str:
        """That of the local engine: workers whose engine is another are refused."""
        return self._local.identity

    def run(self, requests: Sequence[Request]) -> Iterator[tuple[int, Result | Failure]]:
        """Yield (place, result), slice by slice as they come back; see `rung.records.steps.Engine`.

        Raises:
            UserError: no cluster, no worker that can start, another engine there than here, or what a worker raised.
        """
        if requests:
            yield from _Round(self._pool, self._name, self.identity, requests, self._adapters).results()


@dataclass
class _Round:
    """One run: what waits, who is at what, and how often somebody died in a row."""

    pool: Pool
    name: str
    identity: str
    requests: Sequence[Request]
    adapters: Mapping[str, Path]
    waiting: deque[_Slice] = field(default_factory=deque)
    under_way: dict[Any, _Hired] = field(default_factory=dict)  # what is awaited -> whose it is
    deaths: int = 0
    heard: float = field(default_factory=time.monotonic)  # when a worker last gave a sign of life

    def results(self) -> Iterator[tuple[int, Result | Failure]]:
        ray = _ray()
        self.waiting.extend(_Slice(places) for places in _sliced(len(self.requests), self.pool.cluster.count))
        for worker in self.pool.workers(len(self.waiting)):
            self._prepare(worker)
        while self.waiting or any(worker.slice is not None for worker in self.under_way.values()):
            done, _ = ray.wait(list(self.under_way), num_returns=1, timeout=5.0)
            if not done:
                self._lose_patience()
            for reference in done:
                yield from self._taken(reference, self.under_way.pop(reference))

    def _prepare(self, worker: _Hired) -> None:
        """Have the worker open its engine and take over the adapters; its sign that it is ready comes back like a slice."""
        worker.slice = None
        self.under_way[worker.actor.identity.remote(self.name)] = worker

    def _taken(self, reference: Any, worker: _Hired) -> Iterator[tuple[int, Result | Failure]]:
        """What came back: a slice's results, a sign that the worker is ready, or its death."""
        import ray

        some = worker.slice
        try:
            results = ray.get(reference)
            if some is None:
                self._ready(worker, results)
        except ray.exceptions.RayTaskError as error:
            raise (error.cause if isinstance(error.cause, UserError) else error) from None
        except ray.exceptions.RayError as error:  # the actor, its node or its result is gone
            log.warning("a worker died: %s", str(error).splitlines()[0] if str(error) else type(error).__name__)
            yield from self._mourned(worker, some)
            return
        self.heard = time.monotonic()
        if some is not None:
            self.deaths = 0
            yield from ((some.places[index], result) for index, result in results)
        self._assign(worker)

    def _ready(self, worker: _Hired, identity: str) -> None:
        """Refuse a worker with another engine; ship the adapters that this run asks for."""
        import ray

        if identity != self.identity:
            raise UserError(
                f"a worker answers '{self.name}' steps with another engine than this machine, so results would not be the "
                f"same: {identity} there, {self.identity} here; install the same versions on both"
            )
        asked = {request.step.adapter for request in self.requests if isinstance(request.step, Generate)}
        new = {digest: self.adapters[digest] for digest in sorted(asked - worker.knows) if digest in self.adapters}
        if new:
            shipped = {digest: (folder.absolute(), _packed(folder)) for digest, folder in new.items()}
            ray.get(worker.actor.learn.remote(self.name, shipped))
            worker.knows |= set(new)

    def _assign(self, worker: _Hired) -> None:
        if self.waiting:
            worker.slice = some = self.waiting.popleft()
            shipped = [self.requests[index] for index in some.places]
            self.under_way[worker.actor.run.remote(self.name, shipped)] = worker

    def _mourned(self, worker: _Hired, some: _Slice | None) -> Iterator[tuple[int, Failure]]:
        """Its slice is carried out elsewhere, in halves; a single step that has cost enough workers fails."""
        self.pool.dismiss(worker)
        self.deaths += 1
        if self.deaths > _MAX_DEATHS:
            raise UserError(f"{self.deaths} workers died in a row (memory?); what was finished is kept: see Ray's logs")
        if some is not None and len(some.places) == 1 and some.deaths + 1 >= _SINGLE:
            name = kind(self.requests[some.places[0]].step)
            yield some.places[0], Failure(f"{some.deaths + 1} workers died over this step", step=name)
        elif some is not None:
            half = len(some.places) // 2
            alone = len(some.places) == 1
            halves = [some.places] if alone else [some.places[:half], some.places[half:]]
            self.waiting.extendleft(_Slice(places, some.deaths + 1 if alone else 0) for places in reversed(halves))
        if self.waiting:
            busy = list(self.under_way.values())
            for hired in self.pool.workers(len(self.waiting) + len(busy)):
                if hired not in busy:
                    self._prepare(hired)

    def _lose_patience(self) -> None:
        """Nobody at work, and nobody who could start."""
        at_work = any(worker.slice is not None for worker in self.under_way.values())
        if not at_work and time.monotonic() - self.heard > self.pool.cluster.seconds:
            raise UserError(
                f"no worker was ready within {self.pool.cluster.seconds:.0f} s: has the cluster a free CPU for each, "
                "and can it fetch the model?"
            )


def _sliced(count: int, workers: int) -> list[range]:
    """Neighbours stay together: their prompts begin alike."""
    share = -(-count // workers)
    size = min(max(-(-share // _SLICES), min(_MIN_SLICE, share)), _MAX_SLICE)
    return [range(start, min(count, start + size)) for start in range(0, count, size)]


def _ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise MissingExtra("scale", "carrying steps out on many machines") from error
    return ray


def _connect(cluster: Cluster) -> None:
    """Start Ray here, or join the cluster.

    Raises:
        UserError: the cluster cannot be reached, or it is of another version.
    """
    ray = _ray()
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing leaves the machine
    host, _, port = cluster.address.rpartition(":")
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    try:
        if cluster.address == LOCAL:
            ray.init(LOCAL, num_cpus=cluster.count, include_dashboard=False, object_store_memory=_MEMORY, **quiet)
        else:
            if host:  # Ray itself tries for minutes
                socket.create_connection((host, int(port)), timeout=_KNOCK).close()
            ray.init(address=cluster.address, **quiet)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        raise UserError(f"Ray cannot be reached at '{cluster.address}' (workers.ray): {error}") from error


def _packed(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def _unpacked(digest: str, shipped: Shipped) -> Path:
    """The adapter's folder: the one it came from where this machine has it, else one among its temporary files."""
    unpacked, files = shipped
    if unpacked.is_dir():
        return unpacked
    folder = Path(tempfile.mkdtemp(prefix=f"rung-{digest[:12]}-"))
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder
