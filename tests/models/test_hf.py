"""Is a llama in Hugging Face layout opened as what it is: its numbers, its tokens, its template, its greedy text?"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from rung.errors import ModelError, UserError
from rung.models.catalog import check_files, generator
from rung.models.hf import PLAIN, save_tokenizer
from rung.models.hub import digest_of
from rung.models.local import LocalGenerator
from rung.models.tokens import Tokens
from rung.records import Failure, Message
from rung.records.steps import Generate, GenerateResult, Request
from rung.testing.models import asking
from rung.training.bases import base_of
from tests.models.tiny_hf import tiny_llama

pytest.importorskip("gguf")
transformers = pytest.importorskip("transformers")
torch = pytest.importorskip("torch")
CHAT = (Message("user", "one two three"),)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    patch = pytest.MonkeyPatch()
    folder = tmp_path_factory.mktemp("cache")
    patch.setenv("RUNG_CACHE", str(folder))
    patch.setenv("RUNG_DEVICE", "cpu")
    yield folder
    patch.undo()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_llama(tmp_path_factory.mktemp("hf"))


def opened(folder: Path) -> LocalGenerator:
    found = generator(f"hf:{folder}")
    assert isinstance(found, LocalGenerator)
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "dtype"), [(0, "float32"), (1, "bfloat16")])  # tied and untied
def test_it_is_what_transformers_reads(seed: int, dtype: str, cache: Path, tmp_path: Path) -> None:
    tiny_llama(tmp_path, seed=seed, dtype=dtype)
    ours = opened(tmp_path)
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path)
    theirs = transformers.LlamaForCausalLM.from_pretrained(tmp_path, dtype=torch.float32).eval()
    said = {name: weight.detach().numpy() for name, weight in theirs.named_parameters()}
    read = ours.weights()
    assert set(read) == set(said)
    for name, weight in said.items():
        half = weight.astype(np.float16).astype(np.float32)  # what the runtime's reader keeps
        np.testing.assert_array_equal(read[name], half, err_msg=name)
    chat = [{"role": "user", "content": CHAT[0].content}]
    prompt = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
    assert ours.render(CHAT) == prompt
    ids = tokenizer(prompt, add_special_tokens=False).input_ids
    assert ours.encode([prompt]) == [ids]
    with torch.no_grad():
        for name, weight in theirs.named_parameters():
            weight.data.copy_(torch.from_numpy(read[name]))
        more = theirs.generate(torch.tensor([ids]), max_new_tokens=10, do_sample=False)[0, len(ids) :]
    (answer,) = [result for _, result in ours.run([Request(Generate(CHAT, max_tokens=10))])]
    assert isinstance(answer, GenerateResult)
    assert answer.text == tokenizer.decode(more, skip_special_tokens=True)
    ours.close()


def test_long_texts_are_not_cut(cache: Path, folder: Path) -> None:
    assert len(opened(folder).encode(["one " * 3000])[0]) >= 3000


def test_equal_folders_are_one_model_and_others_another(cache: Path, folder: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    assert digest_of(copy) == digest_of(folder)
    (copy / "chat_template.jinja").write_text(PLAIN)
    assert digest_of(copy) != digest_of(folder)


@pytest.mark.slow
def test_a_prompt_with_a_token_past_the_models_rows_is_refused_alone(cache: Path, folder: Path, tmp_path: Path) -> None:
    odd = Path(shutil.copytree(folder, tmp_path / "odd"))
    tokenizer = transformers.AutoTokenizer.from_pretrained(odd)
    rows = len(tokenizer)
    tokenizer.add_tokens(["Dapple"])
    tokenizer.save_pretrained(odd)
    model = opened(odd)
    results = dict(model.run([asking("Where is the Dapple made?", max_tokens=4), asking("one two", max_tokens=4)]))
    failure = results[0]
    assert isinstance(failure, Failure)
    assert (
        f"the tokenizer of {odd} writes 'Dapple' as token {rows}, and its weights have rows for tokens below"
        in failure.error
    )
    assert isinstance(results[1], GenerateResult)
    with pytest.raises(UserError, match="writes 'Dapple' as token"):
        base_of(model).tokens.encode(["one", "the Dapple"])


def test_a_plain_template_will_do(cache: Path, folder: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    (copy / "chat_template.jinja").write_text(PLAIN)
    assert opened(copy).render(CHAT) == "user: one two three<|im_end|>\nassistant: "


def test_a_base_without_a_template_is_refused_and_told_what_to_do(tmp_path: Path) -> None:
    tiny_llama(tmp_path, template=None)
    with pytest.raises(ModelError, match=r"has no chat template.*Copy the one .* a plain one will do: \{% for"):
        generator(f"hf:{tmp_path}")


def test_a_gguf_without_a_template_is_refused_as_well(tmp_path: Path) -> None:
    """Its prepared folder is the same as that of a folder whose tokenizer has none."""
    (tmp_path / "bare").mkdir()
    tokenizer = transformers.AutoTokenizer.from_pretrained(tiny_llama(tmp_path / "hf", template=None))
    save_tokenizer(tokenizer, tmp_path / "bare")
    with pytest.raises(ModelError, match="this model has no chat template"):
        Tokens(tmp_path / "bare")


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors", "tokenizer_config.json"])
def test_cut_files_are_refused_by_looking_at_them_in_the_words_of_opening(
    name: str, cache: Path, folder: Path, tmp_path: Path
) -> None:
    odd = Path(shutil.copytree(folder, tmp_path / "odd"))
    check_files(f"hf:{odd}")
    whole = (odd / name).read_bytes()
    (odd / name).write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(ModelError, match=f"{odd}") as looked:
        check_files(f"hf:{odd}")
    with pytest.raises(ModelError) as caught:
        generator(f"hf:{odd}")
    assert str(looked.value) == str(caught.value)


@pytest.mark.parametrize(
    ("gone", "says"),
    [
        ("config.json", "config.json is missing"),
        ("tokenizer.json", "tokenizer.json is missing"),
        ("model.safetensors", r"holds no \*.safetensors"),
    ],
)
def test_files_that_are_missing_are_named(gone: str, says: str, folder: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    (copy / gone).unlink()
    with pytest.raises(ModelError, match=says):
        generator(f"hf:{copy}")
