"""Carries out `Rerank` steps by a server's `/rerank`, as Cohere, Jina, vLLM and others offer it. Sending is left to
`http_client`.

Sent: `{"model", "query", "documents": [text, …], "top_n"}`. Wanted: `{"results": [{"index", "relevance_score"}, …]}`.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Mapping, Sequence

from rung.errors import ServerError
from rung.models.http_retries import RequestFailed
from rung.models.http_spread import spread
from rung.models.reranking import asked, reordered, shown
from rung.models.served import Served
from rung.records import Failure, Json
from rung.records.steps import Request, Result, SearchResult

_PATH = "/rerank"


class HttpReranker(Served):
    """A reranker behind a URL. Thread-safe."""

    @property
    def identity(self) -> str:
        """URL and model name. A server may change what it answers under one name: that cannot be seen from here."""
        return f"{self._endpoint.identity}{_PATH}"

    def run(self, requests: Sequence[Request]) -> Iterator[tuple[int, Result | Failure]]:
        """Yield (index, result) as each is answered, `server.concurrency` at a time.

        Raises:
            ServerError: nobody listens there, or the key, the quota or the model is refused.
        """
        yield from spread(
            lambda index, halt: self._answer(requests[index], halt), len(requests), threads=self._server.concurrency
        )

    def check(self, *, constrained: bool) -> dict[str, Json]:  # noqa: ARG002 - the protocol's
        """Rank one passage. `trouble`: it is there, and did not answer this.

        Raises:
            ServerError: as `run`, or it does not rerank.
        """
        try:
            self._scores("hello", ["hello"], threading.Event(), hasty=True)
        except RequestFailed as error:
            return {"trouble": str(error)}
        except ValueError as error:
            raise ServerError(f"{self._endpoint.identity} does not rerank ({error}): is it a reranker?") from error
        return self.ending()

    def recall(self, report: Mapping[str, Json]) -> None:
        """Nothing is to be remembered."""

    def _answer(self, request: Request, halt: threading.Event) -> SearchResult | Failure:
        step = asked(request)
        if not step.passages:
            return SearchResult(())
        documents: list[Json] = [shown(passage) for passage in step.passages]
        try:
            scores = self._scores(step.query, documents, halt)
        except RequestFailed as error:
            return Failure(f"{self._endpoint.identity}: {error}", step="rerank", attempt=error.attempts)
        except ValueError as error:
            return Failure(f"{self._endpoint.identity} did not rerank: {error}", step="rerank")
        return reordered(step, scores)

    def _scores(self, query: str, documents: list[Json], halt: threading.Event, *, hasty: bool = False) -> list[float]:
        count = len(documents)
        body: dict[str, Json] = {"model": self._endpoint.model, "query": query, "documents": documents, "top_n": count}
        answer, _ = self._client.post(_PATH, body, halt=halt, hasty=hasty)
        return _scores(answer, count)


def _scores(answer: dict[str, Json], count: int) -> list[float]:
    """The score of each passage, by its place in the request.

    Raises:
        ValueError: the answer does not give every passage one number.
    """
    results = answer.get("results")
    if not isinstance(results, list):
        raise ValueError(f"its answer has no list 'results', but {', '.join(sorted(answer)) or 'nothing'}")
    scores: dict[int, float] = {}
    for one in results:
        index, score = (one.get("index"), one.get("relevance_score")) if isinstance(one, dict) else (None, None)
        if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < count or index in scores:
            raise ValueError(f"'index' is {index!r}, where {count} passages were sent and each is ranked once")
        if not isinstance(score, (int, float)) or isinstance(score, bool) or not math.isfinite(score):
            raise ValueError(f"'relevance_score' is {score!r}")
        scores[index] = float(score)
    if len(scores) < count:
        raise ValueError(f"it ranked {len(scores)} of {count} passages")
    return [scores[n] for n in range(count)]
