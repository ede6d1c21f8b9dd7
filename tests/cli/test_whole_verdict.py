"""What a verdict knows beyond the scores, from outside: corpus, looks and money."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Run

pytestmark = pytest.mark.slow

MONEY = "prices: {machine_usd_per_hour: 3600, labour_usd_per_hour: 50, documents_hours: 12, storage_usd_per_gb_month: 1}\n"


def add(folder: Path, text: str, *, old: str = "", new: str = "") -> None:
    """Change rung.yaml."""
    path = folder / "rung.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace(old, new) + text, encoding="utf-8")


def test_a_document_that_is_gone_or_unreadable_loses_its_cases_by_name(rung: Run, shop: Path) -> None:
    add(shop, "", old="rungs: [prompt, few_shot, structured, long_context, rag, tuned_model]", new="rungs: [prompt, rag]")
    (shop / "docs" / "shipping.md").unlink()
    (shop / "docs" / "returns.md").write_bytes(b"\x00\xff\xfe broken" * 40)
    said = rung("compare", shop, "--json", code=None)
    lost = {one["layer"]: one["cases"] for one in next(r for r in said.json["rungs"] if r["name"] == "rag")["losses"]}
    assert (lost["not in the corpus"], lost["not read"]) == (2, 2)
    assert said.json["cases"] == 7
    assert "is judged, but its document 'docs/shipping.md' is not there" in said.err


def test_looks_are_counted_by_what_is_new(rung: Run, shop: Path) -> None:
    add(shop, "", old="rungs: [prompt, few_shot, structured, long_context, rag, tuned_model]", new="rungs: [prompt]")
    assert [rung("compare", shop, "--json", code=None).json["looks"] for _ in range(2)] == [1, 1]
    add(shop, "", old="rungs: [prompt]", new="rungs: [prompt, {rag: {passages: 1}}]")
    assert rung("compare", shop, "--json", code=None).json["looks"] == 2
    assert "look 2 at these cases" in rung("report", shop, code=None).out


def test_the_bill_and_a_limit_on_it(rung: Run, shop: Path) -> None:
    add(shop, "", old="rungs: [prompt, few_shot, structured, long_context, rag, tuned_model]", new="rungs: [prompt, rag]")
    add(shop, MONEY + "traffic: {queries_per_month: 1000}\n", old='["docs/*.md"]', new='["docs/*.md"], changes: 2 per month')
    by_name = {one["name"]: one for one in rung("compare", shop, "--json").json["rungs"]}
    bill = by_name["rag"]["bill"]
    assert bill["documents"] == 600
    assert bill["re-indexing"] == pytest.approx(2 * bill["indexing"])
    assert bill["indexing"] > 0
    monthly = 1000 * bill["per_query"] + bill["re-indexing"] + bill["storage"] + (600 + bill["indexing"]) / 12
    assert bill["per_month"] == pytest.approx(monthly)
    assert by_name["prompt"]["bill"]["documents"] == by_name["prompt"]["bill"]["indexing"] == 0
    add(shop, "", old="leaks: 0}", new="leaks: 0, usd_per_month: 40}")
    limited = rung("compare", shop, "--json", code=None).json
    assert "usd_per_month" in next(one["why"] for one in limited["rungs"] if one["name"] == "rag")


def test_a_pace_that_is_none_is_named_with_its_line(rung: Run, shop: Path) -> None:
    text = (shop / "rung.yaml").read_text(encoding="utf-8")
    (shop / "rung.yaml").write_text(text.replace("knowledge: {", "knowledge: {changes: now and then, "), encoding="utf-8")
    said = rung("check", shop, code=None)
    assert said.code == 2
    assert "knowledge.changes: one of hourly, daily" in said.err
