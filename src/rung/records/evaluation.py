"""One rung in one comparison: a single record from the moment it may answer to its line in the verdict.

Each stage of the loop fills in its part and hands the record on; there is no other record of a rung on the way.

- candidate (`pipeline.candidates`): `result` with name and settings; `spec`, `gold`, `effort`, `marked`, `doubts`;
- answered (`pipeline.answering`, `pipeline.racing`): `outcomes`, `again`, `stop`, `interval`; the latency in `result`;
- scored (`pipeline.grading`, `pipeline.evaluate`): `cards`, `layers`, `clusters`, `held`, `doubt`;
- judged (`verdict.judging`, `verdict.decide`): in `result` scores, losses, bill, probabilities.

`result` is the public part, and all of it that a verdict shows: one line of the table. The rest is what it was made from,
which is stored beside the verdict (`pipeline.evaluation_store`), so that a line can be made again without a model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from rung.records.nouns import Outcome, Passage
from rung.records.scorecard import Scorecard
from rung.records.spec import StrategySpec
from rung.records.verdicts import Effort, RungResult

if TYPE_CHECKING:
    from rung.records.scorecard import Floats

Why = Literal["misses", "limit", "worse", "not needed", "before"]
Loss = Literal[  # the layer that lost a case: see `rung.verdict.failure_modes`
    "failed",
    "leaked",
    "cannot be won",
    "cut off",
    "wrong format",
    "should have refused",
    "tool failed",
    "wrong tool call",
    "not in the corpus",
    "not read",
    "gold in doubt",
    "forbidden",
    "cut by chunking",
    "not retrieved",
    "ranked too low",
    "refused wrongly",
    "retrieved but not used",
    "used but wrong",
    "wrong",
    "wrong style",
]


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a rung answers no more. `rival`: the rung that it lost to, or that stands lower and is as good.

    `why` "before": it was stopped in an earlier comparison, whose answers are scored again.
    """

    why: Why
    rival: str = ""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A rung with one of its settings, as far as it has come. All rungs of a comparison have the same cases.

    Args:
        result: its line in the verdict, as far as it is known.
        spec: from which its strategy is made; None: it was not built.
        gold: of the oracle alone: what it is shown, by case.
        effort: what it takes beside answering; None: not known.
        marked: what a tuned rung forgot beyond its limit; counts as a broken limit.
        doubts: what speaks against its artifacts, in words.
        own_weight: of the dense ranking, in an index of its own.
        outcomes: of each case that it answered: in the order of the race while that goes on, then in that of the cases.
        again: the same cases in the same order, asked once more, and once more, by other seeds.
        stop: why the race took it out before it had answered every case.
        interval: what its mean over all cases most likely is then (always valid: see `verdict.racing`).
        cards: the scores of each pass; while the race goes on, of the cases answered so far, then of all cases in their
            order, NaN where it did not answer.
        layers: the layer that lost each of all cases in the first pass, None where it was not lost.
        clusters: of each of all cases (`rung.verdict.clusters`), None where all are independent.
        held: the oracle's: in which cases it was shown the answer (`rung.verdict.gaps.gaps`).
        doubt: the oracle's, too: says in words what puts the gold in doubt.
    """

    result: RungResult
    spec: StrategySpec | None = None
    gold: Mapping[str, tuple[Passage, ...]] = field(default_factory=dict)
    effort: Effort | None = None
    marked: str = ""
    doubts: tuple[str, ...] = ()
    own_weight: float | None = None
    outcomes: tuple[Outcome, ...] = ()
    again: tuple[tuple[Outcome, ...], ...] = ()
    stop: Stop | None = None
    interval: tuple[float, float] | None = None
    cards: tuple[Scorecard, ...] = ()
    layers: tuple[Loss | None, ...] = ()
    clusters: tuple[int, ...] | None = None
    held: Floats | None = None
    doubt: str = ""

    @property
    def name(self) -> str:
        """The rung's label."""
        return self.result.name

    @property
    def is_reference(self) -> bool:
        """Whether it is an arm that is measured and never chosen."""
        return self.result.reference

    @property
    def passes(self) -> tuple[tuple[Outcome, ...], ...]:
        """The outcomes of every pass."""
        return (self.outcomes, *self.again)

    @property
    def errors(self) -> list[str]:
        """Why answers did not come."""
        return [outcome.failure.error for outcome in self.outcomes if outcome.failure is not None]

    @cached_property
    def failures(self) -> int:
        """Answers that did not come."""
        return len(self.errors)

    @cached_property
    def cut_answers(self) -> int:
        """Answers of the first pass that the limit of tokens ended, not the model."""
        return sum(outcome.answer is not None and outcome.answer.truncated for outcome in self.outcomes)

    @property
    def has_failed(self) -> bool:
        """Whether it was asked, and not a single answer came."""
        return bool(self.outcomes) and self.failures == len(self.outcomes)

    @cached_property
    def scorecard(self) -> Scorecard:
        """Its scores, each case by the mean of its passes; empty before any is scored."""
        return self.cards[0].averaged(self.cards[1:]) if self.cards else Scorecard()

    @property
    def values(self) -> Mapping[str, Floats]:
        """Metric -> one value per case, NaN where it does not apply."""
        return self.scorecard.values
