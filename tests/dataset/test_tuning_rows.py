"""Examples in the forms of other tools: they hold the rules of those tools, and `rung import` gives them back equal."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam
from pydantic import TypeAdapter

from rung.dataset.chat_rows import Misfit, mistral_row, openai_row
from rung.dataset.chat_tools import said_with
from rung.dataset.formats import example_of
from rung.dataset.gemini_rows import gemini_row
from rung.dataset.share_rows import BETWEEN_RESULTS, share_row
from rung.dataset.write_examples import unwritten
from rung.importers.registry import form_of
from rung.importers.source import ImportFile
from rung.records import Example, Json, Message

PARAMETERS: list[Json] = [
    {"type": "object", "properties": {"of": {"type": "string"}, "type": {"type": "integer"}}, "required": ["of"]},
    {"type": "object", "properties": {"of": {"type": ["string", "null"]}}, "additionalProperties": False},
]
TOOLS = json.dumps(
    [
        {"type": "function", "function": {"name": f"look_{n}", "description": "Looks.", "parameters": one}}
        for n, one in enumerate(PARAMETERS)
    ]
)
FULL = Example(
    "e1",
    (
        Message("system", "Be short."),
        Message("user", "What do A and B cost?"),
        Message("assistant", said_with("I look both up.", [("look_0", {"of": "A"}), ("look_1", {"of": 'B "é"'})])),
        Message("tool", "5"),
        Message("tool", '{"price": 7}'),
        Message("assistant", said_with("", [("look_0", {"of": "C"})])),
        Message("tool", "nothing\nfound"),
        Message("assistant", "5 and 7."),
        Message("user", "Thanks."),
        Message("assistant", "<b>Any time</b> {{x}}"),
    ),
    tools=TOOLS,
    source="desk",
    meta={"n": 1, "deep": {"a": [1]}},
)


def imported(rows: list[dict[str, Json]], folder: Path) -> list[Example]:
    """What `rung import` makes of a file of these rows, found by looking; everything is taken."""
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    _, importer = form_of(file := ImportFile(path))
    results = list(importer.read(file))
    assert [row.refused for row in results] == [""] * len(rows)
    return [example_of(example, "") for row in results for example in row.examples]


@pytest.mark.parametrize("write", [share_row, openai_row, mistral_row, gemini_row])
def test_a_chat_with_text_beside_calls_comes_back_equal(write: Callable[[Example], dict[str, Json]], tmp_path: Path) -> None:
    (again,) = imported([write(FULL)], tmp_path)
    assert again.messages == FULL.messages
    assert json.loads(again.tools) == json.loads(FULL.tools)
    if write is share_row:
        assert (again.id, again.source, again.meta) == (FULL.id, FULL.source, FULL.meta)


def llama_factory_takes(row: dict[str, Any]) -> bool:
    """Its rule for ShareGPT: a system turn first at most; a person or an observation, then the model, and so on."""
    turns = row["conversations"][row["conversations"][0]["from"] == "system" :]
    sides = [("human", "observation"), ("gpt", "function_call")]
    for turn in turns:
        if turn["from"] == "function_call":  # its templates read the calls as JSON, or as JSON between these marks
            calls = re.search(r"<tool_call>(.*?)</tool_call>", turn["value"], re.DOTALL)
            value = json.loads(calls[1] if calls else turn["value"])
            assert all({"name", "arguments"} == set(call) for call in (value if isinstance(value, list) else [value]))
    by_turns = all(turn["from"] in sides[n % 2] for n, turn in enumerate(turns))
    return len(turns) % 2 == 0 and by_turns


def test_llama_factory_takes_the_whole_of_it() -> None:
    row = share_row(FULL)
    assert llama_factory_takes(row)
    values = [turn["value"] for turn in row["conversations"] if isinstance(turn, dict)]  # type: ignore[union-attr]
    assert str(values[2]).startswith("I look both up.\n<tool_call>\n[{")
    assert values[3] == f'5{BETWEEN_RESULTS}{{"price": 7}}'
    assert isinstance(row["tools"], str)


def chat(*roles: str) -> Example:
    words = {"call": said_with("", [("f", {})]), "both": said_with("So:", [("f", {}), ("f", {"a": 1})])}
    names = {"call": "assistant", "both": "assistant"}
    return Example(
        "e", tuple(Message(names.get(role, role), words.get(role, f"{role} {n}")) for n, role in enumerate(roles))
    )


@pytest.mark.parametrize(
    ("roles", "refusing"),
    [
        (("user", "user", "assistant"), {share_row}),
        (("assistant", "user", "assistant"), {share_row, mistral_row, gemini_row}),
        (("user", "assistant", "system", "user", "assistant"), {share_row, mistral_row, gemini_row}),
        (("system", "system", "user", "assistant"), {share_row, gemini_row}),
        (("user", "call", "tool", "user", "assistant"), {share_row}),
        (("user", "tool", "assistant"), {share_row, mistral_row, gemini_row}),
        (("user", "assistant", "tool", "assistant"), {mistral_row, gemini_row}),
        (("user", "both", "tool", "tool", "call"), set()),
        (("user", "assistant", "user", "assistant"), set()),
    ],
)
def test_what_a_form_cannot_hold_is_refused_with_the_reason(
    roles: tuple[str, ...], refusing: set[Callable[[Example], dict[str, Json]]], tmp_path: Path
) -> None:
    example = chat(*roles)
    for write in (share_row, mistral_row, gemini_row):
        if write in refusing:
            with pytest.raises(Misfit):
                write(example)
        else:
            assert imported([write(example)], tmp_path)[0].messages == example.messages
    if share_row not in refusing:
        assert llama_factory_takes(share_row(example))


def test_ids_of_calls_are_nine_letters_and_digits_and_answered() -> None:
    turns = [turn for turn in mistral_row(FULL)["messages"] if isinstance(turn, dict)]  # type: ignore[union-attr]
    ids = [call["id"] for turn in turns for call in turn.get("tool_calls") or []]  # type: ignore[union-attr, call-overload, index]
    assert len(set(ids)) == 3
    assert all(re.fullmatch(r"[a-zA-Z0-9]{9}", str(id)) for id in ids)
    results = [(turn["tool_call_id"], turn["name"]) for turn in turns if turn["role"] == "tool"]
    assert results == list(zip(ids, ["look_0", "look_1", "look_0"], strict=True))


def test_openai_has_its_own_keys_alone() -> None:
    row = openai_row(FULL)
    assert set(row) == {"messages", "tools"}
    TypeAdapter(list[ChatCompletionMessageParam]).validate_python(row["messages"])
    TypeAdapter(list[ChatCompletionToolParam]).validate_python(row["tools"])


def test_gemini_has_types_in_capitals_or_the_schema_whole() -> None:
    row: Any = gemini_row(FULL)
    declared = row["tools"][0]["functionDeclarations"]
    assert declared[0]["parameters"]["properties"] == {"of": {"type": "STRING"}, "type": {"type": "INTEGER"}}
    assert declared[1]["parametersJsonSchema"] == PARAMETERS[1]
    assert row["contents"][2] == {
        "role": "user",
        "parts": [
            {"functionResponse": {"name": "look_0", "response": {"result": "5"}}},
            {"functionResponse": {"name": "look_1", "response": {"price": 7}}},
        ],
    }
    assert [content["role"] for content in row["contents"]] == ["user", "model"] * 4


def test_what_gemini_has_no_place_for_is_said() -> None:
    function = {"name": "f", "parameters": {"type": "object"}, "strict": True, "required": ["of"]}
    messages = (Message("user", "q?"), Message("assistant", "a"))
    example = Example("e", messages, tools=json.dumps([{"type": "function", "function": function}]))
    assert unwritten([example], "gemini") == (
        "gemini has no place for 'required', 'strict' of a function: that is not written",
    )
    assert unwritten([example], "openai") == ()


texts = st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12).filter(str.strip)
plain = texts.filter(lambda text: "<tool_call>" not in text)
calls = st.lists(
    st.tuples(st.sampled_from(["f", "g"]), st.dictionaries(texts, texts | st.integers(), max_size=2)), max_size=3
)


@given(
    st.lists(st.tuples(plain, st.lists(st.tuples(st.just("") | plain, calls), max_size=2), plain), min_size=1, max_size=3)
)
@settings(max_examples=80, deadline=None)
def test_any_chat_of_rounds_comes_back_from_every_form(rounds: list[tuple[str, Any, str]]) -> None:
    messages: list[Message] = []
    for question, looks, answer in rounds:
        messages.append(Message("user", question))
        for text, called in looks:
            if called:
                messages.append(Message("assistant", said_with(text, called)))
                messages += [Message("tool", f'{{"n": {n}}}') for n, _ in enumerate(called)]
        messages.append(Message("assistant", answer))
    example = Example("e", tuple(messages))
    for write in (share_row, openai_row, mistral_row):
        assert example_of(write(example), "").messages == example.messages
    assert llama_factory_takes(share_row(example))
