"""Examples, items and traces of LangSmith, Langfuse, Phoenix and hosted evals as their APIs and their tables give them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rung.importers.imported import ImportedRow
from rung.importers.registry import form_of
from rung.importers.source import ImportFile
from rung.records import Json
from tests.importers.samples import lines, whole

EXAMPLES = [
    {"id": "R1", "input": {"question": "px?"}, "output": {"answer": "pa"}, "metadata": {}},
    {"id": "R2", "input": {"question": "py?"}, "output": {}, "metadata": {"k": 1}, "updated_at": "2026-01-01"},
]
CHAT = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes?"}, {"role": "user", "content": "When?"}]
REPLY = {"role": "assistant", "content": "now"}


def imported(folder: Path, content: bytes, **options: str) -> tuple[str, list[ImportedRow]]:
    (folder / "file").write_bytes(content)
    name, importer = form_of(file := ImportFile(folder / "file", **options))
    return name, list(importer.read(file))


@pytest.mark.parametrize(
    "content",
    [
        whole(EXAMPLES),
        lines(*EXAMPLES),
        whole({"dataset_id": "d", "version_id": "v", "examples": EXAMPLES}),
        whole({"data": {"dataset_id": "d", "examples": EXAMPLES}}),
        b'id,input,output,metadata\nR1,"{""question"": ""px?""}","{""answer"": ""pa""}",{}\n'
        b'R2,"{""question"": ""py?""}",{},{}\n',
    ],
)
def test_examples_of_phoenix_as_its_api_and_its_client_give_them(content: bytes, tmp_path: Path) -> None:
    form, (first, empty) = imported(tmp_path, content)
    assert form == "phoenix"
    assert first.cases == ({"id": "R1", "question": "px?", "answers": ["pa"]},)
    assert empty.refused == "no key says which is the accepted answer; there are: none"


@pytest.mark.parametrize("id", ["id", "example_id"])
def test_columns_of_messages_hold_chats(id: str, tmp_path: Path) -> None:
    cells = [json.dumps(value).replace('"', '""') for value in (CHAT, [REPLY])]
    _, (row,) = imported(tmp_path, f'{id},input_messages,output_messages\nE1,"{cells[0]}","{cells[1]}"\n'.encode())
    assert row.cases == ({"id": "E1", "question": "When?", "answers": ["now"], "messages": CHAT[:2]},)


@pytest.mark.parametrize("expected", [REPLY, json.dumps(REPLY), [REPLY], {"output": REPLY}])
def test_the_content_of_an_expected_turn_is_the_answer(expected: Json, tmp_path: Path) -> None:
    item = {"id": "i", "datasetId": "d", "input": CHAT, "expectedOutput": expected}
    form, (row,) = imported(tmp_path, lines(item))
    assert (form, row.cases[0]["question"], row.cases[0]["answers"]) == ("langfuse", "When?", ["now"])


def test_some_columns_of_langfuses_traces_are_no_table_of_answers(tmp_path: Path) -> None:
    columns = b"id,timestamp,name,userId,input,output,metadata,tags\n"
    form, (row,) = imported(tmp_path, columns + b"t1,2026-01-01T00:00:00Z,chat,u,Express?,9 EUR,{},[]\n")
    assert (form, row.cases, len(row.examples)) == ("langfuse-traces", (), 1)


def test_the_user_names_the_keys_of_hosted_evals_items(tmp_path: Path) -> None:
    items = lines(
        {"item": {"ticket_text": "No heat", "label_by_hand": "Hardware"}}, {"item": {"ticket_text": "x", "other": "y"}}
    )
    form, (row, other) = imported(tmp_path, items, question="ticket_text", answer="label_by_hand")
    assert form == "openai-evals-items"
    assert row.cases == ({"question": "No heat", "answers": ["Hardware"]},)
    assert other.refused == "its item has no key 'label_by_hand'; there are: ticket_text, other"
    assert "name it with --question KEY" in imported(tmp_path, items)[1][0].refused
