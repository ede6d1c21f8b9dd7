"""Where serving keeps what it keeps of a project, and whether it has kept anything; opens no database."""

from __future__ import annotations

import os

from rung.config.project import Project

FILE = "state.db"


def address_of(records: str) -> str:
    """The address of the database, the environment's before rung.yaml's; "": the file in the project's folder."""
    return os.environ.get("RUNG_RECORDS") or records


def is_shared(project: Project) -> bool:
    """Whether it is PostgreSQL."""
    return bool(address_of(project.settings.records))


def has_database(project: Project) -> bool:
    """Whether serving has kept anything of a project, here or elsewhere."""
    return is_shared(project) or (project.state / FILE).exists()
