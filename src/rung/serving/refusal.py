"""Why a request is not answered, in the form of the API that was asked."""

from __future__ import annotations

from collections.abc import Mapping

from rung.records import Json

ANTHROPIC = ("/v1/messages",)  # paths of Anthropic's API
RESPONSES = "/v1/responses"  # path of an API that has names of its own for what the others have too
_RENAMED = {
    "response_format.json_schema.schema": "text.format.schema",
    "response_format": "text.format",
    "messages": "input",
}
MCP = "/mcp"
_OPENAI_TYPES = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}
_ANTHROPIC_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}


_JSONRPC = -32_000  # an error of the server's own, in JSON-RPC


class NotAnswered(Exception):
    """A request that is refused, or whose answer failed. `param`: of the request's body; `code`: for programs; `why`: what
    its client is not told, since it may hold what is not the client's."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
        why: str = "",
    ) -> None:
        self.why = why
        self.status, self.message, self.code = status, readable(message), code
        self.param = None if param is None else readable(param)
        self.headers = dict(headers or {})
        super().__init__(self.message)

    def body(self, path: str) -> dict[str, Json]:
        """As the API of this path tells errors."""
        if path.startswith(ANTHROPIC):
            kind = _ANTHROPIC_TYPES.get(self.status, "invalid_request_error" if self.status < 500 else "api_error")
            return {"type": "error", "error": {"type": kind, "message": self.message}}
        if path == MCP:  # before a message of the protocol was read: there is no id to answer to
            return {"jsonrpc": "2.0", "id": None, "error": {"code": _JSONRPC, "message": self.message}}
        kind = _OPENAI_TYPES.get(self.status, "invalid_request_error" if self.status < 500 else "server_error")
        message, param = self.message, self.param
        if path == RESPONSES:
            param = _RENAMED.get(param or "", param)
            for name, other in _RENAMED.items():
                message = message.replace(f"'{name}'", f"'{other}'")
        return {"error": {"message": message, "type": kind, "param": param, "code": self.code}}


def readable(text: str) -> str:
    """A text that can be encoded: half characters, as a broken client may send them, become question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")


def unsupported(name: str, why: str = "") -> NotAnswered:
    """A parameter that a client sends and Rung does not support."""
    return NotAnswered(
        400, f"'{name}' is not supported{f': {why}' if why else ''}", param=name, code="unsupported_parameter"
    )


def invalid(message: str, param: str | None = None) -> NotAnswered:
    """A value that cannot be meant."""
    return NotAnswered(400, message, param=param, code="invalid_value")
