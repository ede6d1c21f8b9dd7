"""`rung export`, as a user types it, where there is nothing to export."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Run

pytestmark = pytest.mark.slow


def test_a_project_without_weights_of_its_own_has_nothing_to_export(rung: Run, shop: Path) -> None:
    said = rung("export", shop, "--to", "peft", "-o", shop / "out", code=2)
    assert "no rung of this project has weights of its own" in said.err
    assert not (shop / "out").exists()


def test_an_artifact_that_is_not_there_is_told_of(rung: Run, shop: Path) -> None:
    said = rung("export", shop, "--to", "merged", "-o", shop / "out", "--artifact", "abc", code=2)
    assert "no finished artifact whose digest begins with 'abc'" in said.err


def test_an_encoder_goes_out_as_it_is_once(rung: Run, shop: Path) -> None:
    folder = shop / ".rung" / "artifacts" / "retriever" / "abc1"
    folder.mkdir(parents=True)
    for name in ("manifest.json", "modules.json", "config.json"):
        (folder / name).write_text("{}")
    words = ("export", shop, "--to", "st", "-o", shop / "out", "--artifact", "abc", "--json")
    said = rung(*words).json
    assert (said["form"], said["artifact"], said["parity"], said["marked"]) == ("st", "abc1", [], [])
    assert (shop / "out" / "modules.json").exists()
    assert "is there already" in rung(*words, code=2).err
    assert "is no adapter" in rung(*words[:3], "peft", *words[4:], code=2).err
