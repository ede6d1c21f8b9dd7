"""How fast is our LoRA training beside TRL's `SFTTrainer`, on the same rows, model, rank, batch and learning rate?

    pip install trl datasets
    nice -n 10 python benchmarks/train_vs_trl.py [--rows 96] [--threads 2] [--emulated-bf16]

SNIPS rows (../shared/data beside the project; it says so when they are absent), rank 16, all linear layers, batches of 8,
one pass. Every arm runs in a process of its own, one after the other; all compute the same function with the same settings,
so the validation losses come out alike but for the order of the rows. Tokens are those of the data: what we compute once for
a whole batch (the chats' shared beginning) counts for every row, as it does for TRL; `rung, nothing shared` computes all.
TRL's defaults are gradient checkpointing and bf16; where the CPU only emulates bf16 that arm runs on 8 rows, and only with
--emulated-bf16. CPU seconds stand beside the wall's, because the machine may be shared.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "behaviour" / "snips" / "train.jsonl.gz"
RANK, ALPHA, RATE, BATCH, HELD = 16, 32, 1e-3, 8, 32
PAD = "<|endoftext|>"
ARMS = ("rung", "rung, nothing shared", "trl fp32, no checkpointing", "trl fp32", "trl defaults")


def examples(count: int):
    """`count` rows to learn and `HELD` others, shuffled by a fixed seed."""
    from rung.records import Example, Message

    with gzip.open(DATA, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    random.Random(7).shuffle(rows)
    made = [Example(r["id"], tuple(Message(m["role"], m["content"]) for m in r["messages"])) for r in rows[: count + HELD]]
    return made[:count], made[count:]


def token_rows(count: int):
    """The model, and token rows to learn and to validate."""
    from rung.models.catalog import generator
    from rung.training.examples import rows_of

    model = generator("smollm2-135m-instruct")
    learnt, held = (rows_of(part, model.tokens, max_tokens=1024).rows for part in examples(count))
    return model, learnt, held


def ours(count: int, *, share: bool) -> dict[str, float]:
    """One pass by our trainer's own parts."""
    import torch

    from rung.training.batches import passing, pieces
    from rung.training.generator import fast_type
    from rung.training.lora import Adapters
    from rung.training.network import Network
    from rung.training.optimiser import Adam, rate_at
    from rung.training.packing import pack
    from rung.training.shape import Shape

    model, rows, held = token_rows(count)
    shape = Shape.of(model.config)
    adapters = Adapters(shape, rank=RANK, alpha=ALPHA, first=0, seed=0)
    weights = {name: torch.from_numpy(w) for name, w in model.weights().items()}
    network, adam = Network(weights, shape, adapters, dtype=fast_type()), Adam(adapters.values, adapters.gradient)
    batches = passing(rows, batch_rows=BATCH, seed=0, epoch=0)
    with Clock() as clock:
        for step, batch in enumerate(batches):
            adapters.gradient.zero_()
            answers = sum(len(r.ids) - r.prompt for r in batch)
            for part in pieces(batch):
                network.learn(pack(part, share=share), weight=1 / answers)
            adam.step(step + 1, rate=rate_at(step, steps=len(batches), peak=RATE, warmup=0.0), clip=1.0)
            network.refresh()
    total = sum(network.loss(pack(part)) for part in pieces(held))
    return clock.told(rows, total / sum(len(r.ids) - r.prompt for r in held))


def trl(count: int, *, settings: dict[str, object]) -> dict[str, float]:
    """One pass by TRL on the very same token rows."""
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
    from trl import SFTConfig, SFTTrainer

    model, rows, held = token_rows(count)
    net = LlamaForCausalLM(LlamaConfig(**model.config))
    net.load_state_dict({name: torch.from_numpy(w) for name, w in model.weights().items()}, strict=False)
    net.tie_weights()
    words = Tokenizer(WordLevel({PAD: 0, model.tokens.end: model.tokens.end_id}, unk_token=PAD))  # only these are asked for
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, eos_token=model.tokens.end, pad_token=PAD)
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
            use_cpu=True,
            completion_only_loss=True,  # the default is to learn the prompts too, where rows come as tokens
            **settings,  # type: ignore[arg-type]
        )
        lora = LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules="all-linear", lora_dropout=0.0, task_type="CAUSAL_LM")
        trainer = SFTTrainer(net, config, train_dataset=data, processing_class=tokenizer, peft_config=lora)
        with Clock() as clock:
            trainer.train()
    total = 0.0
    trainer.model.eval()
    with torch.no_grad():
        for row in held:
            ids = torch.tensor([row.ids])
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
        return {"tokens": tokens, "wall": self.wall, "cpu": self.cpu, "validation_loss": loss}


def run(arm: str, rows: int, threads: int) -> dict[str, float]:
    """One arm, in this process."""
    import torch

    torch.set_num_threads(threads)
    if arm.startswith("rung"):
        return ours(rows, share=arm == "rung")
    settings: dict[str, dict[str, object]] = {
        "trl fp32, no checkpointing": {"bf16": False, "gradient_checkpointing": False},
        "trl fp32": {"bf16": False},
        "trl defaults": {},
    }
    return trl(rows, settings=settings[arm])


def main() -> None:
    """All arms, each in its own process; a table at the end."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=96)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--emulated-bf16", action="store_true", help="run TRL's bf16 default although this CPU emulates it")
    parser.add_argument("--arm", choices=ARMS, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if not DATA.exists():
        sys.exit(f"{DATA} is absent: this benchmark needs the SNIPS rows there")
    if asked.arm:
        print(json.dumps(run(asked.arm, asked.rows, asked.threads)))
        return
    import torch

    from rung.training.generator import fast_type

    emulated = fast_type() == torch.float32
    print(
        f"{asked.rows} rows, {asked.threads} threads, bf16 {'emulated' if emulated else 'native'}, torch {torch.__version__}"
    )
    print(f"{'arm':<28} {'tokens':>7} {'wall s':>8} {'tok/s':>7} {'cpu s':>8} {'tok/cpu s':>9} {'valid. loss':>11}")
    for arm in ARMS:
        slow = arm == "trl defaults" and emulated
        if slow and not asked.emulated_bf16:
            print(f"{arm:<28} left out: bf16 is emulated here (--emulated-bf16 runs it on {BATCH} rows)")
            continue
        count = BATCH if slow else asked.rows
        command = [sys.executable, __file__, "--arm", arm, "--rows", str(count), "--threads", str(asked.threads)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"{arm:<28} failed: {done.stderr.strip().splitlines()[-1]}")
            continue
        r = json.loads(done.stdout.strip().splitlines()[-1])
        print(
            f"{arm:<28} {r['tokens']:>7.0f} {r['wall']:>8.1f} {r['tokens'] / r['wall']:>7.0f} {r['cpu']:>8.1f} "
            f"{r['tokens'] / r['cpu']:>9.0f} {r['validation_loss']:>11.4f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
