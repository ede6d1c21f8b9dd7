"""How fast is our LoRA training beside TRL's `SFTTrainer` (and, on a GPU, Unsloth)? Same rows, model, rank, batch and rate.

    pip install trl datasets
    nice -n 10 python benchmarks/train_vs_trl.py [--rows 96] [--data snips|banking77] [--threads 2] [--emulated-bf16]
    nice -n 10 python benchmarks/train_vs_trl.py --paired 2 --arms "rung" "trl defaults"
    nice -n 10 python benchmarks/train_vs_trl.py --neighbour --arms "rung"

SNIPS rows, or banking77's short ones (about 50 tokens), of ../shared/data beside the project (it says so when they are
absent), rank 16, all linear layers, batches of 8, one pass. Every arm runs in a process of its own, one after the other;
with --paired N all arms N times in turns: the median, and the ratio to the first arm with its range. `rung` computes in
bfloat16 where the CPU multiplies in it, `float32` says otherwise. All compute the same function with the same settings;
`our order` gives TRL the very batches that ours learn (which go by length: less padding), so that losses can be compared;
else it shuffles. Tokens are those of the data: what we compute once for a whole batch (the chats' shared beginning) counts
for every row, as it does for TRL. `rung, steps of 512 tokens` takes short rows together (the recipe's batch_tokens): fewer,
larger steps, so look at its loss. TRL's defaults are gradient checkpointing and bf16; where the CPU only emulates bf16 that
arm runs on 8 rows, and only with --emulated-bf16. CPU seconds stand beside the wall's, because the machine may be shared;
peak memory is the process's. --neighbour keeps one core busy with something else. `unsloth` runs only where there is a GPU
and `pip install unsloth`: never run by us.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "behaviour"
RANK, ALPHA, RATE, BATCH, HELD = 16, 32, 1e-3, 8, 32
PAD = "<|endoftext|>"
TOGETHER = 512
ARMS = (
    *("rung", "rung float32", f"rung, steps of {TOGETHER} tokens"),
    *("trl defaults", "trl defaults, our order", "trl fp32", "trl fp32, no checkpointing", "trl bf16, no checkpointing"),
    "unsloth",
)


def examples(data: str, count: int):
    """`count` rows to learn and `HELD` others, shuffled by a fixed seed."""
    from rung.records import Example, Message

    with gzip.open(DATA / data / "train.jsonl.gz", "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    random.Random(7).shuffle(rows)
    made = [Example(r["id"], tuple(Message(m["role"], m["content"]) for m in r["messages"])) for r in rows[: count + HELD]]
    return made[:count], made[count:]


def token_rows(data: str, count: int):
    """The model, and token rows to learn and to validate."""
    from rung.models.catalog import generator
    from rung.training.examples import rows_of

    model = generator("smollm2-135m-instruct")
    learnt, held = (rows_of(part, model.tokens, max_tokens=1024).rows for part in examples(data, count))
    return model, learnt, held


def ours(data: str, count: int, *, arm: str) -> dict[str, float]:
    """One pass by our trainer's own parts."""
    from rung.training.bases import base_of
    from rung.training.batches import passing, rows_of_a_batch
    from rung.training.optimiser import Adam, rate_at
    from rung.training.recipe import Recipe

    model, rows, held = token_rows(data, count)
    precision = "float32" if "float32" in arm else "auto"
    recipe = Recipe(
        rank=RANK, alpha=ALPHA, batch_rows=BATCH, batch_tokens=TOGETHER if "steps of" in arm else 0, precision=precision
    )
    learner = base_of(model).learner(recipe, rows)
    adam = Adam(learner.values, learner.gradient)
    batches = passing(rows, batch_rows=rows_of_a_batch(rows, recipe), seed=0, epoch=0)
    with Clock() as clock:
        for step, batch in enumerate(batches):
            learner.gradient.zero_()
            answers = sum(len(r.ids) - r.prompt for r in batch)
            learner.learn_parts(learner.parts(batch, most=learner.most), weight=1 / answers)
            adam.step(step + 1, rate=rate_at(step, steps=len(batches), peak=RATE, warmup=0.0), clip=1.0)
    total = sum(learner.loss(part) for part in learner.parts(held, most=learner.most))
    return clock.told(rows, total / sum(len(r.ids) - r.prompt for r in held))


def opened(model):
    """The weights as transformers has them, in float32."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    net = LlamaForCausalLM(LlamaConfig(**model.config))
    net.load_state_dict({name: torch.from_numpy(w) for name, w in model.weights().items()}, strict=False)
    net.tie_weights()
    return net


def unsloth(data: str, count: int) -> dict[str, float]:
    """One pass by Unsloth on the very same token rows, in bfloat16. Needs a GPU; never run by us."""
    import torch
    from safetensors.torch import save_file
    from transformers import LlamaConfig
    from unsloth import FastLanguageModel  # before trl: it patches it

    model, rows, held = token_rows(data, count)
    with tempfile.TemporaryDirectory() as folder:
        LlamaConfig(**model.config).save_pretrained(folder)
        save_file({name: torch.from_numpy(w) for name, w in model.weights().items()}, f"{folder}/model.safetensors")
        words(model).save_pretrained(folder)
        net, _ = FastLanguageModel.from_pretrained(folder, max_seq_length=1024, dtype=torch.bfloat16, load_in_4bit=False)
    targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    net = FastLanguageModel.get_peft_model(net, r=RANK, lora_alpha=ALPHA, lora_dropout=0, target_modules=targets)
    return fitted(net, model, rows, held, settings={"use_cpu": False, "bf16": True}, lora=None)


def trl(data: str, count: int, *, settings: dict[str, object], same_order: bool) -> dict[str, float]:
    """One pass by TRL on the very same token rows."""
    import torch
    from peft import LoraConfig

    from rung.training.batches import passing

    model, rows, held = token_rows(data, count)
    if same_order:
        rows = [row for batch in passing(rows, batch_rows=BATCH, seed=0, epoch=0) for row in batch]
        settings = {**settings, "train_sampling_strategy": "sequential"}
    net = opened(model)
    lora = LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules="all-linear", lora_dropout=0.0, task_type="CAUSAL_LM")
    cpu = not torch.cuda.is_available()
    return fitted(net, model, rows, held, settings={"use_cpu": cpu, **settings}, lora=lora)


def words(model):
    """A tokenizer that knows the two marks which the trainer asks for; rows come as tokens."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from transformers import PreTrainedTokenizerFast

    known = Tokenizer(WordLevel({PAD: 0, model.tokens.end: model.tokens.end_id}, unk_token=PAD))
    return PreTrainedTokenizerFast(tokenizer_object=known, eos_token=model.tokens.end, pad_token=PAD)


def fitted(net, model, rows, held, *, settings: dict[str, object], lora) -> dict[str, float]:
    """`SFTTrainer` over the rows, then the loss on those held out."""
    import torch
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    data = Dataset.from_list(
        [{"input_ids": list(r.ids), "completion_mask": [0] * r.prompt + [1] * (len(r.ids) - r.prompt)} for r in rows]
    )
    with tempfile.TemporaryDirectory() as folder:
        config = SFTConfig(
            output_dir=folder,
            per_device_train_batch_size=BATCH,
            num_train_epochs=1,
            learning_rate=RATE,
            report_to=[],
            save_strategy="no",
            disable_tqdm=True,
            completion_only_loss=True,  # the default is to learn the prompts too, where rows come as tokens
            **settings,  # type: ignore[arg-type]
        )
        trainer = SFTTrainer(net, config, train_dataset=data, processing_class=words(model), peft_config=lora)
        with Clock() as clock:
            trainer.train()
    total = 0.0
    trainer.model.eval()
    with torch.no_grad():
        for row in held:
            ids = torch.tensor([row.ids], device=trainer.model.device)
            logits = trainer.model(input_ids=ids).logits[0, row.prompt - 1 : -1].float()
            total += float(torch.nn.functional.cross_entropy(logits, ids[0, row.prompt :], reduction="sum"))
    return clock.told(rows, total / sum(len(r.ids) - r.prompt for r in held))


class Clock:
    """Wall and CPU seconds of a block."""

    def __enter__(self) -> Clock:
        self.wall, self.cpu = time.monotonic(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall, self.cpu = time.monotonic() - self.wall, time.process_time() - self.cpu

    def told(self, rows, loss: float) -> dict[str, float]:
        """One arm's line."""
        tokens = sum(len(r.ids) for r in rows)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
        return {"tokens": tokens, "wall": self.wall, "cpu": self.cpu, "validation_loss": loss, "peak_mb": peak}


def run(arm: str, data: str, rows: int, threads: int) -> dict[str, float]:
    """One arm, in this process."""
    import torch

    torch.set_num_threads(threads)
    if arm.startswith("rung"):
        return ours(data, rows, arm=arm)
    if arm == "unsloth":
        return unsloth(data, rows)
    settings: dict[str, object] = {"bf16": "fp32" not in arm}
    if "no checkpointing" in arm:
        settings["gradient_checkpointing"] = False
    return trl(data, rows, settings=settings, same_order="our order" in arm)


def alone(arm: str, asked: argparse.Namespace, rows: int) -> dict[str, float] | str:
    """One arm in a process of its own; or why it failed."""
    command = [sys.executable, __file__, "--arm", arm, "--rows", str(rows), "--threads", str(asked.threads)]
    done = subprocess.run([*command, "--data", asked.data], capture_output=True, text=True, check=False)
    if done.returncode:
        return done.stderr.strip().splitlines()[-1]
    told: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return told


def in_bf16(arm: str) -> bool:
    """Whether TRL computes in bfloat16."""
    return arm.startswith("trl") and "fp32" not in arm


def left_out(arm: str, *, emulated: bool, asked: argparse.Namespace) -> str:
    """Why an arm is not run here."""
    import torch

    if arm == "unsloth" and not torch.cuda.is_available():
        return "there is no GPU"
    if in_bf16(arm) and emulated and not asked.emulated_bf16:
        return f"bf16 is emulated here (--emulated-bf16 runs it on {BATCH} rows)"
    return ""


def line(arm: str, runs: list[dict[str, float]], first: list[dict[str, float]]) -> str:
    """The medians of one arm; the ratio to the first arm is taken turn by turn."""
    middle = {name: statistics.median(r[name] for r in runs) for name in runs[0]}
    ratios = [a["wall"] / a["tokens"] / (b["wall"] / b["tokens"]) for a, b in zip(runs, first, strict=False)]
    spread = f"{statistics.median(ratios):.2f} [{min(ratios):.2f}, {max(ratios):.2f}]" if ratios else ""
    return (
        f"{arm:<28} {middle['tokens']:>7.0f} {middle['wall']:>8.1f} {middle['tokens'] / middle['wall']:>7.0f} "
        f"{middle['cpu']:>8.1f} {middle['tokens'] / middle['cpu']:>9.0f} {middle['peak_mb']:>8.0f} "
        f"{middle['validation_loss']:>11.4f} {spread:>18}"
    )


def main() -> None:
    """All arms, each in its own process; a table at the end."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=96)
    parser.add_argument("--data", choices=["snips", "banking77"], default="snips")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--paired", type=int, default=1, help="run all arms so many times, in turns")
    parser.add_argument("--arms", nargs="*", choices=ARMS, default=ARMS)
    parser.add_argument("--emulated-bf16", action="store_true", help="run TRL's bf16 default although this CPU emulates it")
    parser.add_argument("--neighbour", action="store_true", help="keep a core busy with something else meanwhile")
    parser.add_argument("--arm", choices=ARMS, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if not DATA.exists():
        sys.exit(f"{DATA} is absent: this benchmark needs the rows there")
    if asked.arm:
        print(json.dumps(run(asked.arm, asked.data, asked.rows, asked.threads)))
        return
    import torch

    from rung.training.device import find_device, product_type

    emulated = product_type(find_device("auto")) == torch.float32
    print(
        f"{asked.rows} rows of {asked.data}, {asked.threads} threads, bf16 {'emulated' if emulated else 'native'}, "
        f"{find_device('auto').type}, torch {torch.__version__}"
    )
    neighbour = subprocess.Popen([sys.executable, "-c", "while True: pass"]) if asked.neighbour else None
    try:
        found = measured(asked, emulated=emulated)
    finally:
        if neighbour is not None:
            neighbour.kill()
    heads = f"{'tokens':>7} {'wall s':>8} {'tok/s':>7} {'cpu s':>8} {'tok/cpu s':>9} {'peak MB':>8} {'valid. loss':>11}"
    print(f"{'arm':<28} {heads} {'seconds, to first':>18}")
    for arm, runs in found.items():
        print(line(arm, runs, next(iter(found.values()))), flush=True)


def measured(asked: argparse.Namespace, *, emulated: bool) -> dict[str, list[dict[str, float]]]:
    """What each arm told, turn by turn."""
    found: dict[str, list[dict[str, float]]] = {}
    for turn in range(asked.paired):
        for arm in asked.arms:
            if why := left_out(arm, emulated=emulated, asked=asked):
                print(f"{arm:<28} left out: {why}") if not turn else None
                continue
            told = alone(arm, asked, BATCH if in_bf16(arm) and emulated else asked.rows)
            if isinstance(told, str):
                print(f"{arm:<28} failed: {told}")
            else:
                print(f"turn {turn + 1}, {arm}: {told}", file=sys.stderr, flush=True)
                found.setdefault(arm, []).append(told)
    return found


if __name__ == "__main__":
    main()
