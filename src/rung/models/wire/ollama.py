"""Ollama's own API: there the context can be asked for, and a prompt that does not fit is refused instead of cut."""

from __future__ import annotations

from collections.abc import Mapping

from rung.models.wire.held_form import schema_of
from rung.models.wire.protocol import Call, Listing, Look
from rung.models.wire.shapes import chunk, completion, count, counted, mapping, rows, text
from rung.records import Json


class Ollama:
    """`/api/chat`."""

    name = "ollama"
    optional: Mapping[str, str] = {"think": "think|thinking", "format": "format"}
    renamed: frozenset[str] = frozenset()
    form = "format"
    closes = False
    sends_context = True
    streams = True
    lines = True

    def path(self, call: Call) -> str:  # noqa: ARG002 - the protocol's
        """The same for every model."""
        return "/api/chat"

    def body(self, call: Call) -> dict[str, Json]:
        """The request. Without `num_ctx` the server takes 4,096 tokens, or what it sees fit, and cuts what is longer unless
        it is told not to (older ones cut it all the same)."""
        step = call.step
        options: dict[str, Json] = {"num_predict": call.limit, "temperature": step.temperature, "seed": step.seed}
        if call.context:
            options["num_ctx"] = call.context
        body: dict[str, Json] = {
            "model": call.model,
            "messages": [{"role": m.role, "content": m.content} for m in step.messages],
            "options": options,
            "stream": call.stream,
            "truncate": False,
            "shift": False,
        }
        schema = schema_of(step)
        if schema is not None:
            body["format"] = schema
        if call.reasoning:
            body["think"] = True
        return {key: value for key, value in body.items() if call.takes(key)}

    def answer(self, body: Mapping[str, Json]) -> Mapping[str, Json]:
        """Its message is one of a chat completion already."""
        if not isinstance(body.get("message"), dict):
            return body
        return completion(mapping(body.get("message")), text(body.get("done_reason")), _usage(body), body.get("model"))

    def event(self, event: Mapping[str, Json]) -> Mapping[str, Json]:
        """Every event is a small answer; the last is done."""
        reason = (text(event.get("done_reason")) or "stop") if event.get("done") else ""
        return chunk(mapping(event.get("message")), reason, _usage(event))

    def listing(self, look: Look, model: str) -> Listing:
        """What `/api/ps` says of a model that is loaded, else what it was trained for; and which models there are."""
        info = mapping(mapping(look("//api/show", {"model": model})).get("model_info"))
        trained = next((n for key, value in info.items() if key.endswith(".context_length") and (n := count(value))), 0)
        names = tuple(name for row in rows(mapping(look("//api/tags")).get("models")) if (name := text(row.get("name"))))
        loaded = rows(mapping(look("//api/ps")).get("models"))
        running = next((row for row in loaded if row.get("name") in (model, f"{model}:latest")), {})
        return Listing(names, count(running.get("context_length")) or trained)


def _usage(body: Mapping[str, Json]) -> dict[str, Json]:
    return counted(prompt_tokens=body.get("prompt_eval_count"), completion_tokens=body.get("eval_count"))
