"""What a row teaches: OpenAI chat, ShareGPT, Alpaca or prompt and completion, told apart by their keys; all become chats.

Where rows come from is left to `files`, pairs and triplets for the retriever to `pairs`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from itertools import groupby

from rung.dataset.chat_tools import call_of, in_order, said_with, tools_text
from rung.dataset.drafted_rows import rejection
from rung.dataset.share_rows import said_and_called, split_results
from rung.records import Example, Json, Message, digest
from rung.text.parsing import Malformed, json_of

KNOWN = (
    *("id", "messages", "tools", "source", "licence", "author", "generated_by", "approved_by", "approved_at", "digest"),
    *("drafted_by", "meta"),
)
ROLES = {
    **{"system": "system", "developer": "system"},
    **{"user": "user", "human": "user", "prompter": "user"},
    **{"assistant": "assistant", "gpt": "assistant", "chatgpt": "assistant", "model": "assistant", "bot": "assistant"},
    **{"tool": "tool", "function": "tool", "observation": "tool", "function_response": "tool", "ipython": "tool"},
    **{"function_call": "assistant", "tool_call": "assistant"},
}
# Names of the two sides of a row, in pairs: which are taken is decided by both being there.
SIDES = (
    *(("prompt", "completion"), ("prompt", "response"), ("prompt", "output"), ("prompt", "answer")),
    *(("input", "output"), ("input", "target"), ("input", "completion"), ("input", "label"), ("input", "response")),
    *(("question", "answer"), ("query", "response"), ("query", "answer"), ("question", "response")),
    *(("source_text", "target_text"), ("text", "label"), ("text", "intent"), ("utterance", "intent"), ("user", "assistant")),
)
PAIRED = ("anchor", "positive")
_ALSO = {
    "licence": ("license",),
    "generated_by": ("model",),
    "source": (),
    "author": (),
    "approved_by": (),
    "approved_at": (),
}


def example_of(row: Mapping[str, Json], location: str) -> Example:
    """A row of any form as an example; its output may be empty (`flaw`).

    Raises:
        ValueError: it is of no known form, or not what its form wants; says what.
    """
    form = form_of(row)
    if form is None:
        keys = ", ".join(f"'{key}'" for key in list(row)[:6])
        raise ValueError(
            "is no example: it needs 'messages' (OpenAI chat), 'conversations' (ShareGPT), "
            "'instruction' and 'output' (Alpaca), "
            f"or 'prompt' and 'completion', found {keys or 'nothing'}"
        )
    messages = form(row)
    try:
        "".join(m.content for m in messages).encode()
    except UnicodeEncodeError:
        raise ValueError("holds half of a character (a lone surrogate): write the text anew") from None
    if not messages:
        raise ValueError("holds no turn: a chat ends with the assistant's answer")
    tools = tools_text(row.get("tools"))
    provenance = {key: _stated(row, key) for key in _ALSO}
    example = Example(
        id=id_of(row, *((m.role, m.content) for m in messages)),
        messages=messages,
        tools=tools,
        meta=meta_of(row),
        place=location,
        **provenance,
    )
    _check_approval(row, example)
    return example


def form_of(row: Mapping[str, Json]) -> Callable[[Mapping[str, Json]], tuple[Message, ...]] | None:
    """What reads this row; None where it is of no known form."""
    if "messages" in row:
        return lambda row: messages_of(row["messages"], "messages")
    for key in ("conversations", "conversation"):
        if key in row:
            return lambda row, key=key: (*_system(row), *messages_of(row[key], key))  # type: ignore[misc]
    names = _plain_names(row)
    if "instruction" in names and "output" in names:
        return _alpaca
    for one, other in SIDES:
        if one in names and other in names:
            return lambda row, one=names[one], other=names[other]: _two_sides(row, one, other)  # type: ignore[misc]
    return None


def keys_read(row: Mapping[str, Json]) -> frozenset[str]:
    """The keys of a row that are read, whatever form it is of; the others are lost."""
    names = _plain_names(row)
    sides: tuple[str, ...] = ("messages", "conversations", "conversation")
    if not any(key in row for key in sides):
        alpaca = ("instruction", "input", "output", "history")
        is_alpaca = "instruction" in names and "output" in names
        sides = alpaca if is_alpaca else next((pair for pair in SIDES if pair[0] in names and pair[1] in names), ())
    also = (other for others in _ALSO.values() for other in others)
    return frozenset((*KNOWN, *also, "system", "system_prompt", *(names.get(side, side) for side in sides)))


def sides_of(row: Mapping[str, Json]) -> tuple[str, str]:
    """(key of what is asked, key of what is answered) of a row, one key of a chat; "" where it is of no known form."""
    if chat := next((key for key in ("messages", "conversations", "conversation") if key in row), ""):
        return chat, chat
    names = _plain_names(row)
    pairs = (("instruction", "output"), *SIDES)
    one, other = next((pair for pair in pairs if pair[0] in names and pair[1] in names), ("", ""))
    return names.get(one, ""), names.get(other, "")


def _plain_names(row: Mapping[str, Json]) -> dict[str, str]:
    """The keys of a row by their names as names are compared."""
    return {key.strip().casefold().replace(" ", "_"): key for key in row}


def is_pair(row: Mapping[str, Json]) -> bool:
    """Whether a row is a pair or a triplet for the retriever, which teaches no behaviour."""
    return form_of(row) is None and PAIRED[0] in row and PAIRED[1] in row


def flaw(example: Example, row: Mapping[str, Json] | None = None) -> str:
    """Why an example can teach nothing; "" where it can. `row`: the one that it was made of, whose keys are named."""
    asks, answers = (f"'{key}'" if key else "it" for key in (sides_of(row) if row is not None else ("", "")))
    last = example.messages[-1] if example.messages else Message("", "")
    if last.role != "assistant":
        return f"{answers} must be a chat that ends with the assistant's answer"
    if not last.content.strip():
        return "the assistant's answer is empty"
    if not any(m.role == "user" and m.content.strip() for m in example.messages):
        return f"{asks} has no user turn with text: the input is empty"
    return ""


def messages_of(value: Json, key: str = "messages") -> tuple[Message, ...]:
    """Turns of an OpenAI chat or of ShareGPT, calls of tools as text (`tools`).

    Raises:
        ValueError: a turn has no known role, or content that is no text.
    """
    if not isinstance(value, list):
        raise ValueError(f"'{key}' must be a list of {{role, content}}")
    turns = [_turn(turn) for turn in split_results(value)]
    last = value[-1] if value else None
    if isinstance(last, dict) and last.get("weight") == 0:
        raise ValueError("its last turn has weight 0: nothing in it is to be learnt")
    return tuple(_merged(turns))


def id_of(row: Mapping[str, Json], *made_of: object) -> str:
    """The row's id; else one made of its content.

    Raises:
        ValueError: it is neither text nor a whole number.
    """
    id = row.get("id")
    if id is None or id == "":
        return digest([str(m) for m in made_of])[:16]
    if isinstance(id, float) and id.is_integer():
        id = int(id)  # as tables write whole numbers where others are missing
    if not isinstance(id, (str, int)) or isinstance(id, bool):
        raise ValueError(f"'id' must be text or a whole number, found {id!r}")
    return str(id)


def meta_of(row: Mapping[str, Json]) -> dict[str, Json]:
    """The row's own object.

    Raises:
        ValueError: it is no object.
    """
    meta: Json = row.get("meta") or {}
    if isinstance(meta, str):  # as ShareGPT rows have it
        with suppress(Malformed):
            meta = json_of(meta)
    if not isinstance(meta, dict):
        raise ValueError(f"'meta' must be an object, found {meta!r}")
    return meta


Turn = tuple[Message, tuple[str, ...], str]  # the turn, names of its calls, name of the call that it answers


def _turn(turn: Json) -> Turn:
    fields = turn if isinstance(turn, dict) else {}
    named = fields.get("role", fields.get("from"))
    role = ROLES.get(str(named))
    content = _text(fields.get("content", fields.get("value")))
    calls = fields.get("tool_calls") or ([fields["function_call"]] if fields.get("function_call") else [])
    if role is None or (content is None and not (role == "assistant" and ("content" in fields or calls))):
        raise ValueError(f"each message needs a role (system, user, assistant, tool) and text content, found {turn!r}"[:300])
    if not isinstance(calls, list):
        raise ValueError("'tool_calls' must be a list")
    if named in ("function_call", "tool_call"):
        content, written = said_and_called(content or "")
        calls = _parsed(written)
    called = [call_of(call) for call in calls]
    ids = tuple(str(call.get("id", "")) for call in calls if isinstance(call, dict))
    answered = str(fields.get("tool_call_id") or "")
    return Message(role, said_with(content or "", called) if called else content or ""), ids, answered


def _parsed(content: str) -> list[Json]:
    """The calls of a ShareGPT turn: one JSON object, or a list of them."""
    try:
        value = json_of(content)
    except Malformed as error:
        raise ValueError(f"a function_call turn is no JSON: {error}") from error
    return value if isinstance(value, list) else [value]


def _merged(turns: Sequence[Turn]) -> Iterator[Message]:
    """Turns with one role after the other: what is said and then called is one turn, results stand in their calls' order."""
    called: tuple[str, ...] = ()
    for role, group in groupby(turns, key=lambda turn: turn[0].role):
        some = list(group)
        if role == "assistant":
            called = tuple(id for _, ids, _ in some for id in ids)
            yield Message(role, "\n".join(m.content for m, _, _ in some if m.content))
        elif role == "tool":
            yield from in_order([(answered, m) for m, _, answered in some], [id for id in called if id])
        else:
            yield from (m for m, _, _ in some)


def _text(value: Json) -> str | None:
    """Content as text: parts of it that are text are put together; None where it is none.

    Raises:
        ValueError: a part is no text, an image say.
    """
    if isinstance(value, list):
        for part in value:
            if not isinstance(part, dict) or part.get("type") != "text" or not isinstance(part.get("text"), str):
                kind = part.get("type") if isinstance(part, dict) else type(part).__name__
                raise ValueError(f"content of kind '{kind}' cannot be learnt: only text can")
        return "".join(str(part["text"]) for part in value if isinstance(part, dict))
    return value if isinstance(value, str) else None


def _alpaca(row: Mapping[str, Json]) -> tuple[Message, ...]:
    instruction, more = _side(row, "instruction"), _side(row, "input") if row.get("input") is not None else ""
    turns: list[Message] = []
    earlier = row.get("history") or []
    for turn in earlier if isinstance(earlier, list) else []:
        if isinstance(turn, list) and len(turn) == 2:
            turns += [Message("user", str(turn[0])), Message("assistant", str(turn[1]))]
    asked = "\n\n".join(part for part in (instruction, more) if part.strip())
    return (*_system(row), *turns, Message("user", asked), Message("assistant", _side(row, "output")))


def _two_sides(row: Mapping[str, Json], one: str, other: str) -> tuple[Message, ...]:
    """Prompt and completion: texts, or chats as TRL keeps them."""
    first, last = row[one], row[other]
    if isinstance(first, list) or isinstance(last, list):
        before = messages_of(first, one) if isinstance(first, list) else (Message("user", _side(row, one)),)
        after = messages_of(last, other) if isinstance(last, list) else (Message("assistant", _side(row, other)),)
        return (*_system(row), *before, *after)
    return (*_system(row), Message("user", _side(row, one)), Message("assistant", _side(row, other)))


def _side(row: Mapping[str, Json], key: str) -> str:
    """A text; JSON that stands where text should is taken as its text, nothing as empty."""
    from json import dumps

    value = row[key]
    return value if isinstance(value, str) else "" if value is None else dumps(value, ensure_ascii=False)


def _system(row: Mapping[str, Json]) -> tuple[Message, ...]:
    system = row.get("system", row.get("system_prompt"))
    return (Message("system", system),) if isinstance(system, str) and system.strip() else ()


def _stated(row: Mapping[str, Json], key: str) -> str:
    value = next((row[name] for name in (key, *_ALSO[key]) if row.get(name) is not None), "")
    return str(value).strip()


def _check_approval(row: Mapping[str, Json], example: Example) -> None:
    """Raises `ValueError` where it is a draft without one, the approval is no date, or is of another text."""
    if row.get("drafted_by") and not example.approved_by:
        waits = f"is a draft by {row['drafted_by']}: 'rung review' shows it to a person; until then it teaches nothing"
        raise ValueError(rejection(row) or waits)
    if example.approved_at and not _is_time(example.approved_at):
        raise ValueError(f"'approved_at' must be a date such as 2026-03-01, found '{example.approved_at}'")
    pinned = row.get("digest")
    if example.approved_by and isinstance(pinned, str) and pinned and not example.digest.startswith(pinned):
        raise ValueError(
            f"was changed after {example.approved_by} approved it (its digest is another): look at it "
            f"again, then remove 'digest'"
        )


def _is_time(text: str) -> bool:
    for parse in (date.fromisoformat, datetime.fromisoformat):
        try:
            parse(text)
        except ValueError:
            continue
        return True
    return False
