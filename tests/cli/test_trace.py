"""`rung trace` and `rung replay`, as a person types them, on what a server recorded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rung.serving.traced import HEADER
from tests.cli.conftest import Run
from tests.serving.serving import SHIPPING, STAFF, Failing, served
from tests.serving.test_traces import captured

ANSWER = "Express shipping costs nine euros"


@pytest.fixture
def asked(shop: Path) -> tuple[Path, str, str]:
    """(the project, ids of two answers: one for the staff of what is theirs, one for everybody); texts are captured."""
    with served(captured(shop)) as client:
        staff = client.as_caller("ann staff").chat(STAFF).headers[HEADER]
        return shop, staff, client.as_caller("bob").chat(max_tokens=60).headers[HEADER]


def test_the_list_has_the_newest_first(asked: tuple[Path, str, str], rung: Run) -> None:
    shop, first, second = asked
    ran = rung("trace", shop)
    head, *lines = ran.out.splitlines()
    assert head.startswith("began (UTC)")
    assert [second[:12] in lines[0], first[:12] in lines[1], len(lines)] == [True, True, 2]
    rows = rung("trace", shop, "--json").json["traces"]
    assert [(row["id"], row["caller"], row["deployment"]) for row in rows] == [(second, "bob", "rag"), (first, "ann", "rag")]


@pytest.mark.parametrize(
    ("words", "count"),
    [
        (["--caller", "ann"], 1),
        (["--caller", ":ann"], 1),
        (["--deployment", "rag", "--limit", "1"], 1),
        (["--deployment", "prompt"], 0),
        (["--errors"], 0),
        (["--since", "1h"], 2),
        (["--until", "1h"], 0),
        (["--since", "2001-01-01", "--until", "2001-01-02T10:00:00+02:00"], 0),
    ],
)
def test_filters(asked: tuple[Path, str, str], rung: Run, words: list[str], count: int) -> None:
    assert len(rung("trace", asked[0], "--json", *words).json["traces"]) == count


def test_one_trace_is_shown_whole(asked: tuple[Path, str, str], rung: Run) -> None:
    shop, _, id = asked
    text = rung("trace", shop, id[:10]).out
    for part in (
        SHIPPING,
        ANSWER,
        "docs/shipping.md",
        "1. retrieval",
        "2. chat scripted",
        "prompt, user:",
        "request.max_tokens: 60",
    ):
        assert part in text, text
    (row,) = rung("-C", shop, "trace", f"chatcmpl-{id}", "--json").json["traces"]
    assert [step["kind"] for step in row["steps"]] == ["search", "generate"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["trace", "ffffffff"], "there is no trace 'ffffffff'"),
        (["trace", "\x1b[2J"], "is no id of a trace"),
        (["trace", "--since", "yesterday"], "--since 'yesterday' is no time"),
        (["trace", "--until", "99999999w"], "--until '99999999w' is no time"),
        (["trace", "--since", "999999w"], "is no time"),
        (["replay", "ffffffff"], "there is no trace 'ffffffff'"),
    ],
)
def test_what_cannot_be_meant_is_said(asked: tuple[Path, str, str], rung: Run, words: list[str], why: str) -> None:
    ran = rung("-C", asked[0], *words, code=2)
    assert why in ran.err
    assert "\x1b" not in ran.err


def test_without_traces_it_says_what_makes_them(shop: Path, rung: Run) -> None:
    assert "'rung serve' records" in rung("trace", shop).out


def test_the_same_answer_again(asked: tuple[Path, str, str], rung: Run) -> None:
    shop, staff, _ = asked
    told = rung("replay", shop, staff, "--json").json
    assert told["same"] == dict.fromkeys(told["same"], True)
    assert "forty percent" in json.dumps(told["again"])  # for the groups that asked
    text = rung("replay", shop, staff).out
    assert "answer: the same" in text
    assert len(rung("trace", shop, "--json").json["traces"]) == 2  # nothing is recorded of it


def test_what_changed_since_is_told(asked: tuple[Path, str, str], rung: Run) -> None:
    shop, _, id = asked
    (shop / "docs" / "shipping.md").write_text("# Shipping\n\nExpress shipping costs eleven euros.\n", "utf-8")
    rung("sync", shop)
    told = rung("replay", shop, id, "--json").json
    assert not told["same"]["answer"]
    assert not told["same"]["index_version"]
    assert told["same"]["digest"]
    assert [place[0] for place in told["gone"]] == ["docs/shipping.md"]
    text = rung("replay", shop, id, "--deployment", "prompt").out
    assert "deployment       rag                          prompt" in text
    assert "passages: 2 then, 0 now" in text


def test_a_deployment_that_is_gone_is_said(asked: tuple[Path, str, str], rung: Run) -> None:
    shop, _, id = asked
    settings = (shop / "rung.yaml").read_text("utf-8")
    (shop / "rung.yaml").write_text(settings.replace("rag, ", ""), "utf-8")
    ran = rung("replay", shop, id, code=2)
    assert "there is no deployment 'rag'; there are: prompt" in ran.err
    assert "--deployment" in ran.err
    assert rung("replay", shop, id, "--deployment", "nobody", code=2).err.count("'nobody'") == 1


def test_a_question_that_was_not_captured_is_not_asked_again(shop: Path, rung: Run) -> None:
    with served(shop) as client:
        id = client.chat().headers[HEADER]
        search = client.post("/v1/search", {"query": "express"}).headers[HEADER]
    assert "was not captured" in rung("replay", shop, id, code=2).err
    assert "no question to a deployment" in rung("replay", shop, search, code=2).err
    assert "texts were not captured" in rung("trace", shop, id).out


def test_masked_words_are_told_and_a_failure_can_be_asked_again(shop: Path, rung: Run) -> None:
    with served(captured(shop), model=Failing()) as client:
        id = client.chat(f"{SHIPPING} I am ann.miller@corp.de.").headers[HEADER]
    ran = rung("replay", shop, id)
    assert "were masked" in ran.err
    assert "answer_failed" in ran.out
    assert "answer, now:\n  I don't know." in ran.out  # the words in the place of the address are in no document
    assert "ann.miller" not in ran.out
    assert "(none)" in ran.out


def test_hostile_words_do_nothing_to_the_terminal(shop: Path, rung: Run) -> None:
    hostile = "\x1b]0;owned\x07\x1b[2J What does express shipping cost? \u202e"
    with served(captured(shop)) as client:
        id = client.chat(hostile).headers[HEADER]
    for words in (("trace",), ("trace", id), ("replay", id)):
        ran = rung("-C", shop, *words)
        assert not set("\x1b\x07\u202e") & set(ran.out + ran.err)
    assert "\\u001b]0;owned" in rung("trace", shop, id).out
