"""Does a search find the definition that is meant? Public packages of this environment, their docstrings taken out.

    python benchmarks/code_search.py [PACKAGE …] [--questions 300] [--limit 60] [--keep FOLDER] [--mixed scifact]

The files of each package (its licence is printed) are indexed without their docstrings. Four kinds of questions, up to
--questions of each, always the same ones:

    described   the first sentence of a docstring in which the name does not stand; right: the definition it stood in
    words       the words of a name, as in "draw centred string"; right: a definition of that name
    symbol      a question that names a symbol which is used elsewhere too; right: a definition of that name
    path        a question that names a file; right: a passage of it

A passage is right if the line of the definition begins in it. recall@1, recall@5 and MRR (of the first 10), by the word
search alone and by both searches at 0.5, with 95 % bootstrap intervals; one line of JSON each. With --mixed a text set
(see `retrieval_quality`) is searched alone and beside the code: its nDCG@10 says what code costs questions about text.
"""

from __future__ import annotations

import argparse
import ast
import json
import random
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import metadata
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from retrieval_quality import CACHE, judged, of_ranks, search_all, sets, shown

from rung.knowledge import Fusion, Knowledge
from rung.knowledge.protocol import Lookup
from rung.knowledge.retrieval import embedded
from rung.models.catalog import embedder
from rung.records import Document, Passage

PACKAGES = ("httpx", "click", "flask", "reportlab")
ARMS = {"words": Fusion(0.0), "hybrid .5": Fusion()}
ASKED = ("Where is {} defined?", "What does {} do?", "{}", "How does {} work?", "definition of {}", "Show me {}()")
FILES = ("What is in {}?", "{}", "Which functions does {} define?")
_HUMP = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


@dataclass(frozen=True)
class Definition:
    """A function or class: its file and the character of its line there, its names, its docstring's first sentence."""

    document: str
    at: int
    name: str
    qualified: str
    sentence: str


@dataclass(frozen=True)
class Asked:
    """A question and what is right: (document, character of a definition), or a document alone with -1."""

    kind: str
    text: str
    right: frozenset[tuple[str, int]]


def modules(package: str) -> Iterator[tuple[str, str]]:
    """(path below the packages' folder, text) of each of its Python files."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"the package {package} is not installed")
    root = Path(next(iter(spec.submodule_search_locations)))
    for path in sorted(root.rglob("*.py")):
        yield path.relative_to(root.parent).as_posix(), path.read_text("utf-8")


def files(package: str) -> Iterator[Document]:
    """Its Python files without their docstrings."""
    listed = [*modules(package)]
    print(f"{package}: {metadata(package).get('License-Expression') or metadata(package).get('License')}", file=sys.stderr)
    for name, text in listed:
        bare = without_docstrings(text)
        if bare.strip():
            yield Document(name, bare, name, meta={"language": "python"}, source=name)


def _docstrings(tree: ast.AST) -> Iterator[tuple[ast.AST, ast.Expr]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
                yield node, first


def without_docstrings(text: str) -> str:
    """A module's text whose docstrings are three dots, and the sentences they began with in no place of it."""
    lines = text.splitlines(keepends=True)
    for _, said in sorted(_docstrings(ast.parse(text)), key=lambda pair: -pair[1].lineno):
        first, last = said.lineno - 1, (said.end_lineno or said.lineno) - 1
        head = lines[first].encode()[: said.col_offset].decode()
        tail = lines[last].encode()[said.end_col_offset :].decode()
        lines[first : last + 1] = [f"{head}...{tail}"]
    return "".join(lines)


def definitions(package: str) -> Iterator[Definition]:
    """The definitions of a package, by the files as they are and the characters of those that are indexed."""
    for document, text in modules(package):
        bare = without_docstrings(text)
        starts = np.cumsum([0, *(len(line) for line in bare.splitlines(keepends=True))])
        sentences = {}
        for node, said in _docstrings(ast.parse(text)):
            if isinstance(said.value, ast.Constant) and not isinstance(node, ast.Module):
                sentences[ast.unparse(node).split("\n", 1)[0], getattr(node, "name", "")] = str(said.value.value)
        pending: list[tuple[ast.AST, str]] = [(ast.parse(bare), "")]
        while pending:
            above, prefix = pending.pop()
            for node in ast.iter_child_nodes(above):
                if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                    qualified = f"{prefix}{node.name}"
                    pending.append((node, f"{qualified}."))
                    said = sentences.get((ast.unparse(node).split("\n", 1)[0], node.name), "")
                    at = int(starts[node.lineno - 1]) + node.col_offset
                    yield Definition(document, at, node.name, qualified, _first_sentence(said))


def _first_sentence(docstring: str) -> str:
    paragraph = " ".join(docstring.strip().split("\n\n", 1)[0].split())
    return re.split(r"(?<=[.!?])\s", paragraph, maxsplit=1)[0]


def questions(documents: Sequence[Document], there: Sequence[Definition], most: int) -> list[Asked]:
    """Up to so many of each kind."""
    rng, by_name = random.Random(20261130), dict[str, set[tuple[str, int]]]()
    for one in there:
        for name in {one.name, one.qualified}:
            by_name.setdefault(name, set()).add((one.document, one.at))
    text = "\n".join(document.text for document in documents)
    uses = {name: len(re.findall(rf"(?<!\w){re.escape(name)}(?!\w)", text)) for name in {one.name for one in there}}
    plain = [one for one in there if not one.name.startswith("__") and len(one.name) > 3]
    described = [
        Asked("described", one.sentence, frozenset({(one.document, one.at)}))
        for one in plain
        if len(one.sentence.split()) >= 5 and one.name.lower() not in one.sentence.lower()
    ]
    worded = {one.name: " ".join(_HUMP.findall(one.name)).lower() for one in plain}
    words = [Asked("words", said, frozenset(by_name[name])) for name, said in worded.items() if said.count(" ") > 0]
    symbols = []
    for name in sorted({name for one in plain for name in (one.name, one.qualified)}):
        last = name.rsplit(".", 1)[-1]
        if uses[last] > len(by_name[last]):
            symbols.append(Asked("symbol", rng.choice(ASKED).format(name), frozenset(by_name[name])))
    paths = []
    for document in documents:
        name = document.id.rsplit("/", 1)[-1]
        if name != "__init__.py" and sum(other.id.endswith(f"/{name}") for other in documents) == 1:
            shown = rng.choice((name, document.id))
            paths.append(Asked("path", rng.choice(FILES).format(shown), frozenset({(document.id, -1)})))
    chosen = []
    for kind in (described, words, symbols, paths):
        rng.shuffle(kind)
        chosen += kind[:most]
    return chosen


def rank_of(asked: Asked, found: Sequence[Passage]) -> int:
    """The place of the first right passage, from 1; 0: none."""
    for number, passage in enumerate(found, 1):
        for document, at in asked.right:
            if passage.document == document and (at < 0 or passage.start <= at < passage.end):
                return number
    return 0


def measure(package: str, given: argparse.Namespace) -> list[Document]:
    """Print one package's lines."""
    documents = [*files(package)][: given.limit]
    indexed = {document.id for document in documents}
    there = [one for one in definitions(package) if one.document in indexed]
    asked = questions(documents, there, given.questions)
    knowledge = Knowledge.open(given.keep / f"code-{package}", embedder=embedder("minilm-l6-v2"))
    report = knowledge.sync(documents, progress=lambda done, total: print(f"\r  {done} of {total}", end="", file=sys.stderr))
    print(f"\n{package}: {len(documents)} files, {report.passages} passages, {len(there)} definitions", file=sys.stderr)
    vectors = embedded([one.text for one in asked], knowledge.embedder)
    lookups = [Lookup(one.text, vectors[one.text], None, 10) for one in asked]
    for arm, fusion in ARMS.items():
        found = knowledge.snapshot().search(lookups, fusion)
        ranks = [rank_of(one, passages) for one, passages in zip(asked, found, strict=True)]
        for kind in dict.fromkeys(one.kind for one in asked):
            some = [rank for one, rank in zip(asked, ranks, strict=True) if one.kind == kind]
            row = {name: shown(values) for name, values in of_ranks(some).items()}
            print(json.dumps({"package": package, "arm": arm, "questions": kind, "n": len(some), **row}), flush=True)
        if given.show:
            for one, rank, passages in zip(asked, ranks, found, strict=True):
                if one.kind == given.show and rank != 1:
                    print(f"    {rank} {one.text!r}: {[(p.document, p.line) for p in passages[:3]]}", file=sys.stderr)
    return documents


def mixed(name: str, code: Sequence[Document], given: argparse.Namespace) -> None:
    """Print nDCG@10 of a text set alone, and with code beside it."""
    which = next(iter(sets([name])))
    cases = which.test[: given.questions]
    for label, documents in (("alone", which.documents), ("beside code", [*which.documents, *code])):
        knowledge = Knowledge.open(given.keep / f"{name}-{label.replace(' ', '-')}", embedder=embedder("minilm-l6-v2"))
        knowledge.sync([d for d in documents if d.text.strip()])
        for arm, fusion in ARMS.items():
            values = judged(which, cases, search_all(knowledge, cases, fusion))["nDCG@10"]
            print(json.dumps({"set": name, "searched": label, "arm": arm, "n": len(cases), "nDCG@10": shown(values)}))


def main() -> None:
    """Measure the packages that were named, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("packages", nargs="*", default=PACKAGES)
    parser.add_argument("--questions", type=int, default=300)
    parser.add_argument("--limit", type=int, default=60, help="files of a package")
    parser.add_argument("--mixed", nargs="*", default=[], metavar="SET")
    parser.add_argument("--show", default="", metavar="KIND", help="name what was missed of these questions")
    parser.add_argument("--keep", type=Path, default=CACHE)
    given = parser.parse_args()
    code = [document for package in given.packages for document in measure(package, given)]
    for name in given.mixed:
        mixed(name, [replace(document, id=f"code/{document.id}") for document in code], given)


if __name__ == "__main__":
    main()
