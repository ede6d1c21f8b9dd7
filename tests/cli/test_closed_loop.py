"""The loop closed, with a real server: asked, corrected, approved, compared, promoted by canary, and better than before.

The model is scripted: `few_shot` says what the nearest example says, so that what people taught is what it answers.
`benchmarks/closed_loop.py` does the same with a real model and training."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cli.conftest import Run
from tests.serving.processes import rung_serve

LEARNT = {  # what people ask, what is right, and how a test case asks the like of it
    "Is wrapping a gift dear?": ("four euros", "What does gift wrapping cost?"),
    "Are batteries part of the toys?": ("no batteries", "Do toys come with batteries?"),
    "May I pay by invoice?": ("companies only", "Who may pay an invoice later?"),
    "Do you take old furniture along?": ("for twenty euros", "What if old furniture is to be taken along?"),
}


def asked(url: str, question: str, who: str) -> dict[str, Any]:
    body = {"model": "rung", "messages": [{"role": "user", "content": question}]}
    response = httpx.post(f"{url}/v1/chat/completions", json=body, headers={"X-User": who, "X-Groups": ""}, timeout=60)
    assert response.status_code == 200, response.text
    message = response.json()["choices"][0]["message"]
    return {"id": response.json()["id"], "text": message["content"], "digest": message["rung"]["digest"]}


def rated(url: str, who: str, **body: str) -> None:
    headers = {"X-User": who, "X-Groups": ""}
    assert httpx.post(f"{url}/v1/feedback", json=body, headers=headers, timeout=60).status_code == 200


def correct(rung: Run, shop: Path) -> float:
    verdict = rung("compare", shop, "--exhaustive", "--json", code=None).json
    (line,) = (one for one in verdict["rungs"] if one["name"] == "few_shot")
    score: float = line["scores"]["correct"]["mean"]
    return score


@pytest.mark.slow
def test_what_people_taught_is_measured_approved_and_served(rung: Run, shop: Path) -> None:
    (shop / "cases").mkdir()
    (shop / "cases.jsonl").rename(shop / "cases" / "cases.jsonl")
    rows = [{"question": case, "answers": [right], "split": "test"} for right, case in LEARNT.values()]
    (shop / "cases" / "more.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    yaml = shop / "rung.yaml"
    lines = [line for line in yaml.read_text("utf-8").splitlines() if not line.startswith(("cases", "rungs"))]
    lines += ["cases: cases/*.jsonl", "rungs: [few_shot: {shots: 1}]", "review: required"]
    lines += ['serve: {proxy: {addresses: ["127.0.0.1/32"]}}', "retrain: {when: 4 new approved rows}"]
    yaml.write_text("\n".join(lines) + "\n", "utf-8")
    before = correct(rung, shop)

    def promoted(*words: str) -> str:
        why = ("--by", "ada", "--reason", "a test")
        digest = rung("promote", shop, "few_shot", *words, *why, "--json", code=1).json["digest"]
        rung("review", shop, "--approve", digest, "--by", "Grace")
        id: str = rung("promote", shop, "few_shot", *words, *why, "--json").json["deployment"]
        return id

    first = promoted()
    with rung_serve(shop) as url:
        for n, (question, (right, case)) in enumerate(LEARNT.items()):
            answer = asked(url, question, f"user{n}")
            assert right not in answer["text"]
            rated(url, f"user{n}", id=answer["id"], rating="down", correction=right)
            repeated = asked(url, case, f"user{n}")
            rated(url, f"user{n}", id=repeated["id"], rating="down", correction=right)  # what judges teaches nothing
        drafted = rung("feedback", "draft", shop, "--judging", "0", "--json").json
        assert (drafted["proposals"]["corrected"], drafted["teach"], len(drafted["left_out"])) == (4, 4, 4)
        waits = rung("review", shop, "--json").json
        words = [word for one in waits if "question" in one for word in ("--approve", one["id"])]
        assert "retrain: adapter is due: 4 new" in rung("review", shop, *words, "--by", "Grace").out
        after = correct(rung, shop)
        assert after >= before + 4 / 11  # the four cases that people's corrections bear out
        second = promoted("--canary", "0.5", "--margin", "0.3", "--risk", "0.2")
        served = {asked(url, "May I pay by invoice?", f"user{n}")["digest"] for n in range(8)}
        assert len(served) == 2  # some askers have the new one, on the server that runs
        for n in range(600):
            if n % 16 == 0 and rung_now(shop)["candidate"] is None:
                break
            question, (right, _) = list(LEARNT.items())[n % 4]
            answer = asked(url, question, f"asker{n}")
            rated(url, f"asker{n}", id=answer["id"], rating="up" if right in answer["text"] else "down")
        assert (rung_now(shop)["current"], first != second) == (second, True)
        assert LEARNT["May I pay by invoice?"][0] in asked(url, "May I pay by invoice?", "anybody")["text"]
    assert "finished by rung serve: not worse by 30 points" in rung("deployments", shop, second).out
    logged = [json.loads(line)["action"] for line in rung("review", shop, "--log", "--json").out.splitlines()]
    assert logged == ["request", "approve", *["approve"] * 4, "request", "approve"]


def rung_now(shop: Path) -> dict[str, str | None]:
    """What is served and tried, from the database."""
    from rung.state.database import State
    from rung.state.deployments import standing_now

    assert not os.environ.get("RUNG_RECORDS")
    with State(shop / ".rung") as state:
        now = standing_now(state)
    return {"current": now.current or None, "candidate": now.candidate or None}
