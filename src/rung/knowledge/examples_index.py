"""The examples nearest to a question: a folder of vectors, searched exactly; made once, never changed.

Documents are left to `lance`: examples need no filter, no spans and no update.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rung.errors import InputError, UserError
from rung.files.durable import write_whole
from rung.knowledge.protocol import Embedder
from rung.knowledge.ranking import SLACK, best_columns, dense_scores, ordered
from rung.records import Passage

if TYPE_CHECKING:
    from rung.knowledge.protocol import Vectors

VECTORS, ROWS, ABOUT = "vectors.npy", "rows.jsonl", "index.json"
_AT_ONCE = 64


def build_example_index(
    texts: Sequence[tuple[str, str]],
    folder: Path,
    *,
    embedder: Embedder,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write an index of (text to embed, text that the passage carries) into a folder.

    Raises:
        UserError: the folder cannot be written.
    """
    vectors = np.zeros((len(texts), embedder.dimensions), dtype=np.float32)
    for start in range(0, len(texts), _AT_ONCE):
        part = [text for text, _ in texts[start : start + _AT_ONCE]]
        # An example's input is to a question what another question is: both are queries.
        vectors[start : start + len(part)] = embedder.embed(part, kind="query")
        if progress:
            progress(start + len(part), len(texts))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / VECTORS, vectors)
        rows = "".join(json.dumps({"text": t, "payload": p}, ensure_ascii=False) + "\n" for t, p in texts)
        write_whole(folder / ROWS, rows)
        write_whole(folder / ABOUT, json.dumps({"embedder": embedder.identity, "rows": len(texts)}))
    except OSError as error:
        raise UserError(f"{folder} could not be written ({error.strerror or error}); free space and run it again") from error


@dataclass(frozen=True, slots=True)
class ExamplesIndex:
    """An index of examples in memory. Row i of `vectors` embeds the text whose payload is `payloads[i]`."""

    embedder: str
    payloads: tuple[str, ...]
    vectors: Vectors

    @classmethod
    def open(cls, folder: Path) -> ExamplesIndex:
        """Read an index.

        Raises:
            InputError: the folder holds none, or a damaged one.
        """
        try:
            about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
            lines = (folder / ROWS).read_text(encoding="utf-8").split("\n")
            payloads = tuple(json.loads(line)["payload"] for line in lines if line)
            vectors = np.load(folder / VECTORS, allow_pickle=False)
            if len(payloads) != about["rows"] or len(vectors) != about["rows"]:
                raise ValueError(f"{about['rows']} rows were written, {len(payloads)} are there")
            return cls(about["embedder"], payloads, vectors)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"holds no whole index of examples ({error}); delete the folder, it is built again", path=folder
            ) from error

    def search(self, vector: Vectors, top: int) -> tuple[Passage, ...]:
        """The `top` nearest by cosine, best first; equal ones in their order."""
        columns = best_columns(self.vectors @ vector, top + SLACK)
        names = [f"{column:09d}" for column in columns]  # equal scores are ordered by name
        ranking = ordered(names, dense_scores(self.vectors[columns], vector), top)
        return tuple(self.passage(int(name), score) for name, score in ranking)

    def everything(self, top: int) -> tuple[Passage, ...]:
        """The first `top` examples in their order."""
        return tuple(self.passage(index) for index in range(min(top, len(self.payloads))))

    def passage(self, index: int, score: float = 0.0) -> Passage:
        """An example as a passage; its text is the payload."""
        payload = self.payloads[index]
        return Passage(f"example-{index}", f"example-{index}", 0, len(payload), payload, score=score)
