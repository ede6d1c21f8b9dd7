"""Does `rung watch` say what it saw, to people, programs and shells?"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run

pytest.importorskip("fastapi")


@pytest.mark.slow
def test_before_anything_was_promoted_it_looks_at_what_there_is(rung: Run, shop: Path) -> None:
    rung("sync", shop)
    done = rung("watch", shop)
    assert "look 1: alerts that fire: 0" in done.out
    assert "sources changed: the index holds the sources as they are" in done.out
    assert "not told  cost, seconds of an answer: nothing was promoted" in done.out
    assert rung("watch", shop, "--baseline", code=2).err.count("promote") == 2


@pytest.mark.slow
def test_from_promotion_to_an_alert_and_its_end(rung: Run, shop: Path) -> None:
    rung("compare", shop)
    promoted = rung("promote", shop, "rag", "--by", "ada", "--reason", "a test")
    assert "no baseline was kept" not in promoted.err
    assert rung("watch", shop, "--json").json["firing"] == 0
    (shop / "docs/new.md").write_text("# New\n\nWe ship to Denmark.\n", encoding="utf-8")
    rung("watch", shop)
    done = rung("watch", shop, code=1)
    assert "FIRING    index, sources changed: sources that are not in the index as they are now: 1 (" in done.out
    assert "→ 'rung sync' takes them in" in done.out
    report = rung("watch", shop, "--json", "--act", code=1).json
    assert (report["look"], report["firing"]) == (4, 1)
    (alert,) = [one for one in report["alerts"] if one["state"] == "firing"]
    assert (alert["now"] in report["readings"]["index"], alert["now"]["state"], alert["ends_after"]) == (True, "drifted", 1)
    assert report["acted"]["sync"].startswith("synced: 1 added")
    assert rung("watch", shop, "--json").json["events"][0]["state"] == "resolved"
    assert "embedding: kept" in rung("watch", shop, "--baseline").out


@pytest.mark.parametrize(
    ("words", "says"),
    [(["--webhook", "nonsense"], "webhook"), (["--baseline", "--act"], "--baseline"), (["--textfile", "x.txt"], ".prom")],
)
def test_what_cannot_be_is_refused(rung: Run, shop: Path, words: list[str], says: str) -> None:
    assert says in rung("watch", shop, *words, code=2).err


@pytest.mark.slow
def test_a_webhook_that_is_not_there_is_said_and_stops_nothing(rung: Run, shop: Path) -> None:
    rung("sync", shop)
    (shop / "docs/new.md").write_text("# New\n\nWe ship to Denmark.\n", encoding="utf-8")
    rung("watch", shop)
    done = rung("watch", shop, "--webhook", "http://127.0.0.1:9/secret", code=1)
    assert "the webhook at 127.0.0.1:9 cannot be reached" in done.err
    assert "secret" not in done.err + done.out


@pytest.mark.slow
def test_it_goes_on_until_it_is_interrupted(shop: Path) -> None:
    command = [sys.executable, "-m", "rung", "watch", str(shop), "--every", "1", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ))
    assert process.stdout is not None
    numbers = [json.loads(process.stdout.readline())["look"] for _ in range(2)]
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) in (0, 1)
    assert numbers == [1, 2]
