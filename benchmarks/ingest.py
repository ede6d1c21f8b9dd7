"""How fast do files become a searchable index, and in how much memory, beside LlamaIndex, Haystack and txtai?

    python benchmarks/ingest.py [--documents 500 2000] [--systems rung-table rung llama-index …] [--torch]

The same text files (abstracts and articles of ../shared/data, which is not part of the project; said when absent), the same
embedding model through each system's own door for a model that is brought along, passages of about 160 tokens, each
system's default store on disk, each run in a process of its own. A system that is not installed is left out with a word.
`rung-table` is Rung with `embedder: table`. With --torch the others embed with
sentence-transformers, as their users do, 64 texts at once. Peak memory is the process's, the model included; with two
numbers of documents it shows what grows.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
SETS = ("retrieval/scifact/corpus.jsonl*", "knowledge/squad2/documents.jsonl*", "realdocs/*/documents.jsonl*")
OURS = {"rung-table": "table", "rung": "minilm-l6-v2"}
SYSTEMS = {**dict.fromkeys(OURS, "rung"), "llama-index": "llama_index.core", "haystack": "haystack", "txtai": "txtai"}
TOKENS, OVERLAP, CHARACTERS = 160, 24, 700
AT_ONCE = 64


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--documents", type=int, nargs="+", default=[500, 2000])
    options.add_argument("--systems", nargs="+", choices=sorted(SYSTEMS), default=list(SYSTEMS))
    options.add_argument("--torch", action="store_true", help="the others run the model by sentence-transformers")
    options.add_argument("--one", nargs=2, metavar=("SYSTEM", "FOLDER"), help=argparse.SUPPRESS)
    said = options.parse_args()
    if said.one:
        print(json.dumps(_one(said.one[0], Path(said.one[1]), torch=said.torch)))
        return
    if not DATA.is_dir():
        raise SystemExit(f"the data is not here: {DATA}")
    print("documents  system        passages  seconds  documents/s  passages/s  peak MB")
    for count in said.documents:
        with tempfile.TemporaryDirectory() as folder:
            written = _written(Path(folder) / "docs", count)
            for system in said.systems:
                print(f"{written:>9,}  {system:<12}  {_said(system, Path(folder), written, torch=said.torch)}", flush=True)


def _said(system: str, folder: Path, documents: int, *, torch: bool) -> str:
    command = [sys.executable, __file__, "--one", system, str(folder), *(["--torch"] if torch else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "2"})
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["it failed without a word"])[-1]
    told = json.loads(done.stdout.strip().splitlines()[-1])
    seconds, passages = told["seconds"], told["passages"]
    speed = f"{seconds:>7.1f}  {documents / seconds:>11.1f}  {passages / seconds:>10.1f}"
    return f"{passages:>8,}  {speed}  {told['peak_mb']:>7,.0f}"


def _one(system: str, folder: Path, *, torch: bool) -> dict[str, float]:
    """One system's run, in this process."""
    from importlib.util import find_spec

    if find_spec(SYSTEMS[system].split(".", maxsplit=1)[0]) is None:
        raise SystemExit(f"not installed: pip install {system if system != 'haystack' else 'haystack-ai'}")
    from rung.models.catalog import embedder

    model = _Torch() if torch and system not in OURS else embedder(OURS.get(system, OURS["rung"]))
    model.embed(["warm"], kind="passage")
    runs: dict[str, Callable[[Path, Path, Any], int]] = {
        **dict.fromkeys(OURS, _rung),
        "llama-index": _llama_index,
        "haystack": _haystack,
        "txtai": _txtai,
    }
    began = time.perf_counter()
    passages = runs[system](folder / "docs", folder / f"index-{system}", model)
    seconds = time.perf_counter() - began
    return {"passages": passages, "seconds": seconds, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


class _Torch:
    """The same weights by sentence-transformers, as the other systems' users run them."""

    def __init__(self) -> None:
        import torch
        from sentence_transformers import SentenceTransformer, models

        from rung.models.catalog import embedder
        from rung.models.weights import PACKAGED, fetch

        torch.set_num_threads(2)
        self.count_tokens = embedder("minilm-l6-v2").count_tokens
        words = models.Transformer(str(fetch(PACKAGED["minilm-l6-v2"])), max_seq_length=256)
        self._model = SentenceTransformer(modules=[words, models.Pooling(words.get_embedding_dimension())], device="cpu")

    def embed(self, texts: list[str], *, kind: str) -> Any:  # noqa: ARG002 - the protocol's
        return self._model.encode(texts, batch_size=AT_ONCE, normalize_embeddings=True, show_progress_bar=False)


def _rung(docs: Path, index: Path, model: Any) -> int:
    from rung.knowledge import Chunking, Knowledge
    from rung.knowledge.loading import stream_sources
    from rung.records import Document

    knowledge = Knowledge.open(index, embedder=model, chunking=Chunking(TOKENS, OVERLAP))
    found = (item for item in stream_sources(docs, ["*.txt"]) if isinstance(item, Document))
    return knowledge.sync(found).passages


def _llama_index(docs: Path, index: Path, model: Any) -> int:
    from llama_index.core import SimpleDirectoryReader, VectorStoreIndex
    from llama_index.core.base.embeddings.base import BaseEmbedding
    from llama_index.core.node_parser import SentenceSplitter

    class Brought(BaseEmbedding):  # type: ignore[misc]
        def _get_query_embedding(self, query: str) -> list[float]:
            return _vectors(model, [query])[0]

        async def _aget_query_embedding(self, query: str) -> list[float]:
            return self._get_query_embedding(query)

        def _get_text_embedding(self, text: str) -> list[float]:
            return _vectors(model, [text])[0]

        def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
            return _vectors(model, texts)

    documents = SimpleDirectoryReader(str(docs)).load_data()

    def tokens(text: str) -> list[int]:
        return [0] * model.count_tokens([text])[0]

    splitter = SentenceSplitter(chunk_size=TOKENS, chunk_overlap=OVERLAP, tokenizer=tokens, include_metadata=False)
    nodes = splitter.get_nodes_from_documents(documents)
    built = VectorStoreIndex(nodes, embed_model=Brought(embed_batch_size=AT_ONCE))
    built.storage_context.persist(str(index))
    return len(nodes)


def _haystack(docs: Path, index: Path, model: Any) -> int:
    from haystack.components.converters import TextFileToDocument
    from haystack.components.preprocessors import DocumentSplitter
    from haystack.document_stores.in_memory import InMemoryDocumentStore

    documents = TextFileToDocument().run(sources=sorted(docs.glob("*.txt")))["documents"]
    splitter = DocumentSplitter(split_by="word", split_length=120, split_overlap=18)
    parts = splitter.run(documents=documents)["documents"]
    for start in range(0, len(parts), AT_ONCE):
        some = parts[start : start + AT_ONCE]
        for part, vector in zip(some, _vectors(model, [p.content for p in some]), strict=True):
            part.embedding = vector
    store = InMemoryDocumentStore()
    store.write_documents(parts)
    index.mkdir()
    store.save_to_disk(str(index / "store.json"))
    return len(parts)


def _txtai(docs: Path, index: Path, model: Any) -> int:
    from txtai import Embeddings

    def parts() -> Any:
        for path in sorted(docs.glob("*.txt")):
            text = path.read_text(encoding="utf-8")
            for start in range(0, len(text), CHARACTERS):  # it has no splitter without another package
                yield f"{path.name}#{start}", text[start : start + CHARACTERS], None

    built = Embeddings(
        method="external", transform=lambda texts: model.embed(list(texts), kind="passage"), content=True, hybrid=True
    )
    built.index(parts())
    built.save(str(index))
    return int(built.count())


def _vectors(model: Any, texts: Sequence[str]) -> list[list[float]]:
    vectors: list[list[float]] = model.embed(list(texts), kind="passage").tolist()
    return vectors


def _written(folder: Path, count: int) -> int:
    """Text files of as many documents, or of all there are."""
    folder.mkdir()
    written = 0
    for pattern in SETS:
        for path in sorted(DATA.glob(pattern)):
            with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8") as file:
                for line in file:
                    row = json.loads(line)
                    if written == count:
                        return written
                    (folder / f"{written:06d}.txt").write_text(f"{row.get('title', '')}\n\n{row['text']}", encoding="utf-8")
                    written += 1
    return written


if __name__ == "__main__":
    main()
