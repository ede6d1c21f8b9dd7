"""Anthropic's Messages API."""

from __future__ import annotations

from collections.abc import Mapping

from rung.models.wire.closed_schema import FreeKeys, closed
from rung.models.wire.held_form import schema_of
from rung.models.wire.protocol import Call, Listing, Look
from rung.models.wire.shapes import calling, chunk, completion, conversation, count, counted, day, mapping, rows, text
from rung.records import Json

LEAST_BUDGET = 1024  # tokens of reasoning: the API takes no smaller budget


class AnthropicMessages:
    """`/v1/messages`."""

    name = "anthropic"
    optional: Mapping[str, str] = {  # a model takes a budget for its thinking, or thinks as it sees fit, or not at all
        "budget_tokens": r"budget_tokens|thinking\.type\.enabled",
        "thinking": "thinking",
        "temperature": "temperature",
        "output_config": r"output_config|output_config\.format|output_format",
    }
    renamed = frozenset({"budget_tokens"})
    form = "output_config"
    closes = True
    sends_context = False
    streams = True
    lines = False

    def path(self, call: Call) -> str:  # noqa: ARG002 - the protocol's
        """The same for every model."""
        return "/v1/messages"

    def body(self, call: Call) -> dict[str, Json]:
        """The request. The API knows no seed, and no temperature beside thinking."""
        system, turns = conversation(call.step.messages)
        body: dict[str, Json] = {
            "model": call.model,
            "max_tokens": call.limit,
            "messages": [{"role": role, "content": content} for role, content in turns],
        }
        if system:
            body["system"] = system
        if call.reasoning and call.takes("budget_tokens") and call.takes("thinking"):
            body["max_tokens"] = call.step.max_tokens + max(LEAST_BUDGET, call.reasoning)
            body["thinking"] = {"type": "enabled", "budget_tokens": max(LEAST_BUDGET, call.reasoning)}
        elif call.reasoning:
            body["thinking"] = {"type": "adaptive"}
        if "thinking" not in body or not call.takes("thinking"):
            body["temperature"] = min(1.0, call.step.temperature)
        schema = held_schema(call)
        if schema is not None:
            body["output_config"] = {"format": {"type": "json_schema", "schema": schema}}
        if call.stream:
            body["stream"] = True
        return {key: value for key, value in body.items() if call.takes(key)}

    def answer(self, body: Mapping[str, Json]) -> Mapping[str, Json]:
        """Blocks of text and thinking; a refusal with the reason that it gives."""
        blocks = rows(body.get("content"))
        message: dict[str, Json] = {"content": [dict(b) for b in blocks], **_refusal(body)}
        calls = (text(block.get("name")) for block in blocks if block.get("type") == "tool_use")
        usage = mapping(body.get("usage"))
        return completion({**message, **calling(next(calls, ""))}, _reason(body), _usage(usage), body.get("model"))

    def event(self, event: Mapping[str, Json]) -> Mapping[str, Json]:
        """Deltas of blocks; the first event counts the prompt, the one before the last the answer."""
        kind, delta = text(event.get("type")), mapping(event.get("delta"))
        if kind == "message_start":
            usage = mapping(mapping(event.get("message")).get("usage"))
            return {"usage": _prompt(usage)}
        if kind == "content_block_start":
            block = mapping(event.get("content_block"))
            return chunk({"content": text(block.get("text")), **calling(block.get("name"))})
        if kind == "content_block_delta":
            thought = text(delta.get("thinking"))
            return chunk({"reasoning": thought} if thought else {"content": text(delta.get("text"))})
        if kind == "message_delta":
            return chunk(_refusal(delta), _reason(delta), _usage(mapping(event.get("usage"))))
        return {}

    def listing(self, look: Look, model: str) -> Listing:
        """`/v1/models`, with limits and the day on which a model retires."""
        listed = rows(mapping(look("/v1/models?limit=1000")).get("data"))
        row = next((row for row in listed if row.get("id") == model), None)
        if row is None:
            row = mapping(look(f"/v1/models/{model}"))  # aliases are in no list
        names = tuple(name for other in listed if (name := text(other.get("id"))))
        return Listing(names, count(row.get("max_input_tokens")), day(row.get("retires_at")))


def held_schema(call: Call) -> dict[str, Json] | None:
    """The schema that an answer is held to, as the API takes it; None where there is none, or none that it can hold."""
    schema = schema_of(call.step)
    try:
        return None if schema is None else closed(schema)
    except FreeKeys:
        return None


def _reason(ended: Mapping[str, Json]) -> str:
    reason = text(ended.get("stop_reason"))
    return {"end_turn": "stop", "stop_sequence": "stop", "tool_use": "tool_calls"}.get(reason, reason)


def _refusal(ended: Mapping[str, Json]) -> dict[str, Json]:
    why = text(mapping(ended.get("stop_details")).get("explanation"))
    return {"refusal": why} if why else {}


def _usage(usage: Mapping[str, Json]) -> dict[str, Json]:
    thinking = mapping(usage.get("output_tokens_details")).get("thinking_tokens")
    details: Json = counted(reasoning_tokens=thinking)
    return {
        **_prompt(usage),
        **counted(completion_tokens=usage.get("output_tokens")),
        **({"completion_tokens_details": details} if details else {}),
    }


def _prompt(usage: Mapping[str, Json]) -> dict[str, Json]:
    """Tokens of the prompt; those that are cached are counted apart here, and not in the total."""
    if not counted(read=usage.get("input_tokens")):
        return {}
    cached, written = count(usage.get("cache_read_input_tokens")), count(usage.get("cache_creation_input_tokens"))
    return {
        "prompt_tokens": count(usage.get("input_tokens")) + cached + written,
        "prompt_tokens_details": {"cached_tokens": cached, "cache_write_tokens": written},
    }
