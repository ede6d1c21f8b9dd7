"""Builds what the candidates need, once, by digest: index, example indexes, adapters. Holds the project's models meanwhile.

What a need means is known to `strategies`; in which order things happen, to `loop`.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

from rung.drivers.batch import Carried, Tally, carry
from rung.drivers.cache import StepStore
from rung.errors import ModelError, UserError
from rung.progress import Reporter, Silent
from rung.project import Project
from rung.records import Asker, Example, Json, digest
from rung.steps import Conversation, Engine
from rung.strategies.protocol import Adapter, Cutting, ExampleIndex, Lesson, Need

if TYPE_CHECKING:
    from rung.knowledge import Knowledge
    from rung.knowledge.protocol import Index
    from rung.models.protocol import Embedder, Generator

T = TypeVar("T")
MANIFEST = "manifest.json"
CUTTINGS = "cuttings"  # in the project's state: the documents cut in other ways than the project's own
EVEN = 0.5
FROM_FILES = ("gguf", "cross-encoder")  # names of models that hold a path


@dataclass(frozen=True, slots=True)
class Built:
    """An artifact: its digest and its folder."""

    digest: str
    folder: Path

    @property
    def manifest(self) -> dict[str, Json]:
        """What it was made from, and how."""
        made: dict[str, Json] = json.loads((self.folder / MANIFEST).read_text(encoding="utf-8"))
        return made

    @property
    def seconds(self) -> float:
        """How long it took to build when it was built."""
        seconds = self.manifest.get("seconds")
        return float(seconds) if isinstance(seconds, (int, float)) else 0.0


@dataclass
class Workshop:
    """A project's models, index, artifacts and memory, each opened when it is first needed."""

    project: Project
    reporter: Reporter = field(default_factory=Silent)
    seed: int = 0
    tally: Tally = field(default_factory=Tally)

    def __post_init__(self) -> None:
        self._example_indexes: dict[str, Path] = {}
        self._adapters: dict[str, Path] = {}
        self._cuttings: dict[str, Knowledge] = {}

    def __enter__(self) -> Workshop:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for name in ("generator", "reranker", "store"):
            if hasattr(self.__dict__.get(name), "close"):
                self.__dict__[name].close()

    @cached_property
    def store(self) -> StepStore:
        """The memory of steps."""
        return StepStore(self.project.state / "rung.db")

    @cached_property
    def generator(self) -> Generator:
        """The project's model; its weights are fetched when they are not here."""
        from rung.models.catalog import generator

        settings = self.project.settings
        with self._pointing_at("model"), self.reporter.phase(f"model {settings.model}") as tick:
            return generator(self._named(settings.model), server=settings.server, progress=tick)

    @cached_property
    def embedder(self) -> Embedder:
        """The project's embedder."""
        from rung.models.catalog import embedder

        settings = self.project.settings
        with self._pointing_at("embedder"), self.reporter.phase(f"embedder {settings.embedder}") as tick:
            return embedder(settings.embedder, server=settings.server, progress=tick)

    @cached_property
    def reranker(self) -> Engine | None:
        """The project's reranker; None where it names none."""
        from rung.models.catalog import GENERATOR, reranker
        from rung.models.reranking import GeneratorReranker

        settings = self.project.settings
        if not settings.reranker:
            return None
        if settings.reranker == GENERATOR:
            return GeneratorReranker(self.generator)
        with self._pointing_at("reranker"), self.reporter.phase(f"reranker {settings.reranker}") as tick:
            return reranker(self._named(settings.reranker), server=settings.server, progress=tick)

    @cached_property
    def knowledge(self) -> Knowledge | None:
        """The project's index, as it is; None where the project names no sources."""
        from rung.knowledge import Chunking, Fusion, Knowledge

        said = self.project.settings.knowledge
        if not said.sources:
            return None
        chunking = Chunking(said.chunk_tokens, said.overlap, said.parent_tokens)
        weight = EVEN if said.dense_weight == "auto" else said.dense_weight  # auto: `stages.weighting` settles it
        folder = self.project.state / "index"
        return Knowledge.open(
            folder, embedder=self.embedder, chunking=chunking, fusion=Fusion(weight, by=said.fusion), store=said.store
        )

    @property
    def index(self) -> Index:
        """Where the project's passages are kept, without the embedder that searching them takes.

        Raises:
            UserError: the project names no documents.
        """
        from rung.knowledge.lance import LanceIndex

        said = self.project.settings.knowledge
        if not said.sources:
            raise self.project.error("the project names no documents, so it has no index", "knowledge")
        return LanceIndex(said.store or self.project.state / "index")

    def engines(self) -> dict[str, Engine]:
        """Who carries out which kind of step."""
        from rung.knowledge import KnowledgeEngine

        search = KnowledgeEngine(
            self.knowledge,
            example_indexes=self._example_indexes,
            embedder=lambda: self.embedder,
            cuttings=self._cuttings,
        )
        engines: dict[str, Engine] = {"search": search, "generate": self.generator}
        return engines if self.reranker is None else {**engines, "rerank": self.reranker}

    def carry(self, talks: Sequence[tuple[Asker, Callable[[], Conversation[T]]]], *, title: str) -> list[Carried[T]]:
        """All these conversations, by the batch driver, with a progress bar."""
        with self.reporter.phase(title) as tick:
            return carry(
                talks,
                engines=self.engines(),
                store=self.store,
                tally=self.tally,
                progress=lambda done, total: tick(done, total, ""),
            )

    def build(self, need: Need, *, title: str) -> Built:
        """The artifact that a need asks for, built if it is not there.

        Raises:
            UserError: what it needs is missing (an extra, disk space), or it cannot be built from these materials.
        """
        if isinstance(need, ExampleIndex):
            return self._example_index(need, title)
        if isinstance(need, Cutting):
            return self._cutting(need, title)
        return self._adapter(need, title)

    def hand_over_adapters(self) -> None:
        """Tell the model which adapters were built, all at once: it may have to be reopened for them."""
        if self._adapters:
            self.generator.use_adapters(self._adapters)

    def _example_index(self, need: ExampleIndex, title: str) -> Built:
        from rung.knowledge import build_example_index

        named = digest("example-index", need.texts, self.embedder.identity)
        folder = self.project.state / "artifacts" / "example-index" / named
        if not (folder / MANIFEST).exists():
            with self.reporter.phase(title) as tick:
                began = time.monotonic()
                build_example_index(need.texts, folder, embedder=self.embedder, progress=lambda n, m: tick(n, m, ""))
                made: dict[str, Json] = {
                    "kind": "example-index",
                    "rows": len(need.texts),
                    "embedder": self.embedder.identity,
                }
                _seal(folder, {**made, "seconds": time.monotonic() - began})
        self._example_indexes[named] = folder
        return Built(named, folder)

    def _cutting(self, need: Cutting, title: str) -> Built:
        """The project's documents, as its own index holds them, cut in another way; brought up to date each time."""
        from rung.knowledge import Chunking, Knowledge

        own = self.knowledge
        if own is None:
            raise UserError("the project has no documents to search (knowledge.sources)")
        chunking = Chunking(need.tokens, need.overlap, need.parent_tokens)
        named = digest("cutting", chunking, self.embedder.identity)
        folder = self.project.state / CUTTINGS / named
        if named not in self._cuttings:
            with self.reporter.phase(title) as tick:
                knowledge = Knowledge.open(folder / "index", embedder=self.embedder, chunking=chunking)
                report = knowledge.sync(own.documents(), progress=lambda done, total: tick(done, total, ""))
                if not (folder / MANIFEST).exists() or report.embedded:
                    made: dict[str, Json] = {"kind": "cutting", "passages": report.passages}
                    _seal(folder, {**made, "embedder": self.embedder.identity, "seconds": report.seconds})
            self._cuttings[named] = knowledge
        return Built(named, folder)

    def forget_cuttings(self) -> None:
        """Remove the documents cut in other ways: what was deleted must not stay where nobody may look again."""
        shutil.rmtree(self.project.state / CUTTINGS, ignore_errors=True)

    def _adapter(self, need: Adapter, title: str) -> Built:
        rows = self._taught(need.lessons, title)
        from rung.training import Recipe, train_generator

        recipe = Recipe.of(need.recipe, rows=len(rows), seed=self.seed)
        named = digest("adapter", [row.messages for row in rows], recipe, self.generator.identity)
        folder = self.project.state / "artifacts" / "adapter" / named
        if not (folder / MANIFEST).exists():
            with self.reporter.phase(title) as tick:
                train_generator(rows, self.generator, recipe=recipe, folder=folder, progress=tick)
        self._adapters[named] = folder
        return Built(named, folder)

    def _taught(self, lessons: Sequence[Lesson], title: str) -> list[Example]:
        """The training chats that lessons come to; one that failed stops the training rather than thin it out unseen."""
        carried = self.carry([(lesson.asker, lesson.talk) for lesson in lessons], title=f"{title}: lessons")
        for ended in carried:
            if ended.failure is not None:
                raise UserError(f"a lesson could not be made: {ended.failure.error}")
        return [ended.value for ended in carried if ended.value is not None]

    def _named(self, model: str) -> str:
        """A path in a model's name is the project's, wherever the command is run."""
        scheme, _, path = model.partition(":")
        return f"{scheme}:{self.project.root / Path(path).expanduser()}" if scheme in FROM_FILES else model

    @contextmanager
    def _pointing_at(self, key: str) -> Iterator[None]:
        """Errors about a model say where `rung.yaml` names it."""
        try:
            yield
        except ModelError as error:
            raise self.project.error(str(error), key) from error


def _seal(folder: Path, manifest: Mapping[str, Json]) -> None:
    """Write the manifest last and whole: an artifact without one is not finished."""
    part = folder / f"{MANIFEST}.part"
    part.write_text(json.dumps(manifest, indent=2), encoding="utf-8")
    part.replace(folder / MANIFEST)
