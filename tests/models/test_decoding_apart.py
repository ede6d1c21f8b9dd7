"""A model that decodes in a process of its own: the same answers, and an end for either process that the other survives."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rung.models.decoding import Asked
from rung.models.decoding_apart import DecoderApart, _Apart
from rung.models.local import LocalGenerator
from rung.models.protocol import Generator
from rung.records.steps import GenerateResult
from rung.testing.models import GeneratorContract, asking

pytestmark = pytest.mark.slow
PROMPTS = [f"Write two sentences about {subject}." for subject in ("the sea", "a baker", "winter", "trains")]


@pytest.fixture(scope="module")
def apart(local: LocalGenerator) -> Iterator[LocalGenerator]:
    """The same model as `local`, which decodes elsewhere."""
    model = LocalGenerator(local.folder, name=local.name, digest="apart", cache_bytes=1 << 27)
    model.apart = True
    yield model
    model.close()


class TestDecodingApart(GeneratorContract):
    @pytest.fixture
    def generator(self, apart: LocalGenerator) -> Generator:
        return apart


def decoder(model: LocalGenerator) -> DecoderApart:
    """What decodes for it; it has answered something before."""
    opened = model._pipelines[""]._decoder
    assert isinstance(opened, DecoderApart)
    return opened


def streamed(model: LocalGenerator, prompt: str, tokens: int = 24) -> tuple[list[str], str]:
    """The pieces, and the whole answer."""
    *pieces, last = model.stream(asking(prompt, max_tokens=tokens))
    assert isinstance(last, GenerateResult)
    return [str(piece) for piece in pieces], last.text


def pushed(model: LocalGenerator, prompt: str, tokens: int = 24) -> tuple[list[str], str]:
    """The same, told by the thread that all streams have."""
    pieces: list[str] = []
    result = model.push(asking(prompt, max_tokens=tokens), pieces.append)
    assert isinstance(result, GenerateResult)
    return pieces, result.text


def has_ended(process: int) -> bool:
    """Whether a process is gone, or a child that nobody has waited for yet."""
    for _ in range(200):
        try:
            if Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()[0] == "Z":
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize("ask", [streamed, pushed])
def test_many_threads_hear_what_the_engine_here_says(
    local: LocalGenerator, apart: LocalGenerator, ask: Callable[[LocalGenerator, str], tuple[list[str], str]]
) -> None:
    expected = {prompt: streamed(local, prompt)[1] for prompt in PROMPTS}
    heard: dict[str, tuple[list[str], str]] = {}
    threads = [threading.Thread(target=lambda p=p: heard.update({p: ask(apart, p)})) for p in PROMPTS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert {prompt: text for prompt, (_, text) in heard.items()} == expected
    for pieces, text in heard.values():
        assert len(pieces) > 5
        assert "".join(pieces) == text


def test_a_step_keeps_no_other_thread_waiting(apart: LocalGenerator) -> None:
    """As it would in this process, where the library holds Python's lock for the whole step."""
    streamed(apart, "Say one.", 2)
    long = ["word " * 1_500 + str(n) for n in range(3)]  # seconds to be read
    pauses: list[float] = []
    done = threading.Event()

    def look() -> None:
        last = time.perf_counter()
        while not done.is_set():
            time.sleep(0.001)
            now = time.perf_counter()
            pauses.append(now - last)
            last = now

    thread = threading.Thread(target=look)
    thread.start()
    began = time.perf_counter()
    assert len(list(apart.run([asking(prompt, max_tokens=2) for prompt in long]))) == 3
    took = time.perf_counter() - began
    done.set()
    thread.join()
    assert sum(pause for pause in pauses if pause > 0.1) < took / 2


def test_a_stream_that_is_left_makes_no_more_tokens(apart: LocalGenerator) -> None:
    stream = apart.stream(asking("Tell a long story.", max_tokens=900))
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert not decoder(apart)._shared.inboxes
    assert streamed(apart, "Say one.", 4)[1]


def test_who_listens_no_more_makes_no_more_tokens(apart: LocalGenerator) -> None:
    def leave(_piece: str) -> None:
        raise LookupError("nobody listens")

    with pytest.raises(LookupError, match="nobody listens"):
        apart.push(asking("Tell a long story.", max_tokens=900), leave)
    assert not decoder(apart)._shared.inboxes
    assert pushed(apart, "Say one.", 4) == streamed(apart, "Say one.", 4)


def test_who_waits_for_others_hears_of_one_that_came_later(apart: LocalGenerator) -> None:
    streamed(apart, "Say one.", 2)
    opened = decoder(apart)
    handles = [_Apart(opened, -1, queue.SimpleQueue())]  # nothing ever comes of it
    waiting = threading.Thread(target=opened.advance, args=(handles,), daemon=True)
    waiting.start()
    later = opened.ask(Asked([1] * 8, room=1))
    opened.advance([later])  # its token has come
    assert isinstance(later, _Apart)
    handles.append(later)
    opened.look_again()
    waiting.join(20)
    assert not waiting.is_alive()


def test_where_the_process_dies_those_who_wait_are_told_and_the_next_has_a_new_one(apart: LocalGenerator) -> None:
    before = streamed(apart, PROMPTS[0])[1]
    process = decoder(apart).process_id
    stream = apart.stream(asking("Tell a long story.", max_tokens=900))
    next(stream)
    os.kill(process, signal.SIGKILL)
    with pytest.raises(RuntimeError, match="the process that decodes has ended"):
        list(stream)
    pushed(apart, "Say one.", 2)
    process = decoder(apart).process_id
    with pytest.raises(RuntimeError, match="the process that decodes has ended"):
        apart.push(asking("Tell a long story.", max_tokens=900), lambda _piece: os.kill(process, signal.SIGKILL))
    assert streamed(apart, PROMPTS[0])[1] == before
    assert decoder(apart).process_id != process


def test_it_ends_when_it_is_closed(apart: LocalGenerator) -> None:
    streamed(apart, "Say one.", 2)
    opened = decoder(apart)
    began = time.perf_counter()
    opened.close()
    assert time.perf_counter() - began < 9, "by its own will: where it is killed, that takes ten seconds"
    assert opened._process.returncode == 0
    with pytest.raises(RuntimeError, match="has ended"):
        streamed(apart, "Say one.", 2)
    assert streamed(apart, "Say one.", 2)[1]


def test_one_that_cannot_be_asked_harms_no_other(apart: LocalGenerator) -> None:
    streamed(apart, "Say one.", 2)
    stream = apart.stream(asking("Count to twenty.", max_tokens=60))
    next(stream)
    with pytest.raises(ValueError, match="Invoked with"):
        decoder(apart).ask(Asked([1, 2], room=1, seed=-1, temperature=1.0))
    assert isinstance(list(stream)[-1], GenerateResult)


def test_who_waits_for_what_another_thread_cancels_is_woken(apart: LocalGenerator) -> None:
    streamed(apart, "Say one.", 2)
    opened = decoder(apart)
    handle = opened.ask(Asked([1] * 8, room=1))
    handle.cancel()
    opened.advance([handle])
    while not (output := handle.take()).end:
        opened.advance([handle])
    assert output.end in ("cancelled", "length", "stop")


OWNER = """
import os, sys
from rung.models.catalog import generator
from rung.testing.models import asking
model = generator("smollm2-135m-instruct")
model.apart = True
stream = model.stream(asking("Tell a long story.", max_tokens=900))
next(stream)
try:
    print(model._pipelines[""]._decoder.process_id, flush=True)
    for piece in stream:
        pass
except KeyboardInterrupt:
    print("interrupted", flush=True)
print(len(list(model.stream(asking("Say one.", max_tokens=4)))) > 0, flush=True)
"""


def test_ctrl_c_and_sigterm_are_for_the_asking_process(local: LocalGenerator) -> None:
    command = [sys.executable, "-c", "import signal\nsignal.signal(2, signal.default_int_handler)\n" + OWNER]
    owner = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert owner.stdout is not None
    process = int(owner.stdout.readline())
    os.kill(process, signal.SIGTERM)
    os.killpg(owner.pid, signal.SIGINT)
    assert owner.stdout.read().split() == ["interrupted", "True"]
    assert owner.wait(60) == 0
    assert has_ended(process)


def test_it_ends_with_the_asking_process(local: LocalGenerator) -> None:
    owner = subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    process = int(owner.stdout.readline())
    owner.kill()
    owner.wait(60)
    assert has_ended(process)
