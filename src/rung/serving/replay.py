"""A recorded question answered again, as the server would: same parameters, same groups, the same second look."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass

from rung.builders.building import ArtifactBuilder
from rung.errors import UserError
from rung.progress import say
from rung.records import Question
from rung.records.traces import Trace
from rung.serving.answered import Asked
from rung.serving.answering import Answering
from rung.serving.app import Service, open_record
from rung.serving.callers import Caller, Open
from rung.serving.conversations import Limits
from rung.serving.deployments import WINNER, Deployment
from rung.serving.refusal import NotAnswered
from rung.serving.traced import Traces, price_of
from rung.serving.wishes import Wishes
from rung.state.database import State
from rung.state.deployments import deployment as promoted
from rung.state.deployments import standing_now
from rung.tracing import conventions as names
from rung.tracing.reading import listed, messages_in
from rung.tracing.recorder import Recorder
from rung.tracing.spans import Spans

_CALLER = "replay"


@dataclass(frozen=True, slots=True)
class Again:
    """What is asked again, for whom. `masked`: how much of what was asked stands for secrets or personal data."""

    question: Question
    groups: frozenset[str]
    wishes: Wishes
    masked: int


class _Last:
    """Keeps the newest trace; a `Sink`."""

    trace: Trace | None = None

    def take(self, traces: Sequence[Trace]) -> None:
        """See `Sink`."""
        self.trace = traces[-1] if traces else self.trace

    def tend(self) -> None:
        """See `Sink`."""

    def close(self) -> None:
        """See `Sink`."""


def asked_again(trace: Trace) -> Again:
    """What a trace's question was.

    Raises:
        UserError: its texts were not captured or were cut, or it is no question to a deployment.
    """
    content, attributes = trace.root.content, trace.root.attributes
    if names.STRATEGY not in attributes:
        raise UserError(f"{trace.summary.id} is no question to a deployment, but a call of '{trace.summary.deployment}'")
    if content is None:
        raise UserError(
            f"the question of {trace.summary.id} was not captured, so it cannot be asked again: "
            "write 'serve: {traces: {content: true}}' into rung.yaml for those to come"
        )
    messages = messages_in(content.get(names.INPUT_MESSAGES))
    if not messages or attributes.get(names.ASKED_CUT):
        raise UserError(f"the question of {trace.summary.id} was cut, as it is long, so it cannot be asked again as it was")
    *earlier, last = messages
    limit, temperature, seed = (
        attributes.get(n) for n in (names.REQUEST_MAX_TOKENS, names.REQUEST_TEMPERATURE, names.REQUEST_SEED)
    )
    wishes = Wishes(
        None if limit is None else int(str(limit)),
        None if temperature is None else float(str(temperature)),
        None if seed is None else int(str(seed)),
        tuple(map(str, listed(content.get(names.STOP)))),
        str(content.get(names.SCHEMA, "")),
        str(content.get(names.INSTRUCTION, "")),
    )
    groups = frozenset(map(str, listed(attributes.get(names.GROUPS))))
    masked = int(str(attributes.get(names.ASKED_MASKED, 0)))
    return Again(Question("asked", last.content, tuple(earlier)), groups, wishes, masked)


def answer_again(builder: ArtifactBuilder, state: State, trace: Trace, deployment: str = "") -> Trace:
    """The trace of another answer to the same question; nothing is written.

    Args:
        builder: of the open project.
        state: its database.
        trace: what was recorded.
        deployment: what answers; "": the one that did. Where that cannot be opened any more, what has its name now, which
            is said.

    Raises:
        UserError: it cannot be asked again, or what is to answer is not there.
    """
    again, last = asked_again(trace), _Last()
    recorder = Recorder(Spans(keeps_content=True, price=price_of(builder.project)), [last])
    answering = Service(builder, Open(), state, Limits(at_once=1)).answering()
    answering.traces = Traces(recorder)
    name = deployment or trace.summary.deployment
    if not answering.deployments:  # something was promoted: what is served now, or the deployment of this id
        own = "" if deployment else str(trace.root.attributes.get(names.DEPLOYMENT, ""))
        answering.deployments = {name: _opened(builder, state, name, own)}
    try:
        asyncio.run(_answered(answering, again, name))
    finally:
        answering.conversations.close()
        recorder.close()
    if last.trace is None:
        raise UserError("the question could not be answered again")
    if not deployment and last.trace.summary.digest != trace.summary.digest:
        say(f"! another strategy is '{name}' now than when {trace.summary.id} was answered: it answered again")
    return last.trace


def _opened(builder: ArtifactBuilder, state: State, name: str, own: str) -> Deployment:
    """What was promoted under this name or id; `own`: the id of what answered under it, "" where that does not count."""
    if own:
        try:
            return open_record(builder, promoted(state, own))
        except UserError as error:
            say(f"! deployment {own}, which answered, cannot be opened any more ({error}): what is '{name}' now answers")
    return open_record(builder, promoted(state, standing_now(state).current if name == WINNER else name))


async def _answered(answering: Answering, again: Again, name: str) -> None:
    try:
        asked = Asked(answering.deployment(name), again.question, again.wishes)
    except NotAnswered as gone:
        raise UserError(f"{gone.message.replace('model', 'deployment', 1)}: name one of them with --deployment") from None
    try:
        async with aclosing(answering.answer(Caller(_CALLER, again.groups), asked)) as news:
            async for _ in news:
                pass
    except NotAnswered:
        pass  # the trace says how it failed
