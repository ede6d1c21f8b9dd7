"""The list of runs, one run, and runs beside each other, as people see them; and what stands damage."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from rung.config.project import load_project
from rung.errors import UserError
from rung.pipeline.publishing import LINE, LIST, PAGE, Published, verdicts_of
from rung.report.html.page import report_html
from rung.report.html.risk import CURVE, PROMISE
from rung.serving.callers import Caller, Refused
from rung.web.entry import CallersDoor
from rung.web.run_list import bar_of, brief_of, runs_in
from rung.web.stored_page import stored_page
from tests.forked import Commands
from tests.report.report_sample import sample
from tests.web.watched import WIDTHS, Watched, faults, is_wider_than_its_window, looking, watched

if TYPE_CHECKING:
    from playwright.sync_api import Browser

OWN = {"Sec-Fetch-Site": "same-origin"}


class _Customers:
    """A key of somebody who is in no group."""

    def identify(self, headers: Mapping[str, str], address: str = "") -> Caller:
        del address
        if headers.get("authorization") != "Bearer looks":
            raise Refused(401, "no credential")
        return Caller("looks", frozenset({"customer"}), frozenset({"board"}))


@pytest.fixture(scope="module")
def twice(compared: Path, commands: Commands, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop, compared again after a case came, one went, one changed, and the bar was set higher."""
    folder = Path(shutil.copytree(compared, tmp_path_factory.mktemp("twice") / "shop"))
    rows = [json.loads(line) for line in (folder / "cases.jsonl").read_text(encoding="utf-8").splitlines()]
    kept = [row for row in rows if row["id"] != "r2"]
    for row in kept:
        if row["id"] == "s1":
            row["answers"] = ["nine euros", "9 euros"]
    kept.append({"id": "new", "split": "test", "question": "Do we ship to Sweden?", "answers": ["Sweden"]})
    (folder / "cases.jsonl").write_text("\n".join(map(json.dumps, kept)) + "\n", encoding="utf-8")
    config = (folder / "rung.yaml").read_text(encoding="utf-8")
    (folder / "rung.yaml").write_text(config.replace("correct: 0.2", "correct: 0.3"), encoding="utf-8")
    (folder / "docs" / "more.md").write_text("# More\n\nWe are open on Sundays.\n", encoding="utf-8")
    files = tmp_path_factory.mktemp("output")
    assert commands.run(["compare", str(folder)], cwd=folder, env=dict(os.environ), files=files).code in (0, 1)
    return folder


@pytest.fixture(scope="module")
def beside(twice: Path) -> Iterator[Watched]:
    """Its board."""
    with watched(twice) as board:
        yield board


@pytest.mark.slow
def test_two_runs_are_chosen_and_seen_side_by_side(browser: Browser, beside: Watched) -> None:
    with looking(browser, beside) as page:
        assert page.title().startswith("Runs")
        page.get_by_label("Choose run 1").check()
        page.get_by_label("Choose run 2").check()
        page.get_by_role("button", name="Side by side").click()
        assert page.get_by_role("heading", name="Run 2 against run 1").is_visible()
        text = page.locator("main").inner_text()
        assert "1 case added" in text
        assert "1 case gone" in text
        assert "1 case changed, so that they are others" in text
        page.get_by_text("1 case gone").click()
        assert page.get_by_text("r2", exact=True).is_visible()
        changed = {row.locator("th").inner_text(): row.inner_text() for row in page.locator("table.list tbody tr").all()}
        assert "0.2" in changed["Bar: correct"]
        assert "0.3" in changed["Bar: correct"]
        assert "1 more, 0 gone" in changed["Documents"]
        assert page.locator("table.live svg.track").count() > 0
        assert "on 5 cases that both judged by" in text


@pytest.mark.slow
def test_a_run_is_opened_and_its_forms_taken_away(browser: Browser, seen: Watched) -> None:
    with looking(browser, seen) as page:
        page.get_by_role("link", name="Run 1").click()
        assert page.locator("section#quality").is_visible()
        assert page.locator("svg.track").count() > 0
        with page.expect_download() as download:
            page.get_by_role("link", name="JSON").click()
        assert json.loads(Path(download.value.path()).read_text(encoding="utf-8"))["winner"]
        assert download.value.suggested_filename == "run-1-verdict.json"


@pytest.mark.slow
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("path", ["", "runs/1", "runs/compare?run=1&run=2"])
def test_pages_fit_the_window_and_are_accessible(
    browser: Browser, beside: Watched, path: str, width: str, dark: bool
) -> None:
    with looking(browser, beside, width=width, dark=dark) as page:
        page.goto(beside.url(path))
        assert not is_wider_than_its_window(page)
        assert faults(page) == []


def test_what_is_damaged_gone_or_half_written_is_said(twice: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(twice, tmp_path / "shop"))
    state = verdicts_of(load_project(folder))
    one, two = (json.loads(line)["verdict"] for line in (state / LIST).read_text(encoding="utf-8").splitlines())
    (state / "0123456789abcdef").mkdir()
    with watched(folder) as board, httpx.Client() as client:
        client.get(board.entrance)
        assert "1 more run just being written" in client.get(board.url()).text
        (state / one / LINE).write_text('{"winner": "rag", ', encoding="utf-8")
        (state / two / LINE).unlink()
        text = client.get(board.url()).text
        assert "it cannot be read" in text
        assert "half written, or its numbers were taken away" in text
        shutil.rmtree(state / two)
        assert "its folder is gone" in client.get(board.url()).text
        for path in ("runs/1", "runs/2", "runs/1/report.html", "runs/compare?run=1&run=2", "runs/2/what-if"):
            assert client.get(board.url(path)).status_code == 409, path
        with (state / LIST).open("a", encoding="utf-8") as file:
            file.write('{"number": 3, "verd\n')
        response = client.get(board.url())
        assert (response.status_code, "line 3 of the list of runs is none" in response.text) == (200, True)
        (state / LIST).unlink()
        assert "empty or missing" in client.get(board.url()).text


def test_the_list_says_when_and_whether_there_was_a_bar(compared: Path) -> None:
    line = verdicts_of(load_project(compared)) / (verdicts_of(load_project(compared)) / "latest").read_text().strip() / LINE
    entry = json.loads(line.read_text(encoding="utf-8"))
    assert bar_of(entry) == "cleared"
    assert bar_of({**entry, "coverage": {"partial": "out of time"}}) == "missed"
    rungs = [{**rung, "probability_of_bar": None} for rung in entry["rungs"]]
    assert bar_of({**entry, "rungs": rungs}) == "no bar"
    assert bar_of({**entry, "rungs": rungs, "clears_bar": False}) == "unknown"
    (run,) = (brief_of(load_project(compared), one) for one in runs_in(load_project(compared))[0])
    assert run.written is not None
    assert f"{run.written:%Y-%m-%d}" == run.line.created
    other_day = brief_of(load_project(compared), replace(run.line, created="2020-02-02"))
    assert (other_day.written, other_day.brief) == (None, run.brief)


def test_a_run_shows_all_sections_of_its_report_in_their_order_but_the_cases(tmp_path: Path) -> None:
    report = sample(cases=12)
    first, *others = report.verdict.rungs
    curves = {CURVE: ((0.5, 0.1), (1.0, 0.3)), PROMISE: ((0.5, 0.2),)}
    report = replace(report, verdict=replace(report.verdict, rungs=(replace(first, learning=curves), *others)))
    page = tmp_path / PAGE
    page.write_text(report_html(report), encoding="utf-8")
    verdict = Published("", "{}", page, tmp_path)
    for groups in (None, frozenset[str]()):
        shown = stored_page(verdict, groups)
        ids = [one.partition(">")[0].partition(' id="')[2].partition('"')[0] for one in shown]
        assert ids == ["verdict", "quality", "price", "gaps", "losses", "warnings", "scores", "risk", "basis"]
    assert "How sure must an answer be?" in shown[7]


def test_an_earlier_report_is_for_who_may_read_everything_alone(tmp_path: Path) -> None:
    page = tmp_path / PAGE
    page.write_text('<main><section id="verdict">rag</section></main>', encoding="utf-8")
    verdict = Published("", "{}", page, tmp_path)
    assert stored_page(verdict, None) == ('<section id="verdict">rag</section>',)
    with pytest.raises(UserError, match="does not say who may read it"):
        stored_page(verdict, frozenset({"staff"}))
    page.write_text(report_html(sample(cases=3)), encoding="utf-8")
    assert len(stored_page(verdict, frozenset({"staff"}))) > 5
    page.unlink()
    with pytest.raises(UserError, match="has no html"):
        stored_page(verdict, None)


def test_no_run_yet(shop: Path) -> None:
    with watched(shop) as board, httpx.Client() as client:
        client.get(board.entrance)
        assert "There is no run yet" in client.get(board.url()).text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("runs/compare", 400),
        ("runs/compare?run=1", 400),
        ("runs/compare?run=1&run=1", 400),
        ("runs/compare?run=1&run=99", 404),
        ("runs/compare?run=x", 400),
        (f"runs/compare?{'&'.join(f'run={n}' for n in range(1, 20))}", 400),
        ("runs/0", 400),
        ("runs/99", 404),
        ("runs/99/cases", 404),
        ("runs/99/what-if", 404),
        ("runs/1/report.exe", 404),
        ("?before=0", 400),
    ],
)
def test_what_is_not_there_is_said(seen: Watched, path: str, status: int) -> None:
    with httpx.Client() as client:
        client.get(seen.entrance)
        assert client.get(seen.url().rstrip("/") + (path if path.startswith("?") else f"/{path}")).status_code == status


def test_who_may_not_read_all_gets_the_forms_without_it(twice: Path) -> None:
    with watched(twice, CallersDoor(_Customers())) as board, httpx.Client(headers=OWN) as client:
        client.post(board.url("enter"), data={"credential": "looks"})
        owners = (verdicts_of(load_project(twice)) / "latest").read_text(encoding="utf-8").strip()
        whole = (verdicts_of(load_project(twice)) / owners / "report.html").read_text(encoding="utf-8")
        assert "forty percent" in whole
        for form in ("html", "md", "json", "junit"):
            response = client.get(board.url(f"runs/2/report.{form}"))
            assert response.status_code == 200
            assert "attachment" in response.headers["content-disposition"]
            assert "forty percent" not in response.text
        text = client.get(board.url("runs/compare?run=1&run=2")).text
        assert "1 case gone" in text
        assert ">r2<" not in text
