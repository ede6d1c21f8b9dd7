"""Drive a strategy by hand, and the contract that every rung keeps.

Subclass `StrategyContract` in your tests and give it your rung; pytest runs the rest.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, TypeVar

import pytest

from rung.errors import UserError
from rung.records import Answer, Case, Example, Json, Message, Pair, Passage, Question, StrategySpec, canonical
from rung.records.steps import (
    CallToolResult,
    ClassifyResult,
    Conversation,
    Generate,
    GenerateResult,
    Rerank,
    Result,
    Search,
    SearchResult,
    Step,
    generate,
)
from rung.strategies.protocol import Composition, Materials, Member, NotApplicable, Plan, Rung, Strategy
from rung.strategies.reference import Oracle
from rung.tools import open_tools

T = TypeVar("T")
PASSAGES = (
    Passage("a#0-27", "a", 0, 27, "Refunds take thirty days.", title="Refunds"),
    Passage("b#0-20", "b", 0, 20, "We ship to Norway.", title="Shipping"),
    Passage("c#0-20", "c", 0, 20, "Express costs 9 EUR.", title="Prices"),
)


def drive(conversation: Conversation[T], answer: Callable[[Step], Result]) -> tuple[T, list[Step]]:
    """Carry a conversation by hand: the value it returns, and the steps it yielded, in order."""
    steps: list[Step] = []
    try:
        step = next(conversation)
        while True:
            steps.append(step)
            step = conversation.send(answer(step))
    except StopIteration as stop:
        return stop.value, steps


def canned(step: Step, *, says: str = "thirty days [1]") -> Result:
    """A plausible result for any step: the passages above, the words given, the first label."""
    match step:
        case Search() if step.index != "documents":
            pairs = (("Hi", "Hello"), ("Bye", "See you"))
            shown = [f'["{q}", "{a}"]' for q, a in pairs]
            return SearchResult(tuple(Passage(f"e{n}", "examples", 0, len(text), text) for n, text in enumerate(shown)))
        case Search():
            return SearchResult(PASSAGES[: step.top])
        case Rerank():
            return SearchResult(tuple(reversed(step.passages))[: step.top])
        case Generate():
            return GenerateResult(step.choices[0] if step.choices else says, prompt_tokens=10, completion_tokens=3)
        case _:
            return ClassifyResult("yes") if hasattr(step, "labels") else CallToolResult(None)


def materials(**given: object) -> Materials:
    """Materials on which every built-in rung applies; any field can be replaced."""
    train_cases = (
        Case("t1", "How long do refunds take?", ("thirty days",), split="train"),
        Case("t2", "Who is the chief executive?", (), answerable=False, split="train"),
    )
    defaults: dict[str, object] = {
        "task": "Answer customers.",
        "examples": (Example("e1", (Message("user", "Hi"), Message("assistant", "Hello"))),),
        "lessons": train_cases,
        "corpus_tokens": 30,
        "passages": 3,
        "tools": tuple(tool.spec for tool in open_tools(["calculator"])),
        "gold": {"t1": PASSAGES[:1], "q1": PASSAGES[1:2]},
        "pairs": tuple(Pair(f"question {n}", f"answer {n}") for n in range(8)),
        "dev_apart": given.get("dev", ()),
    }
    return Materials(**{**defaults, **given})  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Parrot:
    """A strategy that says one thing: a rung to be sent on to."""

    says: str

    def answer(self, question: Question) -> Conversation[Answer]:
        """One generation, whatever is asked."""
        response = yield from generate(Generate((Message("user", question.text),)))
        return Answer(self.says or response.text, self.says or response.text)


MEMBERS = tuple(Member(name, StrategySpec(name), Parrot(name), f"{n:064x}") for n, name in enumerate(("yes", "no"), 1))


class StrategyContract:
    """What every rung keeps. Give `rung`; and `materials`, `settings` where the defaults do not apply."""

    rung: type[Rung]
    materials: Materials = materials()
    settings: ClassVar[Mapping[str, Json]] = {}
    question = Question("q1", "Do you ship to Norway?")

    def strategy(self) -> Strategy:
        """The rung, built on the materials with made-up artifacts."""
        plan = self.rung.plan(self.materials, self.settings)
        plan = plan.plan(MEMBERS) if isinstance(plan, Composition) else plan
        assert isinstance(plan, Plan), f"not applicable: {plan.why}"
        spec = plan.with_artifacts(tuple(f"{n:064x}" for n, _ in enumerate(plan.needs, 1)))
        assert StrategySpec.of(json.loads(canonical(spec))) == spec
        strategy = self.rung.make(spec, [member.strategy for member in MEMBERS] if spec.members else ())
        return replace(strategy, gold=self.materials.gold) if isinstance(strategy, Oracle) else strategy

    def test_has_a_name(self) -> None:
        assert self.rung.name.isidentifier()
        assert self.rung.name == self.rung.name.lower()

    def test_an_unknown_setting_is_refused_by_name(self) -> None:
        with pytest.raises(UserError, match="no_such_setting"):
            self.rung.plan(self.materials, {"no_such_setting": 1})

    def test_settings_are_shown_whole(self) -> None:
        plan = self.rung.plan(self.materials, self.settings)
        assert isinstance(plan, Plan | Composition)
        again = self.rung.plan(self.materials, plan.settings)
        assert isinstance(again, Plan | Composition)
        assert again.settings == plan.settings

    def test_says_why_where_it_does_not_apply(self) -> None:
        plan = self.rung.plan(Materials(task=""), self.settings)
        assert isinstance(plan, Plan | Composition) or (isinstance(plan, NotApplicable) and plan.why)

    def test_returns_an_answer(self) -> None:
        answer, steps = drive(self.strategy().answer(self.question), canned)
        assert isinstance(answer, Answer)
        assert all(isinstance(step, Step) for step in steps)

    def test_the_same_question_takes_the_same_steps(self) -> None:
        first = drive(self.strategy().answer(self.question), canned)
        assert first == drive(self.strategy().answer(self.question), canned)

    def test_citations_resolve_to_what_was_shown(self) -> None:
        answer, _ = drive(self.strategy().answer(self.question), canned)
        spans = {(p.document, p.start, p.end) for p in answer.passages}
        assert all(any(c.document == d and s <= c.start < c.end <= e for d, s, e in spans) for c in answer.citations)
