"""`rung compare` from outside: the verdict, the JSON contract, replay, bad input."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from tests.cli.conftest import Run

pytestmark = pytest.mark.slow

KEYS = {
    "winner",
    "clears_bar",
    "reason",
    "gaps",
    "rungs",
    "steps",
    "cases",
    "knowledge_version",
    "risk",
    "probability",
    "reason_code",
    "few_documents",
}
KEYS |= {"clusters", "looks", "front", "front_by", "flips", "coverage", "cases_named"}
RUNG_KEYS = {
    "name",
    "settings",
    "status",
    "why",
    "scores",
    "usd_per_1k",
    "latency_ms",
    "build_seconds",
    "answer_seconds",
    "answered",
    "stopped",
}


def edit(folder: Path, old: str, new: str) -> None:
    path = folder / "rung.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_json_keeps_its_contract(rung: Run, shop: Path) -> None:
    said = rung("compare", shop, "--json").json
    assert set(said) == KEYS
    assert said["cases"] == 7
    assert set(said["gaps"]) == {"knowledge", "retrieval", "behaviour"}
    rungs = {r["name"]: r for r in said["rungs"]}
    assert list(rungs) == ["prompt", "few_shot", "structured", "long_context", "rag", "tuned_model", "closed_book", "oracle"]
    for one in rungs.values():
        assert set(one) >= RUNG_KEYS
        assert set(one["latency_ms"]) == {"p50", "p95"}
        for score in one["scores"].values():
            assert set(score) == {"mean", "low", "high", "n"}
            assert score["mean"] is None or math.isfinite(score["mean"])
    assert rungs["structured"]["status"] == "not_applicable"
    assert "no schema" in rungs["structured"]["why"]
    assert rungs["tuned_model"]["status"] == "not_applicable"
    assert rungs["rag"]["status"] == "measured"
    assert rungs["rag"]["scores"]["recall@5"]["mean"] == 1.0
    assert rungs["rag"]["scores"]["correct"]["n"] == 7
    assert rungs["rag"]["latency_ms"]["p50"] > 0
    assert rungs["rag"]["usd_per_1k"] == 0  # a scripted model charges nothing, and says so
    assert said["winner"] in rungs


def test_no_rung_reads_what_its_asker_may_not(rung: Run, shop: Path) -> None:
    said = rung("compare", shop, "--json").json
    for one in said["rungs"]:
        if "leaks" in one["scores"] and one["scores"]["leaks"]["n"]:
            assert one["scores"]["leaks"]["mean"] == 0, one["name"]


def test_a_second_run_executes_nothing_and_says_the_same(rung: Run, shop: Path) -> None:
    first, second = rung("compare", shop, "--json").json, rung("compare", shop, "--json").json
    assert first["steps"]["executed"] > 0
    assert second["steps"]["executed"] == 0
    assert second["steps"]["replayed"] == first["steps"]["executed"] + first["steps"]["replayed"]
    assert {k: v for k, v in first.items() if k != "steps"} == {k: v for k, v in second.items() if k != "steps"}


def test_adding_a_rung_replays_the_others(rung: Run, shop: Path) -> None:
    edit(shop, "rungs: [prompt, few_shot, structured, long_context, rag, tuned_model]", "rungs: [prompt]")
    rung("compare", shop, "--json", code=1)  # seven cases do not show that prompt clears its bar
    edit(shop, "rungs: [prompt]", "rungs: [prompt, {rag: {passages: [1, 2]}}]")
    said = rung("compare", shop, "--json", code=1).json
    assert [r["name"] for r in said["rungs"]][:3] == ["prompt", "rag[passages=1]", "rag[passages=2]"]
    assert said["rungs"][1]["settings"]["passages"] == 1
    assert said["steps"]["replayed"] >= 7 + 7  # the prompt's answers, and one of the two rags' searches


def test_the_table_fits_a_terminal_and_the_page_is_written(rung: Run, shop: Path) -> None:
    ran = rung("compare", shop)
    lines = ran.out.splitlines()
    assert all(len(line) <= 80 for line in lines if not line.startswith("report: "))
    assert any("rag" in line for line in lines)
    page = (shop / "report.html").read_text(encoding="utf-8")
    assert "thirty days" in page
    again = rung("report", shop, "--out", shop / "again.html")
    assert again.out.splitlines()[:-1] == lines[:-1]
    assert (shop / "again.html").read_text(encoding="utf-8") == page
    assert rung("report", shop, "--json").json["cases"] == 7


def test_the_bar_decides_the_exit_code(rung: Run, shop: Path) -> None:
    edit(shop, "correct: 0.2", "correct: 1.0")
    said = rung("compare", shop, "--json", code=1).json
    assert said["clears_bar"] is False


def test_limit_takes_the_same_cases_each_time(rung: Run, shop: Path) -> None:
    assert rung("compare", shop, "--limit", "3", "--json", code=None).json["cases"] == 3
    assert rung("compare", shop, "--limit", "3", "--json", code=None).json["steps"]["executed"] == 0


def test_dry_run_does_nothing(rung: Run, shop: Path) -> None:
    ran = rung("compare", shop, "--dry-run")
    assert "rag" in ran.out
    assert "not applicable" in ran.out
    assert not (shop / ".rung").exists()
    assert rung("compare", shop, "--dry-run", "--json").json["cases"] == 7


def test_what_was_left_out_is_said_and_strict_makes_it_an_error(rung: Run, shop: Path) -> None:
    with (shop / "cases.jsonl").open("a", encoding="utf-8") as file:
        file.write('{broken\n{"question": "Gone?", "answers": ["x"], "gold_documents": ["docs/gone.md"]}\n')
    ran = rung("compare", shop, "--json")
    assert "cases.jsonl:9: is no JSON" in ran.err
    assert "cases.jsonl:10: case" in ran.err
    assert ran.json["cases"] == 8  # people ask it all the same: lost as "not in the corpus"
    rung("compare", shop, "--strict", code=2)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("rag,", "rags,", "rung.yaml:7: unknown rung 'rags'; did you mean 'rag'"),
        ("rag,", "{rag: {passage: 3}},", "rung.yaml:7: rag: unknown setting 'passage'; did you mean 'passages'"),
        ("rag,", "rag, rag,", "rung.yaml:7: rung 'rag' stands twice"),
        ("name: shop", "nme: shop", "rung.yaml:1: unknown key 'nme'"),
        ("leaks: 0", "recal@5: 0", "rung.yaml:8: bar: nothing measures 'recal@5'; did you mean 'recall@5'"),
        ("model: scripted", "model: gpt-99", "rung.yaml:5: "),
        ("embedder: scripted", "embedder: nothing", "rung.yaml:6: "),
        ("cases: cases.jsonl", "cases: none.jsonl", "rung.yaml:4: 'none.jsonl' matches no file"),
        ("cases: cases.jsonl\n", "", "nothing can be judged without a test set"),
        ('"docs/*.md"', '"documents/*.md"', "rung.yaml:3: "),
        ("task: Answer the customer.", "behaviour: {schema: none.json}", "none.json"),
    ],
)
def test_bad_input_is_a_sentence_with_file_and_line(rung: Run, shop: Path, old: str, new: str, said: str) -> None:
    edit(shop, old, new)
    ran = rung("compare", shop, code=2)
    assert said in ran.err
    assert ran.out == ""


def test_no_project(rung: Run, tmp_path: Path) -> None:
    assert "rung init" in rung("compare", tmp_path / "nowhere", code=2).err
    assert "make one with: rung compare" in rung("report", rung_init(rung, tmp_path), code=2).err


def rung_init(rung: Run, folder: Path) -> Path:
    rung("init", folder / "fresh")
    return folder / "fresh"


def test_documents_that_are_all_empty(rung: Run, shop: Path) -> None:
    for path in (shop / "docs").iterdir():
        path.write_text("", encoding="utf-8")
    assert "no document could be read" in rung("compare", shop, code=2).err


def test_a_project_without_documents(rung: Run, shop: Path) -> None:
    edit(shop, 'knowledge: {sources: ["docs/*.md"]}\n', "")
    said = rung("compare", shop, "--json", code=None).json
    status = {r["name"]: r["status"] for r in said["rungs"]}
    assert status["rag"] == status["long_context"] == status["oracle"] == "not_applicable"
    assert said["gaps"]["knowledge"] == {"mean": None, "low": None, "high": None, "n": 0}
    assert said["gaps"]["behaviour"]["mean"] is None  # of seven cases no gap is stated


def test_init_makes_a_project_that_runs(rung: Run, tmp_path: Path) -> None:
    folder = rung_init(rung, tmp_path)
    text = (folder / "rung.yaml").read_text(encoding="utf-8")
    (folder / "rung.yaml").write_text(
        text.replace("smollm2-135m-instruct", "scripted\nembedder: scripted"), encoding="utf-8"
    )
    assert rung("check", folder).out.splitlines()[-1] == "nothing is wrong"
    assert rung("compare", folder, "--json", code=None).json["cases"] == 5
    assert "nothing is overwritten" in rung("init", folder, code=2).err


def test_check_lists_everything_and_writes_nothing(rung: Run, shop: Path) -> None:
    with (shop / "cases.jsonl").open("a", encoding="utf-8") as file:
        file.write("{broken\n")
    ran = rung("check", shop)
    assert "cases.jsonl:9: is no JSON" in ran.out
    assert "3 documents" in ran.out
    assert not (shop / ".rung").exists()
    rung("check", shop, "--strict", code=2)
    assert len(rung("check", shop, "--json").json["problems"]) == 1


def test_sync_and_search(rung: Run, shop: Path) -> None:
    assert rung("sync", shop, "--json").json["added"] == 3
    assert rung("sync", shop, "--json").json["unchanged"] == 3
    (shop / "docs" / "returns.md").unlink()
    (shop / "docs" / "new.md").write_text("# Gifts\n\nGift wrapping is free.\n", encoding="utf-8")
    assert rung("sync", shop, "--json", "--dry-run").json["added"] == 1
    counts = rung("sync", shop, "--json").json
    assert (counts["added"], counts["removed"], counts["unchanged"]) == (1, 1, 2)
    found = rung("search", shop, "gift wrapping", "--top", "1", "--json").json["passages"]
    assert [p["document"] for p in found] == ["docs/new.md"]
    text = (shop / "docs" / "new.md").read_text(encoding="utf-8")
    assert found[0]["text"] in text


def test_search_shows_only_what_the_asker_may_read(rung: Run, shop: Path) -> None:
    def documents(*words: str) -> set[str]:
        return {p["document"] for p in rung("search", shop, "discount for staff", "--json", *words).json["passages"]}

    assert "docs/staff.md" in documents()
    assert "docs/staff.md" in documents("--as", "staff,other")
    assert "docs/staff.md" not in documents("--as", "customer")
    assert "docs/staff.md" not in documents("--as", "")


def test_ask_streams_and_cites(rung: Run, shop: Path) -> None:
    ran = rung("ask", shop, "What does express shipping cost?", "--rung", "rag")
    assert "nine euros" in ran.out
    assert "docs/shipping.md:" in ran.out
    said = rung("ask", shop, "What does express shipping cost?", "--rung", "rag", "--json").json
    assert said["citations"][0]["document"] == "docs/shipping.md"
    assert "there is no verdict yet" in rung("ask", shop, "Hm?", code=2).err
    rung("compare", shop)
    rung("ask", shop, "What does express shipping cost?")


def test_train_says_what_cannot_be_trained(rung: Run, shop: Path) -> None:
    assert "nothing to train" in rung("train", "generator", shop, code=2).err


def test_usage_errors_exit_with_2(rung: Run, shop: Path) -> None:
    assert "--no-such-option" in rung("compare", shop, "--no-such-option", code=2).err
    rung("no-such-verb", code=2)
    rung("compare", code=2)


def test_version_and_help(rung: Run) -> None:
    assert rung("--version").out.startswith("rung 0.")
    for verb in ("init", "check", "sync", "search", "ask", "train", "compare", "report", "doctor"):
        assert verb in rung("--help").out
        assert rung(verb, "--help").out


def test_labels(rung: Run, shop: Path) -> None:
    edit(shop, 'knowledge: {sources: ["docs/*.md"]}\n', "behaviour: {labels: [refund, shipping]}\n")
    rows = [{"id": str(n), "question": f"Where is parcel {n}?", "answers": ["shipping"], "split": "test"} for n in range(4)]
    (shop / "cases.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    said = rung("compare", shop, "--json", code=None).json
    structured = next(r for r in said["rungs"] if r["name"] == "structured")
    assert structured["status"] == "measured"
    assert structured["scores"]["format"]["mean"] == 1.0
    assert "label_accuracy" in structured["scores"]


def test_every_form_of_the_report_and_the_gate(rung: Run, shop: Path) -> None:
    rung("compare", shop)
    assert rung("report", shop, "--format", "md").out.startswith("# shop: use ")
    assert rung("report", shop, "--format", "junit").out.startswith("<?xml")
    rung("report", shop, "--format", "ragas", "-o", shop / "rows.jsonl")
    again = ("report", shop, "--format", "md", "-o", shop / "rows.jsonl")
    assert "is there already, and nothing is overwritten" in rung(*again, code=2).err
    rows = [json.loads(line) for line in (shop / "rows.jsonl").read_text(encoding="utf-8").splitlines()]
    assert {row["rung"] for row in rows} >= {"prompt", "rag", "oracle"}
    edit(shop, "rungs: [prompt, few_shot, structured, long_context, rag, tuned_model]", "rungs: [prompt, rag]")
    rung("compare", shop, "--baseline", "1")
    told = rung("report", shop, "--compare", "1", "2", "--gate", "--json").json
    assert told["cases"] == 7
    assert {r["name"]: r["how"] for r in told["rungs"]}["long_context"] == "only in the first"
    assert "choice: " in rung("report", shop, "--compare", "1", "latest").out
    assert "is no verdict of" in rung("report", shop, "--compare", "1", "9", code=2).err
    edit(shop, "correct: 0.2", "correct: 1.0")
    rung("compare", shop, code=1)
    rung("report", shop, "--compare", "1", "3", "--gate", code=1)


def test_restricted_text_in_the_report_is_announced_and_left_out(rung: Run, shop: Path) -> None:
    told = rung("compare", shop, code=None)
    assert "report.html shows text that is only for staff" in told.err
    page = (shop / "report.html").read_text(encoding="utf-8")
    assert "Staff buy everything at forty percent discount." in page
    for name in ("page.html", "answers.jsonl"):
        rung("report", shop, "--as", "", "-o", shop / name, code=None)
        assert "forty percent discount" not in (shop / name).read_text(encoding="utf-8")
        assert "thirty days" in (shop / name).read_text(encoding="utf-8")
    rung("report", shop, "--as", "staff", "-o", shop / "staff.html", code=None)
    assert "forty percent discount" in (shop / "staff.html").read_text(encoding="utf-8")
    assert "name its file with -o" in rung("report", shop, "--as", "", code=2).err


def test_a_report_has_a_form_that_its_ending_names(rung: Run, shop: Path) -> None:
    rung("compare", shop, code=None)
    for name in ("x.pdf", "x.docx"):
        assert "no report is made as" in rung("report", shop, "-o", shop / name, code=2).err
        assert not (shop / name).exists()
    rung("report", shop, "--format", "table", "-o", shop / "x.table", code=None)
    assert "prompt" in (shop / "x.table").read_text("utf-8")
    for name in ("x", "x.html", "x.HTM", "x.md", "x.json", "x.xml", "x.jsonl", "x.txt"):
        rung("report", shop, "-o", shop / name, code=None)
        assert (shop / name).stat().st_size


def test_ask_says_when_an_answer_was_cut_or_is_not_what_is_allowed(rung: Run, shop: Path) -> None:
    edit(
        shop,
        "rungs: [prompt, few_shot, structured, long_context, rag, tuned_model]",
        "rungs: [{rag: {max_tokens: 2}}, prompt]",
    )
    question = "What does express shipping cost?"
    cut = rung("ask", shop, question, "--rung", "rag")
    assert "! the answer was cut at its token limit: give the rung a larger 'max_tokens'" in cut.err
    assert rung("ask", shop, question, "--rung", "rag", "--json").json["truncated"] is True
    with (shop / "rung.yaml").open("a", encoding="utf-8") as file:
        file.write("behaviour: {labels: [cheap, dear]}\n")
    edit(shop, "{rag: {max_tokens: 2}}", "rag")
    (shop / "cases.jsonl").write_text('{"question": "x?", "answers": ["cheap"], "split": "test"}\n', encoding="utf-8")
    said = rung("ask", shop, question, "--rung", "rag", "--json")
    assert "the answer is none of the labels" in said.err or said.json["answer"] in ("cheap", "dear")
    (shop / "s.json").write_text('{"type": "object", "required": ["price"]}', encoding="utf-8")
    edit(shop, "labels: [cheap, dear]", "schema: s.json")
    (shop / "cases.jsonl").write_text('{"question": "x?", "answers": [{"price": 9}], "split": "test"}\n', encoding="utf-8")
    said = rung("ask", shop, question, "--rung", "prompt", "--json")
    assert said.json["doubts"][0].startswith("the answer is not valid under the schema: ")
    assert "the answer is not valid under the schema" in said.err


def test_rows_that_would_teach_a_test_case_are_counted_in_the_verdict(rung: Run, shop: Path) -> None:
    first = json.loads((shop / "cases.jsonl").read_text(encoding="utf-8").splitlines()[0])
    with (shop / "cases.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps({**first, "id": "again", "split": "train"}) + "\n")
    said = " ".join(rung("compare", shop, code=None).out.split())
    assert "(rung check lists them); left out, since they would teach a case that judges: 1 row" in said
