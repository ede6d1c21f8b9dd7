"""Who asks over HTTP: the one seam between the server and whatever tells callers apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from rung.records import Asker

SCOPES = frozenset({"ask", "search", "feedback"})  # what a caller may ask for; of one that names none: all of these
BOARD_SCOPES = frozenset({"board", "review"})  # to look at the board, and to label, review and steer there: to be named


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request. `name` stands in the log and with feedback; `groups` are what it may read beside public documents.

    `scopes` are what it may ask for. `key` is the id of the key that it came with, "" where it came with none; the limits
    are that key's, None where it has none. `told_by` is what told who it is, such as "token": two may have one name by two.
    """

    name: str
    groups: frozenset[str] = frozenset()
    scopes: frozenset[str] = SCOPES
    key: str = ""
    requests_per_minute: int | None = None
    tokens_per_day: int | None = None
    told_by: str = field(default="", compare=False)

    @property
    def id(self) -> str:
        """Nobody else's: of its key, or of its name and of what told it."""
        return f"key:{self.key}" if self.key else f"{self.told_by}:{self.name}"

    @property
    def asker(self) -> Asker:
        """The asker of every search made for it."""
        return Asker(self.groups)

    def require(self, scope: str) -> None:
        """Refuse what this caller may not ask for.

        Raises:
            Refused: 403.
        """
        if scope not in self.scopes:
            raise Refused(403, f"this key may not {scope}: its scopes are {', '.join(sorted(self.scopes)) or 'none'}")


class Refused(Exception):
    """A request that is not answered. `status`: of HTTP, such as 401 or 429; `headers`: of the response."""

    def __init__(self, status: int, message: str, *, headers: Mapping[str, str] | None = None) -> None:
        self.status, self.message, self.headers = status, message, dict(headers or {})
        super().__init__(message)


class Identity(Protocol):
    """Tells from a request's headers who asks."""

    def identify(self, headers: Mapping[str, str], address: str = "") -> Caller:
        """Who asks. `headers` finds a name in whatever case; `address` is the other end of the connection, "" where that is
        not known. May block: it is called on a thread of its own, and by several at once.

        Raises:
            Refused: nobody who may.
        """
        ...


@dataclass(frozen=True, slots=True)
class Open:
    """Everybody is one caller, with the same groups: for a server that only its own machine reaches."""

    groups: frozenset[str] = frozenset()

    def identify(self, headers: Mapping[str, str], address: str = "") -> Caller:
        del headers, address
        return Caller("open", self.groups)
