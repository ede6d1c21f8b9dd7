"""Which artifact of a kind was promoted last? Read from the log of deeds; writing that is left to others."""

from __future__ import annotations

import json
from pathlib import Path

from rung.workshop.artifacts import ARTIFACTS, is_finished

LOG = "log.jsonl"


def promoted(state: Path, kind: str) -> Path | None:
    """The folder of the promoted artifact of a project, given the folder of its state; None where none is, or it is gone.

    The log has a line `{"deed": "promote" | "rollback", "kind", "digest", …}` for each deed; a rollback names what is
    promoted again.
    """
    named = ""
    try:
        lines = (state / ARTIFACTS / LOG).read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return None
    for line in lines:
        try:
            said = json.loads(line)
        except ValueError:  # a line that a crash cut
            continue
        if isinstance(said, dict) and said.get("kind") == kind and said.get("deed") in ("promote", "rollback"):
            named = str(said.get("digest", ""))
    folder = state / ARTIFACTS / kind / named
    return folder if named and is_finished(folder) else None
