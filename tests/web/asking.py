"""A board over HTTP, without a browser: keys as a project has them, and forms as its own pages send them."""

from __future__ import annotations

import html
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import httpx

from rung.serving.callers import Caller, Refused
from rung.web.entry import CallersDoor
from tests.web.watched import Watched

OWN = {"Sec-Fetch-Site": "same-origin"}


class Keys:
    """Keys that say who they are: `staff`, `customer` and `nobody` may look, with `+` behind they may change things, too."""

    def identify(self, headers: Mapping[str, str], address: str = "") -> Caller:
        """See `Identity`."""
        del address
        key = headers.get("authorization", "").removeprefix("Bearer ")
        name = key.removesuffix("+")
        if name not in ("staff", "customer", "nobody"):
            raise Refused(401, "no such key")
        groups = frozenset() if name == "nobody" else frozenset({name})
        return Caller(name, groups, frozenset({"board", "review"} if key.endswith("+") else {"board"}))


DOOR = CallersDoor(Keys())


@contextmanager
def asking(board: Watched, key: str = "") -> Iterator[httpx.Client]:
    """Somebody who has entered: with a key, else as the owner."""
    with httpx.Client(base_url=f"{board.url()}/", headers=OWN, timeout=30) as client:
        if key:
            assert client.post("enter", data={"credential": key}).status_code == 303
        else:
            client.get(board.entrance)
        yield client


def page_of(client: httpx.Client, path: str, status: int = 200) -> str:
    """A page, when what it reads has been read."""
    for _ in range(100):
        response = client.get(path)
        if "<progress" not in response.text:
            break
        time.sleep(0.1)
    assert response.status_code == status, response.text
    return response.text


def field(page: str, name: str) -> str:
    """What a form of the page carries unseen under this name."""
    match = re.search(rf'type="hidden" name="{name}" value="([^"]*)"', page)
    assert match is not None
    return html.unescape(match[1])
