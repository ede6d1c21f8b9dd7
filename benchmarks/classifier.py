"""How good is a small classifier at labels, how well does it know when it is not sure, and how fast is it?

    python benchmarks/classifier.py banking77 [--rows 2000] [--method frozen] [--peers]
    python benchmarks/classifier.py clinc150
    python benchmarks/classifier.py snips
    python benchmarks/classifier.py bitext

Reads ../shared/data/behaviour (it says so when that is absent), trains on the train rows by the product's own trainer, and
has the product's own engine label every test row. Prints accuracy with its 95 % interval (Wilson), the calibration error,
and the milliseconds of 200 texts one at a time. `clinc150` also: accuracy in scope and recall of what is out of scope, with
the threshold that the rows held out of training suggest. `snips` and `bitext` are judged on the intent alone. Training texts
that are also test texts are left out. --peers adds scikit-learn's LogisticRegression (C by the same rows held out) on the
same vectors, and on TF-IDF of words and pairs. --keep FOLDER keeps vectors, so that a second run does not make them again.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from tuned_quality import lines

from rung.models.catalog import embedder as opened
from rung.models.classifying import Classifiers, Head
from rung.records import digest
from rung.records.steps import Classify, ClassifyResult, Request
from rung.training.classifier import calibration_error, divided, train_classifier
from rung.training.labels import LabelRecipe

Row = dict[str, Any]
FILES = {
    "banking77": ("train.jsonl.gz", "test.jsonl"),
    "clinc150": ("train.jsonl.gz", "test.jsonl.gz"),
    "snips": ("train.jsonl.gz", "test.jsonl"),
    "bitext_intents": ("train.jsonl.gz", "test.jsonl"),
}
OUTSIDE = {"clinc150": "oos"}
LIVE = 200


class Kept:
    """An embedder whose vectors are kept in a folder, text by text."""

    def __init__(self, inner: Any, folder: Path | None) -> None:
        self.inner = inner
        self.home = folder / digest(inner.identity)[:12] if folder else None
        self.known: dict[str, Any] = {}
        if self.home and (self.home / "texts.json").exists():
            texts = json.loads((self.home / "texts.json").read_text(encoding="utf-8"))
            self.known = dict(zip(texts, np.load(self.home / "vectors.npy"), strict=True))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def embed(self, texts: Sequence[str], *, kind: Literal["query", "passage"]) -> Any:
        """As the embedder, or as it did; one text alone is always embedded."""
        if self.home is None or len(texts) == 1:
            return self.inner.embed(texts, kind=kind)
        if new := list(dict.fromkeys(text for text in texts if text not in self.known)):
            self.known.update(zip(new, self.inner.embed(new, kind=kind), strict=True))
            self.home.mkdir(parents=True, exist_ok=True)
            np.save(self.home / "vectors.npy", np.stack(list(self.known.values())))
            (self.home / "texts.json").write_text(json.dumps(list(self.known)), encoding="utf-8")
        return np.stack([self.known[text] for text in texts])


def labelled(name: str, file: str) -> list[tuple[str, str]]:
    """(text, label) rows of a data set."""
    return [(" ".join(said(row, "user").split()), label(row)) for row in lines(f"behaviour/{name}/{file}")]


def said(row: Row, role: str) -> str:
    """The last turn of this role."""
    return str(next(m["content"] for m in reversed(row["messages"]) if m["role"] == role))


def label(row: Row) -> str:
    """The wanted label; of a JSON answer the intent."""
    text = said(row, "assistant").strip()
    return str(json.loads(text)["intent"]) if text.startswith("{") else text


def drawn(rows: Sequence[tuple[str, str]], count: int) -> list[tuple[str, str]]:
    """`count` rows, the labels' shares kept; all for 0."""
    if not count or count >= len(rows):
        return list(rows)
    by_label: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for row in random.Random(7).sample(list(rows), len(rows)):
        by_label[row[1]].append(row)
    turns = [
        row
        for turn in range(max(map(len, by_label.values())))
        for some in by_label.values()
        for row in some[turn : turn + 1]
    ]
    return turns[:count]


def wilson(hits: int, of: int) -> str:
    """`.932 [.921, .943]`."""
    share, z = hits / of, 1.96
    middle, half = share + z * z / 2 / of, z * math.sqrt(share * (1 - share) / of + z * z / 4 / of / of)
    low, high = ((middle + sign * half) / (1 + z * z / of) for sign in (-1, 1))
    return f"{share:.3f} [{low:.3f}, {high:.3f}]"


def labels_of(folder: Path, embedder: Any, texts: Sequence[str]) -> list[ClassifyResult]:
    """What the engine says of each text."""
    engine = Classifiers({"made": folder}, lambda: embedder)
    labels = Head.load(folder).labels
    results = dict(engine.run([Request(Classify(text, labels, "made")) for text in texts]))
    return [results[place] for place in range(len(texts))]  # type: ignore[misc]


def live(folder: Path, embedder: Any, texts: Sequence[str]) -> list[float]:
    """Milliseconds of each text, one at a time, after one that is not counted."""
    engine = Classifiers({"made": folder}, lambda: embedder)
    labels = Head.load(folder).labels
    took = []
    for text in [texts[0], *texts[:LIVE]]:
        began = time.perf_counter()
        list(engine.run([Request(Classify(text, labels, "made"))]))
        took.append((time.perf_counter() - began) * 1000)
    return took[1:]


def outside_table(name: str, said: Sequence[ClassifyResult], wanted: Sequence[str], best: float) -> None:
    """In scope and out of scope, by threshold."""
    outside = OUTSIDE[name]
    print("| threshold | all | in scope | out-of-scope recall | its precision |\n|---|---|---|---|---|")
    for threshold in sorted({0.0, best, 0.3, 0.5, 0.7}):
        picked = [one.label if one.probability >= threshold else outside for one in said]
        pairs = list(zip(picked, wanted, strict=True))
        inside, beyond = ([p == w for p, w in pairs if (w == outside) == out] for out in (False, True))
        given = [w == outside for p, w in pairs if p == outside]
        shown = f"{threshold:g}" + (" (from rows held out)" if threshold == best else "")
        cells = [wilson(sum(some), len(some)) for some in ([p == w for p, w in pairs], inside, beyond, given or [False])]
        print(f"| {shown} | {' | '.join(cells)} |")


def peers(train: Sequence[tuple[str, str]], test: Sequence[tuple[str, str]], embedder: Any) -> None:
    """scikit-learn on the same vectors, and on words."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    split = divided(train, seed=0)
    held, wanted = split.held_out, np.array([label for _, label in train])
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True).fit([text for text, _ in train])
    makers = {
        "vectors": lambda rows: embedder.embed([text for text, _ in rows], kind="query"),
        "TF-IDF": lambda rows: words.transform([text for text, _ in rows]),
    }
    for name, make in makers.items():
        x, began = make(train), time.monotonic()
        tried = []
        for strength in (1.0, 10.0, 100.0):
            model = LogisticRegression(C=strength, max_iter=300).fit(x[~held], wanted[~held])
            tried.append((model.score(x[held], wanted[held]), strength))
        best = max(tried)[1]
        model = LogisticRegression(C=best, max_iter=300).fit(x, wanted)
        hits = int((model.predict(make(test)) == np.array([label for _, label in test])).sum())
        print(f"scikit-learn on {name}, C={best:g}: {wilson(hits, len(test))}; fitting {time.monotonic() - began:.1f} s")


def main() -> None:
    """Train, label, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data", choices=["banking77", "clinc150", "snips", "bitext"])
    parser.add_argument("--rows", type=int, default=0, help="train rows; 0: all")
    parser.add_argument("--method", default="frozen", choices=["auto", "frozen", "tuned"])
    parser.add_argument("--epochs", type=int, default=0)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--peers", action="store_true")
    asked = parser.parse_args()
    name = {"bitext": "bitext_intents"}.get(asked.data, asked.data)
    train_file, test_file = FILES[name]
    test = labelled(name, test_file)
    judged = {text.lower() for text, _ in test}
    train = drawn(list(dict.fromkeys(r for r in labelled(name, train_file) if r[0].lower() not in judged)), asked.rows)
    embedder = Kept(opened("minilm-l6-v2"), asked.keep)
    given = {"method": asked.method, "out_of_scope": OUTSIDE.get(name, "")}
    recipe = LabelRecipe.of({**given, "epochs": asked.epochs} if asked.epochs else given)
    with tempfile.TemporaryDirectory() as scratch:
        folder, began = Path(scratch), time.monotonic()
        made: Row = train_classifier(train, embedder, recipe=recipe, folder=folder, progress=lambda *_: None)
        seconds = time.monotonic() - began
        found = labels_of(folder, embedder, [text for text, _ in test])
        right = [one.label == wanted for one, (_, wanted) in zip(found, test, strict=True)]
        gap = calibration_error(np.array([one.probability for one in found]), np.array(right))
        took = live(folder, embedder, [text for text, _ in test])
        print(f"{name}, {made['method']}: {len(train):,} train rows, {made['labels']} labels, {seconds:.0f} s with vectors")
        print(f"accuracy {wilson(sum(right), len(right))} on {len(right):,} test rows; calibration error {gap:.3f}")
        p95 = statistics.quantiles(took, n=20)[-1]
        print(f"one at a time: p50 {statistics.median(took):.1f} ms, p95 {p95:.1f} ms ({len(took)} texts)")
        shown = {key: value for key, value in made["metrics"].items() if key != "reject"}
        print(f"rows held out: {json.dumps(shown)}; notes {made['notes']}")
        print(f"penalty {made['recipe']['penalty']:g}; validation loss by step {made['validation_loss']}")
        if name in OUTSIDE:
            outside_table(name, found, [wanted for _, wanted in test], float(made["metrics"]["reject"]["best"]))
    if asked.peers:
        peers(train, test, embedder)


if __name__ == "__main__":
    main()
