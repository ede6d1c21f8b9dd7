"""The HTTP client against transformers' own server (`transformers serve`), with a tiny random model."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rung.errors import ServerError
from rung.models.catalog import PatientServer
from rung.models.endpoint import Endpoint
from rung.models.http import HttpGenerator
from rung.records.steps import GenerateResult
from rung.testing.models import asking
from tests.models.tiny_hf import tiny_llama

COMMAND = Path(sys.executable).with_name("transformers")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not COMMAND.exists(), reason="transformers' command is not installed")]
START = 120.0  # seconds that it may take


@pytest.fixture(scope="module")
def generator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpGenerator]:
    httpx = pytest.importorskip("httpx")
    folder = tiny_llama(tmp_path_factory.mktemp("served") / "tiny")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = folder.parent / "log"
    with log.open("wb") as errors:
        command = [str(COMMAND), "serve", str(folder), "--device", "cpu", "--port", str(port)]
        process = subprocess.Popen(command, stdout=errors, stderr=errors, env={**os.environ, "HF_HUB_OFFLINE": "1"})
    model = HttpGenerator(Endpoint.named(f"http://127.0.0.1:{port}/v1#{folder}"), PatientServer(timeout_seconds=60))
    try:
        end = time.monotonic() + START
        while True:
            assert process.poll() is None, log.read_text("utf-8", "replace")
            assert time.monotonic() < end, log.read_text("utf-8", "replace")
            try:
                if httpx.get(f"http://127.0.0.1:{port}/health").status_code == 200:
                    break
            except httpx.HTTPError:
                time.sleep(0.2)
        yield model
    finally:
        model.close()
        process.kill()
        process.wait()


def test_a_check_finds_that_it_takes_no_form(generator: HttpGenerator) -> None:
    report = generator.check(constrained=True)
    assert (report["form"], report["left_out"]) == ("ignored", [])
    assert "answered_by" not in report


def test_whole_and_streamed_are_the_same_and_tokens_are_counted(generator: HttpGenerator) -> None:
    request = asking("Say hello.", max_tokens=8)
    said = dict(generator.run([request]))[0]
    *pieces, streamed = generator.stream(request)
    assert isinstance(said, GenerateResult)
    assert isinstance(streamed, GenerateResult)
    assert streamed.text == "".join(map(str, pieces))
    assert said.text.rstrip("\ufffd") == streamed.text, "what ends within a character is left out of streams there"
    assert said.prompt_tokens == streamed.prompt_tokens > 5
    assert said.completion_tokens == streamed.completion_tokens == 8
    assert said.truncated


def test_a_name_that_is_not_the_models_stops_at_once(generator: HttpGenerator) -> None:
    wrong = HttpGenerator(Endpoint.named(f"{generator.client.endpoint.url}#other"), PatientServer())
    with pytest.raises(ServerError, match=r"has no model 'other' \(HTTP 400: Server is pinned to "):
        dict(wrong.run([asking("Say hello.")]))
