#!/usr/bin/env bash
# sentence-transformers 6.2.0 with transformers 5: a model that was made with do_lower_case=True tells "ABC" from "abc" once it was
# saved and loaded, and nothing is said.
#
# Transformer(folder, do_lower_case=True) puts a lower-casing normaliser before that of the tokenizer. Saving writes it into
# tokenizer.json, but do_lower_case is no key of the module's config any more; loading a BERT tokenizer makes its normaliser anew
# from tokenizer_config.json, which says do_lower_case: false. Vectors of every text with a capital letter differ from those that
# were indexed before the model was saved.
#
# Seen on 2026-11-28 with sentence-transformers 6.2.0, torch 2.13.0, transformers 5.24.0 (Python 3.11):
#   as made:            "ABC" and "abc" are the same text: True
#   saved and loaded:   "ABC" and "abc" are the same text: False
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 -m venv "$scratch/venv"
"$scratch/venv/bin/pip" install -q torch==2.13.0 sentence-transformers==6.2.0 transformers==5.24.0
cat >"$scratch/try.py" <<'PY'
import sys
from pathlib import Path

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.models import Pooling, Transformer
from transformers import BertConfig, BertModel, BertTokenizerFast

root = Path(sys.argv[1])
base = root / "base"
base.mkdir()
words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "abc", "ABC"]
(base / "vocab.txt").write_text("\n".join(words) + "\n")
torch.manual_seed(0)
shape = dict(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)
BertModel(BertConfig(vocab_size=len(words), **shape)).save_pretrained(base)
BertTokenizerFast(str(base / "vocab.txt"), do_lower_case=False).save_pretrained(base)


def same(model: SentenceTransformer) -> bool:
    return bool(np.allclose(model.encode("ABC"), model.encode("abc")))


made = SentenceTransformer(modules=[Transformer(str(base), do_lower_case=True), Pooling(16)], device="cpu")
made.save(str(root / "saved"))
loaded = SentenceTransformer(str(root / "saved"), device="cpu")
before, after = same(made), same(loaded)
print(f'as made:            "ABC" and "abc" are the same text: {before}')
print(f'saved and loaded:   "ABC" and "abc" are the same text: {after}')
sys.exit(0 if (before, after) == (True, False) else "this has changed")
PY
"$scratch/venv/bin/python" "$scratch/try.py" "$scratch"
