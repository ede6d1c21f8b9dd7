"""`multi_hop`: answers from scattered documents, by searching in turns; each follows what the one before has brought."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from rung.records import Answer, Citation, Json, Passage, Question
from rung.records.steps import Conversation
from rung.records.validation import Share, settings
from rung.strategies.citing import reworded
from rung.strategies.history import Standalone, standalone
from rung.strategies.hop_budget import ASCII_PER_TOKEN, Budget, estimated_tokens
from rung.strategies.hopping import METHODS, Way
from rung.strategies.map_reduce import answer_across
from rung.strategies.prompting import grounding, instruction, worked_examples
from rung.strategies.protocol import FromSpec, Materials, NotApplicable, Plan
from rung.strategies.rag import answer_from
from rung.strategies.retrieving import unsearchable
from rung.strategies.self_check import Check, looked_over, looks_over, with_threshold
from rung.strategies.settings import History, MaxTokens, Retrieval, ShareOrDefault, Shots, read, retrieval_of, within
from rung.text.support import MARK

HISTORY_SHARE = 0.2  # of the tokens, for earlier turns at most


@settings
class Settings:
    """How the next search is worded (`method`), for how many rounds, and what one answer may use: so many `searches` at
    most, and `tokens` of all prompts and replies together, half of which are reserved for the answer. The rest as for `rag`.

    "bridge": by what the best passages name, without a model. "ircot": by the model's next thought. "decompose": by the
    questions that the model splits the question into. "map_reduce" searches once, asks documents one by one, at most `asks`
    times, and puts the answers together.
    """

    method: Literal["bridge", "ircot", "decompose", "map_reduce"] = "bridge"
    hops: Annotated[int, Field(ge=1, le=8)] = 2
    searches: Annotated[int, Field(ge=1, le=200)] = 16
    tokens: Annotated[int, Field(ge=256, le=1_000_000)] = 4096
    asks: Annotated[int, Field(ge=1, le=1000)] = 16
    candidates: Annotated[int, Field(ge=1, le=1000)] = 20
    passages: Annotated[int, Field(ge=1)] = 5
    history: History = "join"
    dense_weight: ShareOrDefault = -1
    rerank: bool = False
    shots: Shots = 0
    max_tokens: MaxTokens = 0
    check: Check = "none"
    refuse_below: Share = 0.0
    wrong_at_most: Share = 0.0

    def __post_init__(self) -> None:
        within("passages", self.passages, 1, self.candidates)


@dataclass(frozen=True, slots=True)
class MultiHop(FromSpec[Settings]):
    """Searches in turns, shows the best passages of all of them, and answers from them alone."""

    name: ClassVar[str] = "multi_hop"
    about: ClassVar[str] = "the model with passages that were found in several rounds, each following the one before"
    reference: ClassVar[bool] = False
    streams: ClassVar[bool] = False  # marks of what led to a passage are added to the answer
    record: ClassVar[type] = Settings

    @classmethod
    def plan(cls, materials: Materials, settings: Mapping[str, Json]) -> Plan | NotApplicable:
        """Applies where there are documents, and the tokens have room for the instruction, one passage and the answer."""
        chosen = read(Settings, settings, rung=cls.name)
        if missing := unsearchable(materials, rerank=chosen.rerank):
            return missing
        worked = worked_examples(materials, chosen.shots, with_passages=True)
        spec = materials.spec(cls.name, chosen, worked=worked)
        texts = (instruction(spec), grounding(spec), *(message.content for message in worked))
        needed = sum(map(estimated_tokens, texts)) + (chosen.max_tokens or spec.answer_tokens)
        if needed > chosen.tokens / 2:
            return NotApplicable(
                f"instruction, worked examples and answer take about {needed:,.0f} tokens, more than half of its setting "
                f"'tokens' ({chosen.tokens:,}); give it more"
            )
        plan = Plan(spec)
        return with_threshold(plan, materials, chosen.wrong_at_most) if looks_over(chosen) else plan

    @property
    def history_characters(self) -> int:
        """Of earlier turns at most (`WithinContext`), so that the tokens reach for passages too."""
        return int(self.settings.tokens * HISTORY_SHARE * ASCII_PER_TOKEN)

    def answer(self, question: Question) -> Conversation[Answer]:
        """Search in turns, generate once from the best passages, cite them and what led to them."""
        chosen, budget = self.settings, Budget.of(self.settings.searches, self.settings.tokens)
        asked = yield from standalone(question, chosen.history, budget.generate)
        retrieval = retrieval_of(chosen)
        if chosen.method == "map_reduce":
            answer = yield from answer_across(self.spec, question, asked, budget, retrieval, asks=chosen.asks)
        else:
            answer = yield from self._in_turns(question, asked, budget, retrieval)
        return looked_over(question, answer, chosen.check, chosen.refuse_below)

    def _in_turns(self, question: Question, asked: Standalone, budget: Budget, retrieval: Retrieval) -> Conversation[Answer]:
        chosen = self.settings
        way = Way(self.spec, retrieval, chosen.hops, asked.beside)
        hops = yield from METHODS[chosen.method](asked.alone, way, budget)
        room = budget.context_for(hops.ranking[: chosen.passages], chosen.max_tokens or self.spec.answer_tokens)
        limit = min(room, self.spec.context_tokens) if self.spec.context_tokens else room
        answer = yield from answer_from(replace(self.spec, context_tokens=limit), question, hops.ranking, retrieval)
        return with_evidence(answer, hops.before, schema=self.spec.schema)


def with_evidence(answer: Answer, before: Mapping[str, tuple[str, ...]], *, schema: str = "") -> Answer:
    """The answer, citing with each passage those shown that led to it: `[2]` becomes `[1, 2]`.

    With a schema the text stays as it is, and the citations are added.
    """
    if answer.refused or not answer.citations:
        return answer
    numbers = {passage.id: number for number, passage in enumerate(answer.passages, 1)}
    led = {
        number: [numbers[id] for id in before.get(p.id, ()) if id in numbers] for number, p in enumerate(answer.passages, 1)
    }
    if schema:
        cited = {citation.mark for citation in answer.citations}
        further = dict.fromkeys(n for mark in sorted(cited) for n in led[mark] if n not in cited)
        return replace(answer, citations=(*answer.citations, *(_whole(n, answer.passages[n - 1]) for n in further)))
    text = MARK.sub(lambda match: _marks(match, led), answer.text)
    return answer if text == answer.text else reworded(answer, text)


def _marks(match: re.Match[str], led: Mapping[int, list[int]]) -> str:
    marks = [int(mark) for mark in match[1].split(",")]
    further = dict.fromkeys(n for mark in marks for n in (*led.get(mark, ()), mark))
    start, end = match.span(1)
    offset = match.start()
    return f"{match[0][: start - offset]}{', '.join(map(str, further))}{match[0][end - offset :]}"


def _whole(number: int, passage: Passage) -> Citation:
    return Citation(number, passage.document, passage.start, passage.end, passage.id)
