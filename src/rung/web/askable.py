"""Who can be asked on the board: what a server serves; else what is promoted, and each rung that can answer as it is."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from rung.builders.building import ArtifactBuilder
from rung.errors import UserError
from rung.pipeline.pinned_strategy import PinnedStrategy, ready_strategies
from rung.pipeline.publishing import last_choice
from rung.records import Asker
from rung.serving.answering import Answering
from rung.serving.app import open_record
from rung.serving.callers import Caller
from rung.serving.conversations import Conversations, Limits
from rung.serving.deployments import WINNER, Deployment, opened
from rung.serving.feedback import Feedback
from rung.serving.metrics import Metrics
from rung.state.deployments import promoted_now
from rung.web.project_at_hand import ProjectAtHand
from rung.web.readable import knowledge_of
from rung.web.viewer import Viewer

AT_ONCE = 8  # answers of a board without a server
PART = "asking"
BOARD = "board"  # what told who asks, where no key does


@dataclass(frozen=True, slots=True)
class Askable:
    """Somebody who can be asked. `name`: by which; `about`: it in a few words; `why_not`: why it cannot answer now, ""."""

    name: str
    about: str
    why_not: str = ""


@dataclass(frozen=True)
class AsChosen(Caller):
    """Somebody on the board, who asks as an asker of chosen groups; `asks` may read everything."""

    asks: Asker = field(default_factory=Asker)

    @property
    def asker(self) -> Asker:
        """As whom they ask."""
        return self.asks


class Asking:
    """Who answers on the board without a server: each is opened when it is first asked."""

    def __init__(self, at_hand: ProjectAtHand) -> None:
        self._at_hand, self._lock = at_hand, threading.Lock()
        self._opened: dict[str, Deployment] = {}
        self._builder: ArtifactBuilder | None = None
        self._ready: dict[str, PinnedStrategy | None] = {}
        self.ratings = Feedback(at_hand.state())
        self._conversations = Conversations(Limits(at_once=AT_ONCE))
        self._answering: Answering | None = None

    def listed(self) -> list[Askable]:
        """All that `rung.yaml` names, and what is promoted.

        Raises:
            UserError: `rung.yaml` or an artifact is not right; the database is away.
        """
        with self._lock:
            self._follow()
            choice = last_choice(self._at_hand.project())
            record = promoted_now(self._at_hand.state())
            first = [] if record is None else [Askable(WINNER, f"deployment {record.id}, {record.label}")]
            first += [
                Askable(label, f"{label}{', the choice' if label == choice else ''}", "" if strategy else _UNBUILT)
                for label, strategy in sorted(self._ready.items(), key=lambda one: one[0] != choice)
            ]
            return first

    def answering(self, name: str) -> tuple[Answering, Deployment]:
        """Who answers under a name, open. It may take a while.

        Raises:
            UserError: there is none, it would have to be built first, or cannot be opened.
        """
        with self._lock:
            self._follow()
            assert self._builder is not None
            if self._answering is None:
                engines = self._builder.engines
                knowledge = knowledge_of(self._at_hand)
                self._answering = Answering({}, self._conversations, Metrics(), knowledge, cuttings=engines.indexes)
                self._answering.on_answer = self.ratings.remember
            deployment = self._open(self._builder, name)
            self._answering.deployments = dict(self._opened)
            return self._answering, deployment

    def close(self) -> None:
        """Wait for answers that are under way, and write what waits."""
        self._conversations.close()
        self.ratings.close()

    def _open(self, builder: ArtifactBuilder, name: str) -> Deployment:
        if name == WINNER:
            record = promoted_now(self._at_hand.state())
            if record is None:
                raise UserError("nothing is promoted: ask one of the rungs")
            if (before := self._opened.get(WINNER)) is None or before.id != record.id:
                self._opened[WINNER] = open_record(builder, record)
            return self._opened[WINNER]
        strategy = self._ready.get(name)
        if strategy is None:
            raise UserError(f"'{name[:200]}' {_UNBUILT if name in self._ready else 'is none of the rungs'}")
        if name not in self._opened:
            self._opened[name] = opened(builder, name, strategy)
        return self._opened[name]

    def _follow(self) -> None:
        """What stands in `rung.yaml` now: where it changed, all is opened anew."""
        builder = self._at_hand.builder()
        if builder is not self._builder:
            self._builder, self._opened, self._answering = builder, {}, None
            self._ready = dict(ready_strategies(builder))


_UNBUILT = "has to be built first: 'rung compare' does"


def askable(at_hand: ProjectAtHand) -> list[Askable]:
    """Who can be asked, and who cannot yet.

    Raises:
        UserError: as `Asking.listed`.
    """
    if at_hand.answering is not None:
        deployments = at_hand.answering.deployments.values()
        return [Askable(one.name, ", ".join(dict.fromkeys((one.name, one.pinned.label)))) for one in deployments]
    return _asking(at_hand).listed()


def who_answers(at_hand: ProjectAtHand, name: str, caller: Caller) -> tuple[Answering, Deployment]:
    """Who answers a caller under a name. It may take a while, where a model has to be opened.

    Raises:
        UserError: as `Asking.answering`.
        NotAnswered: a server serves none of this name.
    """
    if at_hand.answering is not None:
        return at_hand.answering, at_hand.answering.deployment(name, caller)
    return _asking(at_hand).answering(name)


def ratings_of(at_hand: ProjectAtHand) -> Feedback:
    """Where ratings go: where those of `/v1/feedback` do.

    Raises:
        UserError: the database cannot be opened.
    """
    return at_hand.served.ratings if at_hand.served is not None else _asking(at_hand).ratings


def caller_for(viewer: Viewer, groups: frozenset[str] | None, name: str) -> Caller:
    """Whoever looks, as who asks with these groups; None: who may read everything, as the owner may.

    Args:
        viewer: who looks.
        groups: as whom; who has a key is held to their own.
        name: where no key names them.
    """
    if viewer.groups is not None:
        groups = viewer.groups if groups is None else groups & viewer.groups
    of_key = viewer.caller
    if of_key is None:
        return AsChosen(name or "board", groups or frozenset(), told_by=BOARD, asks=Asker(groups))
    return AsChosen(
        of_key.name,
        groups or frozenset(),
        of_key.scopes,
        of_key.key,
        of_key.requests_per_minute,
        of_key.tokens_per_day,
        told_by=of_key.told_by,
        asks=Asker(groups),
    )


def check_allowed(at_hand: ProjectAtHand, caller: Caller, scope: str) -> None:
    """Refuse what a key may not ask for, or not so often.

    Raises:
        Refused: it may not; says why.
    """
    if at_hand.served is None:
        return
    if caller.told_by != BOARD:
        caller.require(scope)
    if refused := at_hand.served.limiter.allow(caller):
        raise refused


def _asking(at_hand: ProjectAtHand) -> Asking:
    return at_hand.part(PART, lambda: Asking(at_hand))
