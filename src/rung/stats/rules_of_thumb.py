"""How many examples, and how many test cases, are enough for what: the practitioners' numbers, said in one place.

docs/advise.md says whose they are; `rung compare` tests them on the project's own data.
"""

from __future__ import annotations

MIN_EXAMPLES = 50  # below: they prompt, they do not train
STYLE_EXAMPLES = 100  # up to here a style is learnt, and no more
TASK_EXAMPLES = 500  # from here a task is learnt
START_CASES, JUDGING_CASES = 5, 50
CASES_WANTED = "five test cases make a start, fifty a judgement"
MANY_EXAMPLES = 2000  # past here better rows help more than further ones

FIVE_LINES = """\
{"question": "How long may I return an item?", "answers": ["30 days"]}
{"question": "Who pays for the return?", "answers": ["the customer", "the buyer"]}
{"question": "Do you ship to Norway?", "answers": ["yes"], "gold_documents": ["docs/shipping.md"]}
{"question": "What is express?", "answers": ["9 EUR"], "evidence": [{"document": "docs/prices.md", "quote": "9 EUR"}]}
{"question": "Who is the chief executive?", "answers": [], "answerable": false}"""
NO_CASES = (
    "nothing can be judged without a test set. Write cases.jsonl, one case a line, and name it under 'cases:' in "
    f"rung.yaml; {CASES_WANTED}:\n{FIVE_LINES}"
)
NO_LINES = (
    "nothing can be judged without a test set. Write cases into it, one a line, or let 'rung cases suggest' draft some of "
    f"the documents; {CASES_WANTED}:\n{FIVE_LINES}"
)
NO_JSON_LINES = (
    "cases are JSON lines, one a line, as 'rung import {0}' makes them of tables and of other tools' files; then name what "
    "it wrote under 'cases:' in rung.yaml"
)


def advice(rows: int) -> str:
    """What so many good rows are enough for, as a sentence.

    >>> advice(12)
    '12 rows: do not train on fewer than 50; show them in the prompt (few_shot)'
    """
    opening = f"{rows:,} row{'s' if rows != 1 else ''}: "
    if rows < MIN_EXAMPLES:
        return f"{opening}do not train on fewer than {MIN_EXAMPLES}; show them in the prompt (few_shot)"
    if rows <= STYLE_EXAMPLES:
        return f"{opening}enough to teach a style, not a task; a task takes {TASK_EXAMPLES:,} to {MANY_EXAMPLES:,}"
    if rows < TASK_EXAMPLES:
        return f"{opening}more than a style needs, fewer than a task takes ({TASK_EXAMPLES:,} to {MANY_EXAMPLES:,})"
    if rows <= MANY_EXAMPLES:
        return f"{opening}enough to teach a task; quality before number"
    return f"{opening}plenty for a task; past {MANY_EXAMPLES:,} better rows help more than further ones"
