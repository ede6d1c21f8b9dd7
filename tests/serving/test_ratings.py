"""Does a rating wait for another process without holding up others, and does a server that ends say what it knows?"""

from __future__ import annotations

import asyncio
from pathlib import Path

import anyio.to_thread
import pytest
import sqlalchemy as sa
from starlette.concurrency import run_in_threadpool

from rung.serving.callers import Caller
from rung.serving.feedback import Feedback
from rung.serving.refusal import NotAnswered
from rung.state.database import State
from rung.state.feedback import Remark, add_remark, remarks
from rung.state.tables import answers, feedback

ID = "a" * 32


def test_a_rating_that_waits_holds_no_thread(tmp_path: Path) -> None:
    ada = Caller("ada")
    with State(tmp_path) as state:
        ratings = Feedback(state)

        def other_process() -> None:
            row = {"id": ID, "at": 1, "caller": ada.id, "model": "rag", "digest": "d", "process": "p"}
            with state.writing() as connection:
                connection.execute(answers.insert().values(row))

        async def session() -> None:
            anyio.to_thread.current_default_thread_limiter().total_tokens = 1
            rating = asyncio.create_task(ratings.rate_soon(ada, ID, "up", {}))
            await asyncio.sleep(0)
            await run_in_threadpool(other_process)
            await rating
            with pytest.raises(NotAnswered, match="no answer"):
                await ratings.rate_soon(ada, "b" * 32, "up", {})

        asyncio.run(session())
        ratings.close()
        assert [one.answer for one in remarks(state)] == [ID]


def test_the_end_says_once_more_what_was_asked(tmp_path: Path) -> None:
    with State(tmp_path) as state:
        ratings = Feedback(state)
        add_remark(state, Remark(ID, "ada", "up", {}, None), process=ratings.process)
        ratings.close()
        with state.reading() as connection:
            assert connection.scalar(sa.select(feedback.c.process)) == ""


def test_the_end_logs_what_a_database_does_not_take(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with State(tmp_path) as state:
        ratings = Feedback(state)
        with state.writing() as connection:
            connection.execute(sa.text("ALTER TABLE feedback RENAME TO hidden"))
        ratings.close()
    assert "stays without its question" in caplog.text
