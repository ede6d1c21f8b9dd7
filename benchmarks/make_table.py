"""How is the table made that embeds passages without the encoder (`embedder: table`)?

    python benchmarks/make_table.py [--keep FOLDER] [--wordnet FOLDER] [--passages N] [--out FILE]

Its teaching passages come from ../shared/data/grounded (not part of the project; said when absent), from Python's own
library, from the docstrings of numpy, scipy and scikit-learn, and from WordNet's glosses (Debian's `wordnet-base`, unpacked
into --wordnet). No corpus that the table is measured on is among them, and a passage that shares eight words in a row with
one is left out. They are embedded by the shipped encoder (kept in --keep: interrupted, it goes on), and so is each token
alone. Then every token's row is fitted. Sources and licences stand in `LICENCE` beside the table.
"""

from __future__ import annotations

import argparse
import ast
import gzip
import inspect
import json
import random
import re
import sys
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from rung.knowledge.chunking.passages import Chunking, passages, row
from rung.models.catalog import embedder
from rung.models.embedding import MiniLM, together
from rung.models.encoder_tokenizer import open_tokenizer
from rung.models.precision import OPENVINO
from rung.models.table import FILE
from rung.models.weights import MINILM, fetch
from rung.records import Document

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
CACHE = Path(__file__).resolve().parent / ".cache" / "table"
MEASURED = ("retrieval/*/corpus.jsonl*", "knowledge/*/documents.jsonl*", "realdocs/*/documents.jsonl*")
SEED = 16
SHARED_WORDS = 8
WIDTH = 384
RIDGE, ITERATIONS, PRIOR, FEW = 0.007, 12, 1.5, 3.0  # chosen on passages held out, by the cosine with the encoder's vectors
PART = 512  # passages embedded between two writes
SHARES = {"grounded": 0.55, "wordnet": 0.2, "code": 0.15, "docstrings": 0.1}
WORD = re.compile(r"\w+")


# --- teaching passages


def grounded() -> Iterator[Document]:
    """Passages of ten sets of questions: encyclopedia, stories, reports, tables."""
    for path in sorted((DATA / "grounded").glob("*/documents.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for line in file:
                read = json.loads(line)
                yield Document(f"{path.parent.name}/{read['id']}", read["text"], read.get("title", ""))


def code() -> Iterator[Document]:
    """Functions of Python's library that have a docstring."""
    for path in sorted(Path(sysconfig.get_path("stdlib")).rglob("*.py")):
        if {"site-packages", "test", "tests", "idlelib", "lib2to3"} & set(path.parts):
            continue
        try:
            text = path.read_text(encoding="utf-8")
            tree = ast.parse(text)
        except (UnicodeDecodeError, SyntaxError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and ast.get_docstring(node) and len(node.body) > 1:
                yield Document(f"{path.name}:{node.lineno}", ast.get_source_segment(text, node) or "", "")


def docstrings() -> Iterator[Document]:
    """What numpy, scipy and scikit-learn say of their functions and classes."""
    from importlib import import_module

    parts = ("linalg", "signal", "stats", "optimize", "spatial", "sparse", "special", "ndimage", "interpolate", "fft")
    names = ["numpy", *(f"scipy.{part}" for part in parts), *(f"sklearn.{part}" for part in ("cluster", "linear_model"))]
    for name in names:
        try:
            module = import_module(name)
        except ImportError:
            continue
        for member in sorted(dir(module)):
            text = inspect.getdoc(getattr(module, member)) or ""
            if not member.startswith("_") and len(text) > 200:
                yield Document(f"{name}.{member}", text[:4000], "")


def wordnet(folder: Path) -> Iterator[Document]:
    """Three neighbouring entries of WordNet at a time: their words and glosses."""
    for path in sorted(folder.glob("**/data.*")):
        entries = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("  ")]
        for start in range(0, len(entries), 3):
            texts = []
            for entry in entries[start : start + 3]:
                fields, _, gloss = entry.partition(" | ")
                words = fields.split()
                names = [words[4 + 2 * n].replace("_", " ") for n in range(int(words[3], 16))]
                texts.append(f"{', '.join(names)}: {gloss.strip()}.")
            yield Document(f"{path.name}:{start}", "\n".join(texts), "")


def runs(text: str) -> set[int]:
    """Digests of all runs of eight words."""
    words = [word.lower() for word in WORD.findall(text)]
    return {hash(tuple(words[n : n + SHARED_WORDS])) for n in range(len(words) - SHARED_WORDS + 1)}


def measured_runs() -> set[int]:
    """Those of all corpora that the table is measured on."""
    seen: set[int] = set()
    for pattern in MEASURED:
        for path in sorted(DATA.glob(pattern)):
            with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8") as file:
                for line in file:
                    seen |= runs(json.loads(line)["text"])
    return seen


def teaching(encoder: MiniLM, count: int, glosses: Path) -> list[str]:
    """Passages as Rung cuts them, a fixed draw of each source."""
    forbidden, rng = measured_runs(), random.Random(SEED)
    sources = {"grounded": grounded(), "wordnet": wordnet(glosses), "code": code(), "docstrings": docstrings()}
    texts: list[str] = []
    for name, documents in sources.items():
        allowed = [document for document in documents if document.text.strip() and not runs(document.text) & forbidden]
        rng.shuffle(allowed)
        cut: list[str] = []
        for document in allowed:
            if len(cut) >= SHARES[name] * count:
                break
            tokens = encoder.count_tokens
            cut += [
                row(p, count=tokens).indexed
                for p in passages(document, chunking=Chunking(), count=tokens, max_tokens=encoder.max_tokens)
            ]
        print(f"{name}: {len(cut):,} passages of {len(allowed):,} documents", flush=True)
        texts += cut
    rng.shuffle(texts)
    return texts


# --- the encoder's vectors


class Tokenwise:
    """The encoder, and what it makes of each token before the mean is taken.

    It computes in bfloat16 where the CPU multiplies that: 1.7 times as fast, and the cosine with exact vectors is .9999.
    """

    def __init__(self, encoder: MiniLM) -> None:
        import openvino

        graph = openvino.Core().read_model(str(next(fetch(MINILM).glob("openvino-*/model.xml"))))
        first = next(op for op in graph.get_ordered_ops() if op.get_type_name() == "ReduceSum" and _rank(op) == 3)
        graph.add_outputs([first.input_value(0).get_node().input_value(0)])  # the mean's numerator is Σ mask · tokens
        self._network = openvino.Core().compile_model(graph, "CPU", OPENVINO["fast"])
        self._tokenizer = open_tokenizer(encoder.source, tokens=encoder.source.passage_tokens)

    def embed(self, texts: list[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Vectors [texts, 384]; and of all tokens in them: ids, how often each came, the sums of what came out for it."""
        rows = [encoding.ids for encoding in self._tokenizer.encode_batch_fast(texts)]
        vectors = np.empty((len(texts), WIDTH), dtype=np.float32)
        ids, outputs = [], []
        for places in together(rows):
            longest = max(len(rows[at]) for at in places)
            given = np.zeros((len(places), longest), dtype=np.int64)
            mask = np.zeros_like(given)
            for line, at in enumerate(places):
                given[line, : len(rows[at])], mask[line, : len(rows[at])] = rows[at], 1
            out = self._network({"input_ids": given, "attention_mask": mask})
            vectors[places] = out[0]
            ids.append(given[mask == 1])
            outputs.append(out[1][mask == 1])
        flat, hidden = np.concatenate(ids), np.concatenate(outputs)
        tokens, where, counts = np.unique(flat, return_inverse=True, return_counts=True)
        sums = csr_array((np.ones(len(flat), np.float32), (where, np.arange(len(flat)))), shape=(len(tokens), len(flat)))
        return vectors, tokens, counts, sums @ hidden


def _rank(operation: Any) -> int:
    return len(operation.input_value(0).get_partial_shape())


def encoded(encoder: Tokenwise, texts: list[str], folder: Path) -> list[Path]:
    """Files of what `Tokenwise.embed` gives for one part after the other; kept."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for start in range(0, len(texts), PART):
        path = folder / f"{start:07d}.npz"
        if not path.exists():
            began = time.perf_counter()
            vectors, tokens, counts, sums = encoder.embed(texts[start : start + PART])
            np.savez(folder / "writing.npz", vectors=vectors, tokens=tokens, counts=counts, sums=sums)
            (folder / "writing.npz").replace(path)
            rate = len(vectors) / (time.perf_counter() - began)
            print(f"  {folder.name}: {start + len(vectors):,} of {len(texts):,}, {rate:.0f} a second", flush=True)
        paths.append(path)
    return paths


# --- the rows


def bags(tokens: list[list[int]], size: int) -> csr_array:
    """[texts, tokens]: what each token weighs in a text's mean, as `TokenTable.vectors` has it."""
    ends, places, weights = [0], [], []
    for of in tokens:
        token, counts = np.unique(np.asarray(of, dtype=np.int64), return_counts=True)
        weight = 1 + np.log(counts)
        places.append(token)
        weights.append(weight / max(weight.sum(), 1e-9))
        ends.append(ends[-1] + len(token))
    return csr_array((np.concatenate(weights).astype(np.float32), np.concatenate(places), ends), shape=(len(tokens), size))


def solved(bag: csr_array, targets: np.ndarray) -> np.ndarray:
    """Ridge regression, (bag' bag + RIDGE) rows = bag' targets, by conjugate gradients."""
    rows = np.zeros((bag.shape[1], WIDTH), np.float32)
    left = bag.T @ targets
    scale = (1 / (np.asarray(bag.multiply(bag).sum(axis=0)).ravel() + RIDGE))[:, None]
    step = left * scale
    size = (left * step).sum(0)
    for _ in range(ITERATIONS):
        moved = bag.T @ (bag @ step) + RIDGE * step
        along = size / np.maximum((step * moved).sum(0), 1e-20)
        rows += along * step
        left = left - along * moved
        scaled = left * scale
        before, size = size, (left * scaled).sum(0)
        step = scaled + step * (size / np.maximum(before, 1e-20))
    return rows


def fitted(bag: csr_array, vectors: np.ndarray, alone: np.ndarray, contextual: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The rows, and the constant: the mean of all passages' vectors.

    Rows begin as a sum of what the encoder makes of the token alone, by its inverse document frequency, and of what it makes
    of it in passages on average; what these leave over is spread by ridge regression.
    """
    constant = vectors.mean(0)
    rarity = 1 + np.log((len(vectors) + 1) / (np.bincount(bag.indices, minlength=bag.shape[1]) + 1))
    parts = [(alone - alone.mean(0)) * rarity[:, None].astype(np.float32), contextual]
    means = [bag @ part for part in parts]
    products = np.array([[(one * other).sum() for other in means] for one in means])
    shares = np.linalg.solve(products, [(mean * (vectors - constant)).sum() for mean in means])
    rows = PRIOR * sum(share * part for share, part in zip(shares, parts, strict=True))
    return (rows + solved(bag, vectors - constant - bag @ rows)).astype(np.float32), constant


def read(paths: list[Path], size: int) -> tuple[np.ndarray, np.ndarray]:
    """The vectors in these files; and for each token how what the encoder makes of it differs from all tokens' mean."""
    sums, counts, vectors = np.zeros((size, WIDTH), np.float32), np.zeros(size, np.float32), []
    for path in paths:
        with np.load(path) as held:
            vectors.append(held["vectors"])
            sums[held["tokens"]] += held["sums"]
            counts[held["tokens"]] += held["counts"]
    mean = sums.sum(0) / counts.sum()
    return np.concatenate(vectors), (sums - counts[:, None] * mean) / (counts + FEW)[:, None]


def write(rows: np.ndarray, constant: np.ndarray, path: Path) -> None:
    """As `TokenTable.read` reads it."""
    scales = (np.abs(rows).max(1) / 127).astype(np.float16)
    whole = np.rint(rows / np.maximum(scales.astype(np.float32), 1e-12)[:, None])
    np.savez(path, rows=np.clip(whole, -127, 127).astype(np.int8), scales=scales, constant=constant.astype(np.float32))


def main() -> None:
    """Gather, embed, fit, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", type=Path, default=CACHE)
    parser.add_argument("--wordnet", type=Path, default=Path("/usr/share/wordnet"))
    parser.add_argument("--passages", type=int, default=20_000)
    parser.add_argument("--out", type=Path, default=FILE)
    options = parser.parse_args()
    if not DATA.is_dir():
        sys.exit(f"the data is not here: {DATA}")
    options.keep.mkdir(parents=True, exist_ok=True)
    encoder = embedder("minilm-l6-v2")
    assert isinstance(encoder, MiniLM)
    kept = options.keep / "texts.json"
    if not kept.exists():
        kept.write_text(json.dumps(teaching(encoder, options.passages, options.wordnet)))
    texts = json.loads(kept.read_text())
    tokenwise = Tokenwise(encoder)
    vocabulary = encoder._counter.get_vocab(with_added_tokens=True)
    names = [token.removeprefix("##") for token in sorted(vocabulary, key=vocabulary.__getitem__)]
    alone, _ = read(encoded(tokenwise, names, options.keep / "alone"), len(names))
    vectors, contextual = read(encoded(tokenwise, texts, options.keep / "taught"), len(names))
    rows, constant = fitted(bags(encoder.tokens(texts), len(names)), vectors, alone, contextual)
    write(rows, constant, options.out)
    print(f"{options.out}: {options.out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
