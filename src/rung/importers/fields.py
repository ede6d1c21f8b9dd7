"""Values of a row by their names, whichever of several a tool uses; chats of other tools as question and earlier turns."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

from rung.dataset.formats import ROLES
from rung.records import Json
from rung.text.parsing import Malformed, json_of

# What columns and variables are called, the surest first.
QUESTIONS = (
    *(
        "question",
        "user_input",
        "query",
        "input",
        "prompt",
        "user_question",
        "user_query",
        "user_message",
        "input_text",
        "message",
    ),
    *("instruction", "utterance", "user", "text", "q", "title", "topic", "frage", "pregunta", "domanda"),
)
ANSWERS = (
    *(
        "answers",
        "answer",
        "expected_answer",
        "expected_output",
        "expected",
        "reference_answer",
        "reference",
        "ground_truth",
    ),
    *("ground_truths", "groundtruth", "ideal", "ideal_answer", "correct_answer", "best_answer", "target", "gold", "output"),
    *("reference_output", "reference_outputs", "completion", "response", "label", "intent", "category", "a", "antwort"),
    *(
        "respuesta",
        "risposta",
        "réponse",
        "reponse",
        "answer_key",
        "correct_option",
        "answer_index",
        "answer_idx",
        "sql",
        "labels",
    ),
)
CONTEXTS = (
    *("context", "contexts", "reference_contexts", "passage", "passages", "document", "documents", "source_text"),
    *("kontext", "dokument", "dokumente", "contexto", "documento", "documentos", "contesto", "documenti", "contexte"),
)
IDS = ("id", "_id", "case_id", "question_id", "qid", "query_id", "uuid")


def name_in(names: Iterable[str], options: Sequence[str]) -> str:
    """The first of the options that is there, whatever its case and marks between words; "" where none is."""
    there = {plain_name(name): name for name in reversed(list(names))}
    return next((there[option] for option in options if option in there), "")


def plain_name(name: str) -> str:
    """A column's name as names are compared: `expectedOutput`, `Expected Output` and `expected-output` are one."""
    apart = "".join(f"_{c}" if c.isupper() and n and name[n - 1].islower() else c for n, c in enumerate(name.strip()))
    return "_".join(apart.casefold().replace("-", " ").replace("_", " ").split())


def words(value: Json) -> str:
    """A value as text: texts as they are, others as their JSON, nothing as ""."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def texts(value: Json) -> list[str]:
    """A text, or a list of them, as the list of those that say something."""
    listed = value if isinstance(value, list) else [value]
    return [text for one in listed if (text := words(one)).strip()]


def cell_texts(value: Json, *, numbers: bool = False) -> list[str]:
    """As `texts`; a cell that holds a list as JSON or Python write it is that list.

    Args:
        value: the cell.
        numbers: a list of nothing but numbers is one, too; else `[1, 2]` is a text.
    """
    if isinstance(value, str) and value.strip()[:1] == "[" and value.strip()[-1:] == "]":
        parsed = listed_in(value)
        if parsed is not None and (numbers or not parsed or not all(isinstance(one, (int, float)) for one in parsed)):
            return texts(parsed)
    return texts(value)


def listed_in(text: str) -> list[Json] | None:
    """The list that a cell holds as text, as JSON or as Python's repr of texts and numbers; None where it is none."""
    try:
        value = json_of(text)
    except Malformed:
        try:
            value = ast.literal_eval(text.strip())
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return None
        if not isinstance(value, list) or not all(isinstance(one, (str, int, float)) for one in value):
            return None
    return value if isinstance(value, list) else None


def unquoted(value: Json) -> Json:
    """The text that a cell holds as JSON, in quotes, as some exports write every text; any other value as it is."""
    if isinstance(value, str) and len(value) > 1 and value[0] == value[-1] == '"':
        with suppress(Malformed):
            return json_of(value)
    return value


def object_of(value: Json) -> dict[str, Json]:
    """The value where it is an object, or the text of one; else an empty one."""
    if isinstance(value, str) and value.strip().startswith("{"):
        try:
            value = json_of(value)
        except Malformed:
            return {}
    return value if isinstance(value, dict) else {}


def objects_in(value: Json) -> list[dict[str, Json]]:
    """The objects of a list; none of what is no list."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


REASONED = "what the model reasoned is not taken"
REASONING = ("reasoning_content", "reasoning", "reasoning_details", "thinking", "thought")


def of_reasoning(value: Json) -> tuple[str, ...]:
    """The note that a row's reasoning is left out, where turns, parts or items in it are some or hold some."""
    match value:
        case list():
            return next((note for one in value if (note := of_reasoning(one))), ())
        case dict():
            is_item = value.get("type") in REASONING or value.get("thought") is True
            holds = any(isinstance(value.get(key), (str, list)) and value[key] for key in REASONING)
            return (REASONED,) if is_item or holds else of_reasoning([one for one in value.values() if one])
    return ()


def content_text(value: Json) -> str:
    """The text of a turn's content: a text, or the text parts of a list.

    Raises:
        ValueError: a part is no text, an image say.
    """
    if isinstance(value, list):
        pieces = []
        for part in value:
            kind = part.get("type", "text") if isinstance(part, dict) else "text"
            text = part.get("text") if isinstance(part, dict) else part
            if kind not in ("text", "input_text", "output_text") or not isinstance(text, str):
                raise ValueError(f"holds content of kind '{kind}': only text is taken")
            pieces.append(text)
        return "".join(pieces)
    if value is None or isinstance(value, str):
        return value or ""
    raise ValueError(f"holds content that is no text: {words(value)[:60]}")


_OF_CALLS = ("tool_calls", "function_call", "tool_call_id")


def chat_turns(value: Json, *, calls: bool = False) -> list[dict[str, Json]]:
    """Turns of any tool's chat as {role, content}; those without text are left out.

    Args:
        value: the chat.
        calls: turns keep their calls of tools, and which call they answer, as examples have them.

    Raises:
        ValueError: it is no list of turns, or one has no role that is known.
    """
    if not isinstance(value, list):
        raise ValueError("its chat is no list of turns")
    turns: list[dict[str, Json]] = []
    for turn in value:
        if not isinstance(turn, dict):
            raise ValueError(f"a turn of its chat is no object: {words(turn)[:60]}")
        named = turn.get("role", turn.get("type", turn.get("from")))
        role = {**ROLES, "ai": "assistant", "HUMAN": "user"}.get(str(named), ROLES.get(str(named).lower()))
        if role is None:
            raise ValueError(f"a turn of its chat has the role {words(named)[:40] or 'none'}, which is not known")
        content = content_text(turn.get("content", turn.get("value")))
        of_calls = {key: turn[key] for key in _OF_CALLS if turn.get(key)} if calls else {}
        if content.strip() or of_calls:
            is_call = calls and named in ("function_call", "tool_call")  # whose content is the call
            turns.append({"role": str(named) if is_call else role, "content": content, **of_calls})
    return turns


def asked(turns: Sequence[Mapping[str, Json]]) -> tuple[str, list[Mapping[str, Json]], bool]:
    """(the last user turn, the turns before it, whether system turns were left out) of a chat that ends with a question.

    Raises:
        ValueError: there is no user turn, or something comes after the last one.
    """
    spoken = [turn for turn in turns if turn["role"] != "system"]
    if not spoken or spoken[-1]["role"] != "user":
        raise ValueError("its chat does not end with a user turn: there is no question in it")
    return str(spoken[-1]["content"]), spoken[:-1], len(spoken) < len(turns)


SYSTEM_NOTE = "system turns are not taken: rung.yaml's 'task' is what every rung is told"


def asked_in(value: Json) -> tuple[str, list[Mapping[str, Json]], tuple[str, ...]]:
    """(question, earlier turns, notes) of an input that is a text or a chat.

    Raises:
        ValueError: there is no question in it.
    """
    if isinstance(value, list):
        question, before, system = asked(chat_turns(value))
        return question, before, (SYSTEM_NOTE,) if system else ()
    question = words(value)
    if not question.strip():
        raise ValueError("its input is empty: there is no question")
    return question, [], ()
