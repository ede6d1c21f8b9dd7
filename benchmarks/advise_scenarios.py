"""Does `rung advise` say what practitioners' guides say? Their situations are in ../shared/data/decision_scenarios.json.

    python benchmarks/advise_scenarios.py

Prints the situations where start or final differ, or where something is recommended that should not be; then how many agree.
Exit 1 if one differs.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from rung.verdict.advise import advise, facts_of

TABLE = Path(__file__).resolve().parents[2] / "shared" / "data" / "decision_scenarios.json"
ALIKE = {"classifier": "tuned_model"}


def main() -> None:
    """Compare, print, exit."""
    if not TABLE.exists():
        sys.exit(f"{TABLE} is absent: this benchmark needs it there")
    scenarios = json.loads(TABLE.read_text(encoding="utf-8"))
    differing = 0
    for scenario in scenarios:
        said, expected = advise(facts_of(scenario["facts"])), scenario["expected"]
        final = [ALIKE.get(rung, rung) for rung in said.final]
        forbidden = {said.start, *final} & set(expected["not"])
        if said.start != expected["start"] or final != expected["final"] or forbidden:
            differing += 1
            print(f"{scenario['id']}: {said.start}, {final} against {expected}")
    print(f"{len(scenarios) - differing} of {len(scenarios)} agree")
    sys.exit(bool(differing))


if __name__ == "__main__":
    main()
