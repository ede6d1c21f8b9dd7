"""What a model host must offer: the contract that `rung.testing` checks for every one of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from rung.progress import Tick
from rung.records import Failure, Json, Message
from rung.records.steps import Engine, GenerateResult, Request, Restart, Result

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]


class Generator(Protocol):
    """Answers `Generate` steps; an `Engine` and a `StreamingEngine`."""

    @property
    def identity(self) -> str: ...

    @property
    def context_tokens(self) -> int:
        """Tokens that prompt and answer may have together."""
        ...

    def use_adapters(self, adapters: Mapping[str, Path]) -> None:
        """Make LoRA artifacts (digest -> PEFT folder) answerable by `Generate.adapter`.

        Raises:
            ModelError: this host cannot serve adapters, or one was made for another base.
        """
        ...

    def run(self, requests: Sequence[Request]) -> Iterator[tuple[int, Result | Failure]]: ...

    def stream(self, request: Request) -> Iterator[str | Restart | GenerateResult | Failure]: ...

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text; an estimate where the host has no tokenizer."""
        ...

    def render(self, messages: Sequence[Message]) -> str:
        """The prompt as the model sees it, chat template applied, assistant's turn opened."""
        ...

    def close(self) -> None:
        """Give back memory and connections. A later call opens them again."""
        ...


@runtime_checkable
class Decoding(Protocol):
    """A generator that decodes on this machine. `apart`, set before it is asked: it does so in a process of its own, and
    keeps no thread of this one waiting."""

    apart: bool

    def open_ahead(self) -> None:
        """Begin to open what decodes, twice where there is memory: for who asks, and for who starts anew. Returns at once;
        who asks meanwhile waits for the first, and is told what goes wrong."""

    def start_anew(self) -> None:
        """Have the next request find empty caches."""


class Embedder(Protocol):
    """Texts to unit vectors."""

    @property
    def identity(self) -> str: ...

    @property
    def dimensions(self) -> int: ...

    @property
    def max_tokens(self) -> int: ...

    def embed(self, texts: Sequence[str], *, kind: Literal["query", "passage"]) -> Vectors:
        """Rows of unit length, float32, shape [len(texts), dimensions]."""
        ...

    def count_tokens(self, texts: Sequence[str]) -> list[int]: ...


class Server(Protocol):
    """How to treat a model server: `server:` in `rung.yaml`."""

    @property
    def timeout_seconds(self) -> float: ...

    @property
    def retries(self) -> int: ...

    @property
    def concurrency(self) -> int: ...

    @property
    def requests_per_minute(self) -> float | None: ...

    @property
    def context_tokens(self) -> int: ...

    @property
    def reasoning_tokens(self) -> int: ...

    @property
    def adapters_at(self) -> str:
        """The folder in which the server sees the project's artifacts; "": where they are here."""
        ...

    @property
    def api(self) -> str:
        """Which of OpenAI's APIs is spoken where a server has both: "chat" or "responses"."""
        ...

    @property
    def batch(self) -> bool:
        """Whether a comparison asks it through its batch interface."""
        ...


@runtime_checkable
class Remote(Protocol):
    """A model behind a server, which can be asked whether it is there before much is done."""

    @property
    def identity(self) -> str: ...

    @property
    def has_key(self) -> bool:
        """Whether a key is set; never what it is."""
        ...

    def check(self, *, constrained: bool) -> Mapping[str, Json]:
        """Ask for a trifle, `constrained` where answers will be held to a form. Returns what is worth remembering, or, under
        `trouble`, why it did not answer this time.

        Raises:
            UserError: no request can succeed: nobody listens there, or the key, the quota or the model is refused.
        """
        ...

    def recall(self, report: Mapping[str, Json]) -> None:
        """Take over what an earlier `check` returned."""
        ...


@runtime_checkable
class SchemaRemote(Remote, Protocol):
    """One that can also be asked whether a schema is one that it holds answers to."""

    def refuses_schema(self, schema: str) -> str:
        """Why answers cannot be held to this JSON Schema, "" where they can or nobody can tell; raises as `check`."""
        ...


@runtime_checkable
class VersionedRemote(Remote, Protocol):
    """One that tells what answers under its name, and when it ends."""

    def stated_version(self) -> Mapping[str, str]:
        """What its server says of what answered: `model`, its full name, and `system_fingerprint`; without what it does not
        say; raises as `check`."""
        ...

    def ending(self) -> Mapping[str, Json]:
        """`ends` (an ISO date) and `instead`, where its server says so; {} where it does not, or does not answer."""
        ...


class Host(Protocol):
    """A family of models under one form of name: what an entry point of the group `rung.models` must make."""

    @property
    def generators(self) -> tuple[str, ...]:
        """Names of generators, or forms such as "openai:<name>", for messages."""
        ...

    @property
    def embedders(self) -> tuple[str, ...]:
        """The same for embedders."""
        ...

    @property
    def is_local(self) -> bool:
        """Whether its generators run here, so that their weights can be tuned."""
        ...

    def claims(self, name: str) -> bool:
        """Whether a name is one of this host's."""
        ...

    def generator(self, name: str, *, server: Server, progress: Tick) -> Generator:
        """Open a generator.

        Raises:
            ModelError: this host has no such generator, or it cannot be fetched.
        """
        ...

    def embedder(self, name: str, *, server: Server, progress: Tick) -> Embedder:
        """Open an embedder; raises as `generator` does."""
        ...


LocalEngine = Literal["openvino", "torch", ""]


@runtime_checkable
class RerankingHost(Host, Protocol):
    """A host that also has rerankers."""

    @property
    def rerankers(self) -> tuple[str, ...]:
        """Names of rerankers, or their forms, for messages."""
        ...

    def reranker(self, name: str, *, server: Server, progress: Tick) -> Engine:
        """Open a reranker: an engine of `Rerank` steps; raises as `generator` does."""
        ...


@runtime_checkable
class LocalHost(Host, Protocol):
    """A host whose models run here, by one of Rung's engines."""

    def engine(self, name: str) -> LocalEngine:
        """Which engine answers for a generator on this machine; "" where only its files tell, and they are not here."""
        ...


@runtime_checkable
class ReadingHost(Host, Protocol):
    """A host whose models lie in files, which can be looked over without opening a model."""

    def is_here(self, name: str) -> bool:
        """Whether a generator's files are on this machine."""
        ...

    def check_files(self, name: str) -> None:
        """Do what opening a generator does before its weights are read: files that are small, headers of those that are not.
        Fetches nothing; of a model that would be fetched nothing is known.

        Raises:
            ModelError: a file is missing, broken or of another kind; says what to do.
            MissingExtra: a library is not installed.
        """
        ...


@runtime_checkable
class NamingHost(Host, Protocol):
    """A host that can tell from a name alone whether it is well formed, and whether its models are behind a server."""

    @property
    def is_remote(self) -> bool:
        """Whether opening a model fetches and opens nothing, and asking it leaves the machine."""
        ...

    def check_name(self, name: str) -> None:
        """Refuse a name that no model can have, or whose file is not there. Asks nobody.

        Raises:
            ModelError: says what is wrong with it.
        """
        ...
