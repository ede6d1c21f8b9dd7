"""Responses of a batch get the requests of their own batch, whatever else lies beside them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rung.importers.chat_logs import CHAT_LOGS
from rung.importers.imported import ImportedRow
from rung.importers.source import ImportFile
from tests.importers.samples import lines


def response(id: str, model: str = "m") -> dict[str, object]:
    body = {"model": model, "choices": [{"message": {"content": f"answer {id}"}}]}
    return {"custom_id": id, "response": {"status_code": 200, "body": body}, "error": None}


def request(id: str, asked: str = "", model: str = "m") -> dict[str, object]:
    body = {"model": model, "messages": [{"role": "user", "content": asked or f"question {id}"}]}
    return {"custom_id": id, "method": "POST", "url": "/v1/chat/completions", "body": body}


def read(folder: Path, *responses: object, **beside: list[dict[str, object]]) -> tuple[list[ImportedRow], list[str]]:
    """What becomes of these responses with these files beside them, and what is noted."""
    for name, rows in beside.items():
        (folder / f"{name}.jsonl").write_bytes(lines(*rows))
    (folder / "output.jsonl").write_bytes(lines(*responses))
    file = ImportFile(folder / "output.jsonl")
    return list(CHAT_LOGS.read(file)), [note.message for note in file.notes]


def pairs(rows: list[ImportedRow]) -> list[tuple[str, str]]:
    """(question, answer) of each row that was taken."""
    taken = [json.loads(json.dumps(row.examples[0]["messages"])) for row in rows if row.examples]
    return [(turns[0]["content"], turns[-1]["content"]) for turns in taken]


BOTH = [("question a", "answer a"), ("question b", "answer b")]


def test_requests_of_the_same_ids_and_model_are_joined(tmp_path: Path) -> None:
    rows, notes = read(tmp_path, response("b"), response("a"), requests=[request("a"), request("b")])
    assert sorted(pairs(rows)) == BOTH
    assert notes == ["its requests are those of requests.jsonl, by 'custom_id'"]


@pytest.mark.parametrize(
    ("left", "why"),
    [
        ([request("a")], "monday.jsonl: does not ask b"),
        ([request("a"), request("b"), request("c")], "monday.jsonl: asks c, too, which is not answered"),
        ([request("a", model="other"), request("b", model="other")], "monday.jsonl: asks the model other, and m answered"),
    ],
)
def test_a_file_of_another_batch_gives_no_question(left: list[dict[str, object]], why: str, tmp_path: Path) -> None:
    rows, notes = read(tmp_path, response("a"), response("b"), monday=left)
    assert pairs(rows) == []
    assert notes == []
    assert why in rows[0].refused
    assert rows[0].refused.endswith("put all requests of this batch beside it, and the file of what failed of it")


def test_its_own_requests_are_told_from_a_leftover(tmp_path: Path) -> None:
    rows, notes = read(
        tmp_path,
        response("a"),
        response("b"),
        monday=[request("a", "Monday?"), request("b"), request("c")],
        tuesday=[request("a"), request("b")],
    )
    assert pairs(rows) == BOTH
    assert notes == ["its requests are those of tuesday.jsonl, by 'custom_id'"]


def test_two_files_that_fit_leave_it_open(tmp_path: Path) -> None:
    rows, _ = read(tmp_path, response("a"), one=[request("a", "Express?")], two=[request("a", "Standard?")])
    assert pairs(rows) == []
    assert rows[0].refused.startswith("has its request in several files (one.jsonl, two.jsonl)")


def test_requests_that_failed_may_lie_in_a_file_of_their_own(tmp_path: Path) -> None:
    failed: dict[str, object] = {
        "custom_id": "b",
        "response": None,
        "error": {"code": "batch_expired", "message": "expired"},
    }
    rows, _ = read(tmp_path, response("a"), requests=[request("a"), request("b")], errors=[failed])
    assert pairs(rows) == [("question a", "answer a")]


def test_an_id_twice_is_refused_by_line(tmp_path: Path) -> None:
    rows, _ = read(tmp_path, response("a"), response("b"), response("a"), requests=[request("a"), request("b")])
    assert pairs(rows) == [("question b", "answer b")]
    assert [row.refused for row in rows if row.refused] == [
        "has the custom_id 'a' of line 3, too: leave one row with it",
        "has the custom_id 'a' of line 1, too: leave one row with it",
    ]


def test_an_id_of_two_requests_is_refused_by_line(tmp_path: Path) -> None:
    asked = [request("a", "first"), request("b"), request("a", "second")]
    rows, _ = read(tmp_path, response("a"), response("b"), requests=asked)
    assert pairs(rows) == [("question b", "answer b")]
    assert rows[0].refused == "has a custom_id, 'a', that several requests have (requests.jsonl, lines 1, 3): leave one"


def test_a_long_body_before_the_id_is_a_request_too(tmp_path: Path) -> None:
    asked = request("a", "long " * 2_000)
    rows, _ = read(tmp_path, response("a"), requests=[dict(reversed(asked.items()))])
    assert len(pairs(rows)) == 1


@pytest.mark.parametrize(
    ("asked", "answered", "is_same"),
    [
        ("gpt-4o-mini", "gpt-4o-mini-2024-07-18", True),
        ("openai/gpt-4o", "gpt-4o", True),
        ("mistral-large-latest", "mistral-large-2411", True),
        ("gpt-4o", "gpt-4o-mini-2024-07-18", False),
        ("gpt-4-0613", "gpt-4-0314", False),
    ],
)
def test_a_model_answers_with_its_version(asked: str, answered: str, is_same: bool, tmp_path: Path) -> None:
    rows, _ = read(tmp_path, response("a", answered), requests=[request("a", model=asked)])
    assert bool(pairs(rows)) == is_same


def test_without_requests_beside_it_there_is_no_question(tmp_path: Path) -> None:
    rows, _ = read(tmp_path, response("a"))
    assert rows[0].refused.endswith("put the file of requests beside it")
