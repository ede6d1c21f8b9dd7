"""How much does the batch driver gain over a loop, and what does it cost over the bare engine?

    python benchmarks/batch_driver.py [--cases 48] [--model smollm2-135m-instruct] [--tokens 32]

The same questions of `examples/handbook`, three ways, each with a freshly opened engine: one prompt at a time in a plain
loop; all prompts handed to the engine at once; and by the batch driver, with digests, memory on disk and conversations.
Prints cases per second and the two ratios. Aims: at least 4 times the loop, at least 0.9 times the bare engine.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rung.config.project import load_project
from rung.models.catalog import generator
from rung.records import Asker, Question
from rung.records.steps import Generate, Request
from rung.runtime.batch import Tally, carry
from rung.runtime.cache import StepCache
from rung.strategies.protocol import Materials, Plan
from rung.strategies.registry import find, make_strategy

HANDBOOK = Path(__file__).parents[1] / "examples" / "handbook"


def main() -> None:
    """Print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--cases", type=int, default=48)
    parser.add_argument("--model", default="smollm2-135m-instruct")
    parser.add_argument("--tokens", type=int, default=32)
    args = parser.parse_args()
    rows = [json.loads(line) for line in (HANDBOOK / "cases" / "test.jsonl").read_text(encoding="utf-8").splitlines()]
    questions = [Question(row["id"], row["question"]) for row in rows[: args.cases]]
    plan = find("prompt").plan(Materials(task=load_project(HANDBOOK).settings.task), {"max_tokens": args.tokens})
    assert isinstance(plan, Plan)
    strategy = make_strategy(plan.spec)
    requests = [Request(step) for question in questions if isinstance(step := next(strategy.answer(question)), Generate)]
    engine = generator(args.model)

    def seconds(work: Callable[[], object]) -> float:
        engine.close()
        list(engine.run(requests[:1]))  # opens the engine; its prompt's prefix is then cached in all three ways
        began = time.perf_counter()
        work()
        return time.perf_counter() - began

    def by_driver() -> None:
        with tempfile.TemporaryDirectory() as folder:
            store = StepCache(Path(folder) / "rung.db")
            talks = [(Asker(), lambda question=question: strategy.answer(question)) for question in questions]
            carry(talks, engines={"generate": engine}, store=store, tally=Tally())
            store.close()

    loop = seconds(lambda: [list(engine.run([request])) for request in requests])
    bare = seconds(lambda: list(engine.run(requests)))
    driver = seconds(by_driver)
    said = {name: round(len(requests) / took, 2) for name, took in (("loop", loop), ("bare", bare), ("driver", driver))}
    print(json.dumps({"cases": len(requests), "cases_per_second": said, **ratios(loop, bare, driver)}))


def ratios(loop: float, bare: float, driver: float) -> dict[str, float]:
    """The driver's speed over the two others', from seconds."""
    return {"driver_over_loop": round(loop / driver, 2), "driver_over_bare": round(bare / driver, 3)}


if __name__ == "__main__":
    main()
