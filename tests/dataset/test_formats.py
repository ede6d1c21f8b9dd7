"""Is every format read from its content, with the line of each mistake, and is what is written the same when read again?"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.dataset import chat_row, flaw, read_examples, read_pairs, share_row, write_examples
from rung.dataset.chat_tools import apart, said_with
from rung.dataset.formats import example_of
from rung.dataset.row_files import rows_in
from rung.records import Example, Json, Message, Problem

TOOLS: list[Json] = [{"type": "function", "function": {"name": "price", "parameters": {"type": "object"}}}]
CALLING: list[Json] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Price of A and B?"},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": "call_x", "type": "function", "function": {"name": "price", "arguments": '{"of": "A"}'}},
            {"id": "call_y", "type": "function", "function": {"name": "price", "arguments": '{"of": "B"}'}},
        ],
    },
    {"role": "tool", "tool_call_id": "call_y", "content": "7"},
    {"role": "tool", "tool_call_id": "call_x", "content": "5"},
    {"role": "assistant", "content": "A is 5, B is 7."},
]


def read(tmp_path: Path, text: str | bytes, name: str = "rows") -> tuple[list[Example], list[Problem]]:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    problems: list[Problem] = []
    return list(read_examples(path, problems, shown=name)), problems


def said(example: Example) -> list[tuple[str, str]]:
    return [(m.role, m.content) for m in example.messages]


TWO = [("user", "Is express dear?"), ("assistant", "9 EUR")]


@pytest.mark.parametrize(
    "text",
    [
        '{"messages": [{"role": "user", "content": "Is express dear?"}, {"role": "assistant", "content": "9 EUR"}]}',
        '{"messages": [{"role": "user", "content": [{"type": "text", "text": "Is express dear?"}]}, '
        '{"role": "assistant", "content": "9 EUR"}]}',
        '{"conversations": [{"from": "human", "value": "Is express dear?"}, {"from": "gpt", "value": "9 EUR"}]}',
        '[{"instruction": "Is express dear?", "input": "", "output": "9 EUR"}]',
        '{"instruction": "Is express dear?", "output": "9 EUR"}',
        '{\n  "instruction": "Is express dear?",\n  "output": "9 EUR"\n}\n',
        "prompt,completion\nIs express dear?,9 EUR\n",
        "\ufeffPrompt;Completion\r\nIs express dear?;9 EUR\r\n",
        'question\tanswer\n"Is express dear?"\t"9 EUR"\n',
        '{"prompt": [{"role": "user", "content": "Is express dear?"}], '
        '"completion": [{"role": "assistant", "content": "9 EUR"}]}',
    ],
)
def test_each_format_is_known_by_its_content(tmp_path: Path, text: str) -> None:
    examples, problems = read(tmp_path, text)
    assert problems == []
    assert [said(e) for e in examples] == [TWO]


def test_a_utf_16_table_is_read(tmp_path: Path) -> None:
    examples, problems = read(tmp_path, "prompt,completion\nGrüße?,ja\n".encode("utf-16"))
    assert (said(examples[0]), problems) == ([("user", "Grüße?"), ("assistant", "ja")], [])


def test_alpaca_puts_the_input_after_the_instruction_and_keeps_earlier_turns() -> None:
    row: dict[str, Json] = {"instruction": "Translate.", "input": "Hallo", "output": "Hello", "history": [["Hi", "Hey"]]}
    assert said(example_of(row, "f:1")) == [
        ("user", "Hi"),
        ("assistant", "Hey"),
        ("user", "Translate.\n\nHallo"),
        ("assistant", "Hello"),
    ]


def test_lines_are_those_on_which_rows_begin(tmp_path: Path) -> None:
    table = 'prompt,completion\n"one\nover lines",a\n\ntwo,b\n'
    assert [e.place for e in read(tmp_path, table, "t.csv")[0]] == ["t.csv:2", "t.csv:5"]
    array = '[\n {"instruction": "a",\n  "output": "b"},\n {"instruction": "c", "output": "d"}\n]'
    assert [e.place for e in read(tmp_path, array, "t.json")[0]] == ["t.json:2", "t.json:4"]


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ('{"instruction": "a", "output": "b"}\n{"instruction": "a"', 2, "is no JSON"),
        ('[{"instruction": "a", "output": "b"},\n{"instruction" 1}]', 2, "the elements from here on are not read"),
        ('[{"instruction": "a", "output": "b"}', 1, "not closed"),
        ("prompt,completion\na,b\nc\n", 3, "has 1 cells, the header 2"),
        ('prompt,completion\na,b\n"c,d\n', 3, "is no CSV"),
        ("name,age\nAda,36\n", 2, "is no example"),
        ('{"messages": [{"role": "pilot", "content": "a"}]}', 1, "needs a role"),
        ('{"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}', 1, "kind 'image_url' cannot be learnt"),
        ('{"conversations": [{"from": "human", "value": "a"}]}', 1, "ends with the assistant"),
        ('{"instruction": "a", "output": " "}', 1, "answer is empty"),
        ('{"prompt": "a\\ud800", "completion": "b"}', 1, "half of a character"),
        ('{"anchor": "a", "positive": "b"}', 1, "they teach a retriever"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, text: str, line: int, says: str) -> None:
    _, problems = read(tmp_path, text)
    assert len(problems) == 1
    assert problems[0].line == line
    assert says in problems[0].message


QUOTE = "is not read: it stands behind the quote that line {} opens"


@pytest.mark.parametrize(
    ("text", "taken", "listed"),
    [
        (
            'input,output\na,b\n"c,d\ne,f\n\ng,h\n',
            ["a"],
            [
                (3, "is no CSV: the quote that line 3 opens is never closed, and lines 3 to 6 are not read; close it, or "
                    "double it where it is part of a text"),
                (4, QUOTE.format(3)),
                (6, QUOTE.format(3)),
            ],
        ),
        (
            'input,output\n"a\na","c\ne,f',
            [],
            [
                (2, "is no CSV: the quote that line 3 opens is never closed, and lines 2 to 4 are not read; close it, or "
                    "double it where it is part of a text"),
                (4, QUOTE.format(3)),
            ],
        ),
        (
            'input;output\r\n"c;d\r\ne;"f"\r\ng;h\r\n',
            ["g"],
            [(2, "is no CSV: ';' expected after '\"', and lines 2 to 3 are not read"), (3, QUOTE.format(2))],
        ),
        (
            'input,output\n"c,d\ne,"\ng,h\n',
            ["g"],
            [(2, "has 1 cells in lines 2 to 3, the header 2: put quotes around cells")],
        ),
        ('input,output\n"say "c"",d\ng,h\n', ["g"], [(2, "is no CSV: ',' expected after '\"'")]),
        (
            '"input,output\na,b\n',
            [],
            [
                (1, "is no CSV: the quote that line 1 opens is never closed, and lines 1 to 2 are not read; close it, or "
                    "double it where it is part of a text"),
                (2, QUOTE.format(1)),
            ],
        ),
    ],
)  # fmt: skip
def test_rows_behind_an_open_quote_are_listed(
    tmp_path: Path, text: str, taken: list[str], listed: list[tuple[int, str]]
) -> None:
    (tmp_path / "t.csv").write_bytes(text.encode())
    problems: list[Problem] = []
    rows = [row["input"] for _, row in rows_in(tmp_path / "t.csv", "t.csv", problems)]
    assert rows == taken
    assert [(problem.line, problem.message) for problem in problems] == listed


@pytest.mark.parametrize("text", ["", "\n \n", "[]", "[ ]", "input,output\n", "{}\n"])
def test_a_file_without_a_row_is_named(tmp_path: Path, text: str) -> None:
    rows, problems = read(tmp_path, text)
    assert (rows, len(problems)) == ([], 1)
    assert str(problems[0]).startswith("rows")


def test_a_broken_row_does_not_stop_the_others(tmp_path: Path) -> None:
    examples, problems = read(tmp_path, 'prompt,completion\na,b\nc\n"d ""e""",f\n')
    assert [e.input for e in examples] == ["a", 'd "e"']
    assert len(problems) == 1


def test_tool_calls_become_text_that_a_model_can_learn() -> None:
    example = example_of({"messages": CALLING, "tools": TOOLS}, "f:1")
    assert [m.role for m in example.messages] == ["system", "user", "assistant", "tool", "tool", "assistant"]
    call = example.messages[2].content
    assert call.count("<tool_call>\n") == 2
    assert '{"name": "price", "arguments": {"of": "A"}}' in call
    # results stand in the order of the calls, whatever order the row has
    assert [m.content for m in example.messages if m.role == "tool"] == ["5", "7"]
    assert json.loads(example.tools) == TOOLS


def test_a_chat_with_tools_survives_both_formats() -> None:
    once = example_of({"messages": CALLING, "tools": TOOLS}, "f:1")
    for write in (chat_row, share_row):
        again = example_of(write(once), "f:1")
        assert (again.messages, again.tools) == (once.messages, once.tools)
    chat = chat_row(once)["messages"]
    assert isinstance(chat, list)
    turns = [turn for turn in chat if isinstance(turn, dict)]
    assert turns[2]["content"] is None
    assert [turn["tool_call_id"] for turn in turns if turn["role"] == "tool"] == ["call_1", "call_2"]
    shared = share_row(once)["conversations"]
    assert isinstance(shared, list)
    roles = ["system", "human", "function_call", "observation", "gpt"]
    assert [turn["from"] for turn in shared if isinstance(turn, dict)] == roles


@pytest.mark.parametrize(
    ("turn", "says"),
    [
        ({"function": {"name": "f", "arguments": "{not json"}}, "are no JSON"),
        ({"function": {"arguments": "{}"}}, "needs a function with a name"),
        ({"function": {"name": "f", "arguments": "[1]"}}, "must be an object"),
    ],
)
def test_a_broken_call_is_named(turn: Json, says: str) -> None:
    said: dict[str, Json] = {"role": "assistant", "tool_calls": [turn]}
    with pytest.raises(ValueError, match=says):
        example_of({"messages": [{"role": "user", "content": "a"}, said]}, "f:1")


def test_a_result_of_no_call_is_named() -> None:
    turns: list[Json] = [*CALLING[:3], {"role": "tool", "tool_call_id": "call_z", "content": "5"}]
    with pytest.raises(ValueError, match="'call_z' answers no call"):
        example_of({"messages": turns}, "f:1")


texts = st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20).filter(str.strip)
arguments = st.dictionaries(texts, st.one_of(st.integers(), texts, st.booleans()), max_size=3)


@given(st.text(alphabet="ab <>/{}\n", max_size=12), st.lists(st.tuples(texts, arguments), min_size=1, max_size=3))
@settings(max_examples=60)
def test_said_and_called_can_be_told_apart(content: str, calls: list[tuple[str, Json]]) -> None:
    assert apart(said_with(content, calls)) == (content, calls)


@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=3))
@settings(max_examples=40)
def test_plain_chats_survive_both_formats(turns: list[tuple[str, str]]) -> None:
    messages = tuple(Message(role, text) for pair in turns for role, text in zip(("user", "assistant"), pair, strict=True))
    example = Example(
        "e", messages, source="s", licence="CC0", generated_by="m", approved_by="Ada", approved_at="2026-03-01"
    )
    for write in (chat_row, share_row):
        again = example_of(write(example), "")
        assert again == example


def test_a_file_is_written_whole_and_read_again(tmp_path: Path) -> None:
    examples = [Example(str(n), (Message("user", f"a\u2028{n}"), Message("assistant", "b\nc"))) for n in range(3)]
    path = tmp_path / "new" / "rows.jsonl"
    assert write_examples(path, examples, to="sharegpt") == 3
    problems: list[Problem] = []
    assert [e.messages for e in read_examples(path, problems)] == [e.messages for e in examples]
    assert problems == []
    assert not list(tmp_path.rglob("*.part"))


def test_flaws_are_kept_for_who_asks(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("prompt,completion\na,\n,b\nc,d\n", encoding="utf-8")
    found = [flaw(e) for e in read_examples(path, [], flawed=True)]
    assert ["empty" in why for why in found] == [True, True, False]


def test_pairs_and_triplets_are_read(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text("anchor,positive,negative\nq1,yes,no\nq2,yes,\n,x,y\n", encoding="utf-8")
    problems: list[Problem] = []
    pairs = list(read_pairs(path, problems, shown="pairs.csv"))
    assert [(p.anchor, p.positive, p.negatives, p.place) for p in pairs] == [
        ("q1", "yes", ("no",), "pairs.csv:2"),
        ("q2", "yes", (), "pairs.csv:3"),
    ]
    assert [p.line for p in problems] == [4]
    rows = tmp_path / "pairs.jsonl"
    rows.write_text('{"query": "q", "pos": ["a", "b"], "neg": ["c"], "negative_2": "d"}\n', encoding="utf-8")
    several = list(read_pairs(rows, problems))
    assert [(p.positive, p.negatives) for p in several] == [("a", ("c", "d")), ("b", ("c", "d"))]
