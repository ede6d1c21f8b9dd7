"""`function`: a system of your own, a Python function that is asked the question, with the passages of a search if it wants
them.

Its model is the function (`python:…`), which no other rung of the project asks. What it costs is not known here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field

from rung.records import Answer, Json, Passage, Question
from rung.records.asked import as_messages
from rung.records.steps import Conversation, Generate, generate, search
from rung.records.validation import settings
from rung.strategies.citing import finish
from rung.strategies.protocol import FromSpec, Materials, NotApplicable, Plan
from rung.strategies.retrieving import NO_DOCUMENTS
from rung.strategies.settings import read

CANDIDATES = 20  # passages that are searched for, so that its ranking is judged as those of other rungs


@settings
class Settings:
    """How many passages the function is given; 0: it does not ask for any, and nothing is searched."""

    passages: Annotated[int, Field(ge=0, le=1000)] = 0


@dataclass(frozen=True, slots=True)
class Function(FromSpec[Settings]):
    """Asks the function, and takes what it says as the answer; marks such as [1] cite the passages that it was given."""

    name: ClassVar[str] = "function"
    about: ClassVar[str] = "a Python function of yours, asked the question"
    reference: ClassVar[bool] = False
    record: ClassVar[type] = Settings
    by_default: ClassVar[bool] = False  # tried where `rung.yaml` names it
    asks_functions: ClassVar[bool] = True

    @classmethod
    def plan(cls, materials: Materials, settings: Mapping[str, Json]) -> Plan | NotApplicable:
        """Applies, but where it wants passages, to projects with documents alone."""
        chosen = read(Settings, settings, rung=cls.name)
        if chosen.passages and not materials.has_documents:
            return NotApplicable(NO_DOCUMENTS)
        return Plan(materials.spec(cls.name, chosen))

    def answer(self, question: Question) -> Conversation[Answer]:
        """Search, where passages are wanted, and ask."""
        most = self.settings.passages
        ranking: tuple[Passage, ...] = ()
        if most:
            ranking = (yield from search(question.text, top=max(CANDIDATES, most))).passages
        shown = ranking[:most]
        response = yield from generate(Generate(as_messages(question, shown)))
        return finish(response, schema=self.spec.schema, shown=shown, retrieved=ranking)
