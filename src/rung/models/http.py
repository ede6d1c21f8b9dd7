"""Answers `Generate` steps by any OpenAI-compatible `/v1/chat/completions`.

Sending is left to `http_client`, what an answer is to `http_reading`.

A schema is sent as `response_format` json_schema. Labels and regular expressions have no portable form: they are sent as a
schema with one string in it, which is unwrapped and then checked here; an answer outside them is a `Failure`, not a guess.
"""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from rung.errors import InternalError, ModelError
from rung.models.endpoint import Endpoint
from rung.models.http_client import RequestFailed, Served, spread
from rung.models.http_reading import Turn, consumed, cut_silently, read
from rung.models.prices import usd
from rung.models.protocol import Server
from rung.records import Failure, Json, Message
from rung.records.steps import Generate, GenerateResult, Request, Result, StepFailed
from rung.text.parsing import json_of

__all__ = ["Endpoint", "HttpGenerator"]
log = logging.getLogger(__name__)
READING = 2  # how answers are read; part of the identity, since what is remembered was read so
_PATH = "/chat/completions"
_WRAPPED = "value"
_LIMITS = ("max_tokens", "max_completion_tokens")  # two names of one parameter
_MAY_BE_LEFT_OUT = ("temperature", "seed", "stream_options", "response_format")
_WORD = "rung-holds-the-form"  # what no model says by itself
_ROOM = 64  # tokens for the answer to a check


class HttpGenerator(Served):
    """A chat model behind a URL. Thread-safe."""

    def __init__(self, endpoint: Endpoint, server: Server, *, first_wait: float = 0.5) -> None:
        super().__init__(endpoint, server, first_wait=first_wait)
        self._left_out: set[str] = set()
        self._limit = _LIMITS[endpoint.is_openai]

    @property
    def identity(self) -> str:
        """URL, model name and how answers are read. What a server changes under one name cannot be seen from here."""
        room = self._server.reasoning_tokens
        return f"{self._endpoint.identity}/reading-{READING}{f'/reasoning-{room}' if room else ''}"

    @property
    def context_tokens(self) -> int:
        """`server.context_tokens` of the project: a server does not say."""
        return self._server.context_tokens

    def use_adapters(self, adapters: Mapping[str, Path]) -> None:
        """Refuse: adapters cannot be handed to a server.

        Raises:
            ModelError: there are any.
        """
        if adapters:
            raise ModelError(f"{self._endpoint} cannot serve adapters made here: use a local model for tuned rungs")

    def check(self, *, constrained: bool) -> dict[str, Json]:
        """Ask for one word. `constrained`: held to a form that no free answer has, to see whether the server holds it.

        Returns:
            `left_out`: the parameters that it does not take. `form`: "held", "ignored", "refused", or "" where that was not
            asked or cannot be told. `trouble` alone: it is there, and did not answer this.

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
        form = ""
        if "response_format" in self._left_out:
            form = "refused"
        elif constrained and not isinstance(reply, Failure):
            form = "ignored" if isinstance(_unwrapped(step, GenerateResult(reply.text)), Failure) else "held"
        left_out: list[Json] = [*sorted(self._left_out - {"response_format"})]
        return {"left_out": left_out, "form": form}

    def recall(self, report: Mapping[str, Json]) -> None:
        """Take over what an earlier `check` found."""
        named = report.get("left_out")
        self._left_out |= {str(name) for name in named} if isinstance(named, list) else set()
        if report.get("form") == "refused":
            self._left_out.add("response_format")

    def run(self, requests: Sequence[Request]) -> Iterator[tuple[int, Result | Failure]]:
        """Yield (index, result) as each is answered, `server.concurrency` at a time.

        Raises:
            ServerError: nobody listens there, or the key, the quota or the model is refused.
        """
        yield from spread(
            lambda index, halt: self._answer(requests[index], halt), len(requests), threads=self._server.concurrency
        )

    def stream(self, request: Request) -> Iterator[str | GenerateResult]:
        """Yield pieces of the answer as the server sends them, reasoning left out, then the whole. Labels and expressions
        come in one piece.

        Raises:
            StepFailed: this request failed.
            ServerError: as `run`.
        """
        step = _generate(request)
        if step.regex or step.choices or step.adapter:
            result = self._answer(request, threading.Event())
            if isinstance(result, Failure):
                raise StepFailed(result)
            yield result.text
            yield result
            return
        turn = Turn()
        try:
            yield from filter(None, map(turn.hear, self._events(step)))
        except RequestFailed as error:
            raise StepFailed(_failure(error)) from error
        rest, _ = turn.listening.end()
        if rest:
            yield rest
        result = self._result(step, turn, None)
        if isinstance(result, Failure):
            raise StepFailed(result)
        yield result

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """An estimate: four bytes to a token."""
        return [-(-len(text.encode()) // 4) for text in texts]

    def render(self, messages: Sequence[Message]) -> str:
        """The turns after their roles: the server's own template is not known here."""
        return "".join(f"{m.role}: {m.content}\n" for m in messages) + "assistant: "

    def _answer(self, request: Request, halt: threading.Event) -> GenerateResult | Failure:
        step = _generate(request)
        if step.adapter:
            return Failure(f"{self._endpoint} serves no adapters", step="generate")
        try:
            answer, attempt = self._posted(step, halt)
        except RequestFailed as error:
            return _failure(error)
        result = self._result(step, Turn.of(answer), answer, attempt)
        return _unwrapped(step, result) if isinstance(result, GenerateResult) and (step.regex or step.choices) else result

    def _posted(self, step: Generate, halt: threading.Event, *, hasty: bool = False) -> tuple[dict[str, Json], int]:
        """The server's answer; parameters that the model does not take are left out from then on."""
        while True:
            try:
                return self._client.post(_PATH, self._body(step), halt=halt, hasty=hasty)
            except RequestFailed as error:
                self._give_way(error)

    def _events(self, step: Generate) -> Iterator[Mapping[str, Json]]:
        """The events of a streamed answer; what the server refuses is left out, as in `_posted`."""
        while True:
            extra: dict[str, Json] = {"stream": True}
            if "stream_options" not in self._left_out:
                extra["stream_options"] = {"include_usage": True}
            try:
                yield from self._client.events(_PATH, {**self._body(step), **extra})
                return
            except RequestFailed as error:
                self._give_way(error)

    def _give_way(self, error: RequestFailed) -> None:
        """Leave out the parameter that the server does not take; raises the error where it says nothing of that."""
        complaint = error.complaint
        if complaint is None:
            raise error
        if complaint.refuses(self._limit) and self._limit == _LIMITS[0]:
            self._limit = _LIMITS[1]
            return
        name = next((n for n in _MAY_BE_LEFT_OUT if n not in self._left_out and complaint.refuses(n)), None)
        if name is None or (name == "response_format" and re.search(r"invalid schema", complaint.words, re.IGNORECASE)):
            raise error
        log.warning("%s does not take %s; it is left out", self._endpoint, name)
        self._left_out.add(name)

    def _body(self, step: Generate) -> dict[str, Json]:
        body: dict[str, Json] = {
            "model": step.model or self._endpoint.model,
            "messages": [{"role": m.role, "content": m.content} for m in step.messages],
            self._limit: step.max_tokens + self._server.reasoning_tokens,
            "temperature": step.temperature,
        }
        if step.temperature > 0:
            body["seed"] = step.seed
        schema = _schema(step)
        if schema is not None:
            json_schema: Json = {"name": "answer", "schema": schema, "strict": _is_strict(schema)}
            body["response_format"] = {"type": "json_schema", "json_schema": json_schema}
        return {key: value for key, value in body.items() if key not in self._left_out}

    def _result(self, step: Generate, turn: Turn, body: Json, attempt: int = 1) -> GenerateResult | Failure:
        """The turn as a result. Where the server counts no tokens they are estimated, and their price stays unknown."""
        reply = read(turn, room=step.max_tokens + self._server.reasoning_tokens, body=body)
        if isinstance(reply, Failure):
            return Failure(reply.error, step="generate", attempt=attempt)
        used = consumed(turn.usage)
        prompt, completion, price = used.prompt, used.completion, None
        if prompt is not None and completion is not None:
            model, url = self._endpoint.model, self._endpoint.url
            price = usd(model, url, prompt=prompt, completion=completion, cached=used.cached, written=used.written)
        return GenerateResult(
            reply.text,
            prompt if prompt is not None else sum(self.count_tokens([m.content for m in step.messages])),
            completion if completion is not None else self.count_tokens([turn.text + turn.reasoning])[0],
            truncated=turn.is_cut,
            usd=price,
            prompt_cut=cut_silently(step.messages, turn.usage),
            cached_tokens=used.cached,
        )


def _failure(error: RequestFailed) -> Failure:
    return Failure(str(error), step="generate", attempt=error.attempts)


def _generate(request: Request) -> Generate:
    if not isinstance(request.step, Generate):
        raise InternalError(f"a generator was given {type(request.step).__name__}")
    return request.step


def _schema(step: Generate) -> Json:
    if step.schema:
        value: Json = json.loads(step.schema)
        return value
    held: dict[str, Json] = {"type": "string"}
    if step.choices:
        held["enum"] = list(step.choices)
    elif step.regex:
        held["pattern"] = f"^(?:{step.regex})$"
    else:
        return None
    return {"type": "object", "properties": {_WRAPPED: held}, "required": [_WRAPPED], "additionalProperties": False}


def _unwrapped(step: Generate, result: GenerateResult) -> GenerateResult | Failure:
    """The one string inside; a server that ignored the wrapping may still have said it plainly."""
    try:
        value = json_of(result.text)
        text = value.get(_WRAPPED) if isinstance(value, dict) else value
    except ValueError:
        text = result.text.strip()
    fits = text in step.choices if step.choices else isinstance(text, str) and re.fullmatch(step.regex, text) is not None
    if not isinstance(text, str) or not fits:
        kind = "labels" if step.choices else "regular expression"
        return Failure(f"the server left the {kind}: it said {result.text[:80]!r}", step="generate")
    return replace(result, text=text)


def _is_strict(schema: Json) -> bool:
    """Whether OpenAI's strict mode takes it: every object closed, every property required."""
    if isinstance(schema, list):
        return all(map(_is_strict, schema))
    if not isinstance(schema, dict):
        return True
    properties = schema.get("properties")
    if schema.get("type") == "object" or isinstance(properties, dict):
        required = schema.get("required")
        names = set(properties) if isinstance(properties, dict) else set()
        if (
            schema.get("additionalProperties") is not False
            or set(map(str, required if isinstance(required, list) else [])) != names
        ):
            return False
    return all(map(_is_strict, schema.values()))
