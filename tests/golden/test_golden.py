"""What today asks of models and names artifacts stays so, verdicts are the same, and what an earlier Rung left is read."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.forked import Commands
from tests.golden import making

GOLDEN: dict[str, Any] = json.loads(making.GOLDEN.read_text("utf-8"))
HOW = "if it is meant: python -m tests.golden.making --verdicts"


@pytest.mark.parametrize("name", GOLDEN["requests"])
def test_a_step_keeps_its_digest(name: str) -> None:
    assert making.requests()[name] == GOLDEN["requests"][name]


@pytest.mark.parametrize("name", GOLDEN["adapters"])
def test_an_adapter_keeps_its_name(name: str) -> None:
    assert making.adapters()[name] == GOLDEN["adapters"][name]


@pytest.mark.slow
@pytest.mark.parametrize("name", making.PROJECTS)
def test_a_project_without_memory_comes_to_the_same(name: str, tmp_path: Path) -> None:
    making.write_projects(tmp_path)
    verdict = making.steady(making.compared(tmp_path / name))
    assert making.built(tmp_path / name) == GOLDEN[name]["built"]
    assert making.remembered(tmp_path / name) == GOLDEN[name]["steps"]
    assert verdict == GOLDEN[name]["verdict"], HOW


@pytest.mark.slow
@pytest.mark.parametrize("name", making.PROJECTS)
def test_what_an_earlier_rung_left_is_read_and_nothing_is_done_again(name: str, tmp_path: Path) -> None:
    shutil.unpack_archive(making.HERE / f"{name}.zip", tmp_path)
    verdict = making.compared(tmp_path / name)
    assert verdict["steps"]["executed"] == 0
    assert making.steady(verdict) == GOLDEN[name]["verdict"]
    listed = making.rung("artifacts", name, "--json", inside=tmp_path)
    kinds = [path for path in GOLDEN[name]["built"] if not path.startswith("cuttings/")]
    assert sorted(f"{one['kind']}/{one['digest']}" for one in json.loads(listed.stdout)["artifacts"]) == kinds


@pytest.mark.slow
def test_what_an_earlier_format_left_is_read_too(tmp_path: Path) -> None:
    """Documents were read and indexed in another way: they are again, and what the model said is not asked anew."""
    shutil.unpack_archive(making.HERE / "earlier" / "shop.zip", tmp_path)
    verdict = making.compared(tmp_path / "shop")
    assert verdict["steps"]["replayed"] > verdict["steps"]["executed"] > 0
    assert making.steady(verdict)["rungs"] == GOLDEN["shop"]["verdict"]["rungs"]  # type: ignore[index]


@pytest.mark.slow
def test_commands_end_with_the_same_exit_codes(commands: Commands, tmp_path: Path) -> None:
    def code(words: tuple[str, ...]) -> int:
        return commands.run(words, cwd=tmp_path, env=os.environ, files=tmp_path).code

    shutil.unpack_archive(making.HERE / "shop.zip", tmp_path / "kept")
    making.write_projects(tmp_path)
    shutil.copytree(tmp_path / "kept" / "shop" / ".rung", tmp_path / "shop" / ".rung")
    ended = {name: code(words) for name, (words, _) in making.COMMANDS.items()}
    assert ended == {name: code for name, (_, code) in making.COMMANDS.items()}
