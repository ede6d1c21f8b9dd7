"""OpenAI's chat completions, which most servers speak: OpenAI, Azure, vLLM, llama.cpp, SGLang, LM Studio and others."""

from __future__ import annotations

from collections.abc import Mapping

from rung.models.wire.held_form import is_strict, schema_of
from rung.models.wire.protocol import Call, Listing, Look
from rung.models.wire.shapes import count, day, mapping, rows, text
from rung.records import Json

_CONTEXT = (  # vLLM and SGLang; OpenRouter, Together; Groq; Mistral, LM Studio; Anthropic; LiteLLM
    *("max_model_len", "context_length", "context_window", "loaded_context_length", "max_context_length"),
    *("max_input_tokens", "max_context_window", "n_ctx"),
)
_ENDS = ("shutdown_date", "retires_at", "retirement_date", "expiration_date")  # OpenAI; Anthropic; others; OpenRouter


class ChatCompletions:
    """`/v1/chat/completions`."""

    name = ""
    optional: Mapping[str, str] = {
        name: name for name in ("max_tokens", "temperature", "seed", "stream_options", "response_format")
    }
    renamed = frozenset({"max_tokens"})
    form = "response_format"
    closes = False
    sends_context = False
    streams = True
    lines = False

    def path(self, call: Call) -> str:  # noqa: ARG002 - the protocol's
        """The same for every model."""
        return "/chat/completions"

    def body(self, call: Call) -> dict[str, Json]:
        """The request; a limit under the name that the model knows."""
        step = call.step
        body: dict[str, Json] = {
            "model": call.model,
            "messages": [{"role": m.role, "content": m.content} for m in step.messages],
            "max_tokens" if call.takes("max_tokens") else "max_completion_tokens": call.limit,
            "temperature": step.temperature,
        }
        if step.temperature > 0:
            body["seed"] = step.seed
        schema = schema_of(step)
        if schema is not None:
            json_schema: Json = {"name": "answer", "schema": schema, "strict": is_strict(schema)}
            body["response_format"] = {"type": "json_schema", "json_schema": json_schema}
        if call.stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        return {key: value for key, value in body.items() if call.takes(key)}

    def answer(self, body: Mapping[str, Json]) -> Mapping[str, Json]:
        """As it is."""
        return body

    def event(self, event: Mapping[str, Json]) -> Mapping[str, Json]:
        """As it is."""
        return event

    def listing(self, look: Look, model: str) -> Listing:
        """`/v1/models`; of llama.cpp's server also `/props`, since its list has the context that the model was trained for
        and not the one that it was started with."""
        answer = look("/models")
        listed = rows(answer) or rows(mapping(answer).get("data"))
        names = tuple(name for row in listed if (name := text(row.get("id")) or text(row.get("name"))))
        row = next((row for row in listed if model in (row.get("id"), row.get("name"))), {})
        context = next((n for key in _CONTEXT if (n := count(row.get(key)))), 0)
        if any(row.get("owned_by") == "llamacpp" for row in listed):
            context = count(mapping(mapping(look("//props")).get("default_generation_settings")).get("n_ctx"))
        ends = next((date for key in _ENDS if (date := day(row.get(key)))), "")
        return Listing(names, context, ends)
