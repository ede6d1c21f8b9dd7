"""`semantic_cache`: the answer that an earlier, similar question was given, or else another rung's."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from rung.records import Answer, Case, Citation, Json, Passage, Question, StrategySpec, ToolCall, canonical, digest
from rung.records.steps import Conversation, StepFailed, search
from rung.records.validation import Share, settings
from rung.stats.risk_control import fewest_over_all
from rung.strategies.history import has_turns
from rung.strategies.protocol import AnswerIndex, Composition, Materials, Member, NotApplicable, Plan, Strategy, streams
from rung.strategies.settings import ShareOrDefault, read

CACHE = "cache"  # `Answer.by` of a hit
LASTING = frozenset({"calculator", "search"})  # tools that say the same as long as the index is the same
_SLACK = 1e-6  # of a similarity


@settings
class Settings:
    """Whose answers are kept, and how similar a question must be.

    `over` names a rung or its label; "" is the only other one. `threshold` is the least cosine of two questions with which
    the one is given the other's answer; -1 learns it on dev cases that are not remembered, so that it can be shown that at
    most `false_hits` of all questions are answered wrongly that the other rung would have answered rightly.
    """

    over: str = ""
    threshold: ShareOrDefault = -1.0
    false_hits: Share = 0.05


@dataclass(frozen=True, slots=True)
class SemanticCache:
    """Looks for a similar question among those that were answered, and delegates where there is none."""

    name: ClassVar[str] = "semantic_cache"
    about: ClassVar[str] = "another rung, with a memory that answers similar questions"
    reference: ClassVar[bool] = False
    instructs: ClassVar[bool] = False
    by_default: ClassVar[bool] = False  # tried where `rung.yaml` names it
    spec: StrategySpec
    threshold: float
    label: str
    member: Strategy

    @classmethod
    def plan(cls, materials: Materials, settings: Mapping[str, Json]) -> Composition | NotApplicable:
        """Applies where there are questions that do not judge, as many dev cases among them as it takes to learn from."""
        chosen = read(Settings, settings, rung=cls.name)
        if why := _too_few(materials, chosen):
            return NotApplicable(why)
        remembered, calibrating = _parted(materials, chosen)
        cases = tuple(case for case in (*remembered, *materials.lessons) if not has_turns(case.ask()))
        if not cases:
            return NotApplicable(
                "the project has no dev or train cases of one turn whose answers could be kept"
                + (f", beside the {len(calibrating)} dev cases that say how similar is enough" if calibrating else "")
            )
        spec = materials.spec(cls.name, chosen)

        def composed(members: tuple[Member, ...]) -> Plan | NotApplicable:
            over = [m for m in members if chosen.over in ("", m.label, m.spec.rung)]
            if len(over) != 1:
                names = ", ".join(m.label for m in members) or "none"
                return NotApplicable(f"name one rung by 'over', whose answers are kept; built are: {names}")
            if changing := _changing(over[0].spec):
                return NotApplicable(f"the answers of {over[0].label} are not kept: {changing}")
            left_out = len(materials.dev) - len(materials.dev_apart)
            need = AnswerIndex(over[0], cases, calibrating, chosen.false_hits, chosen.threshold, left_out)
            return Plan(replace(spec, members=((over[0].label, over[0].spec),)), (need,))

        return Composition(spec.settings, composed)

    @classmethod
    def make(cls, spec: StrategySpec, members: Sequence[Strategy] = ()) -> SemanticCache:
        """The strategy of a spec over its member."""
        return cls(spec, read(Settings, spec.settings, rung=cls.name).threshold, spec.members[0][0], members[0])

    @property
    def streams(self) -> bool:
        """Where the other rung does."""
        return streams(self.member)

    def answer(self, question: Question) -> Conversation[Answer]:
        """One search among the questions; where none is similar enough, whatever the other rung asks for. Where the search
        fails, too, and the answer says so."""
        failed = False
        if not has_turns(question):
            try:
                nearest = (yield from search(question.text, top=1, index=self.spec.artifacts[0])).passages
            except StepFailed:  # the memory is away: the other rung is not
                nearest, failed = (), True
            if nearest and nearest[0].score >= self.threshold - _SLACK:
                return answer_of(nearest[0].text)
        answer = yield from self.member.answer(question)
        return replace(answer, by=self.label, memory_failed=failed)


def stored(answer: Answer) -> str:
    """An answer as it is kept: JSON text."""
    return canonical(answer)


def answer_of(text: str) -> Answer:
    """The answer that was kept, as one of the cache.

    Raises:
        ValueError: the text is none.
    """
    row: dict[str, Any] = dict(json.loads(text))
    try:
        row["citations"] = tuple(Citation(**one) for one in row["citations"])
        row["calls"] = tuple(ToolCall(**one) for one in row["calls"])
        row |= {name: tuple(map(Passage.of, row[name])) for name in ("passages", "retrieved")}
        return Answer(**{**row, "by": CACHE})
    except (KeyError, TypeError) as error:
        raise ValueError(f"is no answer: {error}") from error


def _parted(materials: Materials, chosen: Settings) -> tuple[tuple[Case, ...], tuple[Case, ...]]:
    """The dev cases that are remembered, and those that say how similar is enough: half of them, or as many as it takes.

    They are apart, since dev cases that borrow from each other are wrong in pairs, which no binomial test allows for. None
    of them repeats a case that judges.
    """
    if chosen.threshold >= 0:
        return materials.dev_apart, ()
    drawn = sorted(materials.dev_apart, key=lambda case: digest("semantic_cache", materials.seed, case.id))
    count = max(fewest_over_all(chosen.false_hits), len(drawn) // 2)
    return tuple(drawn[count:]), tuple(drawn[:count])


def _too_few(materials: Materials, chosen: Settings) -> str:
    """Why nothing can be learnt from the dev cases; "" where it can, or need not."""
    if chosen.threshold >= 0:
        return ""
    if not 0 < chosen.false_hits < 1:
        return (
            "how many answers are false hits is shown for a share above 0 and below 1: give 'false_hits', or a 'threshold'"
        )
    needed = fewest_over_all(chosen.false_hits)
    if len(materials.dev_apart) >= needed:
        return ""
    return (
        f"to show that at most {chosen.false_hits:.0%} of the questions are false hits takes {needed} dev cases at least "
        f"that repeat no test case, and the project has {len(materials.dev_apart)}"
    )


def _changing(spec: StrategySpec) -> str:
    """Why the same question may be answered otherwise a little later; "" where it is not."""
    if spec.temperature:
        return "they are drawn at a temperature"
    others = sorted({tool.name for tool in spec.tools} - LASTING) if spec.rung == "tools" else []
    return f"they hang on what {others[0]} says, which changes" if others else ""
