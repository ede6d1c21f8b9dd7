"""Makes the chats of the shipped model with itself that every tuning replays (`src/rung/training/self_chats.jsonl`).

    nice -n 10 python benchmarks/self_chats.py WORK --prompts 520 --to src/rung/training/self_chats.jsonl

The model answers the first so many general prompts of `rung.training.self_replay`, greedily; what does not end within 200
tokens or does not keep the form that was asked for is left out (of 520 answers 186 stay). WORK remembers what was answered,
so that a stopped command goes on.
"""

from __future__ import annotations

import argparse
import sys
import time
from functools import partial
from pathlib import Path

from rung.dataset import write_examples
from rung.models.catalog import generator
from rung.records import Asker
from rung.runtime.batch import Tally, carry
from rung.runtime.cache import StepCache
from rung.training.self_replay import answered_by_itself, general_prompts

MODEL = "smollm2-135m-instruct"


def show(done: int, all: int) -> None:
    """A line now and then."""
    print(f"{time.strftime('%H:%M:%S')} {done} of {all}", file=sys.stderr, flush=True)


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--prompts", type=int, default=520)
    parser.add_argument("--to", type=Path, required=True)
    asked = parser.parse_args()
    model, store = generator(MODEL), StepCache(asked.work / "steps.db")
    talks = [(Asker(), partial(answered_by_itself, prompt)) for prompt in general_prompts()[: asked.prompts]]
    ended = carry(talks, engines={"generate": model}, store=store, tally=Tally(), progress=show)
    count = write_examples(asked.to, (one.value for one in ended if one.value is not None), force=True)
    store.close()
    model.close()
    print(f"{count} of {asked.prompts} answers are kept")


if __name__ == "__main__":
    main()
