"""`rung init --beir`, and what can be done with the project at once."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run

pytestmark = pytest.mark.slow

CORPUS = [
    {"_id": "d1", "title": "Violins", "text": "A violin has four strings and a bow.", "metadata": {"year": 1999}},
    {"_id": "d2", "title": "Refunds", "text": "Refunds are paid within thirty days."},
    {"_id": "d3", "title": "Only a title", "text": ""},
    {"_id": "d4", "title": "", "text": ""},
]
QUERIES = [{"_id": f"q{n}", "text": f"strings of the violin number {n}"} for n in range(40)]
HEAD = "query-id\tcorpus-id\tscore\n"


@pytest.fixture
def beir(tmp_path: Path) -> Path:
    folder = tmp_path / "data" / "tiny"
    (folder / "qrels").mkdir(parents=True)
    with gzip.open(folder / "corpus.jsonl.gz", "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in CORPUS)
    (folder / "queries.jsonl").write_text("".join(json.dumps(row) + "\n" for row in QUERIES), encoding="utf-8")
    judged = "".join(f"q{n}\td1\t1\n" for n in range(20, 40))
    (folder / "qrels" / "train.tsv").write_text(HEAD + judged, encoding="utf-8")
    graded = "q0\td2\t1\nq0\td1\t2\nq0\td3\t0\nq1\td9\t1\nq2\td1\t1\nq99\td1\t1\nbroken\n"
    (folder / "qrels" / "test.tsv").write_text(HEAD + graded, encoding="utf-8")
    return folder


def cases(project: Path, split: str) -> list[dict[str, object]]:
    text = (project / "cases" / f"{split}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def scripted(project: Path) -> None:
    with (project / "rung.yaml").open("a", encoding="utf-8") as file:
        file.write("model: scripted\nembedder: scripted\n")


def test_a_project_of_a_beir_folder(rung: Run, beir: Path, tmp_path: Path) -> None:
    done = rung("init", "--beir", beir)
    project = tmp_path / "tiny"
    rows = [json.loads(line) for line in (project / "documents.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["id"] for row in rows] == ["d1", "d2", "d3"]
    assert rows[0]["meta"] == {"year": 1999}
    assert rows[2]["text"] == "Only a title"
    test = cases(project, "test")
    assert [case["id"] for case in test] == ["q0", "q2"]
    assert test[0]["gold_documents"] == ["d1", "d2"]
    assert test[0]["meta"] == {"grades": {"d2": 1, "d1": 2}}
    train, dev = cases(project, "train"), cases(project, "dev")
    assert len(train) + len(dev) == 20
    assert 0 < len(dev) < 10
    assert {str(case["split"]) for case in dev} == {"dev"}
    assert "3 documents" in done.out
    assert "dev" in done.out
    for said in ("'d4' is empty", "no document 'd9'", "'q99'", "test.tsv:8"):
        assert said in done.err


def test_it_can_be_searched_at_once_and_the_weight_is_chosen(rung: Run, beir: Path, tmp_path: Path) -> None:
    project, run = tmp_path / "made", tmp_path / "run.txt"
    rung("init", project, "--beir", beir)
    scripted(project)
    assert rung("check", project, "--json").json["problems"] == []
    done = rung("search", project, "--queries", project / "queries.jsonl", "--trec", run)
    assert "40 queries" in done.out
    assert "chosen on 20 dev and train cases" in done.out
    best = [line.split()[2] for line in run.read_text(encoding="utf-8").splitlines() if line.split()[3] == "1"]
    assert best == ["d1"] * 40


def test_its_search_is_judged_and_nothing_else(rung: Run, beir: Path, tmp_path: Path) -> None:
    project = tmp_path / "made"
    rung("init", project, "--beir", beir)
    scripted(project)
    said = rung("compare", project, "--json", code=None).json
    scores = next(one for one in said["rungs"] if one["name"] == "rag")["scores"]
    assert scores["ndcg@10"]["n"] == 2
    assert scores["ndcg@10"]["mean"] > 0.9
    assert scores.get("correct", {"n": 0})["n"] == 0


def test_a_query_that_is_a_document_does_not_find_itself(rung: Run, beir: Path, tmp_path: Path) -> None:
    rows = [{"_id": f"a{n}", "title": "", "text": f"violin strings and a bow, number {n}"} for n in range(4)]
    with gzip.open(beir / "corpus.jsonl.gz", "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    queries = [{"_id": row["_id"], "text": row["text"]} for row in rows[:3]]
    (beir / "queries.jsonl").write_text("".join(json.dumps(row) + "\n" for row in queries), encoding="utf-8")
    (beir / "qrels" / "train.tsv").unlink()
    (beir / "qrels" / "test.tsv").write_text(HEAD + "a0\ta3\t1\na1\ta0\t2\n", encoding="utf-8")
    project, run = tmp_path / "made", tmp_path / "run.txt"
    assert "3 queries have a document's id" in rung("init", project, "--beir", beir).out
    scripted(project)
    asked = ("search", project, "--queries", project / "queries.jsonl", "--trec", run, "--top", "2", "--force")
    assert "3 queries found the document of their own id" in rung(*asked).out
    found = [line.split()[:3] for line in run.read_text(encoding="utf-8").splitlines()]
    assert all(query != document for query, _, document in found)
    assert [sum(query == f"a{n}" for query, _, _ in found) for n in range(3)] == [2, 2, 2]  # still as many as were asked for
    assert " ".join(rung("compare", project, code=None).out.split()).count("takes no rank") == 1
    settings = (project / "rung.yaml").read_text(encoding="utf-8")
    (project / "rung.yaml").write_text(settings.replace("ignore_identical_ids: true", "ignore_identical_ids: false"))
    assert "own id" not in rung(*asked).out  # elsewhere equal ids are chance
    first = [line.split() for line in run.read_text(encoding="utf-8").splitlines() if line.split()[3] == "1"]
    assert all(query == document for query, _, document, *_ in first)
    assert "takes no rank" not in " ".join(rung("compare", project, code=None).out.split())


def test_nothing_is_overwritten(rung: Run, beir: Path) -> None:
    rung("init", "made", "--beir", beir)
    assert "nothing is overwritten" in rung("init", "made", "--beir", beir, code=2).err


def test_in_the_folder_itself(rung: Run, beir: Path) -> None:
    before = (beir / "queries.jsonl").read_bytes()
    rung("init", beir, "--beir", beir)
    assert (beir / "queries.jsonl").read_bytes() == before
    assert (beir / "rung.yaml").is_file()


@pytest.mark.parametrize("missing", ["corpus.jsonl.gz", "queries.jsonl", "qrels/test.tsv"])
def test_what_is_no_beir_folder_is_said(rung: Run, beir: Path, missing: str) -> None:
    (beir / missing).unlink()
    (beir / "qrels" / "train.tsv").unlink()
    assert "BEIR folder" in rung("init", "made", "--beir", beir, code=2).err


def test_a_torn_archive_is_said(rung: Run, beir: Path) -> None:
    whole = (beir / "corpus.jsonl.gz").read_bytes()
    (beir / "corpus.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    assert "corpus.jsonl.gz" in rung("init", "made", "--beir", beir, code=2).err
    (beir / "corpus.jsonl.gz").write_bytes(whole)
    rung("init", "made", "--beir", beir)  # nothing half-made stands in the way
