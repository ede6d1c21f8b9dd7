"""The extension point: what a tool is. Its description goes into the prompt, its result into the conversation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from rung.records import Json, ToolSpec


class Tool(Protocol):
    """Something that a model may call.

    Equal identity and equal arguments must mean an equal result: results are remembered. A tool that looks something up that
    changes has to say so by its identity, for instance with the date in it.
    """

    @property
    def spec(self) -> ToolSpec:
        """Name, description and parameters, as the prompt shows them."""
        ...

    @property
    def identity(self) -> str: ...

    def call(self, arguments: Mapping[str, Json]) -> Json:
        """The result.

        Raises:
            ValueError: the arguments do not do; the message is shown to the model, which may call again.
        """
        ...
