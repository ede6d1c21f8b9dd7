"""Who asks over HTTP: the one seam between the server and whatever tells callers apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from rung.records import Asker


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request. `name` stands in the log and with feedback; `groups`: what it may read beside public documents."""

    name: str
    groups: frozenset[str] = frozenset()

    @property
    def asker(self) -> Asker:
        """The asker of every search made for it."""
        return Asker(self.groups)


class Refused(Exception):
    """A request that is not answered. `status`: of HTTP, such as 401 or 429; `headers`: of the response."""

    def __init__(self, status: int, message: str, *, headers: Mapping[str, str] | None = None) -> None:
        self.status, self.message, self.headers = status, message, dict(headers or {})
        super().__init__(message)


class Identity(Protocol):
    """Tells from a request's headers who asks."""

    def identify(self, headers: Mapping[str, str]) -> Caller:
        """Who asks. `headers` finds a name in whatever case. May block: it is called on a thread of its own, and by several
        at once.

        Raises:
            Refused: nobody who may.
        """
        ...


@dataclass(frozen=True, slots=True)
class Open:
    """Everybody is one caller, with the same groups: for a server that only its own machine reaches."""

    groups: frozenset[str] = frozenset()

    def identify(self, headers: Mapping[str, str]) -> Caller:
        del headers
        return Caller("open", self.groups)
