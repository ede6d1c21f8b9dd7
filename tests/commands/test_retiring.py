"""Is what a deployment answers with retired by force alone, and is it said which one?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from rung.artifacts.registry import Registry
from rung.artifacts.store import ARTIFACTS, seal
from rung.commands.retiring import retire
from rung.config.project import Project, load_project
from rung.errors import UserError
from rung.records.deployment import DeploymentEvent, What
from rung.state.database import open_state
from rung.state.deployments import add_event, last_event
from tests.records.test_deployment import RECORD

PINNED, OTHER = "a" * 64, "c" * 64
OLD, NEW = RECORD, replace(RECORD, by="eve", artifacts={OTHER: "d" * 64})


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """With two artifacts."""
    (tmp_path / "rung.yaml").write_text("task: a\nmodel: scripted\n")
    for named in (PINNED, OTHER):
        seal(tmp_path / ".rung" / ARTIFACTS / "router" / named, {"kind": "router"})
    return load_project(tmp_path)


def happened(project: Project, *what: What) -> None:
    """The first event is of the one that pins, the others of the other one."""
    with open_state(project) as state:
        for number, one in enumerate(what):
            record = NEW if number else OLD
            event = DeploymentEvent(0, record.id, one, "ada")
            add_event(state, event, expected=last_event(state), record=record if number < 2 else None)


@pytest.mark.parametrize(
    ("what", "named", "words"),
    [
        (("promoted",), PINNED, "which is served,"),
        (("promoted", "canary"), PINNED, "which is served,"),
        (("promoted", "canary"), OTHER, "which is tried as a canary,"),
        (("promoted", "shadow"), OTHER, "which is tried in the shadow,"),
    ],
)
def test_what_answers_is_retired_by_force_alone(what: tuple[What, ...], named: str, words: str, project: Project) -> None:
    happened(project, *what)
    registry = Registry(project.state)
    with pytest.raises(UserError, match=rf"{words} is held to router {named[:4]}.*--force") as error:
        retire(project, registry, registry.find(named), by="ada")
    assert f"the deployment {(NEW if named == OTHER else OLD).id} (rag)" in str(error.value)
    assert registry.find(named).state == "built"
    done = retire(project, registry, registry.find(named), by="ada", force=True)
    assert registry.find(named).state == "retired"
    assert "servers that start now refuse it" in done.warnings[0]


def test_what_would_be_gone_back_to_is_said_and_what_ended_is_not(project: Project) -> None:
    happened(project, "promoted", "promoted")
    registry = Registry(project.state)
    assert "cannot be gone back to any more" in retire(project, registry, registry.find(PINNED), by="ada").warnings[0]
    happened(project)
    with open_state(project) as state:
        add_event(state, DeploymentEvent(0, NEW.id, "withdrawn", "ada"), expected=last_event(state))
    assert retire(project, registry, registry.find(OTHER), by="ada").warnings == ()


def test_a_database_that_is_away_is_said(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNG_RECORDS", "postgresql://nobody@127.0.0.1:1/none?connect_timeout=1")
    registry = Registry(project.state)
    with pytest.raises(UserError, match="cannot be used"):
        retire(project, registry, registry.find(PINNED), by="ada")
    (warning,) = retire(project, registry, registry.find(PINNED), by="ada", force=True).warnings
    assert warning.startswith("which deployments were held to it is not known: ")
