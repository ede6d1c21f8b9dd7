"""A server is proven before work: what is wrong with it is said before documents are read, by compare, check and doctor."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from pathlib import Path

import pytest

from rung.commands.server_checks import server_checks
from rung.commands.survey import survey
from rung.config.project import Project, load_project
from rung.errors import UserError
from rung.loop import opened
from rung.models.protocol import Remote
from rung.pipeline.preflight import check_servers
from rung.pipeline.prepare import prepare
from rung.progress import Lines, reporting
from rung.records import Json, Message
from rung.records.steps import Generate, Request
from rung.testing.server import Asked, FakeServer

CASES = [
    {"id": f"c{n}", "split": split, "question": f"What costs {n}?", "answers": [f"{n} euros"]}
    for n, split in enumerate(["test"] * 4 + ["dev"] * 2)
]


def project(folder: Path, url: str, more: str = "", model: str = "m") -> Project:
    """A project whose model is on a server, with one document."""
    (folder / "docs").mkdir(exist_ok=True)
    (folder / "docs" / "prices.md").write_text("# Prices\n\nEach costs as many euros as its number.\n", encoding="utf-8")
    (folder / "cases.jsonl").write_text("".join(json.dumps(case) + "\n" for case in CASES), encoding="utf-8")
    head = f'task: Answer.\nknowledge: {{sources: ["docs/*.md"]}}\ncases: [cases.jsonl]\nmodel: "{url}#{model}"\n'
    (folder / "rung.yaml").write_text(f"{head}embedder: scripted\nrungs: [prompt, rag]\n{more}", encoding="utf-8")
    return load_project(folder)


def asked(project: Project) -> tuple[str, ...]:
    """What a comparison finds of its servers."""
    with opened(project) as engines:
        return check_servers(engines)


def stops(project: Project) -> str:
    """Why a comparison ends before it reads a document; doctor says the same."""
    with opened(project) as engines, pytest.raises(UserError) as stopped:
        check_servers(engines)
    assert not (project.state / "index").exists()
    assert str(stopped.value).startswith(f"{project.file}:4: ")
    (check,) = server_checks(project)
    assert (check.name, check.status) == ("model", "wrong")
    assert check.detail in str(stopped.value)
    return str(stopped.value)


def test_nobody_listens(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    assert "no connection to" in stops(project(tmp_path, url))


def test_the_key_is_refused(tmp_path: Path) -> None:
    with FakeServer(key="secret") as server:
        assert "wants a key, and RUNG_API_KEY is not set" in stops(project(tmp_path, server.url))


def test_the_quota_is_used_up(tmp_path: Path) -> None:
    spent: dict[str, Json] = {
        "*": {"status": 429, "body": {"error": {"message": "You exceeded it", "code": "insufficient_quota"}}}
    }
    with FakeServer(spent) as server:
        assert "no money or quota left" in stops(project(tmp_path, server.url))
        assert len(server.asked) == 2, "once by the comparison and once by doctor: nothing is tried again"


def test_the_model_has_another_name_there(tmp_path: Path) -> None:
    with FakeServer(models=["qwen3-8b", "bge-m3"]) as server:
        text = stops(project(tmp_path, server.url, model="qwen-8b"))
    assert "has no model 'qwen-8b'" in text
    assert "did you mean 'qwen3-8b'" in text


def test_the_url_lacks_its_end(tmp_path: Path) -> None:
    with FakeServer({"*": {"status": 404, "body": "Not Found"}}, models=["m"]) as server:
        url = server.url.removesuffix("/v1")
        assert f"has no API at this path (HTTP 404: Not Found): write {url}/v1#m" in stops(project(tmp_path, url))


LESS: Mapping[str, Mapping[str, Json]] = {"m": {"max_model_len": 700, "shutdown_date": "2031-02-03"}}


def test_what_a_server_reads_and_when_it_ends_is_said_by_all_alike(tmp_path: Path) -> None:
    with FakeServer(models=LESS) as server:
        shop = project(tmp_path, server.url)
        notices = asked(shop)
        (check,) = server_checks(shop)
        count = len(server.asked)
        hints = list(survey(shop, listing=True, rehearsed=False).hints())
        assert len(server.asked) == count, "check asks nobody"
        with opened(shop) as engines:
            materials = prepare(engines).materials
    reads, ends = notices
    assert reads == f"{server.url}#m reads 700 tokens, as its server says, not the 8,192 of server.context_tokens."
    assert ends == f"{server.url}#m ends on 2031-02-03 (as its server says)."
    assert check.status == "ok"
    assert "#m reads 700 tokens" in check.detail
    for line in notices:
        assert line.rstrip(".") in check.detail
        assert line.rstrip(".") in hints
    assert (materials.context_tokens, materials.limit_tokens) == (700, 700)


def test_a_server_that_reads_more_is_asked_for_no_more_than_the_project_says(tmp_path: Path) -> None:
    with FakeServer(models={"m": {"context_length": 131072}}) as server:
        shop = project(tmp_path, server.url)
        assert asked(shop) == ()
        with opened(shop) as engines:
            materials = prepare(engines).materials
    assert (materials.context_tokens, materials.limit_tokens) == (8192, 0)


@pytest.mark.parametrize("ignores", [True, False])
def test_a_server_that_keeps_no_schema_is_found(tmp_path: Path, ignores: bool) -> None:
    with FakeServer(holds_form=False, refuses=() if ignores else ("response_format",)) as server:
        shop = project(tmp_path, server.url, "behaviour: {labels: [cheap, dear]}\n")
        (notice,) = asked(shop)
        (check,) = server_checks(shop)
    what = "ignores" if ignores else "does not take"
    assert notice == (
        f"{server.url}#m {what} response_format: no answer is held to schema or labels; the prompt alone asks for them."
    )
    assert notice.rstrip(".") in check.detail


OPEN: Json = {"type": "object", "additionalProperties": {"type": "string"}}


def test_a_schema_that_a_server_refuses_is_said_before_work_and_remembered(tmp_path: Path) -> None:
    (tmp_path / "schema.json").write_text(json.dumps(OPEN), encoding="utf-8")

    class Picky(FakeServer):
        def reply(self, asked: Asked) -> dict[str, Json]:
            reply = super().reply(asked)
            if 'additionalProperties": {' not in json.dumps(asked.body):
                return reply
            return {"status": 400, "body": {"error": {"message": "Invalid schema for response_format 'answer': free keys"}}}

    with Picky() as server:
        shop = project(tmp_path, server.url, "behaviour: {schema: schema.json}\n")
        (notice,) = asked(shop)
        (check,) = server_checks(shop)
        count = len(server.asked)
        assert asked(shop) == (notice,)
        assert len(server.asked) == count
    assert "does not hold answers to the project's schema: HTTP 400: Invalid schema" in notice
    assert notice.rstrip(".") in check.detail
    assert not (tmp_path / ".rung" / "index").exists()


def test_a_model_whose_reasoning_uses_the_tokens_up_is_said_before_work(tmp_path: Path) -> None:
    body: Json = {"choices": [{"message": {"content": "", "reasoning_content": "Hm."}, "finish_reason": "length"}]}
    with FakeServer({"*": {"body": body}}) as server:
        (notice,) = asked(project(tmp_path, server.url))
    assert "gave no answer to a first small request: reasoning used up all 64 tokens" in notice
    assert "server.reasoning_tokens" in notice


def test_a_server_that_answers_to_any_name_says_who_it_is(tmp_path: Path) -> None:
    body: Json = {"choices": [{"message": {"content": "hello"}, "finish_reason": "stop"}], "model": "qwen3-8b.gguf"}

    class AnyName(FakeServer):
        def _refusal(self, asked: object) -> None:
            return None

    with AnyName({"*": {"body": body}}, models=["qwen3-8b.gguf"]) as server:
        (notice,) = asked(project(tmp_path, server.url, model="gpt-4o"))
    assert notice.endswith("#gpt-4o is no model of its server's list; what answers there is called qwen3-8b.gguf.")


def test_a_server_that_answers_as_another_model_of_its_list_is_told_once(tmp_path: Path) -> None:
    def answered(model: str) -> Json:
        return {"body": {"choices": [{"message": {"content": "hello"}, "finish_reason": "stop"}], "model": model}}

    with FakeServer({"*": answered("other-v2")}, models=["m", "m-large"]) as server:
        (notice,) = asked(project(tmp_path, server.url))
    assert "#m answered as other-v2: an alias of the model that was asked, or another in its place" in notice
    said: list[str] = []
    with FakeServer({"*": [answered("m"), answered("m-large")]}, models=["m", "m-large"]) as server:
        shop = project(tmp_path, server.url)
        with reporting(Lines(said.append, seconds=0)), opened(shop) as engines:
            assert check_servers(engines) == ()
            steps = [Request(Generate((Message("user", text),), max_tokens=4)) for text in ("one", "two", "three")]
            assert len(list(engines.generator.run(steps))) == 3
    assert [line.partition("#")[2] for line in said if "answered as" in line] == [
        "m answered as m-large: an alias of the model that was asked, or another in its place (a router's fallback): "
        "its server knows which"
    ]


def test_a_model_that_the_table_knows_to_end_is_said_without_asking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    shop = project(tmp_path, "x")
    text = shop.file.read_text(encoding="utf-8").replace('"x#m"', "openai:gpt-4.1-mini")
    shop.file.write_text(text, encoding="utf-8")
    surveyed = survey(load_project(tmp_path), listing=True, rehearsed=False)
    assert any("openai:gpt-4.1-mini ends on 2027-01-14 (https://" in hint for hint in surveyed.hints())
    (problem,) = (p for p in surveyed.problems if "wants a key" in p.message)
    assert "OPENAI_API_KEY is not set" in problem.message


def test_what_was_remembered_is_what_the_next_command_knows(tmp_path: Path) -> None:
    with FakeServer(models=LESS) as server:
        shop = project(tmp_path, server.url)
        first = asked(shop)
        count = len(server.asked)
        with opened(shop) as engines:
            assert check_servers(engines) == first
            assert isinstance(engines.generator, Remote)
            assert engines.generator.context_tokens == 700
        assert len(server.asked) == count
