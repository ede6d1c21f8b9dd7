#!/usr/bin/env bash
# sentence-transformers 6.2.0: encode_document() never uses a prompt that is named "passage" or "corpus".
#
# Its documentation says that the first of "document", "passage" and "corpus" among the model's prompts is used. The prompts of
# every model begin as {"query": "", "document": ""}, so "document" is always there, empty, and always comes first: a model of
# E5's kind, whose prompts are "query" and "passage", embeds its passages without their prompt, and nothing is said. Questions get
# theirs. Naming the prompt (prompt_name="passage") or calling it "document" helps.
#
# Seen on 2026-11-28 with sentence-transformers 6.2.0, torch 2.13.0, transformers 5.24.0 (Python 3.11):
#   query prompt used by encode_query: True
#   passage prompt used by encode_document: False
#   passage prompt used when it is called "document": True
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 -m venv "$scratch/venv"
"$scratch/venv/bin/pip" install -q torch==2.13.0 sentence-transformers==6.2.0 transformers==5.24.0
cat >"$scratch/try.py" <<'PY'
import sys

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.models import StaticEmbedding
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

WORDS = ["[UNK]", "query", "passage", ":", "the", "returns", "desk", "is", "open"]


def model(prompts: dict[str, str]) -> SentenceTransformer:
    torch.manual_seed(0)
    tokenizer = Tokenizer(WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    return SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_dim=16)], prompts=prompts, device="cpu")


text = "the returns desk is open"
named = model({"query": "query: ", "passage": "passage: "})
renamed = model({"query": "query: ", "document": "passage: "})
query = bool(np.allclose(named.encode_query(text), named.encode(f"query: {text}")))
passage = bool(np.allclose(named.encode_document(text), named.encode(f"passage: {text}")))
document = bool(np.allclose(renamed.encode_document(text), renamed.encode(f"passage: {text}")))
print(f"query prompt used by encode_query: {query}")
print(f"passage prompt used by encode_document: {passage}")
print(f'passage prompt used when it is called "document": {document}')
sys.exit(0 if (query, passage, document) == (True, False, True) else "this has changed")
PY
"$scratch/venv/bin/python" "$scratch/try.py"
