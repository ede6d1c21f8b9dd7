"""What is served: the promoted deployment; before any was promoted, the last verdict's winner as it was measured, and each
rung that can answer without being built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from rung.builders.building import ArtifactBuilder
from rung.errors import UserError
from rung.models.catalog import is_local
from rung.models.endpoint import without_address
from rung.models.protocol import Generator
from rung.pipeline.pinned_strategy import PinnedStrategy, ready_strategies, winning_strategy
from rung.progress import say
from rung.records import Json, Message, StrategySpec
from rung.records.steps import Engine
from rung.serving.schemas import check_schema
from rung.strategies.prompting import DEFAULT_TASK
from rung.strategies.protocol import Strategy, streams
from rung.strategies.registry import make_strategy
from rung.strategies.self_check import reads_sentences

WINNER = "rung"  # the name under which the deployment that is served, or the verdict's choice, is asked
# whose form is in the prompt, not in weights
_OTHER_SCHEMA = ("prompt", "few_shot", "structured", "long_context", "rag", "multi_hop")
_INSTRUCTED = (*_OTHER_SCHEMA, "tools", "tuned_retriever", "tuned_model", "hybrid")  # whose one model reads an instruction


@dataclass(frozen=True)
class Deployment:
    """A strategy that answers under a name, with who carries out its steps. `generator`: of its own model; `id`: of what was
    promoted, "" where it was not."""

    name: str
    pinned: PinnedStrategy
    engines: Mapping[str, Engine]
    generator: Generator
    id: str = ""

    @property
    def strategy(self) -> Strategy:
        """What answers."""
        return self.pinned.strategy

    @property
    def spec(self) -> StrategySpec | None:
        """What the strategy was made of, where it was made of a spec."""
        return self.pinned.spec

    @cached_property  # each answer says it
    def digest(self) -> str:
        """Of its spec: equal digest, equal strategy. "" where it has none."""
        return self.spec.digest if self.spec else ""

    @property
    def schema(self) -> str:
        """Of every answer, as canonical JSON text; "" where there is none."""
        return self.spec.schema if self.spec else ""

    @property
    def takes_schema(self) -> bool:
        """Whether it can be held to another form than the project's: where nothing was taught the project's, and no sentence
        of its answers is looked at again."""
        if self.spec is None or self.spec.rung not in _OTHER_SCHEMA or self.spec.labels:
            return False
        return not reads_sentences(self.spec.settings)

    @property
    def takes_instruction(self) -> bool:
        """Whether a client's own instruction can stand behind the project's: whoever answers reads one."""
        return self.spec is not None and self.spec.rung in _INSTRUCTED

    @property
    def streams(self) -> bool:
        """Whether text may be shown while it is generated."""
        return streams(self.strategy)

    @cached_property
    def temperature(self) -> float:
        """With which it was measured."""
        return self.spec.temperature if self.spec else 0.0

    def __str__(self) -> str:
        artifacts = "".join(f", {kind} {digest[:12]}" for kind, digest in self.pinned.artifacts.items())
        promoted = f", deployment {self.id}" if self.id else ""
        return f"{self.pinned.label} {self.digest[:12]} on {self.pinned.models[0]}{artifacts}{promoted}"

    def held_to(self, schema: str, instruction: str = "") -> Strategy:
        """The same strategy, every answer of which is valid under this schema (canonical JSON text; "" is its own), with a
        client's instruction behind the project's. It may take a while.

        Raises:
            NotAnswered: no answer can be held to it.
        """
        schema = schema or self.schema
        if self.spec is None or (schema == self.schema and not instruction):
            return self.strategy
        if schema != self.schema:
            check_schema(schema, by_own_engine=is_local(self.pinned.models[0]))
        task = f"{self.spec.task.strip() or DEFAULT_TASK}\n{instruction}" if instruction else self.spec.task
        return make_strategy(replace(self.spec, schema=schema, task=task))

    def tokens(self, messages: tuple[Message, ...]) -> int:
        """Of a chat, as its model reads it."""
        return self.generator.count_tokens([self.generator.render(messages)])[0]

    def described(self, *, addresses: bool) -> dict[str, Json]:
        """What it is made of, for those who ask which models there are. `addresses`: with those of models' servers."""
        models, engine = list(self.pinned.models), self.generator.identity
        if not addresses:
            models, engine = [without_address(model) for model in models], without_address(engine)
        entry: dict[str, Json] = {"strategy": self.pinned.label, "digest": self.digest, "models": list[Json](models)}
        entry |= {"artifacts": dict(self.pinned.artifacts), "engine": engine}
        return {**entry, "deployment": self.id or None}


def open_deployments(builder: ArtifactBuilder) -> dict[str, Deployment]:
    """By name, where nothing was promoted: the winner first, if there is one, then every rung of `rung.yaml` that can
    answer. Their models are opened.

    Raises:
        UserError: the winner cannot answer as it was measured; nothing can answer; what opening a model raises.
    """
    pinned: dict[str, PinnedStrategy] = {}
    if (winner := winning_strategy(builder)) is not None:
        pinned[WINNER] = winner
    unready = []
    for label, strategy in ready_strategies(builder):
        if strategy is not None:
            pinned.setdefault(label, strategy)
        else:
            unready.append(label)
    if unready:
        say(f"not served: {', '.join(unready)} ('rung compare' builds what applies to this project)")
    if not pinned:
        raise UserError(
            f"nothing of {builder.project.root} can answer: 'rung compare {builder.project.root}' builds its rungs"
        )
    return {name: opened(builder, name, strategy) for name, strategy in pinned.items()}


def opened(builder: ArtifactBuilder, name: str, pinned: PinnedStrategy) -> Deployment:
    """A strategy with the engines that carry out its steps; its models are opened."""
    own, *others = pinned.models
    engines = builder.engines.on(own)
    return Deployment(name, pinned, engines.by_step(others), engines.generator)
