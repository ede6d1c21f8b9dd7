"""Data sets as LangSmith, Langfuse and Phoenix export them: an input and an expected output, each text or an object."""

from __future__ import annotations

from rung.importers.fields import (
    ANSWERS,
    QUESTIONS,
    asked_in,
    content_text,
    listed_in,
    name_in,
    object_of,
    texts,
    unquoted,
    words,
)
from rung.importers.imported import ImportedRow, Row, by_rows, case_row, unread
from rung.records import Json

_OF_ITEMS = (
    *("id", "example_id", "node_id", "expectedOutput", "expected_output", "status", "dataset_id", "datasetId"),
    *("dataset_name", "datasetName", "source_run_id", "source_trace_id", "sourceTraceId", "source_observation_id"),
    *("sourceObservationId", "source_record_id", "projectId", "created_at", "createdAt", "modified_at", "updated_at"),
    "updatedAt",
)
_OF_EXAMPLES = ("id", "node_id", "input", "output", "metadata", "splits", "source_record_id", "created_at", "updated_at")


def _is_langsmith(row: Row) -> float:
    if "inputs" in row and "outputs" in row:
        return 0.95 if {"dataset_id", "source_run_id", "metadata", "modified_at", "split"} & set(row) else 0.8
    flat = any(key.startswith(("inputs.", "input.", "inputs_", "input_")) for key in row) and bool(_flat(row, "output"))
    return 0.9 if flat and any(key.startswith("inputs.") for key in row) else 0.35 if flat else 0.0


def _is_langfuse(row: Row) -> float:
    if "input" in row and "expectedOutput" in row and {"datasetId", "sourceTraceId", "datasetName", "status"} & set(row):
        return 1.0
    if "input" in row and "expected_output" in row and {"dataset_id", "source_trace_id", "dataset_name"} & set(row):
        return 1.0  # its Python client's
    return 0.7 if "expected_output" in row and isinstance(row.get("input"), dict) else 0.0


def _is_phoenix(row: Row) -> float:
    if {"example_id", "input", "output"} <= set(row) or {"example_id", "inputs", "outputs"} <= set(row):
        return 1.0
    if "example_id" in row and _flat(row, "input") and _flat(row, "output"):  # its page writes a column for each key
        return 1.0
    are_objects = all(isinstance(_side(row.get(side)), dict) for side in ("input", "output"))
    if set(row) <= set(_OF_EXAMPLES) and are_objects:  # its REST API and its client; without metadata a table of any tool
        return 0.95 if "metadata" in row else 0.6
    spans = ("attributes.input.value", "attributes.output.value")
    return 1.0 if all(key in row for key in spans) else 0.0


def _flat(row: Row, side: str) -> dict[str, Json]:
    """The columns of one side of a flat table: `inputs.question`, `input_question`."""
    starts = (f"{side}s.", f"{side}.", f"{side}s_", f"{side}_")
    return {key[len(start) :]: value for key, value in row.items() for start in starts if key.startswith(start)}


def _langsmith(row: Row, line: int) -> ImportedRow:
    inputs = _side(row["inputs"]) if "inputs" in row else _flat(row, "input")
    outputs = _side(row["outputs"]) if "outputs" in row else _flat(row, "output")
    return _pair(row, line, inputs, outputs)


def _langfuse(row: Row, line: int) -> ImportedRow:
    row = {key: unquoted(value) for key, value in row.items()}
    if "ARCHIVED" in str(row.get("status")):
        raise ValueError("is archived in Langfuse")
    return _pair(row, line, _side(row["input"]), _side(row.get("expectedOutput", row.get("expected_output"))))


def _phoenix(row: Row, line: int) -> ImportedRow:
    if "attributes.input.value" in row:
        asks, answer = (_side(row[f"attributes.{side}.value"]) for side in ("input", "output"))
        note = "the answer is what was answered, by nobody's word right: look it over before it judges"
        return _pair(row, line, asks, answer, notes=(note,))
    inputs, outputs = (_side(row.get(side, row.get(f"{side}s"))) or _flat(row, side) for side in ("input", "output"))
    metadata = _flat(row, "metadata")
    return _pair({**row, "metadata": metadata} if metadata else row, line, inputs, outputs)


def _side(value: Json) -> Json:
    """A side of an example: text, an object, a chat, or the JSON text of such."""
    if isinstance(value, str) and value.strip() == "{}":
        return {}
    return object_of(value) or _chat(value)


def _chat(value: Json) -> Json:
    """The chat that a text holds as JSON, or that one turn is; any other value as it is."""
    if isinstance(value, str) and value.lstrip().startswith(("[{", '{"')):
        listed: Json = object_of(value) or listed_in(value)
        return _chat(listed) if _is_turn(listed) or (isinstance(listed, list) and all(map(_is_turn, listed))) else value
    return [value] if _is_turn(value) else value


def _is_turn(value: Json) -> bool:
    return isinstance(value, dict) and "role" in value and ("content" in value or "tool_calls" in value)


def _pair(row: Row, line: int, inputs: Json, outputs: Json, *, notes: tuple[str, ...] = ()) -> ImportedRow:
    """A case of an input and an expected output.

    Raises:
        ValueError: there is no question, or no accepted answer.
    """
    asks, beside = _value_of(inputs, ("messages", "chat_history", *QUESTIONS), "question")
    answer, others = _value_of(outputs, ("messages", "output", *ANSWERS), "accepted answer")
    of_sides = [key for key in row if key.startswith(("input", "output", "metadata", "attributes.", "context."))]
    notes += unread(row, (*_OF_ITEMS, *of_sides)) if "attributes.input.value" not in row else ()
    notes += tuple(
        f"'{name}' beside the expected output is not taken" for name, value in others.items() if words(value).strip()
    )
    question, before, system = asked_in(_chat(asks))
    accepted = _answers(_chat(answer))
    if not accepted:
        raise ValueError("its expected output is empty: there is no accepted answer")
    lines = [f"{name}: {words(value)}" for name, value in beside.items() if words(value).strip()]
    id = row.get("id", row.get("example_id"))
    meta = object_of(row.get("metadata"))
    case = case_row("\n".join([question, *lines]), accepted, id=id, messages=before, meta=meta)
    return ImportedRow(line, cases=(case,), notes=(*notes, *system))


def _answers(value: Json) -> list[Json]:
    """The texts of an answer; of a chat the last turn's."""
    if isinstance(value, list) and value and isinstance(value[-1], dict) and "content" in value[-1]:
        return [*texts(content_text(value[-1]["content"]))]
    return [*texts(value)]


def _value_of(side: Json, names: tuple[str, ...], what: str) -> tuple[Json, dict[str, Json]]:
    """(the value that is meant, the others beside it).

    Raises:
        ValueError: of several keys none says that it is.
    """
    if not isinstance(side, dict) or _is_turn(side):
        return side, {}
    present = {key: value for key, value in side.items() if value is not None}
    name = next(iter(present), "") if len(present) == 1 else name_in(present, names)
    if not name:
        raise ValueError(f"no key says which is the {what}; there are: {', '.join(side) or 'none'}")
    return present[name], {key: value for key, value in present.items() if key != name}


LANGSMITH = by_rows("LangSmith: examples of a data set", _is_langsmith, _langsmith)
LANGFUSE = by_rows("Langfuse: items of a data set", _is_langfuse, _langfuse)
PHOENIX = by_rows("Phoenix: examples or spans", _is_phoenix, _phoenix)
