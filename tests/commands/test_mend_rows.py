"""Rows are mended where they stand: whole, by a person with a name, and never over what somebody else wrote meanwhile."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from rung.commands.mend_rows import CASE, EXAMPLE, add_draft, changed_by, replace_row, row_at
from rung.commands.review import waiting
from rung.config.project import Project, load_project
from rung.dataset.review_log import reviews
from rung.errors import UserError
from rung.records import Json

YAML = (
    "name: p\ntask: Answer.\ncases: [cases.jsonl]\nbehaviour: {examples: [taught.jsonl]}\nmodel: scripted\nrungs: [prompt]\n"
)
CASES = [{"id": f"c{n}", "question": f"Who is {n}?", "answers": [f"Ada {n}"], "split": "test"} for n in range(6)]
TAUGHT = [{"prompt": f"Say {n}", "completion": str(n), "approved_by": "Ada", "approved_at": "2026-01-01"} for n in range(3)]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "rung.yaml").write_text(YAML, "utf-8")
    (tmp_path / "cases.jsonl").write_text("\ufeff" + "\n".join(map(json.dumps, CASES)) + "\n", "utf-8")
    (tmp_path / "taught.jsonl").write_text("\n".join(map(json.dumps, TAUGHT)) + "\n{broken\n", "utf-8")
    return load_project(tmp_path)


def test_one_line_changes_and_the_log_says_by_whom(project: Project) -> None:
    path = project.root / "cases.jsonl"
    before, line = path.read_text("utf-8").split("\n"), row_at(project, CASE, "cases.jsonl:3")
    replace_row(project, CASE, ("cases.jsonl:3", line.stamp), {**line.row, "answers": ["Eve"]}, by="Ada")
    after = path.read_text("utf-8").split("\n")
    assert [n for n, (a, b) in enumerate(zip(before, after, strict=True)) if a != b] == [2]
    assert json.loads(after[2])["answers"] == ["Eve"]
    (event,) = reviews(project)
    assert (event["what"], event["action"], event["by"], event["before"]) == ("case", "mend", "Ada", CASES[2])


def test_what_somebody_else_wrote_meanwhile_is_kept(project: Project) -> None:
    seen = row_at(project, CASE, "cases.jsonl:1")
    replace_row(project, CASE, ("cases.jsonl:1", seen.stamp), {**seen.row, "answers": ["first"]}, by="Ada")
    with pytest.raises(UserError, match="somebody changed this row"):
        replace_row(project, CASE, ("cases.jsonl:1", seen.stamp), {**seen.row, "answers": ["second"]}, by="Eve")
    assert row_at(project, CASE, "cases.jsonl:1").row["answers"] == ["first"]


def test_two_at_once_lose_nothing(project: Project) -> None:
    def mend(number: int) -> None:
        location = f"cases.jsonl:{number}"
        line = row_at(project, CASE, location)
        replace_row(project, CASE, (location, line.stamp), {**line.row, "answers": [f"new {number}"]}, by=f"P{number}")

    threads = [threading.Thread(target=mend, args=(number,)) for number in range(1, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [row_at(project, CASE, f"cases.jsonl:{n}").row["answers"] for n in range(1, 7)] == [
        [f"new {n}"] for n in range(1, 7)
    ]
    assert len(reviews(project)) == 6


def test_a_row_that_moved_is_found_again(project: Project) -> None:
    seen = row_at(project, CASE, "cases.jsonl:4")
    first = row_at(project, CASE, "cases.jsonl:1")
    replace_row(project, CASE, ("cases.jsonl:1", first.stamp), None, by="Ada")
    replace_row(project, CASE, ("cases.jsonl:4", seen.stamp), {**seen.row, "answers": ["moved"]}, by="Eve")
    assert row_at(project, CASE, "cases.jsonl:3").row["answers"] == ["moved"]


@pytest.mark.parametrize(
    ("location", "after", "by", "words"),
    [
        ("cases.jsonl:1", {"id": "c0", "answers": ["x"]}, "Ada", "'question' is missing"),
        ("cases.jsonl:1", {"question": "Who?", "answers": [], "answerable": True}, "Ada", "'answers' is empty"),
        ("cases.jsonl:1", CASES[0], "", "who reviews"),
        ("rung.yaml:1", CASES[0], "Ada", "no place in the files"),
        ("../cases.jsonl:1", CASES[0], "Ada", "no place in the files"),
    ],
)
def test_what_cannot_be_read_or_is_nobodys_is_refused(
    project: Project, location: str, after: dict[str, object], by: str, words: str
) -> None:
    before = (project.root / "cases.jsonl").read_bytes()
    stamp = row_at(project, CASE, "cases.jsonl:1").stamp
    with pytest.raises(UserError, match=words):
        replace_row(project, CASE, (location, stamp), after, by=by)  # type: ignore[arg-type]
    assert (project.root / "cases.jsonl").read_bytes() == before
    assert reviews(project) == ()


def test_a_line_that_is_no_row_can_be_mended_in_a_file_of_rows_only(project: Project) -> None:
    line = row_at(project, EXAMPLE, "taught.jsonl:4")
    assert (line.row, line.text) == ({}, "{broken")
    replace_row(project, EXAMPLE, ("taught.jsonl:4", line.stamp), TAUGHT[0], by="Ada")
    assert row_at(project, EXAMPLE, "taught.jsonl:4").row == TAUGHT[0]
    (project.root / "cases.jsonl").write_text(json.dumps(CASES, indent=1), "utf-8")
    with pytest.raises(UserError, match="not one row on each line"):
        row_at(project, CASE, "cases.jsonl:3")


def test_whoever_changes_an_approved_row_approves_it() -> None:
    after = changed_by(TAUGHT[0], {"completion": "nothing"}, "Eve", today="2026-02-02")
    assert (after["approved_by"], after["approved_at"]) == ("Eve", "2026-02-02")
    assert changed_by(TAUGHT[0], {}, "Eve") == TAUGHT[0]
    less = changed_by({**TAUGHT[0], "system": "Be brief."}, {}, "Eve", gone={"system"}, today="2026-02-02")
    assert less == {**TAUGHT[0], "approved_by": "Eve", "approved_at": "2026-02-02"}
    assert "approved_by" not in changed_by(TAUGHT[0], {}, "Eve", gone={"approved_by"}, today="2026-02-02")


def test_a_draft_waits_for_a_review(project: Project) -> None:
    add_draft(project, {"id": "new", "question": "And who is 7?", "answers": ["Eve"], "drafted_by": "Ada"})
    assert [one.id for one in waiting(project)] == ["new"]
    with pytest.raises(UserError, match="who reviews"):
        add_draft(project, {"id": "other", "question": "Who?", "answers": ["Eve"]})


TABLE = (
    "prompt;completion;approved_by\r\n"
    'Say 1;"one\r\n;or 1";Ada\r\n'
    "\r\n"
    '"Say 2";"two";"Ada"\r\n'
    "Say 3;three;and more;Ada\r\n"
    '"Say ""4""";four;\r\n'
)


def _mended(project: Project, text: str, line: int, changes: dict[str, Json] | None) -> str:
    """A file of examples after one row of it was changed, or taken out."""
    path = project.root / "taught.jsonl"
    path.write_bytes(text.encode())
    location = f"taught.jsonl:{line}"
    row = row_at(project, EXAMPLE, location)
    after = None if changes is None else {**row.row, **changes}
    replace_row(project, EXAMPLE, (location, row.stamp), after, by="Eve")
    return path.read_bytes().decode()


@pytest.mark.parametrize(
    ("line", "changes", "before", "after"),
    [
        (2, {"completion": "a\nb;c"}, 'Say 1;"one\r\n;or 1";Ada', 'Say 1;"a\nb;c";Ada'),
        (5, {"completion": "2"}, '"Say 2";"two";"Ada"', '"Say 2";"2";"Ada"'),
        (7, {"completion": 4, "approved_by": None}, '"Say ""4""";four;', '"Say ""4""";4;'),
        (6, {"prompt": "Say 3", "completion": "three;and more"}, "Say 3;three;and more;Ada", 'Say 3;"three;and more";'),
        (2, None, 'Say 1;"one\r\n;or 1";Ada\r\n', ""),
        (7, None, '"Say ""4""";four;\r\n', ""),
    ],
)
def test_a_record_of_a_table_is_mended_and_no_other_byte(
    project: Project, line: int, changes: dict[str, Json] | None, before: str, after: str
) -> None:
    assert TABLE.count(before) == 1
    assert _mended(project, TABLE, line, changes) == TABLE.replace(before, after)
    (event,) = reviews(project)
    assert (event["action"], event["by"]) == ("remove" if changes is None else "mend", "Eve")


def test_a_table_at_its_end_and_behind_a_mark_stays_a_table(project: Project) -> None:
    text = "\ufeffinput,output\na,b\nc,d"
    assert _mended(project, text, 3, {"output": "x, y"}) == '\ufeffinput,output\na,b\nc,"x, y"'
    assert _mended(project, text, 3, None) == "\ufeffinput,output\na,b"


@pytest.mark.parametrize(
    ("text", "line", "changes", "words"),
    [
        (TABLE, 5, {"note": "x"}, "has 'note', and the table has no such column: it has prompt, completion, approved_by"),
        (TABLE, 5, {"approved_by": ["Ada"]}, "more than a text in 'approved_by'"),
        (TABLE, 5, {"completion": ""}, "answer is empty"),
        (TABLE, 3, {}, "no row begins there"),
        (TABLE, 1, {}, "no row begins there"),
        ('input,output\na,b\nc,"d\ne,f\n', 3, {}, "mend it in the file"),
        ("input,output,input\na,b,c\n", 2, {"output": "x"}, "two columns called 'input'"),
        ('[{"input": "a", "output": "b"}, {"input": "c", "output": "d"}]', 1, {}, "several rows begin on this line"),
        ('[{"input": "a", "output": "b"},\n{"input": "c" "output": "d"}]', 2, {}, "mend it in the file"),
    ],
)
def test_what_a_table_or_an_array_cannot_hold_is_refused(
    project: Project, text: str, line: int, changes: dict[str, Json], words: str
) -> None:
    with pytest.raises(UserError, match=words):
        _mended(project, text, line, changes)
    assert (project.root / "taught.jsonl").read_bytes() == text.encode()
    assert reviews(project) == ()


def test_a_record_that_somebody_else_changed_or_moved(project: Project) -> None:
    path = project.root / "taught.jsonl"
    path.write_bytes(TABLE.encode())
    seen, gone = (row_at(project, EXAMPLE, f"taught.jsonl:{line}") for line in (5, 2))
    replace_row(project, EXAMPLE, ("taught.jsonl:2", gone.stamp), None, by="Ada")
    replace_row(project, EXAMPLE, ("taught.jsonl:5", seen.stamp), {**seen.row, "completion": "2"}, by="Eve")
    assert '"Say 2";"2";"Ada"' in path.read_text("utf-8")
    with pytest.raises(UserError, match="somebody changed this row"):
        replace_row(project, EXAMPLE, ("taught.jsonl:5", seen.stamp), None, by="Eve")


ARRAY = """[
  {
    "prompt": "Say 1",
    "completion": "1"
  }, {"prompt": "Say 2", "completion": "2"},
  {"odd": 3}
]
"""


@pytest.mark.parametrize(
    ("line", "changes", "before", "after"),
    [
        (2, {"completion": "one"}, '"completion": "1"', '"completion": "one"'),
        (5, {"completion": "two"}, '"completion": "2"', '"completion": "two"'),
        (2, None, ARRAY[ARRAY.index("{") : ARRAY.index('{"prompt')], ""),
        (6, None, ',\n  {"odd": 3}', ""),
    ],
)
def test_an_element_of_an_array_is_mended_and_no_other_byte(
    project: Project, line: int, changes: dict[str, Json] | None, before: str, after: str
) -> None:
    assert ARRAY.count(before) == 1
    assert _mended(project, ARRAY, line, changes) == ARRAY.replace(before, after)


def test_an_object_over_several_lines_is_mended(project: Project) -> None:
    text = '\n{\r\n\t"input": "a",\r\n\t"output": "b"\r\n}\r\n'
    assert _mended(project, text, 2, {"output": "c"}) == text.replace('"b"', '"c"')


def test_lines_keep_their_ends(project: Project) -> None:
    text = '{"input": "a", "output": "b"}\r\n{"input": "c", "output": "d"}\r\n'
    assert _mended(project, text, 1, {"output": "x"}) == text.replace('"b"', '"x"')
    assert _mended(project, text, 2, None) == text[: text.index("\n") + 1]
