"""`rules:<file>`: answers by rules, for trying a project out: a JSON list of pairs [regular expression, what to say]."""

from __future__ import annotations

import json
from pathlib import Path

from rung.errors import ModelError
from rung.models.protocol import Embedder, Generator, Server
from rung.models.scripted import ScriptedGenerator
from rung.progress import Tick


class RulesHost:
    """Opens the names that begin with rules:."""

    generators = ("rules:<file>",)
    embedders = ()
    is_local = False

    def claims(self, name: str) -> bool:
        """Whether a name in rung.yaml is one of this host's."""
        return name.startswith("rules:")

    def generator(self, name: str, *, server: Server, progress: Tick) -> Generator:
        """The first rule that is found in the prompt speaks."""
        path = Path(name.removeprefix("rules:"))
        try:
            pairs = json.loads(path.read_text(encoding="utf-8"))
            return ScriptedGenerator([(pattern, text) for pattern, text in pairs])
        except (OSError, ValueError, TypeError) as error:
            raise ModelError(f"{path} holds no list of [regular expression, answer]: {error}") from error

    def embedder(self, name: str, *, server: Server, progress: Tick) -> Embedder:
        """Rules cannot embed."""
        raise ModelError(f"'{name}' is no embedder; use minilm-l6-v2, or 'scripted' to try things out")
