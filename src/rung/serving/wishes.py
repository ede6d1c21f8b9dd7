"""How a request changes what was measured."""

from __future__ import annotations

from dataclasses import dataclass, replace

from rung.records import Json
from rung.records.steps import Generate, Step
from rung.serving.deployments import Deployment
from rung.tracing import conventions as names


@dataclass(frozen=True, slots=True)
class Wishes:
    """How a request changes what was measured. None, and "": as measured. `max_tokens` bounds each text of the model;
    `instruction` stands behind the project's."""

    max_tokens: int | None = None
    temperature: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    schema: str = ""
    instruction: str = ""

    @property
    def attributes(self) -> dict[str, Json]:
        """What of it may stand in a trace whatever is captured."""
        given: dict[str, Json] = {names.REQUEST_MAX_TOKENS: self.max_tokens, names.REQUEST_TEMPERATURE: self.temperature}
        given[names.REQUEST_SEED] = self.seed
        return {name: value for name, value in given.items() if value is not None}

    @property
    def texts(self) -> dict[str, Json]:
        """What of it is somebody's text."""
        stop: dict[str, Json] = {names.STOP: list[Json](self.stop)} if self.stop else {}
        given: dict[str, Json] = {names.SCHEMA: self.schema, names.INSTRUCTION: self.instruction}
        return {**stop, **{name: text for name, text in given.items() if text}}

    def change(self, deployment: Deployment) -> bool:
        """Whether an answer may come out otherwise than measured by more than `max_tokens`."""
        is_warm = self.temperature not in (None, deployment.temperature)
        return is_warm or bool(self.stop or self.schema or self.instruction)

    def changed(self, step: Step) -> Step:
        """A step as this request wants it."""
        if not isinstance(step, Generate):
            return step
        room = step.max_tokens if self.max_tokens is None else min(step.max_tokens, self.max_tokens)
        temperature = step.temperature if self.temperature is None else self.temperature
        return replace(step, max_tokens=room, temperature=temperature, seed=step.seed if self.seed is None else self.seed)
