"""`rung import`: what is written where, and what is never overwritten."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rung.commands.import_files import ImportRequest, import_files
from rung.config.project import load_project
from rung.dataset.load_examples import read_examples
from rung.dataset.write_examples import BARE, FORMATS, write_examples
from rung.errors import UserError
from rung.records import Problem

SUITE = """\
prompts: ['{{question}}']
tests:
  - vars: {question: 'How much is express?'}
    assert:
      - {type: contains, value: 9 EUR}
      - {type: is-json, value: {type: object}}
  - vars: {question: 'Which?', context: Some text.}
    assert: [{type: contains, value: text}]
"""
YAML = "task: Answer.\ncases: [cases/*.jsonl]\nknowledge: {sources: [docs/*.md]}\nmodel: scripted\n"


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    path = tmp_path / "suite.yaml"
    path.write_text(SUITE, encoding="utf-8")
    return path


def project_in(folder: Path, yaml: str = YAML) -> Path:
    (folder / "cases").mkdir(parents=True)
    (folder / "rung.yaml").write_text(yaml, encoding="utf-8")
    (folder / "cases" / "own.jsonl").write_text('{"question": "Which?", "answers": ["this"]}\n', encoding="utf-8")
    return folder


def test_a_project_gets_cases_documents_and_a_schema_in_its_folders(suite: Path, tmp_path: Path) -> None:
    suite.write_text(
        SUITE.replace("Which?", "What?").replace("'{{question}}'", "'{{question}} {{context}}'"), encoding="utf-8"
    )
    root = project_in(tmp_path / "shop")
    report = import_files([suite], ImportRequest(), load_project(root))
    assert {path.relative_to(root).as_posix(): rows for path, rows in report.written.items()} == {
        "cases/suite.jsonl": 2,
        "docs/suite.jsonl": 1,
    }
    assert json.loads((root / "suite.schema.json").read_text()) == {"type": "object"}
    assert any("behaviour: {schema: suite.schema.json}" in line for line in report.advice)
    assert any("add 'docs/suite.jsonl' to knowledge.sources" in line for line in report.advice)
    assert not any("suite.jsonl' to cases" in line for line in report.advice)
    assert any("metric: contains" in line for line in report.advice)


def test_a_project_without_a_case_yet_takes_the_first_ones(suite: Path, tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p/rung.yaml").write_text("task: t\ncases: [cases/*.jsonl]\nbehaviour: {examples: [examples/*.jsonl]}\n")
    report = import_files([suite], ImportRequest(), load_project(tmp_path / "p"))
    assert [path.name for path in report.written if path.parent.name == "cases"] == [f"{suite.stem}.jsonl"]


def test_a_case_that_the_project_has_is_not_taken_again(suite: Path, tmp_path: Path) -> None:
    report = import_files([suite], ImportRequest(), load_project(project_in(tmp_path / "shop")))
    assert [problem.message for problem in report.files[0].refused] == [
        "asks the same as cases/own.jsonl:1, with other answers; write them there if they are right as well"
    ]


def test_nothing_is_overwritten_and_then_nothing_is_written(suite: Path, tmp_path: Path) -> None:
    (tmp_path / "suite.schema.json").write_text("mine", encoding="utf-8")
    with pytest.raises(
        UserError, match=r"suite.schema.json is there already, and nothing is overwritten: name another file"
    ):
        import_files([suite], ImportRequest())
    assert (tmp_path / "suite.schema.json").read_text() == "mine"
    assert not (tmp_path / "suite.cases.jsonl").exists()


def test_a_dry_run_writes_nothing(suite: Path, tmp_path: Path) -> None:
    report = import_files([suite], ImportRequest(dry_run=True))
    assert report.written == {tmp_path / "suite.cases.jsonl": 2}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["suite.yaml"]


def test_several_files_go_into_one_with_an_output(suite: Path, tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text("question,answer\nHow long?,four days\nWhich?,text\n", encoding="utf-8")
    report = import_files([suite, tmp_path / "b.csv"], ImportRequest(output=tmp_path / "all.jsonl"))
    assert report.written[tmp_path / "all.jsonl"] == 3
    assert [file.form for file in report.files] == ["promptfoo", "table"]
    assert report.files[1].refused[0].message.startswith(f"asks the same as {suite}:7")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"Nothing in particular.\n", "is of no form that is known"),
        ("a.bin", b"\xff\xfe\x00\x01\x02", "is not UTF-8"),
        ("a.xls", b"\xd0\xcf\x11\xe0rest", "save it as .xlsx or CSV"),
        ("a.jsonl", b"", "is empty"),
        ("a.jsonl", b'{"weather": "fine", "wind": 3}\n', "its keys are 'weather', 'wind': say --as FORM"),
        ("a.json", b'[{"question": "x"', "is no JSON"),
        ("a.yaml", b"tests:\n  - vars: {a: [}\n", "a.yaml:2: is no YAML that can be used"),
        ("qrels.txt", b"q1 0 d1 1\n", "put queries.jsonl or queries.tsv beside it"),
        ("a.zip", b"PK\x03\x04rest", "is an archive: unpack it"),
    ],
)
def test_a_file_that_cannot_be_taken_is_said_to_be_none(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UserError, match=message.replace("(", r"\(")):
        import_files([path], ImportRequest())


def test_a_form_that_is_none_lists_those_that_are(suite: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"there is no form 'promptfo': did you mean 'promptfoo'"):
        import_files([suite], ImportRequest(form="promptfo"))
    with pytest.raises(UserError, match=r"absent\.yaml: does not exist"):
        import_files([tmp_path / "absent.yaml"], ImportRequest())
    with pytest.raises(UserError, match=r"nothing in .*squad"):
        import_files([suite], ImportRequest(form="squad"))


def test_a_workbook_is_read_by_its_first_row(tmp_path: Path) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.active
    for row in (("Nr", "Question", "Answer"), (1, "How much?", 9), (2, "Since when?", None), (3, "Really?", True)):
        sheet.append(row)
    book.create_sheet("Notes").append(("x", "y"))
    book.save(tmp_path / "faq.xlsx")
    (file,) = import_files([tmp_path / "faq.xlsx"], ImportRequest(output=tmp_path / "o.jsonl")).files
    rows = [json.loads(line) for line in (tmp_path / "o.jsonl").read_text().splitlines()]
    assert [(row["question"], row["answers"]) for row in rows] == [("How much?", ["9"]), ("Really?", ["TRUE"])]
    assert [(problem.line, problem.message[:17]) for problem in file.refused] == [(3, "'Answer' is empty")]
    assert file.notes[0].message == "only the sheet 'Sheet' is read; left out: Notes"


@pytest.mark.parametrize("name", ["faq.csv", "faq.xlsx"])
def test_columns_of_one_name_are_said(name: str, tmp_path: Path) -> None:
    rows = (("question", "answer", "answer"), ("How much?", "9", "10"))
    if name.endswith(".csv"):
        (tmp_path / name).write_text("".join(",".join(row) + "\n" for row in rows), encoding="utf-8")
    else:
        import openpyxl

        book = openpyxl.Workbook()
        for row in rows:
            book.active.append(row)
        book.save(tmp_path / name)
    (file,) = import_files([tmp_path / name], ImportRequest()).files
    assert "several columns are called 'answer': only the last of them is read" in [note.message for note in file.notes]


def test_a_column_that_the_user_names_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "faq.csv"
    path.write_text("thema,lösung\nExpress,9 EUR\n", encoding="utf-8")
    with pytest.raises(UserError, match="its keys are 'thema', 'lösung'"):
        import_files([path], ImportRequest())
    request = ImportRequest(question="thema", answer="lösung", output=tmp_path / "o.jsonl")
    assert import_files([path], request).files[0].taken == 1
    with pytest.raises(UserError, match="has no column 'x'; there are: 'thema', 'lösung'"):
        import_files([path], ImportRequest(form="table", question="x", answer="lösung"))


@pytest.mark.parametrize("form", FORMATS)
def test_examples_that_rung_wrote_come_back_the_same(form: str, tmp_path: Path) -> None:
    call = {"id": "c", "function": {"name": "price", "arguments": '{"of": "express"}'}}
    rows = [
        {
            "messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}],
            "licence": "CC0",
            "author": "Ada",
        },
        {
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "Price?"},
                {"role": "assistant", "content": None, "tool_calls": [call]},
                {"role": "tool", "tool_call_id": "c", "content": "9"},
                {"role": "assistant", "content": "9 EUR"},
            ],
            "tools": [{"type": "function", "function": {"name": "price", "parameters": {"type": "object"}}}],
        },
    ]
    (tmp_path / "own.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    problems: list[Problem] = []
    before = list(read_examples(tmp_path / "own.jsonl", problems))
    write_examples(tmp_path / "written.jsonl", before, to=form)
    import_files([tmp_path / "written.jsonl"], ImportRequest(output=tmp_path / "back.jsonl"))
    after = list(read_examples(tmp_path / "back.jsonl", problems))
    assert [one.digest for one in after] == [one.digest for one in before]
    assert [one.tools for one in after] == [one.tools for one in before]
    if form not in BARE:  # the others have no place for it, and say so
        assert [(one.licence, one.author) for one in after] == [(one.licence, one.author) for one in before]
    assert problems == []


def test_columns_that_go_under_meta_are_counted(tmp_path: Path) -> None:
    table = tmp_path / "faq.csv"
    table.write_text("question,answer,topic,ticket\nWhich?,this,shop,\nWhere?,here,shop,7\n", encoding="utf-8")
    (file,) = import_files([table], ImportRequest(dry_run=True)).files
    assert file.meta == {"topic": 2, "ticket": 1}
    assert file.as_json()["meta"] == {"topic": 2, "ticket": 1}
