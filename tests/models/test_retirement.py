"""When models end: as servers say, else by the dated table."""

from __future__ import annotations

import json
from datetime import date
from importlib.resources import files

import pytest

from rung.models.retirement import ending, sentence
from rung.models.vendors import VENDORS

ROWS = json.loads((files("rung.models") / "retirement.json").read_text(encoding="utf-8"))


@pytest.fixture(autouse=True)
def vendors_own(monkeypatch: pytest.MonkeyPatch) -> None:
    for vendor in VENDORS.values():
        monkeypatch.delenv(vendor.url_variable, raising=False)


def test_every_row_has_a_vendor_a_day_and_a_source() -> None:
    for row in ROWS:
        assert row["vendor"] in VENDORS
        assert row["source"].startswith("https://")
        assert date.fromisoformat(row["read"]) >= date(2026, 11, 29)
        assert date.fromisoformat(row["ends"])
    names = [(row["vendor"], model) for row in ROWS for model in row["models"]]
    assert len(names) == len(set(names))


def test_what_the_server_says_comes_before_the_table() -> None:
    listed, server = ending("openai:gpt-4.1", {}), ending("openai:gpt-4.1", {"ends": "2030-01-02", "instead": "x"})
    assert listed is not None
    assert listed.day == date(2027, 1, 14)
    assert server is not None
    assert (server.day, server.instead) == (date(2030, 1, 2), "x")


def test_a_tuned_model_ends_with_what_it_was_tuned_from() -> None:
    tuned = ending("openai:ft:gpt-4.1-2025-04-14:team::abc", {})
    assert tuned is not None
    assert tuned.day == date(2027, 1, 14)


def test_of_a_server_of_ones_own_nobody_says_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ending("http://gpu:8000/v1#gpt-4.1", {}) is None
    assert ending("smollm2-135m-instruct", {}) is None
    assert ending("openai:gpt-99", {}) is None
    monkeypatch.setenv("OPENAI_BASE_URL", "http://gpu:8000/v1")
    assert ending("openai:gpt-4.1", {}) is None, "what is behind a proxy is the proxy's"


def test_the_sentence_says_when_by_whom_and_what_instead() -> None:
    ends = ending("openai:gpt-4.1", {})
    assert ends is not None
    text = sentence("openai:gpt-4.1", ends, today=date(2026, 12, 1))
    assert text.startswith("openai:gpt-4.1 ends on 2027-01-14 (https://")
    assert text.endswith("its vendor names gpt-6-luna for then.")
    late = sentence("openai:gpt-4.1", ends, today=date(2027, 2, 1))
    assert "was to end on 2027-01-14" in late
    assert "another model's by now" in late
