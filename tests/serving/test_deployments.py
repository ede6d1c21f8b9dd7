"""What is served is what was measured, or nothing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from rung.errors import UserError
from rung.records import Failure
from rung.records.steps import Request, Result
from tests.cli.conftest import Run
from tests.serving.serving import Client, served


def test_the_winner_is_served_by_the_digest_that_was_measured(rung: Run, shop: Path) -> None:
    rung("compare", shop)
    verdict = (shop / ".rung/verdicts/latest").read_text("utf-8").strip()
    measured = json.loads((shop / ".rung/verdicts" / verdict / "strategies.json").read_text("utf-8"))
    with served(shop) as client:
        listed = {one["id"]: one["rung"] for one in client.get("/v1/models").json()["data"]}
        answer = client.chat(model="rung").json()
    assert list(listed) == ["rung", "prompt", "few_shot", "long_context", "rag"]
    assert listed["rung"]["strategy"] in measured
    assert answer["choices"][0]["message"]["rung"]["digest"] == listed["rung"]["digest"]
    changed = (shop / "rung.yaml").read_text("utf-8").replace("Answer the customer.", "Answer the client, briefly.")
    (shop / "rung.yaml").write_text(changed, "utf-8")
    with served(shop) as client:  # the winner is as it was measured; a rung by its name is as rung.yaml has it
        again = {one["id"]: one["rung"]["digest"] for one in client.get("/v1/models").json()["data"]}
    assert again["rung"] == listed["rung"]["digest"]
    assert again["rag"] != listed["rag"]["digest"]


@pytest.mark.parametrize("damage", ["gone", "changed"])
def test_a_winner_whose_artifact_is_not_what_it_was_is_refused_at_start(rung: Run, shop: Path, damage: str) -> None:
    asked = ["How fast is express?", "How fast is express shipping?", "How fast is the express parcel?"]
    rows = [{"id": q, "question": q, "answers": ["one day"], "split": "test" if q != asked[0] else "train"} for q in asked]
    (shop / "cases.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n", "utf-8")
    lines = (shop / "rung.yaml").read_text("utf-8").splitlines()
    lines = [line if not line.startswith("rungs") else "rungs: [few_shot: {shots: 1}]" for line in lines]
    (shop / "rung.yaml").write_text("\n".join(lines) + "\n", "utf-8")
    rung("compare", shop)
    artifacts = [f for f in (shop / ".rung/artifacts/example-index").iterdir() if f.is_dir()]
    for artifact in artifacts:
        if damage == "gone":
            shutil.rmtree(artifact)
        for file in artifact.glob("*"):
            if file.name not in ("manifest.json", "sealed.json"):
                file.write_bytes(file.read_bytes() + b"x")
    with pytest.raises(UserError) as refused, served(shop):
        pass
    assert any(artifact.name[:12] in str(refused.value) for artifact in artifacts)
    assert ("is gone" if damage == "gone" else "rung doctor --repair") in str(refused.value)


def test_nothing_is_served_where_nothing_can_answer(shop: Path) -> None:
    text = (shop / "rung.yaml").read_text("utf-8")
    (shop / "rung.yaml").write_text(
        text.replace("[prompt, few_shot, structured, long_context, rag, tuned_model]", "[structured]")
    )
    with pytest.raises(UserError, match=r"nothing of .* can answer"), served(shop):
        pass


def test_search_and_its_conditions(client: Client) -> None:
    row = client.post("/v1/search", {"query": "express shipping", "top": 1}).json()["data"][0]
    assert row["document"] == "docs/shipping.md"
    assert row["text"][: row["span"][1]].startswith("# Shipping")
    nothing = client.post("/v1/search", {"query": "shipping", "where": {"source": "docs/returns.md"}}).json()["data"]
    assert {row["document"] for row in nothing} == {"docs/returns.md"}
    assert client.post("/v1/search", {"query": "x", "where": {"year": {"above": 3}}}).json()["error"]["param"] == "where"
    assert client.post("/v1/search", {"query": "x", "rerank": True}).json()["error"]["param"] == "rerank"
    assert client.post("/v1/search", {"query": 5}).json()["error"]["param"] == "query"
    assert client.post("/v1/search", {"top": 5}).json()["error"]["param"] == "query"
    assert client.get("/documents/docs%2Fshipping.md?start=x").json()["error"]["param"] == "start"
    assert client.post("/v1/search", {"query": " "}).json()["error"]["param"] == "query"
    assert client.post("/v1/search", {"query": "x", "topk": 3}).json()["error"]["param"] == "topk"


class Broken:
    """A search that finds nothing, and says what nobody else may hear."""

    identity = "broken"

    def __init__(self, *, raises: bool) -> None:
        self._raises = raises

    def run(self, requests: Sequence[Request]) -> Iterator[tuple[int, Result | Failure]]:
        if self._raises:
            raise UserError("the disk of machine 42 is gone")
        yield from ((index, Failure("the disk of machine 42 is gone", step="search")) for index in range(len(requests)))


@pytest.mark.parametrize("raises", [False, True])
def test_why_a_search_failed_stays_in_the_log(client: Client, raises: bool, caplog: pytest.LogCaptureFixture) -> None:
    next(iter(client.app.state.answering.deployments.values())).engines["search"] = Broken(raises=raises)
    response = client.post("/v1/search", {"query": "x"})
    assert response.status_code == 502
    assert "machine" not in response.text
    number = response.json()["error"]["message"].split()[-1]
    assert f"({number})" in caplog.text
    assert "machine 42" in caplog.text


def test_what_fails_where_a_document_is_shown_is_told_as_elsewhere(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(id: str) -> None:
        raise UserError(f"{id}: the disk of machine 42 is gone")

    monkeypatch.setattr(client.app.state.answering.knowledge, "document", broken)
    response = client.get("/documents/docs%2Fshipping.md")
    assert response.status_code == 502
    assert response.json()["error"]["message"].split()[-1] in caplog.text
    assert "machine" not in response.text
    assert "machine 42" in caplog.text
