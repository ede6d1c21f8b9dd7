"""Is each project of the gallery whole, sound and small, and does it run? In short form: with the scripted model."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from rung.commands.gallery import copy_project, gallery, gallery_project
from tests.docs.trying import rung
from tests.examples.test_shipped_examples import Row, near_twins

NAMES = [project.name for project in gallery()]
NAMED_BY_GUIDES = {
    "help-centre", "brand-voice", "internal-assistant", "contracts", "clinical-note", "brand-content", "commands", "triage",
    "house-code", "monorepo", "papers", "live-prices", "scattered-facts", "front-desk",
}  # fmt: skip
MADE_BY_PATTERN = {"brand-content", "house-code", "live-prices", "contracts"}  # questions of one form, about other things
WORDED_ANEW = {"brand-voice", "clinical-note"}  # answers that are no words of the documents
TRAINED_UNASKED = {"clinical-note"}


def rows(name: str, pattern: str) -> list[Row]:
    files = sorted(gallery_project(name).folder.glob(pattern))
    return [json.loads(line) for file in files for line in file.read_text("utf-8").splitlines()]


def test_every_example_of_the_guides_is_there() -> None:
    assert set(NAMES) == NAMED_BY_GUIDES


def test_the_whole_gallery_is_small() -> None:
    sizes = {p.name: sum((p.folder / file).stat().st_size for file in p.files()) for p in gallery()}
    assert sum(sizes.values()) < 1_500_000, sizes


@pytest.mark.parametrize("name", NAMES)
def test_the_page_says_what_it_is_what_was_measured_and_whose_it_is(name: str) -> None:
    project = gallery_project(name)
    page = (project.folder / "README.md").read_text("utf-8")
    assert re.match(rf"# {name}: \S", page)
    assert len(project.about) < 80
    assert f"rung compare {'examples/' if name == 'commands' else ''}{name}" in page
    assert re.search(r"Measured|measured", page)
    assert "smollm2-135m" in page
    assert "](LICENCE.md)" in page
    assert re.search(r"CC0|CC BY", (project.folder / "LICENCE.md").read_text("utf-8"))


@pytest.mark.parametrize("name", NAMES)
def test_cases_are_enough_unique_and_answered_where_they_say_so(name: str) -> None:
    cases = rows(name, "cases/*.jsonl")
    assert not [id for id, count in Counter(case["id"] for case in cases).items() if count > 1]
    assert 30 <= sum(case["split"] == "test" for case in cases) <= 100
    assert sum(case["split"] == "dev" for case in cases) >= 5
    for case in cases:
        assert bool(case.get("answers") or case.get("evidence")) == case.get("answerable", True), case["id"]


@pytest.mark.parametrize("name", sorted(set(NAMES) - WORDED_ANEW))
def test_answers_stand_in_the_evidence(name: str) -> None:
    for case in rows(name, "cases/*.jsonl"):
        quotes = [evidence["quote"].casefold() for evidence in case.get("evidence", ())]
        accepted = [answer.casefold() for answer in case.get("answers", ())]
        assert not quotes or not accepted or any(a in q for a in accepted for q in quotes), case["id"]


@pytest.mark.parametrize("name", sorted(set(NAMES) - MADE_BY_PATTERN))
def test_what_teaches_does_not_repeat_what_judges(name: str) -> None:
    cases = rows(name, "cases/*.jsonl")
    teaching = [row["messages"][0]["content"] for row in rows(name, "examples/*.jsonl")]
    teaching += [case["question"] for case in cases if case["split"] == "train"]
    judging = [case["question"] for case in cases if case["split"] == "test"]
    assert list(near_twins(teaching, judging, 0.9)) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_check_finds_nothing_and_a_comparison_ends_with_a_verdict(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    copy_project(gallery_project(name), Path(name))
    checked = rung("check", name, "--json", monkeypatch=monkeypatch)
    assert checked.code == 0, checked
    problems = json.loads(checked.out)["problems"]
    if name == "clinical-note":  # what it is about: nothing is trained before a person has approved what teaches
        (problem,) = problems
        assert "not approved by a person" in problem["message"]
    else:
        assert problems == []
    for file in Path(name).rglob("train.jsonl"):  # what learns, learns less
        taught = file.read_text("utf-8").splitlines(keepends=True)
        file.write_text("".join(taught[:: -(-len(taught) // 40)]), "utf-8")
    path = Path(name, "rung.yaml")
    text = re.sub(r"(?m)^(model|embedder|  copies|  reads): .*$", r"\1: scripted", path.read_text("utf-8"))
    text = text.replace("tuned_retriever: {", "tuned_retriever: {form: map, ")
    text = text.replace("models:\n  copies: scripted\n  reads: scripted\n", "model: scripted\n")
    path.write_text(re.sub(r"model: (copies|reads)(, )?", "", text), "utf-8")
    compared = rung("compare", name, "--limit", "5", "--json", monkeypatch=monkeypatch)
    assert compared.code in {0, 1}, compared
    verdict = json.loads(compared.out)
    measured = {rung["name"] for rung in verdict["rungs"] if rung["status"] == "measured"}
    assert measured
    assert not [rung for rung in verdict["rungs"] if rung["status"] == "failed"]
