"""Is feedback on the disk, whole, line by line, whatever happened before?"""

from __future__ import annotations

import json
import os
import resource
import stat
from pathlib import Path

import pytest

from rung.errors import UserError
from rung.serving.remarks import FILE, keep_remark


def rows(state: Path) -> list[str]:
    return [json.loads(line)["question"] for line in (state / FILE).read_text("utf-8").splitlines()]


def test_each_remark_is_a_line(tmp_path: Path) -> None:
    for question in ("one", "two\nlines", "lone \ud800 half"):
        keep_remark(tmp_path, {"question": question})
    assert rows(tmp_path) == ["one", "two\nlines", "lone ? half"]
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600


@pytest.mark.parametrize("left", ["", '{"question": "one"}\n{"quest', '{"quest'])
def test_what_a_crash_left_of_a_line_goes_and_nothing_else(tmp_path: Path, left: str) -> None:
    (tmp_path / FILE).write_text(left, "utf-8")
    keep_remark(tmp_path, {"question": "two"})
    assert rows(tmp_path) == (["one", "two"] if "one" in left else ["two"])


def test_a_full_disk_is_said_and_leaves_no_half_line(tmp_path: Path) -> None:
    keep_remark(tmp_path, {"question": "one"})
    pid = os.fork()
    if pid == 0:  # a limit on the size of files stands for a full disk
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))
        try:
            keep_remark(tmp_path, {"question": "x" * 1000})
        except UserError:
            os._exit(7)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    assert rows(tmp_path) == ["one"]
    keep_remark(tmp_path, {"question": "two"})
    assert rows(tmp_path) == ["one", "two"]
