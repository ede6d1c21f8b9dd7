"""Is a router another one where what its rungs answer may be another?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rung.builders.router import router_digest
from rung.config.project import load_project
from rung.records import Case, StrategySpec
from rung.strategies.protocol import Member, Routing
from rung.strategies.registry import make_strategy
from tests.pipeline.test_climbing import project
from tests.working import working


def test_a_router_is_another_where_its_rungs_are_told_another_task(tmp_path: Path) -> None:
    spec = StrategySpec("prompt", {}, task="Say the label.")
    member = Member("prompt", spec, make_strategy(spec), "settings and artifacts")
    need = Routing((member,), (Case("c", "Which?", ("red",)),))
    told = replace(need, members=(replace(member, spec=replace(spec, task="Say the colour.")),))
    with working(load_project(project(tmp_path, "[prompt]"))) as at:
        digests = [router_digest(at.builder, one) for one in (need, told, need)]
    assert digests[0] == digests[2] != digests[1]
