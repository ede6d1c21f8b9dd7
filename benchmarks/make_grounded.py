"""Makes the adapter of the model `smollm2-135m-grounded`: lessons, self-made replay, training, in two stages.

    nice -n 10 python benchmarks/make_grounded.py WORK --contexts 1500
    nice -n 10 python benchmarks/make_grounded.py WORK --contexts 1500 --ship src/rung/models/grounded
    R="nice -n 3 python benchmarks/make_grounded.py --stage refusing --laid-out 400 --drawn 432"
    $R WORK --begin WORK/adapter --steps 330 --stop 111
    $R OTHER --begin WORK/refusing --steps 160 --skip 111 --drawn-a-step 1 \\
        --first WORK/adapter --share SHARE --ship FOLDER

Data: ../shared/data beside the project (ten public sets with clear licences and the training articles of squad2); it says so
when it is absent. `grounded_lessons.py` puts the lessons together; `rung.training.self_replay` lets the base answer general
prompts, which are mixed in, so that it keeps what it could. Every stage keeps what it made in WORK: a command that was
stopped goes on, training from its checkpoint. `--ship` writes the weights in half precision, with what they were made from,
where the package takes them from. What it says of itself (hours, hardware, tokens) is in made.json beside the
adapter. How good it is: `quality_grounded.py`, and `refusal_curve.py` for near misses alone.

The stage `refusing` goes on from an adapter of the first stage, with the lessons of `refusing_lessons.py`: each step learns
two blocks of twelve questions, answers that were drawn from the base and a greedy one, in the order they are laid out. The
last two commands are the best run so far (docs/LOG.md, 2026-11-30); what ships is the first stage's.
"""

from __future__ import annotations

import argparse
import itertools
import json
import platform
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from grounded_lessons import made, told
from refusing_lessons import ROWS, blocks

from rung.dataset import read_examples, write_examples
from rung.files.durable import sha256, write_whole
from rung.models.adapters import CONFIG, WEIGHTS
from rung.models.catalog import generator
from rung.models.local import LocalGenerator
from rung.records import Asker, Example, Message, digest
from rung.runtime.batch import Tally, carry
from rung.runtime.cache import StepCache
from rung.text.refusals import REFUSAL
from rung.training import Recipe, train_generator
from rung.training.bases import base_of
from rung.training.checkpoint import Source
from rung.training.examples import Row, tokenised
from rung.training.generator import Taught
from rung.training.learning import Learning
from rung.training.self_replay import answered_by_itself, general_prompts, shipped

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
BASE = "smollm2-135m-instruct"
MADE = "made.json"  # beside an adapter: what it was made from
DRAWN_TOKENS, DRAWN_AT_ONCE = 48, 48  # of an answer drawn from the base, at most; answers drawn together


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


def drawn(work: Path, count: int) -> Iterator[Row]:
    """The beginnings of answers that the base gives to general prompts at temperature 1: they stand for all it may say,
    where greedy answers stand for the likeliest alone. Drawn in batches, kept, then read; what is cut has no end mark."""
    path = work / "drawn.jsonl"
    prompts = [(Message("user", prompt.text),) for prompt in general_prompts()[:count]]
    done = len(path.read_text(encoding="utf-8").splitlines()) if path.exists() else 0
    if done < len(prompts):
        model = generator(BASE)
        end, network = model.tokens.encode([model.tokens.end])[0][0], _plain(model)
        for first in range(done, len(prompts), DRAWN_AT_ONCE):
            given = model.tokens.encode([model.tokens.render(p) for p in prompts[first : first + DRAWN_AT_ONCE]])
            rows = [{"ids": [*ids, *said], "prompt": len(ids)} for ids, said in _answers(network, given, end, seed=first)]
            with path.open("a", encoding="utf-8") as file:
                file.write("".join(json.dumps(row) + "\n" for row in rows))
            show("drawn", min(first + DRAWN_AT_ONCE, len(prompts)), len(prompts))
        model.close()
    for line in path.read_text(encoding="utf-8").splitlines():
        yield Row(tuple(json.loads(line)["ids"]), json.loads(line)["prompt"])


def _plain(model: LocalGenerator) -> LlamaForCausalLM:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    network = LlamaForCausalLM(LlamaConfig(**model.config))
    network.load_state_dict({name: torch.from_numpy(one) for name, one in model.weights().items()}, strict=False)
    network.tie_weights()
    return network.to(torch.bfloat16).eval()


def _answers(
    network: LlamaForCausalLM, given: list[list[int]], end: int, *, seed: int
) -> Iterator[tuple[list[int], list[int]]]:
    import torch

    torch.manual_seed(seed)
    longest = max(map(len, given))
    ids = torch.tensor([[*[end] * (longest - len(one)), *one] for one in given])
    mask = torch.tensor([[*[0] * (longest - len(one)), *[1] * len(one)] for one in given])
    how = {"do_sample": True, "temperature": 1.0, "top_k": 0, "top_p": 1.0, "max_new_tokens": DRAWN_TOKENS}
    answers = network.generate(input_ids=ids, attention_mask=mask, eos_token_id=end, pad_token_id=end, **how)
    for prompt, said in zip(given, answers[:, longest:].tolist(), strict=True):
        yield prompt, said[: said.index(end) + 1] if end in said else said


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


def laid_out(work: Path, count: int) -> list[list[Example]]:
    """So many blocks of lessons: put together once, then read."""
    path = work / f"blocks-{count}.jsonl"
    if not path.exists():
        write_examples(path, itertools.chain.from_iterable(blocks(DATA, count)))
    lessons = iter(read_examples(path, []))
    return [list(itertools.islice(lessons, ROWS)) for _ in range(count)]


class InOrder(Learning):
    """A training whose steps are given, each its rows. `stop`: the step it ends at, though its rate falls as if all came."""

    given: Sequence[Sequence[Row]] = ()
    stop: int | None = None

    def _batch(self) -> list[Row]:
        return list(self.given[self.now.step])

    def _given_up(self) -> bool:
        return self.stop is not None and self.now.step >= self.stop


def refusing(asked: argparse.Namespace) -> tuple[Path, dict[str, object]]:
    """The second stage: which questions the passages only seem to answer. Its folder, and what was done."""
    from peft import set_peft_model_state_dict
    from safetensors.torch import load_file

    base = base_of(generator(BASE))
    found = laid_out(asked.work, 2 * asked.laid_out)[2 * asked.skip :]
    lessons = [tokenised(block, base.tokens) for block in found]
    sampled, chats = list(drawn(asked.work, asked.drawn)), shipped(BASE)
    greedy = tokenised(list(read_examples(chats, [])), base.tokens) if chats else []
    random, likeliest = itertools.cycle(sampled), itertools.cycle(greedy)
    steps = [
        [*lessons[2 * n], *lessons[2 * n + 1], *itertools.islice(random, asked.drawn_a_step), next(likeliest)]
        for n in range(len(lessons) // 2)
    ]
    usual = {"epochs": 1, "learning_rate": 6e-4, "batch_rows": len(steps[0]), "max_tokens": 1536, "validation": 0.0}
    given, recipe = recipe_of(usual | {"replay": 0.0, "checkpoint_seconds": 60}, asked.recipe, len(steps))
    learnt = [row for step in steps for row in step]
    learner = base.learner(recipe, learnt)
    set_peft_model_state_dict(learner.model, load_file(asked.begin / WEIGHTS))
    folder = asked.work / "refusing"
    folder.mkdir(exist_ok=True)
    began = sha256(asked.begin / WEIGHTS)
    of = digest("refusing", began, base.identity, recipe, [(row.ids, row.prompt) for row in learnt])
    learning = InOrder(learnt, [], learner, recipe=recipe, source=Source(folder, of))
    learning.given, learning.stop, learning.steps = steps, asked.stop, asked.steps
    learning.most = recipe.max_tokens
    learning.run(lambda d, a, n=None: show("train", d, a, n))
    for name, content in learner.files(base={"name": base.name, "identity": base.identity}).items():
        write_whole(folder / name, content)
    before, learnt_of = asked.begin / MADE, found[: 2 * learning.now.step]
    facts = {
        "base": BASE,
        "begun_from": began,
        "before": json.loads(before.read_text(encoding="utf-8")) if before.exists() else None,
        "lessons": told(learnt_of),
        "refused": sum(example.output == REFUSAL for block in learnt_of for example in block),
        "replayed": {"drawn": learning.now.step * asked.drawn_a_step, "greedy": learning.now.step},
        "of": {"drawn": len(sampled), "greedy": len(greedy)},
        "recipe": given,
        "steps": f"{learning.now.step} of {asked.steps}",
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
    parser.add_argument("--laid-out", type=int, default=450, help="steps that there are lessons for (default 450; refusing)")
    parser.add_argument("--drawn", type=int, default=400, help="answers drawn from the base (default 400; refusing)")
    parser.add_argument("--drawn-a-step", type=int, default=4, help="of them that a step replays (default 4; refusing)")
    parser.add_argument("--skip", type=int, default=0, help="laid out steps that were taken before (refusing)")
    parser.add_argument("--stop", type=int, help="the step to end at, though the rate falls over all --steps (refusing)")
    parser.add_argument("--begin", type=Path, help="the adapter that goes on (refusing; default WORK/adapter)")
    parser.add_argument("--prompts", type=int, default=1200, help="general prompts that the base answers (default 1200)")
    parser.add_argument("--replay", type=float, default=0.06, help="their share of all rows (default .06; reading)")
    parser.add_argument("--recipe", nargs="*", default=[], help="name=value")
    parser.add_argument("--ship", type=Path, help="where the package takes it from")
    parser.add_argument("--first", type=Path, help="another adapter that what ships is partly of (default: none)")
    parser.add_argument("--share", type=float, default=1.0, help="of these weights in what ships; above 1: beyond them")
    asked = parser.parse_args()
    if not DATA.exists():
        sys.exit(f"{DATA} is absent: this needs it there")
    asked.work.mkdir(parents=True, exist_ok=True)
    asked.begin = asked.begin or asked.work / "adapter"
    folder, facts = (reading if asked.stage == "reading" else refusing)(asked)
    (folder / MADE).write_text(json.dumps(facts, indent=2), encoding="utf-8")
    print(json.dumps(facts))
    if asked.ship:
        ship(folder, asked.ship, first=asked.first or folder, share=asked.share)


def ship(folder: Path, target: Path, *, first: Path, share: float) -> None:
    """The adapter in half precision, its configuration, and what it was made from."""
    facts = json.loads((folder / MADE).read_text(encoding="utf-8"))
    between(first, folder, share, target)
    (target / MADE).write_text(json.dumps(facts | {"share": share}, indent=2), encoding="utf-8")


def between(first: Path, second: Path, share: float, folder: Path) -> Path:
    """An adapter of two adapters' weights, matrix by matrix, so much of them the second's; above 1: beyond it. Returns the
    folder that it is written to, in half precision."""
    from safetensors.torch import load_file, save_file

    folder.mkdir(parents=True, exist_ok=True)
    one, other = load_file(first / WEIGHTS), load_file(second / WEIGHTS)
    tensors = {name: ((1 - share) * one[name].float() + share * other[name].float()).half() for name in one}
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
    (folder / CONFIG).write_bytes((second / CONFIG).read_bytes())
    return folder


if __name__ == "__main__":
    main()
