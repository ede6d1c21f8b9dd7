"""`classifier` and `router` from outside: trained, compared, asked, and told apart from what does not apply."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from tests.cli.conftest import Run

pytestmark = pytest.mark.slow

VERBS, THINGS = ("cancel", "renew"), ("card", "loan", "order")
LABELS = [f"{verb} {thing}" for verb in VERBS for thing in THINGS]
YAML = """\
name: desk
task: Say the label.
behaviour: {{examples: examples.jsonl, labels: [{labels}]}}
cases: cases.jsonl
model: scripted
embedder: scripted
rungs: [structured, classifier, router]
bar: {{correct: 0.5}}
"""


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """Six labels told by two words. No example has "renew loan", so the classifier never says it; `structured`, which has
    the scripted model pick the label whose words are in the question, is always right, and costs tokens."""
    folder = tmp_path / "desk"
    folder.mkdir()
    tails = ("now", "today", "again", "soon", "please", "tomorrow", "at once", "right away", "quickly", "this week")
    rows = [(f"{verb} my {thing} {tail}", f"{verb} {thing}") for verb in VERBS for thing in THINGS for tail in tails]
    examples = [
        {"id": f"e{n}", "messages": [{"role": "user", "content": text}, {"role": "assistant", "content": label}]}
        for n, (text, label) in enumerate(rows)
        if label != "renew loan"
    ]
    asked = [
        (f"{who} {verb} the {thing}", f"{verb} {thing}") for who in "abcdefghijklmn" for verb in VERBS for thing in THINGS
    ]
    random.Random(1).shuffle(asked)
    cases = [
        {"id": f"c{n}", "question": text, "answers": [label], "split": "dev" if n % 2 else "test"}
        for n, (text, label) in enumerate(asked)
    ]
    for name, made in (("examples.jsonl", examples), ("cases.jsonl", cases)):
        (folder / name).write_text("\n".join(map(json.dumps, made)) + "\n", encoding="utf-8")
    (folder / "rung.yaml").write_text(YAML.format(labels=", ".join(LABELS)), encoding="utf-8")
    return folder


def test_labels_are_compared_and_routed_and_a_second_run_executes_nothing(rung: Run, desk: Path) -> None:
    said = rung("compare", desk, "--json", "--exhaustive").json
    rungs = {one["name"]: one for one in said["rungs"]}
    classifier, router = rungs["classifier"], rungs["router"]
    assert 0.7 < classifier["scores"]["correct"]["mean"] < 0.9
    assert classifier["scores"]["prompt_tokens"]["mean"] == 0
    assert classifier["settings"]["method"] == "auto"
    assert rungs["structured"]["scores"]["correct"]["mean"] == 1
    assert router["scores"]["correct"]["mean"] > classifier["scores"]["correct"]["mean"]
    assert router["scores"]["prompt_tokens"]["mean"] < 0.5 * rungs["structured"]["scores"]["prompt_tokens"]["mean"]
    assert set(router["settings"]["routed"]) == {"classifier", "structured"}
    assert sum(router["settings"]["routed"].values()) == pytest.approx(1, abs=0.01)
    again = rung("compare", desk, "--json", "--exhaustive").json
    assert again["steps"]["executed"] == 0
    assert {k: v for k, v in said.items() if k != "steps"} == {k: v for k, v in again.items() if k != "steps"}


def test_training_a_classifier_says_what_came_of_it_and_what_was_left_out(rung: Run, desk: Path) -> None:
    with (desk / "examples.jsonl").open("a", encoding="utf-8") as file:
        for n in range(2):
            turns = [{"role": "user", "content": f"sing {n}"}, {"role": "assistant", "content": "sing_song"}]
            file.write(json.dumps({"id": f"odd{n}", "messages": turns}) + "\n")
    ran = rung("train", "classifier", desk, "--json")
    told = ran.json
    assert (told["kind"], told["rung"], told["rows"]) == ("classifier", "classifier", 50)
    assert told["metrics"]["accuracy"] > 0.8
    assert told["metrics"]["rows"] == 50
    left_out, silent = told["notes"]
    assert left_out.startswith("2 rows are left out")
    assert "examples.jsonl:51: 'sing_song'" in left_out
    assert "1 of 6 labels have no example" in silent
    assert "renew loan" in silent
    manifest = json.loads((Path(told["folder"]) / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["kind"] == "classifier"
    assert manifest["base"]["name"] == "scripted"
    assert {"rows_digest", "recipe", "seconds", "created"} <= set(manifest)
    assert rung("train", "classifier", desk, "--json").json["artifact"] == told["artifact"]


def test_a_router_is_trained_over_the_other_rungs_and_answers(rung: Run, desk: Path) -> None:
    told = rung("train", "router", desk, "--json").json
    assert (told["kind"], told["rung"], told["rows"]) == ("router", "router", 42)
    metrics = told["metrics"]
    assert metrics["best"] == "structured"
    assert metrics["router"]["correct"] >= metrics["always"]["structured"]["correct"]
    assert metrics["router"]["cost"] < metrics["always"]["structured"]["cost"]
    asked = rung("ask", desk, "a cancel the card", "--rung", "router", "--json").json
    assert (asked["rung"], asked["answer"]) == ("router", "cancel card")
    assert asked["by"] in ("classifier", "structured")


def test_a_project_that_names_no_such_rung_is_told(rung: Run, desk: Path) -> None:
    text = (desk / "rung.yaml").read_text(encoding="utf-8")
    (desk / "rung.yaml").write_text(text.replace("[structured, classifier, router]", "[structured]"), "utf-8")
    assert "names no classifier" in rung("train", "classifier", desk, code=2).err


def test_where_one_rung_is_never_beaten_the_router_does_not_apply(rung: Run, desk: Path) -> None:
    text = (desk / "rung.yaml").read_text(encoding="utf-8")
    (desk / "rung.yaml").write_text(
        text.replace("[structured, classifier, router]", "[prompt, structured, router]"), "utf-8"
    )
    ran = rung("train", "router", desk, code=2)
    assert "nothing to route" in ran.err
    assert "42 cases" in ran.err


def test_a_dry_run_tells_each_kind_its_own(rung: Run, desk: Path) -> None:
    for kind, lessons in (("classifier", 50), ("router", 42)):
        foreseen = rung("train", kind, desk, "--dry-run", "--json").json
        assert (foreseen["kind"], foreseen["rung"], foreseen["lessons"]) == (kind, kind, lessons)
    assert "nothing would be trained" in rung("train", "generator", desk, "--dry-run").out


def test_without_labels_or_dev_cases_it_says_so(rung: Run, shop: Path) -> None:
    text = (shop / "rung.yaml").read_text(encoding="utf-8")
    (shop / "rung.yaml").write_text(text.replace("rungs: [", "rungs: [classifier, router, "), encoding="utf-8")
    none = rung("train", "classifier", shop, code=2)
    assert "no labels" in none.err
    assert "0 dev cases" in rung("train", "router", shop, code=2).err
    rungs = {one["name"]: one for one in rung("compare", shop, "--json").json["rungs"]}
    assert rungs["classifier"]["status"] == rungs["router"]["status"] == "not_applicable"


def test_new_rows_make_a_classifier_and_a_router_due(rung: Run, desk: Path) -> None:
    with (desk / "rung.yaml").open("a", encoding="utf-8") as file:
        file.write("retrain: {when: 2 new approved rows}\n")
    rung("compare", desk, "--json", "--exhaustive")
    assert "classifier is not due: 0 new approved rows" in rung("artifacts", "due", desk).out
    examples = [
        {"id": f"new{n}", "approved_by": who, "messages": [_turn("user", f"cancel it {n}"), _turn("assistant", label)]}
        for n, (who, label) in enumerate([("Ann", "cancel card"), ("Ann", "renew card"), ("", "renew card"), ("Ann", "odd")])
    ]
    for name, rows in (
        ("examples.jsonl", examples),
        ("cases.jsonl", [{"id": "new", "question": "d?", "answers": ["renew card"], "split": "dev"}]),
    ):
        with (desk / name).open("a", encoding="utf-8") as file:
            file.write("\n".join(map(json.dumps, rows)) + "\n")
    said = rung("artifacts", "due", desk).out
    assert "classifier is due: 2 new approved rows" in said
    assert "1 more wait for an approval" in said
    assert "router is not due: 1 new approved rows" in said


def _turn(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def test_what_a_check_promises_is_what_a_comparison_does(rung: Run, desk: Path) -> None:
    lines = [json.loads(line) for line in (desk / "cases.jsonl").read_text("utf-8").splitlines()]
    rows = [
        {**row, "split": "train", "as": ["staff"]} if n < 60 else {**row, "split": "test"} for n, row in enumerate(lines)
    ]
    (desk / "cases.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
    yaml = (desk / "rung.yaml").read_text("utf-8").replace("examples: examples.jsonl, ", "").replace(", router]", "]")
    (desk / "rung.yaml").write_text(yaml, encoding="utf-8")
    checked, foretold = rung("check", desk, "--json", code=None).json, rung("compare", desk, "--dry-run", "--json").json
    compared = rung("compare", desk, "--json", code=None).json
    whys = [{one["name"]: one["why"] for one in said["rungs"]} for said in (checked, foretold, compared)]
    assert whys[0]["classifier"] == whys[1]["classifier"] == whys[2]["classifier"] != ""
    assert sum("does not teach: its answer is for staff only" in one["message"] for one in checked["problems"]) == 60
