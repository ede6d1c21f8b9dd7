"""`rung examples`: does it say what it promises, in the very JSON that it promises, with and without a project?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rung.cli.command_line import command_line
from rung.commands.lint import LintRequest, look
from tests.cli.conftest import Run


def chat(asked: str, said: str, **more: Any) -> str:
    turns = [{"role": "user", "content": asked}, {"role": "assistant", "content": said}]
    return json.dumps({"messages": turns, **more}) + "\n"


ROWS = (
    chat("Is express dear?", "9 EUR")
    + chat("is express  DEAR?", "9 EUR")
    + "no JSON\n"
    + chat("Within how many days may you return an item?", "thirty")
    + chat("Say something", " ")
)


@pytest.mark.slow
def test_lint_prints_one_line_of_json_and_needs_no_project(rung: Run, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text(ROWS, encoding="utf-8")
    for name, question in (("c1", "Within how many days may you return an item?"), ("c2", "Who pays?")):
        (tmp_path / f"{name}.jsonl").write_text(
            json.dumps({"question": question, "answers": ["a"]}) + "\n", encoding="utf-8"
        )
    done = rung("examples", "lint", "rows.jsonl", "--cases", "c1.jsonl", "--cases", "c2.jsonl", "--json")
    told = done.json
    assert told.pop("problems") == [{"path": "rows.jsonl", "line": 3, "message": "is no JSON: Expecting value at column 1"}]
    assert list(told) == ["rows", "findings"]
    assert told["rows"] == 4
    assert [(f["kind"], f["rows"]) for f in told["findings"]] == [("duplicate", [1, 2]), ("leak", [4]), ("empty", [5])]
    assert all(set(f) == {"kind", "rows", "why"} for f in told["findings"])
    assert "rows.jsonl:3" in done.err


@pytest.mark.slow
def test_lint_of_a_clean_file_is_exactly_rows_and_findings(rung: Run, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("prompt,completion\na question,b\n", encoding="utf-8")
    assert rung("examples", "lint", "rows.csv", "--json").json == {"rows": 1, "findings": []}


@pytest.mark.slow
def test_lint_of_a_project_takes_its_examples_cases_and_model(rung: Run, shop: Path) -> None:
    (shop / "rows.jsonl").write_text(ROWS, encoding="utf-8")
    yaml = (shop / "rung.yaml").read_text(encoding="utf-8")
    (shop / "rung.yaml").write_text(yaml + "behaviour: {examples: rows.jsonl}\n", encoding="utf-8")
    done = rung("examples", "lint", shop, "--preview", "1", "--max-tokens", "64")
    assert "4 rows, 1 of them sound" in done.out
    assert "leak           4: its input is the question of case 'r1' (cases.jsonl:1)" in done.out
    assert "tokens (scripted; limit 64)" in done.out
    assert "1 row: do not train on fewer than 50" in done.out
    assert "masked | system: Answer the customer." in done.out  # the project's instruction, as in training
    assert "learnt | ⟦9 EUR⟧" in done.out
    assert rung("examples", "lint", shop, "--strict", "--json", code=2).json["rows"] == 4


def test_rows_that_are_too_long_are_told_with_what_would_be_cut(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(chat("Count", "one two three " * 40) + chat("x " * 60, "y") + chat("a", "b"), encoding="utf-8")
    found = look([path], request=LintRequest(max_tokens=50, model="scripted", table=False))
    first, second = (f for f in found.linted.findings if f.kind == "too_long")
    assert (first.rows, second.rows) == ((1,), (2,))
    assert "125 tokens (4 of prompt, 121 of answer), 75 over the limit of 50" not in first.why  # the template counts, too
    assert "over the limit of 50: the trainer leaves the row out; cut there, the answer would end before '" in first.why
    assert "the whole answer would be lost" in second.why
    assert found.lengths is None


def test_a_model_is_opened_only_where_somebody_must_count(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(chat("a", "b"), encoding="utf-8")
    told = look([path], request=LintRequest(table=False, model="http://127.0.0.1:9/v1#none"))
    assert told.linted.findings == ()


@pytest.mark.slow
def test_findings_of_several_files_name_them(rung: Run, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(chat("a question here", "b"), encoding="utf-8")
    (tmp_path / "b.jsonl").write_text(chat("x y z", "c") + chat("a question here", "b"), encoding="utf-8")
    told = rung("examples", "lint", "a.jsonl", "b.jsonl", "--json").json
    assert [(f["file"], f["rows"]) for f in told["findings"]] == [("a.jsonl", [1]), ("b.jsonl", [2])]
    assert told["findings"][0]["why"].startswith("a.jsonl: ")


@pytest.mark.slow
def test_convert_writes_another_format_and_the_approval(rung: Run, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("prompt,completion,source\na,b,desk\nc\n", encoding="utf-8")
    done = rung("examples", "convert", "rows.csv", "--to", "sharegpt", "-o", "out.jsonl", "--approve", "Ada", "--json")
    assert (done.json["rows"], [p["line"] for p in done.json["problems"]]) == (1, [3])
    row = json.loads((tmp_path / "out.jsonl").read_text(encoding="utf-8"))
    assert row["conversations"] == [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]
    assert (row["source"], row["approved_by"]) == ("desk", "Ada")
    assert row["approved_at"].count("-") == 2
    (lost,) = [json.loads(line) for line in (tmp_path / done.json["left_out_file"]).read_text(encoding="utf-8").splitlines()]
    assert (lost["file"], lost["line"], lost["text"]) == ("rows.csv", 3, "c")
    back = rung("examples", "convert", "out.jsonl", "-o", "back.jsonl").out
    assert back == "back.jsonl: 1 rows\n"
    assert json.loads((tmp_path / "back.jsonl").read_text(encoding="utf-8"))["messages"][1]["content"] == "b"


@pytest.mark.slow
def test_convert_writes_beside_and_never_over_what_is_there(rung: Run, tmp_path: Path) -> None:
    mine = tmp_path / "mine.jsonl"
    mine.write_text(chat("by hand", "b") + "{broken\n" + chat("x y z", "c"), encoding="utf-8")
    held = mine.read_bytes()
    assert rung("examples", "convert", "mine.jsonl").out.splitlines() == [
        "mine.chat.jsonl: 2 rows",
        "what is not written stands in mine.chat.left-out.jsonl",
    ]
    for words in (("mine.jsonl",), ("mine.jsonl", "-o", "mine.jsonl"), ("mine.chat.jsonl", "-o", "mine.jsonl")):
        assert "is there already, and nothing is overwritten" in rung("examples", "convert", *words, code=2).err
    assert mine.read_bytes() == held
    told = rung("examples", "convert", "mine.jsonl", "-o", "mine.jsonl", "--force", "--json").json
    assert (told["rows"], len(told["problems"])) == (2, 1)
    (lost,) = [json.loads(line) for line in (tmp_path / "mine.left-out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert (lost["line"], lost["text"]) == (2, "{broken"), "in place, too, nothing is dropped into nothing"


ROW, PAIR = '{"prompt": "a", "completion": "b"}', '{"anchor": "x", "positive": "y"}'


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "lost"),
    [
        (f'[\n{ROW},\n{{"other":\n 1}},\n{ROW}]\n', ['{"other":\n 1},']),
        ('prompt,completion\na,b\n"c",\ne,f\ng,h,i\n', ['"c",', "g,h,i"]),
        (f"{PAIR}\n{ROW}\n[1]\n{PAIR}\n{PAIR}\n{ROW}\n", [PAIR, "[1]", PAIR, PAIR]),
        (f'[{ROW},\n{{"prompt": ', ['{"prompt": ']),
    ],
)
def test_lines_that_are_no_example_are_kept_whatever_the_format(
    rung: Run, tmp_path: Path, text: str, lost: list[str]
) -> None:
    (tmp_path / "rows").write_text(text, encoding="utf-8")
    told = rung("examples", "convert", "rows", "-o", "out.jsonl", "--json").json
    kept = [json.loads(line) for line in (tmp_path / told["left_out_file"]).read_text(encoding="utf-8").splitlines()]
    assert [row["text"] for row in kept] == lost
    assert all(row["why"] for row in kept)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("lint", "absent.jsonl"), "absent.jsonl does not exist"),
        (("convert", "absent.jsonl", "-o", "x"), "absent.jsonl does not exist"),
        (("convert", "empty.jsonl", "empty.jsonl"), "say where the examples of several files are to be written"),
        (("convert", "empty.jsonl", "-o", "x"), "there is no example in"),
        (("lint", "empty.jsonl", "--cases", "absent.jsonl"), "absent.jsonl does not exist"),
    ],
)
def test_what_is_yours_to_fix_is_said(rung: Run, tmp_path: Path, words: tuple[str, ...], says: str) -> None:
    (tmp_path / "empty.jsonl").write_text("", encoding="utf-8")
    assert says in rung("examples", *words, code=2).err


def parsed(verb: str, *words: str) -> dict[str, Any]:
    """The parameters of a command line, as the verb would get them."""
    group = command_line()
    for name in verb.split():
        command, group = group.commands[name], group.commands[name]
    values: dict[str, Any] = command.make_context(verb, list(words)).params
    return {name: [*map(str, value)] if isinstance(value, (list, tuple)) else value for name, value in values.items()}


def test_an_option_of_files_is_given_several_times_or_as_a_pattern(tmp_path: Path) -> None:
    taken = parsed("examples lint", "a", "--cases", "b", "--cases", "c", "--json")
    assert (taken["files"], taken["cases"], taken["json"]) == (["a"], ["b", "c"], True)
    taken = parsed("examples lint", "--max-tokens", "99", "--cases", "b", "a")
    assert (taken["files"], taken["cases"], taken["max_tokens"]) == (["a"], ["b"], 99)
    taken = parsed("examples lint", "a", "--cases", "b", "--", "--c")
    assert (taken["files"], taken["cases"]) == (["a", "--c"], ["b"])
    for name in ("c2", "c1", "[c]3"):
        (tmp_path / f"{name}.jsonl").write_text("", encoding="utf-8")
    taken = parsed("examples lint", "a", "--cases", str(tmp_path / "c*.jsonl"), "--cases", str(tmp_path / "[c]3.jsonl"))
    assert taken["cases"] == [
        str(tmp_path / f"{name}.jsonl") for name in ("c1", "c2", "[c]3")
    ]  # a file that is there is one
    assert parsed("examples lint", "a", "--cases", str(tmp_path / "x*"))["cases"] == [str(tmp_path / "x*")]


def test_inputs_are_given_several_times(shop: Path) -> None:
    taken = parsed(
        "distill", "--teacher", "scripted", "-C", str(shop), "--inputs", "a", "--inputs", "b", "-o", "c", "--inputs", "d"
    )
    assert (taken["inputs"], str(taken["output"]), taken["folder"]) == (["a", "b", "d"], "c", shop)
