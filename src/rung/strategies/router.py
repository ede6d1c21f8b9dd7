"""`router`: sends each question to the cheapest rung that is likely to answer it right, and answers as that rung does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from rung.records import Answer, Json, Question, StrategySpec
from rung.records.steps import Conversation, classify
from rung.records.validation import Share, settings
from rung.strategies.protocol import Composition, Materials, Member, NotApplicable, Plan, Routing, Strategy, streams
from rung.strategies.settings import ShareOrDefault, read
from rung.text.refusals import REFUSAL

MIN_CASES = 30  # to learn from what each rung got right of them


@settings
class Settings:
    """Which rungs are chosen from, and when a cheap one is good enough.

    `over` names rungs or labels, with commas between ("" is all of the project's; a list would be a sweep). `threshold` is
    the least probability of being right with which a rung is sent a question; -1 takes, on the cases learnt from, the
    cheapest that is at most `give_up` less correct than the best rung. `otherwise`: who answers what no rung is likely to
    get right. `train_cases`: learn from the train cases too; a rung that was taught with them looks better there than it is.
    """

    over: str = ""
    threshold: ShareOrDefault = -1.0
    give_up: Share = 0.0
    otherwise: Literal["strongest", "refuse"] = "strongest"
    train_cases: bool = False

    def recipe(self) -> dict[str, Json]:
        """What the builder must know of it."""
        return {"threshold": self.threshold, "give_up": self.give_up, "otherwise": self.otherwise}

    def chosen(self, members: tuple[Member, ...]) -> list[Member]:
        """Those that `over` names."""
        names = [name.strip() for name in self.over.split(",") if name.strip()]
        return [m for m in members if not names or m.label in names or m.spec.rung in names]


@dataclass(frozen=True, slots=True)
class Router:
    """Classifies the question, then delegates."""

    name: ClassVar[str] = "router"
    about: ClassVar[str] = "a router that sends each question to the cheapest rung that can answer it"
    reference: ClassVar[bool] = False
    instructs: ClassVar[bool] = False
    spec: StrategySpec
    members: Mapping[str, Strategy]

    @classmethod
    def plan(cls, materials: Materials, settings: Mapping[str, Json]) -> Composition | NotApplicable:
        """Applies where there are cases to learn from that do not judge, and rungs to choose from."""
        chosen = read(Settings, settings, rung=cls.name)
        cases = (*materials.dev, *(materials.lessons if chosen.train_cases else ()))
        if len(cases) < MIN_CASES:
            which = "dev and train" if chosen.train_cases else "dev"
            return NotApplicable(f"the project has {len(cases)} {which} cases; it takes {MIN_CASES} to learn from")

        spec = materials.spec(cls.name, chosen)

        def composed(members: tuple[Member, ...]) -> Plan | NotApplicable:
            over = chosen.chosen(members)
            if len(over) < 2:
                there = ", ".join(m.label for m in members) or "none"
                named = ", ".join(m.label for m in over) or "none"
                return NotApplicable(f"there are fewer than two rungs to choose from: {named}; built are: {there}")
            need = Routing(tuple(over), cases, materials.schema, materials.labels, chosen.recipe())
            return Plan(replace(spec, members=tuple((member.label, member.spec) for member in over)), (need,))

        return Composition(spec.settings, composed)

    @classmethod
    def make(cls, spec: StrategySpec, members: Sequence[Strategy] = ()) -> Router:
        """The strategy of a spec over its members."""
        return cls(spec, {label: member for (label, _), member in zip(spec.members, members, strict=True)})

    @property
    def streams(self) -> bool:
        """Where all of its rungs do."""
        return all(map(streams, self.members.values()))

    def answer(self, question: Question) -> Conversation[Answer]:
        """One classification, and whatever the chosen rung asks for."""
        result = yield from classify(question.text, tuple(self.members), model=self.spec.artifacts[0])
        if result.label not in self.members:
            return Answer(REFUSAL, REFUSAL, refused=True)
        answer = yield from self.members[result.label].answer(question)
        return replace(answer, by=result.label)
