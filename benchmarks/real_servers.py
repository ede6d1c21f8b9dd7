"""One small project through real servers of this machine: whole, killed in the middle, and with every third answer broken.

    python benchmarks/real_servers.py transformers FOLDER
    python benchmarks/real_servers.py vllm FOLDER --python /path/to/an/environment/with/vllm/bin/python [--adapters]

FOLDER is a model in Hugging Face layout.
Between Rung and the server stands a proxy that counts requests by their bodies and breaks answers when told to. Held:

- whole: every prompt is sent once; a second run sends nothing;
- killed (SIGKILL) after some answers: the command ends with a sentence, the same command goes on; nothing that was answered
  is sent again, and the scores are those of the whole run;
- every third answer 429, 500, cut off or hanging: the scores are those of the whole run, each request is answered once.

With --adapters, of vLLM, instead: an adapter is trained here on the weights in FOLDER and answers there. Held: the server
lists it by its digest; it is given again to a server that was started anew; `rung artifacts retire` unloads it. How many of
its greedy answers are those of transformers and peft here is said.
"""

from __future__ import annotations

import argparse
import csv
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
        quiet["VLLM_ALLOW_RUNTIME_LORA_UPDATING"] = "1"
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
        *("--enable-lora", "--max-lora-rank", "16"),
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


def adapted(server: Server, folder: Path, weights: str) -> None:
    """Trained here, answered there."""
    folder.mkdir()
    answer = {"role": "assistant", "content": "blue boat"}
    examples = [{"messages": [{"role": "user", "content": f"word {n}"}, answer]} for n in range(20)]
    cases = [{"id": f"c{n}", "question": f"word {n} now", "answers": ["blue boat"], "split": "test"} for n in range(20)]
    for name, rows in (("examples", examples), ("cases", cases)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "rung.yaml").write_text(
        f"task: Say the words.\ncases: cases.jsonl\nembedder: scripted\nbehaviour: {{examples: [examples.jsonl]}}\n"
        f"models: {{own: {{use: 'http://127.0.0.1:{server.port}/v1#{NAME}', weights: 'hf:{weights}'}}}}\n"
        "server: {context_tokens: 2048, retries: 1, concurrency: 4}\n"
        "rungs: [prompt: {max_tokens: 8}, tuned_model: {max_tokens: 8}]\n"
        "bar: {correct: 0.5, forgetting: {answer_loss: 9, choices: 1, instructions: 1}}\n"
    )
    (folder / "recipe.yaml").write_text("rank: 8\nlearning_rate: 1e-3\nepochs: 4\nvalidation: 0.0\nreplay: 0\n")
    code, said, err = compared(folder)
    assert code in (0, 1), err
    (rung,) = (row for row in said["rungs"] if row["name"] == "tuned_model")
    assert rung["status"] == "measured", rung
    digest = rung["artifacts"]["adapter"]
    name = f"rung-{digest[:16]}"
    print(f"adapters: {shown(said)}; the server lists {served_names(server)}")
    assert name in served_names(server)
    server.kill()
    server.start()
    assert name not in served_names(server)
    before = {row["case"]: row["answer"] for row in answers_of(folder)}
    again = json.loads((folder / "cases.jsonl").read_text().splitlines()[0]) | {"id": "new", "question": "word 99 now"}
    with (folder / "cases.jsonl").open("a") as file:
        file.write(json.dumps(again) + "\n")
    code, said, err = compared(folder)
    assert code in (0, 1), err
    assert name in served_names(server), "a server that was started anew is given it again"
    print(f"started anew, one case more: {shown(said)}")
    ours = here(weights, folder / ".rung" / "artifacts" / "adapter" / digest, len(cases))
    differ = {case: (text, ours[case]) for case, text in before.items() if text != ours[case]}
    print(f"greedy answers as by transformers and peft: {len(before) - len(differ)} of {len(before)}; {differ or ''}")
    command = [sys.executable, "-m", "rung", "artifacts", "retire", str(folder), digest[:8], "--json"]
    print("retired:", json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)["servers"])
    assert name not in served_names(server)


def served_names(server: Server) -> list[str]:
    listed = httpx.get(f"http://127.0.0.1:{server.port}/v1/models", timeout=30).json()["data"]
    return [str(one["id"]) for one in listed]


def answers_of(folder: Path) -> list[dict[str, str]]:
    """What the tuned rung answered to each case."""
    command = [sys.executable, "-m", "rung", "export", str(folder), "--to", "answers-csv"]
    out = folder / "answers.csv"
    subprocess.run([*command, "-o", str(out), "--force"], capture_output=True, text=True, check=True)
    with out.open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["rung"] == "tuned_model"]


def here(weights: str, adapter: Path, cases: int) -> dict[str, str]:
    """What the library says to the same cases, greedily, with peft's adapter on its own model."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokens = AutoTokenizer.from_pretrained(weights)
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(weights, dtype=torch.float32), str(adapter))
    said = {}
    for n in range(cases):
        turns = [{"role": "system", "content": "Say the words."}, {"role": "user", "content": f"word {n} now"}]
        ids = tokens.apply_chat_template(turns, add_generation_prompt=True, return_tensors="pt", return_dict=True)
        out = model.generate(**ids, max_new_tokens=8, do_sample=False)
        said[f"c{n}"] = tokens.decode(out[0][ids["input_ids"].shape[1] :], skip_special_tokens=True).strip()
    return said


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=["transformers", "vllm"])
    parser.add_argument("folder")
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--adapters", action="store_true")
    given = parser.parse_args()
    folder = str(Path(given.folder).resolve())
    with tempfile.TemporaryDirectory() as scratch:
        port = free_port()
        server = Server(command_of(given.kind, given.python, folder, port), port, Path(scratch) / "log")
        proxy = Proxy(f"http://127.0.0.1:{port}")
        try:
            print(f"{given.kind}: up after {server.start():.0f} s")
            if given.adapters:
                adapted(server, Path(scratch) / "adapted", folder)
                return
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
