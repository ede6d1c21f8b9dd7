"""The list of verdicts: numbers are given once, whoever publishes beside, and a damaged line is named and mended."""

from __future__ import annotations

import json
import multiprocessing
import shutil
from pathlib import Path

import pytest

from rung.commands.repair import damages, state_of
from rung.errors import Damaged, UserError
from rung.pipeline.publishing import LINE, PAGE, TABLE, latest, publish, published, read_list


def _publish(root: Path, who: str, times: int) -> None:
    for n in range(times):
        text = json.dumps({"winner": f"{who}{n}", "clears_bar": True})
        publish(state_of(root), {LINE: text, TABLE: "table", PAGE: "page"}, created="2026-01-01")


@pytest.mark.slow
@pytest.mark.parametrize("processes", [2, 4])
def test_two_and_four_processes_publish_under_numbers_of_their_own(processes: int, tmp_path: Path) -> None:
    fork = multiprocessing.get_context("fork")
    workers = [fork.Process(target=_publish, args=(tmp_path, f"w{n}-", 40 // processes)) for n in range(processes)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * processes
    assert [line.number for line in read_list(state_of(tmp_path))] == list(range(1, 41))
    assert latest(state_of(tmp_path)).winner is not None
    assert list(damages(state_of(tmp_path))) == []


def test_lines_that_are_lost_are_made_anew_from_the_verdicts(tmp_path: Path) -> None:
    _publish(tmp_path, "w", 3)
    path, before = tmp_path / ".rung" / "verdicts" / "list.jsonl", read_list(state_of(tmp_path))
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], lines[1].replace('"number": 2', '"number": 7'), lines[2]]) + "\n")
    with pytest.raises(Damaged, match=rf"list.jsonl is damaged .line 2 .*; mend it with: rung doctor --repair {tmp_path}"):
        latest(state_of(tmp_path))
    (damage,) = damages(state_of(tmp_path))
    assert damage.mend().startswith("2 lines were read, 1 made anew")
    assert [(line.number, line.verdict) for line in read_list(state_of(tmp_path))] == [
        (line.number, line.verdict) for line in before
    ]
    assert latest(state_of(tmp_path)).winner == "w2"
    assert (tmp_path / ".rung" / "damaged" / "verdicts-list.jsonl").exists()


def test_a_pointer_that_is_gone_is_not_no_verdict(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no verdict yet"):
        latest(state_of(tmp_path))
    _publish(tmp_path, "w", 2)
    (tmp_path / ".rung" / "verdicts" / "latest").unlink()
    with pytest.raises(Damaged, match=r"latest is damaged .it is missing"):
        latest(state_of(tmp_path))
    (damage,) = damages(state_of(tmp_path))
    assert damage.mend() == "it names the last of the list, number 2"
    assert latest(state_of(tmp_path)).winner == "w1"


def test_a_verdict_that_a_crash_left_unlisted_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("rung.pipeline.publishing.write_list", killed)
    with pytest.raises(KeyboardInterrupt):
        _publish(tmp_path, "w", 1)
    monkeypatch.undo()
    assert len(list((tmp_path / ".rung" / "verdicts").glob(f"*/{LINE}"))) == 1
    assert list(damages(state_of(tmp_path))) == []
    _publish(tmp_path, "w", 1)
    assert [line.number for line in read_list(state_of(tmp_path))] == [1]
    (tmp_path / ".rung" / "verdicts" / "list.jsonl").unlink()
    assert [Path(damage.path).name for damage in damages(state_of(tmp_path))] == ["list.jsonl"]


def test_only_what_is_damaged_of_a_verdict_goes(tmp_path: Path) -> None:
    _publish(tmp_path, "w", 1)
    page = latest(state_of(tmp_path)).page
    page.write_text("altered")
    with pytest.raises(Damaged, match=r"report.html was altered; mend it with"):
        latest(state_of(tmp_path))
    (damage,) = damages(state_of(tmp_path))
    assert damage.mend().startswith("report.html went")
    assert latest(state_of(tmp_path)).winner == "w0"


def test_a_verdict_of_an_earlier_rung_that_is_no_text_is_said_to_be_none(tmp_path: Path) -> None:
    _publish(tmp_path, "w", 1)
    folder = latest(state_of(tmp_path)).folder
    (folder / "sealed.json").unlink()
    (folder / TABLE).write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match=r"holds no verdict that can be shown"):
        published(state_of(tmp_path), "1")


def test_a_verdict_whose_folder_somebody_deleted_is_none(tmp_path: Path) -> None:
    """It is said, and a next one may be made."""
    _publish(tmp_path, "w", 2)
    shutil.rmtree(latest(state_of(tmp_path)).folder)
    with pytest.raises(UserError, match="the folder of the last verdict, 2, is gone; make one with: rung compare"):
        latest(state_of(tmp_path))
    _publish(tmp_path, "v", 1)
    assert latest(state_of(tmp_path)).winner == "v0"
