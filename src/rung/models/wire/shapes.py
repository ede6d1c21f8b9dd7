"""Reading JSON whose shape is a server's affair, and writing the pieces of a chat completion."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence

from rung.records import Json, Message


def mapping(value: Json) -> Mapping[str, Json]:
    """The value where it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def rows(value: Json) -> list[Mapping[str, Json]]:
    """The objects of a list; [] where it is none."""
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def text(value: Json) -> str:
    """The value where it is a text, else ""."""
    return value if isinstance(value, str) else ""


def count(value: Json) -> int:
    """The value where it is a number of something, else 0."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def counted(**counts: Json) -> dict[str, Json]:
    """Of these the ones that are numbers of something, 0 too."""
    return {name: n for name, n in counts.items() if isinstance(n, int) and not isinstance(n, bool) and n >= 0}


def day(value: Json) -> str:
    """The date in an ISO date or time, or in seconds since 1970; "" where there is none.

    >>> day("2027-02-19T00:00:00Z"), day(1803000000), day("soon")
    ('2027-02-19', '2027-02-19', '')
    """
    try:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return datetime.datetime.fromtimestamp(value, datetime.UTC).date().isoformat()
        return datetime.date.fromisoformat(value[:10]).isoformat() if isinstance(value, str) else ""
    except (ValueError, OverflowError, OSError):
        return ""


def chunk(delta: Mapping[str, Json], reason: str = "", usage: Mapping[str, Json] | None = None) -> dict[str, Json]:
    """A chunk of a streamed chat completion."""
    choice: dict[str, Json] = {"delta": dict(delta), "finish_reason": reason or None}
    return {"choices": [choice], **({"usage": dict(usage)} if usage else {})}


def completion(message: Mapping[str, Json], reason: str, usage: Mapping[str, Json], model: Json = None) -> dict[str, Json]:
    """A whole chat completion. `model`: the name by which the server calls what answered."""
    choice: Json = {"message": dict(message), "finish_reason": reason or None}
    return {"choices": [choice], "usage": dict(usage), "model": model}


def has_ended(event: Mapping[str, Json]) -> bool:
    """Whether a chunk says why the answer ended."""
    return any(choice.get("finish_reason") for choice in rows(event.get("choices")))


def calling(name: Json) -> dict[str, Json]:
    """A call of a tool, of which only the name counts; {} where there is none."""
    return {"tool_calls": [{"function": {"name": name}}]} if isinstance(name, str) and name else {}


def conversation(messages: Sequence[Message]) -> tuple[str, list[tuple[str, str]]]:
    """(what the system says, the turns of user and assistant): for servers that want the first apart, and turns in turn.

    Where only the system says something, the user says it.
    """
    system = "\n\n".join(m.content for m in messages if m.role == "system" and m.content)
    turns = list(_in_turn(messages))
    return (system, turns) if turns else ("", [("user", system)])


def listed(
    get: Callable[[str], Mapping[str, Json]], path: str, *, after: str = "after", pages: int
) -> Iterator[Mapping[str, Json]]:
    """The objects of a server's list, page after page, no more than `pages`. `get`: the object at a path; `after`: the
    parameter that names the last of the page before."""
    last = ""
    for _ in range(pages):
        page = get(f"{path}?limit=100{f'&{after}={last}' if last else ''}")
        data = rows(page.get("data"))
        yield from data
        if not data or not page.get("has_more"):
            return
        last = text(data[-1].get("id"))


def listed_by_token(
    get: Callable[[str], Mapping[str, Json]], path: str, name: str, *, pages: int
) -> Iterator[Mapping[str, Json]]:
    """As `listed`, of Google's servers: `name` is the list's in a page, which says by what the next is asked for."""
    token = ""
    for _ in range(pages):
        page = get(f"{path}?pageSize=100{f'&pageToken={token}' if token else ''}")
        yield from rows(page.get(name))
        if not (token := text(page.get("nextPageToken"))):
            return


def _in_turn(messages: Sequence[Message]) -> Iterator[tuple[str, str]]:
    spoken = (("assistant" if m.role == "assistant" else "user", m.content) for m in messages if m.role != "system")
    for role, together in itertools.groupby(spoken, key=lambda turn: turn[0]):
        yield role, "\n\n".join(content for _, content in together)
