"""Logs and samples: what was cut or goes on from elsewhere is no example, and nothing of a sample is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rung.importers.chat_logs import CHAT_LOGS
from rung.importers.imported import ImportedRow, Importer
from rung.importers.inspect_logs import INSPECT
from rung.importers.langfuse_traces import LANGFUSE_TRACES
from rung.importers.openai_evals import SAMPLES
from rung.importers.registry import form_of
from rung.importers.source import ImportFile
from tests.importers.samples import lines

CALL = {"id": "c1", "type": "function", "function": {"name": "price", "arguments": "{}"}}


def read(folder: Path, importer: Importer, *rows: object) -> list[ImportedRow]:
    (folder / "rows.jsonl").write_bytes(lines(*rows))
    return list(importer.read(ImportFile(folder / "rows.jsonl")))


def completion(reason: str) -> dict[str, Any]:
    choice = {"finish_reason": reason, "message": {"role": "assistant", "content": "half an ans"}}
    return {"request": {"messages": [{"role": "user", "content": "q"}]}, "response": {"model": "m", "choices": [choice]}}


def response(request: dict[str, Any], **more: Any) -> dict[str, Any]:
    said = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "a"}]}
    return {"request": {"input": "And that?", **request}, "response": {"model": "m", "output": [said], **more}}


def test_an_answer_that_was_cut_is_no_example(tmp_path: Path) -> None:
    cut = {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    whole, half, partial, sound = read(
        tmp_path, CHAT_LOGS, completion("stop"), completion("length"), response({}, **cut), response({}, status="completed")
    )
    assert (len(whole.examples), len(sound.examples)) == (1, 1)
    assert "cut (length)" in half.refused
    assert "cut (max_output_tokens)" in partial.refused


@pytest.mark.parametrize("key", ["previous_response_id", "conversation"])
def test_a_request_that_goes_on_from_turns_elsewhere_is_no_example(key: str, tmp_path: Path) -> None:
    row, alone = read(tmp_path, CHAT_LOGS, response({key: "r1"}), response({key: None}))
    assert row.refused == f"goes on from earlier turns that it does not hold ('{key}')"
    assert len(alone.examples) == 1


@pytest.mark.parametrize(
    ("row", "form"),
    [
        (
            {
                "messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}],
                "items": [{"sku": 1}],
            },
            "chats",
        ),
        ({"object": "eval.run.output_item", "datasource_item": {"question": "q", "answer": "a"},
          "results": [{"name": "g", "passed": True}]}, "openai-evals-items"),
        ({"question": "q", "answer": "a", "results": [{"score": 1}]}, "table"),
    ],
)  # fmt: skip
def test_a_file_of_one_row_is_that_row_whatever_lists_stand_in_it(row: object, form: str, tmp_path: Path) -> None:
    (tmp_path / "one.jsonl").write_bytes(lines(row))
    file = ImportFile(tmp_path / "one.jsonl")
    assert form_of(file)[0] == form
    assert [one for _, one in file.rows] == [row]


def test_choices_of_a_question_are_no_log(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines({"input": "which?", "target": "B", "choices": ["x", "y"]}))
    assert form_of(ImportFile(tmp_path / "a.jsonl"))[0] == "inspect"


def test_choices_after_z_are_numbered_as_inspect_does(tmp_path: Path) -> None:
    (row,) = read(tmp_path, INSPECT, {"input": "which?", "target": "B", "choices": [f"c{n}" for n in range(28)]})
    assert str(row.cases[0]["question"]).splitlines()[25:] == ["Y) c24", "Z) c25", "1) c26", "2) c27"]


def test_metadata_of_a_sample_is_its_meta(tmp_path: Path) -> None:
    rows = read(
        tmp_path,
        SAMPLES,
        {"input": "q", "ideal": "a", "metadata": {"k": 1}, "level": 2},
        {"input": "r", "ideal": "a", "metadata": "x"},
        {"input": "s", "ideal": "a"},
    )
    assert [row.cases[0].get("meta") for row in rows] == [{"k": 1, "level": 2}, {"metadata": "x"}, None]


def test_a_trace_of_langfuse_has_the_functions_that_its_turns_declare(tmp_path: Path) -> None:
    declared = {"type": "function", "function": {"name": "price", "parameters": {"type": "object", "properties": {}}}}
    (row,) = read(
        tmp_path,
        LANGFUSE_TRACES,
        {
            "traceId": "t",
            "type": "GENERATION",
            "model": "m",
            "input": [{"role": "user", "content": "Express?"}, {"role": "tool", "content": declared}],
            "output": {"role": "assistant", "content": "", "additional_kwargs": {"tool_calls": [CALL]}},
        },
    )
    (example,) = row.examples
    assert example["generated_by"] == "m"
    assert example["tools"] == [declared]
    assert [turn["role"] for turn in example["messages"]] == ["user", "assistant"]  # type: ignore[index,union-attr,call-overload]


@pytest.mark.parametrize(
    ("asked", "answered", "why"),
    [
        ("q?", None, "has no output"),
        (None, "a", "has no input"),
        ({"n": 1}, "a", "has an input of a form that is not known; its keys are: n"),
        ("q?", {"joke": "a"}, "has an output of a form that is not known; its keys are: joke"),
        ([{"role": "user", "parts": [{"type": "image"}]}], "a", "holds a part of kind 'image'"),
        ("q?", {"choices": [{"finish_reason": "length", "message": {"content": "a"}}]}, "has an answer that was cut"),
    ],
)
def test_a_generation_that_cannot_be_read_says_why(asked: object, answered: object, why: str, tmp_path: Path) -> None:
    row = {"traceId": "t", "type": "GENERATION", "input": asked, "output": answered}
    assert read(tmp_path, LANGFUSE_TRACES, row)[0].refused.startswith(why)
