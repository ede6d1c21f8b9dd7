"""Amazon Bedrock: conversations to tune by, with and without their schema's name, and rows of an evaluation of retrieval."""

from __future__ import annotations

from rung.importers.fields import content_text, objects_in, texts, words
from rung.importers.imported import ImportedRow, Row, by_rows, case_row, document_row, ids, unread
from rung.importers.tuning import as_example
from rung.records import Json


def _is_conversation(row: Row) -> float:
    if str(row.get("schemaVersion", "")).startswith("bedrock-conversation"):
        return 1.0
    turns = objects_in(row.get("messages"))
    # Nova's files leave the schema's name out; OpenAI's parts have a type, these are known by their key
    parts = [part for turn in turns for part in objects_in(turn.get("content"))]
    return 0.95 if parts and all(isinstance(turn.get("content"), list) for turn in turns) and _untyped(parts) else 0.0


def _untyped(parts: list[Row]) -> bool:
    return not any("type" in part for part in parts)


def _conversation(row: Row, line: int) -> ImportedRow:
    messages = row.get("messages")
    turns: list[Json] = [
        {"role": "system", "content": text} for part in objects_in(row.get("system")) if (text := words(part.get("text")))
    ]
    for message in messages if isinstance(messages, list) else []:
        parts = message.get("content") if isinstance(message, dict) else None
        if not isinstance(message, dict) or not isinstance(parts, list):
            raise ValueError("each message needs 'role' and a list as 'content'")
        turns.append({"role": message.get("role"), "content": _text(parts)})
    return as_example({"messages": turns}, line, notes=unread(row, ("schemaVersion", "system", "messages")))


def _text(parts: Json) -> str:
    """The text of a list of parts.

    Raises:
        ValueError: a part is none, an image say.
    """
    if other := [key for part in objects_in(parts) for key in part if key != "text"]:
        raise ValueError(f"holds content of kind '{other[0]}': only text is taken")
    return content_text(parts)


def _is_evaluation(row: Row) -> float:
    return 1.0 if any("prompt" in turn for turn in objects_in(row.get("conversationTurns"))) else 0.0


def _evaluation(row: Row, line: int) -> ImportedRow:
    """The last turn asks; those before it are shown with their first reference answer."""
    turns = objects_in(row["conversationTurns"])
    if not turns:
        raise ValueError("'conversationTurns' holds no turn: there is no question in it")
    before: list[Row] = []
    for turn in turns[:-1]:
        before.append({"role": "user", "content": _asked(turn)})
        if answers := _responses(turn):
            before.append({"role": "assistant", "content": answers[0]})
    last = turns[-1]
    answers = _responses(last)
    if not answers:
        raise ValueError("'referenceResponses' holds no text: it has no accepted answer")
    contexts = [
        text for context in objects_in(last.get("referenceContexts")) if (text := _text(context.get("content"))).strip()
    ]
    documents = [document_row(text) for text in contexts]
    notes = ["'output' is not taken: what a model answered, and what it was shown"] if "output" in last else []
    notes += unread(row, ("conversationTurns",))
    notes += unread(last, ("prompt", "referenceResponses", "referenceContexts", "output"), " of the last turn")
    case = case_row(_asked(last), [*answers], gold=ids(documents), messages=before)
    return ImportedRow(line, cases=(case,), documents=tuple(documents), notes=tuple(notes))


def _asked(turn: Row) -> str:
    prompt = turn.get("prompt")
    question = _text(prompt.get("content")) if isinstance(prompt, dict) else ""
    if not question.strip():
        raise ValueError("a turn has no text in 'prompt': there is no question")
    return question


def _responses(turn: Row) -> list[str]:
    return texts([_text(one.get("content")) for one in objects_in(turn.get("referenceResponses"))])


CONVERSATIONS = by_rows("Amazon Bedrock conversations", _is_conversation, _conversation)
EVALUATION = by_rows("Amazon Bedrock evaluation of retrieval: turns with reference responses", _is_evaluation, _evaluation)
