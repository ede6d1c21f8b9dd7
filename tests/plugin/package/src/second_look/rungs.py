"""`second_look`: `rag` that shows more passages when the first few did not hold the answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from rung.records import Answer, Json, Question
from rung.records.steps import Conversation, search
from rung.strategies.protocol import FromSpec, Materials, NotApplicable, Plan
from rung.strategies.rag import answer_from
from rung.strategies.settings import Retrieval, read, within


@dataclass(frozen=True, slots=True)
class Settings:
    """How many passages are shown at first, and how many at the second look."""

    first: int = 1
    second: int = 6

    def __post_init__(self) -> None:
        within("first", self.first, 1, 50)
        within("second", self.second, self.first, 50)


@dataclass(frozen=True, slots=True)
class SecondLook(FromSpec[Settings]):
    """One search; one answer from few passages; where that is a refusal, another from more."""

    name: ClassVar[str] = "second_look"
    about: ClassVar[str] = "the model with few passages, and with more where these did not hold the answer"
    reference: ClassVar[bool] = False
    record: ClassVar[type] = Settings

    @classmethod
    def plan(cls, materials: Materials, settings: Mapping[str, Json]) -> Plan | NotApplicable:
        """Applies where there are documents."""
        chosen = read(Settings, settings, rung=cls.name)
        if not materials.has_documents:
            return NotApplicable("the project has no documents")
        return Plan(materials.spec(cls.name, chosen))

    def answer(self, question: Question) -> Conversation[Answer]:
        """Search, answer, and answer again if need be."""
        ranking = yield from search(question.text, top=self.settings.second)
        few, many = (Retrieval(passages=n, candidates=50) for n in (self.settings.first, self.settings.second))
        answer = yield from answer_from(self.spec, question, ranking.passages, few)
        if not answer.refused:
            return answer
        return (yield from answer_from(self.spec, question, ranking.passages, many))
