"""How many rows does the tuned model need? Held-out rows, answered as they are served: untuned, and tuned on ever more.

    nice -n 10 python benchmarks/learning_curve.py snips --rows 50 200 1000 5000
    nice -n 10 python benchmarks/learning_curve.py banking77 --rows 50 200 --recipe patience=3 validation=0.1
    nice -n 10 python benchmarks/learning_curve.py conventional_commits --rows 50 --test 40 --arms prompt tuned
    nice -n 10 python benchmarks/learning_curve.py gsm8k --rows 200 --arms tuned --keep ../adapters    # for forgetting.py

Data: ../shared/data beside the project; it says so when it is absent. Judged by: snips exact JSON values; banking77 and
clinc150 the label (clinc150 with `oos` among its test rows, told apart); e2e_nlg ROUGE-L against the best reference, and the
share of attributes' values that are said; conventional_commits the form of the header, and its type; gsm8k the final number
(without a calculator: a generator alone has none). Arms: `prompt`, `few_shot` (four rows, fixed by the seed), `structured`
(labels or the schema, where there are any), `tuned` at each number of rows, not held to labels or schema. Rows are drawn by
a fixed seed, the small sets out of the large ones. Every line of JSON has means with 95 % intervals (Wilson, or the normal
one for ROUGE), the recipe and seconds.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from make_examples import make_commands
from tuned_quality import DATA, lines, same_json, setting, show

from rung.models.catalog import generator
from rung.models.local import LocalGenerator
from rung.records import Example, Message
from rung.records.steps import Generate, GenerateResult, Request
from rung.scoring.rouge import f_measure
from rung.text.matching import best
from rung.training import Recipe, train_generator

FILES = {
    "snips": ("behaviour/snips/train.jsonl.gz", "behaviour/snips/test.jsonl"),
    "banking77": ("behaviour/banking77/train.jsonl.gz", "behaviour/banking77/test.jsonl"),
    "clinc150": ("behaviour/clinc150/train.jsonl.gz", "behaviour/clinc150/test.jsonl.gz"),
    "e2e_nlg": ("behaviour/e2e_nlg/train.jsonl", "behaviour/e2e_nlg/test.jsonl.gz"),
    "gsm8k": ("behaviour/gsm8k/train.jsonl.gz", "behaviour/gsm8k/test.jsonl"),
    "conventional_commits": ("style/conventional_commits/train.jsonl", "style/conventional_commits/test.jsonl"),
}
ROOM = {"gsm8k": 320, "snips": 160, "e2e_nlg": 120}
LABELS = ("banking77", "clinc150")
HEADER = re.compile(r"^(feat|fix|docs|style|refactor|perf|test|build|ci|chore|revert)(\([^()\n]+\))?!?: \S[^\n]*$")
SHOTS = 4


def last_number(text: str) -> str:
    """The number after `####`, else the last one."""
    marked = re.findall(r"####\s*(-?[\d,.]+)", text) or re.findall(r"-?\d[\d,]*(?:\.\d+)?", text)
    return marked[-1].replace(",", "").rstrip(".") if marked else ""


def judged(task: str, row: Example, said: str) -> dict[str, float]:
    """What one answer is worth, by name."""
    said = said.strip()
    if task == "snips":
        return {"exact_json": same_json(said, row.output)}
    if task in LABELS:
        kind = "out_of_scope" if row.output == "oos" else "in_scope"
        return {"label": said == row.output, **({f"label_{kind}": said == row.output} if task == "clinc150" else {})}
    if task == "gsm8k":
        return {"final_number": last_number(said) == str(row.meta["final"]).replace(",", "")}
    if task == "conventional_commits":
        found = HEADER.match(said)
        return {"format": bool(found), "type": bool(found) and found[1] == row.meta["type"]}  # type: ignore[index]
    values = re.findall(r"\[([^\]]+)\]", row.messages[-2].content)
    values = [v for v in values if v not in ("yes", "no")]  # "yes" is said in other words
    references = row.meta.get("references") or [row.output]
    share = sum(v.lower() in said.lower() for v in values) / max(1, len(values))
    return {"rouge_l": best(f_measure, said, references, articles=True), "attributes": share}  # type: ignore[arg-type]


def interval(values: Sequence[float]) -> list[float]:
    """[mean, low, high, n]: Wilson's interval for rights and wrongs, else the normal one."""
    n, mean = len(values), sum(values) / len(values)
    if set(values) <= {0, 1}:
        z = 1.96
        middle, half = mean + z * z / (2 * n), z * math.sqrt(mean * (1 - mean) / n + z * z / (4 * n * n))
        low, high = (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)
    else:
        half = 1.96 * math.sqrt(sum((v - mean) ** 2 for v in values) / max(1, n - 1) / n)
        low, high = mean - half, mean + half
    return [*(round(v, 3) for v in (mean, low, high)), n]


def answered(model: LocalGenerator, steps: Sequence[Generate]) -> list[str]:
    """The texts, in order; a failed one is empty, and a miss."""
    found = dict(model.run([Request(step) for step in steps]))
    return [r.text if isinstance(r := found[n], GenerateResult) else "" for n in range(len(steps))]


def prompts(task: str, arm: str, train: Sequence[Example], test: Sequence[Example]) -> Iterator[Generate] | None:
    """The steps of an untuned arm; None where it does not apply."""
    held: dict[str, object] = {}
    if arm == "structured":
        if task in LABELS:
            held = {"choices": tuple(sorted({row.output for row in train} | ({"oos"} if task == "clinc150" else set())))}
        elif task == "snips":
            held = {"schema": dict(make_commands(DATA))["answer.schema.json"]}
        else:
            return None
    shown = [m for row in train[:SHOTS] for m in row.messages if m.role != "system"] if arm == "few_shot" else []

    def chat(row: Example) -> tuple[Message, ...]:
        system = [m for m in row.messages if m.role == "system"]
        return (*system, *shown, *(m for m in row.messages[:-1] if m.role != "system"))

    return (Generate(chat(row), max_tokens=ROOM.get(task, 48), **held) for row in test)  # type: ignore[arg-type]


def tell(task: str, arm: str, rows: int, test: Sequence[Example], said: Sequence[str], **more: object) -> None:
    """One line of JSON."""
    found: dict[str, list[float]] = {}
    for row, text in zip(test, said, strict=True):
        for name, value in judged(task, row, text).items():
            found.setdefault(name, []).append(float(value))
    line = {"task": task, "arm": arm, "rows": rows, **{name: interval(values) for name, values in found.items()}, **more}
    print(json.dumps(line), flush=True)


def tuned(
    model: LocalGenerator,
    task: str,
    rows: Sequence[Example],
    test: Sequence[Example],
    given: dict[str, float],
    *,
    keep: Path | None,
) -> None:
    """Train on these rows, answer the test rows, tell."""
    recipe = Recipe.of(given, rows=len(rows))  # type: ignore[arg-type]
    with tempfile.TemporaryDirectory() as scratch:
        cpu, wall = time.process_time(), time.monotonic()
        note: Callable[[int, int, str], None] = lambda n, of, said: show(n, of, said, time.process_time() - cpu)  # noqa: E731
        name = f"{task}-{len(rows)}"
        folder = (keep or Path(scratch)) / name
        folder.mkdir(parents=True, exist_ok=True)
        trained = train_generator(rows, model, recipe=recipe, folder=folder, progress=note)
        spent = {"train_wall": round(time.monotonic() - wall), "train_cpu": round(time.process_time() - cpu)}
        model.use_adapters({name: folder})
        steps = [Generate(row.messages[:-1], adapter=name, max_tokens=ROOM.get(task, 48)) for row in test]
        said = answered(model, steps)
    more = {"epochs": recipe.epochs, "steps": trained.steps, "tokens": trained.tokens, "recipe": given, **spent}
    tell(task, "tuned", len(rows), test, said, validation_loss=trained.validation_loss, **more)


def main() -> None:
    """Every arm of one data set, a line each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("task", choices=sorted(FILES))
    parser.add_argument("--rows", type=int, nargs="*", default=[50, 200, 1000, 5000])
    parser.add_argument("--test", type=int, default=300)
    parser.add_argument("--arms", nargs="*", default=["prompt", "few_shot", "structured", "tuned"])
    parser.add_argument("--recipe", type=setting, nargs="*", default=[])
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="a folder for the adapters, a folder each")
    asked = parser.parse_args()
    if asked.threads:
        import torch

        torch.set_num_threads(asked.threads)
    train, test = (chats_of(name) for name in FILES[asked.task])
    test = test[: asked.test]
    repeated = {row.messages[-2].content.strip().lower() for row in test}
    train = [row for row in train if row.messages[-2].content.strip().lower() not in repeated]
    model = generator("smollm2-135m-instruct")
    assert isinstance(model, LocalGenerator)
    for arm in (arm for arm in asked.arms if arm != "tuned"):
        steps = prompts(asked.task, arm, train, test)
        if steps is not None:
            began = time.monotonic()
            said = answered(model, list(steps))
            tell(asked.task, arm, 0, test, said, answer_wall=round(time.monotonic() - began))
    for count in asked.rows if "tuned" in asked.arms else []:
        tuned(model, asked.task, train[:count], test, dict(asked.recipe), keep=asked.keep)
        if count >= len(train):
            break


def chats_of(name: str) -> list[Example]:
    """The rows of a data file, meta included, shuffled by a fixed seed."""
    return [
        Example(r["id"], tuple(Message(m["role"], m["content"]) for m in r["messages"]), meta=r.get("meta", {}))
        for r in lines(name)
    ]


if __name__ == "__main__":
    main()
