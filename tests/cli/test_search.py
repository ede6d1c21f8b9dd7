"""`rung search`, as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rung.cli.conditions import condition
from rung.errors import UserError
from tests.cli.conftest import Run

pytestmark = pytest.mark.slow

KEYS = ["document", "source", "page", "line", "start", "end", "score", "text"]


@pytest.fixture
def library(shop: Path) -> Path:
    """The shop with rows that have meta, ids with spaces, and one restricted document."""
    rows = [
        {"id": "guide 2023", "text": "The espresso machine is cleaned weekly.", "meta": {"year": 2023, "kind": "manual"}},
        {"id": "guide-2024", "text": "The espresso machine is cleaned daily.", "meta": {"year": 2024, "kind": "manual"}},
        {"id": "faq", "text": "Is the espresso machine cleaned?", "meta": {"year": 2024}, "groups": ["staff"]},
    ]
    (shop / "more.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    text = (shop / "rung.yaml").read_text(encoding="utf-8")
    (shop / "rung.yaml").write_text(text.replace('["docs/*.md"]', '["docs/*.md", more.jsonl]'), encoding="utf-8")
    return shop


def documents(said: dict[str, list[dict[str, str]]]) -> list[str]:
    return [passage["document"] for passage in said["passages"]]


def test_the_json_has_exactly_the_keys_that_were_promised(rung: Run, shop: Path) -> None:
    said = rung("search", shop, "What does express shipping cost?", "--top", "2", "--json").json
    assert list(said) == ["passages"]
    assert [list(passage) for passage in said["passages"]] == [KEYS, KEYS]
    best = said["passages"][0]
    assert (best["document"], best["source"], best["page"]) == ("docs/shipping.md", "docs/shipping.md", None)
    text = (shop / "docs/shipping.md").read_text(encoding="utf-8")
    assert text[best["start"] : best["end"]] == best["text"]


def test_without_a_folder_the_current_one_is_searched(rung: Run, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = rung("search", shop, "express", "--json").json
    for name in ("rung.yaml", "docs", "cases.jsonl"):
        (shop / name).rename(shop.parent / name)  # the command runs in the parent
    assert rung("search", "express", "--json").json == here


def test_a_query_that_is_missing_is_asked_for(rung: Run, shop: Path) -> None:
    assert "say it so: rung search [FOLDER] QUERY" in rung("search", shop, code=2).err
    assert "say it so: rung search [FOLDER] QUERY" in rung("search", code=2).err
    assert "rung.yaml" in rung("search", "express", code=2).err  # no project here


def test_the_asker_s_groups_hold(rung: Run, shop: Path) -> None:
    query = ("search", shop, "staff discount", "--json", "--top", "9")
    assert "docs/staff.md" in documents(rung(*query).json)
    assert "docs/staff.md" in documents(rung(*query, "--as", "staff,other").json)
    assert "docs/staff.md" not in documents(rung(*query, "--as", "customer").json)
    assert "docs/staff.md" not in documents(rung(*query, "--as", "").json)


def test_the_terminal_shows_the_place(rung: Run, shop: Path) -> None:
    said = rung("search", shop, "Who pays for the return parcel?").out
    assert said.startswith("1. docs/returns.md:")


def test_a_condition_narrows_the_search(rung: Run, library: Path) -> None:
    query = ("search", library, "espresso machine cleaned", "--json", "--top", "9")
    assert {"guide 2023", "guide-2024", "faq"} <= set(documents(rung(*query).json))
    assert set(documents(rung(*query, "--where", "year>=2024").json)) == {"guide-2024", "faq"}
    assert documents(rung(*query, "--where", "year>=2024", "--where", "kind=manual").json) == ["guide-2024"]
    assert documents(rung(*query, "--where", "year=2024", "--as", "").json) == ["guide-2024"]
    assert documents(rung(*query, "--where", "year=1999").json) == []


def test_explain_shows_both_rankings(rung: Run, library: Path) -> None:
    said = rung("search", library, "espresso machine cleaned", "--explain", "--json").json
    assert said["search"]["dense_weight"] == 0.5
    best = said["passages"][0]
    assert list(best) == [*KEYS, "dense", "bm25"]
    assert best["dense"]["rank"] >= 1
    assert best["bm25"]["score"] > 0
    shown = rung("search", library, "espresso machine cleaned", "--explain").out
    assert "dense_weight 0.5" in shown
    assert "BM25 no. 1 (" in shown


def test_rerank_needs_a_reranker_and_uses_it(rung: Run, library: Path) -> None:
    query = ("search", library, "is it cleaned daily", "--json", "--rerank")
    assert "rung.yaml" in rung(*query, code=2).err
    with (library / "rung.yaml").open("a", encoding="utf-8") as file:
        file.write("reranker: scripted\n")
    said = rung(*query).json
    assert documents(said)[0] == "guide-2024"
    assert said["passages"][0]["score"] == 1.0  # both words that say anything: the reranker's score, not the search's


def test_a_file_of_queries_becomes_a_trec_run(rung: Run, library: Path, tmp_path: Path) -> None:
    rows = [
        {"_id": "q1", "text": "express shipping cost"},
        {"_id": "q 2", "text": "espresso machine cleaned weekly"},
        {"_id": "q3", "text": ""},
    ]
    queries, run = tmp_path / "queries.jsonl", tmp_path / "run.txt"
    queries.write_text("".join(json.dumps(row) + "\n" for row in rows) + "no json\n", encoding="utf-8")
    said = rung("search", library, "--queries", queries, "--trec", run, "--top", "3", "--json").json
    assert (said["queries"], said["lines"], said["left_out"], said["renamed"]) == (2, 6, 2, 1)
    lines = [line.split() for line in run.read_text(encoding="utf-8").splitlines()]
    assert {len(line) for line in lines} == {6}
    assert [line[:2] for line in lines] == [["q1", "Q0"]] * 3 + [["q%202", "Q0"]] * 3
    assert [line[3] for line in lines] == ["1", "2", "3"] * 2
    assert lines[0][2] == "docs/shipping.md"
    assert lines[3][2] == "guide%202023"
    for query in ("q1", "q%202"):
        mine = [line for line in lines if line[0] == query]
        assert len({line[2] for line in mine}) == 3  # each document once
        scores = [float(line[4]) for line in mine]
        assert scores == sorted(scores, reverse=True)
        assert len(set(scores)) == 3


def test_a_run_is_not_written_over_what_is_there(rung: Run, shop: Path, tmp_path: Path) -> None:
    queries, run = tmp_path / "queries.jsonl", tmp_path / "run.txt"
    queries.write_text('{"_id": "q1", "text": "express shipping cost"}\n', encoding="utf-8")
    run.write_text("by hand", encoding="utf-8")
    words = ("search", shop, "--queries", queries, "--trec", run)
    assert "is there already, and nothing is overwritten" in rung(*words, code=2).err
    assert run.read_text(encoding="utf-8") == "by hand"
    assert not (shop / ".rung").exists(), "it is said before the documents are indexed"
    rung(*words, "--force")
    assert run.read_text(encoding="utf-8").startswith("q1 Q0 ")


def test_queries_and_trec_go_together(rung: Run, shop: Path) -> None:
    assert "--trec" in rung("search", shop, "--queries", "q.jsonl", code=2).err
    assert "no such file" in rung("search", shop, "--queries", "q.jsonl", "--trec", "run.txt", code=2).err


# --- conditions


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ([], ""),
        (["year>=2024"], '{"year":{"gte":2024}}'),
        (["year>=2020", "year<2024"], '{"year":{"gte":2020,"lt":2024}}'),
        (["kind = manual", "draft!=true"], '{"draft":{"ne":true},"kind":"manual"}'),
        (["kind in manual, faq"], '{"kind":{"in":["manual","faq"]}}'),
        (['version="3"'], '{"version":"3"}'),
        (["since>2024-05-01"], '{"since":{"gt":"2024-05-01"}}'),
        (["title=a=b"], '{"title":"a=b"}'),
    ],
)
def test_conditions(said: list[str], wanted: str) -> None:
    assert condition(said) == wanted


@pytest.mark.parametrize("said", [["year"], [">=3"], ["a=1", "a=2"], ["a>1", "a>2"], ["a=1", "a>0"], ["a>0", "a=1"]])
def test_what_is_no_condition(said: list[str]) -> None:
    with pytest.raises(UserError, match="--where"):
        condition(said)


def test_a_condition_on_a_key_that_no_document_has_says_so(rung: Run, shop: Path) -> None:
    (shop / "docs" / "dated.md").write_text("---\nyear: 2024\n---\nExpress shipping.\n", encoding="utf-8")
    near = rung("search", shop, "express", "--where", "yaer>=2024")
    assert "--where: no document has 'yaer', so nothing can meet the condition; did you mean 'year'?" in near.err
    assert "nothing was found: no passage meets the condition" in near.out
    kind = rung("search", shop, "express", "--where", "year>=abc")
    assert "--where: 'year' holds a number, and 'abc' is text: values compare only with their own kind" in kind.err
    far = rung("search", shop, "express", "--where", "colour=red", "--where", "year=2024", "--json")
    assert far.json == {"passages": []}
    assert "no document has 'colour'" in far.err
    assert "there are: document, source, title, year" in far.err
    assert "--where" not in rung("search", shop, "express", "--where", "year=1999").err
