"""What leaves the house: whole or not at all, for the right base, in forms that say what is served."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from rung.errors import UserError
from rung.models.causal.network import open_llama
from rung.models.classifying import Head
from rung.models.hosts import gguf_file
from rung.models.local import LocalGenerator
from rung.models.scripted import ScriptedGenerator
from rung.models.tensor_files import write_tensors
from rung.records import Message
from rung.records.steps import Generate
from rung.training.export import (
    Tuned,
    check_base,
    merged,
    with_folder,
    write_gguf_folder,
    write_merged,
    write_peft,
    write_sentence_transformers,
)
from rung.training.gguf_files import hugging_face_name, keys_of, modelfile, read_gguf
from rung.training.parity import Heard, Hearing, check
from rung.training.tokenizer_files import tokenizer_files
from tests.training.tiny import CONFIG, TinyModel, stirred_folder


def render(messages: Sequence[Message]) -> str:
    turns = "".join(f"<|im_start|>{m.role}\n{m.content}<|im_end|>\n" for m in messages)
    return f"{turns}<|im_start|>assistant\n"


def test_a_modelfile_names_file_stop_system_and_a_known_template() -> None:
    text = modelfile(render, file="model.gguf", system='Say """it""".', end="<|im_end|>")
    assert text.startswith('FROM ./model.gguf\nTEMPLATE """{{- range .Messages }}<|im_start|>{{ .Role }}\n')
    assert 'PARAMETER stop "<|im_end|>"' in text
    assert text.endswith("SYSTEM \"\"\"Say '''it'''.\"\"\"\n")
    other = modelfile(lambda m: "".join(x.content for x in m), file="model.gguf", system="", end="</s>")
    assert 'TEMPLATE "' not in other
    assert "SYSTEM" not in other
    assert 'stop "</s>"' in other


def test_names_of_tensors() -> None:
    assert hugging_face_name("blk.12.attn_q.weight") == "model.layers.12.self_attn.q_proj.weight"
    assert hugging_face_name("output_norm.weight") == "model.norm.weight"
    assert hugging_face_name("rope_freqs.weight") == ""
    assert hugging_face_name("blk.0.attn_q.bias") == ""


def test_a_folder_is_whole_or_not_there(tmp_path: Path) -> None:
    def full(part: Path) -> None:
        (part / "half").write_text("x")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(UserError, match="the disk is full; nothing was left there"):
        with_folder(tmp_path / "out", full)
    assert list(tmp_path.iterdir()) == []
    with_folder(tmp_path / "deep" / "out", lambda part: (part / "file").write_text("x"))
    assert (tmp_path / "deep" / "out" / "file").read_text() == "x"
    with pytest.raises(UserError, match="is there already, and nothing is overwritten"):
        with_folder(tmp_path / "deep" / "out", full)
    (tmp_path / "empty").mkdir()
    with_folder(tmp_path / "empty", lambda part: (part / "file").write_text("x"))
    assert [f.name for f in (tmp_path / "empty").iterdir()] == ["file"]


def test_a_file_in_the_way_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match="cannot be written"):
        with_folder(tmp_path / "file" / "out", lambda _: None)


def adapter(folder: Path, identity: str) -> Path:
    stirred_folder(folder, TinyModel())
    (folder / "manifest.json").write_text(json.dumps({"base": {"name": "tiny", "identity": identity}}))
    return folder


def test_an_adapter_of_another_base_is_refused_by_digest(tmp_path: Path) -> None:
    model = TinyModel()
    check_base(Tuned(adapter(tmp_path / "a", "tiny:0"), model, tmp_path))
    check_base(Tuned(adapter(tmp_path / "b", "tiny:0/runtime-2/exact"), model, tmp_path))
    with pytest.raises(UserError, match=r"made for another base: tiny \(tiny:1…\), the project's model is tiny \(tiny:0…\)"):
        check_base(Tuned(adapter(tmp_path / "c", "tiny:1"), model, tmp_path))


def test_peft_goes_out_as_it_is_and_others_are_refused(tmp_path: Path) -> None:
    tuned = Tuned(adapter(tmp_path / "a", "tiny:0"), TinyModel(), tmp_path)
    write_peft(tuned, tmp_path / "out")
    names = sorted(f.name for f in (tmp_path / "out").iterdir())
    assert names == ["adapter_config.json", "adapter_model.safetensors", "manifest.json"]
    weights = "adapter_model.safetensors"
    assert (tmp_path / "out" / weights).read_bytes() == (tmp_path / "a" / weights).read_bytes()
    with pytest.raises(UserError, match="not q4"):
        write_gguf_folder(tuned, tmp_path / "x", precision="q4")
    with pytest.raises(UserError, match="f32 or f16, not q8_0"):
        write_merged(tuned, tmp_path / "x", precision="q8_0")
    with pytest.raises(UserError, match="no encoder in the layout"):
        write_sentence_transformers(tmp_path / "a", tmp_path / "x")
    (tmp_path / "a" / "modules.json").write_text("[]")
    write_sentence_transformers(tmp_path / "a", tmp_path / "st")
    assert (tmp_path / "st" / "modules.json").exists()


def test_an_adapter_of_an_earlier_rung_goes_out_with_its_layers_named(tmp_path: Path) -> None:
    from peft import PeftModel, get_peft_model_state_dict
    from safetensors.torch import load_file

    folder = stirred_folder(tmp_path / "a", TinyModel(), first=1)
    config = json.loads((folder / "adapter_config.json").read_text())
    assert (config.pop("layers_to_transform"), config.pop("layers_pattern")) == ([1, 2], "layers")
    config["exclude_modules"] = r"(?:[^.\d][^.]*\.)*(?:0)(?:\..*)?"
    (folder / "adapter_config.json").write_text(json.dumps(config))
    write_peft(Tuned(folder, TinyModel(), tmp_path), tmp_path / "out")
    written = json.loads((tmp_path / "out" / "adapter_config.json").read_text())
    assert "exclude_modules" not in written
    assert {name.split(".")[2] for name in written["target_modules"]} == {"1", "2"}
    base = open_llama(CONFIG, TinyModel().weights(), where="cpu", dtype=torch.float32).model
    loaded = get_peft_model_state_dict(PeftModel.from_pretrained(base, str(tmp_path / "out")), save_embedding_layers=False)
    held = load_file(folder / "adapter_model.safetensors")
    assert loaded.keys() == held.keys()
    assert all(torch.equal(loaded[name], held[name]) for name in held)


def test_a_tokenizer_of_an_unknown_kind_is_refused() -> None:
    said = {"tokenizer.ggml.model": "llama", "tokenizer.ggml.tokens": ["a"], "tokenizer.ggml.token_type": [1]}
    with pytest.raises(UserError, match="--to gguf"):
        tokenizer_files(said, CONFIG)


def test_where_two_answers_part(tmp_path: Path) -> None:
    model = TinyModel()
    hearing = Hearing(Tuned(adapter(tmp_path / "a", "tiny:0"), model, tmp_path), ((Message("user", "x"),),) * 3, 8)
    ids = hearing.ids
    served = Heard(ids, (hearing.row("same", ended=True), hearing.row("one", ended=True), hearing.row("cut", ended=False)))
    heard = Heard((ids[0], ids[1], (*ids[2], 7)), (served.answers[0], hearing.row("ore", ended=True), served.answers[2]))
    found = hearing.compared("p", served, heard)
    assert (found.prompts, found.equal, found.is_equal) == (3, 1, False)
    first, second = found.parted
    assert (first.prompt, first.position, first.served, first.said) == (1, 1, str(ord("n")), str(ord("r")))
    assert first.margin is not None
    assert (second.prompt, second.position, second.margin) == (2, -1, None)
    assert hearing.compared("p", served, served).is_equal
    longer = Heard(ids, (*served.answers[:2], hearing.row("cut", ended=True)))
    assert hearing.compared("p", served, longer).parted[0].served == "(cut off)"


def test_an_unanswered_prompt_stops_the_comparison(tmp_path: Path) -> None:
    tuned = Tuned(adapter(tmp_path / "a", "tiny:0"), TinyModel(), tmp_path)
    with pytest.raises(UserError, match="prompt 1 could not be answered"):
        check("peft", tmp_path, tuned, [(Message("user", "x"),)], engine=ScriptedGenerator(), digest="new", max_tokens=4)


@pytest.fixture(scope="module")
def local() -> Iterator[LocalGenerator]:
    from rung.models.catalog import generator

    opened = generator("smollm2-135m-instruct")
    assert isinstance(opened, LocalGenerator)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def tuned(local: LocalGenerator, tmp_path_factory: pytest.TempPathFactory) -> Tuned:
    """An adapter drawn by luck: it says nonsense, and every program has to say the same."""
    folder = stirred_folder(tmp_path_factory.mktemp("adapter"), local, first=20, rank=2, by=0.05)
    return Tuned(folder, local, gguf_file("smollm2-135m-instruct"), "Answer briefly.")


@pytest.fixture(scope="module")
def grounded() -> Iterator[LocalGenerator]:
    from rung.models.catalog import generator

    opened = generator("smollm2-135m-grounded")
    assert isinstance(opened, LocalGenerator)
    yield opened
    opened.close()


CHATS = [(Message("system", "Answer briefly."), Message("user", f"Tell me about {what}.")) for what in ("bread", "12 stars")]


@pytest.mark.slow
def test_merged_weights_and_their_tokenizer_say_what_is_served(local: LocalGenerator, tuned: Tuned, tmp_path: Path) -> None:
    write_merged(tuned, tmp_path / "merged")
    local.use_adapters({"drawn": tuned.adapter})
    for form, folder in (("peft", tuned.adapter), ("merged", tmp_path / "merged")):
        (parity,) = check(form, folder, tuned, CHATS, engine=local, digest="drawn", max_tokens=12)
        assert parity.is_equal, parity
    plain = dict(local.run(_asked("")))
    drawn = dict(local.run(_asked("drawn")))
    assert plain != drawn, "the adapter changes what is said"


@pytest.mark.slow
def test_what_was_taught_before_it_was_shipped_goes_out_with_the_adapter(grounded: LocalGenerator, tmp_path: Path) -> None:
    """Its weights are at no other place: an adapter alone, on the weights that everybody has, says something else."""
    stirred_folder(tmp_path / "adapter", grounded, first=20, rank=2, by=0.05)  # of ten layers: others are filled
    (tmp_path / "adapter" / "manifest.json").write_text("{}")
    tuned = Tuned(tmp_path / "adapter", grounded, gguf_file(grounded.name), "Answer briefly.")
    write_peft(tuned, tmp_path / "peft")
    write_merged(tuned, tmp_path / "merged")
    config = json.loads((tmp_path / "peft" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "smollm2-135m-instruct"
    grounded.use_adapters({"drawn": tuned.adapter})
    for form in ("peft", "merged"):
        (parity,) = check(form, tmp_path / form, tuned, CHATS, engine=grounded, digest="drawn", max_tokens=12)
        assert parity.is_equal, parity
    assert dict(grounded.run(_asked(""))) != dict(grounded.run(_asked("drawn")))


def _asked(adapter: str) -> list:  # type: ignore[type-arg]
    from rung.records.steps import Request

    return [Request(Generate(chat, adapter, max_tokens=12)) for chat in CHATS]


@pytest.mark.slow
def test_a_gguf_carries_the_base_tokenizer_and_reads_back(local: LocalGenerator, tuned: Tuned, tmp_path: Path) -> None:
    from gguf import dequantize

    write_gguf_folder(tuned, tmp_path / "out", precision="f16")
    made, base = read_gguf(tmp_path / "out" / "model.gguf"), read_gguf(tuned.source)
    ours, theirs = keys_of(made), keys_of(base)
    carried = {key for key in theirs if not key.startswith("GGUF.")} - {"general.file_type"}
    assert {key: ours[key] for key in carried} == {key: theirs[key] for key in carried}
    wanted = merged(local.weights(), tuned.adapter)
    for tensor in made.tensors:
        name = hugging_face_name(tensor.name)
        found = dequantize(tensor.data, tensor.tensor_type)
        if name.endswith(("q_proj.weight", "k_proj.weight")):
            heads = found.shape[0] // 64
            found = found.reshape(heads, 32, 2, -1).swapaxes(1, 2).reshape(found.shape)
        assert np.allclose(found.reshape(wanted[name].shape), wanted[name], rtol=1e-3, atol=1e-6), name
    local.use_adapters({"drawn": tuned.adapter})
    for parity in check("gguf", tmp_path / "out", tuned, CHATS, engine=local, digest="drawn", max_tokens=12):
        assert all(one.margin is not None and one.margin < 0.05 for one in parity.parted), parity


def test_what_is_written_may_be_read_as_the_umask_says(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        write_tensors(tmp_path / "a.safetensors", {"a": np.zeros(3, np.float32)})
        Head(("x", "y"), np.zeros((2, 3), np.float32), np.zeros(2, np.float32)).save(tmp_path / "head")
        with_folder(tmp_path / "out", lambda part: write_tensors(part / "b.safetensors", {"a": np.zeros(3, np.float32)}))
    finally:
        os.umask(before)
    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in tmp_path.rglob("*")}
    assert {mode for name, mode in modes.items() if "." in name} == {"0o644"}
    assert {modes["out"], modes["head"]} == {"0o755"}
