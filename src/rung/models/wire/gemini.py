"""Google's Gemini API (`generateContent`)."""

from __future__ import annotations

from collections.abc import Mapping

from rung.models.wire.held_form import schema_of
from rung.models.wire.protocol import Call, Listing, Look
from rung.models.wire.shapes import calling, chunk, completion, conversation, count, counted, mapping, rows, text
from rung.records import Json

_MAX_SEED = 2**31 - 1


class Gemini:
    """`/v1/models/NAME:generateContent`."""

    name = "gemini"
    optional: Mapping[str, str] = {
        "thinkingConfig": r"thinking_?[cC]onfig|thinking_?[bB]udget|[tT]hinking (?:budget|level)|[tT]hinking",
        "seed": "seed",
        "temperature": "temperature",
        "responseJsonSchema": r"response_?[jJ]son_?[sS]chema|response_?[sS]chema|JSON mode",
    }
    renamed: frozenset[str] = frozenset()
    form = "responseJsonSchema"
    closes = False
    sends_context = False
    streams = True
    lines = False

    def path(self, call: Call) -> str:
        """The model is part of it."""
        return f"/v1/{_resource(call.model)}:" + ("streamGenerateContent?alt=sse" if call.stream else "generateContent")

    def body(self, call: Call) -> dict[str, Json]:
        """The request."""
        system, turns = conversation(call.step.messages)
        limits: dict[str, Json] = {"maxOutputTokens": call.limit, "temperature": call.step.temperature}
        if call.step.temperature > 0:
            limits["seed"] = call.step.seed & _MAX_SEED
        if call.reasoning:
            limits["thinkingConfig"] = {"thinkingBudget": call.reasoning}
        schema = schema_of(call.step)
        if schema is not None and call.takes("responseJsonSchema"):
            limits |= {"responseMimeType": "application/json", "responseJsonSchema": schema}
        body: dict[str, Json] = {
            "contents": [
                {"role": "model" if role == "assistant" else "user", "parts": [{"text": content}]} for role, content in turns
            ],
            "generationConfig": {key: value for key, value in limits.items() if call.takes(key)},
        }
        return body | ({"systemInstruction": {"parts": [{"text": system}]}} if system else {})

    def answer(self, body: Mapping[str, Json]) -> Mapping[str, Json]:
        """The first candidate; a prompt that was blocked has none."""
        message, reason = _turn(body)
        if message is None:
            return body
        return completion(message, reason, _usage(body), body.get("modelVersion"))

    def event(self, event: Mapping[str, Json]) -> Mapping[str, Json]:
        """Every event is a small answer."""
        message, reason = _turn(event)
        usage = _usage(event)
        return chunk(message, reason, usage) if message is not None else {"usage": usage} if usage else {}

    def listing(self, look: Look, model: str) -> Listing:
        """`/v1/models`, with what a model may read."""
        row = mapping(look(f"/v1/{_resource(model)}"))
        listed = [] if row else rows(mapping(look("/v1/models?pageSize=1000")).get("models"))
        names = tuple(name.removeprefix("models/") for other in listed if (name := text(other.get("name"))))
        return Listing(names, count(row.get("inputTokenLimit")))


def _resource(model: str) -> str:
    return model if "/" in model else f"models/{model}"


def _turn(body: Mapping[str, Json]) -> tuple[dict[str, Json] | None, str]:
    """(the message, why it ended); None where nothing is there."""
    blocked = text(mapping(body.get("promptFeedback")).get("blockReason"))
    if blocked:
        words = text(mapping(body.get("promptFeedback")).get("blockReasonMessage"))
        return {"content": None, "refusal": words or f"the prompt was blocked: {blocked}"}, "content_filter"
    candidate = next(iter(rows(body.get("candidates"))), None)
    if candidate is None:
        return None, ""
    parts = rows(mapping(candidate.get("content")).get("parts"))
    texts = [part for part in parts if isinstance(part.get("text"), str)]
    message: dict[str, Json] = {
        "content": "".join(text(part["text"]) for part in texts if not part.get("thought")) if texts else None,
        "reasoning": "".join(text(part["text"]) for part in texts if part.get("thought")),
    }
    calls = (text(mapping(part.get("functionCall")).get("name")) for part in parts)
    return {**message, **calling(next(filter(None, calls), ""))}, text(candidate.get("finishReason")).lower()


def _usage(body: Mapping[str, Json]) -> dict[str, Json]:
    """Tokens; thoughts are counted apart there, and are written all the same."""
    usage = mapping(body.get("usageMetadata"))
    if not counted(prompt=usage.get("promptTokenCount")):
        return {}
    thoughts = count(usage.get("thoughtsTokenCount"))
    return {
        "prompt_tokens": count(usage.get("promptTokenCount")) + count(usage.get("toolUsePromptTokenCount")),
        "completion_tokens": count(usage.get("candidatesTokenCount")) + thoughts,
        "prompt_tokens_details": counted(cached_tokens=usage.get("cachedContentTokenCount")),
        "completion_tokens_details": {"reasoning_tokens": thoughts},
    }
