"""Secrets of tools: they stand in the environment, and nowhere else."""

from __future__ import annotations

import os

from rung.errors import UserError


def from_environment(variable: str, *, who: str, what: str = "") -> str:
    """The value of a variable that a tool needs. `who` needs it, for `what`.

    Raises:
        UserError: it is not set.
    """
    value = os.environ.get(variable, "")
    if not value:
        raise UserError(f"{who} needs the variable {variable}{f' ({what})' if what else ''}, which is not set")
    return value
