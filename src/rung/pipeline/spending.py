"""Keeps a budget in dollars at each step: one that could cost more than what is left is not begun.

A step's price is bounded before it is begun: its prompt at most (`counting`), its answer as long as it may become. Steps go
to the engine as many at once as surely fit. Where nobody names prices of tokens, a step costs what earlier ones did.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from rung.errors import BudgetEnded, InternalError
from rung.models.endpoint import is_on_server
from rung.models.reranking import GeneratorReranker, asked, grading
from rung.pipeline.counting import most_tokens, sizes_of
from rung.pipeline.pricing import usd_of
from rung.records import Failure, Json, Usage
from rung.records.steps import (
    Engine,
    Generate,
    GenerateResult,
    Request,
    Restart,
    Result,
    StreamingEngine,
    is_deferred,
    usage_of,
)
from rung.runtime.engines import Engines
from rung.runtime.runner import StepRunner

_NOTE = "counted_beyond"  # in the store: how far a model's own counts went beyond what was bounded
_HANDFUL = 3  # requests: for fewer no further batch is waited for, up to a day
_SURE = 3  # answers of a model by which its counts are known


@dataclass(frozen=True, slots=True)
class Bound:
    """Tokens of some steps at most. `size`: the class of their prompts by length, powers of two."""

    prompt: int
    completion: int

    @property
    def size(self) -> int:
        """Prompts of one class are like each other."""
        return self.prompt.bit_length()


@dataclass
class _Counts:
    """How one model counts: by class of prompts, how many were seen and the largest share of what was bounded."""

    seen: dict[int, int] = field(default_factory=dict)
    prompt: dict[int, float] = field(default_factory=dict)
    completion: float = 1.0
    dearest: float = 0.0

    @classmethod
    def of(cls, noted: Json) -> _Counts:
        """As an earlier command noted it."""
        if not isinstance(noted, dict):
            return cls()
        counts = cls(completion=_number(noted.get("completion"), 1.0), dearest=_number(noted.get("dearest"), 0.0))
        sizes = noted.get("prompt")
        for size, share in sizes.items() if isinstance(sizes, dict) else ():
            counts.seen[int(size)], counts.prompt[int(size)] = _SURE, _number(share, 1.0)
        return counts

    def as_json(self) -> Json:
        """To be noted: the classes that are sure."""
        sizes: dict[str, Json] = {str(size): share for size, share in self.prompt.items() if self.is_sure(size)}
        return {"prompt": sizes, "completion": self.completion, "dearest": self.dearest}

    def is_sure(self, size: int) -> bool:
        """Whether prompts of this class were counted often enough to begin many together."""
        return self.seen.get(size, 0) >= _SURE

    def learn(self, bound: Bound, used: Usage) -> None:
        """What one answer consumed, with what it was bounded by."""
        self.seen[bound.size] = self.seen.get(bound.size, 0) + 1
        self.prompt[bound.size] = max(self.prompt.get(bound.size, 1.0), used.prompt_tokens / max(1, bound.prompt))
        self.completion = max(self.completion, used.completion_tokens / max(1, bound.completion))

    def beyond(self, bound: Bound) -> tuple[int, int]:
        """The bound, as this model counts."""
        share = self.prompt.get(bound.size) or max(self.prompt.values(), default=1.0)
        return math.ceil(bound.prompt * share), math.ceil(bound.completion * self.completion)


def _number(value: Json, otherwise: float) -> float:
    return float(value) if isinstance(value, (int, float)) else otherwise


@dataclass
class Spending:
    """The purse of one command.

    `left` says what may still be spent in dollars, `end` is told of the first step that does not fit, and returns why the
    budget has ended, in words. A server may count more tokens than were bounded (an instruction of its own, reasoning
    beyond the limit): by how much is learnt, kept in the store, and added.
    """

    engines: Engines
    left: Callable[[], float]
    end: Callable[[float], str]
    _by_engine: dict[str, _Counts] = field(default_factory=dict)

    def gated(self, engines: Mapping[str, Engine]) -> dict[str, Engine]:
        """The same engines; those that ask a model begin only what fits."""
        return {name: self._owner(name)._gated(name.partition(":")[0], engine) for name, engine in engines.items()}

    def _owner(self, name: str) -> Spending:
        """That of the model which the name of an engine ends with, if it does."""
        model = name.partition(":")[2]
        return replace(self, engines=self.engines.on(model)) if model else self

    def _gated(self, name: str, engine: Engine) -> Engine:
        settings = self.engines.project.settings
        by_the_hour = settings.prices.machine_usd_per_hour is not None and self._price(self._model(engine), 1, 1) is None
        if by_the_hour or isinstance(engine, Closed) or not _asks_a_model(name, engine):
            return engine  # hours are counted by `Meter`, before each block
        return _GatedStream(engine, self) if isinstance(engine, StreamingEngine) else _Gated(engine, self)

    def begin(self, engine: Engine, requests: Sequence[Request]) -> int:
        """How many of these, from the first, may be begun together: at least one. Of a batch interface that has answered
        already no further handful is asked, unless these are all.

        Raises:
            BudgetEnded: the first does not fit into what is left.
        """
        model, counts, left = self._model(engine), self.counts(engine), self.left()
        batched, total = is_deferred(engine), 0.0
        for index, request in enumerate(requests):
            bound = self.bound(model, request)
            total += self._usd(model, counts, bound, batched=batched)
            if total > left or left <= 0:
                if index and not (batched and index < _HANDFUL and counts.is_sure(bound.size)):
                    return index
                raise BudgetEnded(self.end(total))
            if not counts.is_sure(bound.size) and not batched:  # that takes hours for one as for many
                return index + 1
        return len(requests)

    def bound(self, model: str, request: Request) -> Bound:
        """Tokens that a step reads and writes at most, by what is asked for."""
        if isinstance(request.step, Generate):
            steps: Sequence[Generate] = [request.step]
        else:
            rerank = asked(request)
            steps = [grading(rerank, number) for number in range(len(rerank.passages))]
        sizes = sizes_of(model)
        room = self.engines.project.settings.server.reasoning_tokens if is_on_server(model) else 0
        prompt = sum(sizes.prompt(step.messages) + most_tokens(step.schema) for step in steps)
        return Bound(prompt, sum(step.max_tokens + room for step in steps))

    def counts(self, engine: Engine) -> _Counts:
        """What is known of how this model counts."""
        identity = engine.identity
        if identity not in self._by_engine:
            self._by_engine[identity] = _Counts.of(self.engines.cache.noted(_NOTE, identity))
        return self._by_engine[identity]

    def done(self, engine: Engine, spent: float, results: Sequence[tuple[Request, Result | Failure]]) -> None:
        """Learn from what was begun together; `spent`: dollars of all of it."""
        counts, model = self.counts(engine), self._model(engine)
        for request, result in results:
            if (used := usage_of(result)) is not None:
                counts.learn(self.bound(model, request), used)
        counts.dearest = max(counts.dearest, spent / max(1, len(results)))
        self.engines.cache.note(_NOTE, engine.identity, counts.as_json())

    def _usd(self, model: str, counts: _Counts, bound: Bound, *, batched: bool) -> float:
        """Dollars of a step at most; where nobody names a price, those of the dearest so far."""
        prompt, completion = counts.beyond(bound)
        priced = self._price(model, prompt, completion, batched=batched)
        return counts.dearest if priced is None else priced

    def _price(self, model: str, prompt: int, completion: int, *, batched: bool = False) -> float | None:
        return usd_of(self.engines.project.settings.prices, model, prompt, completion, batched=batched)

    def _model(self, engine: Engine) -> str:
        settings = self.engines.project.settings
        return settings.judge.model if self.engines.is_judge(engine) else settings.model


def _asks_a_model(name: str, engine: Engine) -> bool:
    return name == "generate" or isinstance(engine, GeneratorReranker)


def from_memory(runner: StepRunner) -> StepRunner:
    """The same, asking models nothing new: what is not remembered ends as a budget does."""

    def closed(_engines: Engines, asked: Mapping[str, Engine]) -> Mapping[str, Engine]:
        return {name: _Ended(one) if _asks_a_model(name.partition(":")[0], one) else one for name, one in asked.items()}

    return StepRunner(runner.engines, closed, batched=runner.batched)


class _Ended:
    """An engine whose results are remembered, and that begins nothing."""

    def __init__(self, engine: Engine) -> None:
        self.identity = engine.identity

    def run(self, requests: Sequence[Request]) -> Iterator[tuple[int, Result | Failure]]:
        """Begin none.

        Raises:
            BudgetEnded: where there are any.
        """
        if requests:
            raise BudgetEnded("the budget has ended")
        yield from ()


@dataclass(frozen=True, slots=True)
class Closed:
    """The judge once a budget has ended: what it said before is remembered by its identity, and it says nothing new."""

    identity: str

    def run(self, requests: Sequence[Request]) -> Iterator[tuple[int, Result | Failure]]:
        """Refuse every request."""
        for index, _ in enumerate(requests):
            yield index, Failure("the budget ended before it was judged", step="judge")


class _Gated:
    """An engine that begins only what fits into the budget."""

    def __init__(self, engine: Engine, spending: Spending) -> None:
        self._engine, self._spending = engine, spending

    @property
    def identity(self) -> str:
        """The engine's."""
        return self._engine.identity

    @property
    def is_deferred(self) -> bool:
        """Whether the engine is."""
        return is_deferred(self._engine)

    def run(self, requests: Sequence[Request]) -> Iterator[tuple[int, Result | Failure]]:
        """As the engine's, in portions that fit.

        Raises:
            BudgetEnded: the next step does not fit; what came before is yielded.
        """
        at = 0
        while at < len(requests):
            some = requests[at : at + self._spending.begin(self._engine, requests[at:])]
            before, results = self._spending.left(), []
            for index, result in self._engine.run(some):
                results.append((some[index], result))
                yield at + index, result
            self._spending.done(self._engine, before - self._spending.left(), results)
            at += len(some)


class _GatedStream(_Gated):
    """The same of an engine that shows its text while it grows."""

    def stream(self, request: Request) -> Iterator[str | Restart | GenerateResult | Failure]:
        """As the engine's.

        Raises:
            BudgetEnded: the step does not fit.
        """
        self._spending.begin(self._engine, [request])
        if not isinstance(self._engine, StreamingEngine):
            raise InternalError("an engine without a stream was gated as one that has one")
        yield from self._engine.stream(request)
