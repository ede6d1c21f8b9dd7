"""Examples: read from and written to the formats that people keep them in, told where they come from, and looked over.

What a project does with them is left to `materials` and `strategies`, training on them to `training`.
"""

from rung.examples.forms import flaw
from rung.examples.linting import Finding, Linted, lint
from rung.examples.pairs import read_pairs
from rung.examples.reading import read_examples
from rung.examples.writing import chat_row, share_row, write_examples

__all__ = [
    "Finding",
    "Linted",
    "chat_row",
    "flaw",
    "lint",
    "read_examples",
    "read_pairs",
    "share_row",
    "write_examples",
]
