"""Do the clients of `benchmarks/serving.py` ask each question once, and count the tokens that its answers say they have?"""

from __future__ import annotations

import importlib
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from rung.testing.server import FakeServer

COUNT = 23


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    yield importlib.import_module("load_clients")
    sys.modules.pop("load_clients", None)


@pytest.fixture(params=["httpx", "wrk"])
def kind(request: pytest.FixtureRequest) -> str:
    if request.param == "wrk" and shutil.which("wrk") is None:
        pytest.skip("wrk is not installed")
    return str(request.param)


def said(number: int) -> str:
    """Of very different lengths; one looks as if it counted its own tokens."""
    return '"completion_tokens": 999 ' + "word " * number


@pytest.mark.parametrize("streamed", [False, True])
def test_each_is_asked_once_and_its_tokens_counted(clients: ModuleType, kind: str, streamed: bool) -> None:
    with FakeServer({f"<{n}>": said(n) for n in range(COUNT)}) as server:
        turns = [[{"role": "user", "content": f"<{n}>"}] for n in range(COUNT)]
        bodies = [clients.chat("any", turn, streamed=streamed) for turn in turns]
        came = clients.load(kind, server.url.removesuffix("/v1"), bodies, 4)
        assert sorted(asked.text for asked in server.asked) == sorted(f"<{n}>" for n in range(COUNT))
        assert {asked.body.get("stream", False) for asked in server.asked} == {streamed}
    assert came.tokens == pytest.approx(sum(len(said(n).split()) for n in range(COUNT)) / COUNT)
    assert came.rate > 0
    assert came.whole > 0


def test_an_answer_that_failed_is_no_figure(clients: ModuleType, kind: str) -> None:
    with FakeServer({"<1>": {"status": 503, "body": {"error": {"message": "no room"}}}}) as server:
        bodies = [clients.chat("any", [{"role": "user", "content": f"<{n}>"}], streamed=False) for n in range(3)]
        with pytest.raises(RuntimeError, match="no room"):
            clients.load(kind, server.url.removesuffix("/v1"), bodies, 2)
