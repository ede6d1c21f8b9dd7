"""Amazon Bedrock's Converse API. Its streams are a binary format of AWS's own: answers come whole."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from urllib.parse import quote

from rung.models.wire.anthropic import LEAST_BUDGET, held_schema
from rung.models.wire.protocol import Call, Listing, Look
from rung.models.wire.shapes import calling, completion, conversation, counted, day, mapping, rows, text
from rung.records import Json

_REGIONAL = re.compile(r"^(?:us-gov|[a-z]{2,6})\.(?=[a-z0-9]+\.)")  # "eu." of an inference profile's name


class Converse:
    """`/model/NAME/converse`."""

    name = "bedrock"
    optional: Mapping[str, str] = {
        "thinking": r"thinking|budget_tokens|additionalModelRequestFields",
        "temperature": "temperature",
        "outputConfig": r"outputConfig|output_config|textFormat|json_schema|[Ss]tructured output",
    }
    renamed: frozenset[str] = frozenset()
    form = "outputConfig"
    closes = True
    sends_context = False
    streams = False
    lines = False

    def path(self, call: Call) -> str:
        """The model is part of it: a name, or a whole ARN."""
        return f"/model/{quote(call.model, safe='')}/converse"

    def body(self, call: Call) -> dict[str, Json]:
        """The request. The API knows no seed; a budget for thinking is known to Anthropic's models only."""
        system, turns = conversation(call.step.messages)
        limits: dict[str, Json] = {"maxTokens": call.limit}
        body: dict[str, Json] = {"messages": [{"role": role, "content": [{"text": content}]} for role, content in turns]}
        if system:
            body["system"] = [{"text": system}]
        if call.reasoning and "anthropic." in call.model and call.takes("thinking"):
            budget = max(LEAST_BUDGET, call.reasoning)
            limits["maxTokens"] = call.step.max_tokens + budget
            body["additionalModelRequestFields"] = {"thinking": {"type": "enabled", "budget_tokens": budget}}
        elif call.takes("temperature"):
            limits["temperature"] = min(1.0, call.step.temperature)
        schema = held_schema(call)
        if schema is not None and call.takes("outputConfig"):
            held: Json = {"jsonSchema": {"name": "answer", "schema": json.dumps(schema, ensure_ascii=False)}}
            body["outputConfig"] = {"textFormat": {"type": "json_schema", "structure": held}}
        return {**body, "inferenceConfig": limits}

    def answer(self, body: Mapping[str, Json]) -> Mapping[str, Json]:
        """Blocks of text and reasoning. What guardrails stop says so in its reason."""
        if not isinstance(body.get("output"), dict):
            return body
        blocks = rows(mapping(mapping(body.get("output")).get("message")).get("content"))
        texts = [text(block["text"]) for block in blocks if isinstance(block.get("text"), str)]
        thoughts = (mapping(mapping(block.get("reasoningContent")).get("reasoningText")).get("text") for block in blocks)
        calls = (text(mapping(block.get("toolUse")).get("name")) for block in blocks)
        message: dict[str, Json] = {
            "content": "".join(texts) if texts else None,
            "reasoning": "".join(map(text, thoughts)),
            **calling(next(filter(None, calls), "")),
        }
        reason = text(body.get("stopReason"))
        return completion(message, {"end_turn": "stop", "stop_sequence": "stop"}.get(reason, reason), _usage(body))

    def event(self, event: Mapping[str, Json]) -> Mapping[str, Json]:
        """Nothing is asked for in pieces."""
        return event

    def listing(self, look: Look, model: str) -> Listing:
        """`/foundation-models` of Bedrock's other endpoint, with the end of a model's life."""
        plain = _REGIONAL.sub("", model)
        row = mapping(mapping(look(f"control:/foundation-models/{quote(plain, safe='')}")).get("modelDetails"))
        listed = [] if row else rows(mapping(look("control:/foundation-models")).get("modelSummaries"))
        names = tuple(name for other in listed if (name := text(other.get("modelId"))))
        return Listing(names, ends=day(mapping(row.get("modelLifecycle")).get("endOfLifeTime")))


def _usage(body: Mapping[str, Json]) -> dict[str, Json]:
    usage = mapping(body.get("usage"))
    return counted(
        prompt_tokens=usage.get("inputTokens"),
        completion_tokens=usage.get("outputTokens"),
        total_tokens=usage.get("totalTokens"),
        cache_read_input_tokens=usage.get("cacheReadInputTokens"),
        cache_creation_input_tokens=usage.get("cacheWriteInputTokens"),
    )
