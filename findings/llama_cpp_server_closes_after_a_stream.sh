#!/usr/bin/env bash
# llama.cpp's server (packed by xllamacpp 2026.10.11549): after a streamed answer it closes a connection that it has just
# promised to keep.
#
# The answer's head says "Keep-Alive: timeout=5, max=100" and nothing of closing, its body ends whole ("data: [DONE]" and the
# last chunk). The next request on that connection gets no answer at all. Whole answers keep their connection as promised.
# Clients that look whether an idle connection is still open before they use it hide this by connecting anew each time; those
# that send at once (a load tool with kept connections, Python's http.client, a proxy with a pool) lose the request, and
# since it was a POST must not repeat it. Asked by wrk with 64 connections, 55 of 256 streamed answers came to nothing, which
# looks like a server that falls under load.
#
# Seen on 2026-11-30 (Linux x86-64, Python 3.11), a random model of one layer, two requests one after the other on one connection:
#   whole     200, 200
#   streamed  200, then closed without an answer
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 -m venv "$scratch/venv"
"$scratch/venv/bin/pip" install -q xllamacpp==2026.10.11549 gguf==0.19.0 numpy==2.4.6
cat >"$scratch/model.py" <<'PY'
import sys

import gguf
import numpy as np

WIDTH, HIDDEN, HEADS = 64, 128, 2
tokens = [b"<unk>", b"<s>", b"</s>", *(b"<0x%02X>" % n for n in range(256))]
kinds = [gguf.TokenType.UNKNOWN, gguf.TokenType.CONTROL, gguf.TokenType.CONTROL, *[gguf.TokenType.BYTE] * 256]
writer = gguf.GGUFWriter(sys.argv[1], "llama")
writer.add_context_length(256)
writer.add_embedding_length(WIDTH)
writer.add_block_count(1)
writer.add_feed_forward_length(HIDDEN)
writer.add_head_count(HEADS)
writer.add_head_count_kv(HEADS)
writer.add_rope_dimension_count(WIDTH // HEADS)
writer.add_layer_norm_rms_eps(1e-5)
writer.add_tokenizer_model("llama")
writer.add_token_list(tokens)
writer.add_token_scores([0.0] * len(tokens))
writer.add_token_types(kinds)
writer.add_bos_token_id(1)
writer.add_eos_token_id(2)
draw = np.random.default_rng(0)
shapes = {"token_embd": (len(tokens), WIDTH), "output": (len(tokens), WIDTH)}
shapes |= {f"blk.0.attn_{name}": (WIDTH, WIDTH) for name in ("q", "k", "v", "output")}
shapes |= {"blk.0.ffn_gate": (HIDDEN, WIDTH), "blk.0.ffn_up": (HIDDEN, WIDTH), "blk.0.ffn_down": (WIDTH, HIDDEN)}
for name, shape in shapes.items():
    writer.add_tensor(f"{name}.weight", draw.normal(0, 0.1, shape).astype(np.float32))
for name in ("output_norm", "blk.0.attn_norm", "blk.0.ffn_norm"):
    writer.add_tensor(f"{name}.weight", np.ones(WIDTH, np.float32))
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
PY
cat >"$scratch/try.py" <<'PY'
import http.client
import json
import os
import sys

import xllamacpp

wanted = xllamacpp.CommonParams()
wanted.model.path, wanted.n_ctx, wanted.n_parallel, wanted.warmup = sys.argv[1], 256, 1, False
wanted.hostnames, wanted.port = ["127.0.0.1"], 0
server = xllamacpp.Server(wanted)
host = server.listening_address.removeprefix("http://")
said = {}
for streamed in (False, True):
    client = http.client.HTTPConnection(host, timeout=60)
    for turn in (1, 2):
        body = {"prompt": "one two three", "max_tokens": 2, "stream": streamed}
        try:
            client.request("POST", "/v1/completions", json.dumps(body), {"Content-Type": "application/json"})
            answer = client.getresponse()
            answer.read()
            kept, closed = answer.getheader("Keep-Alive"), answer.getheader("Connection")
            said[streamed, turn] = f"{answer.status}, Keep-Alive: {kept}, Connection: {closed}"
        except OSError as error:
            said[streamed, turn] = type(error).__name__
            break
for (streamed, turn), line in said.items():
    print("streamed" if streamed else "whole   ", turn, line, flush=True)
promised = "200, Keep-Alive: timeout=5, max=100, Connection: None"
wanted_lines = {(False, 1): promised, (False, 2): promised, (True, 1): promised, (True, 2): "RemoteDisconnected"}
same = said == wanted_lines
print("as stated" if same else "this has changed", flush=True)
os._exit(0 if same else 1)  # the server's threads are not waited for
PY
"$scratch/venv/bin/python" "$scratch/model.py" "$scratch/tiny.gguf"
"$scratch/venv/bin/python" "$scratch/try.py" "$scratch/tiny.gguf" 2>/dev/null
