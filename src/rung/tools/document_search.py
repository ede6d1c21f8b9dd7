"""The project's documents as a tool. The strategy turns each call into a `Search`, to which the driver adds the asker."""

from __future__ import annotations

import json
from collections.abc import Mapping

from rung.records import Json, ToolSpec
from rung.strategies.tools import SEARCH

_PARAMETERS = {
    "type": "object",
    "properties": {"query": {"type": "string", "description": "what to look for, in a few words"}},
    "required": ["query"],
}


class DocumentSearch:
    """The tool `search`."""

    identity = "search 1"
    spec = ToolSpec(SEARCH, "Passages of the documents, numbered. Cite them as [1].", json.dumps(_PARAMETERS))

    def call(self, arguments: Mapping[str, Json]) -> Json:
        """Never called: who carries out the search must know the asker.

        Raises:
            ValueError: always.
        """
        del arguments
        raise ValueError("documents are searched by the rung 'tools' alone, for who asks")
