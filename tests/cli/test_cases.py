"""`rung cases suggest`, and the documents cut in several ways, from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run

pytestmark = pytest.mark.slow


def test_suggest_drafts_and_check_lists_them(shop: Path, rung: Run) -> None:
    (shop / "docs" / "contact.md").write_text("# Contact\n\nThe return address is Main Street 5.\n")
    said = rung("cases", "suggest", shop, "--each", "2", "--json").json
    assert said["drafts"]["answerable"] + said["drafts"]["stale"] > 0
    assert said["drafts"]["forbidden"] == 1
    rows = [json.loads(line) for line in (shop / "cases.drafts.jsonl").read_text().splitlines()]
    assert len(rows) == sum(said["drafts"].values())
    assert {row["approved_by"] for row in rows} == {""}
    (shop / "rung.yaml").write_text(
        (shop / "rung.yaml").read_text().replace("cases: cases.jsonl", "cases: [cases.jsonl, cases.drafts.jsonl]")
    )
    signed = (shop / "cases.drafts.jsonl").read_text().replace('"approved_by": ""', '"approved_by": "Ada"', 1)
    (shop / "cases.drafts.jsonl").write_text(signed)
    listed = rung("check", shop).out
    assert "cases.drafts.jsonl:2: is a draft by rules" in listed
    assert "nothing was drafted" in rung("cases", "suggest", shop, "--each", "1").out
    assert (shop / "cases.drafts.jsonl").read_text().startswith(signed), "what stood there is kept"


def test_suggest_says_what_is_wrong(shop: Path, rung: Run) -> None:
    assert "rung:" in rung("cases", "suggest", shop, "--output", "docs", code=2).err
    (shop / "rung.yaml").write_text("model: scripted\n")
    assert "rung:" in rung("cases", "suggest", shop, code=2).err


def test_a_list_sweeps_the_ways_of_cutting(shop: Path, rung: Run) -> None:
    yaml = (shop / "rung.yaml").read_text()
    swept = yaml.replace(
        "rungs: [prompt, few_shot, structured, long_context, rag, tuned_model]", "rungs: [{rag: {chunk_tokens: [16, 64]}}]"
    )
    (shop / "rung.yaml").write_text(swept)
    found = {line["name"]: line for line in rung("compare", shop, "--json", code=None).json["rungs"]}
    assert {"rag[chunk_tokens=16]", "rag[chunk_tokens=64]"} <= set(found)
    assert len(list((shop / ".rung" / "cuttings").iterdir())) == 2
    (shop / "docs" / "shipping.md").unlink()
    rung("sync", shop)
    assert not (shop / ".rung" / "cuttings").exists()  # nothing of a deleted document is left in them


def test_a_list_for_the_project_says_where_it_belongs(shop: Path, rung: Run) -> None:
    yaml = (shop / "rung.yaml").read_text()
    (shop / "rung.yaml").write_text(yaml.replace("{sources:", "{chunk_tokens: [80, 160], sources:"))
    assert "rag: {chunk_tokens: [80, 160]}" in rung("check", shop, code=2).err


def test_a_wrong_way_of_cutting_is_found_before_any_work(shop: Path, rung: Run) -> None:
    yaml = (shop / "rung.yaml").read_text()
    (shop / "rung.yaml").write_text(yaml.replace("rag, tuned_model]", "{rag: {chunk_overlap: 9}}]"))
    assert "chunk_tokens" in rung("compare", shop, code=2).err


def test_sample_draws_from_a_log_and_a_server_without_traces_has_none(shop: Path, rung: Run) -> None:
    asked = ["What does express shipping cost?"] * 6 + [f"Do you ship to place {n}?" for n in range(6)]
    rows = [{"messages": [{"role": "user", "content": question}]} for question in asked]
    (shop / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows) + "no json\n")
    at = ("cases", "sample", "-C", shop, shop / "log.jsonl", "--count", "6")
    dry = rung(*at, "--dry-run").out
    assert "12 questions: 7 different" in dry
    assert not (shop / "traffic.drafts.jsonl").exists()
    said = rung(*at, "--json").json
    assert (said["questions"], said["draws"], len(said["left_out"])) == (12, 6, 1)
    drawn = [json.loads(line) for line in (shop / "traffic.drafts.jsonl").read_text().splitlines()]
    assert sum(row.get("weight", 1) for row in drawn) == 6
    assert {row["weight"] for row in drawn if "express" in row["question"]} == {3}
    assert "name another file with --output" in rung(*at, code=2).err
    assert "name a log" in rung("cases", "sample", "-C", shop, code=2).err
    assert "there is no question" in rung("cases", "sample", "-C", shop, "--traces", "-o", "t.jsonl", code=2).err


def test_the_share_of_questions_without_an_answer_is_asked_for(shop: Path, rung: Run) -> None:
    for n, name in enumerate(("Oslo", "Bergen", "Narvik", "Moss")):
        text = f"The Treaty of {name} ended the war. Few read the Treaty of {name}. {name} Tower was opened in 190{n}.\n"
        (shop / "docs" / f"{name}.md").write_text(text)
    said = rung("cases", "suggest", shop, "--each", "6", "--unanswerable", "0.5", "--json").json
    assert said["searched"] is True
    answered = sum(said["drafts"].values()) - said["drafts"]["unanswerable"] - said["drafts"]["forbidden"]
    assert said["drafts"]["unanswerable"] == answered > 0
    assert "less than or equal to 0.9" in rung("cases", "suggest", shop, "--unanswerable", "1", code=2).err
