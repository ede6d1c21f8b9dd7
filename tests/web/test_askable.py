"""Who can be asked follows what is built, says what is wrong for as long as it is, and waits for nobody else's model."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from rung.config.project import load_project
from rung.errors import UserError
from rung.loop import compare
from rung.loop import opened as open_engines
from rung.serving.deployments import opened as open_deployment
from rung.web.askable import Asking
from rung.web.project_at_hand import ProjectAtHand


class Held:
    """A function that waits inside until it may go on. `entered`: somebody is in it."""

    def __init__(self, function: Any) -> None:
        self._function = function
        self.entered, self.go_on = threading.Event(), threading.Event()

    def __call__(self, *given: Any, **named: Any) -> Any:
        """What the function gives, later."""
        self.entered.set()
        assert self.go_on.wait(20)
        return self._function(*given, **named)


@contextmanager
def asking_of(folder: Path) -> Iterator[Asking]:
    """Who answers on the board of a project."""
    with closing(ProjectAtHand(folder)) as at_hand:
        yield at_hand.part("asking", lambda: Asking(at_hand))


def waiting(asking: Asking) -> set[str]:
    """The rungs that have to be built first."""
    return {one.name for one in asking.listed() if one.why_not}


def test_what_is_wrong_is_said_until_it_is_mended(measured: Path) -> None:
    (manifest,) = (measured / ".rung" / "artifacts").glob("example-index/*/manifest.json")
    sound = manifest.read_bytes()
    with asking_of(measured) as asking:
        manifest.write_bytes(b"{}")
        for _ in range(2):
            with pytest.raises(UserError, match=r"manifest\.json"):
                asking.listed()
            with pytest.raises(UserError, match=r"manifest\.json"):
                asking.answering("prompt")
        manifest.write_bytes(sound)
        assert waiting(asking) == {"structured", "tuned_model"}


@pytest.mark.slow
def test_what_a_comparison_builds_can_be_asked_and_what_it_builds_anew_is_opened_anew(shop: Path) -> None:
    with asking_of(shop) as asking:
        assert "long_context" in waiting(asking)
        with pytest.raises(UserError, match="has to be built first"):
            asking.answering("long_context")
        before = {name: asking.answering(name)[1] for name in ("prompt", "few_shot")}
        row = {"id": "t2", "question": "Is it fast?", "answers": ["yes"], "split": "train"}
        with (shop / "cases.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        compare(load_project(shop))
        assert "long_context" not in waiting(asking)
        assert asking.answering("long_context")[1].name == "long_context"
        answering, few_shot = asking.answering("few_shot")
        assert few_shot.pinned.artifacts != before["few_shot"].pinned.artifacts
        assert answering.deployments["few_shot"] is few_shot
        assert asking.answering("prompt")[1] is before["prompt"]


def test_who_asks_waits_for_nobody_who_opens_another(compared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with asking_of(compared) as asking, ThreadPoolExecutor(2) as pool:
        rag = asking.answering("rag")[1]
        held = Held(open_deployment)
        monkeypatch.setattr("rung.web.askable.opened", held)
        prompt = pool.submit(asking.answering, "prompt")
        try:
            assert held.entered.wait(10)
            assert pool.submit(waiting, asking).result(10) == {"structured", "tuned_model"}
            assert pool.submit(asking.answering, "rag").result(10)[1] is rag
            assert not prompt.done()
        finally:
            held.go_on.set()
        assert prompt.result(10)[1].name == "prompt"


def test_pages_go_on_while_engines_open(compared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held(open_engines)
    monkeypatch.setattr("rung.web.project_at_hand.opened", held)
    with closing(ProjectAtHand(compared)) as at_hand, ThreadPoolExecutor(3) as pool:
        first, second = pool.submit(at_hand.builder), pool.submit(at_hand.builder)
        try:
            assert held.entered.wait(10)
            assert pool.submit(at_hand.project).result(10).settings.name == "shop"
            assert pool.submit(at_hand.part, "number", lambda: 3).result(10) == 3
        finally:
            held.go_on.set()
        assert first.result(10) is second.result(10)
