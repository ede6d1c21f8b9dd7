"""OpenAI's Responses API (`server: {api: responses}`): for models that are had by nothing else. Nothing is stored there."""

from __future__ import annotations

from collections.abc import Mapping

from rung.models.wire.chat import ChatCompletions
from rung.models.wire.held_form import is_strict, schema_of
from rung.models.wire.protocol import Call, Listing, Look
from rung.models.wire.shapes import calling, chunk, completion, counted, mapping, rows, text
from rung.records import Json

_THOUGHTS = ("response.reasoning_text.delta", "response.reasoning_summary_text.delta")
_ENDS = ("response.completed", "response.incomplete")


class Responses:
    """`/v1/responses`."""

    name = "responses"
    optional: Mapping[str, str] = {
        "temperature": "temperature",
        "store": "store",
        "text": r"text\.format|text|json_schema",
    }
    renamed: frozenset[str] = frozenset()
    form = "text"
    closes = False
    sends_context = False
    streams = True
    lines = False

    def path(self, call: Call) -> str:  # noqa: ARG002 - the protocol's
        """The same for every model."""
        return "/responses"

    def body(self, call: Call) -> dict[str, Json]:
        """The request. The API knows no seed."""
        body: dict[str, Json] = {
            "model": call.model,
            "input": [{"role": m.role, "content": m.content} for m in call.step.messages],
            "max_output_tokens": call.limit,
            "temperature": call.step.temperature,
            "store": False,
        }
        schema = schema_of(call.step)
        if schema is not None:
            form: Json = {"type": "json_schema", "name": "answer", "schema": schema, "strict": is_strict(schema)}
            body["text"] = {"format": form}
        if call.stream:
            body["stream"] = True
        return {key: value for key, value in body.items() if call.takes(key)}

    def answer(self, body: Mapping[str, Json]) -> Mapping[str, Json]:
        """Text, refusal, reasoning and calls from the items of its output."""
        items = rows(body.get("output"))
        parts = [part for item in items if item.get("type") == "message" for part in rows(item.get("content"))]
        thoughts = [part for item in items if item.get("type") == "reasoning" for part in _thoughts(item)]
        message: dict[str, Json] = {
            "content": "".join(text(part.get("text")) for part in parts) if parts else None,
            "refusal": "".join(text(part.get("refusal")) for part in parts),
            "reasoning": "".join(text(part.get("text")) for part in thoughts),
        }
        calls = (text(item.get("name")) for item in items if item.get("type") == "function_call")
        return completion({**message, **calling(next(calls, ""))}, _reason(body), _usage(body), body.get("model"))

    def event(self, event: Mapping[str, Json]) -> Mapping[str, Json]:
        """Deltas of text, refusal and reasoning; the last event has how it ended and what it used."""
        kind, delta = text(event.get("type")), event.get("delta")
        if kind == "response.output_text.delta":
            return chunk({"content": delta})
        if kind == "response.refusal.delta":
            return chunk({"refusal": delta})
        if kind in _THOUGHTS:
            return chunk({"reasoning": delta})
        response = mapping(event.get("response"))
        if kind == "response.failed":
            return {"error": response.get("error") or "the response failed"}
        return chunk({}, _reason(response), _usage(response)) if kind in _ENDS else {}

    def listing(self, look: Look, model: str) -> Listing:
        """As for chat completions."""
        return ChatCompletions().listing(look, model)


def _thoughts(item: Mapping[str, Json]) -> list[Mapping[str, Json]]:
    return [*rows(item.get("summary")), *rows(item.get("content"))]


def _reason(response: Mapping[str, Json]) -> str:
    """Why it ended: "stop", or what it says of being incomplete."""
    why = text(mapping(response.get("incomplete_details")).get("reason"))
    return why or {"completed": "stop"}.get(text(response.get("status")), text(response.get("status")))


def _usage(response: Mapping[str, Json]) -> dict[str, Json]:
    usage = mapping(response.get("usage"))
    read, written = mapping(usage.get("input_tokens_details")), mapping(usage.get("output_tokens_details"))
    return {
        **counted(prompt_tokens=usage.get("input_tokens"), completion_tokens=usage.get("output_tokens")),
        "prompt_tokens_details": counted(
            cached_tokens=read.get("cached_tokens"), cache_write_tokens=read.get("cache_write_tokens")
        ),
        "completion_tokens_details": counted(reasoning_tokens=written.get("reasoning_tokens")),
    }
