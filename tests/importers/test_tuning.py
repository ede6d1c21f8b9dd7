"""What of tuning data is learnt: never an answer that was not wanted, and calls of tools with the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from rung.commands.import_files import ImportRequest, import_files
from rung.errors import UserError
from rung.importers.bedrock import CONVERSATIONS, EVALUATION
from rung.importers.imported import ImportedRow, Importer
from rung.importers.inspect_logs import INSPECT
from rung.importers.llama_factory import LLAMA_FACTORY
from rung.importers.platforms import LANGFUSE, LANGSMITH, PHOENIX
from rung.importers.preferences import PREFERENCES
from rung.importers.rag_sets import GOLDENS, LLAMA_INDEX, RAGAS
from rung.importers.reading_sets import HOTPOT
from rung.importers.registry import form_of
from rung.importers.source import ImportFile
from rung.importers.tuning import CHATS, GEMINI
from tests.importers.samples import lines

CALL: dict[str, object] = {"id": "c", "type": "function", "function": {"name": "price", "arguments": '{"of": "express"}'}}


def read(folder: Path, importer: Importer, *rows: object) -> list[ImportedRow]:
    (folder / "rows.jsonl").write_bytes(lines(*rows))
    return list(importer.read(ImportFile(folder / "rows.jsonl")))


def turns(row: ImportedRow) -> list[tuple[str, str]]:
    (example,) = row.examples
    return [(turn["role"], turn["content"]) for turn in example["messages"]]  # type: ignore[index,union-attr,call-overload,misc]


@pytest.mark.parametrize("label", [False, 0, "False", "0", 0.0])
def test_an_answer_that_was_not_wanted_is_never_learnt_whatever_stands_beside_it(label: object, tmp_path: Path) -> None:
    rows = [
        {"id": 1, "prompt": "a?", "completion": "BAD", "label": label, "source": "s"},
        {"id": 2, "prompt": "b?", "completion": "GOOD", "label": True, "source": "s"},
    ]
    (tmp_path / "kto.jsonl").write_bytes(lines(*rows))
    assert form_of(ImportFile(tmp_path / "kto.jsonl"))[0] == "preferences"
    (file,) = import_files([tmp_path / "kto.jsonl"], ImportRequest(output=tmp_path / "o.jsonl")).files
    assert (file.taken, [problem.line for problem in file.refused]) == (1, [1])
    assert "BAD" not in (tmp_path / "o.jsonl").read_text()
    (tmp_path / "one.jsonl").write_bytes(lines(rows[0]))
    with pytest.raises(UserError, match="was not wanted"):
        import_files([tmp_path / "one.jsonl"], ImportRequest(form="chats"))


def test_a_label_that_is_a_class_is_no_wish(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines({"prompt": "a", "completion": "b", "label": "billing"}))
    assert form_of(ImportFile(tmp_path / "a.jsonl"))[0] == "chats"


def test_calls_of_a_preferred_answer_are_learnt(tmp_path: Path) -> None:
    called = {"role": "assistant", "content": None, "tool_calls": [CALL]}
    result = {"role": "tool", "tool_call_id": "c", "content": "9"}
    first, second, third = read(
        tmp_path,
        PREFERENCES,
        {"prompt": "Price?", "chosen": [called], "rejected": [{"role": "assistant", "content": "no"}]},
        {
            "prompt": [{"role": "user", "content": "Price?"}, called, result],
            "chosen": [{"role": "assistant", "content": "9 EUR"}],
            "rejected": [],
        },
        {
            "input": {"messages": [{"role": "user", "content": "Price?"}, called, result]},
            "preferred_output": [{"role": "assistant", "content": "9 EUR"}],
            "non_preferred_output": [],
        },
    )
    assert first.examples[0]["messages"][1]["tool_calls"][0]["function"]["name"] == "price"  # type: ignore[index,call-overload]
    for row in (second, third):
        assert [role for role, _ in turns(row)] == ["user", "assistant", "tool", "assistant"]
        assert row.examples[0]["messages"][1]["tool_calls"]  # type: ignore[index,call-overload]


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "a?", "chosen": [], "rejected": []},
        {
            "input": {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]},
            "preferred_output": [],
            "non_preferred_output": [],
        },
    ],
)
def test_an_empty_preferred_answer_is_refused(row: object, tmp_path: Path) -> None:
    assert "is empty: there is no answer in it" in read(tmp_path, PREFERENCES, row)[0].refused


@pytest.mark.parametrize(
    ("key", "who", "text", "names"),
    [
        ("messages", "role", "content", ("user", "assistant")),
        ("conversations", "from", "value", ("human", "gpt")),
    ],
)
def test_the_weight_of_a_turn_is_honoured(key: str, who: str, text: str, names: tuple[str, str], tmp_path: Path) -> None:
    said = [(names[0], "a?", {}), (names[1], "GOOD", {"weight": 1}), (names[0], "b?", {}), (names[1], "BAD", {"weight": 0})]
    chat = [{who: name, text: words, **weight} for name, words, weight in said]
    row, later, none = read(
        tmp_path, CHATS, {key: chat}, {key: [*chat, {who: names[0], text: "bye"}]}, {key: [chat[2], chat[3]]}
    )
    assert turns(row) == turns(later) == [("user", "a?"), ("assistant", "GOOD")]
    assert "weight 0" in none.refused


def test_what_gemini_thought_is_not_learnt_and_its_instruction_may_be_a_text(tmp_path: Path) -> None:
    parts = [{"text": "thinking…", "thought": True}, {"text": "9 EUR"}]
    contents = [{"role": "user", "parts": [{"text": "Express?"}]}, {"role": "model", "parts": parts}]
    (row,) = read(tmp_path, GEMINI, {"systemInstruction": "Be brief.", "contents": contents})
    assert turns(row) == [("system", "Be brief."), ("user", "Express?"), ("assistant", "9 EUR")]
    assert row.notes == ("what the model reasoned is not taken",)


def test_a_class_beside_a_chat_is_no_wish(tmp_path: Path) -> None:
    chat = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}], "label": 0}
    (tmp_path / "a.jsonl").write_bytes(lines(chat))
    assert form_of(ImportFile(tmp_path / "a.jsonl"))[0] == "chats"


def test_what_is_left_out_of_a_chat_is_said_and_what_stands_beside_it_stays(tmp_path: Path) -> None:
    chat = [
        {"role": "user", "content": "a?", "name": "Ada"},
        {"role": "assistant", "content": "b", "reasoning_content": "hm", "annotations": [{"x": 1}]},
    ]
    row, pictured = read(
        tmp_path,
        CHATS,
        {"messages": chat, "topic": "prices", "scores": [1], "empty": None},
        {"messages": [{"role": "user", "content": "<image>?"}, {"role": "assistant", "content": "b"}], "images": ["a.png"]},
    )
    assert row.notes == (
        "what the model reasoned is not taken",
        "'annotations' of turns is not taken",
        "'scores' is not taken: it is a list or an object",
    )
    assert row.examples[0]["meta"] == {"topic": "prices"}
    assert pictured.refused == "holds images: only text is taken"


@pytest.mark.parametrize("key", ["messages", "conversations", "conversation"])
def test_what_is_wrong_with_a_chat_names_its_own_key(key: str, tmp_path: Path) -> None:
    asks = {"from": "human", "value": "a?"}
    unanswered, unasked, empty = read(
        tmp_path,
        CHATS,
        {key: [asks]},
        {key: [{"from": "human", "value": " "}, {"from": "gpt", "value": "b"}]},
        {"Prompt": " ", "completion": "b"},
    )
    assert unanswered.refused == f"'{key}' must be a chat that ends with the assistant's answer"
    assert unasked.refused == f"'{key}' has no user turn with text: the input is empty"
    assert empty.refused == "'Prompt' has no user turn with text: the input is empty"


@pytest.mark.parametrize(
    ("importer", "row"),
    [
        (PREFERENCES, {"system": "Be brief.", "prompt": "a?", "chosen": "b", "rejected": "c", "score": 0}),
        (PREFERENCES, {"system": "Be brief.", "prompt": "a?", "completion": "b", "label": True, "score": 0}),
        (GEMINI, {"system": "Be brief.", "score": 0, "contents": [
            {"parts": [{"text": "a?"}]}, {"role": "model", "parts": [{"text": "b"}]},
        ]}),
        (CONVERSATIONS, {"system": [], "score": 0, "messages": [
            {"role": "user", "content": [{"text": "a?"}]}, {"role": "assistant", "content": [{"text": "b"}]},
        ]}),
        (EVALUATION, {"score": 0, "conversationTurns": [
            {"prompt": {"content": [{"text": "a?"}]}, "referenceResponses": [{"content": [{"text": "b"}]}]},
        ]}),
        (LLAMA_FACTORY, {"score": 0, "messages": [
            {"role": "user", "content": [{"type": "text", "value": "a?"}]},
            {"role": "assistant", "content": [{"type": "text", "value": "b"}]},
        ]}),
        (RAGAS, {"user_input": "a?", "reference": "b", "score": 0, "rubrics": {}}),
        (GOLDENS, {"input": "a?", "expected_output": "b", "score": 0, "toolsCalled": None}),
        (LLAMA_INDEX, {"query": "a?", "reference_answer": "b", "score": 0, "empty": " "}),
        (LANGSMITH, {"inputs": {"q": "a?"}, "outputs": {"a": "b"}, "score": 0, "created_at": "2026-01-01"}),
        (LANGFUSE, {"input": "a?", "expectedOutput": "b", "datasetId": "d", "score": 0}),
        (PHOENIX, {"example_id": "1", "input": {"q": "a?"}, "output": {"a": "b"}, "metadata": {}, "score": 0}),
        (INSPECT, {"input": "a?", "target": "b", "score": 0}),
        (HOTPOT, {"question": "a?", "answer": "b", "context": [["T", ["x"]]], "supporting_facts": [["T", 0]], "score": 0}),
    ],
)  # fmt: skip
def test_keys_that_nothing_reads_are_said(importer: Importer, row: dict[str, object], tmp_path: Path) -> None:
    (taken,) = read(tmp_path, importer, row)
    (bare,) = read(tmp_path, importer, {key: value for key, value in row.items() if key != "score"})
    assert (taken.refused, [*taken.cases, *taken.examples] != []) == ("", True)
    assert set(taken.notes) - set(bare.notes) == {"'score' is not taken"}
    assert ("'system' is not taken" in bare.notes) is isinstance(row.get("system"), str)
    assert not any(key in note for note in bare.notes for key in ("rubrics", "tools", "empty", "created_at"))
