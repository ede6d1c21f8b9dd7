"""What a deployment in the shadow says of the same questions: asked behind all that somebody waits for, shown to nobody.

An answer as it was measured is asked for once more, by the same rights, when the caller has it. What comes out otherwise is
kept with both answers; what comes out equal is counted.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace

from rung.errors import UserError
from rung.records import Answer, Json
from rung.records.steps import Conversation
from rung.serving.answered import Answered
from rung.serving.answering import Answering
from rung.serving.callers import Caller
from rung.serving.conversations import Ended, GivenUp, NeverBegan, Overloaded, Pending, TooSlow
from rung.serving.deployments import WINNER
from rung.serving.noting import NotingSearch
from rung.serving.rollouts import Rollouts
from rung.state.buffered import BufferedWriter
from rung.state.database import State, now_ms
from rung.state.tables import differences

_log = logging.getLogger(__name__)
MOST = 200  # questions that may wait to be asked in the shadow


class Shadows:
    """Asks the deployment in the shadow. `on_kept` is told what was kept of each answer, for tests and counters."""

    def __init__(
        self,
        answering: Answering,
        rollouts: Rollouts,
        state: State,
        on_kept: Callable[[str], None] = lambda _how: None,
    ) -> None:
        self._answering, self._rollouts, self._on_kept = answering, rollouts, on_kept
        self._writer = BufferedWriter(state, seconds=1.0)
        self._tasks: set[asyncio.Task[None]] = set()

    def answered(self, caller: Caller, answered: Answered) -> None:
        """A caller has an answer: ask for the same in the shadow, where there is one. Called on the event loop."""
        served = self._rollouts.served
        asked = answered.asked
        if served.candidate is None or served.now.trying != "shadow" or asked.deployment.name != WINNER:
            return
        if answered.is_cached or not answered.as_measured or asked.bounded or asked.deployment.id != served.now.current:
            return
        if len(self._tasks) >= MOST:
            self._count("dropped")
            return
        task = asyncio.create_task(self._ask(caller, answered))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """End what is asked in the shadow."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def close(self) -> None:
        """Write what waits, and end."""
        self._writer.close()

    async def _ask(self, caller: Caller, answered: Answered) -> None:
        candidate = self._rollouts.served.candidate
        if candidate is None:
            return
        old = answered.asked
        asked = replace(old, deployment=candidate, id=f"{old.id}:shadow")

        def begin() -> Conversation[Answer]:
            return candidate.strategy.answer(asked.question)

        engines = {**candidate.engines, "search": NotingSearch(candidate.engines["search"], self._answering.following)}
        pending = Pending(begin, engines, each=asked.wishes.changed, refresh=self._answering.refresh)
        ended: Ended[Answer] | None = None
        why = "no answer"
        try:
            async with aclosing(self._answering.conversations.carry(caller, pending, behind=True)) as news:
                async for piece in news:
                    if isinstance(piece, Ended):
                        ended = piece
        except (GivenUp, Overloaded, NeverBegan):
            self._count("dropped")
            return
        except TooSlow:
            self._rollouts.ended(caller, asked, "late", seconds=self._answering.conversations.limits.seconds)
            self._count("late")
            return
        except Exception as error:  # whatever it is, it speaks against the one in the shadow
            why = str(error) or type(error).__name__
            _log.warning("an answer in the shadow failed: %s", why, exc_info=None if isinstance(error, UserError) else error)
        if ended is None or ended.live.value is None:
            why = ended.live.failure.error if ended is not None and ended.live.failure is not None else why
            self._rollouts.ended(caller, asked, "failed", seconds=ended.live.seconds if ended is not None else 0.0)
            self._keep(answered, {"failure": why[:2_000]})
            self._count("failed")
            return
        answer = ended.live.value
        self._rollouts.ended(caller, asked, "answered", seconds=ended.live.seconds, refused=answer.refused)
        is_same = _said(answer) == _said(answered.answer)
        if not is_same:
            self._keep(answered, _said(answer))
        self._count("same" if is_same else "other")

    def _keep(self, answered: Answered, new: dict[str, Json]) -> None:
        question = answered.asked.question
        asked: dict[str, Json] = {"text": question.text}
        if question.messages:
            asked["messages"] = [{"role": m.role, "content": m.content} for m in question.messages]
        row = {"at": now_ms(), "deployment": self._rollouts.served.now.candidate, "answer": answered.asked.id}
        self._writer.add(differences, {**row, "question": asked, "old": _said(answered.answer), "new": new})

    def _count(self, how: str) -> None:
        self._answering.metrics.shadows.labels(how).inc()
        self._on_kept(how)


def _said(answer: Answer) -> dict[str, Json]:
    """What two answers are compared by."""
    documents: list[Json] = list(dict.fromkeys(citation.document for citation in answer.citations))
    return {"text": answer.text, "refused": answer.refused, "documents": documents}
