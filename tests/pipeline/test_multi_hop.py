"""Searching in turns as a rung of a comparison: chosen where facts are scattered, and visibly not where one search does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rung.config.project import load_project
from rung.loop import compare
from rung.pipeline.evaluate import Comparison

PEOPLE = (
    "Gisvi",
    "Marden",
    "Tollak",
    "Ystrid",
    "Brenno",
    "Calder",
    "Dovrik",
    "Elsing",
    "Farlow",
    "Hestan",
    "Ivarth",
    "Jostel",
)
TOWNS = (
    "Windom",
    "Karlow",
    "Lesgate",
    "Morvane",
    "Nordby",
    "Ostrel",
    "Pellam",
    "Quarrin",
    "Rusmark",
    "Selden",
    "Tarnby",
    "Uvland",
)
YAML = """\
name: towns
task: Answer the question.
knowledge: {sources: ["docs/*.md"]}
cases: cases.jsonl
model: scripted
embedder: scripted
rungs: [{rag: {passages: 2}}, {multi_hop: {passages: 2, searches: 8}}]
bar: {correct: 0.5}
"""


def compared(folder: Path, question: str, answer: str, gold: str) -> Comparison:
    """A project whose cases ask this of each person."""
    (folder / "docs").mkdir()
    for n, (person, town) in enumerate(zip(PEOPLE, TOWNS, strict=True)):
        (folder / "docs" / f"p{n}.md").write_text(f"# {person}\n\nThe smith {person} was born in {town}.\n", "utf-8")
        (folder / "docs" / f"t{n}.md").write_text(f"# {town}\n\nThe popular hotel of {town} is Resort{n}.\n", "utf-8")
    cases = [
        {
            "question": question.format(person=person),
            "answers": [answer.format(person=person, town=town, n=n)],
            "gold_documents": [f"docs/{gold}{n}.md"],
        }
        for n, (person, town) in enumerate(zip(PEOPLE, TOWNS, strict=True))
    ]
    (folder / "cases.jsonl").write_text("".join(json.dumps(row) + "\n" for row in cases), encoding="utf-8")
    (folder / "rung.yaml").write_text(YAML, encoding="utf-8")
    return compare(load_project(folder))


@pytest.mark.slow
def test_scattered_facts_are_found_in_turns(tmp_path: Path) -> None:
    verdict = compared(tmp_path, "What popular hotel has the town of the smith {person}?", "Resort{n}", "t").verdict
    recall = {rung.name: rung.scores["recall@3"].mean for rung in verdict.rungs if not rung.reference}
    assert (recall["multi_hop"] or 0) > (recall["rag"] or 0) + 0.5


@pytest.mark.slow
def test_where_one_search_does_it_is_not_chosen_and_the_verdict_says_why(tmp_path: Path) -> None:
    verdict = compared(tmp_path, "Where was the smith {person} born?", "The smith {person} was born in {town}.", "p").verdict
    assert verdict.winner == "rag"
    assert verdict.why_not("multi_hop").startswith("not needed: rag is lower on the ladder")
