"""What comes of each project of the gallery: copies it, compares all its rungs in full, prints its verdict.

    python benchmarks/gallery.py [NAME ...] [--work FOLDER] [--model NAME]

Run again it goes on where it was: what was answered, trained and timed is kept below --work, one folder for each project.
With --model every project is asked of another model (`models` of front-desk aside). Where a project requires review, it
is compared as it comes, then what would teach is approved by "benchmark", in the copy, and it is compared again.
Hours on two cores: most of it is training.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

from rung.commands.gallery import copy_project, gallery, gallery_project
from rung.errors import UserError


def compare(folder: Path) -> dict[str, Any]:
    """The verdict of `rung compare --json`.

    Raises:
        RuntimeError: there is none.
    """
    run = subprocess.run(
        [sys.executable, "-m", "rung", "compare", "--json", "-C", str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    verdict: dict[str, Any] = json.loads(run.stdout or "{}")
    if run.returncode not in {0, 1}:
        raise RuntimeError(f"{folder.name}: {verdict.get('error', run.returncode)}")
    return verdict


def lines(name: str, verdict: dict[str, Any]) -> list[str]:
    """The verdict, as a table's rows and a sentence."""
    told = [f"{name}: {verdict['reason']}"]
    for rung in verdict["rungs"]:
        score = rung["scores"].get("correct")
        if score is None:
            told.append(f"  {rung['name']:24} {rung['why']}")
            continue
        told.append(
            f"  {rung['name']:24} {score['mean']:.2f} [{score['low']:.2f}, {score['high']:.2f}] of {score['n']} cases"
        )
    gaps = {gap: found for gap, found in verdict["gaps"].items() if found["n"]}
    told += [f"  gap of {gap}: {of['mean']:.2f} [{of['low']:.2f}, {of['high']:.2f}]" for gap, of in gaps.items()]
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="which; left out: all of them")
    parser.add_argument("--work", type=Path, default=Path("gallery-work"), help="where the copies are")
    parser.add_argument("--model", help="instead of each project's own")
    chosen = parser.parse_args()
    try:
        projects = [gallery_project(name) for name in chosen.names] or gallery()
    except UserError as error:
        parser.error(str(error))
    for project in projects:
        folder = chosen.work / project.name
        if not folder.exists():
            copy_project(project, folder)
        if chosen.model:
            rung_yaml = folder / "rung.yaml"
            rung_yaml.write_text(re.sub(r"(?m)^model: .*$", f"model: {chosen.model}", rung_yaml.read_text("utf-8")), "utf-8")
        rounds = [""]
        if re.search(r"(?m)^review:", (folder / "rung.yaml").read_text("utf-8")):
            rounds += ["approved by 'benchmark'"]
        for approved in rounds:
            if approved:
                command = ["review", "--approve", "training", "--by", "benchmark", "-C", str(folder)]
                subprocess.run([sys.executable, "-m", "rung", *command], stdout=subprocess.DEVNULL, check=False)
            try:
                shown = lines(f"{project.name}{f' ({approved})' if approved else ''}", compare(folder))
            except RuntimeError as error:
                shown = [f"{project.name}: no verdict: {error}"]
            print("\n".join(shown), flush=True)
    print(f"{date.today().isoformat()}, {chosen.model or 'the model of each project'}; the reports are below {chosen.work}")


if __name__ == "__main__":
    main()
