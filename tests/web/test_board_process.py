"""`rung board` and `rung serve` as they are started: who is let in, until when, and that nothing comes from elsewhere."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from tests.cli.conftest import Run
from tests.serving.processes import rung_serve
from tests.web.asking import OWN, page_of

PAGES = ("", "live", "cases", "queue", "ask", "documents", "examples", "deployments", "traces", "watch")


@contextmanager
def rung_board(folder: Path) -> Iterator[str]:
    """`rung board` as users start it; the address that it prints. It has to end in order."""
    command = [sys.executable, "-m", "rung", "board", str(folder), "--port", "0", "--no-browser", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["url"]
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        assert (process.returncode, err.splitlines()[-1]) == (0, "stopped"), err
    finally:
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_two_boards_of_one_project_show_every_page_and_load_nothing_from_elsewhere(measured: Path) -> None:
    with ExitStack() as stack:
        addresses = [stack.enter_context(rung_board(measured)) for _ in range(2)]
        for address, paths in zip(addresses, (PAGES, PAGES[:2]), strict=True):
            base, _, token = address.partition("?token=")
            assert token
            assert httpx.get(base).status_code == 401
            client = stack.enter_context(httpx.Client(headers=OWN, follow_redirects=True, timeout=60))
            assert client.get(address).url == base
            for path in paths:
                text = page_of(client, f"{base}/{path}".rstrip("/"))
                loaded = re.findall(r'<(?:script|link|img|iframe)[^>]*(?:src|href)="([^"]*)"', text)
                assert loaded
                assert all(one.startswith(("/board/static/", "data:")) for one in loaded)
                assert not re.search(r"<script(?![^>]*src=)|<style|\son[a-z]+=", text)
            policy = client.get(base).headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy


@pytest.mark.slow
def test_below_a_server_a_key_looks_until_it_ends(rung: Run, measured: Path) -> None:
    scopes = ("--scopes", "board,review")
    key = rung("keys", "new", measured, "ada", *scopes, "--json").json
    asks = rung("keys", "new", measured, "bot", "--json").json["key"]
    with rung_serve(measured) as base, httpx.Client(headers=OWN, base_url=f"{base}/board", timeout=60) as client:
        assert client.get("/live").status_code == 401
        assert "lacks the scope" in client.post("/enter", data={"credential": asks}).text
        entered = client.post("/enter", data={"credential": key["key"], "to": "/board?before=51"})
        assert entered.headers["location"] == "/board?before=51"
        assert ">ada</span>" in client.get("/live").text
        rung("keys", "revoke", measured, key["id"])
        ended = client.get("/runs/1")
        assert ended.status_code == 401
        assert "Use rag" not in ended.text
        assert 'name="to" value="/board/runs/1"' in ended.text
        refused = client.post("/queue/feedback")
        assert refused.status_code == 401
