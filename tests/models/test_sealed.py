"""A converted model in the cache: made once, by one process, and verified like the download."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rung.errors import ModelError
from rung.files.durable import SEAL, altered
from rung.models.sealed import made_once


def make(scratch: Path) -> Path:
    """As a conversion leaves it: a graph, weights, and something below."""
    made = scratch / "made"
    (made / "inner").mkdir(parents=True)
    (made / "model.bin").write_bytes(b"weights " * 1000)
    (made / "model.xml").write_text("<net/>")
    (made / "inner" / "tokens.txt").write_text("a b c")
    with (scratch.parent / "made.log").open("a") as log:
        log.write(f"{os.getpid()}\n")
    return made


def times(home: Path) -> int:
    return len((home / "made.log").read_text().splitlines())


def in_place(path: Path) -> None:
    """One byte, with the old time put back: only the entry's own time tells."""
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(100)
        file.write(b"#")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "a byte": (lambda made: in_place(made / "model.bin"), "model.bin was altered"),
    "cut": (lambda made: os.truncate(made / "model.bin", 99), "model.bin was altered"),
    "empty": (lambda made: os.truncate(made / "model.xml", 0), "model.xml was altered"),
    "gone": (lambda made: (made / "inner" / "tokens.txt").unlink(), "tokens.txt is missing"),
    "a folder instead": (lambda made: a_folder(made / "model.xml"), "model.xml cannot be read"),
    "more than there was": (lambda made: (made / "config.json").write_text("{}"), "config.json does not belong there"),
    "no seal": (lambda made: (made / SEAL).unlink(), "does not say what the files should be"),
    "half a seal": (lambda made: os.truncate(made / SEAL, 20), "does not say"),
    "no object as seal": (lambda made: (made / SEAL).write_text("[1]"), "does not say"),
    "odd states": (lambda made: (made / SEAL).write_text('{"model.bin": 3}'), "does not say"),
    "empty states": (lambda made: (made / SEAL).write_text('{"model.bin": []}'), "does not belong there"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_was_damaged_is_made_again(damage: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = made_once(tmp_path / "kept", make)
    assert made_once(tmp_path / "kept", make) == folder
    assert times(tmp_path) == 1
    do, why = DAMAGE[damage]
    do(folder)
    assert why in altered(folder)
    with caplog.at_level(logging.WARNING):
        made_once(folder, make)
    assert why in caplog.text
    assert "made again" in caplog.text
    assert (folder / "model.bin").read_bytes() == b"weights " * 1000
    assert sorted(path.name for path in folder.iterdir()) == ["inner", "model.bin", "model.xml", SEAL]
    assert not altered(folder)
    assert times(tmp_path) == 2


def test_a_copy_and_a_touched_file_are_read_once_and_not_made_again(tmp_path: Path) -> None:
    folder = made_once(tmp_path / "kept", make)
    (folder / "model.bin").touch()
    noted = (folder / SEAL).read_text()
    assert not altered(folder)
    assert (folder / SEAL).read_text() != noted, "its new times are noted"
    copied = shutil.copytree(folder, tmp_path / "copy")
    made_once(copied, make)
    assert times(tmp_path) == 1


def test_what_the_disk_lost_shows_where_every_file_is_read(tmp_path: Path) -> None:
    folder = made_once(tmp_path / "kept", make)
    (folder / "model.bin").write_bytes(b"rotten " + (folder / "model.bin").read_bytes()[7:])
    states = [[path.stat().st_size, path.stat().st_mtime_ns, path.stat().st_ctime_ns] for path in [folder / "model.bin"]]
    said = json.loads((folder / SEAL).read_text())
    said["model.bin"] = [said["model.bin"][0], *states[0]]
    (folder / SEAL).write_text(json.dumps(said))
    assert altered(folder) == ""
    assert "model.bin was altered" in altered(folder, thoroughly=True)


def test_half_made_folders_are_removed(tmp_path: Path) -> None:
    for name in (".making-abc", ".making-def"):
        (tmp_path / name / "made").mkdir(parents=True)
        (tmp_path / name / "made" / "model.bin").write_bytes(b"half")
    made_once(tmp_path / "kept", make)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "kept", "made.log"]


def slowly(scratch: Path) -> Path:
    time.sleep(0.3)
    return make(scratch)


def open_it(folder: Path) -> str:
    made_once(folder, slowly)
    return altered(folder)


@pytest.mark.slow
def test_four_processes_at_once_make_it_once(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        assert pool.map(open_it, [tmp_path / "kept"] * 8) == [""] * 8
    assert times(tmp_path) == 1


def test_a_process_killed_half_way_leaves_nothing_that_counts(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from rung.models.sealed import made_once\n"
        "def make(scratch):\n"
        "    (scratch / 'made').mkdir(); (scratch / 'made' / 'model.bin').write_bytes(b'half')\n"
        "    print('half', flush=True); time.sleep(60)\n"
        "made_once(Path(sys.argv[1]), make)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "kept")], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    assert list(tmp_path.glob(".making-*"))
    assert not (tmp_path / "kept").exists()
    made_once(tmp_path / "kept", make)
    assert not list(tmp_path.glob(".making-*"))


def test_a_failure_leaves_nothing_and_a_full_disk_is_said(tmp_path: Path) -> None:
    def fails(_: Path) -> Path:
        raise OSError(28, "No space left on device")

    with pytest.raises(ModelError, match="the disk is full; make room, or set RUNG_CACHE"):
        made_once(tmp_path / "kept", fails)
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_an_intact_folder_whose_times_cannot_be_noted_is_opened(tmp_path: Path) -> None:
    """As on a disk that is only read: nothing is locked, and nothing made again."""
    folder = made_once(tmp_path / "kept", make)
    (folder / "model.bin").touch()
    (folder / f".{SEAL}.{os.getpid()}-{threading.get_ident()}.part").mkdir()
    noted = (folder / SEAL).read_text()
    assert made_once(folder, make) == folder
    assert ((folder / SEAL).read_text(), times(tmp_path)) == (noted, 1)


ALTERED = """
import sys
from pathlib import Path
from rung.models.catalog import embedder
from tests.models.sentence_folders import cases

home = Path(sys.argv[1])
case = next(case for case in cases() if (case.version, case.name) == (6, "cls"))
folder = case.write(home / "folder")
before = embedder(f"encoder:{folder}")
expected = before.embed(case.texts, kind="query").tolist()
(graph,) = (home / "cache" / "models").glob("encoder-*/openvino-*/model.bin")
with graph.open("r+b") as file:  # in its place and at its length: the first engine has it mapped into memory
    file.seek(200)
    file.write(bytes(1000))
after = embedder(f"encoder:{folder}")
assert after.identity == before.identity
assert after.embed(case.texts, kind="query").tolist() == expected
print("the same")
"""


def test_altered_weights_never_answer_under_the_same_identity(tmp_path: Path) -> None:
    """In a process of its own: what is altered is mapped into memory there, beside no other engine's."""
    environment = {**os.environ, "RUNG_CACHE": str(tmp_path / "cache")}
    command = [sys.executable, "-c", ALTERED, str(tmp_path)]
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(command, env=environment, cwd=root, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "the same\n"), done.stderr
