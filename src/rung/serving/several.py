"""Several answers to one request, each a conversation of its own, told as they come."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace

from rung.serving.answered import Answered, Asked
from rung.serving.answering import Answering
from rung.serving.callers import Caller

MOST = 8  # answers to a request
News = AsyncGenerator[tuple[int, str | Answered]]
_SEEDS = 2**32


def asked_anew(first: Asked, count: int) -> list[Asked]:
    """So many requests for an answer to the same question. Each but the first has a seed and an id of its own."""
    seed = first.wishes.seed or 0
    others = (
        replace(first, id=uuid.uuid4().hex, stopped=[], bounded=[], wishes=replace(first.wishes, seed=(seed + n) % _SEEDS))
        for n in range(1, count)
    )
    return [first, *others]


async def answers(answering: Answering, caller: Caller, asked: Sequence[Asked]) -> News:
    """Yield what comes of each answer with its number: pieces of text, then the answer. Closing it ends them all.

    Raises:
        NotAnswered: one of them failed; the others are ended.
    """
    if len(asked) == 1:
        async with aclosing(answering.answer(caller, asked[0])) as news:
            async for piece in news:
                yield 0, piece
        return
    heard: asyncio.Queue[tuple[int, str | Answered] | BaseException] = asyncio.Queue()

    async def hear(number: int, one: Asked) -> None:
        try:
            async with aclosing(answering.answer(caller, one)) as news:
                async for piece in news:
                    heard.put_nowait((number, piece))
        except Exception as error:  # whoever waits for the answers has to be told
            heard.put_nowait(error)

    tasks = [asyncio.create_task(hear(number, one)) for number, one in enumerate(asked)]
    left = len(tasks)
    try:
        while left:
            news_of = await heard.get()
            if isinstance(news_of, BaseException):
                raise news_of
            left -= isinstance(news_of[1], Answered)
            yield news_of
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
