"""What people take home from ChatGPT and Claude: `conversations.json`, a chat a row.

ChatGPT keeps a chat as a tree of messages, in which an edited question or another answer is a branch: the one that was
shown last is taken. They become examples that a model wrote (`generated_by`): nobody has said that they are right.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from rung.importers.fields import REASONED, object_of, objects_in, words
from rung.importers.imported import ImportedRow, Row, by_rows
from rung.importers.tuning import as_example
from rung.records import Json

_THOUGHTS = ("thoughts", "reasoning_recap")
_CONTEXTS = ("user_editable_context", "model_editable_context")  # what is set for all chats
_MARK = "(?:【[^】\n]*†[^】\n]*】|\ue200[^\ue201\n]*\ue201)"
# With the blanks before it, unless it stands between two words.
_CITED = re.compile(rf"(?:[ \t]*{_MARK})+(?=[\s.,;:!?)]|\Z)|{_MARK}")
_FOR_ALL = "instructions and memories that are set for all chats are not taken"
_HIDDEN = "turns that nobody saw (of the system, hidden ones) are not taken"
_BRANCHES = "other branches (questions as they were first, answers that were made again) are not taken"
_CITATIONS = "marks of citations are left out"
_SOUNDS = ("audio_asset_pointer", "real_time_user_audio_video_asset_pointer")
_SPOKEN = "sounds are left out beside their transcription"
_TOOLS = "what the assistant's own tools were asked and gave is not taken"
_AFTER = "turns after the last answer are left out"


def _is_export(row: Row) -> float:
    nodes = row.get("mapping")
    if isinstance(nodes, dict) and nodes and all(isinstance(node, dict) and "children" in node for node in nodes.values()):
        return 1.0
    return 1.0 if isinstance(row.get("chat_messages"), list) and "uuid" in row else 0.0


def _conversation(row: Row, line: int) -> ImportedRow:
    notes: dict[str, None] = {}  # in their order, each once
    turns, model = _of_claude(row, notes) if "chat_messages" in row else _of_chatgpt(row, notes)
    while turns and turns[-1]["role"] != "assistant":
        turns.pop()
        notes[_AFTER] = None
    if not turns:
        raise ValueError("holds no answer in words")
    if any(_CITED.search(words(turn["content"])) for turn in turns):
        notes[_CITATIONS] = None
        turns = [{**turn, "content": _CITED.sub("", words(turn["content"])).strip()} for turn in turns]
    id = row.get("conversation_id", row.get("id", row.get("uuid")))
    title = words(row.get("title", row.get("name")))
    example: Row = {"messages": [*turns], "generated_by": model, **({"id": id} if isinstance(id, str) and id else {})}
    if title.strip():
        example["meta"] = {"title": title}
    return as_example(example, line, notes=tuple(notes))


def _of_chatgpt(row: Row, notes: dict[str, None]) -> tuple[list[Row], str]:
    """(turns, the model that answered last) of the branch that was shown last."""
    turns, model = list[Row](), ""
    nodes = {id: object_of(node) for id, node in object_of(row.get("mapping")).items()}
    shown = _shown(nodes, words(row.get("current_node")))
    for node in shown:
        message = object_of(node.get("message"))
        content, metadata = object_of(message.get("content")), object_of(message.get("metadata"))
        role, kind = words(object_of(message.get("author")).get("role")), words(content.get("content_type"))
        if kind in _THOUGHTS or message.get("channel") in ("analysis", "commentary"):
            notes[REASONED] = None
        elif kind in _CONTEXTS:
            notes[_FOR_ALL] = None
        elif role == "tool" or message.get("recipient", "all") != "all":
            notes[_TOOLS] = None
        elif role == "system" or metadata.get("is_visually_hidden_from_conversation"):
            notes.update(dict.fromkeys((_HIDDEN,) if _text(content, notes).strip() else ()))
        elif text := _text(content, notes).strip():
            if role not in ("user", "assistant"):
                raise ValueError(f"a message is by '{role[:40] or 'nobody'}', who is not known")
            turns.append({"role": role, "content": text})
            model = words(metadata.get("model_slug")) if role == "assistant" and metadata.get("model_slug") else model
    if sum(1 for node in nodes.values() if _speaks(node)) > sum(map(_speaks, shown)):
        notes[_BRANCHES] = None
    return turns, model or "ChatGPT"


def _shown(nodes: Mapping[str, dict[str, Json]], last: str) -> list[dict[str, Json]]:
    """The messages of a branch, from its root to `last`; without one that is there, to the last child of each.

    Raises:
        ValueError: the messages go round.
    """
    if last not in nodes:
        last = next((id for id, node in nodes.items() if words(node.get("parent")) not in nodes), "")
        for _ in range(len(nodes)):
            children = node if isinstance(node := object_of(nodes.get(last)).get("children"), list) else []
            last = next((words(child) for child in reversed(children) if words(child) in nodes), last)
    branch: list[dict[str, Json]] = []
    while last in nodes:
        branch.append(nodes[last])
        last = words(nodes[last].get("parent"))
        if len(branch) > len(nodes):
            raise ValueError("its messages go round: one is above itself")
    return branch[::-1]


def _speaks(node: Mapping[str, Json]) -> bool:
    message = object_of(node.get("message"))
    spoken = (
        object_of(message.get("author")).get("role") in ("user", "assistant") and message.get("recipient", "all") == "all"
    )
    return spoken and object_of(message.get("content")).get("content_type") == "text"


def _text(content: Mapping[str, Json], notes: dict[str, None]) -> str:
    """The text of a message; of a sound, its transcription beside it.

    Raises:
        ValueError: a part of it is an image, or a sound that nothing transcribes.
    """
    parts = content.get("parts")
    if not isinstance(parts, list):
        return words(content.get("text", content.get("result")))
    texts = [part if isinstance(part, str) else object_of(part).get("text") for part in parts]
    is_transcribed = any(
        isinstance(text, str) and not isinstance(part, str) for part, text in zip(parts, texts, strict=True)
    )
    for other in (object_of(part) for part, text in zip(parts, texts, strict=True) if not isinstance(text, str)):
        kind = words(other.get("content_type")) or "unknown"
        if not is_transcribed or kind not in _SOUNDS or other.get("frames_asset_pointers"):
            raise ValueError(f"holds content of kind '{kind[:40]}': only text is taken")
        notes[_SPOKEN] = None
    return "\n".join(text for text in texts if isinstance(text, str))


def _of_claude(row: Row, notes: dict[str, None]) -> tuple[list[Row], str]:
    """(turns, who answered) of an export of Claude's."""
    turns: list[Row] = []
    for message in objects_in(row.get("chat_messages")):
        role = {"human": "user", "assistant": "assistant"}.get(words(message.get("sender")))
        if role is None:
            raise ValueError(f"a message is by '{words(message.get('sender'))[:40] or 'nobody'}', who is not known")
        if message.get("files") or message.get("attachments"):
            raise ValueError("holds a file that was sent with a message: only text is taken")
        text = "".join(_parts_of_claude(message, notes)).strip()
        if text and turns and turns[-1]["role"] == role == "user":  # a question that was asked again
            notes[_BRANCHES] = None
            turns.pop()
        if text:
            turns.append({"role": role, "content": text})
    return turns, words(row.get("model")) or "Claude"


def _parts_of_claude(message: Mapping[str, Json], notes: dict[str, None]) -> Iterator[str]:
    parts = objects_in(message.get("content"))
    if not parts:
        yield words(message.get("text"))
    for part in parts:
        kind = part.get("type")
        if kind == "text":
            yield words(part.get("text"))
        elif kind == "thinking":
            notes[REASONED] = None
        else:
            notes[_TOOLS] = None


CHAT_EXPORTS = by_rows("ChatGPT's and Claude's exports of data: conversations", _is_export, _conversation)
