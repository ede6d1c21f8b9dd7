"""What a comparison says of costs: what is unknown and why, what is an upper bound, and what is left out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rung.config.project import load_project
from rung.loop import compare
from rung.records import Json, Verdict
from rung.testing.server import FakeServer
from tests.pipeline.test_climbing import project

pytestmark = pytest.mark.slow

TOKENS = "prices: {prompt_usd_per_million: 2, completion_usd_per_million: 8}\n"
CACHED = "prices: {prompt_usd_per_million: 2, completion_usd_per_million: 8, cached_prompt_usd_per_million: 1}\n"


def compared(folder: Path, rungs: str, more: str = "") -> Verdict:
    """The verdict of a small project."""
    return compare(load_project(project(folder, rungs, more=more))).verdict


def costs(verdict: Verdict) -> dict[str, float | None]:
    """Of a thousand answers, by rung."""
    return {r.name: r.usd_per_1k for r in verdict.rungs if not r.reference}


def served(usage: dict[str, Json], folder: Path, more: str) -> Verdict:
    """The verdict on a server that counts so for each answer."""
    said: Json = {"choices": [{"message": {"role": "assistant", "content": "red"}, "finish_reason": "stop"}], "usage": usage}
    with FakeServer({"*": {"body": said}}) as server:
        folder = project(folder, "[prompt]", more=more)
        text = (folder / "rung.yaml").read_text(encoding="utf-8").replace("model: scripted", f'model: "{server.url}#m"')
        (folder / "rung.yaml").write_text(text, encoding="utf-8")
        return compare(load_project(folder)).verdict


def test_a_classifier_is_never_free_beside_token_prices(tmp_path: Path) -> None:
    verdict = compared(tmp_path / "a", "[prompt, classifier]", TOKENS)
    assert costs(verdict)["prompt"]
    assert costs(verdict)["classifier"] is None
    (said,) = (w for w in verdict.warnings if w.startswith("classifier: what an answer costs is unknown"))
    assert "prices.machine_usd_per_hour" in said
    hourly = compared(tmp_path / "b", "[prompt, classifier]", TOKENS.replace("}", ", machine_usd_per_hour: 3.6}"))
    (timed,) = (r.latency for r in hourly.rungs if r.name == "classifier")
    assert timed is not None
    paid = costs(hourly)["classifier"]
    assert paid is not None
    assert abs(paid - sum(timed.times) / len(timed.times) / 1000) < 1e-9
    assert not any("unknown" in w for w in hourly.warnings)


def test_the_machine_beside_a_priced_model_is_said_to_be_left_out_or_is_billed(tmp_path: Path) -> None:
    left_out = "searching, reranking and classifying on this machine"
    verdict = compared(tmp_path / "a", "[prompt, structured, classifier, router]", TOKENS)
    assert not any(left_out in w and "prompt" in w.partition(":")[0] for w in verdict.warnings)
    folder = project(tmp_path / "b", "[prompt, rag]", more=TOKENS + "knowledge: {sources: ['*.md']}\n")
    (folder / "things.md").write_text("Things are red or blue.", encoding="utf-8")
    searching = compare(load_project(folder)).verdict
    (said,) = (w for w in searching.warnings if left_out in w)
    assert said.startswith("rag:")


def test_without_a_question_about_money_an_unknown_cost_is_no_warning(tmp_path: Path) -> None:
    assert not any("cost" in w for w in compared(tmp_path, "[prompt, structured]").warnings)


def test_cached_tokens_without_a_price_make_an_upper_bound_and_that_is_said(tmp_path: Path) -> None:
    usage: dict[str, Json] = {
        "prompt_tokens": 1000,
        "completion_tokens": 10,
        "prompt_tokens_details": {"cached_tokens": 900},
    }
    full = served(usage, tmp_path / "full", TOKENS)
    assert abs((costs(full)["prompt"] or 0) - 2.08) < 1e-9
    (said,) = (w for w in full.warnings if "upper bounds" in w)
    assert said.startswith("90%")
    own = served(usage, tmp_path / "own", CACHED)
    assert abs((costs(own)["prompt"] or 0) - (0.2 + 0.9 + 0.08)) < 1e-9
    assert not any("upper bounds" in w for w in own.warnings)


def test_a_servers_unknown_price_and_unknown_parts_of_the_whole_are_a_sentence_each(tmp_path: Path) -> None:
    usage: dict[str, Json] = {"prompt_tokens": 1000, "completion_tokens": 10}
    unpriced = served(usage, tmp_path / "a", "")
    assert any(w.startswith("prompt: what an answer costs is unknown") for w in unpriced.warnings)
    asked = TOKENS + "traffic: {queries_per_month: 1000}\n"
    verdict = compared(tmp_path / "b", "[prompt, few_shot]", asked)
    (said,) = (w for w in verdict.warnings if w.startswith("The whole cost is unknown"))
    assert "examples of few_shot (prices.examples_hours and prices.labour_usd_per_hour)" in said


def test_a_price_of_tokens_that_the_server_did_not_count_is_said_to_be_an_estimate(tmp_path: Path) -> None:
    verdict = served({}, tmp_path / "a", TOKENS)
    assert costs(verdict)["prompt"]
    (said,) = (w for w in verdict.warnings if "counted no tokens" in w)
    assert said.startswith(
        "prompt: in 12 of 12 answers the server counted no tokens. Its price is of an estimate, four bytes"
    )
    (written,) = (tmp_path / "a/.rung/verdicts").glob("*/verdict.json")
    rows = {one["name"]: one for one in json.loads(written.read_text(encoding="utf-8"))["rungs"]}
    assert rows["prompt"]["tokens_estimated"] == 12
    counted = served({"prompt_tokens": 1000, "completion_tokens": 10}, tmp_path / "b", TOKENS)
    assert not any("counted no tokens" in w for w in counted.warnings)
    (written,) = (tmp_path / "b/.rung/verdicts").glob("*/verdict.json")
    assert "tokens_estimated" not in written.read_text(encoding="utf-8")


def test_what_is_wanting_for_reading_anew_is_what_was_not_set(tmp_path: Path) -> None:
    more = TOKENS + "knowledge: {sources: ['*.md'], changes: weekly}\ntraffic: {queries_per_month: 1000}\n"
    folder = project(tmp_path, "[prompt, rag]", more=more)
    (folder / "things.md").write_text("Things are red or blue.", encoding="utf-8")
    (said,) = (w for w in compare(load_project(folder)).verdict.warnings if w.startswith("The whole cost is unknown"))
    assert "re-indexing of rag (prices.machine_usd_per_hour)" in said
    assert "knowledge.changes" not in said
