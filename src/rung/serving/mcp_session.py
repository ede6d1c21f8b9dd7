"""An agent's tools over standard input and output: a session of the project carries out one call after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import TypeVar

from rung.config.project import Project
from rung.errors import UserError
from rung.progress import Reporter, reporting
from rung.records import Asker
from rung.serving.callers import SCOPES
from rung.serving.session import Session
from rung.serving.tool_results import Answered, DocumentPart, SearchHits
from rung.state.feedback import Rating

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Client:
    """Who calls tools: a name for the log, whose documents it reads, and what it may ask for."""

    name: str
    asker: Asker
    scopes: frozenset[str] = SCOPES


class SessionWorker:
    """A session on a thread of its own, where all that is asked of it is done, one thing after the other."""

    def __init__(self, project: Project, reporter: Reporter | None = None) -> None:
        self.project, self._reporter = project, reporter
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="session")
        self._session = Session(project)

    def __enter__(self) -> SessionWorker:
        self._thread.submit(self._session.__enter__).result()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._thread.submit(self._session.__exit__, None, None, None).result()
        self._thread.shutdown()

    async def do(self, work: Callable[[Session], T]) -> T:
        """What this makes of the session. Who stops waiting does not stop what is under way."""
        return await asyncio.wrap_future(self._thread.submit(self._reported, work))

    def _reported(self, work: Callable[[Session], T]) -> T:
        with reporting(self._reporter):
            return work(self._session)


@dataclass(frozen=True, slots=True)
class SessionTools:
    """The tools of a client of the session; a `Tools`."""

    worker: SessionWorker
    client: Client

    async def search(self, query: str, top: int) -> SearchHits:
        """See `Tools`."""
        return await self._done("search", lambda session: session.search(query, top=top, asker=self.client.asker))

    async def document(self, id: str, span: str) -> DocumentPart:
        """See `Tools`."""
        return await self._done("search", lambda session: session.document(id, span=span, asker=self.client.asker))

    async def ask(self, question: str, rung: str) -> Answered:
        """See `Tools`."""
        return await self._done("ask", lambda session: session.ask(question, rung=rung, asker=self.client.asker))

    async def feedback(self, rating: Rating, answer_id: str, question: str, correction: str) -> None:
        """See `Tools`."""
        name = self.client.name
        await self._done(
            "feedback",
            lambda session: session.feedback(
                rating=rating, answer_id=answer_id, question=question, correction=correction, caller=name
            ),
        )

    async def _done(self, scope: str, work: Callable[[Session], T]) -> T:
        if scope not in self.client.scopes:
            raise UserError(f"{self.client.name} may not {scope}")
        return await self.worker.do(work)
