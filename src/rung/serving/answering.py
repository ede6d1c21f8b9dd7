"""One answer for one caller: the deployment's strategy, as it was measured or as the request changes it.

What the caller may not read is looked for a second time in the answer: a citation to it is withheld, and counted.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

from rung.errors import InternalError, UserError
from rung.records import Answer, Json
from rung.records.steps import Conversation, Engine, Generate, Step
from rung.runtime.batch import Tally
from rung.serving.answer_cache import AnswerCache
from rung.serving.answered import Answered, Asked
from rung.serving.callers import Caller
from rung.serving.conversations import Conversations, Ended, Overloaded, Pending, TooSlow
from rung.serving.deployments import WINNER, Deployment
from rung.serving.following import Following
from rung.serving.metrics import Metrics
from rung.serving.noting import NotingSearch
from rung.serving.refusal import NotAnswered
from rung.serving.speech import OtherText, Speech, Stopping, first_of
from rung.serving.traced import Subject, Traces
from rung.tracing import conventions as names
from rung.tracing.parent import new_trace
from rung.tracing.recorder import Recording

if TYPE_CHECKING:
    from rung.knowledge import Knowledge

T = TypeVar("T")
DEFECT = "this is a defect of Rung; the server's log says where"
_log = logging.getLogger(__name__)
_ENDS = {500: "failed", 502: "failed", 504: "late"}  # status of a refusal -> what it says of the deployment
_OWN = 0.9  # of the time limit: who had less of it for itself, since it waited, was not late by its own doing


@dataclass
class Answering:
    """Who answers, over which documents. `knowledge` None: the project has none. `cuttings`: the same documents cut or
    embedded in other ways, by the names that searches have for them. `since`: seconds since 1970.

    `on_spent` is told of tokens, read and written, when they are spent: of those too whose client has left. It is called on
    the conversations' threads. `on_end` is told how an answer came out ("answered", "failed", "late"), after how many
    seconds, and whether it refuses; of those whose client left, or that had too little time after they had waited, nothing,
    nor of a failure where the client changed what was measured. `route` says which deployment
    answers a caller under the name `rung`; None: the one that has this name.
    """

    deployments: Mapping[str, Deployment]
    conversations: Conversations
    metrics: Metrics
    knowledge: Knowledge | None
    since: float = field(default_factory=time.time)
    on_answer: Callable[[Caller, Answered], None] = field(default=lambda _caller, _answered: None)
    on_end: Callable[[Caller, Asked, str, float, bool], None] = field(default=lambda *_how: None)
    route: Callable[[Caller], Deployment | None] = field(default=lambda _caller: None)
    on_spent: Callable[[Caller, int], None] = field(default=lambda _caller, _tokens: None)
    cuttings: dict[str, Knowledge] = field(default_factory=dict)
    traces: Traces = field(default_factory=Traces)
    cache: AnswerCache = field(default_factory=AnswerCache)
    following: Following = field(init=False)

    def __post_init__(self) -> None:
        self.following = Following(self.knowledge, self.cuttings)

    def deployment(self, name: str, caller: Caller | None = None) -> Deployment:
        """The one that answers a caller under this name.

        Raises:
            NotAnswered: there is none.
        """
        if name == WINNER and caller is not None and (routed := self.route(caller)) is not None:
            return routed
        if name not in self.deployments:
            there = ", ".join(self.deployments)
            raise NotAnswered(404, f"there is no model '{name}'; there are: {there}", param="model", code="model_not_found")
        return self.deployments[name]

    def pinned(self) -> list[str]:
        """Each deployment in a line, with the digests by which it answers."""
        version = f", index version {self.knowledge.version}" if self.knowledge else ""
        return [f"{name}: {deployment}{version}" for name, deployment in self.deployments.items()]

    def warm(self) -> None:
        """Have at hand what the first questions of the project's own index would wait for, as far as that can be."""
        if self.knowledge is not None:
            try:
                self.knowledge.warm()
            except (UserError, OSError, RuntimeError, ValueError) as error:  # it may be better when it is asked
                _log.warning("the index was not made ready beforehand: %s", error)

    def may_read(self, caller: Caller, document: str) -> bool:
        """Whether the index, as it is now, lets the caller read this document."""
        groups = self.knowledge.document_groups().get(document) if self.knowledge else None
        return groups is not None and caller.asker.may_read(groups)

    async def answer(self, caller: Caller, asked: Asked) -> AsyncGenerator[str | Answered]:
        """Yield pieces of text, which together are the answer's, then the answer. It is traced.

        Raises:
            NotAnswered: it failed, or its time was up.
        """
        deployment, wishes = asked.deployment, asked.wishes
        subject = Subject(asked.id, deployment.name, asked.question, deployment, wishes.attributes, wishes.texts)
        began = time.monotonic()
        try:
            with self.traces.recorded(caller, subject) as recording:
                async with aclosing(self._any(caller, asked, recording)) as news:
                    async for piece in news:
                        if isinstance(piece, Answered):
                            if recording is not None:
                                self._note(recording, piece)
                            if not piece.is_cached:
                                self.on_end(caller, asked, "answered", piece.ended.live.seconds, piece.answer.refused)
                        yield piece
        except NotAnswered as refusal:
            if self._is_its_own(asked, refusal):
                self.on_end(caller, asked, _ENDS[refusal.status], time.monotonic() - began, False)
            raise

    def _is_its_own(self, asked: Asked, refusal: NotAnswered) -> bool:
        """Whether a refusal speaks against the deployment: neither the queue nor what the client changed may be why."""
        slow = refusal.__cause__
        if refusal.status not in _ENDS or asked.bounded or asked.wishes.change(asked.deployment):
            return False
        return not isinstance(slow, TooSlow) or slow.had >= _OWN * self.conversations.limits.seconds

    async def _any(self, caller: Caller, asked: Asked, recording: Recording | None) -> AsyncGenerator[str | Answered]:
        """As `_answer`; at once where an equal request of equal rights was answered before."""
        key = ""
        if self.cache.seconds:
            await asyncio.to_thread(self.refresh)
            if self.following.is_current:  # else the answer may be another one in a minute
                key = self.cache.key(caller, asked, self.knowledge.version if self.knowledge else 0)
        given = self.cache.get(key, asked) if key else None
        if given is not None and all(self.may_read(caller, document) for document in given.answer.seen):
            self.metrics.answers.labels(asked.deployment.name, "cached").inc()
            yield given.answer.text
            self.on_answer(caller, given)
            yield given
            return
        async with aclosing(self._answer(caller, asked, recording)) as news:
            async for piece in news:
                if key and isinstance(piece, Answered):
                    self.cache.put(key, piece)
                yield piece

    async def _answer(self, caller: Caller, asked: Asked, recording: Recording | None) -> AsyncGenerator[str | Answered]:
        speech, deployment = Speech(), asked.deployment
        last: list[Generate] = []  # the newest
        noting = NotingSearch(deployment.engines["search"], self.following)

        def each(step: Step) -> Step:
            changed = asked.wishes.changed(step)
            if isinstance(changed, Generate):
                if closed := self._closed(caller, noting):
                    raise UserError(_closed_to(caller, closed))
                last[:] = [changed]
                if isinstance(step, Generate) and changed.max_tokens < step.max_tokens:
                    asked.bounded.append(changed.max_tokens)
            return changed

        def spent(tally: Tally, unfinished: str) -> None:
            tokens = tally.prompt_tokens + tally.completion_tokens
            if unfinished and last:
                begun = deployment.tokens(last[0].messages), deployment.generator.count_tokens([unfinished])[0]
                tokens += sum(begun)
                if recording is not None:
                    recording.ending.unfinished = begun
            self.on_spent(caller, tokens)

        pending = replace(self._pending(asked, noting), each=each, spent=spent, watcher=recording)
        async with aclosing(self.carry(caller, pending, model=deployment.name)) as news:
            async for piece in news:
                if isinstance(piece, str):
                    if visible := speech.hear(piece):
                        yield visible
                    continue
                if piece.live.value is not None and (closed := self._closed(caller, noting)):
                    raise self.failed(_closed_to(caller, closed))
                answered = self._answered(caller, asked, piece, last)
                try:
                    if rest := speech.rest(answered.answer.text):
                        yield rest
                except OtherText:
                    raise NotAnswered(502, "what was streamed is not the answer: ask again without 'stream'") from None
                self.on_answer(caller, answered)
                yield answered

    def _note(self, recording: Recording, answered: Answered) -> None:
        """An answer is whole, and is handed out."""
        live, answer = answered.ended.live, answered.answer
        attributes: dict[str, Json] = {names.AS_MEASURED: answered.as_measured}
        if answered.is_cached:
            attributes[names.CACHED] = True
        if live.first_token is not None:
            attributes[names.RESPONSE_FIRST_CHUNK] = live.first_token
        if self.knowledge is not None:
            attributes[names.INDEX_VERSION] = self.knowledge.version
        if withheld := len(answer.citations) - len(answered.cited):
            attributes[names.WITHHELD] = withheld
        recording.ending.answer = replace(answer, citations=answered.cited)
        recording.ending.attributes.update(attributes)
        recording.end()

    async def carry(self, caller: Caller, pending: Pending[T], *, model: str) -> AsyncGenerator[str | Ended[T]]:
        """As `Conversations.carry`, counted, and its errors in words for the client.

        Raises:
            NotAnswered: it was not answered.
        """
        is_whole = False
        try:
            async with aclosing(self.conversations.carry(caller, pending)) as news:
                async for piece in news:
                    if not isinstance(piece, str):
                        is_whole = True
                        self._count(model, piece)
                    yield piece
        except (GeneratorExit, asyncio.CancelledError):
            if not is_whole:
                self.metrics.answers.labels(model, "left").inc()
            raise
        except NotAnswered:
            self.metrics.answers.labels(model, "refused").inc()
            raise
        except Overloaded as full:
            self.metrics.answers.labels(model, "refused").inc()
            after = {"Retry-After": str(full.retry_after)}
            raise NotAnswered(503, f"{full}: try again later", code="overloaded", headers=after) from None
        except TooSlow as slow:
            self.metrics.answers.labels(model, "late").inc()
            raise NotAnswered(504, f"no answer within {self.conversations.limits.seconds:g} s", code="timeout") from slow
        except UserError as error:
            self.metrics.answers.labels(model, "failed").inc()
            raise self.failed(str(error)) from error
        except Exception as error:  # a stream that has begun has to end in words too
            self.metrics.answers.labels(model, "failed").inc()
            _log.error("a defect of Rung in an answer of '%s'", model, exc_info=error)
            raise NotAnswered(500, DEFECT) from error

    async def value(self, caller: Caller, pending: Pending[T], *, model: str) -> T:
        """What a conversation comes to, its texts unheard.

        Raises:
            NotAnswered: it failed; and what `carry` raises.
        """
        with self.traces.recorded(caller, Subject(new_trace(), model)) as recording:
            async with aclosing(self.carry(caller, replace(pending, watcher=recording), model=model)) as news:
                async for piece in news:
                    if isinstance(piece, Ended) and piece.live.value is not None:
                        return piece.live.value
                    if isinstance(piece, Ended) and piece.live.failure is not None:
                        raise self.failed(piece.live.failure.error, piece.live.failure.step)
        raise InternalError("a conversation ended without a result")

    def _pending(self, asked: Asked, noting: NotingSearch) -> Pending[Answer]:
        deployment, wishes = asked.deployment, asked.wishes
        engines = {name: self._stopping(asked, name, engine) for name, engine in deployment.engines.items()}

        def begin() -> Conversation[Answer]:
            noting.documents.clear()
            return deployment.held_to(wishes.schema, wishes.instruction).answer(asked.question)

        heard = asked.streamed and deployment.streams
        return Pending(begin, {**engines, "search": noting}, refresh=self.refresh, streamed=heard)

    def _closed(self, caller: Caller, noting: NotingSearch) -> str:
        """A document that was found for this caller, and that it may not read by now; "" where there is none."""
        if self.knowledge is not None and noting.documents:
            self.knowledge.refresh()
        return next((one for one in sorted(noting.documents) if not self.may_read(caller, one)), "")

    def _stopping(self, asked: Asked, name: str, engine: Engine) -> Engine:
        """Who carries out these steps; its text ends where the request says."""
        if not asked.wishes.stop or not asked.deployment.streams or name.partition(":")[0] != "generate":
            return engine
        deployment = asked.deployment

        def tokens(step: Generate, text: str) -> tuple[int, int]:
            return deployment.tokens(step.messages), deployment.generator.count_tokens([text])[0]

        return Stopping(engine, asked.wishes.stop, tokens, asked.stopped)

    def refresh(self) -> None:
        """Look at the newest version of the index, which another process may have made: rights may have changed. What holds
        the same documents in another way follows it; see `Following.refresh`.

        Raises:
            UserError: it cannot be brought up to date.
        """
        self.following.refresh()

    def _answered(self, caller: Caller, asked: Asked, ended: Ended[Answer], last: list[Generate]) -> Answered:
        deployment, wishes, answer, failure = asked.deployment, asked.wishes, ended.live.value, ended.live.failure
        if answer is None:
            if failure is not None and failure.step == "generate" and last and self._too_long(deployment, last[0]):
                raise NotAnswered(400, failure.error, param="messages", code="context_length_exceeded")
            raise self.failed(failure.error if failure else "no answer", failure.step if failure else "")
        cited = tuple(c for c in answer.citations if self.may_read(caller, c.document))
        if withheld := len(answer.citations) - len(cited):
            self.metrics.withheld.inc(withheld)
            _log.warning("%d citations of an answer for %s withheld: it may not read them", withheld, caller.name)
        end, sequence = (None, "") if deployment.streams else first_of(answer.text, wishes.stop)
        if end is not None:
            asked.stopped.append(sequence)
            answer = replace(answer, text=answer.text[:end])
        cut = answer.truncated and wishes.max_tokens is not None
        changed = bool(wishes.schema or wishes.instruction or asked.stopped or cut)
        return Answered(asked, answer, cited, ended, not changed and wishes.temperature in (None, deployment.temperature))

    def _too_long(self, deployment: Deployment, step: Generate) -> bool:
        return deployment.tokens(step.messages) + step.max_tokens > deployment.generator.context_tokens

    def failed(self, error: str, step: str = "") -> NotAnswered:
        """The words of an error may hold what is not the client's: they stay here, in the log."""
        number = uuid.uuid4().hex[:12]
        _log.error("answer failed (%s)%s: %s", number, f" at '{step}'" if step else "", error)
        at = f" at its step '{step}'" if step else ""
        says = f"the answer failed{at}; the server's log says why under {number}"
        return NotAnswered(502, says, code="answer_failed", why=error)

    def _count(self, model: str, ended: Ended[T]) -> None:
        live, tally, metrics = ended.live, ended.tally, self.metrics
        metrics.answers.labels(model, "failed" if live.failure else "answered").inc()
        metrics.waited.observe(ended.waited)
        for timing in live.timings:
            metrics.steps.labels(timing.kind).observe(timing.seconds)
        if live.first_token is not None:
            metrics.first_token.labels(model).observe(live.first_token)
        metrics.prompt_tokens.labels(model).inc(tally.prompt_tokens)
        metrics.completion_tokens.labels(model).inc(tally.completion_tokens)


def _closed_to(caller: Caller, document: str) -> str:
    return f"what was found for {caller.name} is of {document!r} too, which it may not read any more"


async def whole_answer(news: AsyncGenerator[str | Answered]) -> Answered:
    """What `Answering.answer` comes to, its texts unheard.

    Raises:
        NotAnswered: it failed.
    """
    async with aclosing(news) as pieces:
        async for piece in pieces:
            if isinstance(piece, Answered):
                return piece
    raise InternalError("a conversation ended without an answer")
