"""Holds a project's models, index and memory while a command runs, and has built what the candidates need.

What a need means is known to `strategies`; how each kind is built, to the files beside this one; in which order things
happen, to `loop`.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

from rung.artifacts.registry import Registry
from rung.artifacts.store import ARTIFACTS, Built, Training
from rung.builders.chunked_index import CUTTINGS
from rung.config.project import Project
from rung.config.schema import DEFAULT_EMBEDDER, TUNED
from rung.errors import ModelError, ServerError
from rung.models.endpoint import is_on_server
from rung.models.protocol import Remote
from rung.progress import Reporter, Silent
from rung.records import Asker
from rung.records.steps import Conversation, Engine
from rung.runtime.batch import Carried, Tally, carry
from rung.runtime.cache import StepStore
from rung.runtime.scratch import UnlastingStore
from rung.runtime.servers import known
from rung.strategies.protocol import Need
from rung.tools import Tool, ToolEngine, tools_of

if TYPE_CHECKING:
    from rung.knowledge import Knowledge
    from rung.knowledge.protocol import Index
    from rung.models.classifying import Classifiers
    from rung.models.protocol import Embedder, Generator
    from rung.runtime.distributed import Pool

T = TypeVar("T")
M = TypeVar("M")
_OPENED = (
    "pool",
    "generator",
    "judge",
    "reranker",
    "embedder",
    "base_embedder",
    "store",
)  # closed at the end, in this order
EVEN = 0.5
PROMOTED = {"embedder": "retriever", "reranker": "reranker"}  # key of `rung.yaml` -> kind of what `tuned` stands for
FROM_FILES = ("gguf", "hf", "cross-encoder", "encoder")  # names of models that hold a path


def model_of(project: Project, model: str) -> str:
    """A model's name as `rung.yaml` has it, a path in it made that of the project's folder."""
    scheme, _, path = model.partition(":")
    place = project.root / Path(path).expanduser()
    if scheme == "hf" and not place.exists():
        return model  # no folder of the project's: a model id, which the hub's cache may have
    return f"{scheme}:{place}" if scheme in FROM_FILES else model


@dataclass
class Ready:
    """What was built in this command, by digest: what the engines are told of."""

    example_indexes: dict[str, Path] = field(default_factory=dict)
    adapters: dict[str, Path] = field(default_factory=dict)
    indexes: dict[str, Knowledge] = field(default_factory=dict)
    classifiers: dict[str, Path] = field(default_factory=dict)  # routers too


@dataclass
class Workshop:
    """A project's models, index, artifacts and memory, each opened when it is first needed."""

    project: Project
    reporter: Reporter = field(default_factory=Silent)
    seed: int = 0
    tally: Tally = field(default_factory=Tally)
    ready: Ready = field(default_factory=Ready)
    recipe_file: Path | None = None  # for adapters, in the place of the project's recipe.yaml
    searching: bool = False  # adapters: learning rate and rank are searched first
    while_training: Callable[[Training], AbstractContextManager[object]] = nullcontext  # may raise `BudgetEnded`
    while_waiting: Callable[[], None] = lambda: None  # for another process, called now and then; may raise `BudgetEnded`
    gate: Callable[[Mapping[str, Engine]], Mapping[str, Engine]] = dict  # engines as a budget lets them be asked
    remarks: list[str] = field(default_factory=list)  # what a verdict is to say of the servers
    lasting: bool = True  # False: nothing is written into the project

    def __enter__(self) -> Workshop:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        opened = [self.__dict__[name] for name in _OPENED if self.__dict__.get(name) is not None]
        for one in {id(one): one for one in opened}.values():
            if troubles := getattr(one, "troubles", ""):
                self.reporter.say(troubles)
            if hasattr(one, "close"):
                one.close()

    @cached_property
    def store(self) -> StepStore:
        """The memory of steps."""
        path = self.project.state / "rung.db"
        return StepStore(path) if self.lasting else UnlastingStore(path)

    @cached_property
    def generator(self) -> Generator:
        """The project's model; its weights are fetched when they are not here."""
        from rung.models.catalog import generator

        settings = self.project.settings
        with self._pointing_at("model"), self.reporter.phase(f"model {settings.model}") as tick:
            return self._recalling(generator(self.named(settings.model), server=settings.server, progress=tick))

    @cached_property
    def judge(self) -> Generator:
        """The model that judges; the project's own where it names no other."""
        from rung.models.catalog import generator

        settings = self.project.settings
        if settings.judge.model in ("", settings.model):
            return self.generator
        with self._pointing_at("judge"), self.reporter.phase(f"judge {settings.judge.model}") as tick:
            return self._recalling(generator(self.named(settings.judge.model), server=settings.server, progress=tick))

    @cached_property
    def embedder(self) -> Embedder:
        """The project's embedder; `tuned` is the promoted retriever's, and the default one where none is promoted.

        Raises:
            UserError: the promoted one is not here.
        """
        folder = self.promoted("embedder")
        return self.base_embedder if folder is None else self.tuned_embedder(folder)

    def promoted(self, key: str) -> Path | None:
        """The promoted artifact that `rung.yaml` asks for by `tuned` under this key; None where it does not, or none is.

        Raises:
            UserError: one is promoted and is not here. What is searched must be what was measured, so that nothing else
                takes its place.
        """
        if getattr(self.project.settings, key) != TUNED:
            return None
        kind, registry = PROMOTED[key], Registry(self.project.state)
        folder = registry.promoted_folder(kind)
        if folder is None and not (named := registry.promoted(kind)):
            instead = f"{DEFAULT_EMBEDDER} embeds" if key == "embedder" else "nothing reranks"
            self.reporter.say(f"! {key}: {TUNED}, and no {kind} is promoted: {instead}")
        elif folder is None:
            raise self.project.error(
                f"'{TUNED}' is the {kind} {named[:12]}, which is promoted and not here; nothing searches in its place: "
                f"'rung artifacts rollback {kind}' takes the one before it, 'rung artifacts withdraw {kind}' none; then "
                f"'rung train {kind}' builds it again, to be promoted",
                key,
            )
        return folder

    @cached_property
    def base_embedder(self) -> Embedder:
        """The embedder that a retriever is tuned from: the project's own, as it was published."""
        from rung.models.catalog import embedder

        settings = self.project.settings
        name = DEFAULT_EMBEDDER if settings.embedder == TUNED else settings.embedder
        with self._pointing_at("embedder"), self.reporter.phase(f"embedder {name}") as tick:
            return self._recalling(embedder(self.named(name), server=settings.server, progress=tick))

    def tuned_embedder(self, folder: Path, form: str = "") -> Embedder:
        """The embedder of a retriever's artifact. `form`: of one that has no manifest yet.

        Raises:
            ModelError: it cannot be opened, or was made for another embedder.
        """
        from rung.models.embedding import encoder
        from rung.models.mapped import Mapped

        made = {} if form else Built(folder.name, folder).manifest
        if (form or made.get("form")) == "map":
            base, said = self.base_embedder, made.get("base")
            if isinstance(said, dict) and said.get("identity") != base.identity:
                raise ModelError(f"{folder} was made for another embedder ({said.get('identity')}): train it again")
            return Mapped.open(folder, base)
        return encoder(folder)

    @cached_property
    def reranker(self) -> Engine | None:
        """The project's reranker; None where it names none."""
        from rung.models.catalog import GENERATOR, reranker
        from rung.models.reranking import GeneratorReranker

        settings = self.project.settings
        if settings.reranker == TUNED:
            from rung.models.cross_encoder import CrossEncoder

            folder = self.promoted("reranker")
            return None if folder is None else CrossEncoder(folder)
        if not settings.reranker:
            return None
        if settings.reranker == GENERATOR:
            return GeneratorReranker(self.generator, told=self.tally.consumed)
        with self._pointing_at("reranker"), self.reporter.phase(f"reranker {settings.reranker}") as tick:
            return reranker(self.named(settings.reranker), server=settings.server, progress=tick)

    @cached_property
    def classifiers(self) -> Classifiers:
        """Who says labels: every classifier and router that was built in this command."""
        from rung.models.classifying import Classifiers

        return Classifiers(self.ready.classifiers, lambda: self.embedder)

    @cached_property
    def knowledge(self) -> Knowledge | None:
        """The project's index, as it is; None where the project names no sources."""
        from rung.knowledge import Chunking, Fusion, Knowledge

        said = self.project.settings.knowledge
        if not said.sources:
            return None
        chunking = Chunking(said.chunk_tokens, said.overlap, said.parent_tokens)
        weight = EVEN if said.dense_weight == "auto" else said.dense_weight  # auto: `pipeline.dense_weight` settles it
        folder = self.project.state / "index"
        return Knowledge.open(
            folder, embedder=self.embedder, chunking=chunking, fusion=Fusion(weight, by=said.fusion), store=said.store
        )

    @cached_property
    def tools(self) -> tuple[Tool, ...]:
        """What the model may call."""
        return tools_of(self.project)

    @property
    def index(self) -> Index:
        """Where the project's passages are kept, without the embedder that searching them takes.

        Raises:
            UserError: the project names no documents.
        """
        from rung.knowledge.store.lance import LanceIndex

        said = self.project.settings.knowledge
        if not said.sources:
            raise self.project.error("the project names no documents, so it has no index", "knowledge")
        folder = self.project.state / "index"
        return LanceIndex(said.store or folder, folder)

    def engines(self) -> dict[str, Engine]:
        """Who carries out which kind of step."""
        from rung.knowledge import KnowledgeEngine

        search = KnowledgeEngine(
            self.knowledge,
            example_indexes=self.ready.example_indexes,
            embedder=lambda: self.embedder,
            cuttings=self.ready.indexes,
        )
        engines: dict[str, Engine] = {"search": search, "generate": self.generator, "classify": self.classifiers}
        if self.tools:
            engines["call_tool"] = ToolEngine(self.tools)
        return engines if self.reranker is None else {**engines, "rerank": self.reranker}

    @cached_property
    def pool(self) -> Pool | None:
        """The workers that carry out batches; None where the project names none."""
        from functools import partial

        from rung.models.catalog import GENERATOR, generator, reranker
        from rung.runtime.distributed import Cluster, Pool

        said, server = self.project.settings, self.project.settings.server
        if not said.workers.ray:
            return None
        openers: dict[str, Callable[[], Engine]] = {"generate": partial(generator, self.named(said.model), server=server)}
        if said.reranker and said.reranker != GENERATOR:
            openers["rerank"] = partial(reranker, self.named(said.reranker), server=server)
        return Pool(Cluster(said.workers.ray, said.workers.count), openers)

    def _spread(self, engines: Mapping[str, Engine]) -> Mapping[str, Engine]:
        """The same engines, those of models carried out by the workers. The index is here, so searching stays here."""
        if self.pool is None:
            return engines
        spread = {name: self.pool.engine(name, engines[name], adapters=self.ready.adapters) for name in self.pool.kinds}
        return {**engines, **spread}

    def carry(
        self,
        talks: Sequence[tuple[Asker, Callable[[], Conversation[T]]]],
        *,
        title: str,
        engines: Mapping[str, Engine] | None = None,
    ) -> list[Carried[T]]:
        """All these conversations, by the batch driver, with a progress bar; `engines` None: those of the rungs."""
        asked = self.engines() if engines is None else engines
        is_sure = not is_on_server(self.project.settings.embedder)  # else it may be the embedder's server that refuses
        pointing = self._pointing_at(self.key_of(asked.get("generate"))) if is_sure else nullcontext()
        with pointing, self.reporter.phase(title) as tick:
            return carry(
                talks,
                engines=self.gate(self._spread(asked) if engines is None else asked),
                store=self.store,
                tally=self.tally,
                progress=lambda done, total: tick(done, total, ""),
                waiting=self.while_waiting,
            )

    def key_of(self, engine: Engine | None) -> str:
        """Where `rung.yaml` names this generator."""
        return (
            "judge"
            if engine is not None and engine is self.__dict__.get("judge") and self.project.settings.judge.model
            else "model"
        )

    def build(self, need: Need, *, title: str) -> Built:
        """The artifact that a need asks for, built if it is not there.

        Raises:
            UserError: what it needs is missing (an extra, disk space), or it cannot be built from these materials.
        """
        from rung.builders.building import BUILDERS

        return BUILDERS[type(need)](self, need, title)

    def check(self, need: Need) -> None:
        """Look at what can be known to be wrong with a need before it is built; raises as `build`."""
        from rung.builders.building import CHECKS

        if type(need) in CHECKS:
            CHECKS[type(need)](self, need)

    def artifact_folder(self, kind: str, named: str) -> Path:
        """Where the artifact of this kind and digest is kept."""
        return self.project.state / ARTIFACTS / kind / named

    def made_folder(self, kind: str, named: str) -> Path:
        """Where what was built is kept: artifacts, and documents cut in another way."""
        return self.project.state / CUTTINGS / named if kind == CUTTINGS else self.artifact_folder(kind, named)

    def hand_over_adapters(self) -> None:
        """Tell the model which adapters were built, all at once: it may have to be reopened for them."""
        if self.ready.adapters:
            self.generator.use_adapters(self.ready.adapters)

    def forget_cuttings(self) -> None:
        """Remove the documents cut or embedded in other ways: what was deleted must not stay where nobody looks."""
        shutil.rmtree(self.project.state / CUTTINGS, ignore_errors=True)

    def named(self, model: str) -> str:
        """A path in a model's name is the project's, wherever the command is run."""
        return model_of(self.project, model)

    def _recalling(self, model: M) -> M:
        """A model that was opened, told what is remembered of its server."""
        if isinstance(model, Remote) and (found := known(self.store, model)):
            model.recall(found)
        return model

    @contextmanager
    def _pointing_at(self, key: str) -> Iterator[None]:
        """Errors about a model say where `rung.yaml` names it."""
        try:
            yield
        except (ModelError, ServerError) as error:
            raise self.project.error(str(error), *(("judge", "model") if key == "judge" else (key,))) from error
