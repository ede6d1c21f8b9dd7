"""What a comparison then takes is never more than the dry run said: calls, tokens read, tokens written, dollars."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from rung.commands.survey import survey
from rung.config.project import load_project
from rung.models.scripted import ScriptedGenerator
from rung.pipeline.budget import CompareRequest, Meter, spent_usd
from rung.pipeline.forecast import Forecast
from rung.records import digest
from rung.records.steps import Generate
from rung.runtime.batch import Tally
from tests.working import working

pytestmark = pytest.mark.slow

PROSE = "the of and parcel return item delivery customer tariff refund a I within thirty days warehouse internationalisation"
OTHER = "Rückgabe Größe straße 退货 条款 café 12.50 2024-11-12 https://a.example/b?c=d | {x} ``` --"
WORDS = [*PROSE.split(), *OTHER.split()]


def text(drawn: random.Random, words: int) -> str:
    return " ".join(drawn.choice(WORDS) + drawn.choice(["", "", ".", ",", "\n\n", "\n# Part\n"]) for _ in range(words))


def project(folder: Path, rungs: str, more: str = "", *, seed: int = 0, cases: int = 9, dev: int = 0) -> Path:
    """Documents, examples and cases of drawn words: some long, some short, some without an answer."""
    drawn = random.Random(seed)
    (folder / "docs").mkdir(parents=True)
    for n in range(6):
        (folder / f"docs/d{n}.md").write_text(f"# Thing {n}\n\n{text(drawn, drawn.choice([5, 60, 700]))}", encoding="utf-8")
    rows = []
    for split, count in (("test", cases), ("dev", dev), ("train", 4)):
        for n in range(count):
            row = {"id": f"{split}{n}", "question": text(drawn, drawn.choice([3, 8, 60])), "split": split}
            answers = {"answers": [text(drawn, 3)], "gold_documents": [f"docs/d{n % 6}.md"]}
            rows.append(row | (answers if n % 4 else {"answers": [], "answerable": False}))
    chats = [
        {"messages": [{"role": "user", "content": text(drawn, 9)}, {"role": "assistant", "content": text(drawn, 4)}]}
        for _ in range(5)
    ]
    (folder / "cases.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    (folder / "examples.jsonl").write_text("\n".join(map(json.dumps, chats)), encoding="utf-8")
    (folder / "answer.json").write_text('{"type": "object", "properties": {"a": {"type": "string"}}}', encoding="utf-8")
    head = 'task: Say it.\nknowledge: {sources: ["docs/*.md"], chunk_tokens: 40}\ncases: cases.jsonl\n'
    prices = "prices: {prompt_usd_per_million: 3, completion_usd_per_million: 15}\n"
    behaviour = "" if "behaviour:" in more else "behaviour: {examples: examples.jsonl}\n"
    names = "" if "model:" in more else "model: scripted\n"
    text_ = f"{head}{behaviour}{names}embedder: scripted\nrungs: {rungs}\n{prices}{more}"
    (folder / "rung.yaml").write_text(text_, encoding="utf-8")
    return folder


def long(step: Generate) -> str:
    """Speaks until it is stopped, and begins otherwise each time."""
    return f"{digest(step.messages)[:4]} Grade: 2 " + "so " * 3000 + "Grade: 4 Better: A"


def calling(step: Generate) -> str:
    return (
        f'{digest(step.messages)[:6]} <tool_call>{{"name": "calculator", "arguments": {{"expression": "9**9"}}}}</tool_call>'
    )


def refusing(_step: Generate) -> str:
    return "I don't know. Grade: 1"


SCRIPTS = {"long": long, "calling": calling, "refusing": refusing, "extracts": None}


def foretold(folder: Path, allowed: CompareRequest | None = None) -> Forecast:
    return survey(load_project(folder), allowed=allowed or CompareRequest()).whole()


def taken(
    folder: Path, script: Callable[[Generate], str] | None, allowed: CompareRequest | None = None
) -> tuple[int, Meter]:
    """(generations asked of the scripted model, the meter) of a whole comparison."""
    calls = 0

    def counted(step: Generate) -> str:
        nonlocal calls
        calls += 1
        return script(step) if script is not None else said.said(step)

    said = Extracting()
    with working(load_project(folder), allowed) as at:
        if load_project(folder).settings.model == "scripted":
            at.engines.generator = ScriptedGenerator(counted, name=str(script))
        at.compare()
        return calls, at.meter


class Extracting:
    """What the scripted model says by itself."""

    def said(self, step: Generate) -> str:
        from rung.models.scripted import extract

        return extract(step)


RUNGS = {
    "plain": ("[prompt, few_shot, long_context, rag]", ""),
    "fixed shots": ("[{few_shot: {shots: 3, pick: fixed}}, {prompt: {max_tokens: 7}}]", ""),
    "rewritten": ("[{rag: {rewrite: [query, hyde], passages: [1, 5]}}]", ""),
    "worked": ("[{rag: {shots: 3, passages: 2}}]", ""),
    "cut": ("[{rag: {chunk_tokens: [20, 90]}}]", ""),
    "parents": ("[rag]", "PARENTS"),
    "reranked": ("[{rag: {rerank: true, candidates: 4}}]", "reranker: generator\n"),
    "schema": ("[prompt, structured, rag]", "behaviour: {schema: answer.json}\n"),
    "labels": ("[prompt, structured, rag]", "behaviour: {labels: [red, 'rather blue, I think']}\n"),
    "tools": ("[{tools: {rounds: 3}}]", "tools: [calculator]\n"),
    "tools with labels": ("[tools]", "tools: [calculator]\nbehaviour: {labels: [red, blue]}\n"),
    "judge": ("[prompt, rag]", "bar: {metric: judge}\n"),
    "pairs": ("[prompt, few_shot]", "bar: {metric: judge}\njudge: {mode: pairwise, rubric: Be kind.}\n"),
    "repeats": ("[prompt, rag]", "sampling: {temperature: 0.5, repeats: 3}\n"),
}


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("name", RUNGS)
def test_nothing_takes_more_than_was_foretold(name: str, script: str, tmp_path: Path) -> None:
    rungs, more = RUNGS[name]
    folder = project(tmp_path / "p", rungs, more.replace("PARENTS", ""), seed=len(name))
    if more == "PARENTS":
        yaml = (folder / "rung.yaml").read_text(encoding="utf-8")
        (folder / "rung.yaml").write_text(yaml.replace("chunk_tokens: 40", "chunk_tokens: 40, parent_tokens: 120"))
    most = foretold(folder)
    calls, meter = taken(folder, SCRIPTS[script])
    within(most, calls, meter)
    if script == "long" and "tools" not in name:  # no wild one: a model that always speaks to the limit comes near it
        assert 2 * calls >= most.calls


def within(most: Forecast, calls: int, meter: Meter) -> None:
    """Nothing is more than it might be."""
    tally, live = meter.engines.tally, sum(meter.live.values(), Tally())
    told = (calls, tally.prompt_tokens + live.prompt_tokens, tally.completion_tokens + live.completion_tokens)
    assert all(a <= b for a, b in zip(told, (most.calls, most.prompt_tokens, most.completion_tokens), strict=True)), (
        told,
        most,
    )
    usd = spent_usd(tally, meter.prices, 0)
    assert usd is not None
    assert most.usd is not None
    assert usd + (spent_usd(live, meter.prices, 0) or 0) <= most.usd


@pytest.mark.parametrize("limit", ["", ", p95_seconds: 0.000001", ", p95_seconds: 9"])
def test_a_race_takes_no_more_with_and_without_limits_of_time(limit: str, tmp_path: Path) -> None:
    folder = project(tmp_path / "p", "[prompt, few_shot, rag]", f"bar: {{correct: 0.3{limit}}}\n", cases=70)
    most = foretold(folder)
    within(most, *taken(folder, None))


def test_what_teaches_a_router_and_a_search_are_in_it(tmp_path: Path) -> None:
    folder = project(tmp_path / "p", "[prompt, {few_shot: {shots: [1, 2, 3, 4]}}, router]", dev=32)
    for allowed in (CompareRequest(), CompareRequest(trials=3)):
        most = foretold(folder, allowed)
        calls, meter = taken(folder, None, allowed)
        within(most, calls, meter)


class _Server(BaseHTTPRequestHandler):
    """A model behind a URL, which counts as many real ones do: every three bytes a token, and ten for the chat."""

    calls: list[int]

    def do_POST(self) -> None:
        asked = self.rfile.read(int(self.headers["Content-Length"]))
        body = json.loads(asked)
        read = 10 + sum(-(-len(m["content"].encode()) // 3) for m in body["messages"])
        type(self).calls.append(read)
        written = body.get("max_tokens", 0)
        usage = {"prompt_tokens": read, "completion_tokens": written}
        said = "so " * written
        if body.get("stream"):
            events = [{"choices": [{"delta": {"content": said}}]}, {"choices": [{"finish_reason": "stop"}], "usage": usage}]
            data = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
            kind = "text/event-stream"
        else:
            data = json.dumps({"choices": [{"message": {"content": said}, "finish_reason": "stop"}], "usage": usage})
            kind = "application/json"
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data.encode())))
        self.end_headers()
        self.wfile.write(data.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def server() -> Iterator[str]:
    _Server.calls = []
    with ThreadingHTTPServer(("127.0.0.1", 0), _Server) as running:
        Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_address[1]}/v1#m"
        running.shutdown()


@pytest.mark.parametrize("reasoning", [0, 300])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_server_is_asked_no_more_than_was_foretold(seed: int, reasoning: int, server: str, tmp_path: Path) -> None:
    more = f'model: "{server}"\nserver: {{reasoning_tokens: {reasoning}}}\n'
    folder = project(tmp_path / "p", "[prompt, few_shot, long_context, rag]", more, seed=seed)
    most = foretold(folder)
    _, meter = taken(folder, None)
    within(most, len(_Server.calls), meter)
    assert sum(_Server.calls) <= most.prompt_tokens


def test_an_instruction_that_is_looked_for_is_within_the_bound(tmp_path: Path) -> None:
    """Every proposal is as long as it may be, and so is every answer under it."""

    def script(step: Generate) -> str:
        proposing = "You write the instruction" in step.messages[0].content
        return f"<instruction>{digest(step.messages)[:4]} {'so ' * 450}</instruction>" if proposing else long(step)

    folder = project(tmp_path, "[{prompt: {optimise: propose}}, {rag: {optimise: propose, proposals: 2}}]", dev=20)
    most = foretold(folder)
    calls, meter = taken(folder, script)
    assert calls > 100
    within(most, calls, meter)
