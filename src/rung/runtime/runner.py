"""Runs conversations in batches: by the project's engines, within a budget, with results remembered and progress told."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cached_property, partial
from types import TracebackType
from typing import TYPE_CHECKING, Literal, TypeVar

from rung.config.project import Project
from rung.models.endpoint import is_on_server
from rung.progress import REPLAYED, phase, waiting
from rung.records import Asker
from rung.records.steps import Conversation, Engine
from rung.runtime.batch import Carried, Tally, carry
from rung.runtime.cache import StepCache
from rung.runtime.engines import Engines

if TYPE_CHECKING:
    from rung.models.batched import BatchedGenerator
    from rung.runtime.distributed import Pool

Batches = Literal["", "wait", "hand over"]
"""Whether models are asked through their hosts' batch interfaces, where the project wants that: not, or with a wait until
all is answered, or up to where nothing more can be handed over."""
T = TypeVar("T")
Gate = Callable[[Engines, Mapping[str, Engine]], Mapping[str, Engine]]  # engines as a budget lets them be asked


def _open_gate(_engines: Engines, asked: Mapping[str, Engine]) -> Mapping[str, Engine]:
    return asked


@dataclass
class StepRunner:
    """Who carries out a command's conversations. `gate` is what a budget makes of the engines; `batched`: models that are
    asked through their hosts' batch interfaces, by identity."""

    engines: Engines
    gate: Gate = _open_gate
    views: dict[str, StepRunner] = field(default_factory=dict)
    batched: dict[str, BatchedGenerator] = field(default_factory=dict)

    def __enter__(self) -> StepRunner:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for runner in (self, *self.views.values()):
            if (pool := runner.__dict__.get("pool")) is not None:
                pool.close()

    def on(self, model: str) -> StepRunner:
        """Who carries out conversations with this model; "" is the project's default."""
        engines = self.engines.on(model)
        if engines is self.engines:
            return self
        if model not in self.views:
            self.views[model] = StepRunner(engines, self.gate, batched=self.batched)
        return self.views[model]

    def engines_for(self, models: Collection[str] = ()) -> Mapping[str, Engine]:
        """Who carries out which kind of step, as far as the budget lets them; `models`: that steps name."""
        return self.gate(self.engines, self.engines.by_step(models))

    @property
    def project(self) -> Project:
        """Whose engines these are."""
        return self.engines.project

    @property
    def tally(self) -> Tally:
        """What was carried out so far, and what it consumed."""
        return self.engines.tally

    @property
    def cache(self) -> StepCache:
        """Where results are remembered."""
        return self.engines.cache

    @cached_property
    def pool(self) -> Pool | None:
        """The workers that carry out batches; None where the project names none."""
        from rung.models.catalog import GENERATOR, generator, reranker
        from rung.runtime.distributed import Cluster, Pool

        settings, server = self.project.settings, self.project.settings.server
        if not settings.workers.ray:
            return None
        openers: dict[str, Callable[[], Engine]] = {
            "generate": partial(generator, self.engines.named(settings.model), server=server)
        }
        if settings.reranker and settings.reranker != GENERATOR:
            openers["rerank"] = partial(reranker, self.engines.named(settings.reranker), server=server)
        return Pool(Cluster(settings.workers.ray, settings.workers.count), openers)

    def run(
        self,
        talks: Sequence[tuple[Asker, Callable[[], Conversation[T]]]],
        *,
        title: str,
        engines: Mapping[str, Engine] | None = None,
        models: Collection[str] = (),
        on_end: Callable[[int, Carried[T]], None] | None = None,
        batches: Batches = "",
    ) -> list[Carried[T]]:
        """All these conversations, by the batch driver, with a progress bar; `engines` None: those of the rungs. `models`:
        that steps name. `on_end` is called with each that ends, by its place. `batches`: see `Batches`.

        Raises:
            StillRunning: by `batches` "hand over".
        """
        asked = self.engines.by_step(models) if engines is None else engines
        settings = self.project.settings
        is_sure = not is_on_server(settings.embedder)  # else it may be the embedder's server that refuses
        key = "judge" if self.engines.is_judge(asked.get("generate")) else "model"
        executed, deferred = self.engines.consumed().executed, self._batched(asked, batches)
        with self.engines.pointing_at(key) if is_sure else nullcontext(), phase(title) as tick:
            ended = carry(
                talks,
                engines=self.gate(self.engines, {**(self._spread(asked) if engines is None else asked), **deferred}),
                store=self.cache,
                tally={name: self._tally_of(name, batched=name in deferred) for name in asked},
                progress=lambda done, total: tick(done, total, ""),
                waiting=waiting,
                on_end=on_end,
            )
            if self.engines.consumed().executed == executed:
                tick(len(talks), len(talks), REPLAYED)
            return ended

    def _tally_of(self, name: str, *, batched: bool) -> Tally:
        """What counts the steps of an engine: a tally of the model that its name ends with, else of this one's."""
        engines = self.engines.on(model) if (model := name.partition(":")[2]) else self.engines
        return engines.batch_tally if batched else engines.tally

    def _batched(self, engines: Mapping[str, Engine], batches: Batches) -> dict[str, Engine]:
        """Of these engines the models that the project wants asked through a batch interface, each as one that is."""
        deferred: dict[str, Engine] = {}
        if not batches:
            return deferred
        from rung.models.batch_notes import FOLDER, BatchNotes
        from rung.models.batched import BatchedGenerator
        from rung.models.http import HttpGenerator

        for name, engine in engines.items():
            if isinstance(engine, HttpGenerator) and engine.batches is not None:
                model = self.engines.on(name.partition(":")[2]) if ":" in name else self.engines
                notes = BatchNotes(self.project.state / FOLDER)
                one = self.batched.setdefault(engine.identity, BatchedGenerator(engine, model.project.settings.model, notes))
                one.waits = batches == "wait"
                deferred[name] = one
        return deferred

    def _spread(self, engines: Mapping[str, Engine]) -> Mapping[str, Engine]:
        """The same engines, those of models carried out by the workers. The index is here, so searching stays here."""
        if self.pool is None:
            return engines
        adapters = self.engines.adapters
        spread = {name: self.pool.engine(name, engines[name], adapters=adapters) for name in self.pool.kinds}
        return {**engines, **spread}
