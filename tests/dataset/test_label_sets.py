"""Labels that are written in several ways: read as one, and said with file and line."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

from rung.config.project import load_project
from rung.dataset.load import Dataset, load_dataset

HEAD = "task: Classify.\nmodel: scripted\nembedder: scripted\ncases: [cases.jsonl]\n"


def project(
    folder: Path, behaviour: str, *, labels: str = "", taught: tuple[str, ...] = (), cases: tuple[str, ...]
) -> Dataset:
    """The rows of a project with these labels, examples of these outputs and test cases with these answers."""
    example = [
        {"messages": [{"role": "user", "content": f"q{n}"}, {"role": "assistant", "content": t}]}
        for n, t in enumerate(taught)
    ]
    rows = [{"question": f"what is {n}", "answers": [text], "split": "test"} for n, text in enumerate(cases)]
    (folder / "cases.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (folder / "examples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in example), encoding="utf-8")
    (folder / "labels.txt").write_text(labels, encoding="utf-8")
    named = "  examples: [examples.jsonl]\n" if taught else ""
    (folder / "rung.yaml").write_text(f"{HEAD}behaviour:\n{named}{behaviour}", encoding="utf-8")
    return load_dataset(load_project(folder))


def test_two_labels_that_differ_in_writing_only_are_one(tmp_path: Path) -> None:
    rows = project(tmp_path, "  labels: labels.txt\n", labels='Refund\nDelivery\n"refund."\n', cases=("Refund",))
    assert rows.labels == ("Refund", "Delivery")
    assert [(p.path, p.line) for p in rows.problems] == [("labels.txt", 3)]
    listed = project(tmp_path, "  labels:\n    - Refund\n    - Delivery\n    - refund\n", cases=("Refund",))
    assert [(p.path, p.line) for p in listed.problems] == [("rung.yaml", 9)]


def test_of_labels_in_examples_the_commonest_way_of_writing_is_the_label(tmp_path: Path) -> None:
    rows = project(
        tmp_path,
        "  labels: from_examples\n",
        taught=("refund.", "Refund", "Refund", "Delivery"),
        cases=("delivery", "Refund"),
    )
    assert rows.labels == ("Delivery", "Refund")
    assert [example.output for example in rows.examples] == ["Refund", "Refund", "Refund", "Delivery"]
    assert [case.answers for case in rows.cases] == [("Delivery",), ("Refund",)]
    told = [(p.path, p.line) for p in rows.problems]
    assert ("examples.jsonl", 1) in told
    assert ("cases.jsonl", 1) in told


def test_how_letters_are_composed_is_nothing_to_mend(tmp_path: Path) -> None:
    apart = unicodedata.normalize("NFD", "España")
    rows = project(tmp_path, "  labels: [España, Perú]\n", taught=(apart, "Perú"), cases=(apart,))
    assert rows.labels == ("España", "Perú")
    assert rows.examples[0].output == "España"
    assert rows.cases[0].answers == ("España",)
    assert rows.problems == ()
