"""A model on a server that is paid by the hour beside one that is paid by the token: bills, break-even, the cheaper one."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from rung.config.project import load_project
from rung.errors import InputError
from rung.loop import compare
from rung.records import Verdict
from tests.pipeline.test_several_models import batch_tokens, knowing, project

USD, HOURS, RATE = 1.5, 100, 1.0  # an hour, hours a month, tokens a second
TOKENS = 40.0  # dollars of a million


def judged(folder: Path, queries: int, *, rate: float | None = RATE, prefer: str = "cost") -> tuple[Verdict, float]:
    """The verdict, and the tokens of a query."""
    with knowing(60) as own, knowing(60) as hosted:
        throughput = "" if rate is None else f", hosting_tokens_per_second: {rate}"
        by_hour = f"hosting_usd_per_hour: {USD}, hosting_hours_per_month: {HOURS}{throughput}"
        by_token = f"prompt_usd_per_million: {TOKENS}, completion_usd_per_million: {TOKENS}"
        named = (
            f"models:\n  api: {{use: '{hosted.url}#api', prices: {{{by_token}}}}}\n"
            f"  own: {{use: '{own.url}#own', prices: {{{by_hour}}}}}\n"
        )
        more = f"prefer: {prefer}\nbar: {{correct: 0.8}}\n"
        project(folder, named, more=more, rungs="[{prompt: {model: [api, own]}}]")
        path = folder / "rung.yaml"
        text = path.read_text(encoding="utf-8").replace("queries_per_month: 10000", f"queries_per_month: {queries}")
        path.write_text(text, encoding="utf-8")
        verdict = compare(load_project(folder)).verdict
        tokens = batch_tokens(own)
        return verdict, sum(tokens) / len(tokens)


@pytest.mark.slow
def test_bills_and_break_even_by_hand(tmp_path: Path) -> None:
    verdict, tokens = judged(tmp_path / "p", 200_000)
    api, own = (next(r for r in verdict.rungs if r.name == f"prompt[model={name}]") for name in ("api", "own"))
    carried = RATE * 3600 * HOURS / tokens
    servers = -(-200_000 // carried)
    assert servers > 1
    assert own.bill is not None
    assert api.bill is not None
    assert own.bill.monthly["hosting"] == pytest.approx(servers * USD * HOURS)
    assert own.bill.per_month == pytest.approx(servers * USD * HOURS)
    assert own.usd_per_1k == pytest.approx(servers * USD * HOURS / 200)
    each = tokens * TOKENS / 1e6
    assert api.bill.per_month == pytest.approx(200_000 * each)
    dearer_when_full = USD * HOURS / carried > each
    assert dearer_when_full
    assert verdict.winner == "prompt[model=api]"


@pytest.mark.slow
def test_the_cheaper_one_changes_with_the_traffic_as_the_verdict_says(tmp_path: Path) -> None:
    rate = 1000.0
    little, tokens = judged(tmp_path / "p", 10_000, rate=rate)
    each = tokens * TOKENS / 1e6
    volume = USD * HOURS / each
    assert 100_000 < volume < 1_000_000
    assert little.winner == "prompt[model=api]"
    said = " ".join(little.flips)
    thousands = math.ceil(volume / 1000)  # three digits, upwards: from there on it does
    rounded = f"{thousands:,},000"
    assert f"prompt[model=own] costs less than prompt[model=api] from about {rounded} queries a month on" in said
    much, _ = judged(tmp_path / "q", round(volume * 1.2), rate=rate)
    assert much.winner == "prompt[model=own]"
    less, _ = judged(tmp_path / "r", round(volume * 0.8), rate=rate)
    assert less.winner == "prompt[model=api]"


@pytest.mark.slow
def test_what_is_not_stated_is_said(tmp_path: Path) -> None:
    verdict, _ = judged(tmp_path / "p", 10_000, rate=None)
    assert any("one server is taken to carry all traffic" in line for line in verdict.warnings)
    verdict, _ = judged(tmp_path / "q", 0, prefer="ladder")
    own = next(r for r in verdict.rungs if r.name == "prompt[model=own]")
    assert own.usd_per_1k is None
    assert any("the traffic is not stated" in line for line in verdict.warnings)


@pytest.mark.parametrize("stated", ["hours_per_month: 800", "tokens_per_second: 0", "usd_per_hour: -1"])
def test_what_no_price_can_be_is_refused_at_its_line(stated: str, tmp_path: Path) -> None:
    (tmp_path / "rung.yaml").write_text(f"model: scripted\nprices:\n  hosting_{stated}\n", encoding="utf-8")
    with pytest.raises(InputError, match=stated.partition(":")[0]) as error:
        load_project(tmp_path)
    assert error.value.line == 3
