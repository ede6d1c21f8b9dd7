"""Where a model on a server is: its URL, its name there, and the variable that holds the key."""

from __future__ import annotations

import os
from dataclasses import dataclass
from urllib.parse import urlsplit

from rung.errors import ModelError

OPENAI = "https://api.openai.com/v1"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A model on a server. The key is read from the environment when it is needed, and never kept."""

    url: str
    model: str
    key_variable: str

    @classmethod
    def named(cls, name: str) -> Endpoint:
        """From "openai:<name>" or "http://host/v1#<name>".

        Raises:
            ModelError: the model is not named, or the URL carries a password.
        """
        if name.startswith("openai:"):
            model = name.removeprefix("openai:")
            if not model:
                raise ModelError("'openai:' names no model: write openai:<name>, such as openai:gpt-4o-mini")
            url = os.environ.get("OPENAI_BASE_URL", "").strip() or OPENAI
            return cls(_checked(url, "OPENAI_BASE_URL", key="OPENAI_API_KEY"), model, "OPENAI_API_KEY")
        url, _, model = name.partition("#")
        checked = _checked(url, "a model's URL", key="RUNG_API_KEY")
        if not model:
            raise ModelError(f"'{url}' names no model: write {url}#<name>, with the name that the server knows it by")
        return cls(checked, model, "RUNG_API_KEY")

    def __str__(self) -> str:
        return f"{self.url}#{self.model}"

    @property
    def identity(self) -> str:
        """URL and model; nothing secret."""
        return f"http:{self.url}#{self.model}"

    @property
    def is_openai(self) -> bool:
        """Whether it is OpenAI's own server, whose parameters have other names by now."""
        return self.url == OPENAI

    @property
    def has_key(self) -> bool:
        """Whether a key is set."""
        return bool(os.environ.get(self.key_variable))

    def headers(self) -> dict[str, str]:
        """The authorisation, where a key is set."""
        key = os.environ.get(self.key_variable, "")
        return {"Authorization": f"Bearer {key}"} if key else {}


def _checked(url: str, what: str, *, key: str) -> str:
    """The URL without a slash at its end.

    Raises:
        ModelError: it is none, or carries a password.
    """
    if "@" in url.partition("://")[2].partition("/")[0]:
        raise ModelError(f"{what} must not carry a password: set {key} in the environment instead")
    try:
        parts = urlsplit(url)
        _ = parts.port  # read when asked for
    except ValueError as error:
        raise ModelError(f"{what} '{url}' cannot be read ({error}): write http://host:port/v1") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ModelError(f"{what} '{url}' is no address of a server: write http://host:port/v1")
    return url.rstrip("/")
