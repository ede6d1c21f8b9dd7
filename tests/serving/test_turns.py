"""Does work that nobody waits for come behind everybody who waits, and leave room?"""

from __future__ import annotations

import asyncio

import pytest

from rung.serving.turns import Full, Turns


def test_work_that_nobody_waits_for_has_a_quarter_of_the_turns_and_only_free_ones() -> None:
    async def tried() -> None:
        turns = Turns(4, 2)
        await turns.take_behind()
        behind = [asyncio.create_task(turns.take_behind()) for _ in range(2)]
        await asyncio.sleep(0)
        assert (turns.free, turns.behind) == (3, 1)
        with pytest.raises(Full):
            await turns.take_behind()
        for _ in range(3):
            await turns.take("ada")
        waits = asyncio.create_task(turns.take("eve"))
        await asyncio.sleep(0)
        turns.give(behind=True)  # somebody waits: it is theirs
        await waits
        assert turns.behind == 0
        assert not any(task.done() for task in behind)
        turns.give()
        await behind[0]
        assert (turns.free, turns.behind) == (0, 1)
        behind[1].cancel()
        await asyncio.gather(behind[1], return_exceptions=True)
        turns.give(behind=True)
        assert (turns.free, turns.behind) == (1, 0)

    asyncio.run(tried())


def test_a_turn_that_came_just_as_it_was_given_up_goes_on() -> None:
    async def tried() -> None:
        turns = Turns(1, 2)
        await turns.take("ada")
        task = asyncio.create_task(turns.take_behind())
        await asyncio.sleep(0)
        turns.give()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert (turns.free, turns.behind) == (1, 0)

    asyncio.run(tried())
