"""Models in Hugging Face layout: `hf:<folder>`, `hf:<org/name>`, `hf:<org/name>@<revision>`.

Two engines open them. Plain llamas go to OpenVINO, which answers faster on a CPU; every other model, and all where there is
a GPU, to torch by way of transformers.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path

from rung.errors import ModelError
from rung.models.precision import chosen
from rung.models.protocol import Embedder, Generator, LocalEngine, Server
from rung.models.weights import MINILM, cache_folder
from rung.progress import Tick

_DRIVERS = ("/proc/driver/nvidia/version", "/dev/dxg", "/dev/kfd")  # NVIDIA's, Windows' below Linux, AMD's


class HfHost:
    """Whatever causal language model transformers opens. Names of methods and parameters are those of `protocol.Host`."""

    generators = ("hf:<folder>", "hf:<org/name>")
    embedders = ()
    is_local = True
    is_remote = False

    def claims(self, name: str) -> bool:
        """Whether it begins with hf:."""
        return name.startswith("hf:")

    def check_name(self, name: str) -> None:
        """Refuse what is neither a folder nor in the hub's cache, nor may be asked of a hub."""
        from rung.models.hub import located, may_be_fetched

        bare = name.removeprefix("hf:")
        if not may_be_fetched(bare):
            located(bare)

    def generator(self, name: str, *, server: Server, progress: Tick) -> Generator:
        """Fetch where it is not here, open."""
        from rung.models.hub import digest_of, fetched

        bare = name.removeprefix("hf:")
        folder = fetched(bare, progress)
        if engine_of(folder) == "openvino":
            from rung.models.hf import check, prepared
            from rung.models.local import LocalGenerator

            check(folder)
            progress(0, 0, f"opening {folder.name}")
            digest = digest_of(folder)
            converted = prepared(folder, cache_folder() / "models" / f"hf-{digest[:12]}")
            return LocalGenerator(converted, name=bare, digest=digest, precision=chosen())
        from rung.models.causal.generator import TransformersGenerator

        progress(0, 0, f"opening {folder.name}")
        return TransformersGenerator(
            folder, name=bare, context_tokens=server.context_tokens, reasoning_tokens=server.reasoning_tokens
        )

    def is_here(self, name: str) -> bool:
        """Whether it is a folder, or in the hub's cache."""
        return _located(name.removeprefix("hf:")) is not None

    def check_files(self, name: str) -> None:
        """As `protocol.ReadingHost` says."""
        self.check_name(name)
        bare = name.removeprefix("hf:")
        if (folder := _located(bare)) is None:
            return
        if engine_of(folder) == "openvino":
            from rung.models.hf import looked_over

            looked_over(folder)
        else:
            from rung.models.causal.generator import looked_over as looked_over_by_torch

            looked_over_by_torch(folder, name=bare)

    def engine(self, name: str) -> LocalEngine:
        """As the folder's config and this machine say; "" for a model that has to be fetched."""
        from rung.models.hub import located

        try:
            return engine_of(located(name.removeprefix("hf:")))
        except ModelError:
            return ""

    def embedder(self, name: str, *, server: Server, progress: Tick) -> Embedder:  # noqa: ARG002 - the protocol's
        """They write."""
        raise ModelError(f"'{name}' cannot be an embedder: use {MINILM.name}, or a server's URL")


def _located(bare: str) -> Path | None:
    """Where a model is on this machine; None where it would have to be fetched."""
    from rung.models.hub import located

    try:
        return located(bare)
    except ModelError:
        return None


def engine_of(folder: Path) -> LocalEngine:
    """Which engine answers for a folder on this machine.

    Raises:
        ModelError: `config.json` is missing or broken.
    """
    from rung.models.causal.folder import read_json
    from rung.models.hf import why_not

    if why_not(read_json(folder / "config.json")):
        return "torch"
    return "torch" if has_gpu() else "openvino"


def has_gpu() -> bool:
    """Whether torch would compute on a GPU; torch itself is loaded only where the system has a driver for one."""
    if os.environ.get("RUNG_DEVICE") == "cpu" or find_spec("torch") is None:
        return False
    if sys.platform != "darwin" and not any(Path(driver).exists() for driver in _DRIVERS):
        return False
    from rung.models.causal.devices import device

    return device() != "cpu"
