"""The contract that every built-in scorer passes, to be passed by yours: subclass, and give `make`.

class TestPoliteness(ScorerContract):
    def make(self, yardstick: Yardstick) -> Scorer:
        return Politeness(yardstick)
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import get_args

from rung.records import Answer, Case, Citation, Evidence, Failure, Outcome, Passage, Usage
from rung.scoring.protocol import Layer, Scorer, Yardstick

_SCHEMA = '{"type":"object","properties":{"answer":{"type":["string","null"]}},"required":["answer"]}'
_PASSAGE = Passage(
    id="d:0", document="d", start=0, end=40, text="The office opens at nine o'clock daily.", groups=("staff",)
)

YARDSTICKS = (
    Yardstick("f1"),
    Yardstick("rouge_l", retrieves=True, cites=True, document_groups={"d": ("staff",)}),
    Yardstick("json", schema=_SCHEMA),
    Yardstick("label", labels=("opening", "closing")),
)


def _cases(yardstick: Yardstick) -> Iterator[Case]:
    right = {"json": '{"answer": "nine"}', "label": "opening"}.get(yardstick.correct_by, "nine o'clock")
    gold = (Evidence("d", 20, 32),)
    yield Case(id="spans", question="When?", answers=(right,), evidence=gold, groups=("staff",))
    yield Case(id="documents", question="When?", answers=(right, right), gold_documents=("d", "e"), groups=("guests",))
    yield Case(id="bare", question="", answers=(right,))
    yield Case(id="unanswerable", question="Why?", answerable=False)


def _outcomes() -> Iterator[Outcome]:
    cited = (Citation(mark=1, document="d", start=0, end=40, passage="d:0"),)
    for text in (
        "",
        "nine o'clock",
        "I don't know.",
        '{"answer": null}',
        "[]",
        '{"answer": ',
        "opening",
        "九時 🕘\ud83d\x00",
        "a " * 5_000,
    ):
        yield Outcome("", Answer(text, text), usage=Usage(10, 2, 1, 0.001))
    yield Outcome("", Answer("nine [1]", "nine", citations=cited, passages=(_PASSAGE,), retrieved=(_PASSAGE,)))
    yield Outcome("", Answer("I don't know.", refused=True, passages=(_PASSAGE,), retrieved=(_PASSAGE,)))
    yield Outcome("", failure=Failure("timeout", step="search"), usage=Usage(10))
    yield Outcome("", failure=Failure("timeout", step="generate"))


class ScorerContract:
    """What Rung relies on, whatever a scorer judges."""

    def make(self, yardstick: Yardstick) -> Scorer:
        """The scorer under test."""
        raise NotImplementedError

    def _judged(self) -> Iterator[tuple[Scorer, Case, Outcome]]:
        for yardstick in YARDSTICKS:
            scorer = self.make(yardstick)
            for case in _cases(yardstick):
                for outcome in _outcomes():
                    yield scorer, case, Outcome(case.id, outcome.answer, outcome.failure, outcome.usage)

    def test_has_a_known_layer(self) -> None:
        """The report groups metrics by layer."""
        assert all(self.make(yardstick).layer in get_args(Layer) for yardstick in YARDSTICKS)

    def test_gives_finite_numbers_by_name(self) -> None:
        """An empty answer, a failure, broken JSON and any script are ordinary outcomes: no exception, no NaN."""
        for scorer, case, outcome in self._judged():
            for name, value in scorer(case, outcome).items():
                assert isinstance(name, str)
                assert name, "a metric without a name"
                assert math.isfinite(value), f"{name} is {value} for {outcome}"

    def test_stays_within_zero_and_one(self) -> None:
        """Every metric is a share, except for cost. Lower and higher are told apart by the bar."""
        for scorer, case, outcome in self._judged():
            if scorer.layer != "cost":
                assert all(0 <= value <= 1 for value in scorer(case, outcome).values()), outcome

    def test_says_the_same_twice(self) -> None:
        """Stored runs are rescored later: the same records must give the same numbers, whatever was judged in between."""
        first = [dict(scorer(case, outcome)) for scorer, case, outcome in self._judged()]
        second = [dict(scorer(case, outcome)) for scorer, case, outcome in reversed(list(self._judged()))]
        assert first == second[::-1]

    def test_judges_something(self) -> None:
        """A scorer that never applies measures nothing."""
        assert any(scorer(case, outcome) for scorer, case, outcome in self._judged())
