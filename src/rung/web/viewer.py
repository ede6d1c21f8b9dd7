"""Who looks at the board, and what they may see and do there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from starlette.exceptions import HTTPException
from starlette.requests import Request

from rung.records import Asker
from rung.serving.callers import Caller


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who sent a request to the board.

    `groups` are what they may read beside what is for everybody; None: everything, as who owns the folder may. `may_edit`:
    whether they may label, review, mend rows, steer a comparison, promote and roll back. `name`: as their key has it, ""
    where nobody says. `caller`: who their key says they are; None where there are no keys.
    """

    name: str
    groups: frozenset[str] | None = None
    may_edit: bool = True
    caller: Caller | None = None

    @property
    def asker(self) -> Asker:
        """The asker of what they search and ask."""
        return Asker(self.groups)


def words_for(viewer: Viewer, words: str, what: str) -> str:
    """An error or a remark for whoever looks. It may quote rows and name documents, and nobody noted whom those are for.

    Args:
        viewer: who looks.
        words: in full, for who may read everything.
        what: the same for others, without what it rests on: "the cases cannot be read".
    """
    return words if viewer.groups is None else f"{what}. Why is told to who may read everything."


def viewer_of(request: Request) -> Viewer:
    """Who looks: `entry` has seen to it before the request came here."""
    return cast("Viewer", request.state.viewer)


def editor_of(request: Request) -> Viewer:
    """Who looks, where that may change something.

    Raises:
        HTTPException: 403, they may only look.
    """
    viewer = viewer_of(request)
    if not viewer.may_edit:
        raise HTTPException(403, "your key may look at the board (scope 'board'), not change anything (scope 'review')")
    return viewer
