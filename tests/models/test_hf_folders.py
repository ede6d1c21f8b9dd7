"""What `hf:` names: which engine opens a folder, what is refused before anything is loaded, and by which sentence."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rung.errors import ModelError
from rung.models.catalog import check_files, check_name, generator, is_local
from rung.models.causal import devices
from rung.models.causal.folder import read_folder
from rung.models.causal.generator import TransformersGenerator
from rung.models.hf_host import engine_of
from rung.models.hub import digest_of, located
from rung.records.steps import GenerateResult
from rung.testing.models import asking
from tests.models.tiny_hf import TEMPLATE
from tests.models.tiny_models import tiny_model

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("xgrammar")


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RUNG_DEVICE", "cpu")
    monkeypatch.setenv("RUNG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture(scope="module")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("qwen"), "qwen3")


@pytest.fixture
def folder(qwen: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(qwen, tmp_path / "model"))


def changed(folder: Path, name: str, **settings: object) -> None:
    before = json.loads((folder / name).read_text())
    (folder / name).write_text(json.dumps({**before, **settings}))


@pytest.mark.parametrize(
    ("settings", "engine"),
    [
        ({"model_type": "llama"}, "openvino"),
        ({"model_type": "llama", "rope_parameters": {"rope_type": "llama3"}}, "torch"),
        ({"model_type": "llama", "rope_scaling": {"type": "linear", "factor": 2}}, "torch"),
        ({"model_type": "llama", "attention_bias": True}, "torch"),
        ({"model_type": "llama", "quantization_config": {"quant_method": "awq"}}, "torch"),
        ({"model_type": "qwen2"}, "torch"),
    ],
)
def test_plain_llamas_go_to_openvino_and_all_others_to_torch(
    settings: dict[str, object], engine: str, tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(settings))
    assert engine_of(tmp_path) == engine


def test_a_model_that_is_no_plain_llama_is_opened_by_torch(folder: Path) -> None:
    model = generator(f"hf:{folder}")
    assert isinstance(model, TransformersGenerator)
    assert model.context_tokens == 512
    assert model.identity.startswith(f"hf:{digest_of(folder)}/")
    assert "/cpu-float32/" in model.identity
    copy = Path(shutil.copytree(folder, folder.parent / "copy"))
    assert generator(f"hf:{copy}").identity == model.identity
    changed(copy, "generation_config.json", eos_token_id=[2, 3])
    assert generator(f"hf:{copy}").identity != model.identity


def test_a_digest_is_noted_and_made_again_when_a_file_changes(folder: Path) -> None:
    before = digest_of(folder)
    assert digest_of(folder) == before
    changed(folder, "config.json", rms_norm_eps=0.5)
    assert digest_of(folder) != before


@pytest.mark.parametrize(
    ("gone", "says"),
    [
        ("config.json", "config.json is missing"),
        ("tokenizer.json", "tokenizer.json is missing"),
        ("model.safetensors", r"holds no \*.safetensors"),
        ("chat_template.jinja", "has no chat template"),
    ],
)
def test_files_that_are_missing_are_named(gone: str, says: str, folder: Path) -> None:
    (folder / gone).unlink()
    with pytest.raises(ModelError, match=says):
        generator(f"hf:{folder}")


def test_pickles_are_refused_by_name_and_never_opened(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"as a pickle \(pytorch_model.bin\), which can run code and is never opened"):
        generator(f"hf:{folder}")


def test_code_of_the_model_is_never_run(folder: Path) -> None:
    (folder / "modeling_odd.py").write_text("raise SystemExit('it ran')")
    auto = {"AutoConfig": "modeling_odd.Config", "AutoModelForCausalLM": "modeling_odd.Model"}
    changed(folder, "config.json", model_type="odd", auto_map=auto)
    with pytest.raises(ModelError, match=r"needs Python code of its own \(auto_map in config.json\), which is never run"):
        generator(f"hf:{folder}")
    changed(folder, "config.json", model_type="qwen3")  # its own code beside an architecture that the library has
    assert generator(f"hf:{folder}").count_tokens(["one"]) != [0]


@pytest.mark.parametrize("kind", ["bert-of-mars", "t5", None])
def test_other_kinds_of_models_are_named(kind: str | None, folder: Path) -> None:
    changed(folder, "config.json", model_type=kind)
    with pytest.raises(ModelError, match=f"of type '{kind}'" if kind else "names no model_type"):
        generator(f"hf:{folder}")


def test_damaged_weights_are_refused_before_they_are_loaded(folder: Path) -> None:
    path = folder / "model.safetensors"
    whole = path.read_bytes()
    for content, says in (
        (whole[:-100], "is damaged"),
        (whole[:20], "is damaged"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "is a pointer of Git LFS"),
    ):
        path.write_bytes(content)
        with pytest.raises(ModelError, match=says):
            generator(f"hf:{folder}")


def test_what_opening_refuses_is_refused_by_looking_at_the_files_in_the_same_words(folder: Path, tmp_path: Path) -> None:
    check_files(f"hf:{folder}")
    (folder / "chat_template.jinja").unlink()
    for name in ("config.json", "tokenizer.json", "model.safetensors", ""):  # "": without a template
        for kind in ("qwen3", "llama"):
            odd = Path(shutil.copytree(folder, tmp_path / f"{kind}-{name}"))
            changed(odd, "config.json", model_type=kind)
            if name:
                (odd / "chat_template.jinja").write_text(TEMPLATE)
                whole = (odd / name).read_bytes()
                (odd / name).write_bytes(whole[: len(whole) * 2 // 3])
            with pytest.raises(ModelError) as looked:
                check_files(f"hf:{odd}")
            with pytest.raises(ModelError) as opened:
                generator(f"hf:{odd}")
            assert str(looked.value) == str(opened.value)


def test_a_missing_part_of_the_weights_is_named(folder: Path) -> None:
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(ModelError, match=r"lacks model-00002-of-00002.safetensors of 2 files"):
        generator(f"hf:{folder}")


def test_weights_of_another_config_are_refused_and_not_made_up(folder: Path) -> None:
    changed(folder, "config.json", num_hidden_layers=5, layer_types=["full_attention"] * 5)
    model = generator(f"hf:{folder}")
    with pytest.raises(ModelError, match=r"are not those of its config.json: \d+ are missing"):
        list(model.run([asking("x")]))


def test_weights_of_another_shape_are_named_with_both_shapes(folder: Path) -> None:
    width = json.loads((folder / "config.json").read_text())["intermediate_size"]
    changed(folder, "config.json", intermediate_size=2 * width)
    model = generator(f"hf:{folder}")
    shapes = rf"down_proj.weight is \[\d+, {width}\], by the config \[\d+, {2 * width}\]"
    with pytest.raises(ModelError, match=rf"are not those of its config.json: 0 are missing and \d+ of another .*{shapes}"):
        list(model.run([asking("x")]))


def test_too_little_memory_is_said_before_loading_with_the_numbers(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.current").write_text("900000\n")
    (tmp_path / "memory.stat").write_text("anon 5\nfile 100000\n")
    monkeypatch.setattr(devices, "_CONTROL_GROUP", tmp_path)
    assert devices.free_memory("cpu") == 200000
    numbers = read_folder(folder).numbers
    assert numbers > 100_000
    with pytest.raises(ModelError, match=r"billion weights, which need 0\.0 GB in float32, and 0\.0 GB are free \(cpu\)"):
        generator(f"hf:{folder}")


def test_memory_is_looked_at_once_for_each_time_that_a_model_is_opened(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By who opens it, before; loading itself looks no second time."""
    for name, content in (("max", "64000000"), ("current", "1000000"), ("stat", "file 0")):
        (tmp_path / f"memory.{name}").write_text(content)
    monkeypatch.setattr(devices, "_CONTROL_GROUP", tmp_path)
    model = TransformersGenerator(folder, name="tiny", cache_bytes=1_000_000)
    (tmp_path / "memory.max").write_text("1000001")
    (result,) = dict(model.run([asking("x")])).values()
    assert isinstance(result, GenerateResult)
    model.close()
    with pytest.raises(ModelError, match=r"billion weights, which need 0\.0 GB in float32, and 0\.0 GB are free \(cpu\)"):
        list(model.run([asking("x")]))
    (tmp_path / "memory.max").write_text("64000000")
    assert dict(model.run([asking("x")])) == {0: result}


def test_a_device_that_is_not_there_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNG_DEVICE", "abacus")
    with pytest.raises(ModelError, match=r"RUNG_DEVICE is 'abacus', and torch .* sees: .*cpu"):
        generator(f"hf:{folder}")


def test_an_id_is_found_in_the_hubs_cache(folder: Path, tmp_path: Path) -> None:
    assert is_local("hf:org/name")
    for name in ("org/name", "org/name@v1"):
        with pytest.raises(ModelError, match=rf"{name} is no folder and no model in the Hugging Face cache .* 'hf download"):
            check_name(f"hf:{name}")
    home = tmp_path / "hub" / "models--org--name"
    shutil.copytree(folder, home / "snapshots" / "abc")
    shutil.copytree(folder, home / "snapshots" / "def")
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text("abc")
    (home / "refs" / "v1").write_text("def")
    assert located("org/name") == home / "snapshots" / "abc"
    assert located("org/name@v1") == located("org/name@def") == home / "snapshots" / "def"
    (home / "blobs").mkdir()
    (home / "blobs" / "0123.incomplete").write_bytes(b"half")
    with pytest.raises(ModelError, match="is no folder and no model"):
        located("org/name")


UNREACHABLE = """
from rung.errors import ModelError
from rung.models.catalog import check_name, generator
check_name("hf:org/name")
try:
    generator("hf:org/name")
except ModelError as error:
    print(error)
"""


@pytest.mark.slow
def test_an_id_that_is_not_here_and_no_network_is_a_sentence(tmp_path: Path) -> None:
    environment = {**os.environ, "HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_OFFLINE": "0"}
    done = subprocess.run(
        [sys.executable, "-c", UNREACHABLE], env=environment, capture_output=True, text=True, check=True, timeout=300
    )
    assert done.stdout.startswith("org/name is no folder and no model in the Hugging Face cache")
    assert "the hub was asked: " in done.stdout
