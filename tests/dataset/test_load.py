"""Dataset are read one by one: a broken one is named with file and line, and the rest goes on."""

import json
from pathlib import Path

import pytest

from rung.config.project import load_project
from rung.dataset.load import Dataset, load_dataset, with_evidence
from rung.errors import UserError
from rung.records import Evidence
from rung.stats.rules_of_thumb import FIVE_LINES


def project(folder: Path, cases: str, **files: str) -> Dataset:
    yaml = files.pop("yaml", "cases: cases.jsonl\n")
    (folder / "rung.yaml").write_text(yaml, encoding="utf-8")
    (folder / "cases.jsonl").write_text(cases, encoding="utf-8")
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text, encoding="utf-8")
    return load_dataset(load_project(folder))


GOOD = '{"question": "Q1?", "answers": ["a"]}\n'


def test_the_five_lines_that_are_shown_make_a_test_set(tmp_path: Path) -> None:
    rows = project(tmp_path, FIVE_LINES)
    assert len(rows.cases) == 5
    assert rows.problems == ()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{broken", "is no JSON"),
        ("[1]", "must be an object"),
        ('{"answers": ["a"]}', "'question' is missing"),
        ('{"question": "", "answers": ["a"]}', "'question' must be text"),
        ('{"question": "q", "answers": "a"}', "'answers' must be a list"),
        ('{"question": "q", "answers": [], "answerable": true}', "'answers' is empty"),
        ('{"question": "q", "answers": ["a"], "answerable": "yes"}', "'answerable' must be true or false"),
        ('{"question": "q", "answers": ["a"], "split": "exam"}', "'split' must be train, dev or test"),
        ('{"question": "q", "answers": ["a"], "as": [1]}', "'as' must be a list"),
        ('{"question": "q", "answers": ["a"], "messages": [{"role": "user"}]}', "each message needs a role"),
    ],
)
def test_a_broken_row_is_left_out_and_named(tmp_path: Path, line: str, said: str) -> None:
    rows = project(tmp_path, GOOD + line + "\n")
    assert [c.question for c in rows.cases] == ["Q1?"]
    (problem,) = rows.problems
    assert (problem.path, problem.line) == ("cases.jsonl", 2)
    assert said in problem.message


def test_a_second_row_with_the_same_id_names_both_places(tmp_path: Path) -> None:
    rows = project(
        tmp_path, '{"id": "x", "question": "q", "answers": ["a"]}\n{"id": "x", "question": "r", "answers": ["b"]}\n'
    )
    assert [c.question for c in rows.cases] == ["q"]
    assert "already at cases.jsonl:1" in str(rows.problems[0])


def test_no_cases_shows_the_lines_that_make_some(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nothing can be judged without a test set") as caught:
        project(tmp_path, GOOD, yaml="task: x\n")
    assert FIVE_LINES in str(caught.value)
    with pytest.raises(UserError, match="the file is empty"):
        project(tmp_path, "")


def test_a_pattern_without_files_points_at_its_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"rung\.yaml:1: 'cases/\*\.jsonl' matches no file"):
        project(tmp_path, GOOD, yaml="cases: cases/*.jsonl\n")


def test_rows_without_a_split_become_dev_by_digest_and_stay_there(tmp_path: Path) -> None:
    lines = [json.dumps({"id": str(n), "question": f"q{n}", "answers": ["a"]}) for n in range(500)]
    first = {c.id: c.split for c in project(tmp_path, "\n".join(lines)).cases}
    again = {c.id: c.split for c in project(tmp_path, "\n".join(reversed(lines[:200]))).cases}
    assert all(first[id] == split for id, split in again.items())
    assert set(first.values()) == {"dev", "test"}
    assert 0.15 < sum(s == "dev" for s in first.values()) / 500 < 0.25


def test_json_answers_may_be_written_as_json(tmp_path: Path) -> None:
    rows = project(tmp_path, '{"question": "q", "answers": [{"a": 1}]}\n')
    assert rows.cases[0].answers == ('{"a": 1}',)


EXAMPLES = "cases: cases.jsonl\nbehaviour: {examples: [rows.jsonl]}\n"


def chat(user: str, assistant: str = "ok") -> str:
    return json.dumps({"messages": [{"role": "user", "content": user}, {"role": "assistant", "content": assistant}]})


def test_an_example_that_repeats_a_case_is_refused_and_named(tmp_path: Path) -> None:
    long = "How many days do I have to return the blue shoes that I bought"
    cases = json.dumps({"id": "c1", "question": "Do you ship?", "answers": ["a"], "split": "test"})
    cases += "\n" + json.dumps({"id": "c2", "question": long + "?", "answers": ["a"], "split": "dev"})
    rows = project(
        tmp_path, cases, yaml=EXAMPLES, rows__jsonl="\n".join([chat("do you SHIP"), chat(long + " today?"), chat("Where?")])
    )
    assert [e.input for e in rows.examples] == ["Where?"]
    assert [(p.path, p.line) for p in rows.problems] == [("rows.jsonl", 1), ("rows.jsonl", 2)]
    assert "repeats case 'c1' (cases.jsonl:1)" in rows.problems[0].message
    assert "nearly repeats case 'c2' (cases.jsonl:2)" in rows.problems[1].message
    assert rows.repeating == 2


def test_a_train_case_that_repeats_a_test_case_is_refused(tmp_path: Path) -> None:
    rows = project(
        tmp_path,
        '{"id": "t", "question": "q1?", "answers": ["a"], "split": "train"}\n'
        '{"id": "u", "question": "Q1", "answers": ["a"], "split": "test"}\n',
    )
    assert [c.id for c in rows.cases] == ["u"]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ('{"messages": []}', "a chat ends with the assistant"),
        ('{"messages": [{"role": "user", "content": "a"}]}', "ends with the assistant"),
        (chat("a", " "), "answer is empty"),
        ('{"messages": [{"role": "system", "content": "a"}, {"role": "assistant", "content": "b"}]}', "no user turn"),
        ("{}", "is no example: it needs 'messages'"),
        ('{"messages": "hi"}', "'messages' must be a list"),
    ],
)
def test_a_broken_example_is_named(tmp_path: Path, row: str, said: str) -> None:
    rows = project(tmp_path, GOOD, yaml=EXAMPLES, rows__jsonl=row)
    assert said in str(rows.problems[0])


WEATHER = {
    "name": "weather",
    "parameters": {
        "type": "object",
        "properties": {
            "city": {"type": "string"},
            "days": {"type": "integer"},
            "unit": {"type": "string", "nullable": True},
        },
        "required": ["city"],
    },
}


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("weather", {"city": "Hull", "days": 2}, ""),
        ("weather", {"city": "Hull", "unit": None}, ""),
        (
            "weather",
            {"city": "Hull", "days": "two"},
            "its call of 'weather' breaks its parameters: days: 'two' is not of type 'integer'",
        ),
        ("weather", {"days": 2}, "breaks its parameters: 'city' is a required property"),
        ("wether", {"city": "Hull"}, "its call of 'wether' names no function of its tools ('weather')"),
        ("weather", {"city": None}, "has arguments that are null: 'city'"),
    ],
)
def test_a_call_that_its_own_tool_refuses(tmp_path: Path, name: str, arguments: dict[str, object], said: str) -> None:
    call = {"role": "assistant", "tool_calls": [{"function": {"name": name, "arguments": json.dumps(arguments)}}]}
    row = {"tools": [{"type": "function", "function": WEATHER}], "messages": [{"role": "user", "content": "Rain?"}, call]}
    rows = project(tmp_path, GOOD, yaml=EXAMPLES, rows__jsonl=json.dumps(row))
    told = [str(problem) for problem in rows.problems if "rows.jsonl:1" in str(problem)]
    assert said in told[0] if said else not told
    assert len(rows.examples) == 1, "it is said, and the row stays"


def test_a_tool_whose_parameters_refer_to_themselves_is_named(tmp_path: Path) -> None:
    tool = {"name": "loop", "parameters": {"type": "object", "properties": {"a": {"$ref": "#/properties/a"}}}}
    call = {"role": "assistant", "tool_calls": [{"function": {"name": "loop", "arguments": '{"a": 1}'}}]}
    row = {"tools": [{"type": "function", "function": tool}], "messages": [{"role": "user", "content": "Go?"}, call]}
    rows = project(tmp_path, GOOD, yaml=EXAMPLES, rows__jsonl=json.dumps(row))
    assert any("the schema refers to itself" in str(problem) for problem in rows.problems)


def test_a_pattern_that_cannot_be_read_here_is_said_with_its_line(tmp_path: Path) -> None:
    yaml = "cases: cases.jsonl\nbehaviour:\n  schema: s.json\n"
    schema = '{"type": "object", "properties": {\n "name": {"type": "string",\n  "pattern": "^\\\\p{L}+$"}}}'
    with pytest.raises(UserError, match=r"s\.json:3: the schema has a pattern that cannot be read here") as told:
        project(tmp_path, GOOD, yaml=yaml, s__json=schema)
    assert "no JSON Schema" not in str(told.value)


def test_a_schema_that_is_no_schema(tmp_path: Path) -> None:
    yaml = "cases: cases.jsonl\nbehaviour:\n  schema: s.json\n"
    with pytest.raises(UserError, match=r"s\.json:1: the schema is no JSON Schema: \'objekt\' is not valid .* at \$\.type"):
        project(tmp_path, GOOD, yaml=yaml, s__json='{"type": "objekt"}')
    with pytest.raises(UserError, match=r"s\.json:2: is no JSON"):
        project(tmp_path, GOOD, yaml=yaml, s__json='{"type":\n}')
    (tmp_path / "s.json").unlink()
    with pytest.raises(UserError, match=r"rung\.yaml:3: the schema 's\.json' does not exist"):
        project(tmp_path, GOOD, yaml=yaml)


def test_labels_from_a_list_a_file_and_the_examples(tmp_path: Path) -> None:
    assert project(tmp_path, GOOD, yaml="cases: cases.jsonl\nbehaviour: {labels: [b, a, b]}\n").labels == ("b", "a")
    lined = project(tmp_path, GOOD, yaml="cases: cases.jsonl\nbehaviour: {labels: l.txt}\n", l__txt="x\n\ny\n")
    assert lined.labels == ("x", "y")
    yaml = "cases: cases.jsonl\nbehaviour: {examples: rows.jsonl, labels: from_examples}\n"
    assert project(tmp_path, GOOD, yaml=yaml, rows__jsonl=chat("u", "B") + "\n" + chat("v", "A")).labels == ("A", "B")


def find(text: str, quote: str) -> tuple[int, int] | None:
    at = text.find(quote)
    return (at, at + len(quote)) if at >= 0 else None


def test_evidence_is_resolved_and_a_case_without_its_quote_is_left_out(tmp_path: Path) -> None:
    cases = [
        {"id": "1", "question": "a?", "answers": ["x"], "evidence": [{"document": "d", "quote": "brown fox"}]},
        {"id": "2", "question": "b?", "answers": ["x"], "evidence": [{"document": "d", "quote": "grey wolf"}]},
        {"id": "3", "question": "c?", "answers": ["x"], "evidence": [{"document": "gone", "start": 0, "end": 2}]},
        {"id": "4", "question": "d?", "answers": ["x"], "evidence": [{"document": "d", "start": 4, "end": 400}]},
        {"id": "5", "question": "e?", "answers": ["x"], "gold_documents": ["gone"]},
        {"id": "6", "question": "f?", "answers": ["x"], "evidence": [{"document": "d", "start": 4, "end": 9}]},
    ]
    rows = project(tmp_path, "\n".join(map(json.dumps, cases)))
    rows = with_evidence(rows, {"d": "The quick brown fox"}.get, find)
    assert [c.id for c in rows.cases] == ["1", "3", "5", "6"]
    assert rows.missing == {"3": ("gone",), "5": ("gone",)}  # people ask them all the same
    assert rows.cases[0].evidence == (Evidence("d", 10, 19),)
    assert rows.cases[0].gold_documents == ("d",)
    assert [p.line for p in rows.problems] == [2, 3, 4, 5]
    assert "is not in" in rows.problems[0].message
    assert "is judged, but its document 'gone'" in rows.problems[1].message
