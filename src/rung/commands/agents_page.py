"""`AGENTS.md` of a project: what a coding agent has to know to work on it with `rung`. The text stands in `agents.md`."""

from __future__ import annotations

from importlib.resources import files

NAME = "AGENTS.md"


def agents_page(name: str) -> str:
    """The page for a project of this name."""
    return (files(__package__) / "agents.md").read_text("utf-8").replace("# NAME", f"# {' '.join(name.split())}", 1)
