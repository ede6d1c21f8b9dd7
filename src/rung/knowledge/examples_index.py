"""The examples nearest to a question: a folder of vectors, searched exactly; made once, never changed.

Documents are left to `lance`: examples need no filter by metadata, no spans and no update. A row may belong to askers of the
same groups alone, and an index to one version of the documents, without which it holds nothing any more.
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
from rung.knowledge.protocol import Embedder, Groups
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
    groups: Sequence[Groups] | None = None,
    documents: str | None = None,
) -> None:
    """Write an index of (text to embed, text that the passage carries) into a folder.

    `groups`: of each row those of the askers that it is for, who have exactly these; None: every row is for everybody.
    `documents`: the identity of the documents that it is good for; None: it does not hang on them.

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
        each: list[dict[str, object]] = [{"text": t, "payload": p} for t, p in texts]
        if groups is not None:
            each = [{**row, "groups": _listed(some)} for row, some in zip(each, groups, strict=True)]
        write_whole(folder / ROWS, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in each))
        about: dict[str, object] = {"embedder": embedder.identity, "rows": len(texts)}
        if documents is not None:
            about["documents"] = documents
        write_whole(folder / ABOUT, json.dumps(about))
    except OSError as error:
        raise UserError(f"{folder} could not be written ({error.strerror or error}); free space and run it again") from error


def _listed(groups: Groups) -> list[str] | None:
    return None if groups is None else sorted(groups)


def _groups(row: list[str] | None) -> Groups:
    return None if row is None else frozenset(row)


@dataclass(frozen=True, slots=True)
class ExamplesIndex:
    """An index of examples in memory. Row i of `vectors` embeds the text whose payload is `payloads[i]`.

    `groups`: of row i, those that an asker must have, no more and no fewer; None: every row is for everybody. `documents`:
    the identity of those that it is good for; None: of any.
    """

    embedder: str
    payloads: tuple[str, ...]
    vectors: Vectors
    groups: tuple[Groups, ...] | None = None
    documents: str | None = None

    @classmethod
    def open(cls, folder: Path) -> ExamplesIndex:
        """Read an index.

        Raises:
            InputError: the folder holds none, or a damaged one.
        """
        try:
            about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
            lines = (folder / ROWS).read_text(encoding="utf-8").split("\n")
            rows = [json.loads(line) for line in lines if line]
            payloads = tuple(row["payload"] for row in rows)
            for_groups = all("groups" in row for row in rows) and bool(rows)
            groups = tuple(_groups(row["groups"]) for row in rows) if for_groups else None
            vectors = np.load(folder / VECTORS, allow_pickle=False)
            if len(payloads) != about["rows"] or len(vectors) != about["rows"]:
                raise ValueError(f"{about['rows']} rows were written, {len(payloads)} are there")
            return cls(about["embedder"], payloads, vectors, groups, about.get("documents"))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"holds no whole index of examples ({error}); delete the folder, it is built again", path=folder
            ) from error

    def search(self, vector: Vectors, top: int, groups: Groups = None) -> tuple[Passage, ...]:
        """The `top` nearest by cosine of those for an asker of these groups, best first; equal ones in their order."""
        if self.groups is not None:
            mine = np.flatnonzero([some == groups for some in self.groups])
            columns = mine[best_columns(self.vectors[mine] @ vector, top + SLACK)] if len(mine) else mine
        else:
            columns = best_columns(self.vectors @ vector, top + SLACK)
        names = [f"{column:09d}" for column in columns]  # equal scores are ordered by name
        ranking = ordered(names, dense_scores(self.vectors[columns], vector), top)
        return tuple(self.passage(int(name), score) for name, score in ranking)

    def everything(self, top: int, groups: Groups = None) -> tuple[Passage, ...]:
        """The first `top` examples for an asker of these groups in their order."""
        mine = [n for n in range(len(self.payloads)) if self.groups is None or self.groups[n] == groups]
        return tuple(self.passage(index) for index in mine[:top])

    def passage(self, index: int, score: float = 0.0) -> Passage:
        """An example as a passage; its text is the payload."""
        payload = self.payloads[index]
        return Passage(f"example-{index}", f"example-{index}", 0, len(payload), payload, score=score)
