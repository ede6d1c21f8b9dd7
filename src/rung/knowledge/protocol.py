"""What knowledge needs from others and what a store must offer: the contracts that `rung.testing.knowledge` checks.

The store that ships is in `lance`; how rankings are fused is in `ranking`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from rung.errors import UserError
from rung.records import Document, Json, Passage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

Groups = frozenset[str] | None  # an asker's groups; None: no access control


class Embedder(Protocol):
    """Texts to unit vectors; the same shape as `rung.models.protocol.Embedder`, which this package may not import."""

    @property
    def identity(self) -> str: ...

    @property
    def dimensions(self) -> int: ...

    @property
    def max_tokens(self) -> int: ...

    def embed(self, texts: Sequence[str], *, kind: Literal["query", "passage"]) -> Vectors:
        """Rows of unit length, float32, shape [len(texts), dimensions]."""
        ...

    def count_tokens(self, texts: Sequence[str]) -> list[int]: ...


def passages_by(embedder: Embedder) -> str:
    """Whose passage vectors these are: an embedder that treats only questions otherwise names the one that it stands on."""
    return str(getattr(embedder, "passages_by", "") or embedder.identity)


def quick_of(embedder: Embedder) -> Embedder | None:
    """Whose passages, made at once, may stand in for this embedder's until it has made its own; None: nobody's."""
    quick: Embedder | None = getattr(embedder, "quick", None)
    return quick


def warm(embedder: Embedder) -> None:
    """Have an embedder that computes here do what its first questions would wait for."""
    getattr(embedder, "warm", lambda: None)()


def is_at_once(embedder: Embedder) -> bool:
    """Whether it embeds faster than vectors that were kept could be read."""
    return bool(getattr(embedder, "at_once", False))


class Counter(Protocol):
    """Counts tokens as an embedder does, and may be pickled."""

    def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, the marks at its ends included."""


def counter_of(embedder: Embedder) -> Counter | None:
    """By what other processes count as an embedder does; None: they cannot."""
    counter: Counter | None = getattr(embedder, "counter", None)
    return counter


class Contexts(Protocol):
    """Who writes a sentence of context for passages, by which they are searched beside their text."""

    @property
    def identity(self) -> str:
        """Names who writes and how."""
        ...

    def __call__(self, passages: Sequence[tuple[Document, Passage]]) -> list[str | None]:
        """A sentence for each passage of a document, "" where there is none, None where it has to be asked for again."""
        ...


LACKING = "?"  # stands before the digest of a document some of whose passages got no sentence of context: asked for again
PROVISIONAL = "by"  # begins the key of a row whose vector a stand-in made; no hexadecimal digest begins so


def provisional_mark(quick: Embedder) -> str:
    """What stands before the key of a row, and the digest of its document, while the row's vector is this embedder's."""
    return f"{PROVISIONAL}{hashlib.sha256(quick.identity.encode()).hexdigest()[:14]}"


def without_mark(key: str) -> str:
    """The key or the digest itself."""
    return key[len(PROVISIONAL) + 14 :] if key.startswith(PROVISIONAL) else key


def mark_in(key: str) -> str:
    """The mark before a key or a digest, "" where its vectors are the embedder's own."""
    return key.removesuffix(without_mark(key))


def lacks_context(key: str) -> bool:
    """Whether this is the digest of a document some of whose passages got no sentence of context."""
    return without_mark(key).startswith(LACKING)


class IndexGone(UserError):
    """The version of the index that was being read has been replaced; opening the index again shows the new one."""


@dataclass(frozen=True, slots=True)
class Fusion:
    """How the dense and the BM25 ranking become one, by the weights `dense_weight` and 1 − `dense_weight`.

    `by` "scores": a convex combination of scores, each as its share of its ranking's best (Bruch, Gai, Ingber 2023).
    `by` "ranks": weighted reciprocal rank fusion (Cormack, Clarke, Büttcher 2009), each place counting 1 / (60 + rank).
    The first `depth` places of each ranking count. No weight wins on every corpus: choose it on dev cases. 1 and 0 switch
    one ranking off.
    """

    dense_weight: float = 0.5
    depth: int = 100
    by: Literal["scores", "ranks"] = "scores"

    def __post_init__(self) -> None:
        if not 0 <= self.dense_weight <= 1:
            raise UserError(
                f"knowledge.dense_weight must lie between 0 (BM25 only) and 1 (dense only): got {self.dense_weight}"
            )


@dataclass(frozen=True, slots=True)
class Lookup:
    """One query as a store sees it. `embedding`: its vector, or what gives it when it is asked for, so that a store can
    look for the words meanwhile.

    `where` is "" or canonical JSON of `{key: value}` and `{key: {"gt" | "gte" | "lt" | "lte" | "ne" | "in": value}}`, all of
    which must hold. Keys are those of `Document.meta`, and `document`, `source` and `title`; strings, numbers, truth values
    and ISO dates compare as what they are. `diversity` is as in `rung.records.steps.Search`.
    """

    text: str
    embedding: Vectors | Callable[[], Vectors]
    groups: Groups
    top: int
    where: str = ""
    diversity: float = 0.0

    @property
    def vector(self) -> Vectors:
        """The query's embedding, shape [dimensions]."""
        return self.embedding() if callable(self.embedding) else self.embedding


@dataclass(frozen=True, slots=True)
class Place:
    """Where a passage stands in one ranking: `rank` from 1, `score` as that ranking counts (cosine, BM25)."""

    rank: int
    score: float


@dataclass(frozen=True, slots=True)
class Explained:
    """A found passage (its `score` is the fused one) with its place in each ranking; None where it is not in it."""

    passage: Passage
    dense: Place | None = None
    bm25: Place | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A passage on its way into a store. `indexed` is what is embedded and searched: contextual header and text.

    `key` is the digest of `indexed`: equal keys have equal vectors. Where a stand-in made the vector, its
    `provisional_mark` stands before it. `symbols`: what names in code and paths of files are searched by, the terms of
    `rung.text.identifiers`. `context`: a model's sentence that stands in `indexed` and nowhere in the document.
    """

    passage: Passage
    indexed: str
    key: str
    symbols: tuple[str, ...] = ()
    context: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """What a store holds: the settings it was made with, and document id -> `Document.digest`.

    Before the digest of a document with rows that a stand-in embedded stands its `provisional_mark`.
    """

    settings: Mapping[str, Json]
    documents: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Change:
    """One step from a state to the next. `vectors` has the rows' order, shape [len(rows), dimensions].

    A replaced document is named in `removed` and given in `documents`. `fresh`: all that was there before goes. `lacking`:
    documents some of whose passages have no sentence of context that they should have.
    """

    settings: Mapping[str, Json]
    vectors: Vectors
    documents: Sequence[Document] = ()
    rows: Sequence[Row] = ()
    removed: frozenset[str] = field(default_factory=frozenset)
    fresh: bool = False
    lacking: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Version:
    """A version that a store keeps. `since` is when it was made, in seconds since 1970; `held`: by a rollback."""

    number: int
    since: float
    documents: int
    passages: int
    content: str
    made_by: str = "sync"
    held: bool = False


def text_digest(document: Document) -> str:
    """Names a document's text: a renamed file keeps it."""
    return hashlib.sha256(document.text.encode()).hexdigest()[:32]


class Snapshot(Protocol):
    """One version of a store. Nothing that is committed later shows in it."""

    @property
    def version(self) -> int:
        """Its number; later versions have higher ones."""
        ...

    @property
    def content(self) -> str:
        """Names what a search can find here: with equal settings, equal content finds equally."""
        ...

    @property
    def held(self) -> bool:
        """Whether it was gone back to: then nothing but an explicit sync may replace it."""
        ...

    @property
    def settings(self) -> Mapping[str, Json]:
        """What it was made with."""
        ...

    @property
    def state(self) -> State: ...

    @property
    def passage_count(self) -> int: ...

    @property
    def provisional_count(self) -> int:
        """Passages that a stand-in embedded."""
        ...

    @property
    def groups(self) -> Mapping[str, tuple[str, ...]]:
        """Document id -> groups that may read it; an empty tuple means everybody."""
        ...

    def warm(self) -> None:
        """Read into memory what many searches are the faster for, before the first of them."""
        ...

    def search(self, lookups: Sequence[Lookup], fusion: Fusion) -> list[tuple[Passage, ...]]:
        """For each lookup up to `top` readable passages, best fused score first, equal scores by passage id.

        Access is part of the query, never a filter over its results: as long as a readable passage matches, a
        forbidden one cannot take its place. The same holds for `Lookup.where`.

        Where passages name a parent (`Passage.parent`), the results are the parents: their text out of the document, the
        best child's score, each parent once; the limit counts parents.

        Raises:
            IndexGone: this version's files have been removed.
            UserError: `where` is no condition.
        """
        ...

    def explain(self, lookup: Lookup, fusion: Fusion) -> tuple[Explained, ...]:
        """What `search` finds, each with its places in the dense and the BM25 ranking (a parent: its best child's)."""
        ...

    def documents(self, ids: Sequence[str] | None = None) -> tuple[Document, ...]:
        """The documents of these ids (None: all), in order of id; unknown ids are left out."""
        ...

    def passages_of(self, document: str) -> tuple[Passage, ...]:
        """A document's passages in order; empty if there is no such document."""
        ...

    def vectors(self, keys: Sequence[str]) -> Mapping[str, Vectors]:
        """The stored vectors of those keys that are there."""
        ...

    def has_key(self, key: str) -> bool:
        """Whether a passage's document has this key, as a condition names it."""
        ...

    def keys(self) -> frozenset[str]:
        """The keys of all documents that a condition can name."""
        ...

    def stored(self, ids: Sequence[str]) -> tuple[list[Row], Vectors]:
        """The passages of these documents as they were given, with their vectors, shape [len(rows), dimensions]."""
        ...

    def contents(self, ids: Sequence[str]) -> Mapping[str, str]:
        """Digests of the texts of those documents that are there, by id: a renamed document keeps its own."""
        ...


class Index(Protocol):
    """A store of passages. Readers see whole versions; one writer at a time."""

    def snapshot(self, number: int | None = None) -> Snapshot | None:
        """This version, or the newest; None if there is none.

        Raises:
            UserError: the store cannot be read, or another version of Rung wrote it.
        """
        ...

    def versions(self) -> tuple[Version, ...]:
        """The versions that can be gone back to, the newest first."""
        ...

    def writing(self, waiting: Callable[[], None] = lambda: None) -> AbstractContextManager[None]:
        """Be the only writer; leftovers of an interrupted one are cleared away. `waiting` is called now and then while
        another writes, and may raise.

        Raises:
            UserError: the place cannot be written.
        """
        ...

    def commit(self, changes: Iterable[Change]) -> None:
        """Make these changes, one after the other, the newest version: all of them or none. Call it within `writing`.

        They are taken one at a time, so that memory does not grow with their number. Settings are the first one's, and
        only the first may be `fresh`. None at all leave the store as it is.

        Raises:
            UserError: the place is full or may not be written; what was there before is still there.
        """
        ...

    def maintain(self) -> bool:
        """Compact and index what many small commits left, as a new version that finds the same; False: not needed yet.

        Readers are on the version before meanwhile. It waits for its turn as a writer; never call it within `writing`.
        """
        ...

    def rollback(self, number: int, changes: Iterable[Change] = ()) -> None:
        """Make what a version shows, with these changes made, the newest version, and hold it: see `Snapshot.held`.

        Nobody sees it without the changes. They are of the settings of that version, and none of them is `fresh`.

        Raises:
            UserError: there is no such version; says which there are.
        """
        ...

    def release(self) -> None:
        """Hold the newest version no longer."""
        ...

    def prune(self) -> None:
        """Forget all versions but the newest: nothing that was deleted is left in any file. Their readers lose them."""
        ...
