"""Who can be asked on the board: what a server serves; else what is promoted, and each rung that can answer as it is."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeGuard

from rung.artifacts.store import ARTIFACTS, MANIFEST
from rung.builders.building import ArtifactBuilder
from rung.config.project import Project
from rung.errors import UserError
from rung.pipeline.pinned_strategy import PinnedStrategy, ready_strategies
from rung.pipeline.publishing import last_choice, latest_folder
from rung.records import Asker
from rung.records.deployment import DeploymentRecord
from rung.serving.answering import Answering
from rung.serving.app import open_record
from rung.serving.callers import Caller
from rung.serving.conversations import Conversations, Limits
from rung.serving.deployments import WINNER, Deployment, opened
from rung.serving.feedback import Feedback
from rung.serving.metrics import Metrics
from rung.state.deployments import promoted_now
from rung.web.background import Underway
from rung.web.by_stamp import stamp_of
from rung.web.opening import opening
from rung.web.project_at_hand import ProjectAtHand
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


@dataclass(frozen=True)
class _Standing:
    """What can answer by this builder while `built` is what is built. `opened`: by name."""

    builder: ArtifactBuilder
    built: Hashable
    ready: Mapping[str, PinnedStrategy | None]
    answering: Answering
    opened: dict[str, Deployment] = field(default_factory=dict)


class Asking:
    """Who answers on the board without a server: each is opened when it is first asked, one at a time. What is open already
    answers meanwhile, and the list is as it was before."""

    def __init__(self, at_hand: ProjectAtHand) -> None:
        self._at_hand, self._opening = at_hand, threading.Lock()
        self._standing: _Standing | None = None
        self.ratings = Feedback(at_hand.state())
        self._conversations = Conversations(Limits(at_once=AT_ONCE))

    def listed(self) -> list[Askable]:
        """All that `rung.yaml` names, and what is promoted.

        Raises:
            UserError: `rung.yaml` or an artifact is not right; the database is away.
        """
        ready, choice = self._follow(may_be_old=True).ready, last_choice(self._at_hand.project())
        record = promoted_now(self._at_hand.state())
        first = [] if record is None else [Askable(WINNER, f"deployment {record.id}, {record.label}")]
        first += [
            Askable(label, f"{label}{', the choice' if label == choice else ''}", "" if strategy else _UNBUILT)
            for label, strategy in sorted(ready.items(), key=lambda one: one[0] != choice)
        ]
        return first

    def answering(self, name: str) -> tuple[Answering, Deployment]:
        """Who answers under a name, open. It may take a while.

        Raises:
            UserError: there is none, it would have to be built first, or cannot be opened.
        """
        standing = self._follow()
        record = promoted_now(self._at_hand.state()) if name == WINNER else None
        if name == WINNER and record is None:
            raise UserError("nothing is promoted: ask one of the rungs")
        if (deployment := _open_now(standing, name, record)) is None:
            with self._opening:
                deployment = _open_now(standing, name, record) or _opened(standing, name, record)
                standing.opened[name] = deployment
                standing.answering.deployments = dict(standing.opened)
        return standing.answering, deployment

    @property
    def is_open(self) -> bool:
        """Whether who can be asked is told at once, without models and index being opened for it."""
        return self._standing is not None and self._at_hand.is_open(self._standing.builder)

    def close(self) -> None:
        """Wait for answers that are under way, and write what waits."""
        self._conversations.close()
        self.ratings.close()

    def _follow(self, *, may_be_old: bool = False) -> _Standing:
        """What stands in `rung.yaml`, and what is built, now: what changed is opened anew. `may_be_old`: where that has to
        wait for who opens something, it is as it was before."""
        builder = self._at_hand.builder()
        built, before = _built_now(builder.project), self._standing
        if _is_of(before, builder, built):
            return before
        if not self._opening.acquire(blocking=not may_be_old or before is None):
            assert before is not None
            return before
        try:
            if _is_of(before := self._standing, builder, built):
                return before
            ready = dict(ready_strategies(builder))
            if before is None or before.builder is not builder:
                before = _Standing(builder, built, ready, self._answering(builder))
            self._standing = now = replace(before, built=built, ready=ready, opened=_still_open(before, ready))
            return now
        finally:
            self._opening.release()

    def _answering(self, builder: ArtifactBuilder) -> Answering:
        engines = builder.engines
        if engines.knowledge is not None:
            engines.knowledge.refresh()
        answering = Answering({}, self._conversations, Metrics(), engines.knowledge, cuttings=engines.indexes)
        answering.on_answer = self.ratings.remember
        return answering


def _is_of(standing: _Standing | None, builder: ArtifactBuilder, built: Hashable) -> TypeGuard[_Standing]:
    return standing is not None and standing.builder is builder and standing.built == built


def _built_now(project: Project) -> Hashable:
    """Another value, whenever there is another verdict, or another artifact is finished or gone."""
    finished = (project.state / ARTIFACTS).glob(f"*/*/{MANIFEST}")
    return latest_folder(project), frozenset(map(str, finished))


def _still_open(before: _Standing, ready: Mapping[str, PinnedStrategy | None]) -> dict[str, Deployment]:
    """What is open and would be opened the same way again; what is promoted says by itself whether it is."""

    def made_of(pinned: PinnedStrategy | None) -> Hashable:
        return pinned and (pinned.models, pinned.spec and pinned.spec.digest, frozenset(pinned.artifacts.items()))

    return {
        name: deployment
        for name, deployment in dict(before.opened).items()
        if name == WINNER or made_of(ready.get(name)) == made_of(deployment.pinned)
    }


def _open_now(standing: _Standing, name: str, record: DeploymentRecord | None) -> Deployment | None:
    """What is open under a name, where it is what is asked for."""
    deployment = standing.opened.get(name)
    return None if deployment is None or (record is not None and deployment.id != record.id) else deployment


def _opened(standing: _Standing, name: str, record: DeploymentRecord | None) -> Deployment:
    if record is not None:
        return open_record(standing.builder, record)
    strategy = standing.ready.get(name)
    if strategy is None:
        raise UserError(f"'{name[:200]}' {_UNBUILT if name in standing.ready else 'is none of the rungs'}")
    return opened(standing.builder, name, strategy)


_UNBUILT = "has to be built first: 'rung compare' does"


def askable(at_hand: ProjectAtHand) -> list[Askable] | Underway:
    """Who can be asked, and who cannot yet; or how far what it takes is opened.

    Raises:
        UserError: as `Asking.listed`.
    """
    if at_hand.answering is not None:
        deployments = at_hand.answering.deployments.values()
        return [Askable(one.name, ", ".join(dict.fromkeys((one.name, one.pinned.label)))) for one in deployments]
    asking = _asking(at_hand)
    return asking.listed() if asking.is_open else opening(at_hand, PART, stamp_of(at_hand.project().file), asking.listed)


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


def may(at_hand: ProjectAtHand, viewer: Viewer, scope: str) -> bool:
    """Whether a viewer's key, where there is one, has a scope of what is served, as `check_allowed` asks it."""
    return at_hand.served is None or viewer.caller is None or scope in viewer.caller.scopes


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
