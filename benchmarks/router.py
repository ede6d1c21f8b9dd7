"""What does a router save at equal correctness, and what does it win at equal cost? Against always-best, always-cheapest.

    python benchmarks/router.py banking77 [--cheap-rows 5] [--price 20] [--dev 1500] [--keep FOLDER]
    python benchmarks/router.py clinc150
    python benchmarks/router.py squad2 [--cases 100] [--dev-cases 100]

`banking77`, `clinc150`: two rungs whose answers are real and whose prices are set: `cheap`, a classifier taught with a few
rows a label, and `strong`, one taught with all rows, which is said to cost --price times as much. The router learns from
rows that taught neither (of banking77 train rows, of clinc150 its dev rows) and is judged on the test rows; like the
product's, it sees how sure the classifier `cheap` is (of `strong`, which stands for a dear rung of any kind, nothing); with
--blind it sees the questions' vectors only. `squad2`: all is real: a project with `prompt` and `rag` showing 1, 3 and 6
passages, learning from dev cases, through `rung compare`; the cost is the tokens (one written as four read).

For the threshold that the router chose by itself and for fixed ones: correctness, cost, the share of always-best's cost
that is saved, and the difference in correctness to always-best and to a blind mix of the cheapest and the best at the same
cost. Intervals are 95 %, by 2,000 bootstraps of the test cases (for the difference and the saving: paired).
Reads ../shared/data (it says so when that is absent). --keep FOLDER keeps vectors, as in benchmarks/classifier.py.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from classifier import FILES, Kept, drawn, labelled
from numpy.typing import NDArray
from tuned_quality import lines

from rung.models.catalog import embedder as opened
from rung.models.classifying import Head, sureness
from rung.training.classifier import train_classifier
from rung.training.labels import LabelRecipe
from rung.training.router import Trials, hindsight, policy, route, train_router

Floats = NDArray[np.float64]
Rows = list[tuple[str, str]]
BOOTSTRAPS = 2000


def interval(statistic: Callable[[NDArray[np.int64]], float], count: int, *, percent: bool = False) -> str:
    """A statistic of case places with its bootstrap interval."""
    rng = np.random.default_rng(0)
    everything = np.arange(count)
    drawn_ = [statistic(rng.integers(0, count, count)) for _ in range(BOOTSTRAPS)]
    low, high = np.percentile(drawn_, [2.5, 97.5])
    mean = statistic(everything)
    return f"{mean:.1%} [{low:.1%}, {high:.1%}]" if percent else f"{mean:+.3f} [{low:+.3f}, {high:+.3f}]"


def told(name: str, choice: NDArray[np.int64], trials: Trials) -> str:
    """One line of the table."""
    rows, best = np.arange(len(choice)), trials.best
    correct, cost = trials.correct[rows, choice], trials.cost[rows, choice]
    first, last = trials.correct[:, 0], trials.correct[:, best]
    dear, cheap = trials.cost[:, best], trials.cost[:, 0]

    def saved(places: NDArray[np.int64]) -> float:
        return float(1 - cost[places].sum() / dear[places].sum())

    def against_best(places: NDArray[np.int64]) -> float:
        return float((correct - last)[places].mean())

    def against_mix(places: NDArray[np.int64]) -> float:
        span = dear[places].mean() - cheap[places].mean()
        share = (cost[places].mean() - cheap[places].mean()) / span if span else 0.0
        return float(correct[places].mean() - (1 - share) * first[places].mean() - share * last[places].mean())

    count = len(choice)
    shares = ", ".join(f"{n} {s:.0%}" for n, s in zip(trials.names, policy(trials, choice).shares, strict=True) if s)
    cells = [
        f"{correct.mean():.3f}",
        f"{cost.mean():.4g}",
        interval(saved, count, percent=True),
        interval(against_best, count),
        interval(against_mix, count),
        shares,
    ]
    return f"| {name} | {' | '.join(cells)} |"


def table(learnt: tuple[Any, Trials], judged: tuple[Any, Trials]) -> None:
    """Train on the one, judge on the other."""
    vectors, trials = judged
    head, made = train_router(*learnt, threshold=None, give_up=0.0, refuse=False, seed=0)
    _, loose = train_router(*learnt, threshold=None, give_up=0.01, refuse=False, seed=0)
    sure, best = head.probabilities(vectors), learnt[1].best
    print(f"learnt from {len(learnt[1].correct)} cases, judged on {len(trials.correct)}; cost in {trials.unit}")
    print("| policy | correct | cost | cost saved | correct − always best | correct − blind mix at equal cost | shares |")
    print("|---|---|---|---|---|---|---|")
    for place, name in enumerate(trials.names):
        print(told(f"always {name}", np.full(len(sure), place), trials))
    print(told(f"router, its own threshold ({made['threshold']:.2f})", route(sure, made["threshold"], best), trials))
    print(told(f"router, give_up 0.01 ({loose['threshold']:.2f})", route(sure, loose["threshold"], best), trials))
    for threshold in (0.5, 0.6, 0.7, 0.8, 0.9, 0.95):
        print(told(f"router at {threshold}", route(sure, threshold, best), trials))
    print(told("with hindsight", hindsight(trials), trials))


def labels(name: str, asked: argparse.Namespace) -> None:
    """Two classifiers, one taught with little."""
    train_file, test_file = FILES[name]
    test = labelled(name, test_file)
    judged = {text.lower() for text, _ in test}
    train = list(dict.fromkeys(row for row in labelled(name, train_file) if row[0].lower() not in judged))
    if name == "clinc150":
        dev = [row for row in labelled(name, "dev.jsonl.gz") if row[0].lower() not in judged]
    else:
        dev = drawn(train, asked.dev)
        train = [row for row in train if row not in set(dev)]
    few = drawn(train, asked.cheap_rows * len({label for _, label in train}))
    embedder = Kept(opened("minilm-l6-v2"), asked.keep)
    right, sure = {}, {}
    for who, rows in (("cheap", few), ("strong", train)):
        right[who], sure[who] = taught(rows, [dev, test], embedder)
    made = []
    for place, rows in enumerate((dev, test)):
        correct = np.stack([right[who][place] for who in ("cheap", "strong")], axis=1)
        cost = np.tile([1.0, float(asked.price)], (len(rows), 1))
        vectors = embedder.embed([text for text, _ in rows], kind="query")
        if not asked.blind:
            vectors = np.concatenate([vectors, sure["cheap"][place]], axis=1)
        made.append((vectors, Trials(("cheap", "strong"), correct, cost, np.zeros(len(rows)), "set prices")))
    print(f"{name}: cheap taught with {len(few):,} rows, strong with {len(train):,}; prices set to 1 and {asked.price:g}")
    table(made[0], made[1])


def taught(rows: Rows, judged: Sequence[Rows], embedder: Any) -> tuple[list[Floats], list[Any]]:
    """Whether a classifier taught with the rows is right, and how sure it is, for each of the sets."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        train_classifier(rows, embedder, recipe=LabelRecipe(method="frozen"), folder=folder, progress=lambda *_: None)
        head = Head.load(folder)
    found = [head.probabilities(embedder.embed([text for text, _ in some], kind="query")) for some in judged]
    right = [
        np.array([float(head.labels[p.argmax()] == wanted) for p, (_, wanted) in zip(sure, some, strict=True)])
        for sure, some in zip(found, judged, strict=True)
    ]
    return right, [sureness(sure) for sure in found]


def squad2(asked: argparse.Namespace) -> None:
    """A project, compared as anybody would."""
    keys = ("id", "question", "answers", "answerable", "gold_documents")
    rows = [
        {key: row[key] for key in keys} | {"split": split}
        for split, file, count in (("dev", "cases_dev.jsonl", asked.dev_cases), ("test", "cases_test.jsonl", asked.cases))
        for row in lines(f"knowledge/squad2/{file}")[:count]
    ]
    documents = [{key: row[key] for key in ("id", "title", "text")} for row in lines("knowledge/squad2/documents.jsonl")]
    settings = {
        "name": "squad2",
        "task": "Answer the question with as few words as possible.",
        "knowledge": {"sources": ["documents.jsonl"], "chunk_tokens": 200},
        "cases": ["cases.jsonl"],
        "model": asked.model,
        "embedder": asked.embedder,
        "rungs": ["prompt", {"rag": {"passages": [1, 3, 6]}}, {"router": {"give_up": [0.0, 0.02]}}],
        "bar": {"correct": 0.9},
    }
    with tempfile.TemporaryDirectory() as scratch:
        folder = asked.project or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        for name, made in (("documents.jsonl", documents), ("cases.jsonl", rows)):
            (folder / name).write_text("".join(json.dumps(row) + "\n" for row in made), encoding="utf-8")
        (folder / "rung.yaml").write_text(json.dumps(settings, indent=1), encoding="utf-8")
        command = [sys.executable, "-m", "rung", "compare", str(folder), "--json"]
        ran = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
        if ran.returncode not in (0, 1):
            raise SystemExit(f"rung compare ended with {ran.returncode}")
        verdict = json.loads(ran.stdout)
    print(f"squad2: learnt from {asked.dev_cases} dev cases, judged on {verdict['cases']}; {asked.model}")
    print("| rung | correct | tokens a question | p50 ms | routed |\n|---|---|---|---|---|")
    for one in verdict["rungs"]:
        if one["status"] != "measured":
            print(f"| {one['name']} | {one['why']} | | | |")
            continue
        scores = one["scores"]
        tokens = scores["prompt_tokens"]["mean"] + 4 * scores["completion_tokens"]["mean"]
        correct = "{mean:.3f} [{low:.3f}, {high:.3f}]".format(**scores["correct"])
        p50 = one["latency_ms"]["p50"]
        routed = one["settings"].get("routed", "")
        print(f"| {one['name']} | {correct} | {tokens:.0f} | {'–' if p50 is None else f'{p50:.0f}'} | {routed} |")


def main() -> None:
    """One data set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data", choices=["banking77", "clinc150", "squad2"])
    parser.add_argument("--cheap-rows", type=int, default=5, help="rows a label that teach the cheap classifier")
    parser.add_argument("--price", type=float, default=20, help="of the strong one, in the cheap one's")
    parser.add_argument("--blind", action="store_true", help="the router sees vectors only, not how sure `cheap` is")
    parser.add_argument("--dev", type=int, default=1500, help="banking77: train rows that the router learns from")
    parser.add_argument("--cases", type=int, default=100, help="squad2: test cases")
    parser.add_argument("--dev-cases", type=int, default=100, help="squad2: cases that the router learns from")
    parser.add_argument("--model", default="smollm2-135m-instruct")
    parser.add_argument("--embedder", default="minilm-l6-v2")
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--project", type=Path, help="squad2: leave the project there, where the same command goes on")
    asked = parser.parse_args()
    if asked.data == "squad2":
        squad2(asked)
    else:
        labels(asked.data, asked)


if __name__ == "__main__":
    main()
