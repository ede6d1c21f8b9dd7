"""Answers `Generate` steps by any OpenAI-compatible `/v1/chat/completions`. Sending is left to `http_client`.

A schema is sent as `response_format` json_schema. Labels and regular expressions have no portable form: they are sent as a
schema with one string in it, which is unwrapped and then checked here; an answer outside them is a `Failure`, not a guess.
"""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rung.errors import InternalError, ModelError, ServerError
from rung.models.http_client import Client, Endpoint, RequestFailed, spread
from rung.models.prices import usd
from rung.models.protocol import Server
from rung.records import Failure, Json, Message
from rung.steps import Generate, Generated, Request, Result, StepFailed

__all__ = ["Endpoint", "HttpGenerator"]
log = logging.getLogger(__name__)
_PATH = "/chat/completions"
_WRAPPED = "value"


class HttpGenerator:
    """A chat model behind a URL. Thread-safe."""

    def __init__(self, endpoint: Endpoint, server: Server, *, first_wait: float = 0.5) -> None:
        self._endpoint = endpoint
        self._server = server
        self._client = Client(endpoint, server, first_wait=first_wait)
        self._left_out: set[str] = set()

    @property
    def identity(self) -> str:
        """URL and model name. A server may change what it answers under one name: that cannot be seen from here."""
        return self._endpoint.identity

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
            raise ModelError(f"{self.identity} cannot serve adapters made here: use a local model for tuned rungs")

    def run(self, requests: Sequence[Request]) -> Iterator[tuple[int, Result | Failure]]:
        """Yield (place, result) as each is answered, `server.concurrency` at a time.

        Raises:
            ServerError: nobody listens there, or the key or the model is refused.
        """
        yield from spread(
            lambda place, halt: self._answer(requests[place], halt), len(requests), threads=self._server.concurrency
        )

    def stream(self, request: Request) -> Iterator[str | Generated]:
        """Yield pieces of text as the server sends them, then the whole. Labels and expressions come in one piece.

        Raises:
            StepFailed: this request failed.
            ServerError: as `run`.
        """
        step = _generate(request)
        if step.regex or step.choices:
            result = self._answer(request, threading.Event())
            if isinstance(result, Failure):
                raise StepFailed(result)
            yield result.text
            yield result
            return
        body: dict[str, Json] = {**self._body(step), "stream": True, "stream_options": {"include_usage": True}}
        said, reason = "", ""
        usage: Json = None
        try:
            for event in _events(self._client.lines(_PATH, body)):
                usage = event.get("usage") or usage
                choice = _first(event)
                delta = choice.get("delta")
                piece = delta.get("content") if isinstance(delta, dict) else None
                reason = str(choice.get("finish_reason") or reason)
                if isinstance(piece, str) and piece:
                    said += piece
                    yield piece
        except RequestFailed as error:
            raise StepFailed(self._failure(error)) from error
        yield self._generated(said, usage, reason)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """An estimate: four bytes to a token."""
        return [-(-len(text.encode()) // 4) for text in texts]

    def render(self, messages: Sequence[Message]) -> str:
        """The turns after their roles: the server's own template is not known here."""
        return "".join(f"{m.role}: {m.content}\n" for m in messages) + "assistant: "

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _answer(self, request: Request, halt: threading.Event) -> Generated | Failure:
        step = _generate(request)
        if step.adapter:
            return Failure(f"{self.identity} serves no adapters", step="generate")
        try:
            answer = self._posted(step, halt)
        except RequestFailed as error:
            return self._failure(error)
        choice = _first(answer)
        message = choice.get("message")
        said = message.get("content") if isinstance(message, dict) else None
        if not isinstance(said, str):
            refusal = message.get("refusal") if isinstance(message, dict) else None
            return Failure(f"the server's answer has no text{f': {refusal}' if refusal else ''}", step="generate")
        result = self._generated(said, answer.get("usage"), str(choice.get("finish_reason")))
        return _unwrapped(step, result) if step.regex or step.choices else result

    def _posted(self, step: Generate, halt: threading.Event) -> dict[str, Json]:
        """The server's answer; parameters that the model does not take are left out from then on, and that is logged."""
        while True:
            try:
                return self._client.post(_PATH, self._body(step), halt=halt)
            except RequestFailed as error:
                named = re.search(r"'(temperature|seed|max_tokens|max_completion_tokens)'", str(error))
                if "HTTP 400" not in str(error) or not named or named[1] in self._left_out:
                    raise
                log.warning("%s does not take %s; it is left out", self.identity, named[1])
                self._left_out.add(named[1])

    def _body(self, step: Generate) -> dict[str, Json]:
        limit = "max_completion_tokens" if self._endpoint.is_openai else "max_tokens"
        body: dict[str, Json] = {
            "model": step.model or self._endpoint.model,
            "messages": [{"role": m.role, "content": m.content} for m in step.messages],
            limit: step.max_tokens,
            "temperature": step.temperature,
        }
        if step.temperature > 0:
            body["seed"] = step.seed
        schema = _schema(step)
        if schema is not None:
            told: Json = {"name": "answer", "schema": schema, "strict": _is_strict(schema)}
            body["response_format"] = {"type": "json_schema", "json_schema": told}
        return {key: value for key, value in body.items() if key not in self._left_out}

    def _generated(self, said: str, usage: Json, reason: str) -> Generated:
        counts = usage if isinstance(usage, dict) else {}
        prompt, completion = (counts.get(key) for key in ("prompt_tokens", "completion_tokens"))
        price = None
        if isinstance(prompt, int) and isinstance(completion, int):
            price = usd(self._endpoint.model, self._endpoint.url, prompt=prompt, completion=completion)
        return Generated(
            said,
            prompt if isinstance(prompt, int) else 0,
            completion if isinstance(completion, int) else 0,
            truncated=reason == "length",
            usd=price,
        )

    def _failure(self, error: RequestFailed) -> Failure:
        if "no connection to" in str(error):
            raise ServerError(f"{error}: start the server, or mend the model's URL") from error
        return Failure(str(error), step="generate", attempt=error.attempts)


def _generate(request: Request) -> Generate:
    if not isinstance(request.step, Generate):
        raise InternalError(f"a generator was given {type(request.step).__name__}")
    return request.step


def _first(answer: Mapping[str, Json]) -> Mapping[str, Json]:
    choices = answer.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, dict) else {}


def _events(lines: Iterator[str]) -> Iterator[Mapping[str, Json]]:
    """Server-sent events of a chat, until [DONE]."""
    for line in lines:
        data = line.removeprefix("data:").strip() if line.startswith("data:") else ""
        if data == "[DONE]":
            return
        if data:
            try:
                event = json.loads(data)
            except ValueError as error:
                raise RequestFailed("the server streamed broken JSON", 1) from error
            if isinstance(event, dict) and "error" in event:
                raise RequestFailed(f"the server broke off: {event['error']}", 1)
            if isinstance(event, dict):
                yield event


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


def _unwrapped(step: Generate, result: Generated) -> Generated | Failure:
    """The one string inside; a server that ignored the wrapping may still have said it plainly."""
    try:
        value = json.loads(result.text)
        said = value.get(_WRAPPED) if isinstance(value, dict) else value
    except ValueError:
        said = result.text.strip()
    fits = said in step.choices if step.choices else isinstance(said, str) and re.fullmatch(step.regex, said) is not None
    if not isinstance(said, str) or not fits:
        kind = "labels" if step.choices else "regular expression"
        return Failure(f"the server left the {kind}: it said {result.text[:80]!r}", step="generate")
    return Generated(said, result.prompt_tokens, result.completion_tokens, result.truncated, result.usd)


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
