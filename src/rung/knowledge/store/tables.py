"""What the tables of an index hold, and what a version says of them: schemas, and records to rows and back.

    documents_<n>.lance    the documents, whole
    passages_<n>.lance     their passages: as records, contextual text with its BM25 index, vectors, metadata to filter by;
                           columns of TERMS with BM25 indexes, where there are languages written without spaces, or files

Writing them is left to `lance`, reading to `lance_reading`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from rung.errors import Damaged, UserError
from rung.files.durable import short_sum
from rung.knowledge.filters import column, described, facet, flattened, value_of
from rung.knowledge.protocol import LACKING, Change, Row, mark_in, text_digest
from rung.knowledge.store.scanning import codes
from rung.records import Document, Json, Passage, canonical
from rung.text.identifiers import inner_words, is_code
from rung.text.matching import folded, has_runs, run_terms

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT = 3
RECORD = "record"  # a passage whole, as JSON: reading ten of them takes as long as there are columns
RUNS = "runs"  # pairs of characters of languages written without spaces; only where a passage has some
SYMBOLS = "symbols"  # names in source code and paths of files; only where a passage has some
TERMS = (RUNS, SYMBOLS)  # columns of terms as they stand, each with a BM25 index
CONTEXT = "context"  # a model's sentence, which is part of what is indexed; only where a passage has one
BESIDE = (*TERMS, CONTEXT)  # columns that only some indexes have
_ORIGIN = "\0origin"  # in the column of metadata, under a key that no document has: see `Document.origin`
_WORDS = ("id", "key", "digest", "content", "title", "source", "acl", "meta", "text")
_KINDS = {"n": "float64", "t": "int64", "s": "string"}


@dataclass(frozen=True, slots=True)
class Pointer:
    """One version: which versions of which tables, and what they were made with.

    `content` names the documents whatever the way to them; `exact` says that nothing but them decides what a search finds.
    """

    number: int
    generation: int
    documents: int  # version of the table documents_<generation>
    passages: int
    since: float  # seconds since 1970
    document_count: int = 0
    passage_count: int = 0
    provisional_count: int = 0  # passages with vectors of a stand-in
    content: str = "0"
    exact: bool = True
    made_by: str = "sync"
    held: bool = False  # by a rollback: nothing but an explicit sync moves on
    settings: Mapping[str, Json] = field(default_factory=dict)
    format: int = FORMAT

    @property
    def names(self) -> tuple[str, str]:
        """The tables of documents and of passages."""
        return f"documents_{self.generation}", f"passages_{self.generation}"

    @property
    def tables(self) -> tuple[int, int, int]:
        """What of the store this version shows: two versions that agree in it are the same."""
        return self.generation, self.documents, self.passages

    def written(self) -> bytes:
        """As it is kept."""
        fields = asdict(self)
        return json.dumps({**fields, "sum": short_sum(canonical(fields))}, ensure_ascii=False, indent=1).encode()

    @classmethod
    def read(cls, content: bytes, wrong: Callable[[str], Damaged]) -> Pointer:
        """A version as it was kept. `wrong`: the error that names its file, with what is wrong with it.

        Raises:
            Damaged: it is.
            UserError: another version of Rung wrote it.
        """
        try:
            fields = json.loads(content)
            total = fields.pop("sum", None)
        except (ValueError, AttributeError, TypeError, RecursionError) as error:
            raise wrong(str(error)) from error
        if total is not None and total != short_sum(canonical(fields)):
            raise wrong("it was altered")
        if fields.get("format") != FORMAT:
            raise UserError(f"{wrong('').path} was written by another version of Rung; delete it and run 'rung sync' again")
        try:
            return cls(**fields)
        except TypeError as error:
            raise wrong(str(error)) from error


def access_class(groups: Iterable[str]) -> str:
    """Names a set of groups in 32 hex characters, so that no filter ever holds a user's words."""
    return _class_of(frozenset(groups))


@lru_cache(maxsize=4096)  # every row asks, and few sets are asked about
def _class_of(groups: frozenset[str]) -> str:
    return hashlib.sha256(canonical(sorted(groups)).encode()).hexdigest()[:32]


def document_key(id: str) -> str:
    """Names a document in 32 hex characters, for the same reason."""
    return hashlib.sha256(id.encode()).hexdigest()[:32]


def weight(id: str, digest: str) -> int:
    """A document's share in `Pointer.content`: shares are added and taken away again, in any order."""
    return int.from_bytes(hashlib.sha256(f"{id}\n{digest}".encode()).digest(), "big")


def document_schema() -> pa.Schema:
    """Columns of the documents."""
    import pyarrow as pa

    return pa.schema([*((name, pa.string()) for name in _WORDS), ("groups", pa.list_(pa.string()))])


def passage_schema(dimensions: int) -> pa.Schema:
    """Columns of the passages, those of single metadata keys left out: they come with the first document that has them."""
    import pyarrow as pa

    words = ("id", "document_key", "acl", RECORD, "indexed", "key")
    return pa.schema(
        [
            *((name, pa.string()) for name in words),
            ("start", pa.int64()),
            ("parent", pa.list_(pa.int64())),
            ("facets", pa.list_(pa.int64())),
            ("code", pa.binary(codes(np.zeros((1, dimensions), dtype=np.float32)).shape[1])),
            ("vector", pa.list_(pa.float32(), dimensions)),
        ]
    )


def document_rows(change: Change) -> pa.Table:
    """Documents as rows. Their digests bear the marks of their passages."""
    import pyarrow as pa

    documents = change.documents
    lacking = dict.fromkeys(change.lacking, LACKING)
    marks = {row.passage.document: mark for row in change.rows if (mark := mark_in(row.key))}
    columns = {
        "id": [d.id for d in documents],
        "key": [document_key(d.id) for d in documents],
        "digest": [marks.get(d.id, "") + lacking.get(d.id, "") + d.digest for d in documents],
        "content": [text_digest(d) for d in documents],
        "title": [d.title for d in documents],
        "source": [d.source for d in documents],
        "acl": [access_class(d.groups) for d in documents],
        "meta": [
            canonical({**d.meta, **({_ORIGIN: d.origin} if d.origin not in ("", d.source) else {})}) for d in documents
        ],
        "text": [d.text for d in documents],
        "groups": [sorted(set(d.groups)) for d in documents],
    }
    return pa.table(columns, schema=document_schema())


def metadata_columns(documents: Sequence[Document]) -> dict[str, str]:
    """The columns that these documents' metadata needs, with their types."""
    return {name: _KINDS[name[0]] for d in documents for name, _ in _ranged(d)}


def extra_columns(change: Change) -> dict[str, str]:
    """The columns that these documents and passages need beside those that every table has, with their types."""
    runs = {RUNS: "string"} if any(has_runs(r.indexed) for r in change.rows) else {}
    symbols = {SYMBOLS: "string"} if any(r.symbols for r in change.rows) else {}
    contexts = {CONTEXT: "string"} if any(r.context for r in change.rows) else {}
    return metadata_columns(change.documents) | runs | symbols | contexts


def extra_in(names: Iterable[str]) -> dict[str, str]:
    """Those of these columns that not every table has, with their types."""
    columns = {name: _KINDS[name[0]] for name in names if name[1:2] == "_" and name[0] in _KINDS}
    return columns | {name: "string" for name in BESIDE if name in names}


def passage_rows(change: Change, metadata: Mapping[str, str]) -> pa.Table:
    """Passages as rows. `metadata`: the columns that not every table has and this one does, with their types."""
    import pyarrow as pa

    rows = change.rows
    vectors = np.ascontiguousarray(change.vectors, dtype=np.float32)
    facets = {d.id: _facets(d) for d in change.documents}
    ranged = {d.id: dict(_ranged(d)) for d in change.documents}
    indexed = [_words(r) for r in rows]
    columns = {
        "id": [r.passage.id for r in rows],
        "document_key": [document_key(r.passage.document) for r in rows],
        "acl": [access_class(r.passage.groups) for r in rows],
        RECORD: [_record(r.passage) for r in rows],
        "indexed": indexed,
        "key": [r.key for r in rows],
        "start": [r.passage.start for r in rows],
        "parent": [None if r.passage.parent is None else list(r.passage.parent) for r in rows],
        "facets": [facets[r.passage.document] for r in rows],
        "code": [code.tobytes() for code in codes(vectors)],
        "vector": pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1]),
    }
    extra: dict[str, list[Any]] = {
        name: [ranged[r.passage.document].get(name) for r in rows] for name in sorted(metadata) if name not in BESIDE
    }
    if RUNS in metadata:
        extra[RUNS] = [" ".join(run_terms(text)) or None for text in indexed]
    if SYMBOLS in metadata:
        extra[SYMBOLS] = [" ".join(r.symbols) or None for r in rows]
    if CONTEXT in metadata:
        extra[CONTEXT] = [r.context or None for r in rows]
    schema = passage_schema(vectors.shape[1])
    for name in extra:
        schema = schema.append(pa.field(name, metadata_type(metadata[name])))
    return pa.table({**columns, **extra}, schema=schema)


def _words(row: Row) -> str:
    """What BM25 reads of a passage: in source code also the words that identifiers are made of."""
    inner = inner_words(row.indexed) if is_code(row.symbols) else []
    return folded(" ".join([row.indexed, *inner]))  # Lance cuts endings off before it folds: "Straße" would lose its e


def metadata_type(name: str) -> pa.DataType:
    """The type of a metadata column."""
    import pyarrow as pa

    types: dict[str, pa.DataType] = {"float64": pa.float64(), "int64": pa.int64(), "string": pa.string()}
    return types[name]


def passages_in(rows: pa.Table, classes: Mapping[str, tuple[str, ...]]) -> Iterator[Passage]:
    """Rows as passages, in their order. `classes`: access class -> groups."""
    for record in rows[RECORD].to_pylist():
        id, document, start, end, text, title, source, acl, page, line, parent = json.loads(record)
        span = None if parent is None else (parent[0], parent[1])
        yield Passage(id, document, start, end, text, title, source, 0.0, classes[acl], page, line, span)


def document_in(row: Mapping[str, str], groups: tuple[str, ...]) -> Document:
    """A row as a document."""
    meta = json.loads(row["meta"])
    origin = str(meta.pop(_ORIGIN, ""))
    return Document(row["id"], row["text"], row["title"], groups, meta, row["source"], origin)


def _record(p: Passage) -> str:
    acl = access_class(p.groups)
    held = (p.id, p.document, p.start, p.end, p.text, p.title, p.source, acl, p.page, p.line, p.parent)
    return json.dumps(held, ensure_ascii=False)


def _facets(document: Document) -> list[int]:
    facets: set[int] = set()
    for key, value in described(document):
        facets |= {facet(key), facet(key, value.token)}
    return sorted(facets)


def _ranged(document: Document) -> Iterator[tuple[str, str | float | int]]:
    """(column, value) of every single value that has an order."""
    for key, content in flattened(document):
        if isinstance(content, (str, int, float)) and (value := value_of(content)).kind in _KINDS:
            yield column(key, value.kind), value.value
