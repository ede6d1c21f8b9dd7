"""Logs of model servers in OpenAI's form: requests with their responses, stored completions, the Responses API, batches.

They become examples that a model wrote (`generated_by`): nobody has said that they are right. A batch has its requests and
its responses in two files: which file of requests is that of the responses is left to `batch_requests`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

from rung.importers.batch_requests import BatchRequests
from rung.importers.fields import content_text, object_of, objects_in, of_reasoning, words
from rung.importers.imported import ImportedRow, Importer, Row, claims_by, taken
from rung.importers.source import ImportFile
from rung.importers.tuning import as_example
from rung.records import Json

_REQUESTS = ("request", "request_body", "requestBody")
_RESPONSES = ("response", "response_body", "responseBody")


def _is_log(row: Row) -> float:
    if "custom_id" in row and ("body" in row or "response" in row):
        return 1.0
    request, response = _inner(row, _REQUESTS), _inner(row, _RESPONSES)
    if _asks(request) and _answers(response):
        return 1.0
    return 0.95 if _answers(row) and (_asks(row) or "choices" in row or row.get("object") == "response") else 0.0


def _inner(row: Mapping[str, Json], names: tuple[str, ...]) -> dict[str, Json]:
    """The request, or the response, of a row: an object, or its JSON text, maybe in an envelope's `body`."""
    value = next((object_of(row[name]) for name in names if name in row), {})
    return object_of(value.get("body")) or value


def _asks(request: Mapping[str, Json]) -> bool:
    return "messages" in request or "input" in request


def _answers(response: Mapping[str, Json]) -> bool:
    choices = response.get("choices")  # a list of texts is what a question lets choose from
    listed = isinstance(choices, list) and not any(isinstance(one, str) for one in choices)
    return listed or (isinstance(response.get("output"), list) and "model" in response)


def _read(file: ImportFile) -> Iterator[ImportedRow]:
    batch = BatchRequests(file)
    for line, row in file.rows:
        whole, unjoined = batch.joined(row, line)
        yield taken(whole, line, partial(_log, unjoined=unjoined))
    if batch.joined_from:
        file.note(0, f"its requests are those of {batch.joined_from}, by 'custom_id'")


def _log(row: Row, line: int, *, unjoined: str = "") -> ImportedRow:
    """`unjoined`: why a response has no request, where that can be told."""
    request, response = _inner(row, _REQUESTS) or object_of(row.get("body")) or row, _inner(row, _RESPONSES) or row
    if "custom_id" in row and "body" in row and "response" not in row:
        why = "is a request of a batch without its response: import the file of responses, and have this one beside it"
        raise ValueError(why)
    if error := object_of(row.get("error")) or object_of(response.get("error")):
        raise ValueError(f"is a failed request: {words(error.get('message'))[:120]}")
    if unjoined:
        raise ValueError(unjoined)
    if not _asks(request):
        beside = "; put the file of requests beside it" if "custom_id" in row else ""
        raise ValueError(f"is a response without its request: there is no question in it{beside}")
    if not _answers(response):
        raise ValueError("is a request without a response: there is no answer in it")
    check_whole(request, response)
    turns = [*turns_of_request(request), *turns_of_response(response)]
    example: Row = {"messages": turns}
    if tools := _tools(request.get("tools")):
        example["tools"] = tools
    model = response.get("model", request.get("model"))
    example["generated_by"] = words(model) or "a model"
    choices = response.get("choices")
    notes = ("choices after the first are not taken",) if isinstance(choices, list) and len(choices) > 1 else ()
    thoughts = of_reasoning([request.get("messages"), request.get("input"), choices, response.get("output")])
    return as_example(example, line, notes=(*notes, *thoughts))


def turns_asked(row: Mapping[str, Json]) -> list[Json] | None:
    """The turns of the request in a row of a log, whatever became of it; None where it holds no request.

    Raises:
        ValueError: an item of it is of a kind that is no turn.
    """
    request = _inner(row, _REQUESTS) or object_of(row.get("body")) or row
    if not isinstance(request.get("messages"), list) and not isinstance(request.get("input"), (str, list)):
        return None
    return turns_of_request(request)


def check_whole(request: Mapping[str, Json], response: Mapping[str, Json]) -> None:
    """Raises `ValueError` where the answer was cut, or turns before the question are not in the log."""
    choices = response.get("choices")
    first = object_of(choices[0]) if isinstance(choices, list) and choices else {}
    cut = object_of(response.get("incomplete_details")).get("reason") or first.get("finish_reason")
    if response.get("status") == "incomplete" or cut in ("length", "content_filter", "max_output_tokens"):
        raise ValueError(f"has an answer that was cut ({words(cut) or 'incomplete'}): half an answer teaches to stop there")
    for key in ("previous_response_id", "conversation"):
        if request.get(key) or response.get(key):
            raise ValueError(f"goes on from earlier turns that it does not hold ('{key}')")


def turns_of_request(request: Mapping[str, Json]) -> list[Json]:
    """The turns of a request: chat completions, Responses API.

    Raises:
        ValueError: an item of it is of a kind that is no turn.
    """
    messages = request.get("messages")
    if isinstance(messages, list):
        return [*messages]
    asks = request.get("input")
    system: list[Json] = (
        [{"role": "system", "content": words(request["instructions"])}] if request.get("instructions") else []
    )
    if isinstance(asks, str):
        return [*system, {"role": "user", "content": asks}]
    turns: list[Json] = []
    for item in asks if isinstance(asks, list) else []:
        turns += turns_of_item(item)
    return [*system, *turns]


def turns_of_response(response: Mapping[str, Json]) -> list[Json]:
    """The turns of its response: of several choices the first.

    Raises:
        ValueError: there is no message in it.
    """
    choices = response.get("choices")
    if isinstance(choices, list):
        first = choices[0] if choices and isinstance(choices[0], dict) else {}
        message = first.get("message")
        if not isinstance(message, dict):
            raise ValueError("its response has no message: there is no answer in it")
        return [{"role": "assistant", "content": message.get("content"), **_calls(message)}]
    output = response.get("output")
    return [turn for item in (output if isinstance(output, list) else []) for turn in turns_of_item(item)]


def _calls(message: Mapping[str, Json]) -> dict[str, Json]:
    calls = message.get("tool_calls")
    return {"tool_calls": calls} if isinstance(calls, list) and calls else {}


def turns_of_item(item: Json) -> list[Json]:
    """An item of the Responses API as turns; what a model thought is left out.

    Raises:
        ValueError: it is of a kind that is no turn and no call.
    """
    if not isinstance(item, dict):
        raise ValueError("an item of its input or output is no object")
    match item.get("type", "message"):
        case "message":
            return [{"role": item.get("role", "assistant"), "content": content_text(item.get("content"))}]
        case "function_call":
            function: Json = {"name": item.get("name"), "arguments": item.get("arguments")}
            return [
                {"role": "assistant", "content": None, "tool_calls": [{"id": item.get("call_id"), "function": function}]}
            ]
        case "function_call_output":
            return [{"role": "tool", "tool_call_id": item.get("call_id"), "content": words(item.get("output"))}]
        case "reasoning":
            return []
        case kind:
            raise ValueError(f"holds an item of kind {words(kind)[:40]}: only messages and function calls are taken")


def _tools(tools: Json) -> list[Json]:
    """Functions in the form of chats: the Responses API has them flat."""
    return [
        one if "function" in one else {"type": "function", "function": {k: v for k, v in one.items() if k != "type"}}
        for one in objects_in(tools)
        if one.get("type", "function") == "function"
    ]


CHAT_LOGS = Importer("logs of a model server: requests with responses", claims_by(_is_log), _read)
