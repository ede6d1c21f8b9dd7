"""A chat of a client as a question: the last turn asks, those before it are its earlier turns.

The instruction is the project's, and was measured with the rest of the strategy. A client's own stands behind it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema

from rung.records import Json, Message, Question
from rung.serving.refusal import NotAnswered, invalid, readable, unsupported

if TYPE_CHECKING:
    from rung.serving.deployments import Deployment

INSTRUCTING = ("system", "developer")
ROLES = ("user", "assistant", *INSTRUCTING)
MAX_NOTE = 512  # characters of what a client says of a request
Note = Annotated[str, Field(max_length=MAX_NOTE)]
Metadata = Annotated[dict[Annotated[str, Field(max_length=64)], Note], Field(max_length=16)]


class Body(BaseModel):
    """What a client sends, taken strictly: a parameter that is not here is refused by name. Null is as left out.

    `neutral` has parameters that say what is done anyway, and are taken where they do.
    """

    model_config = ConfigDict(extra="forbid", strict=True)
    neutral: ClassVar[Mapping[str, Any]] = {}

    @model_validator(mode="before")
    @classmethod
    def _without_what_changes_nothing(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        return {name: given for name, given in value.items() if given is not None and not _is_neutral(cls, name, given)}

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """As it is taken: what may be left out may be null, and neutral parameters are told with their one value."""
        written = handler(core)
        schema = handler.resolve_ref_schema(written)
        for name, one in schema.get("properties", {}).items():
            if name not in schema.get("required", ()) and {"type": "null"} not in one.get("anyOf", ()):
                schema["properties"][name] = {"anyOf": [one, {"type": "null"}]}
        for name, value in cls.neutral.items():
            schema["properties"].setdefault(name, {"enum": [value, None]})
        return written


def _is_neutral(body: type[Body], name: str, given: object) -> bool:
    if name not in body.neutral or isinstance(given, bool) != isinstance(body.neutral[name], bool):
        return False
    members = {key: one for key, one in given.items() if one is not None} if isinstance(given, Mapping) else given
    return bool(members == body.neutral[name])


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

    role: str = Field(json_schema_extra={"enum": list(ROLES)})
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


@dataclass(frozen=True, slots=True)
class Chat:
    """What a chat asks, and a client's own instruction for the answer; "" where it has none."""

    question: Question
    instruction: str = ""


def chat_of(turns: Sequence[Turn], deployment: Deployment, *, instruction: str = "", where: str = "messages") -> Chat:
    """The question that a chat ends with, for a deployment.

    Args:
        turns: the last asks; system messages are an instruction, wherever they stand.
        deployment: who is asked.
        instruction: of the client, where its API has a place for one beside the turns.
        where: what the API calls the turns.

    Raises:
        NotAnswered: it has no question, a turn that is not taken, an instruction that the deployment reads not, or a last
            turn that has more tokens than the model could be shown by any strategy. Earlier turns that do not fit are left
            out by the strategy, the oldest first.
    """
    if not turns:
        raise invalid(f"'{where}' is empty: the last message asks", where)
    own = [instruction] if instruction.strip() else []
    for index, turn in enumerate(turns):
        if turn.role not in ROLES:
            raise unsupported(f"{where}[{index}].role", f"'{turn.role}' is none of {', '.join(ROLES)}")
        if not turn.text.strip():
            raise invalid(f"{where}[{index}] has no text", f"{where}[{index}].content")
        if turn.role in INSTRUCTING:
            own.append(turn.text)
            if not deployment.takes_instruction:
                raise unsupported(f"{where}[{index}].role", f"'{turn.role}': {no_instruction(deployment)}")
    if turns[-1].role != "user":
        raise invalid("the last message must be the user's: it asks", f"{where}[{len(turns) - 1}].role")
    earlier = tuple(Message(turn.role, readable(turn.text)) for turn in turns[:-1] if turn.role not in INSTRUCTING)
    question = Question("asked", readable(turns[-1].text), earlier)
    texts = [*own, question.text]
    context = deployment.generator.context_tokens
    longest = sum(len(text.encode()) + 1 for text in texts)  # a token has a byte at least, beside a space that begins a text
    if longest >= context and (tokens := sum(deployment.generator.count_tokens(texts))) >= context:
        message = f"the last message and its instruction have {tokens:,} tokens; the model takes {context:,} with its answer"
        raise NotAnswered(400, message, param=where, code="context_length_exceeded")
    return Chat(question, readable("\n".join(text.strip() for text in own)))


def no_instruction(deployment: Deployment) -> str:
    """Why a client's own instruction is refused."""
    return f"who answers for '{deployment.name}' reads no instruction, or is chosen anew for each question"


def notes_of(user: str | None = None, metadata: Mapping[str, str] | None = None) -> dict[str, Json]:
    """What a client says of a request, for those who read what was said of its answer."""
    notes: dict[str, Json] = {"user": readable(user)} if user else {}
    if metadata:
        notes["metadata"] = {readable(name): readable(value) for name, value in metadata.items()}
    return notes


def stop_of(given: Sequence[str] | None, param: str, form: str) -> tuple[str, ...]:
    """The sequences that end a text.

    Raises:
        NotAnswered: they are more than 4, or one is empty.
    """
    stop = tuple(given or ())
    if len(stop) > 4 or not all(stop):
        raise invalid(f"'{param}' is {form} of at most 4 texts, none of them empty", param)
    return stop
