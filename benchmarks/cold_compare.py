"""How long does a verdict take from nothing, and the second time?

    python benchmarks/cold_compare.py [commands handbook helpdesk]

Each shipped example is copied to a new folder and compared twice, weights in the cache already (fetching them is the
network's time, not Rung's). Prints one line of JSON an example: seconds of both runs, steps executed in the second (must
be 0), the winner and every rung's `correct`. Aims on 2 cores: 5 minutes cold, 60 seconds of `handbook`; 5 and 3 seconds the
second time. Python keeps what it compiles of Rung's source, as it does for users, whatever the shell says.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

EXAMPLES = Path(__file__).parents[1] / "examples"


def main() -> None:
    """Print one line of JSON for each example named."""
    for name in sys.argv[1:] or ["commands", "handbook"]:
        with tempfile.TemporaryDirectory() as folder:
            project = Path(folder) / name
            shutil.copytree(EXAMPLES / name, project, ignore=shutil.ignore_patterns(".rung", "report.html"))
            first, cold = compared(project)
            second, warm = compared(project)
        scores = {rung["name"]: rung["scores"].get("correct") for rung in first["rungs"]}
        print(
            json.dumps(
                {
                    "example": name,
                    "cold_seconds": round(cold, 1),
                    "again_seconds": round(warm, 1),
                    "executed_again": second["steps"]["executed"],
                    "winner": first["winner"],
                    "clears_bar": first["clears_bar"],
                    "cases": first["cases"],
                    "build_seconds": {r["name"]: round(r["build_seconds"], 1) for r in first["rungs"] if r["build_seconds"]},
                    "answer_seconds": {r["name"]: round(r["answer_seconds"], 1) for r in first["rungs"]},
                    "correct": {n: s and [round(s[k], 3) for k in ("mean", "low", "high")] for n, s in scores.items()},
                    "gaps": first["gaps"],
                }
            ),
            flush=True,
        )


def compared(project: Path) -> tuple[dict, float]:  # type: ignore[type-arg]
    """The verdict of one run, and its seconds."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "rung", "compare", str(project), "--json"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    ran = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True, env=environment)
    if ran.returncode not in (0, 1):
        raise SystemExit(f"rung compare {project} ended with {ran.returncode}")
    return json.loads(ran.stdout), time.perf_counter() - began


if __name__ == "__main__":
    main()
