"""Why a request is not answered, in the form of the API that was asked."""

from __future__ import annotations

from collections.abc import Mapping

from rung.records import Json

ANTHROPIC = ("/v1/messages",)  # paths of Anthropic's API
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


class NotAnswered(Exception):
    """A request that is refused, or whose answer failed. `param`: of the request's body; `code`: for programs."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status, self.message, self.code = status, readable(message), code
        self.param = None if param is None else readable(param)
        self.headers = dict(headers or {})
        super().__init__(self.message)

    def body(self, path: str) -> dict[str, Json]:
        """As the API of this path tells errors."""
        if path.startswith(ANTHROPIC):
            kind = _ANTHROPIC_TYPES.get(self.status, "invalid_request_error" if self.status < 500 else "api_error")
            return {"type": "error", "error": {"type": kind, "message": self.message}}
        kind = _OPENAI_TYPES.get(self.status, "invalid_request_error" if self.status < 500 else "server_error")
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}


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
