"""The contract that every built-in scorer passes, to be passed by yours: subclass, and give `make`.

class TestPoliteness(ScorerContract):
    def make(self, scoring_context: ScoringContext) -> Scorer:
        return Politeness(scoring_context)

One that a model judges overrides `judge` too, which says what the model says.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from contextlib import suppress

from rung.records import Answer, Case, Citation, Evidence, Failure, Metric, Outcome, Passage, ToolCall, Usage
from rung.records.steps import Generate, GenerateResult, Result, Step, StepFailed
from rung.scoring.protocol import AS_JSON, Scorer, Scores, ScoringContext
from rung.testing.strategies import drive

_SCHEMA = '{"type":"object","properties":{"answer":{"type":["string","null"]}},"required":["answer"]}'
_PASSAGE = Passage(
    id="d:0", document="d", start=0, end=40, text="The office opens at nine o'clock daily.", groups=("staff",)
)

YARDSTICKS = (
    ScoringContext("match"),
    ScoringContext("f1"),
    ScoringContext("rouge_l", retrieves=True, cites=True, document_groups={"d": ("staff",)}),
    ScoringContext("json", schema=_SCHEMA),
    ScoringContext("json_fields", schema=_SCHEMA, weights={"answer": 2}),
    ScoringContext("label", labels=("opening", "closing")),
    ScoringContext("judge", rubric="Be strict."),
)


def _cases(scoring_context: ScoringContext) -> Iterator[Case]:
    answers = {**dict.fromkeys(AS_JSON, '{"answer": "nine"}'), "label": "opening"}
    right = answers.get(scoring_context.correct_by, "nine o'clock")
    gold = (Evidence("d", 20, 32),)
    yield Case(id="spans", question="When?", answers=(right,), evidence=gold, groups=("staff",))
    yield Case(id="documents", question="When?", answers=(right, right), gold_documents=("d", "e"), groups=("guests",))
    yield Case(id="bare", question="", answers=(right,))
    yield Case(id="unanswerable", question="Why?", answerable=False)
    yield Case(
        id="calls", question="How much?", answers=(right,), calls=(ToolCall("price", "{}", "9"), ToolCall("price", ""))
    )


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
    calls = (ToolCall("price", "{}", "9"), ToolCall("", "no JSON", "[", failed=True))
    yield Outcome("", Answer("nine", "nine", calls=calls))
    yield Outcome("", failure=Failure("timeout", step="search"), usage=Usage(10))
    yield Outcome("", failure=Failure("timeout", step="generate"))


class ScorerContract:
    """What Rung relies on, whatever a scorer judges."""

    def make(self, scoring_context: ScoringContext) -> Scorer:
        """The scorer under test."""
        raise NotImplementedError

    def judge(self, step: Step) -> Result:
        """What the judge says to a scorer that asks one. By default it grades as Rung's own rubric wants it: "Grade: 4"."""
        assert isinstance(step, Generate), "a scorer may ask for a model's text, and nothing else"
        return GenerateResult(step.choices[0] if step.choices else "Grade: 4")

    def _judged(self) -> Iterator[tuple[Scorer, Case, Outcome]]:
        for scoring_context in YARDSTICKS:
            scorer = self.make(scoring_context)
            for case in _cases(scoring_context):
                for outcome in _outcomes():
                    yield scorer, case, Outcome(case.id, outcome.answer, outcome.failure, outcome.usage)

    def _scores(self, scorer: Scorer, case: Case, outcome: Outcome) -> Scores:
        """What it gives, its conversation carried out by `judge`."""
        scores = scorer(case, outcome)
        return drive(scores, self.judge)[0] if isinstance(scores, Generator) else scores

    def test_declares_its_metrics(self) -> None:
        """They say where a score is listed, which way is better, and what a limit on it means."""
        for scoring_context in YARDSTICKS:
            declared = self.make(scoring_context).metrics
            assert declared
            assert all(isinstance(metric, Metric) for metric in declared)
            assert len({metric.name for metric in declared}) == len(declared), "a metric is declared twice"

    def test_gives_finite_numbers_that_it_declares(self) -> None:
        """An empty answer, a failure, broken JSON and any script are ordinary outcomes: no exception, no NaN."""
        for scorer, case, outcome in self._judged():
            declared = {metric.name for metric in scorer.metrics}
            for name, value in self._scores(scorer, case, outcome).items():
                assert name in declared, f"{name} is not among the scorer's metrics"
                assert math.isfinite(value), f"{name} is {value} for {outcome}"

    def test_stays_within_its_range(self) -> None:
        """A share lies in [0, 1]; other numbers are at least 0."""
        for scorer, case, outcome in self._judged():
            most = {metric.name: 1.0 if metric.is_share else math.inf for metric in scorer.metrics}
            scores = self._scores(scorer, case, outcome)
            assert all(0 <= value <= most[name] for name, value in scores.items()), outcome

    def test_says_the_same_twice(self) -> None:
        """Stored runs are rescored later: the same records must give the same numbers, whatever was judged in between."""
        first = [dict(self._scores(*one)) for one in self._judged()]
        second = [dict(self._scores(*one)) for one in reversed(list(self._judged()))]
        assert first == second[::-1]

    def test_judges_something(self) -> None:
        """A scorer that never applies measures nothing."""
        assert any(self._scores(*one) for one in self._judged())

    def test_asks_a_judge_only_where_it_says_so(self) -> None:
        """What a judge costs is foreseen where a metric is declared `judged`; `correct` is where the project says so."""
        for scorer, case, outcome in self._judged():
            if isinstance(scorer(case, outcome), Generator) and "correct" not in {m.name for m in scorer.metrics}:
                assert any(metric.judged for metric in scorer.metrics), "no metric is declared judged=True"

    def test_a_judge_that_fails_has_said_nothing(self) -> None:
        """Its failure is left to be recorded, or another way is gone; it is no error of the scorer."""
        for scorer, case, outcome in self._judged():
            scores = scorer(case, outcome)
            if isinstance(scores, Generator):
                with suppress(StepFailed, StopIteration):
                    next(scores)
                    scores.throw(StepFailed(Failure("down", step="generate")))
