"""A chat of a client as a question: the last turn asks, those before it are its earlier turns.

The instruction is the project's, and was measured with the rest of the strategy, so a client's own is refused by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from rung.models.protocol import Generator
from rung.records import Message, Question
from rung.serving.refusal import NotAnswered, invalid, readable, unsupported

ROLES = ("user", "assistant")
OWN_INSTRUCTION = "the project's own instruction was measured and is served; leave this message out"


class Body(BaseModel):
    """What a client sends, taken strictly: a parameter that is not here is refused by name."""

    model_config = ConfigDict(extra="forbid", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, value: Any) -> Any:
        return {name: given for name, given in value.items() if given is not None} if isinstance(value, Mapping) else value


class TextPart(Body):
    """A part of a message that is text."""

    type: Literal["text"]
    text: str


def _only_text(value: Any) -> Any:
    """Say which part is none, by its name, before its fields are looked at."""
    if isinstance(value, list):
        for part in value:
            kind = part.get("type") if isinstance(part, Mapping) else None
            if isinstance(kind, str) and kind != "text":
                raise ValueError(f"a part of type '{kind}' is not supported: strategies read text")
    return value


class Turn(Body):
    """One turn of a chat. Images, sounds and files are refused: strategies read text."""

    role: str
    content: Annotated[str | list[TextPart], BeforeValidator(_only_text)] = Field(union_mode="left_to_right")

    @model_validator(mode="before")
    @classmethod
    def _without_own_output(cls, value: Any) -> Any:
        """An assistant's turn may come back as it was sent: what stands beside its text is left out."""
        if isinstance(value, Mapping) and value.get("role") == "assistant":
            return {name: given for name, given in value.items() if name not in ("annotations", "rung", "refusal")}
        return value

    @property
    def text(self) -> str:
        """All of its text."""
        return self.content if isinstance(self.content, str) else "".join(part.text for part in self.content)


def without_neutral(value: Any, neutral: Mapping[str, object]) -> Any:
    """A body without the parameters that say what is done anyway."""
    if not isinstance(value, Mapping):
        return value

    def changes_nothing(name: str, given: object) -> bool:
        if name not in neutral or isinstance(given, bool) != isinstance(neutral[name], bool):
            return False
        return bool(given == neutral[name])

    return {name: given for name, given in value.items() if not changes_nothing(name, given)}


def question_of(turns: list[Turn], model: Generator) -> Question:
    """The question that a chat ends with, for a model.

    Raises:
        NotAnswered: it has none, a turn that is not taken, or more tokens than the model could be shown by any strategy.
    """
    if not turns:
        raise invalid("'messages' is empty: the last message asks", "messages")
    for index, turn in enumerate(turns):
        if turn.role in ("system", "developer"):
            raise unsupported(f"messages[{index}].role", f"'{turn.role}': {OWN_INSTRUCTION}")
        if turn.role not in ROLES:
            raise unsupported(f"messages[{index}].role", f"'{turn.role}' is none of {', '.join(ROLES)}")
        if not turn.text.strip():
            raise invalid(f"messages[{index}] has no text", f"messages[{index}].content")
    if turns[-1].role != "user":
        raise invalid("the last message must be the user's: it asks", f"messages[{len(turns) - 1}].role")
    earlier = tuple(Message(turn.role, readable(turn.text)) for turn in turns[:-1])
    question = Question("asked", readable(turns[-1].text), earlier)
    tokens, context = sum(model.count_tokens([*(m.content for m in earlier), question.text])), model.context_tokens
    if tokens >= context:
        message = f"the messages have {tokens:,} tokens, and the model takes {context:,} with its answer"
        raise NotAnswered(400, message, param="messages", code="context_length_exceeded")
    return question


def stop_of(given: Sequence[str] | None, param: str, form: str) -> tuple[str, ...]:
    """The sequences that end a text.

    Raises:
        NotAnswered: they are more than 4, or one is empty.
    """
    stop = tuple(given or ())
    if len(stop) > 4 or not all(stop):
        raise invalid(f"'{param}' is {form} of at most 4 texts, none of them empty", param)
    return stop
