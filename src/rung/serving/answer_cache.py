"""Answers that were given before, for the same question of somebody who may read the same.

Nothing but an equal request of equal rights to the same strategy over the same version of the index is answered so. Answers
that may come out otherwise (a temperature without a seed, tools that look up what changes) are not kept.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from rung.records import StrategySpec, digest
from rung.runtime.batch import Tally
from rung.runtime.live import Live
from rung.serving.callers import Caller
from rung.serving.conversations import Ended

if TYPE_CHECKING:
    from rung.serving.answered import Answered, Asked

_LASTING = frozenset({"calculator", "search"})  # tools that say the same as long as the index is the same


@dataclass
class AnswerCache:
    """At most `answers` of them, each for so many seconds; 0 seconds keeps none."""

    seconds: float = 0.0
    answers: int = 10_000
    _entries: OrderedDict[str, tuple[float, Answered]] = field(default_factory=OrderedDict, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def key(self, caller: Caller, asked: Asked, index_version: int) -> str:
        """What an equal request has too; "" where nothing is kept for it."""
        spec, wishes = asked.deployment.spec, asked.wishes
        temperature = asked.deployment.temperature if wishes.temperature is None else wishes.temperature
        if not self.seconds or spec is None or _looks_up(spec) or (temperature and wishes.seed is None):
            return ""
        groups = None if caller.asker.groups is None else sorted(caller.asker.groups)
        turns = [(turn.role, turn.content) for turn in asked.question.messages]
        changes = [wishes.max_tokens, temperature, wishes.seed, list(wishes.stop), wishes.schema, wishes.instruction]
        return digest(
            asked.deployment.digest, asked.deployment.id, asked.question.text, turns, groups, index_version, changes
        )

    def get(self, key: str, asked: Asked) -> Answered | None:
        """The answer that was given before, as one to this request: it took no time and consumed nothing."""
        began = time.perf_counter()
        with self._lock:
            until, answered = self._entries.get(key, (0.0, None))
            if answered is None or until < time.monotonic():
                self._entries.pop(key, None)
                return None
            self._entries.move_to_end(key)
        live = Live(answered.answer, None, (), time.perf_counter() - began)
        asked.stopped[:] = answered.asked.stopped
        return replace(answered, asked=asked, ended=Ended(live, Tally(), 0.0), is_cached=True)

    def put(self, key: str, answered: Answered) -> None:
        """Keep an answer."""
        with self._lock:
            self._entries[key] = (time.monotonic() + self.seconds, answered)
            self._entries.move_to_end(key)
            while len(self._entries) > self.answers:
                self._entries.popitem(last=False)


def _looks_up(spec: StrategySpec) -> bool:
    """Whether an answer may hang on what changes without a word."""
    return bool({tool.name for tool in spec.tools} - _LASTING) or any(_looks_up(member) for _, member in spec.members)
