"""`rung advise` as a user runs it: on a project, on a bare folder, on facts from a file."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from rung.commands.interview import reached_in
from tests.cli.conftest import Run
from tests.cli.test_compare import edit

pytestmark = pytest.mark.slow


def test_what_a_project_says_of_itself(rung: Run, shop: Path) -> None:
    ran = rung("advise", shop)
    assert "needs_specific_facts   True       (rung.yaml: knowledge.sources)" in ran.out
    assert "likely a knowledge gap" in ran.out
    assert "1. rag" in ran.out
    assert "build it before anything else" not in ran.out  # seven cases make a start
    assert max(map(len, ran.out.splitlines())) <= 80


def test_json_is_one_line_and_facts_can_be_given(rung: Run, shop: Path) -> None:
    said = rung("advise", shop, "--json", "--fact", "multi_document=true", "--fact", "has_eval_set=true").json
    assert said["final"] == ["multi_hop"]
    assert set(said) == {"gap", "start", "final", "not", "rules", "missing"}
    assert "multi_document" not in said["missing"]
    assert not any(rule.startswith("test-set-first") for rule in said["rules"])


def test_facts_from_a_file_one_or_many(rung: Run, tmp_path: Path) -> None:
    one = {"needs_behaviour_change": True, "examples": 30, "prompting_exhausted": False}
    file = tmp_path / "facts.json"
    file.write_text(json.dumps(one))
    assert rung("advise", "--facts", file, "--json").json["final"] == ["few_shot"]
    file.write_text(json.dumps([one, {"id": "x", "facts": {"live_values": True}}]))
    assert [each["start"] for each in rung("advise", "--facts", file, "--json").json] == ["prompt", "tools"]
    file.write_text("needs_behaviour_change: true\nstrict_format: true\n")
    assert rung("advise", "--facts", file, "--json").json["start"] == "structured"


def test_mistakes_are_sentences(rung: Run, tmp_path: Path) -> None:
    file = tmp_path / "facts.json"
    file.write_text('[{"examples": "x"}]')
    assert "entry 1: 'examples' must be int or null" in rung("advise", "--facts", file, code=2).err
    file.write_text("[1]")
    assert "entry 1: facts are an object" in rung("advise", "--facts", file, code=2).err
    file.write_text("{")
    assert "facts.json:1: is no YAML that can be used" in rung("advise", "--facts", file, code=2).err
    assert "cannot be read" in rung("advise", "--facts", tmp_path / "none.json", code=2).err
    assert "there is no such folder" in rung("advise", tmp_path / "none", code=2).err
    assert "name=value" in rung("advise", "--fact", "examples", code=2).err


def test_a_project_without_cases_still_gets_advice(rung: Run, shop: Path) -> None:
    edit(shop, "cases: cases.jsonl\n", "")
    ran = rung("advise", shop)
    assert "no cases" in ran.err
    assert "build it before anything else" in ran.out


def test_a_folder_that_is_no_project_yet_with_a_history(rung: Run, tmp_path: Path) -> None:
    folder = tmp_path / "wiki"
    folder.mkdir()
    who = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}

    def git(*words: str) -> None:
        subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True, env={**os.environ, **who})

    git("init", "-q")
    for day in range(12):
        (folder / "page.md").write_text(f"# Page\n\nAs of day {day}.\n")
        git("add", ".")
        git("commit", "-q", "-m", f"day {day}")
    ran = rung("advise", folder)
    assert "12 changes in Git's history" in ran.out
    assert "corpus_tokens" in ran.out


def test_a_missed_bar_means_that_prompting_is_exhausted(rung: Run, shop: Path) -> None:
    edit(shop, "correct: 0.2", "correct: 0.999")
    rung("compare", shop, code=1)
    ran = rung("advise", shop)
    assert "prompting_exhausted    True       (the last comparison: " in ran.out


def test_a_plain_folder_of_documents_is_something_to_look_up(rung: Run, tmp_path: Path) -> None:
    folder = tmp_path / "manuals"
    (folder / "deep").mkdir(parents=True)
    for number in range(3):
        (folder / "deep" / f"{number}.rst").write_text(f"Part {number}\n======\n\nThe belt is changed yearly.\n")
    ran = rung("advise", folder)
    assert "assumed, since nobody said otherwise: answers hang on the documents" in ran.out
    assert ran.out.index("assumed") < ran.out.index("likely a knowledge gap")
    assert "1. long_context" in ran.out  # so little fits into each prompt, and nobody has said how much is asked
    assert "2. rag" in ran.out
    assert "retrieval adds cost" not in ran.out
    assert max(map(len, ran.out.splitlines())) <= 80
    said = rung("advise", folder, "--json").json
    assert (said["start"], said["assumed"]) == ("long_context", ["needs_specific_facts"])
    assert "rag" not in said["not"]
    assert "needs_specific_facts" not in said["missing"]
    stated = rung("advise", folder, "--json", "--fact", "needs_specific_facts=false").json
    assert "rag" in stated["not"]
    assert "assumed" not in stated


def test_what_the_last_comparison_chose_is_not_advised_against(rung: Run, shop: Path) -> None:
    """Documents for groups speak against long_context, but not where it was measured and chosen."""
    facts = ["--fact", "per_user_access=true", "--fact", "needs_specific_facts=true"]
    assert "long_context" in rung("advise", *facts, "--json").json["not"]
    chosen = [*facts, "--fact", "compared=long_context"]
    missed = rung("advise", *chosen, "--json").json
    assert "long_context" not in missed["not"]
    assert missed["final"] == ["rag"]
    unknown = rung("advise", "--fact", "compared=many_hops", code=2).err
    assert "--fact compared: unknown rung 'many_hops'" in unknown
    cleared = rung("advise", *chosen, "--fact", "compared_clears=true", "--json").json
    assert (cleared["start"], cleared["final"]) == ("long_context", ["long_context"])
    winner = rung("compare", shop, "--json").json["winner"]
    said = rung("advise", shop, "--json").json
    assert (said["start"], said["final"]) == (winner, [winner])
    assert winner not in said["not"]


def test_prompting_is_not_exhausted_by_a_rung_that_was_not_needed_to_the_end() -> None:
    """What it may yet come to counts; of several settings the best."""
    score = {"mean": 0.5, "low": 0.3, "high": 0.7, "n": 20}
    rows: list[dict[str, object]] = [
        {"name": "few_shot[shots=2]", "scores": {"correct": score}, "stopped": "not needed: stopped after 20 of 100 cases"},
        {"name": "few_shot[shots=4]", "scores": {"correct": {**score, "mean": 0.6}}, "stopped": ""},
        {"name": "prompt", "scores": {"correct": score}, "stopped": "misses the bar: stopped after 20 of 100 cases"},
        {"name": "rag", "scores": {}},
    ]
    assert reached_in(rows) == {"few_shot": 0.7, "prompt": 0.5}  # as an earlier Rung wrote them, without kinds
    kinds = (("not_needed", "no word of it"), (None, ""), ("misses", "not needed"))
    rows = [{**row, "stopped_kind": kind, "stopped": text} for row, (kind, text) in zip(rows, kinds, strict=False)]
    assert reached_in(rows) == {"few_shot": 0.7, "prompt": 0.5}
    assert reached_in(None) == {}
