"""Rows that are not written one after the other, and what stands above the rows of a table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rung.commands.import_files import ImportRequest, import_files
from rung.dataset.row_files import delimiter_of, rows_of_text
from rung.errors import InputError, UserError
from rung.importers.fields import object_of
from rung.importers.layouts import rows_of_columns
from rung.importers.source import ImportFile
from rung.records import Json, Problem
from tests.importers.samples import whole
from tests.knowledge.making import xlsx

TURNS: list[Json] = [{"role": "user", "content": "How long?"}, {"role": "assistant", "content": "One day."}]


def rows(folder: Path, content: str) -> list[tuple[int, dict[str, Json]]]:
    (folder / "a").write_text(content, encoding="utf-8")
    return list(ImportFile(folder / "a").rows)


@pytest.mark.parametrize(
    ("table", "read"),
    [
        ({"question": {"0": "a?", "1": "b?"}, "answer": {"0": "x", "1": "y"}}, [("a?", "x"), ("b?", "y")]),
        ({"question": ["a?", "b?"], "answer": ["x", "y"]}, [("a?", "x"), ("b?", "y")]),
        ({"columns": ["question", "answer"], "index": [7], "data": [["a?", "x"]]}, [("a?", "x")]),
    ],
)
def test_tables_by_columns(table: dict[str, Json], read: list[tuple[str, str]], tmp_path: Path) -> None:
    found = rows(tmp_path, json.dumps(table, indent=1))
    assert [(row["question"], row["answer"]) for _, row in found] == read
    lines = [line for line, _ in found]
    assert lines == sorted(set(lines))
    assert lines[0] > 1


@pytest.mark.parametrize(
    "row",
    [
        {"messages": [{"role": "user", "content": "a"}], "tools": [{"type": "function"}]},
        {"train": [{"question": "a"}], "test": [{"question": "b"}]},
        {"question": ["a", "b"], "answer": ["x"]},
        {"input": {"question": "a"}, "output": {"answer": "b"}},
        {"question": "a", "answer": "b"},
        {},
    ],
)
def test_what_is_no_table_by_columns(row: dict[str, Json]) -> None:
    assert rows_of_columns(row) == []


@pytest.mark.parametrize("form", [TURNS, [TURNS], {"messages": TURNS}], ids=["turns", "a list of chats", "a chat"])
def test_bare_turns_are_a_chat(form: Any, tmp_path: Path) -> None:
    assert [row["messages"] for _, row in rows(tmp_path, json.dumps(form))] == [TURNS]


def test_lists_of_turns_on_lines_are_chats(tmp_path: Path) -> None:
    found = rows(tmp_path, f"{json.dumps(TURNS)}\n\n{json.dumps(TURNS[:1])}\n")
    assert found == [(1, {"messages": TURNS}), (3, {"messages": TURNS[:1]})]


def test_turns_are_of_the_chat_that_they_name(tmp_path: Path) -> None:
    mixed = [{**object_of(turn), "conversation_id": number} for turn in TURNS for number in (7, 8)]
    found = rows(tmp_path, "\n".join(map(json.dumps, mixed)))
    assert found == [(1, {"conversation_id": 7, "messages": TURNS}), (2, {"conversation_id": 8, "messages": TURNS})]


def test_a_chat_of_which_a_turn_cannot_be_read_is_none(tmp_path: Path) -> None:
    assert rows(tmp_path, f"{json.dumps(TURNS[0])}\n{{bad\n{json.dumps(TURNS[1])}\n") == []


def test_rows_with_a_role_of_another_kind_are_no_turns(tmp_path: Path) -> None:
    people = [{"role": "editor", "content": "x"}, {"role": "owner", "content": "y"}]
    assert len(rows(tmp_path, json.dumps(people))) == 2


def test_what_stands_behind_an_array_is_listed() -> None:
    problems: list[Problem] = []
    assert len(list(rows_of_text('[{"a": 1}]\n\n[{"a": 2}]\n', "x", problems))) == 1
    ((line, message),) = [(problem.line, problem.message) for problem in problems]
    assert (line, "behind the end of the array" in message) == (3, True)
    problems.clear()
    assert len(list(rows_of_text('[{"a": 1}]\n', "x", problems))) == 1
    assert problems == []


@pytest.mark.parametrize(
    ("text", "line", "row"),
    [
        ("sep=;\na;b\n1,5;2\n", 3, {"a": "1,5", "b": "2"}),
        ('"sep=|"\r\na|b\r\n1;5|2\r\n', 3, {"a": "1;5", "b": "2"}),
        ("SEP=\t\na\tb\n1\t2\n", 3, {"a": "1", "b": "2"}),
        ('"a, one";b\n1;2\n', 2, {"a, one": "1", "b": "2"}),
        ("An export, of today\n\na;b\n1;2\n3;4\n", 4, {"a": "1", "b": "2"}),
        ("An export of today,\nSecond note here,\na,b\n1,2\n", 4, {"a": "1", "b": "2"}),
        ("a b\n1\n2\n", 2, {"a b": "1"}),
        ("note,\n1,2\n", 2, {"note": "1", "": "2"}),
    ],
)
def test_the_head_of_a_table(text: str, line: int, row: dict[str, str]) -> None:
    first, *_ = rows_of_text(text, "x", [])
    assert first == (line, row)


def test_a_note_above_a_table_is_listed_where_it_is_no_row() -> None:
    problems: list[Problem] = []
    assert len(list(rows_of_text("An export of today;\na;b\n1;2\n3\n", "x", problems))) == 1
    assert [problem.line for problem in problems] == [1, 4]
    assert delimiter_of("An export, of today, all\na;b\n1;2\n") == ";"


def test_a_note_above_the_table_of_a_workbook(tmp_path: Path) -> None:
    table: list[list[object]] = [
        ["Questions, as of today", None],
        [None, None],
        ["Question", "Answer"],
        ["How long?", "One day"],
        ["Dear?", None],
    ]
    (tmp_path / "faq.xlsx").write_bytes(xlsx({"Faq": table}))
    (file,) = import_files([tmp_path / "faq.xlsx"], ImportRequest(dry_run=True)).files
    assert (file.rows, file.taken) == (2, 1)
    assert [problem.line for problem in file.refused] == [5]
    assert [note.line for note in file.notes if "above the table's head" in note.message] == [1]


def test_one_bad_file_stops_no_other(tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("{x")
    (tmp_path / "b.csv").write_text("question,answer\nHow long?,One day\n")
    paths = [tmp_path / name for name in ("bad.json", "absent.jsonl", "b.csv")]
    report = import_files(paths, ImportRequest(output=tmp_path / "out.jsonl"))
    assert [(Path(problem.path).name, problem.line) for problem in report.failed] == [("bad.json", 1), ("absent.jsonl", 0)]
    assert report.written == {tmp_path / "out.jsonl": 1}
    assert [one["path"] for one in report.as_json()["failed"]] == [str(path) for path in paths[:2]]  # type: ignore[union-attr,index,call-overload]


def test_marked_turns_of_chatgpt(tmp_path: Path) -> None:
    """Hidden turns, thoughts and the work of tools are left out, and a chat with an image is refused."""
    said: list[tuple[dict[str, Json], str]] = [
        ({"author": {"role": "user"}, "content": {"content_type": "user_editable_context", "user_profile": "x"}}, ""),
        ({"author": {"role": "system"}, "content": {"content_type": "text", "parts": ["Be brief."]}}, ""),
        ({"author": {"role": "user"}, "content": {"content_type": "text", "parts": ["How long?"]}}, "user"),
        ({"author": {"role": "assistant"}, "content": {"content_type": "thoughts", "thoughts": []}}, ""),
        (
            {
                "author": {"role": "assistant"},
                "recipient": "python",
                "content": {"content_type": "code", "text": "1"},
            },
            "",
        ),
        ({"author": {"role": "tool"}, "content": {"content_type": "execution_output", "text": "1"}}, ""),
        ({"author": {"role": "assistant"}, "content": {"content_type": "text", "parts": ["One", "day."]}}, "assistant"),
    ]
    mapping: dict[str, Json] = {
        str(n): {"message": message, "parent": str(n - 1), "children": [str(n + 1)] if n + 1 < len(said) else []}
        for n, (message, _) in enumerate(said)
    }
    image: Json = {"content_type": "multimodal_text", "parts": [{"content_type": "image_asset_pointer"}, "What is it?"]}
    picture: Json = {"0": {"message": {"author": {"role": "user"}, "content": image}, "parent": None, "children": []}}
    (tmp_path / "c.json").write_bytes(whole([{"mapping": mapping, "id": "c"}, {"mapping": picture, "current_node": "0"}]))
    report = import_files([tmp_path / "c.json"], ImportRequest(output=tmp_path / "out.jsonl"))
    (row,) = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert row["messages"] == [{"role": "user", "content": "How long?"}, {"role": "assistant", "content": "One\nday."}]
    (file,) = report.files
    assert [problem.message for problem in file.refused] == [
        "holds content of kind 'image_asset_pointer': only text is taken"
    ]
    notes = " ".join(note.message for note in file.notes)
    assert all(word in notes for word in ("set for all chats", "nobody saw", "reasoned", "own tools"))


SOUND, SPOKEN = {"content_type": "audio_asset_pointer"}, {"content_type": "audio_transcription", "text": "How long?"}


@pytest.mark.parametrize(
    ("parts", "refused"),
    [
        ([SPOKEN, SOUND], ""),
        ([SOUND, SPOKEN], ""),
        ([SOUND], "audio_asset_pointer"),
        ([SOUND, "How long?"], "audio_asset_pointer"),
        (["How long?", SPOKEN, {"content_type": "image_asset_pointer"}], "image_asset_pointer"),
    ],
)
def test_sounds_go_by_their_transcription_and_images_are_refused_wherever_they_stand(
    parts: list[Json], refused: str, tmp_path: Path
) -> None:
    asked: Json = {"author": {"role": "user"}, "content": {"content_type": "multimodal_text", "parts": parts}}
    given: Json = {"author": {"role": "assistant"}, "content": {"content_type": "text", "parts": ["One day."]}}
    mapping: Json = {
        "0": {"message": asked, "parent": None, "children": ["1"]},
        "1": {"message": given, "parent": "0", "children": []},
    }
    (tmp_path / "c.json").write_bytes(whole([{"mapping": mapping, "current_node": "1"}]))
    request = ImportRequest(output=tmp_path / "out.jsonl")
    if refused:
        with pytest.raises(UserError, match=f"holds content of kind '{refused}': only text is taken"):
            import_files([tmp_path / "c.json"], request)
        return
    (file,) = import_files([tmp_path / "c.json"], request).files
    (row,) = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert row["messages"][0]["content"] == "How long?"
    assert "sounds are left out beside their transcription" in " ".join(note.message for note in file.notes)


def test_rows_of_one_line_are_told_apart_by_number_and_title(tmp_path: Path) -> None:
    rows = [{"title": f"Chat {n}", "mapping": {"a": {"children": []}}} for n in range(2)]
    chat = {"uuid": "u", "name": "Fine", "chat_messages": [{"sender": "human", "text": "Hi"}]}
    answered = {**chat, "chat_messages": [*chat["chat_messages"], {"sender": "assistant", "text": "Hello"}]}
    (tmp_path / "conversations.json").write_text(json.dumps([*rows, answered]))
    (file,) = import_files([tmp_path / "conversations.json"], ImportRequest(dry_run=True)).files
    assert [str(one).partition(".json:")[2] for one in file.refused] == [
        f"1: row {n + 1} 'Chat {n}': holds no answer in words" for n in range(2)
    ]
    assert [one["row"] for one in file.as_json()["not_taken"]] == ["row 1 'Chat 0'", "row 2 'Chat 1'"]  # type: ignore[union-attr,index,call-overload]
    (tmp_path / "conversations.json").write_text(json.dumps([*rows, 7, answered]))
    (file,) = import_files([tmp_path / "conversations.json"], ImportRequest(dry_run=True)).files
    named = ["'Chat 0': holds no answer in words", "'Chat 1': holds no answer in words", "must be an object {…}, found int"]
    assert [str(one).partition(".json:1: ")[2] for one in file.refused] == named, "counting would name a wrong one"


def test_a_mark_of_a_citation_leaves_no_blank(tmp_path: Path) -> None:
    text = "It takes one day 【1†faq】【2†faq】. It is 9 EUR 【3†faq】 today. 【4†faq】"
    turns = [{"sender": "human", "text": "How long?"}, {"sender": "assistant", "text": text}]
    (tmp_path / "conversations.json").write_text(json.dumps([{"uuid": "u", "chat_messages": turns}]))
    import_files([tmp_path / "conversations.json"], ImportRequest(output=tmp_path / "out.jsonl"))
    (line,) = (tmp_path / "out.jsonl").read_text().splitlines()
    assert json.loads(line)["messages"][-1]["content"] == "It takes one day. It is 9 EUR today."


def test_a_table_in_windows_1252_is_read_and_json_is_not(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("question,answer\nWie groß?,Für 9 €\n".encode("cp1252"))
    (file,) = import_files([tmp_path / "a.csv"], ImportRequest(output=tmp_path / "out.jsonl")).files
    assert "Für 9 €" in (tmp_path / "out.jsonl").read_text()
    assert "is not UTF-8 (line 2) and was read as Windows-1252" in file.notes[0].message
    for name, content in (
        ("b.jsonl", '{"question": "groß?", "answer": "ä"}'.encode("cp1252")),
        ("c.csv", b"a,b\n\x01\xff,\n"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match="is not UTF-8 text"):
            import_files([tmp_path / name], ImportRequest(dry_run=True))
