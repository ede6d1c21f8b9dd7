"""Cases in the forms of other tools come back equal by `rung import`; what a form cannot hold is listed."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.dataset.case_rows import case_of
from rung.exporters.case_rows import cases_csv, counted_once, row_of, table
from rung.exporters.promptfoo import Judged, suite_of
from rung.exporters.trec import qrels_lines, query_lines
from rung.importers.registry import form_of
from rung.importers.source import ImportFile
from rung.records import Case, Json, Message, ToolCall
from rung.report.ragas import case_columns, folded

SCHEMA = '{"type": "object", "properties": {"a": {"type": "integer"}}}'
MATCH = Judged("match")


def imported(path: Path, form: str) -> list[Case]:
    """What `rung import` makes of a file, found by looking; every row is taken."""
    found, importer = form_of(file := ImportFile(path))
    results = list(importer.read(file))
    assert found == form
    assert [row.refused for row in results] == [""] * len(results)
    return [replace(case_of(row, "")[0], place="") for result in results for row in result.cases]


def by_promptfoo(cases: list[Case], folder: Path, judged: Judged = MATCH) -> list[Case]:
    suite = suite_of("p", cases, judged, {})
    assert suite.left_out == []
    path = folder / "suite.yaml"
    path.write_text(suite.text, encoding="utf-8")
    return imported(path, "promptfoo")


CASES = [
    Case("a", "How long?", ("30 days", "a month"), gold_documents=("docs/r.md",), split="dev", groups=("staff", "x")),
    Case("b", "Who is {{name}}? {% if x %}", ("{{name}}", "no"), groups=()),
    Case("007", "no", ("12:30",), meta={"grades": {"d": 2}, "n": [1]}),
    Case("c d", "1e3\nand: more # of it", ("1e3", "-5", "0o17", "~", "null"), split="train"),
    Case("u", "Who knows?", answerable=False),
    Case("m", "And to Sweden?", ("yes",), messages=(Message("user", "Norway?"), Message("assistant", '"Yes" — {# no #}'))),
    Case("😀", "=SUM(A1)\u2028x", ("’tis “it”", "[1, 2]")),
]


def test_promptfoo_gives_them_back(tmp_path: Path) -> None:
    assert by_promptfoo(CASES, tmp_path) == CASES


@pytest.mark.parametrize(
    ("judged", "answers", "kinds"),
    [
        (Judged("em"), ("x",), ["equals"]),
        (Judged("em"), ("x", "y"), ["icontains-any"]),
        (Judged("label"), ("refund",), ["equals"]),
        (Judged("f1"), ("x", "y"), ["icontains-any"]),
        (Judged("json", SCHEMA), ('{"a": 1}',), ["is-json", "equals"]),
        (Judged("json_fields", SCHEMA), ('{"a": 1}', '{"a": 2}'), ["is-json", "equals"]),
        (Judged("judge", rubric="Be strict."), ("x", "y"), ["factuality"]),
        (Judged("rouge_l", bar=0.4), ("x y z", "z"), ["rouge-n"]),
    ],
)
def test_assertions_are_those_that_ask_nearest_to_the_same(
    judged: Judged, answers: tuple[str, ...], kinds: list[str], tmp_path: Path
) -> None:
    case = Case("a", "q?", answers)
    assert by_promptfoo([case], tmp_path, judged) == [case]
    (test,) = yaml.safe_load((tmp_path / "suite.yaml").read_text(encoding="utf-8"))["tests"]
    assert [one["type"] for one in test["assert"]] == kinds


@pytest.mark.parametrize("by", ["json", "json_fields"])
def test_accepted_answers_in_json_come_back_as_they_were(by: str, tmp_path: Path) -> None:
    accepted = [
        ('{"b":1,  "a":[1.0,true]}', '{"a": 2}'),
        ('"text"', '"other"'),
        ('"text"',),
        ("null",),
        ("null", '"null"'),
        ('"null"',),
        ("1", "1.0", "true"),
        ("1e3",),
        ('"1"',),
        ("false",),
        ('["x"]', "{}"),
    ]
    cases = [Case(f"c{n}", f"q{n}?", answers) for n, answers in enumerate(accepted)]
    assert by_promptfoo(cases, tmp_path, Judged(by, SCHEMA)) == cases
    _, importer = form_of(file := ImportFile(tmp_path / "suite.yaml"))
    assert {row.metric for row in importer.read(file)} == {""}  # the schema says how they are judged


def test_json_that_a_person_changed_there_is_not_undone(tmp_path: Path) -> None:
    text = suite_of("p", [Case("a", "q?", ('{"a":1}', '{"a":2}'))], Judged("json", SCHEMA), {}).text
    path = tmp_path / "suite.yaml"
    for changed in ("true", "3"):
        path.write_text(text.replace("a: 1\n", f"a: {changed}\n"), encoding="utf-8")
        (case,) = imported(path, "promptfoo")
        assert case.answers == (f'{{"a": {changed}}}',)


def test_what_a_person_changed_there_is_not_undone(tmp_path: Path) -> None:
    text = suite_of("p", [Case("a", "q?", ("x", "y"))], Judged("judge"), {}).text
    path = tmp_path / "suite.yaml"
    path.write_text(text.replace("value: x", "value: z").replace('"q?"', '"Q?"'), encoding="utf-8")
    (case,) = imported(path, "promptfoo")
    assert (case.id, case.question, case.answers) == ("a", "Q?", ("z",))


@pytest.mark.parametrize(
    ("case", "judged", "why"),
    [
        (Case("s", "q?", gold_documents=("d",)), MATCH, "judges the search alone"),
        (Case("f", "file:///etc/passwd", ("x",)), MATCH, "begins with file://"),
        (Case("e", "q?", ("{% endraw %}",)), MATCH, "ends what is not to be filled in"),
        (Case("j", "q?", ("no JSON",)), Judged("json", SCHEMA), "is no JSON"),
    ],
)
def test_what_promptfoo_cannot_hold_is_listed(case: Case, judged: Judged, why: str) -> None:
    suite = suite_of("p", [case, Case("u", "Who?", answerable=False)], judged, {})
    ((left, reason),) = suite.left_out
    assert left is case
    assert why in reason
    assert [test["description"] for test in yaml.safe_load(suite.text)["tests"]] == ["u"]


def test_stored_answers_are_judged_without_a_provider() -> None:
    suite = suite_of("p", CASES[:2], MATCH, {}, outputs={"a": "30 days {{x}}"})
    assert [(case.id, why) for case, why in suite.left_out] == [("b", "the rung gave no answer to it")]
    (test,) = yaml.safe_load(suite.text)["tests"]
    assert test["providerOutput"] == "30 days {{x}}"


def test_an_output_that_is_kept_from_an_asker_is_not_said_to_be_none() -> None:
    suite = suite_of("p", CASES[:1], MATCH, {}, outputs={}, hidden={"a"})
    assert [why for _, why in suite.left_out] == ["what the rung made of it touches what these groups may not read"]


def test_ragas_rows_give_them_back_but_for_what_they_have_no_column_for(tmp_path: Path) -> None:
    rows = [case_columns(case) for case in CASES]
    (tmp_path / "r.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert imported(tmp_path / "r.jsonl", "ragas") == [replace(case, meta={}) for case in CASES]


def test_a_table_gives_them_back(tmp_path: Path) -> None:
    alone = Case("s", "Which?", gold_documents=("d", "e"), meta={"grades": {"d": 2}})
    quotes: list[Json] = [{"document": "docs/r.md", "quote": "30 days"}]
    signed: dict[str, Json] = {"drafted_by": "rules", "approved_by": "Ada"}
    written: dict[str, dict[str, Json]] = {"a": {"evidence": quotes, **signed}}
    path = tmp_path / "cases.csv"
    path.write_text(cases_csv([*CASES, alone], written), encoding="utf-8", newline="")
    assert imported(path, "table") == [*CASES, alone]
    _, importer = form_of(file := ImportFile(path))
    rows = [row.cases[0] for row in importer.read(file)][:2]
    assert [row.get("evidence") for row in rows] == [quotes, None]
    assert [{key: row[key] for key in signed if key in row} for row in rows] == [signed, {}]


def test_judgements_give_queries_gold_and_grades_back(tmp_path: Path) -> None:
    cases = [
        Case("a b", "Which?", gold_documents=("docs/r.md", "e"), meta={"grades": {"docs/r.md": 2, "e": 1}}),
        Case("c", "Who?", gold_documents=("e",), split="dev"),
    ]
    (tmp_path / "qrels").mkdir()
    (tmp_path / "queries.jsonl").write_text("".join(query_lines(cases)), encoding="utf-8")
    for split in ("dev", "test"):
        lines = "".join(qrels_lines(case for case in cases if case.split == split))
        (tmp_path / "qrels" / f"{split}.txt").write_text(lines, encoding="utf-8")
    assert "".join(qrels_lines(cases)).startswith("a%20b 0 docs/r.md 2\n")
    _, importer = form_of(file := ImportFile(tmp_path))
    taken = [case_of(row, "")[0] for result in importer.read(file) for row in result.cases]
    assert taken[0].meta["grades"] == {"docs/r.md": 2, "e": 1}
    assert [(case.id, case.question, case.gold_documents, case.split) for case in taken] == [
        ("a%20b", "Which?", ("docs/r.md", "e"), "test"),
        ("c", "Who?", ("e",), "dev"),
    ]


texts = st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20).filter(str.strip)
plain = texts.filter(lambda text: "endraw" not in text and not text.startswith("file://") and text.lstrip()[:1] not in "[{")


@given(
    st.lists(
        st.tuples(plain, st.lists(texts.filter(lambda t: "endraw" not in t), min_size=1, max_size=3)), min_size=1, max_size=4
    )
)
@settings(max_examples=60, deadline=None)
def test_any_texts_come_back(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, list[str]]]) -> None:
    cases = [
        Case(f"c{n}", question, tuple(dict.fromkeys(answers)), split="test") for n, (question, answers) in enumerate(rows)
    ]
    folder = tmp_path_factory.mktemp("texts")
    assert by_promptfoo(cases, folder) == cases
    (folder / "cases.csv").write_text(cases_csv(cases, {}), encoding="utf-8", newline="")
    assert imported(folder / "cases.csv", "table") == cases


def test_a_row_is_as_the_documentation_has_it() -> None:
    for case in CASES:
        assert replace(case_of(json.loads(json.dumps(row_of(case, {}))), "")[0], place="") == case


def test_no_spreadsheet_runs_a_cell(tmp_path: Path) -> None:
    texts = ["=1+1", "+1", "-2", "@SUM(A1)", "\tx", "'=1", "''=1", "'tis", "a=1", "- one\n- two"]
    cases = [Case(f"={n}", text, (text,), meta={"why": text}) for n, text in enumerate(texts)]
    path = tmp_path / "cases.csv"
    path.write_text(cases_csv(cases, {}), encoding="utf-8", newline="")
    cells = [cell for row in csv.reader(path.open(encoding="utf-8", newline="")) for cell in row]
    assert not [cell for cell in cells if cell[:1] in tuple("=+-@\t\r\n")]
    back = imported(path, "table")
    assert [(case.id, case.question, case.answers, case.meta) for case in back] == [
        (case.id, case.question, case.answers, case.meta) for case in cases
    ]
    assert table(["a"], [{"a": -0.5}]) == "a\r\n-0.5\r\n"  # a number is one


WEIGHED = (
    *(
        Case(id, "Express?", ("9",), place="c:1", calls=(ToolCall("price", '{"of":"e"}', "9"),))
        for id in ("t", "t#2", "t#3")
    ),
    Case("u", "Where?", ("here",), place="c:2", calls=(ToolCall("map", ""),)),
)
ROWS: tuple[dict[str, Json], ...] = (
    {"id": "t", "weight": 3, "calls": [{"name": "price", "arguments": {"of": "e"}, "result": 9}]},
    {"id": "u", "calls": [{"name": "map"}]},
)


@pytest.mark.parametrize("form", ["promptfoo", "table", "ragas"])
def test_a_weighted_case_is_one_row_that_comes_back_with_its_weight_and_calls(form: str, tmp_path: Path) -> None:
    suite = suite_of("p", WEIGHED, MATCH, {})
    columns = [{**case_columns(case), "rung": "", "response": ""} for case in WEIGHED]
    text = {
        "promptfoo": suite.text,
        "table": cases_csv(WEIGHED, {}),
        "ragas": "".join(f"{json.dumps(row)}\n" for row in folded(columns)),
    }
    (tmp_path / "file").write_text(text[form], encoding="utf-8")
    importer = form_of(file := ImportFile(tmp_path / "file"))[1]
    rows = [case for row in importer.read(file) for case in row.cases]
    assert [{key: row[key] for key in ("id", "weight", "calls") if key in row} for row in rows] == [*ROWS]
    assert suite.count == 2
    assert suite.notes[-1].endswith("Rung reads its 'weight' back (1 of 2 rows)")
    assert not counted_once([1, 1])
