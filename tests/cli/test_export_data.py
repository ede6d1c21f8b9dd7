"""`rung export` of cases, answers and examples: a compared shop in the forms of other tools, and back."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import ir_measures
import pytest
import yaml

from tests.cli.conftest import Run

pytestmark = pytest.mark.slow


@pytest.fixture
def compared(rung: Run, shop: Path) -> Path:
    """The shop with a verdict."""
    text = (shop / "rung.yaml").read_text(encoding="utf-8")
    (shop / "rung.yaml").write_text(text.replace("few_shot, structured, long_context, ", ""), encoding="utf-8")
    rung("compare", shop, code=None)
    return shop


def test_answers_of_a_verdict(rung: Run, compared: Path, tmp_path: Path) -> None:
    verdict = rung("report", compared, "--json", code=None).json
    scored = {one["name"]: one["scores"] for one in verdict["rungs"] if one["scores"]}

    rung("export", compared, "--to", "answers-csv", "-o", "a.csv")
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for name, scores in scored.items():
        mine = [row for row in rows if row["rung"] == name]
        assert sum(float(row["correct"]) for row in mine) / len(mine) == pytest.approx(scores["correct"]["mean"])
    asked = [json.loads(line)["question"] for line in (compared / "cases.jsonl").read_text().splitlines()]
    assert {row["question"] for row in rows} <= set(asked)

    run = rung("export", compared, "--to", "trec", "-o", "t")
    assert "t/runs/rag.txt" in run.out
    rankings = ir_measures.read_trec_run(str(tmp_path / "t/runs/rag.txt"))
    judged = ir_measures.read_trec_qrels(str(tmp_path / "t/qrels/test.txt"))
    ndcg = ir_measures.calc_aggregate([ir_measures.nDCG @ 10], judged, rankings)[ir_measures.nDCG @ 10]
    assert ndcg == pytest.approx(scored["rag"]["ndcg@10"]["mean"])

    rung("export", compared, "--to", "ragas", "--rung", "rag", "-o", "r.jsonl")
    samples: list[dict[str, Any]] = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert {sample["rung"] for sample in samples} == {"rag"}
    assert {"user_input", "response", "retrieved_contexts", "reference", "references", "groups"} <= {
        key for sample in samples for key in sample
    }
    assert samples[0]["references"] == ["thirty days"]

    rung("export", compared, "--to", "promptfoo", "--rung", "rag", "-o", "p.yaml")
    tests = yaml.safe_load((tmp_path / "p.yaml").read_text())["tests"]
    assert {test["description"]: test["providerOutput"] for test in tests} == {
        sample["case"]: sample["response"] for sample in samples
    }

    rung("export", compared, "--to", "junit", "-o", "j.xml")
    suites = ElementTree.parse(tmp_path / "j.xml").getroot()
    assert [suite.get("name") for suite in suites] == ["bar", "rungs"]


def test_an_asker_gets_what_they_may_read(rung: Run, compared: Path, tmp_path: Path) -> None:
    for form in ("answers-csv", "ragas", "trec", "promptfoo"):
        rung("export", compared, "--to", form, "--rung", "rag", "--as", "", "-o", f"all-{form}")
        files = [path for path in (tmp_path / f"all-{form}").rglob("*") if path.is_file()] or [tmp_path / f"all-{form}"]
        texts = [path.read_text(encoding="utf-8") for path in files if path.name not in ("queries.jsonl", "test.txt")]
        assert all("Staff buy" not in text and "docs/staff.md" not in text for text in texts if "runs" in str(files))
        assert all("forty percent discount" not in text for text in texts)
    run = rung("export", compared, "--to", "ragas", "--as", "", "-o", "r2", "--json").json
    assert "answers touch what these groups may not read" in run["notes"][0]


def test_cases_and_examples_and_back(rung: Run, shop: Path, tmp_path: Path) -> None:
    (shop / "rung.yaml").write_text(
        (shop / "rung.yaml").read_text().replace("cases: cases.jsonl", "cases: cases.jsonl\nbehaviour: {examples: e.jsonl}")
    )
    chats = [
        {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}], "source": "desk"},
        {"messages": [{"role": r, "content": "x"} for r in ("user", "user", "assistant")]},
    ]
    (shop / "e.jsonl").write_text("\n".join(map(json.dumps, chats)), encoding="utf-8")
    was = [json.loads(line) for line in (shop / "cases.jsonl").read_text().splitlines()]
    for form in ("promptfoo", "cases-csv"):
        rung("export", shop, "--to", form, "-o", f"{form}.out")
        rung("import", f"{form}.out", "-o", f"{form}.jsonl")
        rows = [json.loads(line) for line in (tmp_path / f"{form}.jsonl").read_text().splitlines()]
        for row in rows:
            row.pop("meta")
        assert rows == [{k: v for k, v in row.items() if k != "answerable" or not v} for row in was]
    done = rung("export", shop, "--to", "sharegpt", "-o", "s.jsonl", "--json", "--strict", code=2).json
    assert (done["written"], [one["line"] for one in done["left_out"]]) == ({"s.jsonl": 1}, [2])
    for form in ("openai", "mistral", "gemini"):
        note = rung("export", shop, "--to", form, "-o", f"{form}.jsonl").out
        assert "no place for where examples come from" in note
        assert rung("import", f"{form}.jsonl", "-o", f"back-{form}.jsonl", "--json").json["files"][0]["taken"] == 2


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--to", "ragas", "--rung", "rag"), "there is no verdict yet"),
        (("--to", "ragas", "--as", "staff"), "there is no verdict yet"),
        (("--to", "promptfoo", "--rung", "rag"), "there is no verdict yet"),
        (("--to", "openai"), "nothing that could be written as openai"),
        (("--to", "openai", "--as", "staff"), "--as says nothing about --to openai"),
        (("--to", "cases-csv", "--check"), "--check says nothing about --to cases-csv"),
        (("--to", "excel"), "is not one of"),
    ],
)
def test_what_cannot_be_exported(rung: Run, shop: Path, words: tuple[str, ...], why: str, tmp_path: Path) -> None:
    assert why in rung("export", shop, *words, "-o", "x", code=2).err
    assert not (tmp_path / "x").exists()


def test_nothing_is_overwritten_and_a_rung_has_to_be_there(rung: Run, compared: Path, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("mine")
    assert "is there already" in rung("export", compared, "--to", "cases-csv", "-o", "x", code=2).err
    assert (tmp_path / "x").read_text() == "mine"
    rung("export", compared, "--to", "cases-csv", "-o", "x", "--force")
    assert "'nope' answered nothing in this verdict; there are: " in (
        rung("export", compared, "--to", "ragas", "--rung", "nope", "-o", "y", code=2).err
    )
    assert "is no verdict" in rung("export", compared, "--to", "ragas", "--verdict", "77", "-o", "y", code=2).err
