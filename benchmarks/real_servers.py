"""One small project through real servers of this machine: whole, killed in the middle, and with every third answer broken.

    python benchmarks/real_servers.py transformers FOLDER
    python benchmarks/real_servers.py vllm FOLDER --python /path/to/an/environment/with/vllm/bin/python

FOLDER is a model in Hugging Face layout.
Between Rung and the server stands a proxy that counts requests by their bodies and breaks answers when told to. Held:

- whole: every prompt is sent once; a second run sends nothing;
- killed (SIGKILL) after some answers: the command ends with a sentence, the same command goes on; nothing that was answered
  is sent again, and the scores are those of the whole run;
- every third answer 429, 500, cut off or hanging: the scores are those of the whole run, each request is answered once.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

NAME = "small"  # what the model is called where a server takes a name
FACTS = {
    "return an item": "30 days",
    "reach support": "9 to 17",
    "cancel an order": "2 hours",
    "pay in instalments": "6 months",
    "keep a warranty": "3 years",
    "book a slot": "8 weeks",
    "claim a refund": "14 days",
    "store a parcel": "10 days",
}
SERVER = "server: {{retries: {}, timeout_seconds: {}, concurrency: 4, context_tokens: 2048}}\n"
WAITS = 30.0  # seconds that the project waits for an answer where some never come
Scores = Mapping[str, Mapping[str, float]]
HANG, CUT = "hang", "cut"
BROKEN = (429, 500, CUT, HANG)


@dataclass
class Proxy:
    """Stands before a server. `answered`: how often each body was answered whole; `sent`: how often it came."""

    behind: str
    port: int = 0
    breaks: bool = False
    sent: Counter[str] = field(default_factory=Counter)
    answered: Counter[str] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)
    _turns: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _counting: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def start(self) -> None:
        handler = type("Handler", (_Handler,), {"proxy": self})
        self._listening = _Quiet(("127.0.0.1", self.port), handler)
        self._listening.daemon_threads = True
        self.port = self._listening.server_port
        threading.Thread(target=self._listening.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        self._listening.shutdown()
        self._listening.server_close()

    def forget(self) -> None:
        for counts in (self.sent, self.answered, self.broken):
            counts.clear()

    def fault(self) -> int | str:
        """What becomes of the next answer; 0: nothing."""
        if not self.breaks:
            return 0
        with self._counting:
            turn = next(self._turns)
        return 0 if turn % 3 else BROKEN[turn // 3 % len(BROKEN)]


class _Quiet(ThreadingHTTPServer):
    """Says nothing of connections that break."""

    def handle_error(self, *_: object) -> None:
        pass


class _Handler(BaseHTTPRequestHandler):
    proxy: Proxy
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"] or 0))
        body: dict[str, Any] = json.loads(content)
        counts = not body.get("stream")  # what is streamed is of the live pass, which asks again on purpose
        key = json.dumps(body, sort_keys=True)
        if counts:
            self.proxy.sent[key] += 1
        fault = self.proxy.fault() if counts else 0
        if isinstance(fault, int) and fault:
            self.proxy.broken[str(fault)] += 1
            self._send(fault, b'{"error": {"message": "broken on purpose"}}')
            return
        if fault == HANG:
            self.proxy.broken[HANG] += 1
            time.sleep(WAITS + 2)
            self.close_connection = True
            return
        status, kind, answer = self._asked("POST", content)
        if fault == CUT:
            self.proxy.broken[CUT] += 1
            self._send(status, answer, kind=kind, much=len(answer) // 2)
            return
        self._send(status, answer, kind=kind)
        if counts and status == 200:
            self.proxy.answered[key] += 1

    def do_GET(self) -> None:
        status, kind, answer = self._asked("GET", b"")
        self._send(status, answer, kind=kind)

    def _asked(self, method: str, content: bytes) -> tuple[int, str, bytes]:
        url = self.proxy.behind + self.path
        try:
            reply = httpx.request(method, url, content=content, headers={"Content-Type": "application/json"}, timeout=300)
        except httpx.HTTPError:
            self.close_connection = True
            raise ConnectionAbortedError from None
        return reply.status_code, reply.headers.get("content-type", "application/json"), reply.content

    def _send(self, status: int, content: bytes, *, kind: str = "application/json", much: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[:much])
        self.close_connection = self.close_connection or much is not None

    def log_message(self, *_: object) -> None:
        pass


@dataclass
class Server:
    """A real one, in a process group of its own."""

    command: Sequence[str]
    port: int
    log: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """Until it answers; seconds that it took."""
        begun = time.monotonic()
        quiet = {"HF_HUB_OFFLINE": "1", "VLLM_CPU_KVCACHE_SPACE": "1", "OMP_NUM_THREADS": "2"}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, stdout=log, stderr=log, start_new_session=True, env={**os.environ, **quiet}
            )
        while True:
            if self.process.poll() is not None:
                raise SystemExit(self.log.read_text("utf-8", "replace")[-4000:])
            try:
                if httpx.get(f"http://127.0.0.1:{self.port}/health", timeout=5).status_code == 200:
                    return time.monotonic() - begun
            except httpx.HTTPError:
                pass
            time.sleep(0.3)

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def command_of(kind: str, python: str, folder: str, port: int) -> list[str]:
    """How a server is started."""
    bin = Path(python).parent
    if kind == "transformers":
        return [str(bin / "transformers"), "serve", folder, "--device", "cpu", "--dtype", "float32", "--port", str(port)]
    return [
        *(str(bin / "vllm"), "serve", folder, "--served-model-name", NAME, "--port", str(port)),
        *("--max-model-len", "2048", "--dtype", "float32", "--enforce-eager", "--max-num-seqs", "8"),
    ]


def project(folder: Path, url: str, name: str, *, retries: int = 2, waits: float = 300.0) -> Path:
    """Eight cases, three rungs, one of them held to a schema."""
    folder.mkdir()
    cases = [
        {"id": f"c{n}", "question": f"How long may I {what}?", "answers": [json.dumps({"time": time})], "split": "test"}
        for n, (what, time) in enumerate(FACTS.items())
    ]
    (folder / "cases.jsonl").write_text("".join(json.dumps(case) + "\n" for case in cases))
    (folder / "rules.md").write_text("\n\n".join(f"You may {what} for {time}." for what, time in FACTS.items()))
    schema = {
        "type": "object",
        "properties": {"time": {"type": "string", "maxLength": 20}},
        "required": ["time"],
        "additionalProperties": False,
    }
    (folder / "schema.json").write_text(json.dumps(schema))
    (folder / "rung.yaml").write_text(
        "task: Say how long it is allowed.\ncases: cases.jsonl\nknowledge: {sources: [rules.md]}\n"
        "behaviour: {schema: schema.json}\nembedder: scripted\nrungs: [prompt, structured, rag]\n"
        f"model: {url}#{name}\n{SERVER.format(retries, waits)}"
    )
    return folder


def compared(folder: Path) -> tuple[int, Mapping[str, Any], str]:
    """(exit code, what it says as JSON, stderr) of a comparison."""
    ran = subprocess.run(
        [sys.executable, "-m", "rung", "compare", str(folder), "--json"], capture_output=True, text=True, check=False
    )
    try:
        said = json.loads(ran.stdout)
    except ValueError:
        said = {}
    return ran.returncode, said, ran.stderr


def scores(said: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Every score of every rung; all are of answers that the batch gave."""
    measured = [row for row in said.get("rungs", []) if row.get("scores")]
    return {row["name"]: {name: score["mean"] for name, score in row["scores"].items()} for row in measured}


def shown(said: Mapping[str, Any]) -> str:
    return "correct and format: " + str({name: (row["correct"], row["format"]) for name, row in scores(said).items()})


def whole(proxy: Proxy, folder: Path) -> Scores:
    """All answered once; a second run asks nothing."""
    code, said, err = compared(folder)
    print(err.strip()[-1500:])
    assert code in (0, 1), err
    print(f"whole: {proxy.sent.total()} requests, {len(proxy.sent)} of them different; {shown(said)}")
    assert max(proxy.sent.values()) == 1, [key for key, n in proxy.sent.items() if n > 1]
    before = proxy.sent.total()
    compared(folder)
    print(f"again: {proxy.sent.total() - before} requests")
    assert proxy.sent.total() == before
    return scores(said)


def killed(proxy: Proxy, server: Server, folder: Path, expected: Scores) -> None:
    """The server is killed after some answers, and started again."""
    running = subprocess.Popen(
        [sys.executable, "-m", "rung", "compare", str(folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while proxy.answered.total() < 8:
        assert running.poll() is None, running.communicate()
        time.sleep(0.02)
    server.kill()
    proxy.stop()
    _, err = running.communicate(timeout=300)
    print(f"killed after {proxy.answered.total()} answers: exit {running.returncode}; {err.strip().splitlines()[-1][:300]}")
    assert running.returncode == 2, err
    assert "Traceback" not in err
    known = {key for key, n in proxy.answered.items() if n}
    again = {key: proxy.sent[key] for key in known}
    server.start()
    proxy.start()
    code, said, err = compared(folder)
    assert code in (0, 1), err
    twice = [key for key in known if proxy.sent[key] > again[key] and "Say hello." not in key]
    print(f"then: {proxy.sent.total()} requests in all; sent again though answered: {len(twice)}; {shown(said)}")
    assert not twice, twice
    assert scores(said) == expected


def broken(proxy: Proxy, folder: Path, expected: Scores) -> None:
    """Every third answer is none."""
    proxy.breaks = True
    code, said, err = compared(folder)
    proxy.breaks = False
    assert code in (0, 1), err
    print(f"broken {dict(proxy.broken)}: {proxy.sent.total()} requests for {len(proxy.sent)} different; {shown(said)}")
    print(err.strip()[-600:])
    assert scores(said) == expected
    assert set(proxy.answered.values()) == {1}, "an answer that came whole is asked for no more"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=["transformers", "vllm"])
    parser.add_argument("folder")
    parser.add_argument("--python", default=sys.executable)
    given = parser.parse_args()
    folder = str(Path(given.folder).resolve())
    with tempfile.TemporaryDirectory() as scratch:
        port = free_port()
        server = Server(command_of(given.kind, given.python, folder, port), port, Path(scratch) / "log")
        proxy = Proxy(f"http://127.0.0.1:{port}")
        try:
            print(f"{given.kind}: up after {server.start():.0f} s")
            proxy.start()
            name = NAME if given.kind == "vllm" else folder
            expected = whole(proxy, project(Path(scratch) / "whole", proxy.url, name))
            proxy.forget()
            killed(proxy, server, project(Path(scratch) / "killed", proxy.url, name), expected)
            proxy.forget()
            broken(proxy, project(Path(scratch) / "broken", proxy.url, name, retries=6, waits=WAITS), expected)
        except BaseException:
            print(server.log.read_text("utf-8", "replace")[-3000:], file=sys.stderr)
            raise
        finally:
            server.kill()


if __name__ == "__main__":
    main()
