"""Traces of Langfuse, as its page and its API give them: what a model was asked and said is in the generations.

They become examples that a model wrote (`generated_by`). Each framework writes inputs and outputs in a form of its own; one
that is not known is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rung.importers.chat_logs import check_whole, turns_of_item, turns_of_request, turns_of_response
from rung.importers.fields import QUESTIONS, chat_turns, name_in, object_of, objects_in, of_reasoning, words
from rung.importers.imported import ImportedRow, Importer, Row, claims_by, taken
from rung.importers.source import ImportFile
from rung.importers.tuning import as_example, gemini_turns
from rung.records import Json
from rung.text.parsing import Malformed, json_of

_KINDS = ("SPAN", "EVENT", "GENERATION", "AGENT", "TOOL", "CHAIN", "RETRIEVER", "EVALUATOR", "EMBEDDING", "GUARDRAIL")
_OF_TRACES = ("sessionId", "userId", "projectId", "bookmarked", "release", "environment", "htmlPath", "observations")
_BESIDE = ("name", "tags", "latency", "totalCost", "public", "version")
_ITEMS = ("function_call", "function_call_output", "reasoning")  # of OpenAI's Responses API


def _likeness(row: Row) -> float:
    if _is_observation(row) or any(map(_is_observation, objects_in(row.get("observations")))):
        return 1.0
    is_trace = {"input", "output", "timestamp"} <= set(row) and any(key in row for key in _OF_TRACES)
    is_trace = is_trace and sum(key in row for key in (*_OF_TRACES, *_BESIDE)) >= 2
    return 0.9 if is_trace and "expectedOutput" not in row else 0.0


def _is_observation(row: Row) -> bool:
    return row.get("type") in _KINDS and "traceId" in row


def _read(file: ImportFile) -> Iterator[ImportedRow]:
    is_whole = isinstance(file.whole, dict) and len(file.rows) == 1
    for line, row in file.rows:
        observations = objects_in(row.get("observations"))
        for index, one in enumerate(observations):
            yield taken(one, file.line(f"/observations/{index}") if is_whole else line, _generation)
        if not observations:
            yield taken(row, line, _generation)


def _generation(row: Row, line: int) -> ImportedRow:
    kind = row.get("type", "GENERATION")  # a row without one is a trace of a table
    if kind != "GENERATION":
        raise ValueError(f"is an observation of the kind {words(kind)[:20]}: what a model was asked stands in generations")
    asks, answer = _value(row.get("input")), _value(row.get("output"))
    if not answer:
        raise ValueError("has no output: there is no answer in it")
    listed = _asked(asks)
    functions = [one for turn in listed for one in _functions(turn) if "arguments" not in object_of(one["function"])]
    turns = [*_turns(listed), *_turns(_answered(answer))]
    check_whole(object_of(asks), object_of(answer))
    example: Row = {"messages": [*turns], "generated_by": words(row.get("model")) or "a model"}
    if functions:
        example["tools"] = [*functions]
    if isinstance(row.get("id"), str):
        example["id"] = row["id"]
    return as_example(example, line, notes=of_reasoning([asks, answer]))


def _functions(turn: Json) -> list[dict[str, Json]]:
    """The functions that stand as the content of a turn: frameworks declare them there, or call them."""
    content = turn.get("content") if isinstance(turn, dict) else None
    return [one for one in objects_in(content if isinstance(content, list) else [content]) if "function" in one]


def _value(value: Json) -> Json:
    """A value, or the one that a text holds as JSON; tables and older exports have it twice over."""
    for _ in range(2):
        if not isinstance(value, str) or value.lstrip()[:1] not in ('"', "{", "["):
            break
        try:
            value = json_of(value)
        except Malformed:
            break
    return value


def _asked(value: Json) -> list[Json]:
    """The turns of an input.

    Raises:
        ValueError: it is of no form that is known.
    """
    if isinstance(value, str) and value.strip():
        return [{"role": "user", "content": value}]
    if isinstance(value, list):
        return value
    if not isinstance(value, dict):
        raise ValueError("has no input: there is no question in it")
    if "messages" in value or isinstance(value.get("input"), list):
        return turns_of_request(value)
    if "contents" in value:
        contents = value["contents"]
        return contents if isinstance(contents, list) else [{"role": "user", "content": words(contents)}]
    arguments = value.get("args")
    if isinstance(arguments, list) and len(arguments) == 1 and isinstance(arguments[0], str):
        return [{"role": "user", "content": arguments[0]}]
    name = name_in(value, QUESTIONS)
    if not name:
        raise ValueError(f"has an input of a form that is not known; its keys are: {', '.join(value)[:80] or 'none'}")
    return [{"role": "user", "content": words(value[name])}]


def _answered(value: Json) -> list[Json]:
    """The turns of an output.

    Raises:
        ValueError: it is of no form that is known.
    """
    if isinstance(value, str):
        return [{"role": "assistant", "content": value}]
    if isinstance(value, list):
        return value
    fields = object_of(value)
    if "choices" in fields or isinstance(fields.get("output"), list):
        return turns_of_response(fields)
    if candidates := objects_in(fields.get("candidates")):
        fields = candidates[0]
    content = fields.get("content")
    if isinstance(content, dict):  # Gemini's
        return [{"role": "model", **content}]
    if not ({"content", "tool_calls", "parts"} & set(fields)):
        raise ValueError(f"has an output of a form that is not known; its keys are: {', '.join(fields)[:80] or 'none'}")
    return [{"role": "assistant", **fields}]


def _turns(listed: list[Json]) -> list[dict[str, Json]]:
    """Turns of any framework's as {role, content, calls}.

    Raises:
        ValueError: one is of no form that is known.
    """
    turns: list[Json] = []
    for turn in listed:
        if not isinstance(turn, dict):
            turns.append(turn)
        elif isinstance(turn.get("parts"), list):
            turns += _of_parts(turn)
        elif turn.get("type") in _ITEMS:
            turns += turns_of_item(turn)
        elif functions := _functions(turn):
            calls: list[Json] = [one for one in functions if "arguments" in object_of(one["function"])]
            turns += [{"role": "assistant", "content": "", "tool_calls": calls}] if calls else []
        elif turn.get("role") == "tool" and not _is_text(turn.get("content")):
            turns.append({**turn, "content": words(turn["content"])})  # what a tool gave, as it is
        else:
            inner = object_of(turn.get("additional_kwargs")).get("tool_calls")  # LangChain's
            turns.append({**turn, "tool_calls": inner} if inner and not turn.get("tool_calls") else turn)
    return chat_turns([*turns], calls=True)


def _is_text(content: Json) -> bool:
    """Whether it is a text, or a list of parts with texts."""
    return not isinstance(content, (list, dict)) or (
        isinstance(content, list) and all(isinstance(part, dict) and "text" in part for part in content)
    )


def _of_parts(turn: Mapping[str, Json]) -> list[Json]:
    """A turn whose content stands in `parts`: Gemini's, or with kinds as OpenTelemetry names them.

    Raises:
        ValueError: a part is no text, call or result.
    """
    parts = objects_in(turn.get("parts"))
    if not any("type" in part for part in parts):
        return gemini_turns(turn)
    pieces, calls, results = list[str](), list[Json](), list[Json]()
    for part in parts:
        match part.get("type"):
            case "text":
                pieces.append(words(part.get("content")))
            case "tool_call":
                function: Json = {"name": part.get("name"), "arguments": part.get("arguments") or {}}
                calls.append({"function": function})
            case "tool_call_response":
                results.append({"role": "tool", "content": words(part.get("result", part.get("response")))})
            case "reasoning":
                continue
            case kind:
                raise ValueError(f"holds a part of kind '{words(kind)[:40]}': only text and calls are taken")
    spoken: Row = {"role": turn.get("role"), "content": "".join(pieces)}
    if calls:
        spoken["tool_calls"] = calls
    return [*results, *([spoken] if pieces or calls else [])]


LANGFUSE_TRACES = Importer("Langfuse: traces with their observations", claims_by(_likeness), _read)
