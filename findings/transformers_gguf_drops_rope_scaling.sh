#!/usr/bin/env bash
# transformers 5.24.0: a GGUF file says how positions are scaled (rope.scaling.type, .factor, .original_context_length); what is
# loaded from it has unscaled positions, without a word.
#
# A model whose context was stretched (linear or YaRN) answers as trained up to there in programs that read these keys, and
# reads garbage past its original length here. The base frequency (rope.freq_base) is taken over; scaling as Llama 3 has it, which GGUF
# holds as a tensor (rope_freqs.weight), is not either. Check the keys yourself before such a file is opened.
#
# Seen on 2026-11-29 with transformers 5.24.0, accelerate 1.15.0, gguf 0.19.0, torch 2.13.0 (Linux x86-64, Python 3.11):
#   linear, factor 4 -> default, theta 50000.0
#   yarn, factor 4 -> default, theta 50000.0
#   tensor, factor 4 -> default, theta 50000.0
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 -m venv "$scratch/venv"
"$scratch/venv/bin/pip" install -q torch==2.13.0 transformers==5.24.0 accelerate==1.15.0 gguf==0.19.0 numpy==2.4.6
cat >"$scratch/try.py" <<'PY'
import sys
import tempfile
from pathlib import Path

import gguf
import numpy as np
from transformers import AutoModelForCausalLM

WIDTH, INNER, WORDS = 32, 64, 64


def model(scaling: gguf.RopeScalingType, by_tensor: bool = False):
    """A llama of one layer, whose context of 2,048 tokens was stretched to 8,192; as Llama 3 says it: by a tensor."""
    folder = Path(tempfile.mkdtemp())
    file = gguf.GGUFWriter(str(folder / "model.gguf"), "llama")
    file.add_block_count(1)
    file.add_context_length(8192)
    file.add_embedding_length(WIDTH)
    file.add_feed_forward_length(INNER)
    file.add_head_count(2)
    file.add_head_count_kv(2)
    file.add_layer_norm_rms_eps(1e-5)
    file.add_rope_dimension_count(WIDTH // 2)
    file.add_rope_freq_base(50000.0)
    if by_tensor:
        file.add_tensor("rope_freqs.weight", np.full(WIDTH // 4, 4.0, np.float32))
    else:
        file.add_rope_scaling_type(scaling)
        file.add_rope_scaling_factor(4.0)
        file.add_rope_scaling_orig_ctx_len(2048)
    file.add_vocab_size(WORDS)
    file.add_tokenizer_model("gpt2")
    file.add_token_list([f"word{n}" for n in range(WORDS)])
    file.add_token_types([1] * WORDS)
    file.add_token_merges(["a b"])
    shapes = {"attn_q": (WIDTH, WIDTH), "attn_k": (WIDTH, WIDTH), "attn_v": (WIDTH, WIDTH), "attn_output": (WIDTH, WIDTH)}
    shapes |= {"ffn_gate": (INNER, WIDTH), "ffn_up": (INNER, WIDTH), "ffn_down": (WIDTH, INNER)}
    shapes |= {"attn_norm": (WIDTH,), "ffn_norm": (WIDTH,)}
    shapes = {f"blk.0.{name}": shape for name, shape in shapes.items()}
    shapes |= {"token_embd": (WORDS, WIDTH), "output": (WORDS, WIDTH), "output_norm": (WIDTH,)}
    for name, shape in shapes.items():
        file.add_tensor(f"{name}.weight", np.ones(shape, np.float32))
    file.write_header_to_file()
    file.write_kv_data_to_file()
    file.write_tensors_to_file()
    file.close()
    return AutoModelForCausalLM.from_pretrained(folder, gguf_file="model.gguf")


expected = ("default", 50000.0)
output = []
linear, yarn, none = gguf.RopeScalingType.LINEAR, gguf.RopeScalingType.YARN, gguf.RopeScalingType.NONE
for name, scaling, by_tensor in (("linear", linear, False), ("yarn", yarn, False), ("tensor", none, True)):
    positions = model(scaling, by_tensor).config.rope_parameters
    output.append((positions["rope_type"], positions["rope_theta"]))
    print(f"{name}, factor 4 -> {output[-1][0]}, theta {output[-1][1]}")
sys.exit(0 if output == [expected] * 3 else "this has changed")
PY
"$scratch/venv/bin/python" "$scratch/try.py"
