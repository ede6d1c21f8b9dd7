"""Does what documents, names and servers say reach the terminal as text, and as nothing else?"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rung.cli.screen import printable
from rung.progress import REPLAYED
from tests.architecture.source_tree import ROOT
from tests.cli.conftest import Run
from tests.docs.trying import rung as typed

ACTING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
EVIL = "\x1b[2J\x1b]0;owned\x07\x9b31m\x7f\u202eevil\r"


@given(st.text(max_size=80), st.booleans())
def test_no_text_acts_on_a_terminal(text: str, breaks: bool) -> None:
    shown = printable(text, breaks=breaks)
    assert not ACTING.search(shown)
    assert breaks or "\n" not in shown
    shown.encode("utf-8")
    assert json.loads(printable(json.dumps({text: text}, ensure_ascii=False))) == {text: text}


@pytest.mark.parametrize("text", ["plain", "Grüße, 日本語, שלום", "a\tb\n\nc", "\u200fשלום", "😀 e\u0301"])
def test_what_only_is_read_stays(text: str) -> None:
    assert printable(text) == text


def test_one_place_prints() -> None:
    wrote = re.compile(r"(?<![\w.])print\(|sys\.std(?:out|err)|typer\.(?:echo|secho)|click\.echo")
    folder = ROOT / "src/rung/cli"
    found = [p.name for p in sorted(folder.glob("*.py")) if wrote.search(p.read_text(encoding="utf-8"))]
    assert found == ["screen.py", "streams.py"]  # the second writes what the first made printable


@pytest.mark.slow
def test_hostile_documents_names_and_arguments(rung: Run, shop: Path) -> None:
    (shop / "docs" / f"na{EVIL}me\nrung: all is well.md").write_text(
        f"# Title {EVIL}\n\nExpress shipping costs nine {EVIL} euros.\n", encoding="utf-8", newline=""
    )
    (shop / "docs" / f"bad{EVIL}.md").write_text(f"---\ngroups: {{{EVIL}\n---\nx", encoding="utf-8", newline="")
    (shop / "docs" / "row.md").write_text("---\naccess: [staff]\n---\nx", encoding="utf-8")
    rows = (shop / "cases.jsonl").read_text(encoding="utf-8")
    (shop / "cases.jsonl").write_text(rows + json.dumps({"id": EVIL, "question": 3}) + "\n", encoding="utf-8")
    ran = [
        rung("sync", shop),
        rung("check", shop),
        rung("check", shop, "--json"),
        rung("search", shop, "express shipping nine euros", "--top", "9"),
        rung("search", shop, "express shipping", "--top", "9", "--json"),
        rung("search", shop, "express", "--where", EVIL, code=2),
        rung("search", shop, "express", "--explain"),
        rung("compare", shop, code=None),
        rung("ask", shop, f"What {EVIL} costs nine euros?", "--rung", "rag"),
        rung("ask", shop, "x", "--rung", EVIL, code=2),
        rung("sync", shop / EVIL, code=2),
        rung("check", shop, f"--{EVIL}", code=2),
        rung("advise", shop),
        rung("report", shop, "--format", "md", code=None),
    ]
    for done in ran:
        assert not ACTING.search(done.out + done.err), (done.out + done.err)[:2000]
        assert not re.search(r"^rung: all is well", done.out + done.err, re.MULTILINE)
    assert any("\\u001b[2J" in done.err for done in ran)
    found = ran[4].json["passages"]
    assert any(EVIL.rstrip("\r") in passage["text"] for passage in found)


@pytest.mark.slow
def test_a_rerun_says_that_it_asks_nothing(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rung.cli.screen.QUICK", 0.0)  # every phase leaves its line
    first, again = (typed("compare", str(shop), monkeypatch=monkeypatch).err for _ in range(2))
    assert re.search(r"^answer prompt +[\d.]+ s$", first, re.MULTILINE)
    assert re.search(r"^time prompt, .* s$", first, re.MULTILINE)
    answering = [line for line in again.splitlines() if line.startswith("answer ")]
    assert len(answering) > 3
    assert all(line.endswith(f" {REPLAYED}") for line in answering)
    assert "time " not in again
