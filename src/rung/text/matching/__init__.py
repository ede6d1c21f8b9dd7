"""When two answers say the same: words as SQuAD compares them, numbers by their value, signs and units kept.

`correct` is judged by this rule. The official SQuAD scores, which drop every sign of ASCII (12.50 = 1250), stay in
`scoring.squad`; JSON values and labels are compared exactly, elsewhere.
"""

from rung.text.matching.answers import best, contains, holds, matches, token_f1
from rung.text.matching.characters import LETTER, UNSPACED, WORD, folded
from rung.text.matching.counting import as_digits
from rung.text.matching.figures import figured_f1, values
from rung.text.matching.reading import reading_of, tokens
from rung.text.matching.scanning import Reading
from rung.text.matching.terms import has_runs, run_terms, terms
from rung.text.matching.units import joined_amounts

__all__ = [
    "LETTER",
    "UNSPACED",
    "WORD",
    "Reading",
    "as_digits",
    "best",
    "contains",
    "figured_f1",
    "folded",
    "has_runs",
    "holds",
    "joined_amounts",
    "matches",
    "reading_of",
    "run_terms",
    "terms",
    "token_f1",
    "tokens",
    "values",
]
