"""What a command writes for its user: whole, and never over what is there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rung.errors import UserError
from rung.files.outputs import check_free, new_file, write_output


def test_a_new_file_is_written_with_its_folder(tmp_path: Path) -> None:
    write_output(tmp_path / "a" / "b.txt", "words\r\nmore\n")
    assert (tmp_path / "a" / "b.txt").read_bytes() == b"words\r\nmore\n"
    assert [found.name for found in (tmp_path / "a").iterdir()] == ["b.txt"]


def test_what_is_there_is_replaced_only_by_force_and_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_text("by hand")
    path.chmod(0o600)
    with pytest.raises(UserError, match="is there already, and nothing is overwritten: name another file, or say --force"):
        write_output(path, "other")
    assert path.read_text() == "by hand"
    write_output(path, "other", force=True)
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("other", 0o600)


def test_a_link_is_followed_and_kept(tmp_path: Path) -> None:
    (tmp_path / "real.txt").write_text("by hand")
    (tmp_path / "link.txt").symlink_to("real.txt")
    with pytest.raises(UserError, match="is there already"):
        write_output(tmp_path / "link.txt", "other")
    write_output(tmp_path / "link.txt", "other", force=True)
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real.txt").read_text() == "other"


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_text("by hand")
    opened = new_file(path, force=True)
    opened.__enter__().write("half")
    assert not opened.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert path.read_text() == "by hand"
    assert [found.name for found in (tmp_path).iterdir()] == ["mine.txt"]


def test_a_file_that_came_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    opened = new_file(path)
    opened.__enter__().write("ours")
    path.write_text("theirs")
    with pytest.raises(UserError, match="is there already"):
        opened.__exit__(None, None, None)
    assert path.read_text() == "theirs"
    assert [found.name for found in (tmp_path).iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("force", [False, True])
def test_no_folder_pipe_or_device_is_written_to(tmp_path: Path, force: bool) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", Path(os.devnull)):
        with pytest.raises(UserError, match="is no file"):
            write_output(path, "words", force=force)


def test_an_empty_folder_is_free_for_a_folder(tmp_path: Path) -> None:
    check_free(tmp_path, instead="name another folder")
    (tmp_path / "a").write_text("")
    with pytest.raises(UserError, match="name another folder"):
        check_free(tmp_path, instead="name another folder")


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "below", tmp_path / ("x" * 300), Path("nul\0l")):
        with pytest.raises(UserError, match="cannot be written"):
            write_output(path, "words")
