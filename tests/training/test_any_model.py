"""Is any model that transformers opens tuned as it is served: by its own template, on its own weights?"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from threading import get_ident
from typing import Any

import pytest
from safetensors.torch import load_file

from rung.errors import ModelError, UserError
from rung.models.causal.generator import TransformersGenerator
from rung.models.local import LocalGenerator
from rung.records import Example, Json, Message
from rung.records.steps import Generate, GenerateResult, Request
from rung.training import Recipe, forward, packed_attention, train_generator
from rung.training.bases import base_of
from rung.training.checkpoint import Source
from rung.training.examples import Row, tokenised
from rung.training.folder_export import TunedFolder, check_folder_export, write_folder
from rung.training.forward import Bounds, by_length
from rung.training.learner import Learner
from rung.training.learning import Learning
from rung.training.recipe import read_recipe
from rung.training.sources import FromArrays
from tests.models.tiny_models import ARCHITECTURES, tiny_model, write_tokenizer
from tests.training.any_model import BY_HEART, lessons, opened
from tests.training.tiny import TinyModel, chats

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
peft = pytest.importorskip("peft")
pytest.importorskip("xgrammar")

ROOT = Path(__file__).parents[2]
QUICK = ("qwen2", "gemma3")
# not alike by token, or by another attention than the library's interface: padded rows
UNPACKED = (
    "llama-dynamic",
    "phi3-longrope",
    "gemma2",
    "gpt2",
    "opt",
    "bloom",
    "gpt-oss",
    "lfm2",
    "qwen3-next",
    "granite-hybrid",
)
LEARNING = ("phi3", "gpt2", "qwen3-moe")


def quick(names: Sequence[str], *, of: Sequence[str] = QUICK) -> list[Any]:
    """The names, those that are not quick marked slow."""
    return [name if name in of else pytest.param(name, marks=pytest.mark.slow) for name in names]


@pytest.fixture(autouse=True)
def _on_the_cpu(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("RUNG_DEVICE", "cpu")
    monkeypatch.setenv("RUNG_CACHE", str(tmp_path_factory.getbasetemp() / "rung-cache"))


def answers(model: TransformersGenerator, examples: Sequence[Example], adapter: str = "") -> list[str]:
    requests = [Request(Generate(example.messages[:-1], adapter, max_tokens=24)) for example in examples]
    results = dict(model.run(requests))
    return [r.text if isinstance(r := results[n], GenerateResult) else str(r) for n in range(len(requests))]


def weights(folder: Path) -> bytes:
    return (folder / "adapter_model.safetensors").read_bytes()


@pytest.mark.parametrize("name", quick((*QUICK, *LEARNING)))
def test_it_learns_by_heart_and_is_served_as_peft_says(name: str, tmp_path: Path) -> None:
    model = opened(tmp_path / "base", name)
    before = answers(model, lessons())
    trained = train_generator(lessons(), model, recipe=BY_HEART, folder=tmp_path / "a")
    manifest = json.loads((tmp_path / "a" / "manifest.json").read_text())
    assert trained.loss < 0.1 * manifest["train_loss"][0][1]
    assert manifest["trainer"] == "transformers and peft"
    assert manifest["base"]["identity"] == model.identity
    model.use_adapters({"a" * 64: tmp_path / "a"})
    taught = answers(model, lessons(), "a" * 64)
    assert taught == [example.output for example in lessons()]
    assert answers(model, lessons()) == before != taught, "the base is as it was"
    base = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "base", dtype=torch.float32)
    network = peft.PeftModel.from_pretrained(base, tmp_path / "a").eval()
    for example, answer in zip(lessons(), taught, strict=True):
        (ids,) = model.encode([model.render(example.messages[:-1])])
        given = torch.tensor([ids])
        with torch.no_grad():
            whole = network.generate(
                input_ids=given, attention_mask=torch.ones_like(given), max_new_tokens=24, do_sample=False,
                eos_token_id=list(model.chat.ends), pad_token_id=0,
            )  # fmt: skip
        assert model.chat.decode(whole[0, len(ids) :].tolist()) == answer


@pytest.mark.parametrize("name", quick(tuple(ARCHITECTURES), of=("qwen3", "phi3-longrope")))
def test_losses_are_the_models_own_whatever_shares_a_part(name: str, tmp_path: Path) -> None:
    """Batched, padded, and with layers computed twice, a row's loss is what the library says of the row alone."""
    model = opened(tmp_path / "base", name)
    long = Example("l", (Message("user", "one two three " * 12), Message("assistant", "four five")))
    rows = tokenised([*lessons(), long], model)
    network = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "base", dtype=torch.float32).eval()
    expected = []
    for row in rows:
        with torch.no_grad():
            logits = network(input_ids=torch.tensor([row.ids[:-1]])).logits[0, row.prompt - 1 :].float()
        expected.append(
            float(torch.nn.functional.cross_entropy(logits, torch.tensor(row.ids[row.prompt :]), reduction="sum"))
        )
    losses = dict(base_of(model).losses(None, precision="float32").summed(rows))
    assert [losses[row] for row in rows] == pytest.approx(expected, rel=1e-4)
    learner = base_of(model).learner(BY_HEART, rows)
    total, _ = learner.learn_parts(learner.parts(rows, most=1024), weight=0.1)
    whole = learner.gradient.clone()
    assert total == pytest.approx(sum(expected), rel=1e-4)
    assert learner.save_memory()
    learner.gradient.zero_()
    learner.learn_parts(learner.parts(rows, most=60), weight=0.1)
    assert float((learner.gradient - whole).norm()) < 1e-3 * float(whole.norm())


@pytest.mark.parametrize(
    "name", quick(tuple(name for name in ARCHITECTURES if name not in UNPACKED), of=("qwen3", "gemma3", "cohere2"))
)
def test_packed_rows_come_to_the_gradients_of_padded_ones(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, two_threads: None
) -> None:
    """What rows share computed once, no padding, one step of autograd a layer, side by side: the gradient is the same."""
    model = opened(tmp_path / "base", name)
    long = Example(
        "l", (Message("system", "Say it."), Message("user", "one two three " * 12), Message("assistant", "four five"))
    )
    rows = tokenised([*lessons(), long], model)
    learners = [base_of(model).learner(BY_HEART, rows)]
    monkeypatch.setattr(packed_attention, "ALIKE", frozenset())
    monkeypatch.setattr(forward, "fuse", lambda _, **__: None)
    learners.append(base_of(model).learner(BY_HEART, rows))
    losses, tokens = [], []
    for learner in learners:
        learner.values.add_(0.01)  # B begins at zero, and A without a gradient
        total, computed = learner.learn_parts(learner.parts(rows, most=1024), weight=0.1)
        losses.append(total)
        tokens.append(computed)
        losses.append(sum(learner.loss(part) for part in learner.parts(rows, most=1024)))
    assert losses == pytest.approx([losses[0]] * 4, rel=1e-4)
    assert tokens[0] < tokens[1], "the beginning is computed once for each thread, and nothing is padded"
    packed, row_by_row = (learner.gradient for learner in learners)
    assert float((packed - row_by_row).norm()) < 1e-3 * float(row_by_row.norm())
    again = packed.clone()
    learners[0].gradient.zero_()
    learners[0].learn_parts(learners[0].parts(rows, most=1024), weight=0.1)
    assert torch.equal(learners[0].gradient, again), "threads add in one order"


@pytest.mark.parametrize(
    ("name", "products", "near"),
    [("qwen3", {"float32", "bfloat16"}, 0.04), ("qwen3-moe", {"bfloat16"}, 0.1), ("dory", {"bfloat16"}, 0.03)],
)
def test_in_bfloat16_what_is_no_product_with_frozen_weights_is_wide(
    name: str, products: set[str], near: float, tmp_path: Path
) -> None:
    """Left whole in bfloat16: a mixture of experts, whose weights are one block; a head made from a linear layer, which
    scales its logits. `near`: about twice what bfloat16 rounds; without the head's scale dory is off by a third."""
    model = opened(tmp_path / "base", name)
    rows = tokenised(lessons(), model)
    gradients, losses = [], []
    for precision in ("float32", "bfloat16"):
        learner = base_of(model).learner(Recipe.of({"precision": precision, "device": "cpu", "rank": 8}, rows=6), rows)
        learner.values.add_(0.01)
        losses.append(learner.learn_parts(learner.parts(rows, most=1024), weight=0.1)[0])
        gradients.append(learner.gradient)
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)
    assert float((gradients[1] - gradients[0]).norm()) < near * float(gradients[0].norm())
    frozen = {str(p.dtype).removeprefix("torch.") for p in learner.model.parameters() if not p.requires_grad}
    assert frozen == products


def test_adapters_on_the_head_alone_leave_four_bits_to_their_library(tmp_path: Path) -> None:
    pytest.importorskip("bitsandbytes")
    model = opened(tmp_path / "base", "qwen3")
    rows, losses = tokenised(lessons(), model), []
    for bits in ("", "4bit"):
        given: dict[str, Json] = {"device": "cpu", "precision": "float32", "rank": 8, "target_modules": ["lm_head"]}
        learner = base_of(model).learner(Recipe.of(given | ({"quantize": bits} if bits else {}), rows=6), rows)
        losses.append(learner.learn_parts(learner.parts(rows, most=1024), weight=0.1)[0])
        assert float(learner.gradient.norm()) > 0
    assert losses[1] == pytest.approx(losses[0], rel=0.2)  # NF4 rounds weights by about a tenth


@pytest.mark.parametrize("variant", ["rslora", "dora"])
def test_the_other_adapters_are_learnt_and_served(variant: str, tmp_path: Path) -> None:
    model = opened(tmp_path / "base", "qwen2")
    given: dict[str, Json] = {
        "variant": variant,
        "rank": 8,
        "learning_rate": 0.02,
        "epochs": 30,
        "validation": 0.0,
        "replay": 0.0,
    }
    given |= {"device": "cpu", "precision": "float32", "target_modules": ["q_proj", "v_proj", "down_proj"]}
    recipe = Recipe.of(given, rows=6)
    train_generator(lessons(), model, recipe=recipe, folder=tmp_path / "a")
    config = json.loads((tmp_path / "a" / "adapter_config.json").read_text())
    assert config["use_rslora" if variant == "rslora" else "use_dora"] is True
    assert config["target_modules"] == ["down_proj", "q_proj", "v_proj"]
    model.use_adapters({"a" * 64: tmp_path / "a"})
    assert answers(model, lessons(), "a" * 64) == [example.output for example in lessons()]


def test_layers_below_the_first_are_left_alone(tmp_path: Path) -> None:
    model = opened(tmp_path / "base", "qwen2")
    recipe = Recipe(rank=2, first_layer=2, device="cpu", precision="float32")
    learner = base_of(model).learner(recipe, tokenised(lessons(), model))
    assert {name.split(".layers.")[1][0] for name in learner.tensors()} == {"2", "3"}


def earlier_peft_adapts(config: dict[str, Any], module: str) -> bool:
    """Whether versions of peft that know no `exclude_modules` put an adapter there."""
    targets, layers = config["target_modules"], config.get("layers_to_transform")
    if module in targets or layers is None:
        return module in targets or module.endswith(tuple(f".{target}" for target in targets))
    number = re.match(rf".*\.{config['layers_pattern']}\.(\d+)\.", module)
    return number is not None and int(number[1]) in layers and module.endswith(tuple(f".{one}" for one in targets))


@pytest.mark.parametrize(
    ("name", "layers", "says"),
    [
        ("qwen3", ["all-linear"], {"layers_to_transform": [2, 3], "layers_pattern": "layers"}),
        ("gpt2", ["all-linear"], {"layers_to_transform": [2, 3], "layers_pattern": "h"}),
        (
            "qwen3",
            ["self_attn.q_proj", "lm_head"],
            {"target_modules": ["lm_head", "model.layers.2.self_attn.q_proj", "model.layers.3.self_attn.q_proj"]},
        ),
    ],
)
def test_adapters_on_upper_layers_are_read_alike_by_all(
    name: str, layers: list[str], says: dict[str, Any], tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    model = opened(tmp_path / "base", name)
    given: dict[str, Json] = {"first_layer": 2, "rank": 4, "learning_rate": 0.01, "epochs": 8, "validation": 0.0}
    given |= {"replay": 0.0, "device": "cpu", "precision": "float32", "target_modules": list(layers)}
    train_generator(lessons(), model, recipe=Recipe.of(given, rows=6), folder=tmp_path / "a")
    config = json.loads((tmp_path / "a" / "adapter_config.json").read_text())
    assert "exclude_modules" not in config
    assert {key: config[key] for key in says} == says
    held = load_file(tmp_path / "a" / "adapter_model.safetensors")
    base = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "base", dtype=torch.float32)
    adapted = {key.removeprefix("base_model.model.").partition(".lora_")[0] for key in held}
    assert {module for module, _ in base.named_modules() if earlier_peft_adapts(config, module)} == adapted
    recwarn.clear()
    network = peft.PeftModel.from_pretrained(base, tmp_path / "a")
    assert not [one for one in recwarn if "missing" in str(one.message)]
    loaded = peft.get_peft_model_state_dict(network, save_embedding_layers=False)
    assert loaded.keys() == held.keys()
    assert all(torch.equal(loaded[key], held[key]) for key in held)
    model.use_adapters({"a" * 64: tmp_path / "a"})
    tuned, chats = TunedFolder(tmp_path / "a", model), [example.messages[:-1] for example in lessons()]
    given_too: dict[str, Any] = {"engine": model, "digest": "a" * 64, "max_tokens": 12}
    (parity,) = check_folder_export("peft", tmp_path / "a", tuned, chats, **given_too)
    assert parity.is_equal


def test_experts_have_adapters_in_all_layers_or_in_none(tmp_path: Path) -> None:
    model = opened(tmp_path / "base", "qwen3-moe")
    rows = tokenised(lessons(), model)
    given: dict[str, Json] = {"rank": 2, "first_layer": 2, "device": "cpu", "precision": "float32"}
    with pytest.raises(UserError, match="blocks of experts in all layers or in none: leave first_layer out"):
        base_of(model).learner(Recipe.of(given, rows=6), rows)
    learner = base_of(model).learner(Recipe.of({**given, "target_modules": ["q_proj", "v_proj"]}, rows=6), rows)
    assert {name.split(".layers.")[1][0] for name in learner.tensors()} == {"2", "3"}


def test_what_is_served_from_arrays_is_tuned_as_its_folder_is(tmp_path: Path) -> None:
    """A plain llama, from the same seed: the same adapters to begin with, step by step the same losses."""
    from rung.models.hf import prepared

    folder = tiny_model(tmp_path / "base", "llama")
    own = LocalGenerator(prepared(folder, tmp_path / "own"), name="own", digest="d")
    recipe = Recipe(rank=4, alpha=8, learning_rate=0.01, epochs=4, batch_rows=4, device="cpu", precision="float32", seed=3)
    rows = tokenised(lessons(), TransformersGenerator(folder, name="tiny"))
    assert rows == tokenised(lessons(), own.tokens)
    curves = []
    for base in (base_of(own), base_of(TransformersGenerator(folder, name="tiny"))):
        learning = Learning(rows, rows, base.learner(recipe, rows), recipe=recipe, source=Source(tmp_path, base.name))
        learning.run(lambda *_: None)
        curves.append([loss for _, loss in learning.now.curve])
    assert isinstance(base_of(own).source, FromArrays)
    assert len(curves[0]) == 8
    assert curves[0] == pytest.approx(curves[1], rel=2e-3)  # arrays hold float16 weights, as OpenVINO serves them
    assert curves[0][-1] < 0.8 * curves[0][0]


@pytest.mark.parametrize("most", [40, 160, 240])
def test_all_that_is_computed_at_once_is_within_the_bound(
    most: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Threads have as many tokens in memory together as one part had; rows too long for that are computed by all cores."""
    learnt, largest = Learner.learn, dict[int, int]()

    def counted(self: Learner, rows: Sequence[Row], **given: Any) -> tuple[float, int]:
        total, tokens = learnt(self, rows, **given)
        largest[get_ident()] = max(tokens, largest.get(get_ident(), 0))
        return total, tokens

    torch.set_num_threads(4)
    rows = tokenised(lessons(12), model := opened(tmp_path / "base", "qwen2"))
    learner = base_of(model).learner(BY_HEART, rows)
    assert learner.workers is not None
    learner.values.add_(0.01)
    expected, _ = learner.learn_parts(learner.parts(rows, most=1024), weight=0.1)
    whole = learner.gradient.clone()
    learner.gradient.zero_()
    monkeypatch.setattr(Learner, "learn", counted)
    learner.most = most
    total, _ = learner.learn_parts(learner.parts(rows, most=most), weight=0.1)
    assert sum(largest.values()) <= max(most, *(len(row.ids) for row in rows))
    assert most > 40 or set(largest) == {get_ident()}
    assert total == pytest.approx(expected, rel=1e-4)
    assert float((learner.gradient - whole).norm()) < 1e-3 * float(whole.norm())


def test_parts_are_of_like_length_and_within_the_room() -> None:
    rows = [Row(tuple(range(length)), 1) for length in (9, 3, 40, 4, 9, 120)]
    assert [[len(r.ids) for r in part] for part in by_length(rows, most=31, bounds=Bounds())] == [
        [3, 4, 9],
        [9],
        [40],
        [120],
    ]
    sides = by_length(rows, most=999, bounds=Bounds(8))
    assert [[len(r.ids) for r in part] for part in sides] == [[3, 4, 9, 9], [40, 120]]
    alone = by_length(rows, most=999, bounds=Bounds(8, always=True))
    assert [[len(r.ids) for r in part] for part in alone] == [[3, 4, 9, 9], [40], [120]]


TEMPLATES = {
    "chatml": None,
    "no-system": (
        "{{ '<|endoftext|>' }}{% for m in messages %}"
        "{% if m['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}"
        "{{ '<|im_start|>' + ('model' if m['role'] == 'assistant' else m['role']) + '\\n' }}"
        "{{ m['content'] | trim + '<|im_end|>\\n' }}"
        "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>model\\n' }}{% endif %}"
    ),
    "a-space-before": (
        "{% for m in messages %}{% if m['role'] == 'assistant' %}{{ ' ' + m['content'] + eos_token }}"
        "{% else %}{{ '[INST] ' + m['content'] + ' [/INST]' }}{% endif %}{% endfor %}"
    ),
    "thinking": (
        "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' }}{% if m['role'] == 'assistant' and loop.last %}"
        "{{ '<think>\\n\\n</think>\\n\\n' }}{% endif %}{{ m['content'] + '<|im_end|>\\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}"
        "{% if enable_thinking is defined and not enable_thinking %}"
        "{{ '<think>\\n\\n</think>\\n\\n' }}{% endif %}{% endif %}"
    ),
    "no-end": "{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '\\n' }}{% endfor %}{{ 'assistant: ' }}",
}


@pytest.mark.parametrize("name", TEMPLATES)
def test_rows_are_what_the_engine_is_asked_and_says(name: str, tmp_path: Path) -> None:
    folder = tiny_model(tmp_path / "m", "qwen2")
    if TEMPLATES[name]:
        write_tokenizer(folder, template=TEMPLATES[name])
    model = TransformersGenerator(folder, name=name)
    examples = [*lessons(), Example("marks", (Message("user", "<|im_end|> x"), Message("assistant", " A <|im_end|> b\n")))]
    for example, row in zip(examples, tokenised(examples, model), strict=True):
        assert list(row.ids[: row.prompt]) == model.encode([model.render(example.messages[:-1])])[0]
        answer = list(row.ids[row.prompt :])
        assert [token in model.chat.ends for token in answer] == [False] * (len(answer) - 1) + [True]
        assert model.chat.decode(answer).strip() == example.output.strip().replace("<|im_end|>", "<| im_end |>")
        if name == "a-space-before":
            assert model.chat.decode(answer).startswith(" ")


def test_a_chat_that_the_template_refuses_is_named(tmp_path: Path) -> None:
    folder = tiny_model(tmp_path / "m", "qwen2", template="{{ raise_exception('roles must alternate') }}")
    with pytest.raises(UserError, match=r"examples.jsonl:1: the chat template of m refuses .*roles must alternate"):
        tokenised(lessons(), TransformersGenerator(folder, name="m"))
    folder = tiny_model(tmp_path / "bare", "qwen2", template=None)
    with pytest.raises(ModelError, match="no chat template"):
        TransformersGenerator(folder, name="m")


def test_rows_longer_than_the_context_are_left_out_and_said(tmp_path: Path) -> None:
    model = opened(tmp_path / "base", "gpt2")
    long = Example("l", (Message("user", "one two " * 600), Message("assistant", "x")), place="examples.jsonl:9")
    recipe = Recipe(rank=2, epochs=1, replay=0.0, device="cpu")
    trained = train_generator([*lessons(2), long], model, recipe=recipe, folder=tmp_path / "a")
    assert trained.too_long == ("examples.jsonl:9",)
    with pytest.raises(UserError, match=r"all 1 examples are longer than the 512 tokens that the model takes"):
        train_generator([long], model, recipe=recipe, folder=tmp_path / "b")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (
            {"target_modules": ["q_proj", "wq"]},
            r"no such layer: take some of down_proj, gate_proj, k_proj, o_proj, q_proj, up_proj, v_proj$",
        ),
        ({"first_layer": 9}, "first_layer is 9: the model has layers 0 to 3"),
        ({"target_modules": ["input_layernorm"]}, "do not sit on the layers .*: take some of down_proj, gate_proj, k_proj"),
    ],
)
def test_recipes_that_do_not_fit_the_model_are_refused(given: dict[str, Json], says: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=says):
        train_generator(lessons(), opened(tmp_path / "m", "qwen2"), recipe=Recipe.of(given, rows=6), folder=tmp_path / "a")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"target_modules": ["q_proj", "lm_head"]}, "target_modules names lm_head, .*serves adapters on q_proj, k_proj"),
        ({"variant": "dora"}, "variant: dora is not served by OpenVINO"),
    ],
)
def test_adapters_that_would_not_be_served_are_refused(given: dict[str, Json], says: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=says):
        train_generator(chats(4), TinyModel(), recipe=Recipe.of(given, rows=4), folder=tmp_path)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    "line", ["target_modules: []", "target_modules: [all-linear, q_proj]", "variant: qlora", "lora_r: 3"]
)
def test_wrong_settings_are_refused_with_their_line(line: str, tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(f"epochs: 2\n{line}\n")
    with pytest.raises(UserError, match=r"recipe.yaml:2"):
        read_recipe(tmp_path / "recipe.yaml")


def test_an_adapter_of_another_base_is_refused(tmp_path: Path) -> None:
    recipe = Recipe(rank=2, epochs=1, replay=0.0, device="cpu")
    train_generator(lessons(2), opened(tmp_path / "one", "qwen2"), recipe=recipe, folder=tmp_path / "a")
    other = opened(tmp_path / "other", "qwen2", seed=1)
    with pytest.raises(ModelError, match="this adapter was trained on qwen2"):
        other.use_adapters({"a" * 64: tmp_path / "a"})


@pytest.mark.parametrize("form", ["peft", "merged"])
def test_an_export_says_what_is_served(form: str, tmp_path: Path) -> None:
    model = opened(tmp_path / "base", "qwen3")
    recipe = Recipe(rank=4, learning_rate=0.01, epochs=8, validation=0.0, replay=0.0, device="cpu", precision="float32")
    train_generator(lessons(), model, recipe=recipe, folder=tmp_path / "a")
    model.use_adapters({"a" * 64: tmp_path / "a"})
    tuned = TunedFolder(tmp_path / "a", model)
    write_folder(tuned, form, tmp_path / "out")
    chats = [example.messages[:-1] for example in lessons()]
    given: dict[str, Any] = {"engine": model, "max_tokens": 12}
    (parity,) = check_folder_export(form, tmp_path / "out", tuned, chats, digest="a" * 64, **given)
    assert parity.is_equal
    assert parity.prompts == 6
    (untuned,) = check_folder_export(form, tmp_path / "out", tuned, chats, digest="", **given)
    assert not untuned.is_equal, "the base says something else"
    with pytest.raises(UserError, match="--to peft or merged, not gguf"):
        write_folder(tuned, "gguf", tmp_path / "other")
