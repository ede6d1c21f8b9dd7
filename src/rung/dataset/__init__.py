"""Examples: read from and written to the formats that people keep them in, told where they come from, and looked over.

What a project does with them is left to `materials` and `strategies`, training on them to `training`.
"""

from rung.dataset.chat_rows import chat_row
from rung.dataset.formats import flaw
from rung.dataset.lint import Finding, LintReport, lint
from rung.dataset.load_examples import read_examples
from rung.dataset.pairs import read_pairs
from rung.dataset.share_rows import share_row
from rung.dataset.write_examples import write_examples

__all__ = [
    "Finding",
    "LintReport",
    "chat_row",
    "flaw",
    "lint",
    "read_examples",
    "read_pairs",
    "share_row",
    "write_examples",
]
