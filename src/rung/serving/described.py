"""What is answered, for the OpenAPI description: each response's form, and with which status a request is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic.json_schema import models_json_schema

from rung.serving.guard import PUBLIC
from rung.serving.response_forms import (
    AnthropicError,
    AnthropicMessage,
    ChatCompletion,
    EmbeddingList,
    FeedbackStored,
    Form,
    FoundPassages,
    Health,
    Model,
    ModelList,
    OpenAIError,
    Response,
)

if TYPE_CHECKING:
    from fastapi import FastAPI

_REF = "#/components/schemas/{model}"
_REASONS = {
    400: "A parameter is not supported, or has a value that cannot be meant; says which",
    401: "No credential that is good",
    403: "Not in the scopes of this key",
    404: "There is nothing of this name that the caller may read",
    413: "The body is too large",
    429: "The requests of a minute, or the tokens of a day, are spent; retry-after says when to come back",
    500: "A defect of Rung; the server's log says more",
    502: "The answer failed; the server's log says why, under the number that is told",
    503: "As many requests are open as the server takes, it stops, or callers cannot be told apart now",
    504: "No answer within the time that there is for one",
    507: "It could not be written down",
}
_FOR_ALL = (400, 401, 403, 404, 413, 429, 500, 503)
_ASKED = (*_FOR_ALL, 502, 504)


@dataclass(frozen=True, slots=True)
class _Answered:
    """How a path answers: the form, and other types of content; with which statuses it does not."""

    form: type[Form] | None
    texts: Sequence[str] = ()
    statuses: Sequence[int] = _FOR_ALL
    error: type[Form] = OpenAIError


_STREAM = ("text/event-stream",)
_TEXT: dict[str, Any] = {"type": "string"}
_EVENT: dict[str, Any] = {
    "description": "One event of a stream",
    "type": "object",
    "properties": {"event": _TEXT, "data": {"type": "string", "contentMediaType": "application/json"}},
    "required": ["data"],
}
_PATHS = {
    "/v1/chat/completions": _Answered(ChatCompletion, _STREAM, _ASKED),
    "/v1/responses": _Answered(Response, _STREAM, _ASKED),
    "/v1/messages": _Answered(AnthropicMessage, _STREAM, _ASKED, AnthropicError),
    "/v1/models": _Answered(ModelList),
    "/v1/models/{name}": _Answered(Model),
    "/v1/embeddings": _Answered(EmbeddingList, (), _ASKED),
    "/v1/search": _Answered(FoundPassages, (), _ASKED),
    "/v1/feedback": _Answered(FeedbackStored, (), (*_FOR_ALL, 507)),
    "/documents/{document}": _Answered(None, ("text/html", "text/plain"), (*_FOR_ALL, 502)),
    "/health/live": _Answered(Health, (), ()),
    "/health/ready": _Answered(Health, (), ()),
    "/metrics": _Answered(None, ("text/plain",)),
}


def describe(app: FastAPI) -> None:
    """Put what is answered into the application's description."""
    described = app.openapi()
    forms = sorted({form for one in _PATHS.values() for form in (one.form, one.error) if form}, key=lambda f: f.__name__)
    _, written = models_json_schema([(form, "serialization") for form in forms], ref_template=_REF)
    components = described.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    schemas.update(written["$defs"])
    for name in ("HTTPValidationError", "ValidationError"):  # FastAPI's own refusals, which are told otherwise here
        schemas.pop(name, None)
    components["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer", "description": "A key of the project, or a token of its provider"},
        "key": {"type": "apiKey", "in": "header", "name": "x-api-key", "description": "A key of the project"},
    }
    for path, operations in described["paths"].items():
        for operation in operations.values():
            if path in _PATHS:
                operation["responses"] = _responses(_PATHS[path])
            if path not in PUBLIC:
                operation["security"] = [{"bearer": []}, {"key": []}]
            if path == "/health/ready":
                operation["responses"]["503"] = {**operation["responses"]["200"], "description": "Not now; says why"}


def _responses(answered: _Answered) -> dict[str, Any]:
    texts = {kind: {"schema": _EVENT if kind in _STREAM else _TEXT} for kind in answered.texts}
    content = {**({"application/json": _of(answered.form)} if answered.form else {}), **texts}
    refusals = {
        str(status): {"description": _REASONS[status], "content": {"application/json": _of(answered.error)}}
        for status in answered.statuses
    }
    return {"200": {"description": "Done", "content": content}, **refusals}


def _of(form: type[Form]) -> dict[str, Any]:
    return {"schema": {"$ref": _REF.format(model=form.__name__)}}
