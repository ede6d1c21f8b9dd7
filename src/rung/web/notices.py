"""What a page has to tell after a change, held here: an address names it, and cannot say anything in the board's name."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict

from rung.web.project_at_hand import ProjectAtHand

PART = "notices"
MOST = 500  # that are held; the oldest goes first


class Notices:
    """Sentences of this process, each by a random name."""

    def __init__(self) -> None:
        self._lock, self._texts = threading.Lock(), OrderedDict[str, str]()

    def hold(self, text: str) -> str:
        """The name of a sentence from now on."""
        name = secrets.token_urlsafe(12)
        with self._lock:
            self._texts[name] = text
            if len(self._texts) > MOST:
                self._texts.popitem(last=False)
        return name

    def text(self, name: str) -> str:
        """The sentence of this name; "" where none is held."""
        with self._lock:
            return self._texts.get(name, "")


def notices_of(at_hand: ProjectAtHand) -> Notices:
    """The notices of this board."""
    return at_hand.part(PART, Notices)
