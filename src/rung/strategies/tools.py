"""`tools`: the model may call the project's tools, in rounds, and answers with what they say.

The form of a call is the same for every model and host, and that of examples with calls (`rung.dataset.chat_tools`): JSON
between marks in the assistant's turn, the results in the next turn. What a tool does is left to `rung.tools`.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, ClassVar

from pydantic import Field

from rung.records import Answer, Asker, Example, Json, Message, Passage, Question, ToolCall, ToolSpec, canonical, digest
from rung.records.steps import Conversation, Generate, StepFailed, call_tool, generate, search
from rung.records.validation import settings
from rung.strategies.citing import finish
from rung.strategies.prompting import closed_book, constraint, instruction, short_instruction, with_tools
from rung.strategies.protocol import Adapter, FromSpec, Lesson, Materials, NotApplicable, Plan, PromptInputs
from rung.strategies.settings import Epochs, LearningRate, MaxTokens, Rank, read, recipe
from rung.strategies.tuned_model import UNTRAINABLE
from rung.text.parsing import json_of

CALL = re.compile(r"<tool_call>\s*(?P<call>.*?)\s*</tool_call>", re.S)
SEARCH = "search"  # the tool that searches the project's documents: each call is a `Search`, made for who asks
MAX_KEPT = 4_000  # characters of a result that an answer keeps
ROOM_FOR_A_CALL = 96  # tokens, beside those of an answer
NO_TOOLS = "the project names no tools (tools: [calculator])"
NO_CALLS = "no example calls a tool, so there is nothing to learn from; give examples with tool calls, or tuned: false"


@settings
class Settings:
    """How often a tool may be called for one answer, how many worked examples with calls are shown, how many passages a
    search brings, and whether an adapter has learnt the calling; rank, passes and rate 0 leave a value to the trainer."""

    rounds: Annotated[int, Field(ge=1, le=50)] = 6
    shots: Annotated[int, Field(ge=0, le=20)] = 2
    passages: Annotated[int, Field(ge=1, le=50)] = 3
    tuned: bool = False
    rank: Rank = 0
    epochs: Epochs = 0
    learning_rate: LearningRate = 0.0
    max_tokens: MaxTokens = 0


@dataclass(frozen=True, slots=True)
class Tools(FromSpec[Settings]):
    """Generates, calls what is asked for, generates on; the last turn is the answer."""

    name: ClassVar[str] = "tools"
    about: ClassVar[str] = "the model, calling tools for live values"
    reference: ClassVar[bool] = False
    streams: ClassVar[bool] = False  # calls are not the answer
    record: ClassVar[type] = Settings

    @classmethod
    def plan(cls, materials: Materials, settings: Mapping[str, Json]) -> Plan | NotApplicable:
        """Applies where the project names tools; tuned, also where examples call them and the model can learn."""
        chosen = read(Settings, settings, rung=cls.name)
        if not materials.tools:
            return NotApplicable(NO_TOOLS)
        calling = [example for example in materials.examples if _is_calling(example)]
        if not chosen.tuned:
            drawn = sorted(calling, key=lambda e: digest("worked", materials.seed, e.id))[: chosen.shots]
            turns = tuple(turn for example in drawn for turn in _turns(example.messages))
            return Plan(materials.spec(cls.name, chosen, worked=turns))
        if not materials.trainable:
            return NotApplicable(UNTRAINABLE)
        if not calling:
            return NotApplicable(NO_CALLS)
        need = Adapter(tuple(_training_chats(materials)), recipe(chosen.rank, chosen.epochs, chosen.learning_rate))
        return Plan(materials.spec(cls.name, chosen), (need,))

    def answer(self, question: Question) -> Conversation[Answer]:
        """At most `rounds` calls, each after a generation; what is said then is the answer, whatever it holds."""
        adapter = next(iter(self.spec.artifacts), "")
        system = _system(self.spec, self.spec.tools, tuned=bool(adapter))
        messages = closed_book(system, question, worked=self.spec.worked)
        room = (self.settings.max_tokens or self.spec.answer_tokens) + ROOM_FOR_A_CALL
        caller = _ToolCaller(searches=any(tool.name == SEARCH for tool in self.spec.tools), top=self.settings.passages)
        for _ in range(self.settings.rounds):
            response = yield from generate(Generate(messages, adapter=adapter, max_tokens=room))
            calls = _calls(response.text)
            if not calls:
                break
            results = []
            for call in calls:
                results.append((yield from caller.called(*_read(call["call"]))))
            messages = (*messages, Message("assistant", response.text[: calls[-1].end()]), _results(results))
        else:
            response = yield from generate(Generate(messages, adapter=adapter, max_tokens=room))
        held = constraint(self.spec)
        if held["schema"] or held["choices"]:  # a call fits neither, so only the last turn is held to the form
            response = yield from generate(Generate(messages, adapter=adapter, max_tokens=room, **held))
        answer = finish(response, schema=self.spec.schema, shown=caller.passages, retrieved=caller.passages)
        return replace(answer, calls=tuple(caller.calls))


@dataclass
class _ToolCaller:
    """The calls of one answer, and the passages that they brought: numbered through, so that each can be cited."""

    searches: bool
    top: int
    calls: list[ToolCall] = field(default_factory=list)
    passages: list[Passage] = field(default_factory=list)

    def called(self, name: str, arguments: str) -> Conversation[Json]:
        """A call's result. A tool that breaks ends no answer: the model is told, and may go on without it."""
        try:
            value = (yield from self._searched(arguments)) if self.searches and name == SEARCH else None
            if value is None:
                value = (yield from call_tool(name, arguments)).value
            failed = isinstance(value, dict) and set(value) == {"error"}
        except StepFailed as error:
            if error.failure.step != "call_tool":
                raise
            value, failed = {"error": error.failure.error}, True
        self.calls.append(ToolCall(name, arguments, canonical(value)[:MAX_KEPT], failed))
        return value

    def _searched(self, arguments: str) -> Conversation[Json]:
        given = json_of(arguments)
        query = given.get("query") if isinstance(given, dict) else None
        if not isinstance(query, str) or not query.strip():
            return {"error": "give a 'query': what to look for, in a few words"}
        lines = []
        for passage in (yield from search(query, top=self.top)).passages:
            if passage not in self.passages:
                self.passages.append(passage)
            lines.append(f"[{self.passages.index(passage) + 1}] {passage.title}\n{passage.text}")
        return "\n\n".join(lines) or "nothing was found"


def _system(given: PromptInputs, tools: Sequence[ToolSpec], *, tuned: bool) -> str:
    """The task, and unless the weights have learnt it, which tools there are and how they are called."""
    if tuned:
        return short_instruction(given)
    functions = ({"name": t.name, "description": t.description, "parameters": json.loads(t.parameters)} for t in tools)
    return with_tools(instruction(given), json.dumps([{"type": "function", "function": one} for one in functions]))


def _calls(text: str) -> list[re.Match[str]]:
    """The calls of a turn: what follows the last of those that stand together is not said yet."""
    calls: list[re.Match[str]] = []
    for call in CALL.finditer(text):
        if calls and text[calls[-1].end() : call.start()].strip():
            break
        calls.append(call)
    return calls


def _read(call: str) -> tuple[str, str]:
    """(tool, arguments as JSON text) of what stands between the marks; what is no call has no name, and is answered so."""
    try:
        value = json_of(call)
    except ValueError:
        return "", "{}"
    if not isinstance(value, dict):
        return "", "{}"
    return str(value.get("name", "")), json.dumps(value.get("arguments", {}), ensure_ascii=False)


def _results(values: Sequence[Json]) -> Message:
    """What the tools answered, as the next turn: in the user's role, because not every template and server knows another."""
    texts = (value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) for value in values)
    return Message("user", "\n".join(f"<tool_response>\n{text}\n</tool_response>" for text in texts))


def _is_calling(example: Example) -> bool:
    return any(m.role == "assistant" and CALL.search(m.content) for m in example.messages)


def _turns(messages: Sequence[Message]) -> Iterator[Message]:
    """An example's turns as serving writes them: without the system's, the tools' answers together in their marks."""
    for role, together in itertools.groupby(messages, key=lambda m: m.role):
        if role == "tool":
            yield _results([message.content for message in together])
        elif role != "system":
            yield from together


def _training_chats(materials: Materials) -> Iterator[Lesson]:
    """Every turn of the assistant is a lesson of its own: when to call, with what, and what to say then."""
    system = Message("system", _system(materials, materials.tools, tuned=True))
    for example in materials.examples:
        turns = tuple(_turns(example.messages))
        for index, turn in enumerate(turns):
            if turn.role == "assistant":
                row = Example(f"{example.id}#{index}", (system, *turns[: index + 1]))
                yield Lesson(Asker(), lambda row=row: _given(row))  # type: ignore[misc]


def _given(row: Example) -> Conversation[Example | None]:
    """A lesson that needs no step."""
    return row
    yield  # makes this a generator
