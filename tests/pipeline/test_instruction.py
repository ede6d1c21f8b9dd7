"""An instruction looked for on dev cases: chosen by its skill, billed, resumed, served, and claimed no better by luck."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from rung.artifacts.store import Built
from rung.builders.kinds import build_artifact
from rung.config.project import load_project
from rung.errors import Interrupted, UserError
from rung.models.scripted import ScriptedGenerator
from rung.models.scripted_engines import Play
from rung.pipeline.candidates import allowed, build, checked, propose
from rung.pipeline.pinned_strategy import pinned_strategy
from rung.pipeline.prepare import Prepared, prepare
from rung.records import digest
from rung.records.steps import Generate, Step
from tests.working import Working, working

YAML = """\
name: shop
task: Answer customers.
cases: cases.jsonl
model: scripted
embedder: scripted
rungs: {rungs}
bar: {{correct: 0.1}}
prices: {{prompt_usd_per_million: 1.0, completion_usd_per_million: 2.0}}
"""
BETTER = "Name the colour."
TRIES = (
    "Say what a right answer looks like.",
    "Name the mistakes",
    "Keep it to one",
    "Say who the model is",
    "step by step",
)
WORDS = {TRIES[0]: "Be kind to all.", TRIES[1]: BETTER, TRIES[2]: "Be short and clear.", TRIES[3]: "You are a clerk."}


def shop(folder: Path, rungs: str = "[prompt: {optimise: propose}]", *, dev: int = 40, more: str = "") -> Path:
    """Cases whose answer is a colour; every question is another."""
    rows = [
        {"id": f"{split}{n}", "question": f"Which colour has {split} valve {n}?", "answers": [f"amber{n}"], "split": split}
        for split, count in (("dev", dev), ("test", 20))
        for n in range(count)
    ]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cases.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    (folder / "rung.yaml").write_text(YAML.format(rungs=rungs) + more, encoding="utf-8")
    return folder


def skilled(skill: Callable[[str], float], *, salt: str = "") -> Callable[[Generate], str]:
    """A model that is right so often under an instruction, and proposes one instruction for each hint."""

    def script(step: Generate) -> str:
        system, asked = step.messages[0].content, step.messages[-1].content
        if "You write the instruction" in system:
            return next((f"<instruction>{text}</instruction>" for hint, text in WORDS.items() if hint in system), "")
        right = f"amber{asked.rstrip('?').split()[-1]}"
        return right if int(digest(asked, system, salt)[:8], 16) / 16**8 < skill(system) else "green"

    script.__name__ = f"skilled{salt}"
    return script


def chosen(at: Working, prepared: Prepared) -> Built:
    """The instruction's artifact of the first rung."""
    (candidate, *_) = build(at.builder, [c for c in propose(at.builder, prepared) if c.plan and c.plan.needs])
    assert candidate.built, candidate.why
    return candidate.built[0]


def searched(folder: Path, script: Callable[[Generate], str], *, log: Path | None = None) -> Built:
    with working(load_project(folder)) as at:
        at.engines.generator = ScriptedGenerator(script, play=Play(log=log) if log else Play(), name=script.__name__)
        return chosen(at, prepare(at.engines))


@pytest.mark.slow
def test_the_better_instruction_is_chosen_and_equals_are_not_called_better(tmp_path: Path) -> None:
    """The rates themselves: tests/stats/test_best_of_several.py."""
    folder = shop(tmp_path)
    rounds, right, claimed, claimed_of_equals = 8, 0, 0, 0
    with working(load_project(folder)) as at:
        prepared = prepare(at.engines)
        for number in range(rounds):
            for better in (0.8, 0.5):
                script = skilled(lambda system, p=better: p if BETTER in system else 0.5, salt=f"{number}-{better}")  # type: ignore[misc]
                at.engines.generator = ScriptedGenerator(script, name=script.__name__)
                manifest = chosen(at, prepared).manifest
                if better > 0.5:
                    right += manifest["instruction"] == BETTER
                    claimed += not manifest["why"]
                else:
                    claimed_of_equals += not manifest["why"]
    assert right >= 7
    assert claimed >= 1
    assert claimed_of_equals <= 1


def test_the_model_never_sees_a_case_that_scores_or_judges(tmp_path: Path) -> None:
    folder, seen = shop(tmp_path), list[str]()
    inner = skilled(lambda system: 0.9 if BETTER in system else 0.2)

    def script(step: Generate) -> str:
        if "You write the instruction" in step.messages[0].content:
            seen.append(step.messages[-1].content)
        return inner(step)

    with working(load_project(folder)) as at:
        at.engines.generator = ScriptedGenerator(script, name=script.__name__)
        prepared = prepare(at.engines)
        (candidate,) = (c for c in propose(at.builder, prepared) if c.plan and c.plan.needs)
        assert candidate.plan is not None
        (need,) = candidate.plan.needs
        manifest = chosen(at, prepared).manifest
    assert len(seen) == 4
    scored, shown = getattr(need, "scored"), getattr(need, "shown")  # noqa: B009
    assert (len(shown), len(scored)) == (10, 30)
    assert {case.split for case in (*shown, *scored)} == {"dev"}
    assert any(case.question in text for case in shown for text in seen)
    assert not [case.id for case in (*scored, *prepared.cases) if any(case.question in text for text in seen)]
    assert manifest["instruction"] == BETTER
    assert manifest["why"] == ""


def test_a_search_that_is_killed_goes_on_without_asking_twice(tmp_path: Path) -> None:
    folder, script = shop(tmp_path / "a"), skilled(lambda system: 0.9 if BETTER in system else 0.2)
    whole = searched(shop(tmp_path / "b"), script, log=tmp_path / "whole.log")

    calls = 0

    def dying(step: Generate) -> str:
        nonlocal calls
        calls += 1
        if calls > 57:
            raise KeyboardInterrupt
        return script(step)

    dying.__name__ = script.__name__
    with pytest.raises(Interrupted):
        searched(folder, dying, log=tmp_path / "first.log")
    after = searched(folder, script, log=tmp_path / "second.log")
    first, second, once = (
        len((tmp_path / f"{name}.log").read_text("utf-8").splitlines()) for name in ("first", "second", "whole")
    )
    assert first + second <= once + 1  # the one that was under way
    assert second < once
    assert after.digest == whole.digest
    strip = {"seconds": 0, "created": 0}
    assert {**after.manifest, **strip} == {**whole.manifest, **strip}
    again = searched(folder, script, log=tmp_path / "third.log")
    assert again.digest == after.digest
    assert not (tmp_path / "third.log").exists() or not (tmp_path / "third.log").read_text("utf-8")


def test_replies_that_are_no_instruction_leave_the_task_and_are_told(tmp_path: Path) -> None:
    def script(step: Generate) -> str:
        proposing = "You write the instruction" in step.messages[0].content
        return ("", "I don't know.", "Answer customers.", "?!")[step.seed % 4] if proposing else "green"

    manifest = searched(shop(tmp_path), script).manifest
    assert manifest["instruction"] == ""
    assert "none of the 4 replies" in str(manifest["why"])


def test_a_server_that_is_away_chooses_nothing(tmp_path: Path) -> None:
    def away(step: Step) -> str:
        return "the server is away" if isinstance(step, Generate) and "Be kind" in step.messages[0].content else ""

    with working(load_project(shop(tmp_path))) as at:
        at.engines.generator = ScriptedGenerator(skilled(lambda _: 0.5), play=Play(fails=away))
        prepared = prepare(at.engines)
        (candidate,) = (c for c in propose(at.builder, prepared) if c.plan and c.plan.needs)
        assert candidate.plan is not None
        with pytest.raises(UserError, match="no instruction can be chosen: the server is away"):
            build_artifact(at.builder, candidate.plan.needs[0], title="build prompt")


def test_too_few_dev_cases_and_private_ones_are_told_with_their_numbers(tmp_path: Path) -> None:
    with working(load_project(shop(tmp_path, dev=12))) as at:
        prepared = prepare(at.engines)
        (candidate,) = (c for c in propose(at.builder, prepared) if not c.rung.reference)
        assert "takes 13 dev cases at least that repeat no test case, and the project has 12" in str(candidate.why)
        closed = replace(prepared.materials, dev_open=frozenset())
        (candidate,) = (c for c in propose(at.builder, replace(prepared, materials=closed)) if not c.rung.reference)
        assert "no dev case whose answer everybody may read" in str(candidate.why)


def test_a_dev_case_that_repeats_a_test_case_is_left_out(tmp_path: Path) -> None:
    folder = shop(tmp_path)
    lines = (folder / "cases.jsonl").read_text("utf-8").splitlines()
    twin = {**json.loads(lines[-1]), "id": "twin", "split": "dev"}
    (folder / "cases.jsonl").write_text("\n".join([*lines, json.dumps(twin)]), encoding="utf-8")
    with working(load_project(folder)) as at:
        materials = prepare(at.engines).materials
        assert "twin" in {case.id for case in materials.dev} - {case.id for case in materials.dev_apart}


@pytest.mark.slow
def test_what_was_found_is_a_setting_served_and_billed(tmp_path: Path) -> None:
    folder = shop(tmp_path, "[prompt: {optimise: [none, propose]}]")
    with working(load_project(folder)) as at:
        at.engines.generator = ScriptedGenerator(skilled(lambda system: 0.9 if BETTER in system else 0.2))
        verdict = at.compare()[0].verdict
        plain, found = verdict.rungs[:2]
        assert found.settings["instruction"] == BETTER
        assert found.bill is not None
        assert plain.bill is not None
        assert plain.bill.once["building"] == 0
        assert found.bill.once["building"]
        assert found.bill.once["building"] > 0
        assert found.bill.once["training"] == 0
        assert verdict.winner == found.name
        asked = pinned_strategy(at.builder, None)
        assert asked.spec is not None
        assert asked.spec.settings["instruction"] == BETTER
        assert "instruction" in asked.artifacts
        again = pinned_strategy(at.builder, found.name)
        assert again.spec == asked.spec


def test_without_dspy_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dspy", None)
    with working(load_project(shop(tmp_path, "[prompt: {optimise: gepa}]"))) as at:
        (candidate,) = (c for c in checked(at.builder, propose(at.builder, prepare(at.engines))) if not c.rung.reference)
    assert candidate.failed
    assert str(candidate.why) == "'optimise: gepa' (GEPA of DSPy) needs the extra 'dspy': pip install 'rung[dspy]'"


def with_form(answers: Callable[[Generate], str], proposes: str) -> Callable[[Generate], str]:
    """A model that says `proposes` to whatever DSPy asks, and answers the questions of the cases."""

    def script(step: Generate) -> str:
        return answers(step) if step.messages[-1].content.startswith("Which colour") else proposes

    script.__name__ = f"form_{digest(proposes)[:8]}"
    return script


MIPRO_FORM = "\n\n".join(f"[[ ## {name} ## ]]\n{BETTER}" for name in ("proposed_instruction", "observations", "summary"))
FORMS = {"gepa": json.dumps({"new_instruction": BETTER}), "mipro": f"{MIPRO_FORM}\n\n[[ ## completed ## ]]"}


@pytest.mark.slow
@pytest.mark.parametrize("method", FORMS)
def test_dspy_finds_the_better_instruction_and_sees_no_case_that_scores(
    tmp_path: Path, method: str, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("dspy", reason="the extra dspy is not installed")
    model = with_form(skilled(lambda system: 0.9 if BETTER in system else 0.2), FORMS[method])
    seen: list[str] = []

    def script(step: Generate) -> str:
        if not step.messages[-1].content.startswith("Which colour"):
            seen.extend(message.content for message in step.messages)
        return model(step)

    script.__name__ = method
    folder = shop(tmp_path, f"[prompt: {{optimise: {method}, proposals: 3}}]")
    built = searched(folder, script)
    assert built.manifest["instruction"] == BETTER
    assert built.manifest["why"] == ""
    assert capfd.readouterr() == ("", "")
    rows = [json.loads(line)["id"] for line in (built.folder / "rows.jsonl").read_text("utf-8").splitlines()]
    shown, others = rows[:10], [*rows[10:], *(f"test{n}" for n in range(20))]
    questions = {f"{split}{n}": f"Which colour has {split} valve {n}?" for split in ("dev", "test") for n in range(40)}
    assert any(questions[case] in text for case in shown for text in seen)
    assert not [case for case in others if any(questions[case] in text for text in seen)]
    assert searched(folder, script).digest == built.digest


@pytest.mark.slow
@pytest.mark.parametrize("method", FORMS)
def test_dspy_with_a_model_that_ignores_its_form_keeps_the_task(tmp_path: Path, method: str) -> None:
    pytest.importorskip("dspy", reason="the extra dspy is not installed")
    folder = shop(tmp_path, f"[prompt: {{optimise: {method}, proposals: 2}}]")
    manifest = searched(folder, with_form(skilled(lambda _: 0.3), "whatever")).manifest
    assert manifest["instruction"] == ""
    assert "came to no instruction" in str(manifest["why"])


@pytest.mark.slow
@pytest.mark.parametrize("method", FORMS)
def test_dspy_with_a_server_that_is_away_chooses_nothing(tmp_path: Path, method: str) -> None:
    pytest.importorskip("dspy", reason="the extra dspy is not installed")
    asked = 0

    def away(step: Step) -> str:
        nonlocal asked
        asked += isinstance(step, Generate)
        return "the server is away" if asked > 20 else ""

    with working(load_project(shop(tmp_path, f"[prompt: {{optimise: {method}}}]"))) as at:
        at.engines.generator = ScriptedGenerator(with_form(skilled(lambda _: 0.5), FORMS[method]), play=Play(fails=away))
        plans = (c.plan for c in propose(at.builder, prepare(at.engines)) if c.plan and c.plan.needs)
        with pytest.raises(UserError, match="the server is away"):
            build_artifact(at.builder, next(plans).needs[0], title="build prompt")
    assert asked < 25  # nothing more is asked after the first that failed


def test_rag_answers_by_what_was_found_and_asks_for_shown_cases_as_nobody_of_any_group(tmp_path: Path) -> None:
    folder = shop(tmp_path, "[rag: {optimise: propose, proposals: 2}]", more='knowledge: {sources: ["docs/*.md"]}\n')
    (folder / "docs").mkdir()
    (folder / "docs" / "open.md").write_text("Valves have colours.", "utf-8")
    secret = folder / "docs" / "board.md"
    secret.write_text("---\ngroups: [board]\n---\nWhich colour has a valve? The board says ultraviolet.", "utf-8")
    seen: list[tuple[bool, bool]] = []

    def script(step: Generate) -> str:
        system, asked = step.messages[0].content, step.messages[-1].content
        seen.append(("You write the instruction" in system, "ultraviolet" in asked))
        if "You write the instruction" in system:
            return f"<instruction>{BETTER}</instruction>" if TRIES[0] in system else "Rhyme, please."
        says_it = BETTER in system
        return (
            f"amber{asked.rstrip('?').split()[-1]}"
            if says_it
            else "It is ultraviolet." * ("ultraviolet" in asked) or "green"
        )

    with working(load_project(folder)) as at:
        at.engines.generator = ScriptedGenerator(script, name="rag")
        (candidate, *_) = build(at.builder, [c for c in propose(at.builder, prepare(at.engines)) if c.plan and c.plan.needs])
        assert candidate.spec is not None
        assert candidate.spec.settings["instruction"] == BETTER
        assert candidate.spec.task == "Answer customers."
    assert any(secretly for proposing, secretly in seen if not proposing)  # the cases that score are the owner's own
    assert not any(secretly for proposing, secretly in seen if proposing)


def test_an_instruction_is_found_and_not_given(tmp_path: Path) -> None:
    folder = shop(tmp_path, "[prompt: {instruction: Rhyme.}]")
    with pytest.raises(UserError, match=r"rung.yaml:6: prompt: .* give words of your own by 'task'"):
        allowed(load_project(folder))
    shop(tmp_path, "[rag: {optimise: propose, chunk_tokens: 64}]")
    with pytest.raises(UserError, match="neither 'wrong_at_most' nor 'chunk_tokens'"):
        allowed(load_project(folder))
