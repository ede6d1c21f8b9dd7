"""Makes the adapter of the model `smollm2-135m-grounded`: lessons, self-made replay, training.

    nice -n 10 python benchmarks/make_grounded.py WORK --contexts 1500
    nice -n 10 python benchmarks/make_grounded.py WORK --contexts 1500 --ship src/rung/models/grounded

Data: ../shared/data beside the project (ten public sets with clear licences and the training articles of squad2); it says so
when it is absent. `grounded_lessons.py` puts the lessons together; `rung.training.self_replay` lets the base answer general
prompts, which are mixed in, so that it keeps what it could. Every stage keeps what it made in WORK: a command that was
stopped goes on, training from its checkpoint. `--ship` writes the weights in half precision, with what they were made from,
where the package takes them from. What it says of itself (hours, hardware, tokens) is in WORK/made.json. How good it is:
`quality_grounded.py`.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from functools import partial
from pathlib import Path

from grounded_lessons import made, told

from rung.dataset import read_examples, write_examples
from rung.models.catalog import generator
from rung.records import Asker, Example
from rung.runtime.batch import Tally, carry
from rung.runtime.cache import StepCache
from rung.training import Recipe, train_generator
from rung.training.generator import Taught
from rung.training.self_replay import answered_by_itself, general_prompts

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
BASE = "smollm2-135m-instruct"


def replayed(work: Path, count: int) -> list[Example]:
    """The base's own answers to general prompts: made once, then read."""
    path = work / f"replay-{count}.jsonl"
    if not path.exists():
        model = generator(BASE)
        talks = [(Asker(), partial(answered_by_itself, prompt)) for prompt in general_prompts()[:count]]
        store = StepCache(work / "steps.db")
        ended = carry(
            talks,
            engines={"generate": model},
            store=store,
            tally=Tally(),
            progress=lambda done, all: show("replay", done, all),
        )
        store.close()
        model.close()
        write_examples(path, (one.value for one in ended if one.value is not None))
    return list(read_examples(path, []))


def show(what: str, done: int, all: int, note: str | None = None) -> None:
    """A line now and then."""
    if done % max(1, all // 200) == 0 or done == all:
        print(f"{time.strftime('%H:%M:%S')} {what}: {done} of {all} {note or ''}", file=sys.stderr, flush=True)


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--contexts", type=int, default=1500, help="of about five lessons each (default 1500)")
    parser.add_argument("--prompts", type=int, default=1200, help="general prompts that the base answers (default 1200)")
    parser.add_argument("--replay", type=float, default=0.06, help="their share of all rows (default .06)")
    parser.add_argument("--recipe", nargs="*", default=[], help="name=value")
    parser.add_argument("--ship", type=Path, help="where the package takes it from")
    asked = parser.parse_args()
    if not DATA.exists():
        sys.exit(f"{DATA} is absent: this needs it there")
    asked.work.mkdir(parents=True, exist_ok=True)
    groups = made(DATA, contexts_at_most=asked.contexts)
    lessons = [example for group in groups for example in group]
    general = replayed(asked.work, asked.prompts)
    print(f"{len(groups)} contexts, {len(lessons)} lessons, {len(general)} general chats: {told(groups)}", file=sys.stderr)
    given = {
        "epochs": 1,
        "learning_rate": 1e-3,
        "batch_rows": 16,
        "max_tokens": 1024,
        "validation": 0.01,
        "replay": asked.replay,
    }
    given |= {"checkpoint_seconds": 120}
    given |= {name: json.loads(value) for name, _, value in (pair.partition("=") for pair in asked.recipe)}
    model = generator(BASE)
    recipe = Recipe.of(given, rows=len(lessons))
    folder = asked.work / "adapter"
    trained = train_generator(
        Taught(lessons, general), model, folder=folder, recipe=recipe, progress=lambda d, a, n=None: show("train", d, a, n)
    )
    facts = {
        "base": BASE,
        "lessons": told(groups),
        "replayed": len(general),
        "recipe": given,
        "steps": trained.steps,
        "tokens": trained.tokens,
        "hours": round(trained.seconds / 3600, 2),
        "loss": trained.loss,
        "validation_loss": trained.validation_loss,
        "machine": f"{platform.machine()}, {platform.processor()}",
    }
    (asked.work / "made.json").write_text(json.dumps(facts, indent=2), encoding="utf-8")
    print(json.dumps(facts))
    if asked.ship:
        ship(folder, asked.ship, facts)


def ship(folder: Path, target: Path, facts: dict[str, object]) -> None:
    """The adapter in half precision, its configuration, and what it was made from."""
    from safetensors.torch import load_file, save_file

    target.mkdir(parents=True, exist_ok=True)
    tensors = load_file(folder / "adapter_model.safetensors")
    save_file({name: tensor.half() for name, tensor in tensors.items()}, target / "adapter_model.safetensors")
    (target / "adapter_config.json").write_bytes((folder / "adapter_config.json").read_bytes())
    (target / "made.json").write_text(json.dumps(facts, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
