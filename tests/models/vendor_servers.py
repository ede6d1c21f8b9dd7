"""Servers on this machine that speak the vendors' documented forms: chats whole and in pieces, errors, lists of models.

A small model sits in each: it keeps limits, forms and its context. `test_vendor_clients` holds each server against the
vendor's own client, so that what is learnt from it is no invention of ours.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any, ClassVar
from urllib.parse import unquote

from tests.models.listening import Listening

CONTEXT = 8192
Body = dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """What is sent back: JSON, or text as it is; `kind`: its content type."""

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    kind: str = "application/json"


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Body


@dataclass(frozen=True)
class Spoken:
    """What the small model says. `thought` comes before it."""

    text: str
    reason: str
    prompt: int = 7
    completion: int = 3
    thought: str = ""


def small_model(prompt: str, limit: int, schema: Mapping[str, Any] | None) -> Spoken:
    """Keeps limits and forms."""
    text, reason = f"You said: {prompt[:40]} and more", "end"
    if schema:
        (name, inner), *_ = schema["properties"].items()
        text = json.dumps({name: inner["enum"][0] if "enum" in inner else True})
    elif len(text.split()) > limit:
        text, reason = " ".join(text.split()[:limit]), "limit"
    return Spoken(text, reason, completion=len(text.split()))


@dataclass
class VendorServer(Listening):
    """Listens from `with` to its end. `replies`: by words of the prompt, instead of what the small model says; a list is
    taken one by one, its last for ever."""

    key: str = ""
    replies: dict[str, Any] = field(default_factory=dict)
    models: tuple[str, ...] = ("small-1", "small-2")
    asked: list[Asked] = field(default_factory=list)
    port: int = 0
    words: ClassVar[Mapping[str, str]] = {"end": "stop", "limit": "length"}

    @property
    def chats(self) -> list[Asked]:
        """What was asked of models."""
        return [one for one in self.asked if self.is_chat(one)]

    def handler(self) -> type[BaseHTTPRequestHandler]:
        vendor = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                self._answer("POST", json.loads(self.rfile.read(int(self.headers["Content-Length"] or 0)) or b"{}"))

            def do_GET(self) -> None:
                self._answer("GET", {})

            def _answer(self, method: str, body: Body) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                reply = vendor.reply(Asked(method, unquote(self.path), headers, body))
                sent = (reply.body if isinstance(reply.body, str) else json.dumps(reply.body)).encode()
                self.send_response(reply.status)
                for name, value in {"Content-Type": reply.kind, **reply.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(sent)))
                self.end_headers()
                self.wfile.write(sent)

            def log_message(self, *_: object) -> None:
                pass

        return Handler

    def reply(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        if self.key and self.key_of(asked.headers) != self.key:
            return self.error("key")
        if not self.is_chat(asked):
            return self.listing(asked)
        if self.model_of(asked) not in self.models:
            return self.error("model")
        prompt = " ".join(filter(None, self.prompt_of(asked.body)))
        name = next((name for name in self.replies if name in prompt), "")
        scripted = self.replies.get(name)
        if isinstance(scripted, list):
            scripted = scripted.pop(0) if len(scripted) > 1 else scripted[0]
        if isinstance(scripted, Reply):
            return scripted
        if isinstance(scripted, str):
            return self.error(scripted)
        limit, schema = self.limits_of(asked.body)
        if len(prompt) // 5 + limit > CONTEXT:
            return self.error("context")
        spoken = scripted if isinstance(scripted, Spoken) else small_model(prompt, limit, schema)
        if not self.is_stream(asked):
            return Reply(self.whole(spoken))
        return Reply("".join(self.pieces(spoken)), kind="text/event-stream")

    def is_chat(self, asked: Asked) -> bool:
        raise NotImplementedError

    def key_of(self, headers: Mapping[str, str]) -> str:
        return headers.get("authorization", "").removeprefix("Bearer ")

    def model_of(self, asked: Asked) -> str:
        return str(asked.body["model"])

    def is_stream(self, asked: Asked) -> bool:
        return bool(asked.body.get("stream"))

    def prompt_of(self, body: Body) -> list[str]:
        raise NotImplementedError

    def limits_of(self, body: Body) -> tuple[int, Mapping[str, Any] | None]:
        raise NotImplementedError

    def whole(self, spoken: Spoken) -> Body:
        raise NotImplementedError

    def pieces(self, spoken: Spoken) -> Iterator[str]:
        raise NotImplementedError

    def listing(self, asked: Asked) -> Reply:
        return Reply({"error": "nothing here"}, 404)

    def error(self, kind: str) -> Reply:
        """As the vendor says it: "key", "model", "spent", "busy", "context"."""
        raise NotImplementedError


def sse(event: Body, name: str = "") -> str:
    return (f"event: {name}\n" if name else "") + f"data: {json.dumps(event)}\n\n"


class AnthropicServer(VendorServer):
    words: ClassVar[Mapping[str, str]] = {"end": "end_turn", "limit": "max_tokens"}

    def is_chat(self, asked: Asked) -> bool:
        return asked.path == "/v1/messages"

    def key_of(self, headers: Mapping[str, str]) -> str:
        assert headers["anthropic-version"] in ("2023-06-01", "2026-10-21")
        return headers.get("x-api-key", "") or super().key_of(headers)

    def prompt_of(self, body: Body) -> list[str]:
        assert [m["role"] for m in body["messages"]] == ["user", "assistant"] * (len(body["messages"]) // 2) + ["user"]
        return [body.get("system", ""), *(m["content"] for m in body["messages"])]

    def limits_of(self, body: Body) -> tuple[int, Mapping[str, Any] | None]:
        return body["max_tokens"], body.get("output_config", {}).get("format", {}).get("schema")

    def whole(self, spoken: Spoken) -> Body:
        content: list[Body] = [{"type": "text", "text": spoken.text}] if spoken.text else []
        if spoken.thought:
            content.insert(0, {"type": "thinking", "thinking": spoken.thought, "signature": "s"})
        return self._message(content, spoken)

    def _message(self, content: list[Body], spoken: Spoken | None) -> Body:
        reason = self.words.get(spoken.reason, spoken.reason) if spoken else None
        return {
            **{"id": "msg_1", "type": "message", "role": "assistant", "model": "small-1", "content": content},
            **{"stop_reason": reason, "stop_sequence": None, "stop_details": None},
            "usage": {
                **{"input_tokens": 2, "cache_read_input_tokens": 4, "cache_creation_input_tokens": 1},
                "output_tokens": spoken.completion if spoken else 1,
            },
        }

    def pieces(self, spoken: Spoken) -> Iterator[str]:
        yield sse({"type": "message_start", "message": self._message([], None)}, "message_start")
        yield sse({"type": "ping"}, "ping")
        blocks = [("thinking", "thinking_delta", spoken.thought)] if spoken.thought else []
        for index, (kind, delta, text) in enumerate([*blocks, ("text", "text_delta", spoken.text)]):
            block = {"type": kind, kind: ""} | ({"signature": ""} if kind == "thinking" else {})
            yield sse({"type": "content_block_start", "index": index, "content_block": block}, "content_block_start")
            for piece in (text[:5], text[5:]):
                event = {"type": "content_block_delta", "index": index, "delta": {"type": delta, kind: piece}}
                yield sse(event, "content_block_delta")
            yield sse({"type": "content_block_stop", "index": index}, "content_block_stop")
        ended = {"stop_reason": self.words.get(spoken.reason, spoken.reason), "stop_sequence": None}
        usage = {"output_tokens": spoken.completion}
        yield sse({"type": "message_delta", "delta": ended, "usage": usage}, "message_delta")
        yield sse({"type": "message_stop"}, "message_stop")

    def listing(self, asked: Asked) -> Reply:
        common = {"type": "model", "display_name": "Small", "created_at": "2026-01-01T00:00:00Z", "max_input_tokens": 4000}
        lives = ({"lifecycle": "deprecated", "retires_at": "2031-02-03T00:00:00Z"}, {"lifecycle": "active"})
        data = [{"id": name, **common, **life} for name, life in zip(self.models, lives, strict=False)]
        if asked.path.startswith("/v1/models?"):
            return Reply({"data": data, "has_more": False, "first_id": "", "last_id": ""})
        one = next((row for row in data if asked.path == f"/v1/models/{row['id']}"), None)
        return Reply(one) if one else self.error("model")

    def error(self, kind: str) -> Reply:
        status, name, words = {
            "key": (401, "authentication_error", "invalid x-api-key"),
            "model": (404, "not_found_error", "model: small"),
            "spent": (400, "invalid_request_error", "Your credit balance is too low to access the Anthropic API."),
            "busy": (529, "overloaded_error", "Overloaded"),
            "context": (400, "invalid_request_error", f"prompt is too long: the maximum is {CONTEXT:,} tokens"),
            "no budget": (
                *(400, "invalid_request_error"),
                '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" and '
                '"output_config.effort" to control thinking behavior.',
            ),
        }[kind]
        return Reply({"type": "error", "error": {"type": name, "message": words}, "request_id": "r"}, status)


class GeminiServer(VendorServer):
    words: ClassVar[Mapping[str, str]] = {"end": "STOP", "limit": "MAX_TOKENS"}

    def is_chat(self, asked: Asked) -> bool:
        return asked.method == "POST"

    def key_of(self, headers: Mapping[str, str]) -> str:
        return headers.get("x-goog-api-key", "")

    def model_of(self, asked: Asked) -> str:
        return asked.path.removeprefix("/v1/models/").partition(":")[0]

    def is_stream(self, asked: Asked) -> bool:
        return asked.path.endswith(":streamGenerateContent?alt=sse")

    def prompt_of(self, body: Body) -> list[str]:
        turns = [*([body["systemInstruction"]] if "systemInstruction" in body else []), *body["contents"]]
        return [part["text"] for turn in turns for part in turn["parts"]]

    def limits_of(self, body: Body) -> tuple[int, Mapping[str, Any] | None]:
        config = body.get("generationConfig", {})
        return config.get("maxOutputTokens", 100), config.get("responseJsonSchema")

    def whole(self, spoken: Spoken) -> Body:
        return self._event(spoken.text, spoken, thought=spoken.thought, reason=True)

    def _event(self, text: str, spoken: Spoken, *, thought: str = "", reason: bool = False) -> Body:
        parts: list[Body] = [{"text": thought, "thought": True}] if thought else []
        parts += [{"text": text}] if text else []
        candidate: Body = {"content": {"role": "model", "parts": parts}, "index": 0}
        if reason:
            candidate["finishReason"] = self.words.get(spoken.reason, spoken.reason)
        usage = {"promptTokenCount": 7, "cachedContentTokenCount": 4, "candidatesTokenCount": spoken.completion}
        if spoken.thought:
            usage["thoughtsTokenCount"] = 5
        return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "small-1"}

    def pieces(self, spoken: Spoken) -> Iterator[str]:
        if spoken.thought:
            yield sse(self._event("", spoken, thought=spoken.thought))
        yield sse(self._event(spoken.text[:5], spoken))
        yield sse(self._event(spoken.text[5:], spoken, reason=True))

    def listing(self, asked: Asked) -> Reply:
        data = [{"name": f"models/{name}", "inputTokenLimit": 4000, "outputTokenLimit": 900} for name in self.models]
        if asked.path.startswith("/v1/models?"):
            return Reply({"models": data})
        one = next((row for row in data if asked.path == f"/v1/{row['name']}"), None)
        return Reply(one) if one else self.error("model")

    def error(self, kind: str) -> Reply:
        status, name, words = {
            "key": (400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."),
            "model": (404, "NOT_FOUND", "models/small is not found for API version v1, or is not supported."),
            "spent": (429, "RESOURCE_EXHAUSTED", "You exceeded your current quota, please check your plan and billing."),
            "busy": (429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota). Please retry in 0.01s."),
            "context": (400, "INVALID_ARGUMENT", f"The input exceeds the maximum number of tokens allowed ({CONTEXT:,})."),
            "no budget": (400, "INVALID_ARGUMENT", "Thinking budget is not supported for this model."),
        }[kind]
        details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "0.01s"}] if kind == "busy" else []
        return Reply({"error": {"code": status, "message": words, "status": name, "details": details}}, status)


class BedrockServer(VendorServer):
    words: ClassVar[Mapping[str, str]] = {"end": "end_turn", "limit": "max_tokens"}

    def is_chat(self, asked: Asked) -> bool:
        return asked.method == "POST"

    def model_of(self, asked: Asked) -> str:
        return asked.path.removeprefix("/model/").removesuffix("/converse")

    def prompt_of(self, body: Body) -> list[str]:
        return [part["text"] for part in body.get("system", [])] + [m["content"][0]["text"] for m in body["messages"]]

    def limits_of(self, body: Body) -> tuple[int, Mapping[str, Any] | None]:
        held = body.get("outputConfig", {}).get("textFormat", {}).get("structure", {}).get("jsonSchema", {}).get("schema")
        return body["inferenceConfig"]["maxTokens"], json.loads(held) if held else None

    def is_stream(self, asked: Asked) -> bool:
        return False

    def whole(self, spoken: Spoken) -> Body:
        content: list[Body] = [{"text": spoken.text}] if spoken.text else []
        if spoken.thought:
            content.insert(0, {"reasoningContent": {"reasoningText": {"text": spoken.thought}}})
        usage = {"inputTokens": 2, "outputTokens": spoken.completion, "totalTokens": 7 + spoken.completion}
        usage |= {"cacheReadInputTokens": 4, "cacheWriteInputTokens": 1}
        return {
            "output": {"message": {"role": "assistant", "content": content}},
            **{"stopReason": self.words.get(spoken.reason, spoken.reason), "usage": usage, "metrics": {"latencyMs": 5}},
        }

    def listing(self, asked: Asked) -> Reply:
        if asked.path == "/foundation-models":
            rows = [{"modelId": name, "modelArn": f"arn:{name}"} for name in self.models]
            return Reply({"modelSummaries": rows})
        name = asked.path.removeprefix("/foundation-models/")
        life = {"status": "LEGACY", "endOfLifeTime": "2031-02-03T00:00:00Z"}
        plain = {model.removeprefix("eu.") for model in self.models}
        details = {"modelDetails": {"modelId": name, "modelArn": "arn", "modelLifecycle": life}}
        return Reply(details) if name in plain else self.error("model")

    def error(self, kind: str) -> Reply:
        status, name, words = {
            "key": (403, "UnrecognizedClientException", "The security token included in the request is invalid."),
            "model": (400, "ValidationException", "The provided model identifier is invalid."),
            "busy": (429, "ThrottlingException", "Too many requests, please wait before trying again."),
            "context": (400, "ValidationException", f"Input is too long: at most {CONTEXT:,} tokens"),
            "no budget": (400, "ValidationException", "additionalModelRequestFields.thinking is not supported"),
            "expired": (403, "ExpiredTokenException", "The security token included in the request is expired"),
        }[kind]
        return Reply({"message": words}, status, {"x-amzn-ErrorType": name})


class OllamaServer(VendorServer):
    def is_chat(self, asked: Asked) -> bool:
        return asked.path == "/api/chat"

    def prompt_of(self, body: Body) -> list[str]:
        return [m["content"] for m in body["messages"]]

    def limits_of(self, body: Body) -> tuple[int, Mapping[str, Any] | None]:
        return body["options"]["num_predict"], body.get("format") or None

    def whole(self, spoken: Spoken) -> Body:
        message = {"role": "assistant", "content": spoken.text} | ({"thinking": spoken.thought} if spoken.thought else {})
        return self._event(message, self.words.get(spoken.reason, spoken.reason), spoken)

    def _event(self, message: Body, reason: str, spoken: Spoken) -> Body:
        body: Body = {"model": "small-1", "created_at": "2026-11-29T00:00:00Z", "message": message, "done": bool(reason)}
        return body | (
            {"done_reason": reason, "prompt_eval_count": 7, "eval_count": spoken.completion, "total_duration": 1}
            if reason
            else {}
        )

    def pieces(self, spoken: Spoken) -> Iterator[str]:
        for message in (
            *([{"role": "assistant", "content": "", "thinking": spoken.thought}] if spoken.thought else []),
            *({"role": "assistant", "content": text} for text in (spoken.text[:5], spoken.text[5:])),
        ):
            yield json.dumps(self._event(message, "", spoken)) + "\n"
        ended = self._event({"role": "assistant", "content": ""}, self.words.get(spoken.reason, spoken.reason), spoken)
        yield json.dumps(ended) + "\n"

    def listing(self, asked: Asked) -> Reply:
        if asked.path == "/api/show":
            info = {"general.architecture": "llama", "llama.context_length": 4000}
            return Reply({"model_info": info}) if asked.body["model"] in self.models else self.error("model")
        rows = [{"name": name, "model": name, "context_length": 2048} for name in self.models]
        return Reply({"models": rows if asked.path == "/api/tags" else rows[1:]})  # the second is loaded

    def error(self, kind: str) -> Reply:
        status, words = {
            "key": (401, "unauthorized"),
            "model": (404, "model 'small' not found"),
            "busy": (503, "server busy, please try again. maximum pending requests exceeded"),
            "context": (400, f"the input length exceeds the context length of {CONTEXT:,} tokens"),
            "no budget": (400, '"small-1" does not support thinking'),
        }[kind]
        return Reply({"error": words}, status)


class ResponsesServer(VendorServer):
    def is_chat(self, asked: Asked) -> bool:
        return asked.path == "/v1/responses"

    def prompt_of(self, body: Body) -> list[str]:
        return [m["content"] for m in body["input"]]

    def limits_of(self, body: Body) -> tuple[int, Mapping[str, Any] | None]:
        return body["max_output_tokens"], body.get("text", {}).get("format", {}).get("schema")

    def whole(self, spoken: Spoken) -> Body:
        part = {"type": "output_text", "text": spoken.text, "annotations": [], "logprobs": []}
        items: list[Body] = []
        if spoken.thought:
            thought = [{"type": "summary_text", "text": spoken.thought}]
            items.append({"id": "rs_1", "type": "reasoning", "summary": thought})
        if spoken.text:
            message = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [part]}
            items.append(message)
        why = {"limit": "max_output_tokens", "content_filter": "content_filter"}.get(spoken.reason)
        usage = {
            **{"input_tokens": 7, "output_tokens": spoken.completion, "total_tokens": 7 + spoken.completion},
            "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 1},
            "output_tokens_details": {"reasoning_tokens": 5 if spoken.thought else 0},
        }
        return {
            **{"id": "resp_1", "object": "response", "created_at": 1, "model": "small-1", "error": None, "output": items},
            "status": "incomplete" if why else "completed",
            **{"incomplete_details": {"reason": why} if why else None, "usage": usage, "tools": [], "tool_choice": "auto"},
            **{"parallel_tool_calls": True, "instructions": None, "metadata": {}, "temperature": 0, "top_p": 1},
        }

    def pieces(self, spoken: Spoken) -> Iterator[str]:
        whole = self.whole(spoken)
        yield self._sse(0, "response.created", response={**whole, "output": [], "usage": None, "status": "in_progress"})
        where = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
        item = {"id": "msg_1", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
        part = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
        yield self._sse(1, "response.output_item.added", output_index=0, item=item)
        yield self._sse(2, "response.content_part.added", **where, part=part)
        for number, piece in enumerate((spoken.text[:5], spoken.text[5:]), 3):
            yield self._sse(number, "response.output_text.delta", **where, delta=piece, logprobs=[])
        yield self._sse(5, f"response.{whole['status']}", response=whole)

    @staticmethod
    def _sse(number: int, kind: str, **event: Any) -> str:
        return sse({"type": kind, "sequence_number": number, **event}, kind)

    def listing(self, asked: Asked) -> Reply:
        rows = [{"id": name, "object": "model", "created": 1, "owned_by": "x"} for name in self.models]
        rows[0]["shutdown_date"] = "2031-02-03"
        return Reply({"object": "list", "data": rows})

    def error(self, kind: str) -> Reply:
        status, code, words = {
            "key": (401, "invalid_api_key", "Incorrect API key provided: x."),
            "model": (404, "model_not_found", "The model 'small' does not exist or you do not have access to it."),
            "spent": (429, "insufficient_quota", "You exceeded your current quota, please check your plan."),
            "busy": (429, "rate_limit_exceeded", "Rate limit reached for small-1. Please try again in 10ms."),
            "context": (400, "context_length_exceeded", f"The maximum is {CONTEXT:,} tokens."),
        }[kind]
        headers = {"retry-after-ms": "10"} if kind == "busy" else {}
        return Reply({"error": {"message": words, "type": "x", "param": None, "code": code}}, status, headers)


SERVERS: dict[str, type[VendorServer]] = {
    "anthropic": AnthropicServer,
    "gemini": GeminiServer,
    "bedrock": BedrockServer,
    "ollama": OllamaServer,
    "openai": ResponsesServer,
}
