"""Where a model in Hugging Face layout lies: a folder, the hub's cache, or the hub, from which it is fetched once.

`HF_HOME`, `HF_HUB_CACHE`, `HF_ENDPOINT`, `HF_TOKEN` and `HF_HUB_OFFLINE` count as everywhere. Opening is left to `hf_host`.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
from contextlib import suppress
from pathlib import Path

from rung.errors import MissingExtra, ModelError, UserError
from rung.files.durable import sha256, short_sum, standing, write_whole
from rung.models.weights import cache_folder
from rung.progress import Tick

# What answers depend on in every engine. Adding a file here would make every adapter of a known folder a stranger's.
_READ = ("config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja")
_FETCHED = ("*.json", "*.safetensors", "*.jinja", "*.txt", "tokenizer.model", "*.tiktoken")
_ID = re.compile(r"^[\w.-]+/[\w.-]+$")
_YES = {"1", "on", "yes", "true"}


def located(name: str) -> Path:
    """The folder that `hf:<name>` means: a path, or a model id (`org/name`, `org/name@revision`) in the hub's cache.

    Raises:
        ModelError: it is neither; says how to get it here.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    home, snapshot = _cached(name)
    if snapshot is not None:
        return snapshot
    raise ModelError(
        f"{name} is no folder and no model in the Hugging Face cache ({home}): mend the path, or fetch it with "
        f"'hf download {name.replace('@', ' --revision ')}' where a hub is reachable and copy the folder here"
    )


def may_be_fetched(name: str) -> bool:
    """Whether a name is that of a model on a hub, and nobody has forbidden to ask one."""
    offline = os.environ.get("HF_HUB_OFFLINE", "").lower() in _YES
    return not offline and bool(_ID.match(name.partition("@")[0])) and not name.startswith((".", "/", "~"))


def fetched(name: str, progress: Tick) -> Path:
    """The folder of a name, fetched from the hub where it is not here: weights as safetensors, settings, tokenizer; no code.

    Raises:
        ModelError: it is not here and the hub has no such model, keeps it from us, or cannot be reached.
        MissingExtra: the hub's client is not installed.
    """
    try:
        return located(name)
    except ModelError as absent:
        if not may_be_fetched(name):
            raise
        return _download(name, progress, absent)


def _download(name: str, progress: Tick, absent: ModelError) -> Path:
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError
        from huggingface_hub.utils.tqdm import disable_progress_bars
    except ImportError as error:
        raise MissingExtra("hf", "models of a hub") from error
    repository, _, revision = name.partition("@")
    progress(0, 0, f"fetching {name}")
    disable_progress_bars()
    try:
        return Path(snapshot_download(repository, revision=revision or None, allow_patterns=list(_FETCHED)))
    except GatedRepoError as error:
        raise ModelError(
            f"{name} is given only to those who accepted its terms: accept them on its page and set HF_TOKEN"
        ) from error
    except RepositoryNotFoundError as error:
        raise ModelError(
            f"{name} is no folder here, and the hub has no model of that name for you: mend the path or the name, or set "
            "HF_TOKEN if it is private"
        ) from error
    except RevisionNotFoundError as error:
        raise ModelError(f"{repository} has no revision {revision!r}: name a branch, a tag or a commit of it") from error
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise ModelError(f"{name} cannot be kept in {_hub()}: the disk is full: make room, or set HF_HOME") from error
        raise ModelError(f"{absent} (the hub was asked: {_short(error)})") from error
    except Exception as error:  # the client's transport has errors of its own
        raise ModelError(f"{absent} (the hub was asked: {_short(error)})") from error


def _short(error: BaseException) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)[:160]


def _hub() -> Path:
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    home = os.environ.get("HF_HOME") or Path(caches) / "huggingface"
    return Path(os.environ.get("HF_HUB_CACHE") or Path(home) / "hub").expanduser()


def _cached(name: str) -> tuple[Path, Path | None]:
    """(the hub's cache, the snapshot of a name that lies whole in it)."""
    hub = _hub()
    repository, _, revision = name.partition("@")
    cached = hub / f"models--{repository.replace('/', '--')}"
    if repository.count("/") != 1 or not cached.is_dir():
        return hub, None
    pointer = cached / "refs" / (revision or "main")
    commit = pointer.read_text(encoding="utf-8").strip() if pointer.is_file() else revision
    snapshot = cached / "snapshots" / commit
    is_whole = bool(commit) and (snapshot / "config.json").is_file() and not any(cached.glob("blobs/*.incomplete"))
    return hub, snapshot if is_whole else None


def digest_of(folder: Path) -> str:
    """SHA-256 over everything of the folder that answers depend on: weights, config, tokenizer, chat template.

    A file that was read before and stands as it did is not read again; the sums are kept in the cache.
    """
    note = cache_folder() / "models" / "sums" / f"{short_sum(str(folder.resolve()))}.json"
    before = _sums(note)
    sums: dict[str, list[str | int]] = {}
    for path in sorted([*(folder / name for name in _READ), *folder.glob("*.safetensors")]):
        if path.is_file():
            state = standing(path)
            noted = before.get(path.name, [])
            sums[path.name] = noted if noted[1:] == state else [sha256(path), *state]
    if sums != before:
        with suppress(OSError, UserError):  # a cache that cannot be written: read again next time
            note.parent.mkdir(parents=True, exist_ok=True)
            write_whole(note, json.dumps(sums))
    return hashlib.sha256("".join(f"{name}:{sums[name][0]};" for name in sums).encode()).hexdigest()


def _sums(note: Path) -> dict[str, list[str | int]]:
    try:
        return {str(name): list(state) for name, state in json.loads(note.read_text(encoding="utf-8")).items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}
