"""`rung decide` as a user runs it: any tool's scores, no project, the verdict that a comparison of these columns has."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run

pytestmark = pytest.mark.slow

CLEAR = "case,prompt,rag\n" + "".join(f"c{n},{n % 2},{int(n % 10 > 0)}\n" for n in range(60))


def test_a_table_of_scores_gets_a_verdict_and_nothing_is_written(rung: Run, tmp_path: Path) -> None:
    file = tmp_path / "scores.csv"
    file.write_text(CLEAR)
    ran = rung("decide", file, "--bar", "0.7")
    assert "Verdict: rag (clears the bar, probability more than 0.99)" in ran.out
    assert max(map(len, ran.out.splitlines())) <= 80
    assert [path.name for path in tmp_path.iterdir()] == ["scores.csv"]


def test_json_is_one_line(rung: Run, tmp_path: Path) -> None:
    file = tmp_path / "scores.csv"
    file.write_text(CLEAR)
    said = rung("decide", file, "--bar", "0.7", "--order", "rag,prompt", "--json").json
    assert (said["winner"], said["clears_bar"], said["reason_code"]) == ("rag", True, "clears")
    assert [r["name"] for r in said["rungs"]] == ["rag", "prompt"]
    assert set(said["rungs"][0]) >= {"name", "mean", "low", "high", "n", "probability_of_bar"}
    file.write_text(CLEAR.replace("prompt", '"a, b"'))
    assert [r["name"] for r in rung("decide", file, "--order", 'rag, "a, b"', "--json").json["rungs"]] == ["rag", "a, b"]
    assert [(d["a"], d["b"], d["n"]) for d in said["differences"]] == [("prompt", "rag", 60)]


def test_the_exit_code_says_how_it_ended(rung: Run, tmp_path: Path) -> None:
    file = tmp_path / "scores.csv"
    file.write_text(CLEAR)
    rung("decide", file, code=0)
    rung("decide", file, "--bar", "0.95", code=1)
    file.write_text("a,b\n0,0\n0,0\n")
    assert "single case right" in rung("decide", file, code=1).out
    assert "'z'" in rung("decide", file, "--order", "a,z", code=2).err
    assert "cannot be read" in rung("decide", tmp_path / "none.csv", code=2).err
    rung("decide", file, "--bar", "70", code=2)
    rung("decide", file, "--risk", "2", code=2)
    file.write_text("a,b\n1,0\n0,perhaps\n")
    assert f"{file}:3: 'perhaps' in column 'b'" in rung("decide", file, code=2).err


def test_several_files_are_a_system_each(rung: Run, tmp_path: Path) -> None:
    for name, right in (("small", 2), ("large", 10)):
        rows = "".join(f"q{n},text,{int(n % right > 0)}\n" for n in range(60))
        (tmp_path / f"{name}.csv").write_text(f"user_input,response,faithfulness\n{rows}")
    small, large = tmp_path / "small.csv", tmp_path / "large.csv"
    said = rung("decide", small, f"big={large}", "--score", "faithfulness", "--bar", "0.7", "--json").json
    assert [r["name"] for r in said["rungs"]] == ["small", "big"]
    assert said["winner"] == "big"


@pytest.mark.parametrize("bar", ["0.1", "0.6", "0.9"])
def test_the_verdict_is_that_of_a_comparison(rung: Run, shop: Path, tmp_path: Path, bar: str) -> None:
    yaml = (shop / "rung.yaml").read_text()
    kept_lines = [line for line in yaml.splitlines() if not line.startswith("bar:")]
    (shop / "rung.yaml").write_text("\n".join([*kept_lines, f"bar: {{correct: {bar}}}\n"]))
    compared = rung("compare", shop, "--exhaustive", "--json", code=None).json
    record = json.loads(next((shop / ".rung" / "verdicts").glob("*/record.json")).read_text())
    file = tmp_path / "exported.csv"
    with file.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["case", *record["rungs"]])
        columns = [kept["correct"] for kept in record["rungs"].values()]
        writer.writerows([case, *scores] for case, *scores in zip(record["cases"], *columns, strict=True))
    decided = rung("decide", file, "--bar", bar, "--json", code=None).json
    for key in ("winner", "probability", "clears_bar", "reason_code"):
        assert decided[key] == compared[key], key
    lines = {r["name"]: r for r in decided["rungs"]}
    for result in compared["rungs"]:
        if result["status"] == "measured":
            line, score = lines[result["name"]], result["scores"]["correct"]
            assert [line[key] for key in ("mean", "low", "high", "n")] == [
                score[key] for key in ("mean", "low", "high", "n")
            ]
            assert line["probability_of_bar"] == result["probability_of_bar"]
