"""A whole comparison against a model server in a process of its own, which can be killed, cut off, slow and odd."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run
from tests.cli.test_compare import edit

pytestmark = pytest.mark.slow

SETTINGS = "server: {retries: 2, timeout_seconds: 20, concurrency: 4}\n"
TEXT = {"choices": [{"message": {"role": "assistant", "content": "nine"}, "finish_reason": "stop"}]}


@dataclass
class Process:
    """A server process, its script, and what it was asked."""

    folder: Path
    port: int = 0
    options: tuple[str, ...] = ()
    process: subprocess.Popen[str] | None = None
    url: str = field(default="", init=False)

    def start(self) -> None:
        script, log = self.folder / "script.json", self.folder / "log.jsonl"
        if not script.exists():
            self.script({})
        command = [sys.executable, "-m", "rung.testing.server", "--script", str(script), "--log", str(log)]
        self.process = subprocess.Popen(
            [*command, "--port", str(self.port), *self.options], stdout=subprocess.PIPE, text=True, cwd=self.folder
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        self.port = int(self.url.rpartition(":")[2].partition("/")[0])

    def script(self, replies: Mapping[str, Any]) -> None:
        (self.folder / "script.json").write_text(json.dumps(replies), encoding="utf-8")

    def asked(self) -> list[dict[str, Any]]:
        log = self.folder / "log.jsonl"
        return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()] if log.exists() else []

    def questions(self) -> Counter[str]:
        """How often each prompt of the batch was sent: what is streamed is of the live pass, which asks again on purpose."""
        return Counter(json.dumps(one["body"], sort_keys=True) for one in self.asked() if "stream" not in one["body"])

    def kill(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()


Start = Callable[..., Process]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    running: list[Process] = []

    def begin(*options: str, script: Mapping[str, Any] | None = None) -> Process:
        folder = tmp_path / f"server{len(running)}"
        folder.mkdir()
        server = Process(folder, options=options)
        running.append(server)
        server.script(script or {})
        server.start()
        return server

    yield begin
    for server in running:
        server.kill()


def point(shop: Path, url: str, *, more: str = "", rungs: str = "[prompt, few_shot, rag]") -> None:
    edit(shop, "model: scripted", f"model: {url}#m")
    edit(shop, "rungs: [prompt, few_shot, structured, long_context, rag, tuned_model]", f"rungs: {rungs}")
    path = shop / "rung.yaml"
    path.write_text(path.read_text(encoding="utf-8") + SETTINGS + more, encoding="utf-8")


def nobody() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/v1"


def table(said: Mapping[str, Any]) -> dict[str, float]:
    return {r["name"]: r["scores"]["correct"]["mean"] for r in said["rungs"] if r["scores"]}


def test_a_comparison_comes_to_the_verdict_that_the_same_model_has_here(rung: Run, shop: Path, start: Start) -> None:
    edit(shop, "long_context, rag, tuned_model", "rag")
    here = rung("compare", shop, "--json", code=None).json
    server = start()
    edit(shop, "model: scripted", f"model: {server.url}#m")
    there = rung("compare", shop, "--json", code=None).json
    assert table(there) == table(here)
    assert there["winner"] == here["winner"]
    rungs = {r["name"]: r for r in there["rungs"]}
    assert rungs["rag"]["latency_ms"]["p50"] > 0
    assert rungs["rag"]["usd_per_1k"] is None  # nobody knows what this server costs
    assert max(server.questions().values()) == 1, "a prompt was sent twice"


def test_a_rerun_asks_the_server_nothing_and_needs_none(rung: Run, shop: Path, start: Start) -> None:
    server = start()
    point(shop, server.url, more=f"reranker: {server.url}#r\n", rungs="[prompt, {rag: {rerank: true}}]")
    edit(shop, "embedder: scripted", f"embedder: {server.url}#e")
    first = rung("compare", shop, "--json").json
    asked = len(server.asked())
    server.kill()
    again = rung("compare", shop, "--json").json
    assert {k: v for k, v in again.items() if k != "steps"} == {k: v for k, v in first.items() if k != "steps"}
    assert again["steps"]["executed"] == 0
    assert len(server.asked()) == asked


def test_whatever_goes_wrong_once_is_tried_again(rung: Run, shop: Path, start: Start) -> None:
    server = start()
    point(shop, server.url, rungs="[rag]")
    plain = table(rung("compare", shop, "--json").json)
    server.script(
        {
            "many days may": [{"status": 429, "headers": {"Retry-After": "0"}, "body": {"error": "slow down"}}, None],
            "return parcel?": [{"close": True}, None],
            "shipping cost?": [{"cut": 25, "body": TEXT}, None],
            "to Norway?": [{"status": 500, "body": "<html><h1>oops</h1></html>"}, None],
            "officer?": [{"body": {"error": {"message": "overloaded", "code": 503}}}, None],
            "everything?": [{"body": "<html>gateway</html>"}, None],
            "everything, please?": [{"status": 503, "body": {"error": {"message": "Loading model", "code": 503}}}, None],
        }
    )
    again = shop.parent / "again"
    again.mkdir()
    (shop / ".rung").rename(again / ".rung")
    ran = rung("compare", shop, "--json")
    assert table(ran.json) == plain
    assert "requests tried again: 7, most often after: " in ran.err
    mind = " ".join(rung("report", shop).out.partition("\nMind")[2].split())
    assert "requests tried again: 7, most often after: " in mind


def test_what_goes_on_being_wrong_is_a_failure_in_the_servers_own_words(rung: Run, shop: Path, start: Start) -> None:
    odd = {
        "many days may": {"status": 422, "body": {"detail": [{"loc": ["body", "n"], "msg": "Field required"}]}},
        "return parcel?": {"close": True},
        "shipping cost?": {"cut": 25, "body": TEXT},
        "to Norway?": {"body": "<html><title>Bad gateway</title></html>"},
        "officer?": {"body": {"error": {"message": "the queue is overloaded", "code": 503}}},
        "everything?": {"choices": [{"message": {"content": None, "reasoning_content": "Hm."}, "finish_reason": "length"}]},
    }
    server = start(script=odd)
    point(shop, server.url, rungs="[prompt]", more="prices: {prompt_usd_per_million: 1}\n")
    edit(shop, "retries: 2", "retries: 1")
    ran = rung("compare", shop, code=None)
    assert "6 of 7 cases failed" in " ".join(ran.out.split())
    page = (shop / "report.html").read_text(encoding="utf-8")
    for said in (
        "HTTP 422: body.n: Field required",
        "the server broke off its answer",
        "(a web page) Bad gateway",
        "error 503: the queue is overloaded",
        "reasoning used up all",
    ):
        assert said in page
    assert "no connection" not in page + ran.err
    server.script({})
    asked = server.questions()
    rung("compare", shop, "--json", code=None)
    fresh = server.questions() - asked
    assert len(fresh) >= 6
    assert not [body for body in fresh if "everything, please?" in body], "what was answered is not asked again"


def test_a_server_that_is_killed_on_the_way_loses_nothing_that_was_answered(rung: Run, shop: Path, start: Start) -> None:
    server = start(script={"*": {"seconds": 0.3, "body": TEXT}})
    point(shop, server.url)
    edit(shop, "concurrency: 4", "concurrency: 1")
    edit(shop, "retries: 2", "retries: 1")
    command = [sys.executable, "-m", "rung", "compare", str(shop)]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while len(server.asked()) < 5:
        time.sleep(0.02)
        assert running.poll() is None, running.communicate()
    server.kill()
    _, err = running.communicate(timeout=60)
    assert running.returncode == 2, err
    assert "Traceback" not in err
    assert "no connection to" in err
    assert "start the server" in err
    before = server.questions()
    server.script({})
    server.start()
    rung("compare", shop, "--json", code=None)
    assert max(server.questions().values()) <= 2
    twice = [body for body, n in server.questions().items() if n > 1 and before[body]]
    assert len(twice) <= 1, "only what was under way when it was killed is asked again"


def error(status: int, message: str, code: str = "") -> dict[str, Any]:
    return {"*": {"status": status, "body": {"error": {"message": message, "code": code}}}}


NO_KEY = "wants a key, and RUNG_API_KEY is not set (HTTP 401: Incorrect API key provided)"
WANTS_A_KEY = ("--key", "secret")
NO_MODEL = error(404, "The model 'm' does not exist")
SPENT = error(429, "You exceeded it", "insufficient_quota")


@pytest.mark.parametrize(
    ("role", "options", "script", "said"),
    [
        *((role, WANTS_A_KEY, {}, NO_KEY) for role in ("model", "embedder", "reranker", "judge")),
        ("model", (), NO_MODEL, "has no model 'm', or no API at this path (HTTP 404: The model 'm' does not exist)"),
        ("model", (), SPENT, "has no money or quota left for this key (HTTP 429: You exceeded it)"),
        ("embedder", (), SPENT, "has no money or quota left"),
        ("model", (), error(402, "Insufficient Balance"), "Insufficient Balance"),
        ("model", (), {"*": {"body": {"error": {"message": "bad key", "code": 401}}}}, "bad key"),
    ],
)
def test_what_no_request_can_mend_is_said_before_documents_are_read(
    rung: Run, shop: Path, start: Start, *, role: str, options: tuple[str, ...], script: dict[str, Any], said: str
) -> None:
    good, bad = start(), start(*options, script=script)
    point(shop, good.url)
    if role in ("model", "embedder"):
        edit(shop, f"model: {good.url}#m" if role == "model" else "embedder: scripted", f"{role}: {bad.url}#m")
    else:
        more = f"reranker: {bad.url}#m\n" if role == "reranker" else f"judge: {{model: '{bad.url}#m'}}\n"
        path = shop / "rung.yaml"
        path.write_text(path.read_text(encoding="utf-8") + more, encoding="utf-8")
        edit(shop, "correct: 0.2", "correct: 0.2, metric: judge")
    ran = rung("compare", shop, code=2)
    assert said in ran.err
    assert "rung.yaml:" in ran.err
    assert len(bad.asked()) == 1, "said at the first request"
    assert not (shop / ".rung" / "index").exists()
    assert not (shop / "report.html").exists()


def test_a_wrong_key_is_told_from_a_missing_one(rung: Run, shop: Path, start: Start) -> None:
    point(shop, start("--key", "secret").url)
    assert "refuses the key (HTTP 401" in rung("compare", shop, code=2, env=[("RUNG_API_KEY", "wrong")]).err


@pytest.mark.parametrize("url", ["", "http://nobody.invalid/v1"], ids=["closed port", "no such host"])
def test_nobody_there_is_said_at_once(rung: Run, shop: Path, url: str) -> None:
    url = url or nobody()
    point(shop, url)
    edit(shop, "retries: 2", "retries: 9")
    began = time.monotonic()
    ran = rung("compare", shop, code=2)
    assert f"rung.yaml:5: no connection to {url}" in ran.err
    assert "start the server" in ran.err
    assert time.monotonic() - began < 15
    assert not (shop / ".rung" / "index").exists()
    assert "no connection" in rung("ask", shop, "Hm?", "--rung", "rag", code=2).err


def test_where_every_answer_fails_no_verdict_is_made(rung: Run, shop: Path, start: Start) -> None:
    full = {"status": 400, "body": {"error": {"message": "the context is full"}}}
    server = start(script={"Say hello": "hello", "officer?": {"status": 400, "body": {"detail": "odd"}}, "*": full})
    point(shop, server.url)
    ran = rung("compare", shop, code=2)
    assert "all 21 answers failed, most often (18 times) with: HTTP 400: the context is full" in ran.err
    assert "no verdict was made" in ran.err
    assert ran.out == ""
    assert not (shop / "report.html").exists()
    assert "there is no verdict yet" in rung("report", shop, code=2).err


def test_a_server_that_ignores_the_form_is_found_and_said(rung: Run, shop: Path, start: Start) -> None:
    schema = {"type": "object", "properties": {"a": {"type": ["string", "null"]}}, "required": ["a"]}
    (shop / "schema.json").write_text(json.dumps(schema), encoding="utf-8")
    server = start("--ignores-form")
    point(shop, server.url, more="behaviour: {schema: schema.json}\n", rungs="[structured]")
    remark = "#m ignores response_format: no answer is held to schema or labels; the prompt alone asks for them."
    ran = rung("compare", shop, code=None)
    assert remark in ran.err
    assert remark.partition(":")[0] in "".join(ran.out.split("\n"))
    assert remark in (shop / "report.html").read_text(encoding="utf-8")
    assert sum("rung-holds-the-form" in json.dumps(one) for one in server.asked()) == 1
    assert remark.rstrip(".") in rung("check", shop).out
    rung("compare", shop, "--json", code=None)
    assert sum("rung-holds-the-form" in json.dumps(one) for one in server.asked()) == 1, "found once, and remembered"


CHATTY = "Thank you for asking! Going by the passage that I was shown, the answer to your question is the following: nine."


def test_an_answer_in_whole_sentences_has_room_however_short_the_cases_answers_are(
    rung: Run, shop: Path, start: Start
) -> None:
    server = start(script={"*": CHATTY})
    point(shop, server.url, rungs="[prompt, rag]")
    said = rung("compare", shop, "--json", code=None).json
    rooms = {one["body"]["max_tokens"] for one in server.asked() if "messages" in one["body"]}
    assert rooms - {64} == {512}  # 64: of the check whether it is there
    assert "cut off" not in json.dumps(said)


def test_a_server_that_cuts_every_answer_is_not_said_not_to_read(rung: Run, shop: Path, start: Start) -> None:
    cut = {"choices": [{"message": {"role": "assistant", "content": CHATTY[:60]}, "finish_reason": "length"}]}
    server = start(script={"*": {"body": cut}})
    point(shop, server.url, rungs="[prompt, rag: {max_tokens: 24}]")
    said = rung("compare", shop, "--json", code=None).json
    assert said["reason"].startswith("Answers were cut off: ")
    assert "of rag at 24 tokens" in said["reason"]
    why = {one["name"]: one["why"] for one in said["rungs"]}
    assert re.match(r"cut off: (\d+) of \1 answers at 24 tokens: give max_tokens; ", why["rag"])
    assert not any(words in json.dumps(said) for words in ("does not read", "on a stronger one", "use a stronger model"))


def test_a_server_that_holds_the_form_is_not_complained_of(rung: Run, shop: Path, start: Start) -> None:
    server = start()
    point(shop, server.url, more="behaviour: {labels: [refund, shipping]}\n", rungs="[structured]")
    ran = rung("compare", shop, code=None)
    assert "response_format" not in ran.out + ran.err


def test_a_prompt_that_the_server_cut_is_said(rung: Run, shop: Path, start: Start) -> None:
    text = "\n\n".join(f"Paragraph {n} speaks of other things, at some length, and says nothing." for n in range(40))
    (shop / "docs" / "long.md").write_text(f"# Long\n\n{text}\n", encoding="utf-8")
    server = start("--context", "150")
    point(shop, server.url, rungs="[prompt, long_context]")
    ran = rung("compare", shop, code=None)
    said = " ".join(ran.out.split())
    assert "long_context: for 7 of 7 cases the server read fewer tokens than the prompt has words" in said
    assert "prompt: for" not in said
    assert "the server cut the prompt" in (shop / "report.html").read_text(encoding="utf-8")
    asked = rung("ask", shop, "What does express shipping cost?", "--rung", "long_context")
    assert "it cut the prompt without saying so" in asked.out


@pytest.mark.parametrize(("name", "line"), [("model", 5), ("embedder", 6)])
def test_check_refuses_a_url_without_a_name(rung: Run, shop: Path, name: str, line: int) -> None:
    edit(shop, f"{name}: scripted", f"{name}: http://127.0.0.1:9/v1")
    ran = rung("check", shop, code=2)
    assert f"rung.yaml:{line}: 'http://127.0.0.1:9/v1' names no model: write http://127.0.0.1:9/v1#<name>" in ran.out
    assert f"rung.yaml:{line}: " in rung("compare", shop, code=2).err


def test_check_asks_nobody(rung: Run, shop: Path) -> None:
    edit(shop, "model: scripted", f"model: {nobody()}#m")
    assert "nothing is wrong" in rung("check", shop).out
    edit(shop, "#m", "#m\njudge: {model: 'openai:j'}")
    assert "openai:j wants a key, and OPENAI_API_KEY is not set" in rung("check", shop, env=[("OPENAI_API_KEY", "")]).out


def test_openai_names_go_to_the_base_url(rung: Run, shop: Path, start: Start) -> None:
    server = start("--key", "secret")
    edit(shop, "model: scripted", "model: openai:m")
    edit(shop, "rungs: [prompt, few_shot, structured, long_context, rag, tuned_model]", "rungs: [rag]")
    env = [("OPENAI_BASE_URL", f"{server.url}/"), ("OPENAI_API_KEY", "secret")]
    rung("compare", shop, "--json", env=env)
    assert {one["path"] for one in server.asked()} == {"/v1/chat/completions"}
    other = start("--key", "secret")
    env = [("OPENAI_BASE_URL", other.url), ("OPENAI_API_KEY", "secret")]
    assert rung("compare", shop, "--json", env=env).json["steps"]["executed"] > 0, "another server is another model"


def test_a_teacher_that_never_answers_teaches_nothing(rung: Run, shop: Path, start: Start) -> None:
    server = start(script={"*": {"status": 400, "body": {"error": {"message": "no such luck"}}}})
    (shop / "inputs.txt").write_text("What is it?\nHow is it?\n", encoding="utf-8")
    words = ("--teacher", f"{server.url}#m", "--inputs", shop / "inputs.txt", "-o", shop / "out.jsonl")
    ran = rung("distill", shop, *words, code=2)
    assert "all 2 answers failed, all with: HTTP 400: no such luck" in ran.err
    assert not (shop / "out.jsonl").exists()
    server.script({})
    assert rung("distill", shop, *words, "--json").json["rows"] == 2


def test_ask_streams_the_answer_without_its_reasoning(rung: Run, shop: Path, start: Start) -> None:
    thought = "<think>\nNine? Or ten?\n</think>\n\nIt is nine."
    late = "Nine? Or ten?\n</think>\n\nIt is nine."
    server = start(script={"shipping cost?": thought, "to Norway?": late, "parcel?": {"cut": 180, "body": TEXT}})
    point(shop, server.url)
    ran = rung("ask", shop, "What does express shipping cost?", "--rung", "prompt")
    assert ran.out == "It is nine.\n"
    assert rung("ask", shop, "Do we ship to Norway?", "--rung", "prompt").out.endswith("---\nIt is nine.\n")
    assert "broke off its answer" in rung("ask", shop, "Who pays for the parcel?", "--rung", "prompt", code=2).err
