"""The engines of a project: its models, its index and its tools, each opened when it is first needed.

What was built for its rungs is handed over by `use`; who asks the engines is known to `runner`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from rung.artifacts import Built, Registry
from rung.config.project import Project
from rung.config.schema import DEFAULT_EMBEDDER, NO_CONTEXT, TUNED
from rung.errors import ModelError, ServerError
from rung.files.outputs import writable
from rung.models.protocol import Decoding, Remote
from rung.progress import phase, say
from rung.records.steps import Engine
from rung.runtime.batch import Tally
from rung.runtime.cache import FILE, StepCache
from rung.runtime.passage_contexts import PassageContexts
from rung.runtime.scratch import ScratchCache
from rung.runtime.servers import known
from rung.tools import Tool, ToolEngine, tools_of

if TYPE_CHECKING:
    from rung.knowledge import Knowledge
    from rung.knowledge.protocol import Index
    from rung.models.classifying import Classifiers
    from rung.models.protocol import Embedder, Generator

M = TypeVar("M")
DEFAULT_DENSE_WEIGHT = 0.5  # the weight of the dense ranking where nothing chose another
PROMOTED = {"embedder": "retriever", "reranker": "reranker"}  # key of `rung.yaml` -> kind of what `tuned` stands for
_OPENED = ("generator", "trainee", "judge", "reranker", "embedder", "base_embedder")  # closed at the end, in this order
_FROM_FILES = ("gguf", "hf", "cross-encoder", "encoder")  # names of models that hold a path


def model_of(project: Project, model: str) -> str:
    """A model's name as `rung.yaml` has it, a path in it made that of the project's folder."""
    scheme, _, path = model.partition(":")
    location = project.root / Path(path).expanduser()
    if scheme == "hf" and not location.exists():
        return model  # no folder of the project's: a model id, which the hub's cache may have
    return f"{scheme}:{location}" if scheme in _FROM_FILES else model


def index_of(project: Project) -> Index:
    """Where a project's passages are kept, without the embedder that searching them takes.

    Raises:
        UserError: the project names no documents.
    """
    settings = project.settings.knowledge
    if not settings.sources:
        raise project.error("the project names no documents, so it has no index", "knowledge")
    return index_in(project.state, settings.store)


def index_in(state: Path, store: str) -> Index:
    """The same, by what a project keeps beside its files, and the store that it names."""
    from rung.knowledge.store.lance import LanceIndex

    folder = state / "index"
    return LanceIndex(store or folder, folder)


def has_index(project: Project) -> bool:
    """Whether a project names documents, and may have indexed some."""
    settings = project.settings.knowledge
    return bool(settings.sources) and (bool(settings.store) or (project.state / "index").is_dir())


def promoted_folder(project: Project, key: str) -> Path | None:
    """The promoted artifact that `rung.yaml` asks for by `tuned` under this key; None where it does not, or none is.

    Raises:
        UserError: one is promoted and is not here. What is searched must be what was measured, so that nothing else takes
            its place.
    """
    if getattr(project.settings, key) != TUNED:
        return None
    kind, registry = PROMOTED[key], Registry(project.state)
    folder = registry.promoted_folder(kind)
    if folder is None and not (named := registry.promoted(kind)):
        instead = f"{DEFAULT_EMBEDDER} embeds" if key == "embedder" else "nothing reranks"
        say(f"! {key}: {TUNED}, and no {kind} is promoted: {instead}")
    elif folder is None:
        raise project.error(
            f"'{TUNED}' is the {kind} {named[:12]}, which is promoted and not here; nothing searches in its place: "
            f"'rung artifacts rollback {kind}' takes the one before it, 'rung artifacts withdraw {kind}' none; then "
            f"'rung train {kind}' builds it again, to be promoted",
            key,
        )
    return folder


def open_cache(project: Project, *, lasting: bool = True) -> StepCache:
    """The project's memory of results; with `lasting` False one that writes nothing into the project."""
    path = project.state / FILE
    return StepCache(path) if lasting else ScratchCache(path)


@contextmanager
def open_engines(
    project: Project, *, reading: bool = False, lasting: bool = True, many_threads: bool = False
) -> Iterator[Engines]:
    """The engines of one command, closed at its end.

    With `reading`, a project whose folder cannot be written does too, as long as its index is up to date. `lasting` False:
    nothing is written into the project. `many_threads`: each will ask for an answer of its own.
    """
    cache = open_cache(project, lasting=lasting and (not reading or writable(project.state)))
    try:
        with Engines(project, cache, many_threads=many_threads) as engines:
            yield engines
    finally:
        cache.close()


class _Shared(cached_property[M]):
    """What is opened once for all of a project's models."""

    if TYPE_CHECKING:

        def __get__(self, instance: object, owner: type[Any] | None = None) -> M: ...  # type: ignore[override]

    else:

        def __get__(self, instance, owner=None):
            whole = None if instance is None else instance.whole
            return super().__get__(instance if whole is None else whole, owner)


@dataclass
class Engines:
    """A project's models, index and tools. `cache`: what is remembered of servers; `tally`: what its model consumed,
    `batch_tally`: through its host's batch interface, at other prices.

    `many_threads`: each asks for an answer of its own, at the same time as others.

    Of what was built in this command, by digest: folders of adapters, classifiers (routers too) and example indexes, and
    the documents indexed in other ways. Where a project names several models, each has a view of its own (`on`), which
    shares all but the model, its adapters and its tally; `whole` is what it is a view of.
    """

    project: Project
    cache: StepCache
    tally: Tally = field(default_factory=Tally)
    batch_tally: Tally = field(default_factory=Tally)
    adapters: dict[str, Path] = field(default_factory=dict)
    heads: dict[str, Path] = field(default_factory=dict)
    example_indexes: dict[str, Path] = field(default_factory=dict)
    indexes: dict[str, Knowledge] = field(default_factory=dict)
    many_threads: bool = False
    whole: Engines | None = None
    views: dict[str, Engines] = field(default_factory=dict)

    def on(self, model: str) -> Engines:
        """The engines as if the project named this model alone; "" is its default."""
        whole = self.whole or self
        if model in ("", whole.project.settings.model):
            return whole
        if model not in whole.views:
            view = Engines(whole.project.on(model), whole.cache, whole=whole)
            view.heads, view.example_indexes, view.indexes = whole.heads, whole.example_indexes, whole.indexes
            whole.views[model] = view
        return whole.views[model]

    @property
    def every(self) -> tuple[Engines, ...]:
        """Those of each model that was asked for so far, the default's first."""
        whole = self.whole or self
        return (whole, *whole.views.values())

    def consumed(self) -> Tally:
        """What all models consumed so far."""
        return sum((one for engines in self.every for one in (engines.tally, engines.batch_tally)), Tally())

    def __enter__(self) -> Engines:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for troubles in self.troubles:
            say(troubles)
        for one in self._opened():
            if hasattr(one, "close"):
                one.close()

    def _opened(self) -> list[object]:
        every = (vars(engines).get(name) for engines in self.every for name in _OPENED)
        return list({id(one): one for one in every if one is not None}.values())

    @property
    def troubles(self) -> tuple[str, ...]:
        """Of each server: how many requests were tried again so far, and why; without those of which none was."""
        return tuple(troubles for one in self._opened() if (troubles := getattr(one, "troubles", "")))

    @cached_property
    def generator(self) -> Generator:
        """The project's model; its weights are fetched when they are not here."""
        from rung.models.catalog import generator

        settings = self.project.settings
        with self.pointing_at("model"), phase(f"model {settings.model}") as tick:
            return self._ready(generator(self.named(settings.model), server=settings.server, progress=tick))

    @cached_property
    def trainee(self) -> Generator:
        """The model whose weights are tuned: the project's own, or for a server's what `rung.yaml` names as its weights."""
        from rung.models.catalog import generator

        settings = self.project.settings
        weights = settings.tuned_on()
        if weights == settings.model:
            return self.generator
        with self.pointing_at("models"), phase(f"weights {weights}") as tick:
            return generator(self.named(weights), server=settings.server, progress=tick)

    @_Shared
    def judge(self) -> Generator:
        """The model that judges; the project's own where it names no other."""
        from rung.models.catalog import generator

        settings = self.project.settings
        if settings.judge.model in ("", *settings.model_names.values()):
            return self.on(settings.judge.model).generator
        with self.pointing_at("judge"), phase(f"judge {settings.judge.model}") as tick:
            server = self.project.written.server
            return self._ready(generator(self.named(settings.judge.model), server=server, progress=tick))

    @_Shared
    def embedder(self) -> Embedder:
        """The project's embedder; `tuned` is the promoted retriever's, and the default one where none is promoted.

        Raises:
            UserError: the promoted one is not here.
        """
        folder = promoted_folder(self.project, "embedder")
        return self.base_embedder if folder is None else self.tuned_embedder(folder)

    @_Shared
    def base_embedder(self) -> Embedder:
        """The embedder that a retriever is tuned from: the project's own, as it was published."""
        from rung.models.catalog import embedder

        settings = self.project.settings
        name = DEFAULT_EMBEDDER if settings.embedder == TUNED else settings.embedder
        with self.pointing_at("embedder"), phase(f"embedder {name}") as tick:
            return self._ready(embedder(self.named(name), server=self.project.written.server, progress=tick))

    def tuned_embedder(self, folder: Path, form: str = "") -> Embedder:
        """The embedder of a retriever's artifact. `form`: of one that has no manifest yet.

        Raises:
            ModelError: it cannot be opened, or was made for another embedder.
        """
        from rung.models.embedding import encoder
        from rung.models.mapped import Mapped

        manifest = {} if form else Built(folder.name, folder).manifest
        if (form or manifest.get("form")) == "map":
            base, trained_on = self.base_embedder, manifest.get("base")
            if isinstance(trained_on, dict) and trained_on.get("identity") != base.identity:
                raise ModelError(f"{folder} was made for another embedder ({trained_on.get('identity')}): train it again")
            return Mapped.open(folder, base)
        return encoder(folder)

    @_Shared
    def reranker(self) -> Engine | None:
        """The project's reranker; None where it names none."""
        from rung.models.catalog import GENERATOR, reranker
        from rung.models.reranking import GeneratorReranker

        settings = self.project.settings
        if settings.reranker == TUNED:
            from rung.models.cross_encoder import CrossEncoder

            folder = promoted_folder(self.project, "reranker")
            return None if folder is None else CrossEncoder(folder)
        if not settings.reranker:
            return None
        if settings.reranker == GENERATOR:
            return GeneratorReranker(self.generator, report=self.tally.consumed)
        with self.pointing_at("reranker"), phase(f"reranker {settings.reranker}") as tick:
            return reranker(self.named(settings.reranker), server=self.project.written.server, progress=tick)

    @_Shared
    def classifiers(self) -> Classifiers:
        """Who says labels: every classifier and router that was built in this command."""
        from rung.models.classifying import Classifiers

        return Classifiers(self.heads, lambda: self.embedder)

    @_Shared
    def knowledge(self) -> Knowledge | None:
        """The project's index, as it is; None where the project names no sources."""
        from rung.knowledge import Chunking, Fusion, Knowledge

        settings = self.project.settings.knowledge
        if not settings.sources:
            return None
        chunking = Chunking(settings.chunk_tokens, settings.overlap, settings.parent_tokens)
        weight = (
            DEFAULT_DENSE_WEIGHT if settings.dense_weight == "auto" else settings.dense_weight
        )  # auto: `pipeline.dense_weight` settles it
        folder = self.project.state / "index"
        return Knowledge.open(
            folder,
            embedder=self.embedder,
            chunking=chunking,
            fusion=Fusion(weight, by=settings.fusion),
            store=settings.store,
            contexts=PassageContexts(self.project.context_model) if settings.context != NO_CONTEXT else None,
        )

    @property
    def documents(self) -> Knowledge:
        """The project's index, where one is needed.

        Raises:
            UserError: the project names no documents.
        """
        if self.knowledge is None:
            message = "the project names no documents; add a line such as 'knowledge: {sources: [docs/**/*.md]}'"
            raise self.project.error(message, "knowledge")
        return self.knowledge

    @_Shared
    def tools(self) -> tuple[Tool, ...]:
        """What the model may call."""
        return tools_of(self.project)

    def by_step(self, models: Collection[str] = ()) -> dict[str, Engine]:
        """Who carries out which kind of step; `models`: of a rung that is made of others, those that steps name."""
        from rung.knowledge import KnowledgeEngine

        search = KnowledgeEngine(
            self.knowledge,
            example_indexes=self.example_indexes,
            embedder=lambda: self.embedder,
            cuttings=self.indexes,
        )
        engines: dict[str, Engine] = {"search": search, "generate": self.generator, "classify": self.classifiers}
        engines |= {f"generate:{one}": self.on(one).generator for one in models}
        if self.tools:
            engines["call_tool"] = ToolEngine(self.tools)
        return engines if self.reranker is None else {**engines, "rerank": self.reranker}

    def use(self, artifacts: Iterable[Built]) -> None:
        """Answer with these artifacts from now on. Adapters all at once: the model may have to be opened again for them.

        Raises:
            ModelError: the model does not take its adapters; none of these is in use then.
        """
        before = dict(self.adapters)
        folders = {"adapter": self.adapters, "classifier": self.heads, "router": self.heads}
        folders["example-index"] = folders["answer-index"] = self.example_indexes
        for built in artifacts:
            if built.kind in folders:
                folders[built.kind][built.digest] = built.folder
            if built.index is not None:
                self.indexes[built.digest] = built.index
        if self.adapters:
            try:
                self.generator.use_adapters(self.adapters)
            except ModelError:
                self.adapters.clear()
                self.adapters.update(before)
                raise

    def is_judge(self, engine: Engine | None) -> bool:
        """Whether this generator is the judge that `rung.yaml` names."""
        judge = (self.whole or self).__dict__.get("judge")
        return engine is not None and engine is judge and bool(self.project.settings.judge.model)

    def named(self, model: str) -> str:
        """A path in a model's name is the project's, wherever the command is run."""
        return model_of(self.project, model)

    def _ready(self, model: M) -> M:
        """A model that was opened, told how it will be asked and what is remembered of its server."""
        if isinstance(model, Decoding):
            model.apart = (self.whole or self).many_threads
        if isinstance(model, Remote) and (entry := known(self.cache, model)):
            model.recall(entry)
        return model

    @contextmanager
    def pointing_at(self, key: str) -> Iterator[None]:
        """Errors about a model say where `rung.yaml` names it."""
        try:
            yield
        except (ModelError, ServerError) as error:
            raise self.project.error(str(error), *self.project.naming(key)) from error
