"""Names to models: what exists, what nearly does, and what a stranger's package adds."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from rung.errors import ModelError
from rung.models.catalog import DOOR, embedder, generator, is_local
from rung.models.http import HttpGenerator
from rung.models.http_embedding import HttpEmbedder
from rung.models.scripted import ScriptedEmbedder, ScriptedGenerator


def test_names_open_their_kind() -> None:
    assert isinstance(generator("scripted"), ScriptedGenerator)
    assert isinstance(embedder("scripted"), ScriptedEmbedder)
    for name in ("openai:gpt-4o-mini", "http://127.0.0.1:9/v1#m", "https://models.example/v1#m"):
        assert isinstance(generator(name), HttpGenerator)
        assert isinstance(embedder(name), HttpEmbedder)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("smollm2-135m", "did you mean 'smollm2-135m-instruct'"),
        ("nonesuch", "there are: smollm2-135m-instruct"),
        ("hf:no/such", "is no folder and no model in the Hugging Face cache"),
        ("gguf:/no/such/file.gguf", "is no file"),
        ("minilm-l6-v2", "is an embedder"),
        ("openai:", "names no model"),
        ("http://127.0.0.1:9/v1", "names no model"),
        ("https://me:secret@models.example/v1#m", "RUNG_API_KEY"),
    ],
)
def test_what_is_no_generator_says_what_is(name: str, said: str) -> None:
    with pytest.raises(ModelError, match=said) as caught:
        generator(name)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("name", ["smollm2-135m-instruct", "gguf:x.gguf", "minilm"])
def test_what_is_no_embedder_says_what_is(name: str) -> None:
    with pytest.raises(ModelError, match="minilm-l6-v2"):
        embedder(name)


def test_only_weights_on_this_machine_are_local() -> None:
    assert is_local("smollm2-135m-instruct")
    assert is_local("gguf:x.gguf")
    assert not is_local("openai:gpt-4o-mini")
    assert not is_local("scripted")


def test_a_broken_gguf_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.gguf").write_text("no model")
    (tmp_path / "short.gguf").write_bytes(b"GGUF\x03\x00\x00\x00")
    with pytest.raises(ModelError, match="no GGUF file"):
        generator(f"gguf:{tmp_path / 'text.gguf'}")
    with pytest.raises(ModelError, match="broken"):
        generator(f"gguf:{tmp_path / 'short.gguf'}")
    with pytest.raises(ModelError, match=r"did you mean .*short\.gguf"):
        generator(f"gguf:{tmp_path / 'shot.gguf'}")


def test_a_strangers_host_stands_beside_the_built_in_ones() -> None:
    added = DOOR.load([EntryPoint("mine", "rung.models.hosts:ScriptedHost", DOOR.group)])
    assert list(added) == [*DOOR.built_in, "mine"]


@pytest.mark.parametrize(
    "value", ["rung.nowhere:Host", "rung.models.hosts:Nobody", "rung.models.endpoint:Endpoint", "rung.files.durable:sha256"]
)
def test_a_broken_plugin_is_named(value: str) -> None:
    with pytest.raises(ModelError, match="'mine'"):
        DOOR.load([EntryPoint("mine", value, DOOR.group)])
