"""What does a tuned adapter forget? Public probes before and after, with intervals, by the weights that are served.

    nice -n 10 python benchmarks/forgetting.py ../shared/data/forgetting --adapter FOLDER FOLDER --rows 200
    nice -n 10 python benchmarks/forgetting.py --adapter FOLDER          # the shipped probe alone

Each folder of the given one is a probe of its own: `cases.jsonl` (multiple choice; winogrande in schema form) or
`examples.jsonl` (general chats: the loss of the wanted answer). Instructions are asked from the shipped probe. Multiple
choice is in plain text, without the chat's form, by log-likelihood per byte (`choices`) and undivided (`choices_raw`). The
first --rows of each file, the same for all; the base's numbers are computed once a run. Prints a line of JSON for each
adapter and probe, and a table at the end. Set OMP_NUM_THREADS to the cores that are free.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path

from rung.models.catalog import generator
from rung.models.local import LocalGenerator
from rung.training.bases import base_of
from rung.training.forgetting import Limit, Measured, measure_following, measure_text, over, worse
from rung.training.probing import Probe, read_probe


def probes(data: Path | None, rows: int) -> dict[str, Probe]:
    """The shipped probe, and each folder of the data."""
    found = {"shipped": read_probe()}
    if data is not None:
        if not data.is_dir():
            sys.exit(f"{data} is no folder: name the one that holds the probes")
        found |= {f.name: read_probe(f, limit=rows) for f in sorted(data.iterdir()) if f.is_dir()}
    return found


def measured(model: LocalGenerator, adapter: Path | None, asked: dict[str, Probe]) -> dict[str, Measured]:
    """Every probe's numbers with this adapter, or of the base."""
    weights = base_of(model).losses(adapter)
    found = {}
    for name, probe in asked.items():
        began = time.monotonic()
        found[name] = measure_text(weights, model.tokens, probe)
        print(f"{adapter.name[:8] if adapter else 'base'} {name}: {time.monotonic() - began:.0f} s", file=sys.stderr)
    del weights
    if adapter is not None:
        model.use_adapters({str(adapter): adapter})
    for name, probe in asked.items():
        if probe.instructions:
            kept = measure_following(model, probe, adapter=str(adapter) if adapter else "")
            found[name] = replace(found[name], instructions=kept)
    model.close()
    return found


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="?", help="a folder of probes")
    parser.add_argument("--adapter", type=Path, nargs="+", required=True, help="PEFT folders")
    parser.add_argument("--rows", type=int, default=200, help="of each file (default 200)")
    parser.add_argument("--only", nargs="+", default=[], help="these probes alone")
    parser.add_argument("--model", default="smollm2-135m-instruct")
    said = parser.parse_args()
    asked = {name: probe for name, probe in probes(said.data, said.rows).items() if not said.only or name in said.only}
    model = generator(said.model)
    if not isinstance(model, LocalGenerator):
        sys.exit(f"{said.model} has no weights here")
    before = measured(model, None, asked)
    lines = []
    for adapter in said.adapter:
        after = measured(model, adapter, asked)
        for name in asked:
            change = worse(before[name], after[name])
            shown = {
                number: {"before": before[name].means()[number], "after": after[name].means()[number], "n": one.n}
                | {"worse": one.mean, "low": one.low, "high": one.high}
                for number, one in change.items()
                if one.n
            }
            told = {"adapter": str(adapter), "probe": name, "numbers": shown, "over": over(change, Limit())}
            print(json.dumps(told), flush=True)
            for number, one in shown.items():
                interval = f"{one['worse']:+.3f} [{one['low']:+.3f}, {one['high']:+.3f}]"
                lines.append(
                    f"{adapter.name[:10]:<10} {name:<15} {number:<12} {one['before']:>7.3f} {one['after']:>7.3f}  {interval}"
                )
    print(f"\n{'adapter':<10} {'probe':<15} {'number':<12} {'before':>7} {'after':>7}  worse by", *lines, sep="\n")


if __name__ == "__main__":
    main()
