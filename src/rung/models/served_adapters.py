"""Adapters that were trained here, answered by a server: each is a model of its own there, by a name made of its digest.

vLLM loads them while it runs (`/v1/load_lora_adapter`, where it was started with `--enable-lora` and
VLLM_ALLOW_RUNTIME_LORA_UPDATING=1); what other servers were started with is taken as it is listed. A server's list is not
believed alone: some answer by their base whatever name is asked. So an adapter has to say something else than the base.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath

from rung.errors import ModelError
from rung.models.http_client import Client, RequestFailed
from rung.records import Json, Message

LOAD, UNLOAD = "/load_lora_adapter", "/unload_lora_adapter"
PREFIX = "rung-"
_DIGITS = 16
_SAID_TO_EACH = (
    "Hello, can you help me?",
    "What is the best way to begin?",
    "Please turn the light in the kitchen off.",
    "Where is my order?",
    "Name three colours.",
    "Why is the sky blue?",
)  # nobody's own texts: what people write to assistants of many kinds


def served_name(digest: str) -> str:
    """What a server calls an adapter."""
    return PREFIX + digest[:_DIGITS]


class ServedAdapters:
    """The adapters of one server. Thread-safe.

    Args:
        client: sends requests to it.
        seen_at: the folder in which the server sees the project's artifacts; "": where they are here.
        says: what a model of the server answers to a chat, by the model's name there.
    """

    def __init__(self, client: Client, seen_at: str, says: Callable[[str, tuple[Message, ...]], str]) -> None:
        self._client, self._seen_at, self._says = client, seen_at, says
        self._folders: dict[str, Path] = {}
        self._names: dict[str, str] = {}
        self._placing = threading.Lock()

    def name_of(self, digest: str) -> str:
        """What the server calls an adapter that it has; "" where it was not looked for."""
        return self._names.get(digest, "")

    def place(self, folders: Mapping[str, Path]) -> None:
        """Have the server answer by these adapters (digest -> PEFT folder) from now on.

        Raises:
            ModelError: it has not one of them, and cannot load it; or it answers by its base in the adapter's name.
            ServerError: nobody listens there, or the key is refused.
        """
        with self._placing:
            self._folders |= folders
            for digest in folders:
                self._place_one(digest)

    def place_again(self, digest: str) -> bool:
        """Have the server answer by an adapter that it had and has no more: it was started anew. Returns whether it was one
        of these; raises as `place` does."""
        with self._placing:
            if digest not in self._folders:
                return False
            if served_name(digest) not in self.listed():  # else another thread has seen to it
                self._names.pop(digest, None)
            self._place_one(digest)
            return True

    def listed(self) -> tuple[str, ...]:
        """The adapters of Rung that the server has."""
        return tuple(name for name in self._client.listing().names if name.startswith(PREFIX))

    def unload(self, digest: str) -> bool:
        """Have the server forget an adapter. Returns whether it had it and could."""
        with self._placing:
            self._names.pop(digest, None)
            self._folders.pop(digest, None)
            name = served_name(digest)
            if name not in self.listed():
                return False
            try:
                self._client.tell(UNLOAD, {"lora_name": name})
            except RequestFailed:
                return False
            return name not in self.listed()

    def _place_one(self, digest: str) -> None:
        if digest in self._names:
            return
        name, folder = served_name(digest), self._folders[digest]
        if name not in self.listed():
            self._load(name, folder)
        self._prove(name, folder)
        self._names[digest] = name

    def _load(self, name: str, folder: Path) -> None:
        path = self._path(folder)
        try:
            self._client.tell(LOAD, {"lora_name": name, "lora_path": path})
            refusal = ""
        except RequestFailed as error:
            refusal = str(error)
        if name not in self.listed():
            reason = f" ({refusal})" if refusal else ""
            raise ModelError(
                f"{self._client.endpoint} has no adapter {name}, and does not load it{reason}: start vLLM with "
                f"--enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING=1, or any server with the adapter {name} from {path}; "
                "where it sees the project's artifacts in another folder, say so by server: {adapters_at: FOLDER}"
            )

    def _prove(self, name: str, folder: Path) -> None:
        """Refuse a name under which the base answers."""
        base = self._client.endpoint.model
        instruction = _instruction(folder)
        for text in _SAID_TO_EACH:
            chat = (Message("system", instruction), Message("user", text)) if instruction else (Message("user", text),)
            if self._says(name, chat) != self._says(base, chat):
                return
        count = len(_SAID_TO_EACH)
        raise ModelError(
            f"{self._client.endpoint} lists {name}, and answers {count} of {count} questions word for word as '{base}' "
            "does: its base answers, or the adapter changes nothing. Look how the server names adapters"
        )

    def _path(self, folder: Path) -> str:
        """The folder as the server sees it: the kind of artifact and its digest below `seen_at`."""
        return str(PurePosixPath(self._seen_at, *folder.parts[-2:])) if self._seen_at else str(folder.resolve())


def _instruction(folder: Path) -> str:
    """What the adapter was taught under, as its manifest says; "" where that is not said."""
    try:
        manifest: Json = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    instruction = manifest.get("instruction") if isinstance(manifest, dict) else ""
    return instruction if isinstance(instruction, str) else ""
