"""Is every damage to a project's state found, named and mended, and nothing else lost? `benchmarks/torture.py` in short."""

from __future__ import annotations

import importlib.util
import random
import shutil
import sys
from contextlib import suppress
from pathlib import Path
from types import ModuleType

import pytest

from rung.commands.repair import damages, state_of
from rung.config.project import load_project
from rung.errors import Damaged
from rung.loop import compare, search
from rung.pipeline.prepare import up_to_date
from rung.pipeline.publishing import latest
from tests.working import working

TRIALS = 54
KEPT = (".rung/verdicts/latest", ".rung/verdicts/list.jsonl")  # small files, each tried in every way


def torture() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "torture.py"
    spec = importlib.util.spec_from_file_location("torture", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["torture"] = module
    spec.loader.exec_module(module)
    return module


BENCH = torture()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "facts"
    BENCH.make_facts(folder)
    compare(load_project(folder))
    (folder / "docs" / "amber.md").write_text("# The amber\n\nIt is sold out.\n")
    compare(load_project(folder))
    return folder


def said(folder: Path) -> object:
    project = load_project(folder)
    verdict = compare(project).verdict
    found = search(project, "What does the birch model cost?")
    return verdict.winner, [rung.scores for rung in verdict.rungs], [(p.id, p.text) for p in found]


def used(folder: Path) -> None:
    """What commands look at, each of which may find damage."""
    project = load_project(folder)
    for work in (lambda: latest(project), lambda: search(project, "What does the birch model cost?")):
        with suppress(Damaged):  # any other error fails the test
            work()


@pytest.mark.slow
@pytest.mark.parametrize("number", range(TRIALS))
def test_damage_is_found_and_mended(whole: Path, number: int, tmp_path: Path) -> None:
    rng, folder = random.Random(number), tmp_path / "project"
    shutil.copytree(whole, folder)
    files = sorted(path for path in (folder / ".rung").rglob("*") if path.is_file() and path.stat().st_size)
    path = folder / KEPT[number % 2] if number % 6 == 0 else rng.choice(files)
    how = BENCH.DAMAGES[number % len(BENCH.DAMAGES)]
    BENCH.spoil(path, how, rng)
    used(folder)
    mended = [(str(damage.path), damage.mend()) for damage in damages(state_of(folder))]
    with working(load_project(folder)) as at:
        up_to_date(at.engines)
    assert [damage.path for damage in damages(state_of(folder))] == [], (how, path, mended)
    latest(load_project(folder))
    used(folder)


@pytest.mark.slow
def test_all_is_as_before_after_the_worst(whole: Path, tmp_path: Path) -> None:
    """A database without its first page, an index without a file, a list without a line, an altered verdict: all at once."""
    folder, before = tmp_path / "project", said(whole)
    shutil.copytree(whole, folder)
    state = folder / ".rung"
    data = (state / "rung.db").read_bytes()
    (state / "rung.db").write_bytes(bytes(4096) + data[4096:])
    next((state / "index").glob("passages_*.lance/data/*")).unlink()
    (state / "verdicts" / "list.jsonl").write_text("{}\n")
    next((state / "verdicts").glob("*/report.html")).write_text("altered")
    found = {Path(damage.path).name for damage in damages(state_of(folder))}
    assert {"rung.db", "list.jsonl"} < found
    told = [damage.mend() for damage in damages(state_of(folder))]
    assert any("answers" in words and "kept" in words for words in told)
    assert list(damages(state_of(folder))) == []
    assert said(folder) == before
    assert (state / "damaged" / "rung.db").exists()


def test_a_page_that_is_gone_costs_no_verdict(whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "our project"
    shutil.copytree(whole, folder)
    kept = latest(load_project(folder)).folder
    (kept / "report.html").unlink()
    told = [damage.mend() for damage in damages(state_of(folder))]
    assert told == ["report.html went; 'rung compare' makes it again, its answers are known"]
    assert latest(load_project(folder)).folder == kept


@pytest.mark.slow
@pytest.mark.parametrize("gone", ["*.lance/_deletions/*", "versions/*"])
def test_what_stands_in_a_files_place_goes(whole: Path, gone: str, tmp_path: Path) -> None:
    """A folder where a file of the index was; then, where no version is left, files under names that were noted before."""
    folder = tmp_path / "project"
    shutil.copytree(whole, folder)
    before = search(load_project(folder), "What does the birch model cost?")
    for path in (folder / ".rung" / "index").glob(gone):
        path.unlink()
        if "versions" not in gone:
            (path / "inside").mkdir(parents=True)
    for damage in damages(state_of(folder)):
        damage.mend()
    assert search(load_project(folder), "What does the birch model cost?") == before
    assert list(damages(state_of(folder))) == []
    assert search(load_project(folder), "What does the birch model cost?") == before
