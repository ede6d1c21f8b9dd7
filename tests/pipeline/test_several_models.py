"""Several models on one board: each answers by its own server, costs its own price, and is chosen with the rung."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from rung.config.project import load_project
from rung.errors import InputError, UserError
from rung.loop import ask, compare
from rung.pipeline.budget import CompareRequest
from rung.pipeline.publishing import record
from rung.progress import reporting
from rung.records import Verdict
from rung.testing.server import FakeServer
from tests.pipeline.test_live_feed import Watching

CASES = 60
PRICES = {"small": 0.1, "large": 10.0, "middle": 1.0}  # of a million tokens, read or written
KNOWS = {"small": 30, "large": 58, "middle": 58}  # of the cases
QUERIES = 10_000


def knowing(count: int) -> FakeServer:
    """Answers so many of the questions rightly."""
    return FakeServer({f"number {n}?": f"it is value{n}" if n < count else "no idea at all" for n in range(CASES)})


@pytest.fixture
def servers() -> Iterator[dict[str, FakeServer]]:
    opened = {name: knowing(count) for name, count in KNOWS.items()}
    for server in opened.values():
        server.start()
    yield opened
    for server in opened.values():
        server.stop()


def models(servers: Mapping[str, FakeServer]) -> str:
    lines = (
        f"  {name}: {{use: '{server.url}#{name}', prices: {{prompt_usd_per_million: {PRICES[name]}, "
        f"completion_usd_per_million: {PRICES[name]}}}}}\n"
        for name, server in servers.items()
    )
    return "models:\n" + "".join(lines)


def project(folder: Path, named: str, more: str = "bar: {correct: 0.8}\n", rungs: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    rows = [
        {"id": f"c{n}", "question": f"What is number {n}?", "answers": [f"value{n}"], "split": "test"} for n in range(CASES)
    ]
    (folder / "cases.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    asked = rungs or "[{prompt: {model: [small, large, middle]}}]"
    text = f"task: Answer.\ncases: cases.jsonl\nrungs: {asked}\ntraffic: {{queries_per_month: {QUERIES}}}\n{more}{named}"
    (folder / "rung.yaml").write_text(text, encoding="utf-8")
    return folder


def judged(folder: Path, request: CompareRequest | None = None) -> Verdict:
    return compare(load_project(folder), allowed=request).verdict


def batch_tokens(server: FakeServer) -> list[int]:
    """Of each prompt that a batch asked, with its answer, as the server counts; the live pass streams."""
    asked = [one for one in server.asked if "stream" not in one.body and "number" in one.text]
    assert isinstance(server.script, dict)
    read = [sum(len(m.content.split()) + 4 for m in one.messages) for one in asked]
    return [n + len(str(server.script[key(one.text)]).split()) for n, one in zip(read, asked, strict=True)]


def key(text: str) -> str:
    return next(f"number {n}?" for n in range(CASES) if f"number {n}?" in text)


def test_each_answers_by_itself_and_the_first_on_the_ladder_that_clears_is_taken(
    servers: dict[str, FakeServer], tmp_path: Path
) -> None:
    verdict = judged(project(tmp_path / "p", models(servers)))
    rungs = {rung.name: rung for rung in verdict.rungs}
    names = ["prompt", "prompt[model=large]", "prompt[model=middle]"]
    assert [rung.name for rung in verdict.rungs if not rung.reference] == ["prompt[model=small]", *names[1:]]
    assert rungs["prompt[model=small]"].model.endswith("#small")
    assert verdict.winner == "prompt[model=large]", "large comes before middle in rung.yaml"
    for name in ("small", "large"):
        scores = rungs[f"prompt[model={name}]"].scores["correct"]
        assert scores.n in (20, CASES)
        if scores.n == CASES:
            assert scores.mean == pytest.approx(KNOWS[name] / CASES)


def test_where_cost_is_preferred_the_cheapest_that_clears_is_taken_by_a_bill_made_by_hand(
    servers: dict[str, FakeServer], tmp_path: Path
) -> None:
    verdict = judged(project(tmp_path / "p", models(servers), more="prefer: cost\nbar: {correct: 0.8}\n"))
    rungs = {rung.name: rung for rung in verdict.rungs}
    assert verdict.winner == "prompt[model=middle]"
    assert "the cheapest rung that does" in verdict.reason
    for name, server in servers.items():
        tokens = batch_tokens(server)
        each = sum(tokens) / len(tokens) * PRICES[name] / 1e6
        bill = rungs[f"prompt[model={name}]"].bill
        assert bill is not None
        if name != "small":  # which the reference arm asks too
            assert len(tokens) == CASES
            assert bill.per_query == pytest.approx(each)
            assert bill.per_month == pytest.approx(each * QUERIES)
    middle, large = (rungs[f"prompt[model={name}]"].bill for name in ("middle", "large"))
    assert middle is not None
    assert large is not None
    saved = (large.per_month or 0.0) - (middle.per_month or 0.0)
    assert f"costs ${saved:,.4g} a month less" in verdict.reason
    assert "the cheapest is preferred" in verdict.why_not("prompt[model=large]")
    assert "misses" in verdict.why_not("prompt[model=small]")


def test_what_was_asked_is_not_asked_again_whatever_a_model_is_called(
    servers: dict[str, FakeServer], tmp_path: Path
) -> None:
    folder = project(tmp_path / "p", models(servers))
    judged(folder)
    before = sum(len(server.asked) for server in servers.values())
    text = (folder / "rung.yaml").read_text(encoding="utf-8")
    (folder / "rung.yaml").write_text(text.replace("small", "tiny").replace("#tiny", "#small"), encoding="utf-8")
    again = judged(folder)
    assert again.executed == 0
    assert sum(len(server.asked) for server in servers.values()) == before
    assert again.winner == "prompt[model=large]"


def test_a_question_goes_to_the_model_that_is_named(servers: dict[str, FakeServer], tmp_path: Path) -> None:
    folder = project(tmp_path / "p", models(servers))
    last = "What is number 40?"
    live, asked = ask(load_project(folder), last, rung="prompt", model="small")
    assert (asked.label, asked.models[0][-6:]) == ("prompt[model=small]", "#small")
    assert live.value is not None
    assert live.value.text == "no idea at all"
    live, _ = ask(load_project(folder), last, rung="prompt", model="large")
    assert live.value is not None
    assert live.value.text == "it is value40"
    with pytest.raises(UserError, match="'midle' is no model of this project; did you mean 'middle'"):
        ask(load_project(folder), last, rung="prompt", model="midle")


def test_a_budget_counts_each_model_at_its_own_price(servers: dict[str, FakeServer], tmp_path: Path) -> None:
    folder = project(tmp_path / "p", models(servers))
    verdict = judged(folder, CompareRequest(usd=0.002))
    spent = 0.0
    for name, server in servers.items():
        asked = [one for one in server.asked if "number" in one.text]
        spent += sum(sum(len(m.content.split()) + 4 for m in one.messages) for one in asked) * PRICES[name] / 1e6
    assert "are spent" in verdict.coverage.partial
    assert 0 < spent <= 0.002


EASY, HARD = "easy colour of apples", "hard orbit of planets"


@contextmanager
def routed(tmp_path: Path, router: str) -> Iterator[Path]:
    """A project whose easy questions are known by both models, hard ones by the large one alone."""
    both = {
        "small": FakeServer({EASY: "it is plain", HARD: "no idea at all"}, models=["small"]),
        "large": FakeServer({EASY: "it is plain", HARD: "it is deep"}, models=["large"]),
    }
    rows = [
        {
            "id": f"{split}{n}",
            "question": f"What is the {HARD if n % 2 else EASY} {n}?",
            "answers": ["deep" if n % 2 else "plain"],
            "split": split,
        }
        for split, count in (("test", 44), ("dev", 40))
        for n in range(count)
    ]
    with both["small"], both["large"]:
        folder = project(
            tmp_path / "p",
            models(both),
            rungs=f"[{{prompt: {{model: [small, large]}}}}, {router}]",
            more="bar: {correct: 0.9}\nembedder: scripted\n",
        )
        (folder / "cases.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
        yield folder


def test_routers_of_a_sweep_are_no_part_of_each_other(tmp_path: Path) -> None:
    with routed(tmp_path, "{router: {threshold: [0.3, 0.5]}}") as folder:
        verdict = judged(folder, CompareRequest(exhaustive=True))
    both = [rung for rung in verdict.rungs if rung.name.startswith("router")]
    assert [(rung.name, rung.status) for rung in both] == [(f"router[threshold={t}]", "measured") for t in (0.3, 0.5)]
    parts = [rung.settings["routed"] for rung in both]
    assert all(isinstance(one, dict) and set(one) == {"prompt[model=small]", "prompt[model=large]"} for one in parts)


def test_a_router_hands_on_to_rungs_of_several_models_each_at_its_price(tmp_path: Path) -> None:
    """What easy and hard questions are about tells them apart."""
    watching = Watching()
    with routed(tmp_path, "router") as folder:
        with reporting(watching):
            verdict = judged(folder, CompareRequest(exhaustive=True))
        live, _ = ask(load_project(folder), f"What is the {HARD} 77?", rung="router")
    assert live.value is not None
    assert live.value.text == "it is deep"
    rungs = {rung.name: rung for rung in verdict.rungs}
    router = rungs["router"]
    assert router.scores["correct"].mean == 1.0
    assert router.settings["routed"] == {"prompt[model=small]": 0.5, "prompt[model=large]": 0.5}
    small, large = (rungs[f"prompt[model={name}]"].usd_per_1k for name in ("small", "large"))
    assert small is not None
    assert large is not None
    assert router.usd_per_1k == pytest.approx((small + large) / 2, rel=0.05)
    told = watching.before_verdict().rungs
    for name in ("prompt[model=small]", "prompt[model=large]", "router"):
        assert told[name].usd_per_1k == pytest.approx(rungs[name].usd_per_1k), "who watches was told another price"


@pytest.mark.parametrize(
    ("named", "rungs", "line", "said"),
    [
        ("model: scripted\nmodels: {a: scripted}\n", "[prompt]", 6, "'model' and 'models' stand both"),
        ("models: {a: scripted, b: scripted}\n", "[prompt]", 6, "'b' is scripted, as 'a' is"),
        ("models: {}\n", "[prompt]", 6, "a name of yours for each"),
        ("models: [scripted]\n", "[prompt]", 6, "a name of yours for each"),
        ("models: {a: {server: {}}}\n", "[prompt]", 6, "use"),
        ("models: {a: {use: scripted, prices: {usd: 1}}}\n", "[prompt]", 6, "unknown key 'usd'"),
        ("models: {a: scripted}\n", "[{prompt: {model: b}}]", 3, "'b' is no model of this project; there are: a"),
        ("model: scripted\n", "[{prompt: {model: scripted2}}]", 3, "has no 'models'"),
        ("models: {a: scripted}\n", "[{classifier: {model: a}}]", 3, "asks no model of its own"),
        ("models: {a: scripted, b: nonesuch}\n", "[{prompt: {model: b}}]", 6, "unknown generator"),
    ],
)
def test_what_is_no_list_of_models_is_refused_with_its_line(
    named: str, rungs: str, line: int, said: str, tmp_path: Path
) -> None:
    folder = project(tmp_path / "p", named, rungs=rungs)
    with pytest.raises(InputError, match=said) as caught:
        judged(folder)
    assert caught.value.line == line


def test_without_a_model_the_next_best_is_chosen_and_the_verdict_stays(
    tmp_path: Path, servers: dict[str, FakeServer]
) -> None:
    folder = project(tmp_path / "p", models(servers), more="bar: {correct: 0.8}\nprefer: cost\n")
    chosen = compare(load_project(folder)).verdict.winner
    before = {name: len(server.asked) for name, server in servers.items()}
    done = compare(load_project(folder).without("middle"))
    assert (chosen, done.verdict.winner) == ("prompt[model=middle]", "prompt[model=large]")
    assert "'middle' was left out, as if it were gone" in done.verdict.coverage.trial
    assert len(servers["middle"].asked) == before["middle"]
    assert record(load_project(folder), "latest").winner == chosen


@pytest.mark.parametrize(
    ("alias", "rungs", "why"),
    [
        ("big", "[prompt]", "'big' is no model of this project"),
        ("small", "[{prompt: {model: small}}]", "every rung names 'small' alone"),
    ],
)
def test_what_cannot_be_left_out_is_said(
    tmp_path: Path, servers: dict[str, FakeServer], alias: str, rungs: str, why: str
) -> None:
    folder = project(tmp_path / "p", models(servers), rungs=rungs)
    with pytest.raises(UserError, match=why):
        load_project(folder).without(alias)


def test_lines_of_rungs_stay_right_where_others_are_left_out(tmp_path: Path, servers: dict[str, FakeServer]) -> None:
    rungs = "\n- prompt: {model: small}\n- few_shot: {model: [small, large]}\n- rag: {passages: -1}"
    folder = project(tmp_path / "p", models(servers), rungs=rungs)
    left = load_project(folder).without("small")
    assert left.rungs() == [("few_shot", {"model": ["large"]}), ("rag", {"passages": -1})]
    assert left.line("rungs", 1) == load_project(folder).line("rungs", 2) == 6
