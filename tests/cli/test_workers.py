"""Is a comparison that workers carry out the one that this process would have made?"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run

pytest.importorskip("ray")


def scores(said: dict[str, Any]) -> dict[str, Any]:
    return {rung["name"]: rung["scores"] for rung in said["rungs"]}


@pytest.mark.slow
def test_compare_with_workers_of_this_machine(rung: Run, shop: Path) -> None:
    text = (shop / "rung.yaml").read_text("utf-8")
    short = re.sub(r"(?m)^rungs:.*$", "rungs: [prompt, rag]", text)
    (shop / "rung.yaml").write_text(short, encoding="utf-8")
    alone = rung("compare", shop, "--json", code=None).json
    shutil.rmtree(shop / ".rung")
    (shop / "rung.yaml").write_text(f"{short}workers: {{ray: local, count: 2}}\n", encoding="utf-8")
    spread = rung("compare", shop, "--json", code=None).json
    assert (spread["winner"], scores(spread)) == (alone["winner"], scores(alone))
    assert spread["steps"] == alone["steps"]
