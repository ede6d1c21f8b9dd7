"""How fast does the torch engine (`hf:`) answer beside `generate` in padded batches, and beside OpenVINO?

    pip install 'rung[hf]'
    nice -n 10 python benchmarks/torch_engine.py [--requests 32] [--tokens 48] [--batch 8] [--threads 2] [--model FOLDER]

Greedy answers to prompts of 20 to 300 words, all arms in one process on the same requests, in turns; the shipped
SmolLM2-135M in float32 (its weights written as a Hugging Face folder first), or a folder of yours. "shared": every prompt
begins with the same 200 words, as passages and instructions do. Rooms for answers differ (a quarter to all of --tokens), so
rows end at different times. Tokens are those of the answers; seconds are CPU seconds of the process, because machines are
shared, wall seconds stand beside them. It also says how many answers are those of `generate`, letter by letter.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from pathlib import Path

WORDS = ["the", "harbour", "old", "ship", "is", "and", "of", "light", "a", "letter", "tea", "winter", "sea", "baker", "moon"]


def folder_of(model, scratch: Path) -> Path:
    """The shipped model, as it is served, as a folder in Hugging Face layout."""
    import numpy as np
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    from rung.models.hosts import gguf_file

    source = gguf_file(model.name)
    AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name).save_pretrained(scratch)
    network = LlamaForCausalLM(LlamaConfig(**model.config))
    weights = {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in model.weights().items()}
    network.load_state_dict(weights, strict=False)
    network.tie_weights()
    network.save_pretrained(scratch)
    return scratch


def requests_of(count: int, tokens: int, *, shared: bool):
    """Requests of very different lengths."""
    from rung.testing.models import asking

    rng = random.Random(5)
    head = " ".join(rng.choice(WORDS) for _ in range(200)) if shared else ""
    made = []
    for number in range(count):
        words = " ".join(rng.choice(WORDS) for _ in range(rng.randint(20, 100 if shared else 300)))
        made.append(asking(f"{head} {words} Tell me more.", max_tokens=tokens * (1 + number % 4) // 4))
    return made


def by_generate(network, model, asked, batch: int) -> list[tuple[str, int]]:
    """Padded batches in the order of the requests; a batch runs until its last row has ended."""
    import torch

    rows = model.encode([model.render(request.step.messages) for request in asked])
    answers = []
    for start in range(0, len(rows), batch):
        part, steps = rows[start : start + batch], [r.step.max_tokens for r in asked[start : start + batch]]
        longest = max(map(len, part))
        ids = torch.tensor([[0] * (longest - len(row)) + row for row in part])
        mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in part])
        ends = list(model.chat.ends)
        with torch.no_grad():
            whole = network.generate(
                input_ids=ids,
                attention_mask=mask,
                max_new_tokens=max(steps),
                do_sample=False,
                eos_token_id=ends,
                pad_token_id=ends[0],
            )
        for new, room in zip(whole[:, longest:].tolist(), steps, strict=True):
            last = next((n + 1 for n, token in enumerate(new) if token in ends), len(new))
            answers.append((model.chat.decode(new[: min(last, room)]), min(last, room)))
    return answers


def by_engine(model, asked) -> list[tuple[str, int]]:
    """What a generator of ours says."""
    results = dict(model.run(asked))
    return [(results[n].text, results[n].completion_tokens) for n in range(len(asked))]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("--requests", 32), ("--tokens", 48), ("--batch", 8), ("--threads", 2)):
        parser.add_argument(name, type=int, default=value)
    parser.add_argument("--model", type=Path)
    options = parser.parse_args()
    import torch

    from rung.models.catalog import generator
    from rung.models.causal.generator import TransformersGenerator

    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as scratch:
        openvino = generator("smollm2-135m-instruct")
        model = TransformersGenerator(options.model or folder_of(openvino, Path(scratch)), name="torch")
        by_engine(model, requests_of(2, 4, shared=False))
        network = model._network.model
        arms = {
            f"generate, batches of {options.batch}": lambda asked: by_generate(network, model, asked, options.batch),
            "torch engine": lambda asked: by_engine(model, asked),
        }
        if options.model is None:
            by_engine(openvino, requests_of(2, 4, shared=False))
            arms["OpenVINO"] = lambda asked: by_engine(openvino, asked)
        for shared in (False, True):
            asked = requests_of(options.requests, options.tokens, shared=shared)
            first = None
            for name, arm in arms.items():
                model._batch = None  # no beginnings of an earlier arm
                cpu, wall = time.process_time(), time.perf_counter()
                answers = arm(asked)
                cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
                tokens = sum(count for _, count in answers)
                first = first or (tokens / cpu, answers)
                same = sum(a == b for (a, _), (b, _) in zip(answers, first[1], strict=True))
                print(
                    f"{'shared' if shared else 'apart':7} {name:24} {tokens:5} tokens  {tokens / cpu:6.1f} a CPU second "
                    f"({tokens / cpu / first[0]:.2f} x)  {wall:5.1f} s wall  {same} of {len(asked)} answers equal",
                    flush=True,
                )


if __name__ == "__main__":
    main()
