"""What a model forgot: the checks, the measures against the plain way of computing them, the limit, and the gate."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from rung.artifacts.store import Built, artifact_folder
from rung.builders.forgetting_gate import forgot, gate, limit_of, notes_on
from rung.builders.kinds import build_artifact
from rung.config.project import load_project
from rung.errors import InputError, UserError
from rung.models.causal.network import open_llama
from rung.models.scripted import ScriptedGenerator
from rung.records import Estimate, Json, digest
from rung.strategies.protocol import Adapter, Lesson
from rung.training import Recipe, forgetting, train_generator
from rung.training.bases import Base, base_of
from rung.training.batches import split
from rung.training.examples import Row
from rung.training.export import merged
from rung.training.following import follows
from rung.training.forgetting import (
    Limit,
    Measured,
    judged,
    measure_following,
    measure_text,
    notable,
    over,
    report_of,
    worse,
)
from rung.training.forward import Forward
from rung.training.probing import Choice, Probe, asked, read_probe
from tests.training.tiny import CONFIG, ByteTokens, Served, TinyModel, chats, stirred_folder, token_rows
from tests.working import Working, working

torch = pytest.importorskip("torch")


@pytest.mark.parametrize(
    ("check", "kept", "broken"),
    [
        ({"kind": "list", "least": 2}, "Here:\n- one\n* two", "one, two"),
        ({"kind": "numbered", "least": 2}, "1. one\n2) two", "- one\n- two"),
        ({"kind": "json", "keys": ["a"]}, 'Sure:\n```json\n{"a": {"b": 1}}\n```\n{"a"', '{"b": 1}'),
        ({"kind": "json", "keys": []}, "{}", '{"a": '),
        ({"kind": "words", "most": 3, "contains": ["Rome"]}, "It is rome.", "It is Paris."),
        ({"kind": "words", "most": 3}, "one two three", "one two three four"),
        ({"kind": "upper"}, "THE END", "The End"),
        ({"kind": "lower"}, "the end", "The end"),
        ({"kind": "prose", "sentences": 2}, "I saw a dog. It ran to me.", '{"a": "I saw a dog. It ran to me."}'),
        ({"kind": "lines", "least": 2}, "one\n\ntwo", "one"),
        ({"kind": "ends", "with": "DONE"}, "Four. DONE.", "DONE: four"),
    ],
)
def test_a_form_is_told_from_another(check: Mapping[str, Json], kept: str, broken: str) -> None:
    assert follows(kept, check)
    assert not follows(broken, check)
    assert not follows("", check)


def test_an_unknown_check_is_refused() -> None:
    with pytest.raises(UserError, match="no check is called 'rhymes'"):
        follows("text", {"kind": "rhymes"})
    with pytest.raises(UserError, match="whole number 'most'"):
        follows("text", {"kind": "words"})


def test_the_shipped_probe_is_whole() -> None:
    probe = read_probe()
    assert (len(probe.examples), len(probe.choices), len(probe.instructions)) == (40, 60, 24)
    golds = [choice.gold for choice in probe.choices if len(choice.scored) == 4]
    assert max(golds.count(place) for place in range(4)) - min(golds.count(place) for place in range(4)) <= 1
    assert all(len(set(choice.scored)) > 1 or len(set(choice.given)) > 1 for choice in probe.choices)
    assert len(read_probe(limit=3).choices) == 3
    assert read_probe().digest == probe.digest != read_probe(limit=3).digest


def test_how_a_question_is_put() -> None:
    assert asked("Is it? ") == "Question: Is it? \nAnswer:"
    assert asked("The opposite of hot is") == "The opposite of hot is"
    assert asked("Pick.\nA. x\nAnswer:") == "Pick.\nA. x\nAnswer:"
    assert asked("Passage: it is.\nQuestion: is it?").endswith("is it?\nAnswer:")


@pytest.mark.parametrize(
    ("file", "row"),
    [
        ("cases.jsonl", '{"id": "a", "question": "b", "meta": {"choices": ["x", "y"], "gold": 2}}'),
        ("cases.jsonl", '{"id": "a", "question": "b", "meta": {"choices": ["x"], "gold": 0}}'),
        ("cases.jsonl", '{"id": "a"'),
        ("examples.jsonl", '{"id": "a", "messages": [{"role": "user", "content": "b"}]}'),
        ("instructions.jsonl", '{"id": "a", "prompt": "b", "check": {"kind": "rhymes"}}'),
    ],
)
def test_a_broken_row_is_named(tmp_path: Path, file: str, row: str) -> None:
    (tmp_path / file).write_text(f"\n{row}\n")
    with pytest.raises(InputError, match=rf"{file}:2: is no row of a probe"):
        read_probe(tmp_path)
    with pytest.raises(InputError, match="holds no probe"):
        read_probe(tmp_path / "nowhere")


@pytest.mark.parametrize("first", [0, 2])
def test_what_measures_an_adapter_computes_as_training_did(tmp_path: Path, first: int) -> None:
    """In bfloat16 products where the CPU has them; of the same rows the same loss, not a rounded one."""
    recipe = Recipe(
        rank=4, learning_rate=0.01, epochs=2, first_layer=first, validation=0.2, replay=0.0, device="cpu", seed=5
    )
    trained = train_generator(chats(30), TinyModel(), recipe=recipe, folder=tmp_path / "a")
    _, held = split(token_rows(30), share=recipe.validation, seed=recipe.seed)
    learnt = sum(len(row.ids) - row.prompt for row in held)
    base = base_of(TinyModel())

    def mean(weights: Forward) -> float:
        return sum(loss for _, loss in weights.summed(held)) / learnt

    assert mean(base.losses(tmp_path / "a")) == pytest.approx(trained.validation_loss, rel=1e-5)
    assert mean(base.losses(tmp_path / "a", precision="float32")) == pytest.approx(trained.validation_loss, abs=0.02)
    assert mean(base.losses(None)) > 1.05 * mean(base.losses(tmp_path / "a"))
    whole = open_llama(CONFIG, merged(TinyModel().weights(), tmp_path / "a"), where="cpu", dtype=torch.float32)
    exact = mean(base.losses(tmp_path / "a", precision="float32"))
    assert mean(Forward(whole)) == pytest.approx(exact, rel=1e-5), "what is exported and served merged"


PROBE = Probe(
    tuple(chats(9)),
    (
        Choice("multiple", ("Question: which?\nAnswer:",) * 3, (" a", " bcd", " efghi"), 1),
        Choice("schema", ("It was because he", "It was because the long box"), (" fell.", " fell."), 0),
        Choice("again", ("Question: when?\nAnswer:",) * 2, (" now", " then"), 0),
    ),
)


def test_measures_are_those_of_one_row_at_a_time() -> None:
    tokens = ByteTokens()
    found = measure_text(base_of(TinyModel()).losses(None, precision="float32"), tokens, PROBE)
    model = open_llama(CONFIG, TinyModel().weights(), where="cpu", dtype=torch.float32).model

    def loss(row: Row) -> float:
        logits = model(input_ids=torch.tensor([row.ids])).logits[0, row.prompt - 1 : -1]
        lost = torch.nn.functional.cross_entropy(logits, torch.tensor(row.ids[row.prompt :]), reduction="sum")
        return float(lost.detach())

    rows = token_rows(9)
    alone = [loss(row) / (len(row.ids) - row.prompt) for row in rows]
    assert found.answer_loss == pytest.approx(alone, rel=1e-4)
    raw, by_byte = [], []
    for choice in PROBE.choices:
        likely = []
        for given, scored in zip(choice.given, choice.scored, strict=True):
            ids = [*tokens.encode([given])[0], *tokens.encode([scored])[0]]
            likely.append(-loss(Row(tuple(ids), len(given))))
        lengths = [len(scored) for scored in choice.scored]
        raw.append(float(max(range(len(likely)), key=lambda n: likely[n]) == choice.gold))
        by_byte.append(float(max(range(len(likely)), key=lambda n: likely[n] / lengths[n]) == choice.gold))
    assert list(found.choices_raw) == raw
    assert list(found.choices) == by_byte
    assert found.means()["instructions"] is None


def test_following_counts_a_failed_answer_as_broken() -> None:
    probe = read_probe()
    model = ScriptedGenerator([("numbered list|bulleted list|shopping", "1. a\n2. b\n3. c\n4. d\n5. e"), ("", "no")])
    kept = measure_following(model, probe)
    assert [bool(k) for k in kept[:6]] == [True] * 6
    assert not any(kept[7:10])
    assert measure_following(ScriptedGenerator(context_tokens=1), probe) == (0.0,) * 24


def column(right: int, n: int = 60) -> tuple[float, ...]:
    return (1.0,) * right + (0.0,) * (n - right)


def test_over_the_limit_and_not_by_luck() -> None:
    before = Measured((2.0,) * 40, column(40), column(40), column(18, 24))
    slightly = Measured((2.3,) * 40, column(38), column(30), column(17, 24))
    assert over(worse(before, slightly), Limit()) == ()
    badly = Measured(tuple(3.0 + n / 40 for n in range(40)), column(20), column(20), column(2, 24))
    said = over(worse(before, badly), Limit(instructions=0.25))
    assert [sentence.split(" by ")[0] for sentence in said] == [
        "the loss on general answers rose",
        "the share of general questions answered right fell",
        "the share of instructions followed fell",
    ]
    luck = {"choices": Estimate(0.2, -0.1, 0.5, 10)}
    assert over(luck, Limit()) == ()
    assert over({"choices": Estimate(0.2, 0.1, 0.3, 10)}, Limit()) != ()
    better = Measured((1.0,) * 40, column(60), column(60), column(24, 24))
    assert over(worse(before, better), Limit(0, 0, 0)) == ()


def test_a_manifest_is_judged_again_by_the_limit_of_today() -> None:
    before = Measured((2.0,) * 40, column(40), column(40), column(18, 24))
    after = Measured(tuple(2.5 + n / 40 for n in range(40)), column(40), column(40), column(2, 24))
    said = report_of(PROBE, before, after, Limit(answer_loss=0.1))
    assert said["passed"] is False
    kept = json.loads(json.dumps(said))
    assert kept["why"] == list(judged(kept, Limit(answer_loss=0.1)))
    assert judged(kept, Limit(answer_loss=2.0)) == ()
    assert [sentence.split(" by ")[0] for sentence in kept["notable"]] == [
        "the loss on general answers rose",
        "the share of instructions followed fell",
    ]
    assert kept["after"]["answer_loss"] > kept["before"]["answer_loss"] == 2.0
    assert judged({}, Limit()) == ()


def test_what_is_told_within_the_limit_is_not_more_than_allowed() -> None:
    change = {
        "instructions": Estimate(0.58, 0.4, 0.76, 24),
        "choices": Estimate(0.07, 0.02, 0.12, 60),
        "answer_loss": Estimate(1.2, 1.1, 1.3, 40),
    }
    assert notable(change, Limit()) == (
        "the share of general questions answered right fell by 0.07 [0.02, 0.12] (0.1 allowed)",
        "the share of instructions followed fell by 0.58 [0.40, 0.76] (not limited)",
    )
    assert over(change, Limit()) == (
        "the loss on general answers rose by 1.20 [1.10, 1.30] nats a token, more than the 1 allowed",
    )
    assert notable(change, Limit(choices=0.01, instructions=0.5)) == ()  # over the limit: marked, not told beside


@contextmanager
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, bar: str = "{}") -> Iterator[tuple[Working, Served]]:
    monkeypatch.setenv("RUNG_CACHE", str(tmp_path / "cache"))
    (tmp_path / "rung.yaml").write_text(f"task: t\ncases: cases.jsonl\nbar: {bar}\n")
    with working(load_project(tmp_path)) as at:
        at.engines.generator = model = Served()  # type: ignore[assignment]
        yield at, model


@pytest.mark.slow
def test_the_gate_measures_once_and_writes_it_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    losses, computed = Base.losses, list[dict[str, str]]()

    def seen(base: Base, adapter: Path | None, **by: str) -> Forward:
        computed.append(by)
        return losses(base, adapter, **by)

    monkeypatch.setattr(Base, "losses", seen)
    with served(tmp_path, monkeypatch) as (at, model):
        recipe = Recipe(
            rank=4,
            alpha=8,
            learning_rate=0.05,
            epochs=6,
            batch_rows=4,
            checkpoint_seconds=0,
            validation=0.0,
            device="cpu",
            precision="float32",
        )
        folder = artifact_folder(at.engines.project.state, "adapter", "abc")
        train_generator(chats(12), model, recipe=recipe, folder=folder)
        built = Built("abc", folder)
        gate(at.engines, built, title="t")
        said = built.manifest["forgetting"]
        assert isinstance(said, dict)
        assert said["probe"] == {"digest": read_probe().digest, "answer_loss": 40, "choices": 60, "instructions": 24}
        assert built.manifest["rows"] == 12, "what stood there stays"
        assert said["after"] != said["before"]
        assert said["passed"] == (not said["why"])
        assert model.asked == 48
        gate(at.engines, built, title="t")
        assert model.asked == 48, "never twice"
        assert computed == [{"device": "cpu", "precision": "float32"}] * 2, "as the recipe says"
        assert forgot(at.engines.project, built) == tuple(said["why"])  # type: ignore[arg-type]
        assert len(notes_on(at.engines.project, built)) >= len(forgot(at.engines.project, built))
        (folder / "manifest.json").write_text('{"kind": "adapter", "recipe": {"device": "cpu", "precision": "float32"}}')
        gate(at.engines, built, title="t")
        assert model.asked == 72, "the base's numbers are kept in the cache"
        again = built.manifest["forgetting"]
        assert isinstance(again, dict)
        assert {**again, "seconds": 0} == {**said, "seconds": 0}


def test_a_broken_cache_is_measured_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with served(tmp_path, monkeypatch) as (at, model):
        monkeypatch.setattr(forgetting, "measure_text", lambda *_, **__: Measured((1.0,), (1.0,), (1.0,)))
        for asks in (48, 96):
            folder = stirred_folder(artifact_folder(at.engines.project.state, "adapter", digest(asks)), TinyModel())
            (folder / "manifest.json").write_text("{}")
            gate(at.engines, Built(folder.name, folder), title="t")
            assert model.asked == asks
            for file in (tmp_path / "cache" / "probes").glob("*.json"):
                file.write_text("{")


def test_rung_yaml_sets_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with served(tmp_path, monkeypatch, bar="{leaks: 0, forgetting: {answer_loss: 1.5}}") as (at, _):
        assert limit_of(at.engines.project) == Limit(answer_loss=1.5)
        assert at.engines.project.settings.bar.limits() == {"leaks": 0.0}
        (tmp_path / "rung.yaml").write_text("task: t\ncases: c.jsonl\nbar:\n  forgetting: {answer_los: 1}\n")
        with pytest.raises(InputError, match=r"rung.yaml:4: unknown key 'answer_los'; did you mean 'answer_loss'\?"):
            load_project(tmp_path)


@pytest.mark.slow
def test_an_adapter_that_is_built_passes_the_gate_on_its_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rung.records import Asker, Example
    from rung.records.steps import Conversation

    def given(row: Example) -> Conversation[Example | None]:
        return row
        yield

    with served(tmp_path, monkeypatch) as (at, _):
        lessons = tuple(Lesson(Asker(), lambda row=row: given(row)) for row in chats(6))  # type: ignore[misc]
        built = build_artifact(at.builder, Adapter(lessons, {"epochs": 1, "rank": 2}), title="t")
        assert "forgetting" in built.manifest
