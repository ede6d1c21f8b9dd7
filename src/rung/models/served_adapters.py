"""Adapters that were trained here, answered by a server: each is a model of its own there, by a name made of its digest.

vLLM loads them while it runs (`/v1/load_lora_adapter`, where it was started with `--enable-lora` and
VLLM_ALLOW_RUNTIME_LORA_UPDATING=1); what other servers were started with is taken as it is listed. A server's list is not
believed alone: some answer by their base whatever name is asked. So an adapter has to say something else than the base.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath

from rung.errors import ModelError
from rung.models.hosted_names import manifest_in
from rung.models.http_client import Client
from rung.models.http_retries import RequestFailed
from rung.models.wire.shapes import text
from rung.records import Message

LOAD, UNLOAD = "/load_lora_adapter", "/unload_lora_adapter"
PREFIX = "rung-"
UNREADABLE = "nothing can be told: the server's list of models cannot be read"
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
        says: what an adapter that it has, or with "" its base, answers to a chat.
    """

    def __init__(self, client: Client, seen_at: str, says: Callable[[str, tuple[Message, ...]], str]) -> None:
        self._client, self._seen_at, self._says = client, seen_at, says
        self._folders: dict[str, Path] = {}  # of those that it was shown to have
        self._placing = threading.Lock()

    def has(self, digest: str) -> bool:
        """Whether the server was shown to have this adapter. It may have been started anew since: see `place_again`."""
        return digest in self._folders

    def place(self, folders: Mapping[str, Path]) -> None:
        """Have the server answer by these adapters (digest -> PEFT folder) from now on.

        Raises:
            ModelError: it has not one of them, and cannot load it; or it answers by its base in the adapter's name.
            ServerError: nobody listens there, or the key is refused.
        """
        with self._placing:
            for digest, folder in folders.items():
                if digest not in self._folders:
                    self._place(digest, folder)
                    self._folders[digest] = folder

    def place_again(self, digest: str) -> bool:
        """Have the server answer by an adapter that it had and has no more: it was started anew. Returns whether it was one
        of these; raises as `place` does."""
        with self._placing:
            folder = self._folders.get(digest)
            if folder is None:
                return False
            if served_name(digest) not in self._listed():  # else another thread has seen to it
                self._place(digest, folder)
            return True

    def unload(self, digest: str) -> str:
        """Have the server forget an adapter. Returns "unloaded", "not there", or why it may be there still."""
        with self._placing:
            self._folders.pop(digest, None)
            name, listed = served_name(digest), self._listed()
            if not listed:
                return UNREADABLE
            if name not in listed:
                return "not there"
            try:
                self._client.tell(UNLOAD, {"lora_name": name})
            except RequestFailed as error:
                return f"still there, the server does not unload it: {error}"
            listed = self._listed()
            return UNREADABLE if not listed else "still there, after it was unloaded" if name in listed else "unloaded"

    def _listed(self) -> tuple[str, ...]:
        """The names of all its models; () where its list cannot be read."""
        return self._client.listing().names

    def _place(self, digest: str, folder: Path) -> None:
        name = served_name(digest)
        if name not in self._listed():
            self._load(name, folder)
        self._prove(digest, folder)

    def _load(self, name: str, folder: Path) -> None:
        path = self._path(folder)
        try:
            self._client.tell(LOAD, {"lora_name": name, "lora_path": path})
            refusal = ""
        except RequestFailed as error:
            refusal = str(error)
        if name not in self._listed():
            reason = f" ({refusal})" if refusal else ""
            raise ModelError(
                f"{self._client.endpoint} has no adapter {name}, and does not load it{reason}: start vLLM with "
                f"--enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING=1, or any server with the adapter {name} from {path}; "
                "where it sees the project's artifacts in another folder, say so by server: {adapters_at: FOLDER}"
            )

    def _prove(self, digest: str, folder: Path) -> None:
        """Refuse a name under which the base answers; where it says another thing each time, a difference shows nothing."""
        same, instruction = 0, _instruction(folder)
        for words in _SAID_TO_EACH:
            chat = (Message("system", instruction), Message("user", words)) if instruction else (Message("user", words),)
            by_adapter, by_base = self._says(digest, chat), self._says("", chat)
            same += bool(by_base) and by_adapter == by_base
            if by_adapter and by_base and by_adapter != by_base == self._says("", chat):
                return
        endpoint, name, count = self._client.endpoint, served_name(digest), len(_SAID_TO_EACH)
        base = endpoint.model
        if same:
            raise ModelError(
                f"{endpoint} lists {name}, and answers {same} of {count} questions word for word as '{base}' does, and none "
                "surely otherwise: its base answers, or the adapter changes nothing. Look how the server names adapters"
            )
        raise ModelError(
            f"{endpoint} lists {name}, and by none of {count} questions can be told that it is not '{base}' that answers: "
            "they are not answered, or by the base otherwise each time. Look at the server"
        )

    def _path(self, folder: Path) -> str:
        """The folder as the server sees it: the kind of artifact and its digest below `seen_at`."""
        return str(PurePosixPath(self._seen_at, *folder.parts[-2:])) if self._seen_at else str(folder.resolve())


def _instruction(folder: Path) -> str:
    """What the adapter was taught under, as its manifest says; "" where that is not said."""
    return text(manifest_in(folder).get("instruction"))
