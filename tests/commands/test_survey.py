"""Does `rung check` say which cases can never be won, and what is most likely a slip, and stay silent elsewhere?"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rung.commands.survey import Survey, survey
from rung.config.project import load_project
from rung.pipeline.slips import nearest

YAML = "task: t\ncases: [cases.jsonl]\nmodel: scripted\nembedder: scripted\nrungs: {rungs}\n"
RETURNS = "# Returns\n\nYou may return an item within 30 days. Sending it back costs 1,250 EUR, and Zoë pays.\n"


def surveyed(
    root: Path, cases: list[dict[str, object]], *, more: str = "", rungs: str = "[prompt]", documents: bool = True
) -> Survey:
    (root / "docs").mkdir(exist_ok=True)
    (root / "docs/returns.md").write_text(RETURNS, encoding="utf-8")
    (root / "docs/staff.md").write_text("---\ngroups: [staff]\n---\nStaff get a discount.\n", encoding="utf-8")
    rows = [{"split": "test", **case} for case in cases]
    (root / "cases.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    sources = "knowledge: {sources: [docs]}\n" if documents else ""
    (root / "rung.yaml").write_text(YAML.format(rungs=rungs) + sources + more, encoding="utf-8")
    return survey(load_project(root))


def listed(found: Survey) -> list[str]:
    return [str(problem) for problem in found.problems]


def test_answers_that_are_no_label(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_bytes(b"\xef\xbb\xbfrefund\r\nshipping \r\n\r\nrefund\r\nno\r\nother/unknown\r\n")
    answers: list[list[object]] = [
        ["refund"],
        ["shipping"],
        ["no"],
        ["Refund"],
        [True],
        ["unknown"],
        ["refnd", "refund"],
        [" "],
    ]
    cases: list[dict[str, object]] = [{"id": str(n), "question": f"q{n}?", "answers": a} for n, a in enumerate(answers, 1)]
    cases.append({"id": "u", "question": "u?", "answers": [], "answerable": False})
    found = surveyed(tmp_path, cases, more="behaviour: {labels: labels.txt}\n", documents=False)
    assert listed(found) == [
        "cases.jsonl:4: 'Refund' is read as the label 'refund' (only case, quotation marks or a final dot differ)",
        "cases.jsonl:5: case '5': the accepted answer 'true' is none of the 4 labels: such a case can never be won",
        "cases.jsonl:6: case '6': the accepted answer 'unknown' is none of the 4 labels (did you mean 'other/unknown'?):"
        " such a case can never be won",
        "cases.jsonl:8: case '8': an accepted answer is empty: such a case can never be won",
    ]
    assert [(w.line, "another of its answers can" in w.message) for w in found.warnings] == [(7, True)]
    lines = list(found.as_lines())
    assert f"! {listed(found)[0]}" in lines
    assert lines[-1] == "problems: 4 (listed above); likely slips: 1"
    assert [p["line"] for p in json.loads(json.dumps(found.as_json()))["problems"]] == [4, 5, 6, 8]


def test_answers_that_break_the_schema(tmp_path: Path) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}
    (tmp_path / "s.json").write_text(json.dumps(schema), encoding="utf-8")
    answers: list[list[object]] = [[{"n": 1}], ['{"n": 1}'], [{"n": "1"}], [{"m": 1}], ["one"], [{"n": 1.5}, {"n": 2}]]
    cases: list[dict[str, object]] = [{"id": str(n), "question": f"q{n}?", "answers": a} for n, a in enumerate(answers, 1)]
    examples = [
        {"messages": [{"role": "user", "content": "How is the weather?"}, {"role": "assistant", "content": c}]}
        for c in ('{"n": 1}', "no")
    ]
    (tmp_path / "e.jsonl").write_text("\n".join(map(json.dumps, examples)), encoding="utf-8")
    found = surveyed(tmp_path, cases, more="behaviour: {schema: s.json, examples: e.jsonl}\n", documents=False)
    assert [(p.path, p.line) for p in found.problems] == [
        (name, n) for name, n in [("cases.jsonl", 3), ("cases.jsonl", 4)]
    ] + [
        ("cases.jsonl", 5),
        ("e.jsonl", 2),
    ]
    assert "n: '1' is not of type 'integer': such a case can never be won" in listed(found)[0]
    assert "breaks the schema: it is no JSON" in listed(found)[2]
    assert "it teaches what is wrong" in listed(found)[3]
    assert [w.line for w in found.warnings] == [6]


def test_nobody_is_told_where_a_model_judges(tmp_path: Path) -> None:
    row: dict[str, object] = {
        "id": "c",
        "question": "q?",
        "answers": ["something else"],
        "gold_documents": ["docs/returns.md"],
    }
    assert surveyed(tmp_path, [row]).warnings
    found = surveyed(tmp_path, [row], more="bar: {metric: judge}\n")
    assert found.warnings == ()
    assert listed(found) == []


@pytest.mark.parametrize(
    ("answers", "is_told"),
    [
        (["30 days"], False),
        (["thirty days", "30 days"], False),
        (["1250 eur"], False),
        (["zoe"], False),
        (["Returns"], False),
        (["yes"], False),
        (["within a month of delivery, if the goods are unused and the receipt is there"], False),
        (["31 days"], True),
        (["the customer"], True),
    ],
)
def test_an_answer_that_is_not_in_its_gold_document(answers: list[str], is_told: bool, tmp_path: Path) -> None:
    found = surveyed(tmp_path, [{"id": "c", "question": "q?", "answers": answers, "gold_documents": ["docs/returns.md"]}])
    assert listed(found) == []
    told = f"cases.jsonl:1: case 'c': its answer {answers[0]!r} does not stand in its gold document 'docs/returns.md'"
    assert [str(w) for w in found.warnings] == ([told] if is_told else [])
    assert list(found.as_lines())[-1] == "nothing is wrong" + ("; likely slips: 1" if is_told else "")


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        (["nine euros"], "; it stands in 'docs/shipping.md': is that the document?"),
        (["euro"], "'euro' does not stand in its gold document 'docs/returns.md'"),  # too short to tell
        (["30 days", "40 days"], "its answer '40 days' has the number 40, which does not stand in"),
        (["30 days", "a month", "thirty days", "30.0 days"], ""),  # other ways to say it
        (["30 days", "8 weeks"], ""),  # the question says it
        (["You may send anything back within 30 days of delivery as long as it is unused"], ""),
        (["You may send anything back within 31 days of delivery as long as it is unused"], "has the number 31, which"),
        (["yes", "40 days"], ""),
    ],
)
def test_gold_documents_that_do_not_bear_an_answer_out(answers: list[str], told: str, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    for name, text in (("shipping", "Express costs nine euros."), ("other", "Euro and yen. The dollar.")):
        (tmp_path / f"docs/{name}.md").write_text(text, encoding="utf-8")
    found = surveyed(
        tmp_path, [{"id": "c", "question": "Are 8 weeks right?", "answers": answers, "gold_documents": ["docs/returns.md"]}]
    )
    assert listed(found) == []
    assert len(found.warnings) == bool(told)
    assert told in "".join(map(str, found.warnings))


TABLE = """# Crates

| Item | Weight kg | Price (EUR) | Town |
|---|---|---|---|
| Crate | 5,200 | 40 | Leeds |
| Box | 12 | 9.50 | Hull |
| Tub | 3 | 7 | York |

The lorry takes 9 t.
"""


@pytest.mark.parametrize(
    ("answer", "is_told"),
    [
        ("5,200 kg", False), ("5200 kg", False), ("€9.50", False), ("40 EUR", False), ("Leeds, Hull, York", False),
        ("York and Hull", False), ("5,300 kg", True), ("5,200 lb", True), ("9 kg", True), ("Leeds, Hull, Bath", True),
        ("5,200 kg a day at most", True),
    ],
)  # fmt: skip
def test_an_answer_whose_unit_stands_in_the_head_or_whose_items_stand_apart(
    answer: str, is_told: bool, tmp_path: Path
) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/crates.md").write_text(TABLE, encoding="utf-8")
    case: dict[str, object] = {"id": "c", "question": "q?", "answers": [answer], "gold_documents": ["docs/crates.md"]}
    assert bool(surveyed(tmp_path, [case]).warnings) == is_told


def test_an_unanswerable_case_with_answers(tmp_path: Path) -> None:
    found = surveyed(tmp_path, [{"id": "c", "question": "q?", "answers": ["30 days"], "answerable": False}])
    assert [str(w) for w in found.warnings] == [
        "cases.jsonl:1: case 'c': it is \"answerable\": false and accepts '30 days': only a refusal is right, and its"
        " answers are not looked at"
    ]


@pytest.mark.parametrize(
    "name",
    ["docs/retruns.md", "docs/Returns.md", "returns.md", "docs/returns.txt", "returns", "doc/returns.md"],
)
def test_a_misspelt_document_is_named_with_the_nearest(name: str, tmp_path: Path) -> None:
    cases: list[dict[str, object]] = [
        {"id": "a", "question": "q?", "answers": ["30 days"], "gold_documents": [name]},
        {"id": "b", "question": "r?", "answers": ["30 days"], "evidence": [{"document": name, "quote": "30 days"}]},
        {"id": "c", "question": "s?", "answers": ["30 days"], "gold_documents": [name], "split": "train"},
    ]
    found = surveyed(tmp_path, cases)
    assert [p.line for p in found.problems] == [1, 2, 3]
    assert all(line.endswith("; did you mean 'docs/returns.md'?") for line in listed(found))


def test_nothing_is_near() -> None:
    assert nearest("prices.md", ["docs/returns.md", "docs/staff.md"]) == ""
    assert nearest("returns.md", ["a/returns.md", "b/returns.md"]) in ("a/returns.md", "b/returns.md")


def test_a_quote_is_held_to_its_document(tmp_path: Path) -> None:
    quote = {"document": "docs/returns.md", "quote": "within 31 days"}
    found = surveyed(
        tmp_path, [{"question": "q?", "answers": ["31"], "evidence": [quote]}, {"question": "r?", "answers": ["x"]}]
    )
    assert "cases.jsonl:1: " in listed(found)[0]
    assert "the quote 'within 31 days' is not in 'docs/returns.md'" in listed(found)[0]


def test_an_asker_who_may_not_read_the_gold(tmp_path: Path) -> None:
    gold = {"answers": ["a discount"], "gold_documents": ["docs/staff.md"]}
    cases: list[dict[str, object]] = [
        {"id": "a", "question": "q?", **gold, "as": []},
        {"id": "b", "question": "r?", **gold, "as": ["guests"]},
        {"id": "c", "question": "s?", **gold, "as": ["staff"]},
        {"id": "d", "question": "t?", **gold},
    ]
    told = "and its gold document 'docs/staff.md' is for staff: it can never be won"
    assert listed(surveyed(tmp_path, cases)) == [
        f"cases.jsonl:1: case 'a': is asked without a group, {told}",
        f"cases.jsonl:2: case 'b': is asked with guests, {told}",
    ]


def test_cases_that_repeat_each_other_and_questions_that_are_labels(tmp_path: Path) -> None:
    cases: list[dict[str, object]] = [
        {"id": "a", "question": "Where is it?", "answers": ["a"]},
        {"id": "b", "question": "where  is it?", "answers": ["A"]},
        {"id": "c", "question": "WHERE is it?", "answers": ["b"]},
        {"id": "d", "question": "Where is it?", "answers": ["a"], "as": []},
        {"id": "e", "question": "B", "answers": ["b"]},
    ]
    found = surveyed(tmp_path, cases, more="behaviour: {labels: [a, b, A]}\n", documents=False)
    assert [str(w) for w in found.warnings] == [
        "cases.jsonl:2: case 'b': asks what cases.jsonl:1 asks",
        "cases.jsonl:3: case 'c': asks what cases.jsonl:1 asks, and accepts other answers",
        "cases.jsonl:5: case 'e': its question 'B' is a label: were question and answer swapped?",
    ]


def test_the_copies_of_a_case_repeat_nothing(tmp_path: Path) -> None:
    case: dict[str, object] = {"question": "Where is it?", "answers": ["Oslo"], "weight": 3}
    assert surveyed(tmp_path, [{"id": "a", **case}], documents=False).warnings == ()
    several = surveyed(tmp_path, [{"id": "a", **case}, {"id": "b", **case, "weight": 1.0}], documents=False)
    assert [str(w) for w in several.warnings] == ["cases.jsonl:2: case 'b': asks what cases.jsonl:1 asks"]


TRAIN = {"split": "train", "answers": ["30 days"]}


@pytest.mark.parametrize(
    ("rungs", "train", "told"),
    [
        ("[{rag: {shots: 3}}]", [], "the 3 'shots' of rag show only 1: "),
        ("[{multi_hop: {shots: [0, 2]}}]", [{**TRAIN, "question": "t?"}], "the 2 'shots' of multi_hop show only 1: "),
        (
            "[{rag: {shots: 3}}]",
            [{**TRAIN, "question": "t?", "gold_documents": ["docs/returns.md"]}],
            "the 3 'shots' of rag show only 2: ",
        ),
        ("[{rag: {shots: 2}}]", [{**TRAIN, "question": "t?", "gold_documents": ["docs/returns.md"]}], ""),
        ("[{rag: {shots: 1}}]", [{**TRAIN, "question": "t?", "gold_documents": ["docs/returns.md"]}], ""),
        ("[rag, {few_shot: {shots: 9}}]", [], ""),
    ],
)
def test_shots_without_train_cases(rungs: str, train: list[dict[str, object]], told: str, tmp_path: Path) -> None:
    chat = {"messages": [{"role": "user", "content": "How is the weather?"}, {"role": "assistant", "content": "a"}]}
    (tmp_path / "e.jsonl").write_text(json.dumps(chat), encoding="utf-8")
    found = surveyed(
        tmp_path, [{"question": "q?", "answers": ["30 days"]}, *train], rungs=rungs, more="behaviour: {examples: e.jsonl}\n"
    )
    assert [line.split("they are")[0] for line in listed(found)] == ([f"rung.yaml:5: {told}"] if told else [])


def calling(arguments: object, properties: object) -> dict[str, object]:
    function = {"name": "weather", "parameters": {"type": "object", "properties": properties}}
    call = {"id": "1", "type": "function", "function": {"name": "weather", "arguments": json.dumps(arguments)}}
    turns = [
        {"role": "user", "content": "How is the weather?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
    ]
    return {"messages": turns, "tools": [{"type": "function", "function": function}]}


@pytest.mark.parametrize(
    ("arguments", "properties", "told"),
    [
        ({"city": "Oslo"}, {"city": {"type": "string"}}, ""),
        ({"city": "Oslo", "unit": None}, {"city": {"type": "string"}, "unit": {"type": "string"}}, "'unit'"),
        ({"city": "Oslo", "unit": None, "zip": None}, {"city": {"type": "string"}}, "'unit', 'zip'"),
        ({"at": {"city": "Oslo", "zip": None}}, {"at": {"type": "object"}}, "'at.zip'"),
        ({"unit": None}, {"unit": {"type": ["string", "null"]}}, ""),
        ({"unit": None}, {"unit": {"anyOf": [{"type": "string"}, {"type": "null"}]}}, ""),
        ({"unit": None}, {"unit": {"enum": ["C", None]}}, ""),
        ({"city": "Oslo"}, {"city": {"type": "string"}, "unit": None}, "its tool 'weather' are null: 'unit'"),
    ],
)
def test_tool_arguments_that_were_padded_with_null(arguments: object, properties: object, told: str, tmp_path: Path) -> None:
    (tmp_path / "e.jsonl").write_text("\n" + json.dumps(calling(arguments, properties)), encoding="utf-8")
    found = surveyed(
        tmp_path, [{"question": "q?", "answers": ["x"]}], more="behaviour: {examples: e.jsonl}\n", documents=False
    )
    assert [(p.path, p.line) for p in found.problems] == ([("e.jsonl", 2)] if told else [])
    assert all(told in line for line in listed(found))


def test_how_many_cases_are_drafts_is_said(tmp_path: Path) -> None:
    asked: dict[str, object] = {"id": "a", "question": "Who pays?", "answers": ["Zoë"]}
    assert not any("drafted" in hint for hint in surveyed(tmp_path, [asked]).hints())
    draft: dict[str, object] = {
        **{"id": "b", "question": "How long may I return an item?", "answers": ["30 days"]},
        **{"meta": {"kind": "answerable", "drafted_from": "docs/returns.md"}, "drafted_by": "rules", "approved_by": "Ada"},
    }
    assert any(hint.startswith("1 of 2 test cases were drafted") for hint in surveyed(tmp_path, [asked, draft]).hints())


def test_grades_that_count_nothing_and_documents_that_are_not_there(tmp_path: Path) -> None:
    cases: list[dict[str, object]] = [
        {"question": "a?", "answers": ["30 days"], "gold_documents": ["docs/returns.md"], "meta": {"grades": grades, **more}}
        for grades, more in (
            ({"docs/returns.md": 2, "docs/retuns.md": 0}, {}),
            ({"docs/returns.md": "2"}, {"ignored_documents": ["docs/gone.pdf", "x"]}),
            ({"docs/returns.md": 1, "docs/staff.md": 2}, {}),
        )
    ]
    cases = [{**case, "question": f"{n}?", "id": str(n)} for n, case in enumerate(cases, 1)]
    cases.append({"id": "4", "question": "4?", "answers": ["30 days"], "meta": {"grades": {"docs/returns.md": 1}}})
    found = surveyed(tmp_path, cases)
    assert listed(found) == [
        "cases.jsonl:2: 'meta.grades' must hold numbers, found '2' for 'docs/returns.md': it counts 1",
        "cases.jsonl:3: 'meta.grades' grades 'docs/staff.md' with 2, but it is none of 'gold_documents': it counts nothing",
        "cases.jsonl:4: 'meta.grades' counts nothing: grades are of 'gold_documents', and it names none",
    ]
    assert [str(warning) for warning in found.warnings] == [
        "cases.jsonl:1: case '1': 'meta.grades' names 'docs/retuns.md', which is no document"
        " (did you mean 'docs/returns.md'?)",
        "cases.jsonl:2: case '2': 'meta.ignored_documents' names 'docs/gone.pdf', and 1 more, which is no document",
    ]


def test_a_repeated_question_with_another_answer_is_told_where_one_names_no_gold(tmp_path: Path) -> None:
    ask: dict[str, object] = {"question": "Where is it?", "answers": ["30 days"]}
    cases: list[dict[str, object]] = [
        {"id": "a", **ask, "gold_documents": ["docs/returns.md"]},
        {"id": "b", "question": "Where is it?", "answers": ["14 days"]},
        {"id": "c", **ask, "answers": ["discount"], "gold_documents": ["docs/staff.md"], "as": ["staff"]},
    ]
    told = [str(one) for one in surveyed(tmp_path, cases).warnings]
    assert told == ["cases.jsonl:2: case 'b': asks what cases.jsonl:1 asks, and accepts other answers"]
    two: list[dict[str, object]] = [cases[0], {"id": "d", **ask, "gold_documents": ["docs/other.md"]}]
    (tmp_path / "docs/other.md").write_text("Within 30 days.", encoding="utf-8")
    assert surveyed(tmp_path, two).warnings == (), "the same of another document"


def test_cases_of_restricted_documents_that_do_not_say_who_asks_are_counted(tmp_path: Path) -> None:
    askers: tuple[dict[str, object], ...] = ({"as": ["staff"]}, {}, {}, {"split": "train"})
    cases: list[dict[str, object]] = [
        {"id": str(n), "question": f"q{n}?", "answers": ["discount"], "gold_documents": ["docs/staff.md"], **asker}
        for n, asker in enumerate(askers, 1)
    ]
    cases.append({"id": "p", "question": "p?", "answers": ["30 days"], "gold_documents": ["docs/returns.md"]})
    assert [str(one) for one in surveyed(tmp_path, cases).warnings] == [
        "cases.jsonl:2: case '2': 2 of 3 test cases of restricted documents, this the first, have no 'as': asked as one who "
        "may read everything, they tell nothing of leaks"
    ]
    assert surveyed(tmp_path, [cases[0], cases[4]]).warnings == ()


def test_a_group_that_is_called_everyone_is_told_to_be_a_group(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    for name, groups in (("a", "everyone"), ("b", "Everyone"), ("c", "all-staff")):
        (tmp_path / f"docs/{name}.md").write_text(f"---\ngroups: [{groups}]\n---\nText {name}.\n", encoding="utf-8")
    told = [str(one) for one in surveyed(tmp_path, [{"id": "c", "question": "q?", "answers": ["30 days"]}]).warnings]
    assert [one.partition(",")[0] for one in told] == [
        "docs/b.md: 1 document is for the group 'Everyone'",
        "docs/a.md: 1 document is for the group 'everyone'",
    ]
    assert told[0].endswith("who is not in it may not read; for everybody, name no group")
