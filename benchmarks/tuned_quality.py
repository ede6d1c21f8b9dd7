"""How good is the tuned 135M model, for how much training? Any recipe on real rows, judged as it is served.

    nice -n 10 python benchmarks/tuned_quality.py snips     --rows 1000 --recipe epochs=3
    nice -n 10 python benchmarks/tuned_quality.py banking77 --rows 3000 --recipe epochs=2 learning_rate=2e-3
    nice -n 10 python benchmarks/tuned_quality.py squad2    --rows 800  --recipe epochs=2 --unanswerable 0.15

Data: ../shared/data beside the project; it says so when it is absent. `snips`: exact JSON values. `banking77`: the label,
exactly, unconstrained unless --labels. `squad2`: the gold passage, with --distractors N among others of its article;
F1 over answerable cases, refusals of answerable and of unanswerable ones. Test rows come from the test files. Prints a line
of JSON with the recipe, seconds (wall and CPU), tokens and scores; the adapter stays in --keep, if given.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import sys
import tempfile
import time
from pathlib import Path

from rung.models.catalog import generator
from rung.models.local import LocalGenerator
from rung.records import Example, Message, Passage, Question
from rung.records.steps import Generate, GenerateResult, Request
from rung.scoring.squad import token_f1
from rung.strategies.prompting import grounded
from rung.text.refusals import REFUSAL, is_refusal
from rung.training import Recipe, train_generator

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
RULE = f"Use only the numbered passages. Answer as briefly as they allow. If they do not hold the answer, say: {REFUSAL}"


def lines(name: str) -> list[dict]:  # type: ignore[type-arg]
    """The rows of a data file, shuffled by a fixed seed."""
    path = DATA / name
    if not path.exists():
        sys.exit(f"{path} is absent: this benchmark needs it there")
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    random.Random(7).shuffle(rows)
    return rows


def chats(name: str) -> list[Example]:
    """Example files as they are."""
    return [Example(r["id"], tuple(Message(m["role"], m["content"]) for m in r["messages"])) for r in lines(name)]


def squad(name: str, *, unanswerable: float | None, count: int, distractors: int) -> list[Example]:
    """Questions with their gold passage among others of the article; `unanswerable` None keeps the file's own share.

    Rows to learn are drawn by whole passages, with all their questions, as a team would write them.
    """
    documents = {d["id"]: d for d in lines("knowledge/squad2/documents.jsonl")}
    articles: dict[str, list[str]] = {}
    for key in sorted(documents):
        articles.setdefault(key.rsplit(":", 1)[0], []).append(key)
    cases = drawn(lines(name), unanswerable=unanswerable, count=count)
    made = []
    for case in cases:
        gold, rng = case["meta"]["context_document"], random.Random(case["id"])
        others = [d for d in articles[gold.rsplit(":", 1)[0]] if d != gold]
        shown = [gold, *rng.sample(others, min(distractors, len(others)))]
        rng.shuffle(shown)
        passages = [Passage(d, d, 0, 0, documents[d]["text"], documents[d]["title"]) for d in shown]
        messages = grounded("Answer the question.", RULE, Question(case["id"], case["question"]), passages)
        said = case["answers"][0] if case["answerable"] else REFUSAL
        made.append(Example(case["id"], (*messages, Message("assistant", said)), meta={"answers": case["answers"]}))
    return made


def drawn(cases: list[dict], *, unanswerable: float | None, count: int) -> list[dict]:  # type: ignore[type-arg]
    """`count` cases as they come; or of the first passages, with that share of unanswerable ones."""
    if unanswerable is None:
        return cases[:count]
    order = {key: place for place, key in enumerate(dict.fromkeys(c["meta"]["context_document"] for c in cases))}
    cases = sorted(cases, key=lambda c: order[c["meta"]["context_document"]])
    refusing = round(count * unanswerable)
    answerable = [c for c in cases if c["answerable"]][: count - refusing]
    last = order[answerable[-1]["meta"]["context_document"]]
    near = [c for c in cases if not c["answerable"] and order[c["meta"]["context_document"]] <= last]
    return answerable + random.Random(7).sample(near, min(refusing, len(near)))


def score(task: str, examples: list[Example], said: list[str]) -> dict[str, float]:
    """Means over the test rows."""
    if task == "snips":
        return {"exact_json": sum(same_json(t, e.output) for t, e in zip(said, examples, strict=True)) / len(said)}
    if task == "banking77":
        return {"label": sum(t.strip() == e.output for t, e in zip(said, examples, strict=True)) / len(said)}
    able = [(t, e) for t, e in zip(said, examples, strict=True) if e.meta["answers"]]
    unable = [t for t, e in zip(said, examples, strict=True) if not e.meta["answers"]]
    return {
        "f1_answerable": sum(token_f1(t, e.meta["answers"]) for t, e in able) / len(able),  # type: ignore[arg-type]
        "false_refusals": sum(is_refusal(t) for t, _ in able) / len(able),
        "right_refusals": sum(is_refusal(t) for t in unable) / max(1, len(unable)),
        "answerable": len(able),
    }


def same_json(text: str, wanted: str) -> bool:
    """Equal JSON values."""
    try:
        return bool(json.loads(text) == json.loads(wanted))
    except ValueError:
        return False


def setting(text: str) -> tuple[str, float]:
    """`name=value` of a recipe."""
    name, _, value = text.partition("=")
    return name, float(value) if any(c in value for c in ".e") else int(value)


def main() -> None:
    """Train, answer the test rows, print the scores."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("task", choices=["snips", "banking77", "squad2"])
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--test", type=int, default=200)
    parser.add_argument("--recipe", type=setting, nargs="*", default=[])
    parser.add_argument("--unanswerable", type=float, default=0.15)
    parser.add_argument("--distractors", type=int, default=0, help="squad2: passages shown beside the gold one")
    parser.add_argument("--labels", action="store_true", help="banking77: decode within the labels")
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--threads", type=int, default=0)
    asked = parser.parse_args()
    if asked.threads:
        import torch

        torch.set_num_threads(asked.threads)
    if asked.task == "squad2":
        train = squad(
            "knowledge/squad2/cases_train.jsonl.gz",
            unanswerable=asked.unanswerable,
            count=asked.rows,
            distractors=asked.distractors,
        )
        cases = "knowledge/squad2/cases_test.jsonl"
        test = squad(cases, unanswerable=None, count=asked.test, distractors=asked.distractors)
    else:
        train = chats(f"behaviour/{asked.task}/train.jsonl.gz")[: asked.rows]
        test = chats(f"behaviour/{asked.task}/test.jsonl")[: asked.test]
    model = generator("smollm2-135m-instruct")
    assert isinstance(model, LocalGenerator)
    recipe = Recipe.of(dict(asked.recipe), rows=len(train))
    with tempfile.TemporaryDirectory() as scratch:
        folder = asked.keep or Path(scratch)
        cpu, wall = time.process_time(), time.monotonic()
        trained = train_generator(
            train,
            model,
            recipe=recipe,
            folder=folder,
            progress=lambda n, of, note: show(n, of, note, time.process_time() - cpu),
        )
        cpu, wall = time.process_time() - cpu, time.monotonic() - wall
        model.use_adapters({"tuned": folder})
        labels = tuple(sorted({e.output for e in train})) if asked.labels else ()
        steps = [Generate(e.messages[:-1], adapter="tuned", max_tokens=160, choices=labels) for e in test]
        found = dict(model.run([Request(step) for step in steps]))
    said = [r.text if isinstance(r := found[n], GenerateResult) else "" for n in range(len(test))]
    told = {
        "task": asked.task,
        "rows": trained.rows,
        "recipe": dict(asked.recipe),
        "epochs": recipe.epochs,
        "steps": trained.steps,
        "tokens": trained.tokens,
        "wall_seconds": round(wall),
        "cpu_seconds": round(cpu),
        "loss": round(trained.loss, 4),
        "validation_loss": trained.validation_loss,
        "test": len(test),
        **{name: round(value, 3) for name, value in score(asked.task, test, said).items()},
    }
    print(json.dumps(told), flush=True)


def show(step: int, steps: int, note: str, cpu: float) -> None:
    """Every twentieth of the way, a line on stderr."""
    if step % max(1, steps // 20) == 0:
        print(f"{step}/{steps} {note} cpu {cpu:.0f} s", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
