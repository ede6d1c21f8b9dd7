"""Many callers at once: each gets their own answer, in turns, and who leaves or is late costs no more tokens."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from rung.records import Failure
from rung.records.steps import Conversation, Generate, GenerateResult, Request, Result, generate
from rung.serving.callers import Caller
from rung.serving.conversations import Conversations, Ended, Limits, Pending
from rung.serving.turns import Full, Turns
from tests.serving.serving import Slow, chat, served

QUESTIONS = {
    "What does express shipping cost?": "nine euros",
    "Who pays for the return parcel?": "customer pays",
    "Within how many days may you return an item?": "thirty days",
    "To what countries do we ship?": "Norway",
}


def test_eight_at_once_get_each_their_own_answer(shop: Path) -> None:
    model = Slow(0.01)
    with served(shop, model=model) as client:

        async def all_of_them() -> list[str]:
            async with client.connected() as connected:
                posts = [connected.post("/v1/chat/completions", json=chat(q)) for q in [*QUESTIONS, *QUESTIONS]]
                return [r.json()["choices"][0]["message"]["content"] for r in await asyncio.gather(*posts)]

        answers = asyncio.run(all_of_them())
    for answer, expected in zip(answers, [*QUESTIONS.values()] * 2, strict=True):
        assert expected in answer
    assert model.most > 1


def test_no_more_than_the_limit_are_carried_and_the_queue_has_an_end(shop: Path) -> None:
    model = Slow(0.02)
    with served(shop, model=model, limits=Limits(at_once=2, queue=2)) as client:

        async def six() -> list[tuple[int, str]]:
            async with client.connected() as connected:
                posts = [connected.post("/v1/chat/completions", json=chat()) for _ in range(6)]
                return [(r.status_code, r.headers.get("retry-after", "")) for r in await asyncio.gather(*posts)]

        ended = asyncio.run(six())
    assert sorted(status for status, _ in ended) == [200] * 4 + [503] * 2
    assert all(int(after) >= 1 for status, after in ended if status == 503)
    assert model.most == 2


class CountedLoop(asyncio.SelectorEventLoop):
    """Counts how often other threads wake it."""

    wakes = 0

    def call_soon_threadsafe(self, *given: Any, **more: Any) -> asyncio.Handle:  # type: ignore[override]
        self.wakes += 1
        return super().call_soon_threadsafe(*given, **more)


class Pushing:
    """An engine that calls back with 200 pieces of text while the event loop does something else."""

    identity = "pushing"

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def run(self, requests: Sequence[Request]) -> Iterator[tuple[int, Result | Failure]]:
        raise AssertionError("it was to be called back")

    def push(self, request: Request, on_text: Callable[[str], None]) -> GenerateResult:
        del request
        over = threading.Event()
        self._loop.call_soon_threadsafe(over.wait, 10)
        for number in range(200):
            on_text(f"{number} ")
        over.set()
        return GenerateResult("whole")


@pytest.mark.parametrize(("streamed", "pieces"), [(True, 200), (False, 0)])
def test_texts_wake_the_loop_together_and_not_at_all_where_nobody_hears_them(streamed: bool, pieces: int) -> None:
    def begin() -> Conversation[str]:
        return (yield from generate(Generate(()))).text

    async def heard() -> tuple[list[str], Any]:
        conversations = Conversations(Limits())
        pending = Pending(begin, {"generate": Pushing(asyncio.get_running_loop())}, streamed=streamed)
        texts: list[str] = []
        async with aclosing(conversations.carry(Caller("a", frozenset()), pending)) as news:
            async for piece in news:
                if isinstance(piece, Ended):
                    return texts, piece.live.value
                texts.append(piece)
        return texts, None

    with asyncio.Runner(loop_factory=CountedLoop) as runner:
        assert runner.run(heard()) == ([f"{number} " for number in range(pieces)], "whole")
        loop = runner.get_loop()
    assert isinstance(loop, CountedLoop)
    assert loop.wakes < 10


@pytest.mark.parametrize("stream", [False, True])
def test_who_leaves_ends_the_making_of_tokens(shop: Path, stream: bool) -> None:
    model = Slow(0.05)
    with served(shop, model=model) as client:

        async def leaving() -> int:
            await _request(client.app, chat(stream=stream), leave_after=0.2)
            pieces = model.pieces
            await asyncio.sleep(0.4)
            return pieces

        said = asyncio.run(leaving())
        assert model.now == 0
        assert model.pieces <= said + 1 < 10  # the answer has 11 pieces
        assert 'rung_answers_total{end="left",model="rag"} 1.0' in client.get("/metrics").text
        assert client.app.state.answering.conversations.open == 0


def test_who_stays_has_not_left(shop: Path) -> None:
    with served(shop) as client:
        for stream in (False, True):
            assert client.chat(stream=stream).status_code == 200
        assert client.post("/v1/search", {"query": "express"}).status_code == 200
        metrics = client.get("/metrics").text
    assert 'rung_answers_total{end="answered",model="rag"} 2.0' in metrics
    assert 'rung_answers_total{end="answered",model="search"} 1.0' in metrics
    assert 'end="left"' not in metrics


@pytest.mark.parametrize("how", ["answered", "left", "late"])
def test_tokens_are_spent_however_an_answer_ends(shop: Path, how: str) -> None:
    spent: list[int] = []
    limits = Limits(seconds=0.3) if how == "late" else Limits()
    with served(shop, model=Slow(0.0 if how == "answered" else 0.06), limits=limits) as client:
        client.app.state.answering.on_spent = lambda caller, tokens: spent.append(tokens)
        usage = 0
        if how == "left":
            asyncio.run(_request(client.app, chat(), leave_after=0.3))
        else:
            usage = client.chat().json().get("usage", {}).get("total_tokens", 0)
        until = time.monotonic() + 5
        while not spent and time.monotonic() < until:
            time.sleep(0.01)
    assert len(spent) == 1
    assert spent[0] == usage if usage else spent[0] > 20  # the prompt's alone are more


def test_who_is_late_is_told_so(shop: Path) -> None:
    model = Slow(0.1)
    with served(shop, model=model, limits=Limits(seconds=0.3)) as client:
        response = client.chat()
        streamed = client.chat(stream=True)
        time.sleep(0.2)
        assert model.now == 0
    assert response.status_code == 504
    assert response.json()["error"]["code"] == "timeout"
    assert '"code": "timeout"' in streamed.text
    assert "[DONE]" not in streamed.text


def test_callers_have_their_turns_one_after_the_other() -> None:
    async def order() -> list[str]:
        turns, had = Turns(1, 10), []
        await turns.take("first")

        async def one(caller: str) -> None:
            await turns.take(caller)
            had.append(caller)
            turns.give()

        tasks = [asyncio.create_task(one(c)) for c in ("greedy", "greedy", "greedy", "modest")]
        await asyncio.sleep(0)
        turns.give()
        await asyncio.gather(*tasks)
        assert (turns.free, turns.waiting) == (1, 0)
        return had

    assert asyncio.run(order()) == ["greedy", "modest", "greedy", "greedy"]


def test_who_stops_waiting_loses_no_turn_of_others() -> None:
    async def waited() -> None:
        turns = Turns(1, 1)
        await turns.take("a")
        waiting = asyncio.create_task(turns.take("b"))
        await asyncio.sleep(0)
        with pytest.raises(Full):
            await turns.take("c")
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert turns.waiting == 0
        later = asyncio.create_task(turns.take("c"))
        await asyncio.sleep(0)
        turns.give()
        later.cancel()  # its turn has come, and it has not seen it
        await asyncio.gather(later, return_exceptions=True)
        assert turns.free == 1

    asyncio.run(waited())


async def _request(app: object, body: dict[str, object], *, leave_after: float) -> None:
    """One request as a server hands it over; its client leaves."""
    import json

    sent, content = [], json.dumps(body).encode()
    received = iter([{"type": "http.request", "body": content, "more_body": False}])

    async def receive() -> dict[str, object]:
        if (message := next(received, None)) is not None:
            return message
        await asyncio.sleep(leave_after)
        return {"type": "http.disconnect"}

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    headers = [(b"content-type", b"application/json"), (b"x-caller", b"somebody"), (b"host", b"testserver")]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/v1/chat/completions",
        "raw_path": b"/v1/chat/completions",
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("testserver", 80),
        "state": {},
    }
    await app(scope, receive, send)  # type: ignore[operator]
