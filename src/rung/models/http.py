"""Answers `Generate` steps by a chat server: any OpenAI-compatible one, or a vendor's own API.

Sending is left to `http_client`, how requests and answers are written to `wire`, what an answer is to `http_reading`.

A schema is sent as the API has it. Labels and regular expressions have no portable form: they are sent as a schema with one
string in it, which is unwrapped and then checked here; an answer outside them is a `Failure`, not a guess.
"""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rung.errors import InternalError, ModelError, ServerError
from rung.models.endpoint import Endpoint
from rung.models.hosted_names import names_in
from rung.models.http_client import Client, NoModel
from rung.models.http_reading import ANOTHER, Turn, consumed, cut_silently, other_name, read
from rung.models.http_retries import RequestFailed
from rung.models.http_spread import spread
from rung.models.http_words import complaint, error_within
from rung.models.prices import usd
from rung.models.protocol import Server
from rung.models.served import Served
from rung.models.served_adapters import ServedAdapters, served_name
from rung.models.vendors import OPENAI, wire_of
from rung.models.wire import Call
from rung.models.wire.batch_apis import BatchApi
from rung.models.wire.closed_schema import FreeKeys, closed
from rung.models.wire.held_form import unwrapped
from rung.progress import say
from rung.records import Failure, Json, Message
from rung.records.steps import Generate, GenerateResult, Request, Restart, Result, StepFailed, usage_of

__all__ = ["Endpoint", "HttpGenerator"]
log = logging.getLogger(__name__)
READING = 2  # how answers are read; part of the identity, since what is remembered was read so
_WORD = "rung-holds-the-form"  # what no model says by itself
_ROOM = 64  # tokens for the answer to a check
_FEW = 24  # tokens by which an adapter is told from its base


class HttpGenerator(Served):
    """A chat model behind a URL. Thread-safe."""

    def __init__(self, endpoint: Endpoint, server: Server, *, first_wait: float = 0.5) -> None:
        super().__init__(endpoint, server, first_wait=first_wait)
        self._wire = wire_of(endpoint.vendor, server.api)
        self._left_out: set[str] = {"max_tokens"} if endpoint.vendor is OPENAI and endpoint.is_vendors else set()
        self._context = 0
        self._adapters = ServedAdapters(self._client, server.adapters_at, self._says)
        self._hosted: dict[str, str] = {}  # of adapters that the host made: by which name it answers
        self._others: set[str] = set()  # names of what answered in the place of the model, told already

    @property
    def identity(self) -> str:
        """URL, model name, how it is spoken to and how answers are read. What a server changes under one name cannot be seen
        from here."""
        room, wire = self._server.reasoning_tokens, self._wire.name
        context = self._server.context_tokens if self._wire.sends_context else 0
        parts = (wire, f"reading-{READING}", room and f"reasoning-{room}", context and f"context-{context}")
        return "/".join([self._endpoint.identity, *(str(part) for part in parts if part)])

    @property
    def context_tokens(self) -> int:
        """`server.context_tokens` of the project, or what the server was found to read, where that is less."""
        limit = self._server.context_tokens
        return min(limit, self._context) if self._context else limit

    def use_adapters(self, adapters: Mapping[str, Path]) -> None:
        """Have the server answer by adapters that were trained here, see `ServedAdapters.place`, or that its host made.

        Raises:
            ModelError: it does not have them, and does not load them, or a vendor's host takes none.
            ServerError: as `run`.
        """
        self._hosted = names_in(adapters, self._endpoint.url)
        own = {digest: folder for digest, folder in adapters.items() if digest not in self._hosted}
        if own and self._endpoint.vendor.name:
            raise ModelError(f"{self._endpoint} takes no adapters made here: use a server of your own, or a local model")
        self._adapters.place(own)

    def unload(self, digest: str) -> str:
        """Have the server forget an adapter; see `ServedAdapters.unload`."""
        return self._adapters.unload(digest)

    def check(self, *, constrained: bool) -> dict[str, Json]:
        """Ask for one word. `constrained`: held to a form that no free answer has, to see whether the server holds it.

        Returns:
            `left_out`: the parameters that it does not take. `form`: "held", "ignored", "refused", or "" where that was not
            asked or cannot be told. `trouble` alone: it is there, and did not answer this. Where there is something to say,
            also `renamed`: parameters that it knows by another name; `sent_as`: the one that holds the form; `context`,
            `ends`, `instead`: what its list of models says of this one, see `Listing`; `answered_by`: the name that it gives
            to what answered, where that is another, `unlisted`: and its list has none of ours; `no_answer`: why what it sent
            is none.

        Raises:
            ServerError: as `run`.
        """
        asked = (Message("user", "Say hello."),)
        step = Generate(asked, choices=(_WORD,) if constrained else (), max_tokens=_ROOM)
        try:
            answer, _ = self._posted(step, threading.Event(), hasty=True)
        except RequestFailed as error:
            return {"trouble": str(error)}
        reply = read(Turn.of(answer), room=_ROOM, body=answer)
        form, wire = "", self._wire
        if wire.form in self._left_out:
            form = "refused"
        elif constrained and not isinstance(reply, Failure):
            form = "ignored" if isinstance(unwrapped(step, GenerateResult(reply.text)), Failure) else "held"
        listing = self._client.listing()
        self._context, ours = listing.context, self._endpoint.model
        other = self._heed(step, answer.get("model"), aloud=False)
        report: dict[str, Json] = {
            "left_out": [*sorted(self._left_out - {wire.form} - wire.renamed)],
            "form": form,
        }
        details: dict[str, Json] = {
            "renamed": [*sorted(self._left_out & wire.renamed)],
            "sent_as": wire.form if wire.name else "",
            "context": listing.context,
            "ends": listing.ends,
            "instead": listing.instead,
            "answered_by": other,
            "unlisted": bool(other and listing.names) and not {ours, f"{ours}:latest"} & set(listing.names),
            "no_answer": reply.error if isinstance(reply, Failure) else "",
        }
        return {**report, **{name: detail for name, detail in details.items() if detail}}

    def refuses_schema(self, schema: str) -> str:
        """Ask for an answer of this schema. Returns why the server cannot hold answers to it, "" where it can, or where that
        cannot be told; raises as `check`."""
        if self._wire.form in self._left_out:
            return ""
        step = Generate((Message("user", "Say hello."),), schema=schema, max_tokens=_ROOM)
        try:
            if self._wire.closes:
                closed(json.loads(schema))
            self._posted(step, threading.Event(), hasty=True)
        except FreeKeys as error:
            return f"{error}, and its API holds none: the prompt alone asks for it"
        except RequestFailed as error:
            refused = error.complaint is not None and error.complaint.status in (400, 422)
            return f"{error}; what is asked to keep it fails" if refused else ""
        return ""

    def stated_version(self) -> dict[str, str]:
        """Ask for one word, and return what the server says of what answered: `model`, its full name, and
        `system_fingerprint`, of all that it runs on; without what it does not say.

        Raises:
            ServerError: as `run`, and where this request fails.
        """
        step = Generate((Message("user", "Say hello."),), max_tokens=_ROOM)
        try:
            answer, _ = self._posted(step, threading.Event(), hasty=True)
        except RequestFailed as error:
            raise ServerError(f"{self._endpoint} does not say what it is ({error}): look at the server") from error
        named = {name: answer.get(name) for name in ("model", "system_fingerprint")}
        return {name: value for name, value in named.items() if isinstance(value, str) and value}

    def _heed(self, step: Generate, name: Json, *, aloud: bool = True) -> str:
        """The name of what answered, where another was asked for; told once. Azure's deployments have names of their own."""
        other = "" if self._endpoint.vendor.name == "azure" else other_name(self._model_of(step), name)
        if other and aloud and other not in self._others:
            say(f"! {self._endpoint} answered as {other}: {ANOTHER}")
        self._others |= {other} if other else set()
        return other

    def recall(self, report: Mapping[str, Json]) -> None:
        """Take over what an earlier `check` found."""
        for key in ("left_out", "renamed"):
            named = report.get(key)
            self._left_out |= {str(name) for name in named} if isinstance(named, list) else set()
        if report.get("form") == "refused":
            self._left_out.add(self._wire.form)
        self._others |= {other} if isinstance(other := report.get("answered_by"), str) else set()
        context = report.get("context")
        self._context = context if isinstance(context, int) else 0

    def run(self, requests: Sequence[Request]) -> Iterator[tuple[int, Result | Failure]]:
        """Yield (index, result) as each is answered, `server.concurrency` at a time.

        Raises:
            ServerError: nobody listens there, or the key, the quota or the model is refused.
        """
        yield from spread(
            lambda index, halt: self._answer(requests[index], halt), len(requests), threads=self._server.concurrency
        )

    def stream(self, request: Request) -> Iterator[str | Restart | GenerateResult]:
        """Yield pieces of the answer as the server sends them, reasoning left out, then the whole. Labels and expressions
        come in one piece. An answer that breaks off begins anew, as often as the project allows; see `Restart`.

        Raises:
            StepFailed: this request failed.
            ServerError: as `run`.
        """
        step = _generate(request)
        placed = step.adapter and step.adapter not in self._hosted  # may have to be loaded again
        if step.regex or step.choices or placed or not self._wire.streams:
            result = self._answer(request, threading.Event())
            if isinstance(result, Failure):
                raise StepFailed(result)
            yield result.text
            yield result
            return
        turn = Turn()
        try:
            for event in self._events(step):
                if isinstance(event, RequestFailed):
                    turn = Turn()
                    yield Restart(_failure(event))
                else:
                    self._heed(step, event.get("model"))
                    yield turn.hear(event)
        except RequestFailed as error:
            raise StepFailed(_failure(error)) from error
        rest, _ = turn.listening.end()
        if rest:
            yield rest
        result = self._result(step, turn, None)
        if isinstance(result, Failure):
            raise StepFailed(result)
        yield result

    @property
    def batches(self) -> BatchApi | None:
        """The host's batch interface, where the project wants it (`server.batch`); None: requests go one by one."""
        return self._endpoint.vendor.batches if self._server.batch else None

    @property
    def client(self) -> Client:
        """Who sends to its server."""
        return self._client

    def call(self, request: Request) -> Call:
        """A request as it would be sent now."""
        return self._call(_generate(request))

    def written(self, call: Call) -> tuple[str, dict[str, Json]]:
        """(the path below the server's URL, the body) of a request."""
        return self._wire.path(call), self._wire.body(call)

    def read_row(self, call: Call, status: int, body: Mapping[str, Json]) -> tuple[GenerateResult | Failure, bool]:
        """What a batch's row says, and whether it may be another when it is sent again: what the model does not take is left
        out then, or the trouble may pass.

        Raises:
            ServerError: no request can succeed: the key, the quota or the model is refused.
        """
        error = error_within(body) if status == 200 else complaint(status, json.dumps(body))
        if error is None:
            return self._whole(call.step, self._wire.answer(body)), False
        failed, again = self._client.refused(error)
        try:
            self._give_way(failed, call)
        except RequestFailed:
            return _failure(failed), again
        return _failure(failed), True

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """An estimate: four bytes to a token."""
        return [-(-len(text.encode()) // 4) for text in texts]

    def render(self, messages: Sequence[Message]) -> str:
        """The turns after their roles: the server's own template is not known here."""
        return "".join(f"{m.role}: {m.content}\n" for m in messages) + "assistant: "

    def _answer(self, request: Request, halt: threading.Event) -> GenerateResult | Failure:
        step = _generate(request)
        if step.adapter and step.adapter not in self._hosted and not self._adapters.has(step.adapter):
            return Failure(f"{self._endpoint} was not given the adapter {step.adapter[:12]}", step="generate")
        try:
            answer, attempt = self._answered(step, halt)
        except RequestFailed as error:
            return _failure(error)
        return self._whole(step, answer, attempt)

    def _whole(self, step: Generate, answer: Mapping[str, Json], attempt: int = 1) -> GenerateResult | Failure:
        """The result that a chat completion is."""
        self._heed(step, answer.get("model"))
        result = self._result(step, Turn.of(answer), answer, attempt)
        return unwrapped(step, result) if isinstance(result, GenerateResult) and (step.regex or step.choices) else result

    def _answered(self, step: Generate, halt: threading.Event) -> tuple[Mapping[str, Json], int]:
        """As `_posted`; a server that was started anew, and has the step's adapter no more, is given it again."""
        try:
            return self._posted(step, halt)
        except NoModel:
            if not step.adapter or not self._adapters.place_again(step.adapter):
                raise
            return self._posted(step, halt)

    def _says(self, adapter: str, messages: tuple[Message, ...]) -> str:
        """What an adapter, or with "" its base, answers in few words; raises as `run`."""
        step = Generate(messages, adapter=adapter, max_tokens=_FEW)
        try:
            answer, _ = self._posted(step, threading.Event(), hasty=True)
        except RequestFailed as error:
            name = self._model_of(step)
            raise ServerError(f"{self._endpoint} does not answer as '{name}' ({error}): look at the server") from error
        turn = Turn.of(answer)
        return f"{turn.reasoning}{turn.text}"  # cut or not

    def _posted(self, step: Generate, halt: threading.Event, *, hasty: bool = False) -> tuple[Mapping[str, Json], int]:
        """The server's answer, as a chat completion; parameters that the model does not take are left out from then on."""
        while True:
            call = self._call(step)
            try:
                answer, attempt = self._client.post(self._wire.path(call), self._wire.body(call), halt=halt, hasty=hasty)
                return self._wire.answer(answer), attempt
            except RequestFailed as error:
                self._give_way(error, call)

    def _events(self, step: Generate) -> Iterator[Mapping[str, Json] | RequestFailed]:
        """The events of a streamed answer; what the server refuses is left out, as in `_posted`."""
        while True:
            call = self._call(step, stream=True)
            try:
                yield from self._client.events(self._wire.path(call), self._wire.body(call), self._wire)
                return
            except RequestFailed as error:
                self._give_way(error, call)

    def _model_of(self, step: Generate) -> str:
        """What the server calls the model that is to answer: never the base for an adapter."""
        named = self._hosted.get(step.adapter, "")
        return named or (served_name(step.adapter) if step.adapter else self._endpoint.model)

    def _call(self, step: Generate, *, stream: bool = False) -> Call:
        return Call(
            step,
            self._model_of(step),
            reasoning=self._server.reasoning_tokens,
            context=self._server.context_tokens,
            left_out=frozenset(self._left_out),
            stream=stream,
        )

    def _give_way(self, error: RequestFailed, call: Call) -> None:
        """Leave out the parameter that the server does not take; raises the error where it says nothing of that.

        `call`: what was refused. Where another thread left the parameter out meanwhile, the request is made anew.
        """
        complaint, wire = error.complaint, self._wire
        if complaint is None:
            raise error
        name = next((n for n, form in wire.optional.items() if call.takes(n) and complaint.refuses(form)), None)
        if name is None or (name == wire.form and re.search(r"invalid schema", complaint.words, re.IGNORECASE)):
            raise error
        if name not in wire.renamed and name not in self._left_out:
            log.warning("%s does not take %s; it is left out", self._endpoint, name)
        self._left_out.add(name)

    def _result(
        self, step: Generate, turn: Turn, body: Mapping[str, Json] | None, attempt: int = 1
    ) -> GenerateResult | Failure:
        """The turn as a result. Where the server counts no tokens they are estimated, and their price stays unknown."""
        reply = read(turn, room=step.max_tokens + self._server.reasoning_tokens, body=body)
        used = consumed(turn.usage)
        prompt, completion, price = used.prompt, used.completion, None
        if prompt is not None and completion is not None:
            model, url = self._hosted.get(step.adapter, self._endpoint.model), self._endpoint.url
            price = usd(model, url, prompt=prompt, completion=completion, cached=used.cached, written=used.written)
        result = GenerateResult(
            "" if isinstance(reply, Failure) else reply.text,
            prompt if prompt is not None else sum(self.count_tokens([m.content for m in step.messages])),
            completion if completion is not None else self.count_tokens([turn.text + turn.reasoning])[0],
            truncated=turn.is_cut,
            usd=price,
            prompt_cut=cut_silently(step.messages, turn.usage),
            cached_tokens=used.cached,
            estimated=prompt is None or completion is None,
        )
        if not isinstance(reply, Failure):
            return result
        return Failure(reply.error, step="generate", attempt=attempt, usage=usage_of(result) if turn.is_there else None)


def _failure(error: RequestFailed) -> Failure:
    is_too_long = error.complaint is not None and error.complaint.is_too_long
    return Failure(str(error), step="generate", attempt=error.attempts, excess=-1 if is_too_long else 0)


def _generate(request: Request) -> Generate:
    if not isinstance(request.step, Generate):
        raise InternalError(f"a generator was given {type(request.step).__name__}")
    return request.step
