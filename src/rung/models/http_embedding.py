"""Texts to unit vectors by any OpenAI-compatible `/v1/embeddings`. Sending is left to `http_client`."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from rung.errors import ServerError
from rung.models.endpoint import Endpoint
from rung.models.http_retries import RequestFailed
from rung.models.http_spread import spread
from rung.models.protocol import Server
from rung.models.served import Served
from rung.records import Json

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rung.models.protocol import Vectors

_BATCH = 64  # texts of one request


class HttpEmbedder(Served):
    """An embedding model behind a URL. Its number of dimensions is asked with the first text."""

    def __init__(self, endpoint: Endpoint, server: Server, *, first_wait: float = 0.5) -> None:
        super().__init__(endpoint, server, first_wait=first_wait)
        self._dimensions = 0

    @property
    def identity(self) -> str:
        """URL and model name."""
        return self._endpoint.identity

    @property
    def dimensions(self) -> int:
        """Length of a vector; asks the server once.

        Raises:
            ServerError: it does not answer.
        """
        if not self._dimensions:
            self.embed(["dimensions"], kind="query")
        return self._dimensions

    @property
    def max_tokens(self) -> int:
        """`server.context_tokens` of the project, at most 8,191 as most servers have it: a server does not say."""
        return min(8191, self._server.context_tokens)

    def embed(self, texts: Sequence[str], *, kind: Literal["query", "passage"]) -> Vectors:  # noqa: ARG002 - the protocol's
        """Rows of unit length, float32 [len(texts), dimensions].

        Raises:
            ServerError: a text could not be embedded: an index with holes would be worse than none.
        """
        import numpy as np

        batches = [list(texts[i : i + _BATCH]) for i in range(0, len(texts), _BATCH)]
        if not batches:
            return np.empty((0, self.dimensions), dtype=np.float32)
        done = dict(
            spread(
                lambda number, halt: self._embedded(batches[number], halt), len(batches), threads=self._server.concurrency
            )
        )
        rows = np.concatenate([done[number] for number in range(len(batches))])
        if self._dimensions not in (0, rows.shape[1]):
            raise ServerError(
                f"{self.identity} now answers with {rows.shape[1]} dimensions, where it had {self._dimensions}: "
                "another model has this name now; take the index that the old one made away (.rung), and try again"
            )
        self._dimensions = rows.shape[1]
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        unit: Vectors = (rows / np.where(lengths == 0, 1, lengths)).astype(np.float32)
        return unit

    def check(self, *, constrained: bool) -> dict[str, Json]:  # noqa: ARG002 - the protocol's
        """Embed one word, so that the number of dimensions is known; raises as `embed` does."""
        self._dimensions = self._embedded(["hello"], threading.Event(), hasty=True).shape[1]
        return {"dimensions": self._dimensions, **self.ending()}

    def recall(self, report: Mapping[str, Json]) -> None:
        """Take over what an earlier `check` found."""
        dimensions = report.get("dimensions")
        self._dimensions = dimensions if isinstance(dimensions, int) else 0

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """An estimate: four bytes to a token."""
        return [-(-len(text.encode()) // 4) for text in texts]

    def _embedded(self, texts: list[str], halt: threading.Event, *, hasty: bool = False) -> NDArray[np.float32]:
        import numpy as np

        inputs: list[Json] = [text or " " for text in texts]  # servers refuse empty texts
        try:
            answer, _ = self._client.post(
                "/embeddings", {"model": self._endpoint.model, "input": inputs}, halt=halt, hasty=hasty
            )
        except RequestFailed as error:
            raise ServerError(
                f"{self._endpoint.identity} could not embed ({error}): check the server, then try again"
            ) from error
        data = answer.get("data")
        rows = data if isinstance(data, list) else []
        placed = {row.get("index"): row.get("embedding") for row in rows if isinstance(row, dict)}
        try:
            return np.array([placed[i] for i in range(len(texts))], dtype=np.float32).reshape(len(texts), -1)
        except (KeyError, TypeError, ValueError) as error:
            raise ServerError(
                f"{self._endpoint.identity} answered with something that is no list of {len(texts)} vectors: "
                "is it an embedding model?"
            ) from error
