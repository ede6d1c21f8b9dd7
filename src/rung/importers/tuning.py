"""Tuning data as examples: what `dataset.formats` reads (OpenAI, ShareGPT, Alpaca …), Gemini; rewards.

Preferences are left to `preferences`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from rung.dataset.chat_rows import chat_row
from rung.dataset.chat_tools import padded, without_padding
from rung.dataset.formats import ROLES, example_of, flaw, form_of, keys_read
from rung.importers.fields import (
    REASONING,
    SYSTEM_NOTE,
    asked,
    chat_turns,
    name_in,
    object_of,
    objects_in,
    of_reasoning,
    texts,
    words,
)
from rung.importers.imported import ImportedRow, Row, by_rows, case_row, unread
from rung.records import Json
from rung.text.parsing import Malformed, json_of

OF_CHATS = ("messages", "conversations", "conversation")
_OF_TURNS = (
    *("role", "from", "content", "value", "weight", "tool_calls", "function_call", "tool_call_id", "name", "id"),
    *REASONING,
)
_MEANT_NULLS = ("const", "default")  # of a JSON Schema
_JSON_SCHEMA = ("parametersJsonSchema", "parameters_json_schema")
_REFERENCES = ("reference_answer", "ground_truth", "reference", "target", "answer")
NOT_WANTED = "is an answer that was not wanted: examples hold what is wanted"
_MEDIA = ("images", "videos", "audios")  # of ShareGPT and LLaMA-Factory, beside chats that name them
_OF_GEMINI = ("contents", "systemInstruction", "system_instruction", "tools")
_NOT_TAKEN = {
    "parallel_tool_calls": "'parallel_tool_calls' is not taken",
    "response_format": "'response_format' is not taken: name the schema as behaviour.schema",
}


def as_example(row: Row, line: int, *, notes: tuple[str, ...] = (), is_own: bool = False) -> ImportedRow:
    """A row of a form that `dataset.formats` reads, as an example in OpenAI's form.

    Args:
        row: the row.
        line: on which it begins.
        notes: what is to be said of it.
        is_own: it is the file's own row, so that what is wrong with it names its keys.

    Raises:
        ValueError: it is none, or can teach nothing.
    """
    cleaned, dropped = _without_nulls(row)
    example = example_of(cleaned, f"row:{line}")
    if why := flaw(example, row if is_own else None):
        raise ValueError(why)
    written = chat_row(example)
    del written["digest"]
    if "id" not in row:
        del written["id"]
    if dropped:
        notes = (*notes, "null-padded keys of tools and calls are left out")
    if padded(example.tools, example.messages):
        notes = (*notes, "a call still has arguments that are null")
    return ImportedRow(line, examples=(written,), notes=notes)


def _is_chat(row: Row) -> float:
    if any(isinstance(row.get(key), list) for key in OF_CHATS):
        last = next(row[key] for key in OF_CHATS if isinstance(row.get(key), list))
        turns = last if isinstance(last, list) else []
        if not turns or not isinstance(turns[0], dict) or not ("role" in turns[0] or "from" in turns[0]):
            return 0.2
        return 0.35 if _is_before(row, turns) else 0.8
    named = "prompt" in row and "completion" in row
    if named or ("instruction" in row and "output" in row):
        return 0.7
    asks = name_in(row, ("question",)) and name_in(row, ("answer", "answers"))  # such a row is a case
    return 0.35 if not asks and form_of(row) is not None else 0.0


def _is_before(row: Row, turns: list[Json]) -> bool:
    """Whether the turns are what was said before the row's own question, to which it has an answer: a case has them so."""
    question = row.get("question")
    if not isinstance(question, str) or not {"answer", "answers"} & set(row):
        return False
    return not any(question in (turn.get("content"), turn.get("value")) for turn in objects_in(turns))


def _chat(row: Row, line: int) -> ImportedRow:
    if is_labelled(row) and not wanted(row["label"]):
        raise ValueError(NOT_WANTED)
    if media := [key for key in _MEDIA if isinstance(row.get(key), list) and row[key]]:
        raise ValueError(f"holds {media[0]}: only text is taken")
    notes = tuple(text for key, text in _NOT_TAKEN.items() if row.get(key) is not None)
    notes += of_reasoning([row[key] for key in OF_CHATS if key in row])
    notes += tuple(f"'{key}' of turns is not taken" for key in _unread_of_turns(row))
    read = keys_read(row) | {*_NOT_TAKEN, "functions", "label"}
    beside = {key: value for key, value in row.items() if key not in read and words(value).strip()}
    own = {key: value for key, value in beside.items() if not isinstance(value, (list, dict))}
    notes += tuple(f"'{key}' is not taken: it is a list or an object" for key in beside if key not in own)
    if own and (not row.get("meta") or object_of(row["meta"])):
        row = {**row, "meta": {**own, **object_of(row.get("meta"))}}
    functions = row.get("functions")
    if isinstance(functions, list) and not row.get("tools"):  # as OpenAI wrote tools at first
        row = {**row, "tools": [{"type": "function", "function": one} for one in functions]}
    return learnt_turns(row, line, notes=notes, is_own=True)


def _unread_of_turns(row: Row) -> list[str]:
    """Keys of turns that are neither read nor said otherwise, where they hold something."""
    turns = [turn for key in OF_CHATS for turn in objects_in(row.get(key))]
    return list(dict.fromkeys(key for turn in turns for key, value in turn.items() if value and key not in _OF_TURNS))


def learnt_turns(row: Row, line: int, *, notes: tuple[str, ...] = (), is_own: bool = False) -> ImportedRow:
    """A chat as an example of its turns up to the last one whose `weight` is not 0; `notes`, `is_own`: as `as_example`.

    Raises:
        ValueError: it is none, can teach nothing, or every turn of the assistant has weight 0.
    """
    row, of_weights = _weighed_turns(row)
    return as_example(row, line, notes=(*notes, *of_weights), is_own=is_own)


def _weighed_turns(row: Row) -> tuple[Row, tuple[str, ...]]:
    """(the row up to the last turn that is to be learnt, notes), by the turns' `weight`.

    Raises:
        ValueError: every turn of the assistant has weight 0.
    """
    key = next((key for key in OF_CHATS if key in row), "")
    turns = row.get(key)
    spoken = [(n, turn) for n, turn in enumerate(turns if isinstance(turns, list) else []) if isinstance(turn, dict)]
    roles = [(n, ROLES.get(str(turn.get("role", turn.get("from")))), turn.get("weight", 1)) for n, turn in spoken]
    assistant = [(n, weight) for n, role, weight in roles if role == "assistant"]
    if not isinstance(turns, list) or all(weight != 0 for _, weight in assistant):
        return row, ()
    learnt = [n for n, weight in assistant if weight != 0]
    if not learnt:
        raise ValueError("every turn of the assistant has weight 0: nothing in it is to be learnt")
    cut = turns[: learnt[-1] + 1]
    notes = ["turns after the last one with a weight other than 0 are left out"] if len(cut) < len(turns) else []
    if any(n < learnt[-1] for n, weight in assistant if weight == 0):
        notes.append("turns of the assistant with weight 0 are shown before the last, which alone is learnt")
    return {**row, key: cut}, tuple(notes)


def _is_gemini(row: Row) -> float:
    contents = row.get("contents")
    if isinstance(contents, list) and contents and isinstance(contents[0], dict) and "parts" in contents[0]:
        return 1.0
    return 0.6 if set(row) == {"text_input", "output"} else 0.0


def _gemini(row: Row, line: int) -> ImportedRow:
    if "text_input" in row:
        return as_example({"prompt": words(row["text_input"]), "completion": words(row["output"])}, line)
    contents = row["contents"]
    turns: list[Json] = []
    system = row.get("systemInstruction", row.get("system_instruction"))
    if text := system if isinstance(system, str) else _parts_text(system.get("parts")) if isinstance(system, dict) else "":
        turns.append({"role": "system", "content": text})
    for content in contents if isinstance(contents, list) else []:
        if not isinstance(content, dict):
            raise ValueError("a turn of 'contents' is no object with 'role' and 'parts'")
        turns += gemini_turns(content)
    tools = [
        function
        for tool in objects_in(row.get("tools"))
        for key in ("functionDeclarations", "function_declarations")
        for function in objects_in(tool.get(key))
    ]
    example: Row = {"messages": turns}
    if tools:
        example["tools"] = [{"type": "function", "function": _function(function)} for function in tools]
    return as_example(example, line, notes=(*of_reasoning(contents), *unread(row, _OF_GEMINI)))


def gemini_turns(content: Mapping[str, Json]) -> list[Json]:
    """A turn of Gemini's as turns of OpenAI's: calls and their results are parts there.

    Raises:
        ValueError: a part is no text, call or result.
    """
    role = {"model": "assistant", "user": "user", "function": "tool", "system": "system"}.get(
        str(content.get("role", "user"))
    )
    if role is None:
        raise ValueError(f"a turn has the role {words(content.get('role'))[:40]}, which is not known")
    pieces, calls, results = list[str](), list[Json](), list[Json]()
    for part in objects_in(content.get("parts")):
        call = part.get("functionCall", part.get("function_call"))
        result = part.get("functionResponse", part.get("function_response"))
        if part.get("thought") is True:
            continue
        if isinstance(call, dict):
            calls.append({"function": {"name": call.get("name"), "arguments": call.get("args") or {}}})
        elif isinstance(result, dict):
            response = result.get("response")
            bare = response["result"] if isinstance(response, dict) and set(response) == {"result"} else response
            results.append({"role": "tool", "content": words(bare)})
        elif isinstance(part.get("text"), str):
            pieces.append(str(part["text"]))
        else:
            raise ValueError(f"holds a part of kind '{next(iter(part), 'none')}': only text and calls are taken")
    if results:
        return results
    turn: Row = {"role": role, "content": "".join(pieces)}
    if calls:
        turn["tool_calls"] = calls
    return [turn]


def is_labelled(row: Row) -> bool:
    """Whether it is an answer with whether it was wanted, as KTO has them, whatever stands beside. Beside a chat a number is
    a class."""
    if any(isinstance(row.get(key), list) for key in OF_CHATS):
        return isinstance(row.get("label"), bool)
    return {"prompt", "completion", "label"} <= set(row) and wanted(row["label"]) is not None


def wanted(label: Json) -> bool | None:
    """Whether an answer was wanted, by its label; None where the label does not say that."""
    read = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}
    return read.get(words(label).strip().lower())


def _is_rewarded(row: Row) -> float:
    turns = objects_in(row.get("messages"))
    asks = bool(turns) and ROLES.get(str(turns[-1].get("role"))) == "user"
    return 0.9 if asks and name_in(row, _REFERENCES) else 0.0


def _rewarded(row: Row, line: int) -> ImportedRow:
    """A chat that ends with a question, and what its answer is graded against: each reference is accepted."""
    question, before, system = asked(chat_turns(row["messages"]))
    named = [key for key in _REFERENCES if key in row]
    answers = [text for key in named for text in texts(row[key])]
    if not answers:
        raise ValueError(f"'{named[0]}' is empty: it has no accepted answer" if named else "has no reference answer")
    meta: Row = {key: value for key, value in row.items() if key not in ("messages", "id", *named) and value is not None}
    case = case_row(question, [*answers], id=row.get("id"), messages=before, meta=meta)
    return ImportedRow(line, cases=(case,), notes=(SYSTEM_NOTE,) if system else ())


def _without_nulls(row: Row) -> tuple[Row, bool]:
    """(the row with tools and calls as they were before a table gave every row every key, whether any was left out)."""
    cleaned, tools = dict(row), row.get("tools")
    if isinstance(tools, list):
        cleaned["tools"] = _bare(tools)
    for key in OF_CHATS:
        turns = row.get(key)
        if isinstance(turns, list):
            cleaned[key] = [_bare_turn(turn, cleaned.get("tools")) for turn in turns]
    return cleaned, any(cleaned[key] != row[key] for key in ("tools", *OF_CHATS) if key in row)


def _bare_turn(turn: Json, tools: Json) -> Json:
    """A turn without keys that are null, content aside, and with calls whose arguments are not padded."""
    if not isinstance(turn, dict):
        return turn
    bare = {key: value for key, value in turn.items() if value is not None or key in ("content", "value")}
    calls = bare.get("tool_calls")
    if isinstance(calls, list):
        bare["tool_calls"] = [_bare_call(call, tools) for call in calls if call is not None]
    return bare


def _bare_call(call: Json, tools: Json) -> Json:
    inner = call.get("function") if isinstance(call, dict) else None
    if not isinstance(call, dict) or not isinstance(inner, dict):
        return call
    arguments = inner.get("arguments")
    written = isinstance(arguments, str)
    try:
        value = json_of(arguments) if isinstance(arguments, str) else arguments
    except Malformed:
        return call  # what is wrong with it is said by who reads the row
    bare = without_padding(tools, value, str(inner.get("name")))
    if bare == value:
        return call
    return {**call, "function": {**inner, "arguments": json.dumps(bare, ensure_ascii=False) if written else bare}}


def _bare(value: Json) -> Json:
    """A value without the keys of objects that are null."""
    if isinstance(value, dict):
        return {key: _bare(one) for key, one in value.items() if one is not None or key in _MEANT_NULLS}
    return [_bare(one) for one in value] if isinstance(value, list) else value


def _function(declared: Row) -> Row:
    """A function that Gemini may call as OpenAI's."""
    function = {key: value for key, value in declared.items() if key not in _JSON_SCHEMA}
    if isinstance(function.get("parameters"), dict):
        function["parameters"] = _lower_types(function["parameters"])
    whole = next((declared[key] for key in _JSON_SCHEMA if key in declared), None)
    return function if whole is None else {**function, "parameters": whole}


def _lower_types(schema: Json) -> Json:
    """Gemini's schemas as JSON Schema: their types stand in capitals."""
    if isinstance(schema, list):
        return [_lower_types(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: value.lower() if key == "type" and isinstance(value, str) else _lower_types(value)
        for key, value in schema.items()
    }


def _parts_text(parts: Json) -> str:
    return "".join(words(part.get("text")) for part in objects_in(parts))


CHATS = by_rows("tuning data: OpenAI or Mistral chats, ShareGPT, Alpaca, prompt and completion", _is_chat, _chat)
GEMINI = by_rows("Gemini tuning data", _is_gemini, _gemini)
REWARDED = by_rows(
    "reinforcement tuning data: chats that end with a question, and its reference answer", _is_rewarded, _rewarded
)
