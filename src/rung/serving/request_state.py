"""What belongs to a request: its caller, and the server that it came to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from typing import Any, TypeVar, cast

from fastapi import Request

from rung.models.protocol import Embedder
from rung.serving.answered import Answered
from rung.serving.answering import Answering, whole_answer
from rung.serving.callers import Caller
from rung.serving.refusal import NotAnswered

T = TypeVar("T")


def answering_of(request: Request) -> Answering:
    """Who answers here."""
    return cast("Answering", request.app.state.answering)


def caller_of(request: Request) -> Caller:
    """Who asks: `guard` has seen to it before the request came here."""
    return cast("Caller", request.state.caller)


def embedding_of(request: Request) -> tuple[str, Embedder]:
    """The project's embedder, and its name."""
    return cast("tuple[str, Embedder]", request.app.state.embedding)


def base_url(request: Request) -> str:
    """Where this server is, as the client sees it."""
    return str(request.base_url)


async def whole(request: Request, news: AsyncGenerator[str | Answered]) -> Answered:
    """The answer, once it is whole; given up where the client leaves before.

    Raises:
        NotAnswered: it failed, or the client left.
    """
    return await unless_left(request, whole_answer(news))


async def all_whole(request: Request, news: AsyncGenerator[tuple[int, str | Answered]]) -> list[Answered]:
    """Several answers, in order, once they are all whole; given up where the client leaves before.

    Raises:
        NotAnswered: one failed, or the client left.
    """

    async def collected() -> dict[int, Answered]:
        async with aclosing(news) as pieces:
            return {number: piece async for number, piece in pieces if isinstance(piece, Answered)}

    return [answered for _, answered in sorted((await unless_left(request, collected())).items())]


async def begun(request: Request, news: AsyncGenerator[T]) -> AsyncGenerator[T]:
    """The same, once its first piece is there: until then a refusal has a status of its own.

    Raises:
        NotAnswered: it was refused, it failed, or the client left.
    """

    async def first_piece() -> T:
        return await anext(news)

    async def chained() -> AsyncGenerator[T]:
        async with aclosing(news) as pieces:
            yield first
            async for piece in pieces:
                yield piece

    first = await unless_left(request, first_piece())
    return chained()


async def unless_left(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """What the work returns; it is ended where the client leaves before.

    Raises:
        NotAnswered: the client left; nobody reads it.
    """
    task = asyncio.create_task(work)
    watching = asyncio.create_task(_left(request))
    try:
        await asyncio.wait((task, watching), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise NotAnswered(499, "the client left")
    finally:
        watching.cancel()
        if not task.done():
            task.cancel()
            await asyncio.wait((task,))


async def _left(request: Request) -> None:
    """Return when the client has closed the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
