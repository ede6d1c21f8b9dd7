"""Has a model write the sentences of context by which passages are searched (`knowledge.context`).

Each is a step like any other: asked once, remembered by digest, within the budget of who gives `run`, and forgotten with the
document. What is asked and how a reply is read is left to `strategies.placing`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from rung.errors import InternalError, UserError
from rung.progress import say
from rung.records import Answer, Asker, Document, Passage, Usage, digest
from rung.records.steps import Conversation
from rung.runtime.batch import Carried
from rung.strategies.placing import VERSION, placed

MAY_FAIL = 0.1  # of the passages; where more fail it is the model that does, and nothing is indexed;
FEW = 5  # but for so few nothing waits


class ContextsFailed(UserError):
    """The model that writes sentences of context failed: the index cannot be brought up to date."""


class Run(Protocol):
    """Who runs conversations: `StepRunner.run`."""

    def __call__(
        self, talks: Sequence[tuple[Asker, Callable[[], Conversation[Any]]]], *, title: str
    ) -> list[Carried[Any]]: ...


@dataclass
class PassageContexts:
    """Contexts by one model, named as `rung.yaml` has it. `run` is set by who syncs; `usage`: what all those took that were
    asked for, and `passages` how many these are."""

    model: str
    run: Run | None = None
    usage: Usage = field(default_factory=lambda: Usage(usd=0.0))
    passages: int = 0

    @property
    def identity(self) -> str:
        """Names who writes them and how: another one makes the index anew."""
        return digest("passage contexts", VERSION, self.model)

    def __call__(self, passages: Sequence[tuple[Document, Passage]]) -> list[str | None]:
        """The sentence for each passage of a document, "" where the model wrote none, None where it failed.

        Raises:
            ContextsFailed: too many failed; what was answered is kept, and the same command goes on.
            BudgetEnded: a limit is reached; what was answered is kept.
        """
        if not passages:
            return []
        if self.run is None:
            raise InternalError("passages need a sentence of context, and nobody asks the model for one")
        talks = [(Asker(), partial(placed, document, passage)) for document, passage in passages]
        ended = self.run(talks, title="a sentence of context for each passage")
        self.passages += len(ended)
        self.usage = sum((one.usage for one in ended), self.usage)
        failures = [one.failure for one in ended if one.failure is not None]
        if len(failures) > max(FEW, MAY_FAIL * len(passages)):
            raise ContextsFailed(
                f"knowledge.context: {len(failures):,} of {len(passages):,} sentences of context failed "
                f"({failures[0].error}); what was answered is kept, and the same command goes on from there"
            )
        texts = [one.value.text if isinstance(one.value, Answer) else None for one in ended]
        if empty := texts.count(""):
            say(f"! {empty:,} of {len(passages):,} passages have no sentence of context: the model's reply was none")
        if failures:
            say(
                f"! {len(failures):,} of {len(passages):,} passages have no sentence of context: the model failed "
                f"({failures[0].error}); the next sync asks again"
            )
        return texts
