"""Carries thousands of conversations at once: steps grouped by engine, equal steps answered once, known ones replayed.

Every result is stored the moment it arrives, so an interrupted run goes on where it was. Serving one conversation with
streaming is left to `live`.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Generic, TypeVar

from rung.errors import BudgetEnded, InternalError, Interrupted, RungError, UserError
from rung.records import Answer, Asker, Failure, Passage, Usage
from rung.records.steps import (
    Conversation,
    Engine,
    Generate,
    GenerateResult,
    Request,
    Result,
    SearchResult,
    Step,
    StepFailed,
    carrier,
    delivered,
    is_deferred,
    request_digest,
    usage_of,
)
from rung.runtime.cache import StepCache

T = TypeVar("T")
log = logging.getLogger(__name__)
Progress = Callable[[int, int], None]  # (conversations done, all)
PATIENCE = 300.0  # seconds in which another process answers none of the steps that are waited for: then they are asked twice
_LOOKING = 0.2  # seconds between two looks at what others answered
_RECOGNISED = 80  # characters by which a passage is known again in a prompt


@dataclass(frozen=True, slots=True)
class Carried(Generic[T]):
    """How one conversation ended: its value, or the failure that ended it."""

    value: T | None
    failure: Failure | None
    usage: Usage


@dataclass(slots=True)
class Tally:
    """Step requests that an engine carried out, and those answered from memory (a store, or an equal step of this run)."""

    executed: int = 0
    replayed: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    usd: float = 0.0
    unpriced: int = 0  # carried-out generations whose price nobody named
    cached_tokens: int = 0  # of the prompts'

    def __add__(self, other: Tally) -> Tally:
        return Tally(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(Tally)))

    def __sub__(self, before: Tally) -> Tally:
        return Tally(*(getattr(self, f.name) - getattr(before, f.name) for f in fields(Tally)))

    def count(self, result: Result | Failure) -> None:
        """One request that an engine carried out, with what it consumed."""
        self.executed += 1
        if (used := usage_of(result)) is not None:
            self.consumed(used)

    def consumed(self, used: Usage) -> None:
        """What a generation consumed, also one that failed, or that is a part of another step."""
        self.prompt_tokens += used.prompt_tokens
        self.completion_tokens += used.completion_tokens
        self.cached_tokens += used.cached_tokens
        self.usd += used.usd or 0.0
        self.unpriced += used.usd is None


@dataclass(slots=True)
class _Dialogue(Generic[T]):
    """One conversation under way."""

    index: int
    asker: Asker
    conversation: Conversation[T]
    step: Step | None = None
    ended: Carried[T] | None = None
    used: Usage = field(default_factory=Usage)  # by generations
    steps: int = 0  # of every kind
    seen: dict[str, Passage] = field(default_factory=dict)  # every passage that a search gave it
    generated: list[str] = field(default_factory=list)  # digests of its generations

    @property
    def brought(self) -> list[Passage]:
        """Passages that its answer was shown and no search gave it: the strategy had them with it, as the oracle has."""
        answer = self.ended.value if self.ended else None
        shown = answer.passages if isinstance(answer, Answer) else ()
        return [passage for passage in shown if passage.id not in self.seen]

    def advance(self, result: Result | Failure | None) -> None:
        """Hand the result to the strategy and take its next step, or its end."""
        self.step = None
        try:
            if isinstance(result, Failure):
                self._consumed(result)
                self.step = self.conversation.throw(StepFailed(result))
            elif result is None:
                self.step = next(self.conversation)
            else:
                self._count(result)
                self.step = self.conversation.send(result)
        except StopIteration as stop:
            self.ended = Carried(stop.value, None, self.usage())
        except StepFailed as failed:
            self.ended = Carried(None, failed.failure, self.usage())
        except RungError:
            raise
        except Exception as error:  # a strategy's own defect fails its answer, is kept on the record, and stops nobody else
            log.exception("a strategy failed")
            self.ended = Carried(None, Failure(f"{type(error).__name__}: {error}", step="strategy"), self.usage())

    def _count(self, result: Result) -> None:
        self.steps += 1
        if isinstance(result, SearchResult):
            self.seen.update((passage.id, passage) for passage in result.passages)
        self._consumed(result)

    def _consumed(self, result: Result | Failure) -> None:
        if (used := usage_of(result)) is not None:
            self.used += used

    def usage(self) -> Usage:
        """What was consumed so far."""
        return replace(self.used, steps=self.steps)


def carry(
    conversations: Sequence[tuple[Asker, Callable[[], Conversation[T]]]],
    *,
    engines: Mapping[str, Engine],
    store: StepCache,
    tally: Tally | Mapping[str, Tally],
    progress: Progress | None = None,
    waiting: Callable[[], None] = lambda: None,
    on_end: Callable[[int, Carried[T]], None] | None = None,
) -> list[Carried[T]]:
    """Carry all conversations to their ends, in as few engine calls as their shapes allow.

    Args:
        conversations: (who asks, the start of the conversation) each.
        engines: `carrier` of a step -> engine.
        store: where results are looked up and kept.
        tally: counts steps; shared by the runs of one command. By `carrier`, where models are counted apart.
        progress: called with (conversations ended, all) whenever some ended.
        waiting: called now and then while another process asks what is wanted here; may raise `BudgetEnded`.
        on_end: called with the place and the record of each conversation as it ends.

    Returns:
        One record each, in the same order.

    Raises:
        BudgetEnded: an engine began no further step; what was finished is kept.
        Interrupted: Ctrl-C; what was finished is kept.
        UserError: something that concerns every step: no engine for a kind, no server, a full disk.
    """
    dialogues = [_Dialogue(index, asker, start()) for index, (asker, start) in enumerate(conversations)]
    ended = 0

    def report(some: Sequence[_Dialogue[T]]) -> None:
        nonlocal ended
        for dialogue in some:
            if dialogue.ended is not None:
                ended += 1
                if on_end:
                    on_end(dialogue.index, dialogue.ended)
        if progress and some:
            progress(ended, len(dialogues))

    for dialogue in dialogues:
        dialogue.advance(None)
    report(dialogues)
    try:
        while unanswered := [dialogue for dialogue in dialogues if dialogue.step is not None]:
            by_kind: dict[str, list[_Dialogue[T]]] = defaultdict(list)
            for dialogue in unanswered:
                if dialogue.step is not None:
                    by_kind[carrier(dialogue.step)].append(dialogue)
            # The kind with most waiting steps goes first: the others' queues grow meanwhile.
            name, some = max(by_kind.items(), key=lambda item: (not is_deferred(engines.get(item[0])), len(item[1])))
            if name not in engines:
                raise UserError(no_engine(name))
            _round(
                some,
                engines[name],
                store=store,
                tally=tally if isinstance(tally, Tally) else tally[name],
                report=report,
                look=waiting,
            )
    except BudgetEnded as end:
        raise BudgetEnded(str(end), done=ended, total=len(dialogues)) from end
    except KeyboardInterrupt as stop:
        raise interrupted(stop, store) from stop
    return [_end(dialogue) for dialogue in dialogues]


def interrupted(stop: KeyboardInterrupt, store: StepCache) -> Interrupted:
    """What is raised where a person stops the work, in words."""
    how = str(stop).partition(":")[0] or "stopped"
    return Interrupted(f"{how}; {store.count():,} step results are kept, and the same command goes on from there")


def no_engine(name: str) -> str:
    """What to say of a step that nobody here carries out."""
    asked = {
        "rerank": "a rung's setting 'rerank' is on, but rung.yaml names no reranker",
        "classify": "a rung asks for a label",
        "call_tool": "a rung calls a tool",
    }
    why = asked.get(name, "a rung asks for it")
    return f"nothing here carries out '{name}' steps ({why}); take that rung or setting out of rung.yaml"


def _round(
    dialogues: list[_Dialogue[T]],
    engine: Engine,
    *,
    store: StepCache,
    tally: Tally,
    report: Callable[[Sequence[_Dialogue[T]]], None],
    look: Callable[[], None],
) -> None:
    """One engine call: replay what is known, carry out the rest, advance every conversation as its result arrives."""
    waiting: dict[str, list[_Dialogue[T]]] = defaultdict(list)
    requests: dict[str, Request] = {}
    for dialogue in dialogues:
        if dialogue.step is None:
            raise InternalError("a conversation without a step was asked to go on")
        request = Request(delivered(dialogue.step), dialogue.asker)
        digest = request_digest(request, engine.identity)
        waiting[digest].append(dialogue)
        requests.setdefault(digest, request)
    _replay(requests, waiting, store=store, tally=tally, report=report)
    patience = _Patience(len(requests))
    while requests:
        mine = store.claim(requests, patient=patience.lasts(len(requests)))
        try:
            for digest, result in _executed({d: r for d, r in requests.items() if d in mine}, engine):
                if not isinstance(result, Failure):
                    store.put(digest, result, seen=_shown(requests[digest].step, waiting[digest]))
                del requests[digest]
                tally.count(result)
                tally.replayed += len(waiting[digest]) - 1
                _advance(waiting[digest], result, digest)
                report(waiting[digest])
        finally:
            if mine:
                store.release(mine)
        if requests and not mine:
            look()
            time.sleep(_LOOKING)  # another process is asking the rest
        if requests:
            _replay(requests, waiting, store=store, tally=tally, report=report)
    store.saw([(passage, digest) for dialogue in dialogues for passage in dialogue.brought for digest in dialogue.generated])


def _replay(
    requests: dict[str, Request],
    waiting: Mapping[str, Sequence[_Dialogue[T]]],
    *,
    store: StepCache,
    tally: Tally,
    report: Callable[[Sequence[_Dialogue[T]]], None],
) -> None:
    """Take out of the requests those whose results are known, and go on with them."""
    for digest, cached in store.get(requests).items():
        del requests[digest]
        tally.replayed += len(waiting[digest])
        _advance(waiting[digest], cached, digest)
        report(waiting[digest])


@dataclass(slots=True)
class _Patience:
    """How long another process is waited for: as long as it gets on. `left`: steps that were waited for."""

    left: int
    since: float = field(default_factory=time.monotonic)

    def lasts(self, left: int) -> bool:
        """Whether to go on waiting, with so many steps left; False once, then it begins anew."""
        now = time.monotonic()
        lasts = left < self.left or now - self.since < PATIENCE
        if left < self.left or not lasts:
            self.left, self.since = left, now
        return lasts


def _shown(step: Step, dialogues: Sequence[_Dialogue[T]]) -> list[Passage]:
    """The passages that a generation was shown: with them the cache forgets what was made of them."""
    if not isinstance(step, Generate):
        return []
    prompt = "\n".join(message.content for message in step.messages)
    seen = {id: passage for dialogue in dialogues for id, passage in dialogue.seen.items()}
    # Which passages a rung shows, and how it shortens them, is its own affair: where none is recognised, all count.
    return [p for p in seen.values() if p.text[:_RECOGNISED] in prompt] or list(seen.values())


def _executed(requests: Mapping[str, Request], engine: Engine) -> Iterator[tuple[str, Result | Failure]]:
    """(digest, result) as the engine completes them; an engine that leaves one out has broken its contract."""
    digests = list(requests)
    open_places = set(range(len(digests)))
    if digests:
        for index, result in engine.run([requests[d] for d in digests]):
            open_places.discard(index)
            yield digests[index], result
    if open_places:
        raise InternalError(f"the engine {engine.identity} left {len(open_places)} of {len(digests)} steps unanswered")


def _advance(dialogues: Sequence[_Dialogue[T]], result: Result | Failure, digest: str) -> None:
    for dialogue in dialogues:
        if isinstance(result, GenerateResult):
            dialogue.generated.append(digest)
        dialogue.advance(result)


def _end(dialogue: _Dialogue[T]) -> Carried[T]:
    if dialogue.ended is None:
        raise InternalError("a conversation was left without an end")
    return dialogue.ended
