"""Do the shipped examples hold what their READMEs promise? Needs nothing but the files in `examples/`."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
NAMES = ("handbook", "commands", "helpdesk")
WITH_DOCUMENTS = ("handbook", "helpdesk")
WITH_SCHEMA = ("commands", "helpdesk")
SPLITS = ("train", "dev", "test")
Row = dict[str, Any]


def rows(name: str, pattern: str) -> list[Row]:
    """Rows of every file that matches, in the files' order."""
    files = sorted((EXAMPLES / name).glob(pattern))
    return [json.loads(line) for path in files for line in path.read_text(encoding="utf-8").splitlines()]


def cases(name: str, *splits: str) -> list[Row]:
    return [row for row in rows(name, "cases/*.jsonl") if not splits or row["split"] in splits]


def document(name: str, id: str) -> str:
    return (EXAMPLES / name / id).read_text(encoding="utf-8")


def front(text: str) -> Row:
    """Front matter, {} where there is none."""
    match = re.match(r"---\n(.*?)\n---\n", text, re.DOTALL)
    return dict(yaml.safe_load(match.group(1))) if match else {}


def words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", text.casefold()))


def near_twins(teaching: list[str], judging: list[str], limit: float) -> Iterator[tuple[str, str]]:
    """Pairs whose words overlap by at least `limit` (Jaccard)."""
    known = [(words(text), text) for text in judging]
    for text in teaching:
        mine = words(text)
        yield from ((text, other) for theirs, other in known if len(mine & theirs) >= limit * len(mine | theirs))


def missing_quotes(name: str, checked: list[Row]) -> list[str]:
    """Ids of the cases one of whose quotes does not stand exactly once in its document."""
    wrong = [c["id"] for c in checked for e in c["evidence"] if document(name, e["document"]).count(e["quote"]) != 1]
    return sorted(set(wrong))


@pytest.mark.parametrize("name", NAMES)
def test_ids_are_unique_and_every_row_is_marked(name: str) -> None:
    ids = Counter(row["id"] for row in [*cases(name), *rows(name, "examples/*.jsonl")])
    assert [id for id, n in ids.items() if n > 1] == []
    assert {row["split"] for row in cases(name)} <= set(SPLITS)
    for path in (EXAMPLES / name / "cases").glob("*.jsonl"):
        assert {json.loads(line)["split"] for line in path.read_text(encoding="utf-8").splitlines()} == {path.stem}


@pytest.mark.parametrize("name", NAMES)
def test_answers_are_there_exactly_where_a_case_is_answerable(name: str) -> None:
    for case in cases(name):
        assert bool(case["answers"]) == case.get("answerable", True), case["id"]
        assert len(set(case["answers"])) == len(case["answers"]), case["id"]


@pytest.mark.parametrize("name", WITH_DOCUMENTS)
def test_every_quote_stands_once_in_its_document_and_holds_an_answer(name: str) -> None:
    checked = cases(name)
    assert sum(len(case["evidence"]) for case in checked) > 50
    assert missing_quotes(name, checked) == []
    for case in checked:
        answers = [json.loads(a)["answer"] if name == "helpdesk" else a for a in case["answers"]]
        assert bool(case["evidence"]) == bool(answers), case["id"]
        assert all(any(answer in e["quote"] for answer in answers) for e in case["evidence"]), case["id"]


def test_a_quote_that_is_not_there_is_found_out() -> None:
    case = cases("handbook", "test")[0] | {
        "evidence": [{"document": "docs/normans.md", "quote": "The Normans had no bananas."}]
    }
    assert missing_quotes("handbook", [case]) == [case["id"]]


@pytest.mark.parametrize("name", WITH_DOCUMENTS)
def test_no_article_serves_two_splits(name: str) -> None:
    articles = [{case["meta"]["article"] for case in cases(name, split)} for split in SPLITS]
    assert all(articles)
    assert not articles[0] & articles[1]
    assert not articles[0] & articles[2]
    assert not articles[1] & articles[2]


@pytest.mark.parametrize("name", NAMES)
def test_what_teaches_does_not_repeat_what_judges(name: str) -> None:
    examples = [row["messages"][0]["content"] for row in rows(name, "examples/*.jsonl")]
    teaching = examples + [case["question"] for case in cases(name, "train")]
    judging = [case["question"] for case in cases(name, "dev", "test")]
    assert teaching
    assert judging
    assert list(near_twins(teaching, judging, 0.7)) == []
    assert list(near_twins([judging[0] + " please"], judging, 0.7)), "the check itself finds a twin"


@pytest.mark.parametrize("name", WITH_SCHEMA)
def test_answers_keep_to_the_schema(name: str) -> None:
    schema = json.loads((EXAMPLES / name / "answer.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    judge = jsonschema.Draft202012Validator(schema)
    outputs = [row["messages"][-1]["content"] for row in rows(name, "examples/*.jsonl")]
    texts = outputs + [answer for case in cases(name) for answer in case["answers"]]
    assert len(texts) > 90
    for text in texts:
        judge.validate(json.loads(text))
        assert text == json.dumps(json.loads(text), ensure_ascii=False), "the form that a model is taught is one"
    wrong = {"intent": "Fly", "slots": {}} if name == "commands" else {"answer": "yes"}
    assert not judge.is_valid(wrong)


def test_commands_are_balanced_and_every_slot_stands_in_the_command() -> None:
    taught = Counter(row["meta"]["intent"] for row in rows("commands", "examples/*.jsonl"))
    judged = Counter(case["meta"]["intent"] for case in cases("commands", "test"))
    assert len(taught) == len(judged) == 7
    assert len(set(taught.values())) == len(set(judged.values())) == 1
    pairs = [(row["messages"][0]["content"], row["messages"][-1]["content"]) for row in rows("commands", "examples/*.jsonl")]
    pairs += [(case["question"], case["answers"][0]) for case in cases("commands")]
    for said, answer in pairs:
        assert all(value in said for values in json.loads(answer)["slots"].values() for value in values), said


def test_examples_end_with_the_assistant_and_say_where_they_are_from() -> None:
    for row in rows("commands", "examples/*.jsonl"):
        assert [turn["role"] for turn in row["messages"]] == ["user", "assistant"]
        assert row["source"]
        assert row["licence"] == "CC0 1.0"


@pytest.mark.parametrize("name", NAMES)
def test_source_and_licence_are_told(name: str) -> None:
    licence = "CC0 1.0" if name == "commands" else "CC BY-SA 4.0"
    assert {case["meta"]["licence"] for case in cases(name)} == {licence}
    assert all(case["meta"]["source"] for case in cases(name))
    assert licence in (EXAMPLES / name / "README.md").read_text(encoding="utf-8")
    notes = (EXAMPLES / name / "LICENCE.md").read_text(encoding="utf-8")
    assert "https://creativecommons.org/" in notes
    for path in (EXAMPLES / name).glob("docs/*.md"):
        title = re.search(r"^# (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
        assert title
        assert f"[{title.group(1)}](https://en.wikipedia.org/wiki/" in notes, path.name


def test_helpdesk_quotes_are_evidence_and_who_may_not_read_is_owed_nothing() -> None:
    groups = {
        path.name: front(path.read_text(encoding="utf-8")).get("groups", [])
        for path in (EXAMPLES / "helpdesk/docs").glob("*.md")
    }
    restricted = {name for name, readers in groups.items() if readers == ["staff"]}
    assert len(restricted) == 2
    asked: Counter[str] = Counter()
    for case in cases("helpdesk"):
        quotes = {evidence["quote"] for evidence in case["evidence"]}
        assert {json.loads(answer)["quote"] for answer in case["answers"]} == quotes, case["id"]
        on_restricted = case["meta"]["article"].lower().replace(" ", "_") + ".md" in restricted
        assert on_restricted == ("as" in case), "every case about a restricted document says who asks"
        if on_restricted:
            asked[f"{case['split']} {case['as'][0]}"] += 1
            assert case["answerable"] == (case["as"] == ["staff"]), case["id"]
    assert asked["test staff"] == asked["test customer"] >= 5


def test_documents_are_markdown_with_a_title_and_too_long_to_stuff() -> None:
    for name in WITH_DOCUMENTS:
        texts = [path.read_text(encoding="utf-8") for path in sorted((EXAMPLES / name / "docs").glob("*.md"))]
        assert all(re.match(r"(?:---\n.*?\n---\n\n)?# \S", text, re.DOTALL) for text in texts)
        assert not any("\r" in text or "[citation needed]" in text or not text.endswith("\n") for text in texts)
        assert sum(len(text.split()) for text in texts) > 8192, "more words than the model's window has tokens"


@pytest.mark.parametrize("name", NAMES)
def test_the_project_file_names_what_is_there(name: str) -> None:
    project = yaml.safe_load((EXAMPLES / name / "rung.yaml").read_text(encoding="utf-8"))
    patterns = [
        *project["cases"],
        *project.get("knowledge", {}).get("sources", []),
        *project.get("behaviour", {}).get("examples", []),
    ]
    assert all(list((EXAMPLES / name).glob(pattern)) for pattern in patterns)
    assert project["name"] == name
    assert project["task"].strip()
    assert project["rungs"]
    refuser = sum(not case.get("answerable", True) for case in cases(name, "test")) / len(cases(name, "test"))
    assert project["bar"]["correct"] > refuser, "always refusing must not clear the bar"


def test_the_examples_stay_small() -> None:
    for name in NAMES:
        files = [p for p in (EXAMPLES / name).rglob("*") if p.is_file() and ".rung" not in p.parts]
        assert sum(path.stat().st_size for path in files) < 800_000
        assert sum(path.stat().st_size for path in files if path.parent.name == "docs") < 400_000
    assert len(cases("handbook", "test")) == 50
    assert Counter(case["answerable"] for case in cases("handbook", "test")) == {True: 40, False: 10}
