"""Makes the adapter of the model `smollm2-135m-grounded`: lessons, self-made replay, training, in two stages.

    nice -n 10 python benchmarks/make_grounded.py WORK --contexts 1500
    nice -n 10 python benchmarks/make_grounded.py WORK --contexts 1500 --ship src/rung/models/grounded
    nice -n 10 python benchmarks/make_grounded.py WORK --stage refusing --steps 300 --begin src/rung/models/grounded

Data: ../shared/data beside the project (ten public sets with clear licences and the training articles of squad2); it says so
when it is absent. `grounded_lessons.py` puts the lessons together; `rung.training.self_replay` lets the base answer general
prompts, which are mixed in, so that it keeps what it could. Every stage keeps what it made in WORK: a command that was
stopped goes on, training from its checkpoint. `--ship` writes the weights in half precision, with what they were made from,
where the package takes them from. What it says of itself (hours, hardware, tokens) is in WORK/made-STAGE.json. How good
it is: `quality_grounded.py`, and `refusal_curve.py` for near misses alone.

The stage `refusing` goes on from an adapter of the first stage, with the lessons of `refusing_lessons.py`: each step learns
two blocks of twelve questions and two general chats, in the order they are laid out.
"""

from __future__ import annotations

import argparse
import itertools
import json
import platform
import sys
import time
from functools import partial
from pathlib import Path

from grounded_lessons import made, told
from refusing_lessons import blocks

from rung.dataset import read_examples, write_examples
from rung.files.durable import sha256, write_whole
from rung.models.adapters import WEIGHTS
from rung.models.catalog import generator
from rung.records import Asker, Example, digest
from rung.runtime.batch import Tally, carry
from rung.runtime.cache import StepCache
from rung.text.refusals import REFUSAL
from rung.training import Recipe, train_generator
from rung.training.bases import base_of
from rung.training.examples import Row, tokenised
from rung.training.generator import Taught
from rung.training.learning import Learning, Source
from rung.training.self_replay import answered_by_itself, general_prompts, shipped

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


def recipe_of(given: dict[str, object], pairs: list[str], rows: int) -> tuple[dict[str, object], Recipe]:
    """The stage's own settings, with those asked for in their place."""
    given = given | {name: json.loads(value) for name, _, value in (pair.partition("=") for pair in pairs)}
    return given, Recipe.of(given, rows=rows)


def reading(asked: argparse.Namespace) -> tuple[Path, dict[str, object]]:
    """The first stage: answers from passages. Its folder, and what was done."""
    groups = made(DATA, contexts_at_most=asked.contexts)
    lessons = [example for group in groups for example in group]
    general = replayed(asked.work, asked.prompts)
    print(f"{len(groups)} contexts, {len(lessons)} lessons, {len(general)} general chats: {told(groups)}", file=sys.stderr)
    usual = {"epochs": 1, "learning_rate": 1e-3, "batch_rows": 16, "max_tokens": 1024, "validation": 0.01}
    usual |= {"replay": asked.replay, "checkpoint_seconds": 120}
    given, recipe = recipe_of(usual, asked.recipe, len(lessons))
    folder = asked.work / "adapter"
    trained = train_generator(
        Taught(lessons, general),
        generator(BASE),
        folder=folder,
        recipe=recipe,
        progress=lambda d, a, n=None: show("train", d, a, n),
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
    return folder, facts


class InOrder(Learning):
    """A training whose rows are its steps, one after another, each `batch_rows` of them."""

    def _batch(self) -> list[Row]:
        return list(self.rows[self.now.step * self.batch_rows : (self.now.step + 1) * self.batch_rows])


def refusing(asked: argparse.Namespace) -> tuple[Path, dict[str, object]]:
    """The second stage: which questions the passages only seem to answer. Its folder, and what was done."""
    from peft import set_peft_model_state_dict
    from safetensors.torch import load_file

    found = blocks(DATA, 2 * asked.steps)
    chats = shipped(BASE)
    general = list(read_examples(chats, [])) if chats else []
    again = itertools.cycle(general)
    steps = [[*found[2 * n], *found[2 * n + 1], next(again), next(again)] for n in range(asked.steps)]
    rows = [example for step in steps for example in step]
    usual = {"epochs": 1, "learning_rate": 5e-4, "batch_rows": len(steps[0]), "max_tokens": 1536, "validation": 0.0}
    given, recipe = recipe_of(usual | {"replay": 0.0, "checkpoint_seconds": 60}, asked.recipe, len(rows))
    base = base_of(generator(BASE))
    learnt = tokenised(rows, base.tokens)
    learner = base.learner(recipe, learnt)
    set_peft_model_state_dict(learner.model, load_file(asked.begin / WEIGHTS))
    folder = asked.work / "refusing"
    folder.mkdir(exist_ok=True)
    began = sha256(asked.begin / WEIGHTS)
    of = digest("refusing", began, base.identity, recipe, [(row.ids, row.prompt) for row in learnt])
    learning = InOrder(learnt, [], learner, recipe=recipe, source=Source(folder, of))
    learning.most = recipe.max_tokens
    learning.run(lambda d, a, n=None: show("train", d, a, n))
    for name, content in learner.files(base={"name": base.name, "identity": base.identity}).items():
        write_whole(folder / name, content)
    before = asked.begin / "made.json"
    facts = {
        "base": BASE,
        "begun_from": began,
        "first_stage": json.loads(before.read_text(encoding="utf-8")) if before.exists() else None,
        "lessons": told(found),
        "refused": sum(example.output == REFUSAL for block in found for example in block),
        "replayed": len(rows) - sum(len(block) for block in found),
        "recipe": given,
        "steps": learning.now.step,
        "tokens": learning.now.consumed,
        "tokens_computed": learning.now.computed,
        "hours": round(learning.now.seconds / 3600, 2),
        "loss": learning.now.curve[-1][1],
        "machine": f"{platform.machine()}, {platform.processor()}",
    }
    return folder, facts


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--stage", choices=("reading", "refusing"), default="reading")
    parser.add_argument("--contexts", type=int, default=1500, help="of about five lessons each (default 1500; reading)")
    parser.add_argument("--steps", type=int, default=300, help="of 26 rows each (default 300; refusing)")
    parser.add_argument("--begin", type=Path, help="the adapter that goes on (refusing; default WORK/adapter)")
    parser.add_argument("--prompts", type=int, default=1200, help="general prompts that the base answers (default 1200)")
    parser.add_argument("--replay", type=float, default=0.06, help="their share of all rows (default .06; reading)")
    parser.add_argument("--recipe", nargs="*", default=[], help="name=value")
    parser.add_argument("--ship", type=Path, help="where the package takes it from")
    asked = parser.parse_args()
    if not DATA.exists():
        sys.exit(f"{DATA} is absent: this needs it there")
    asked.work.mkdir(parents=True, exist_ok=True)
    asked.begin = asked.begin or asked.work / "adapter"
    folder, facts = (reading if asked.stage == "reading" else refusing)(asked)
    (asked.work / f"made-{asked.stage}.json").write_text(json.dumps(facts, indent=2), encoding="utf-8")
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
