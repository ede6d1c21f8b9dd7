"""A tuned model of a folder, for other programs: as a PEFT folder or merged; and whether they say what Rung serves.

Models that Rung serves from arrays are left to `export` and `parity`.
"""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rung.errors import UserError
from rung.models.adapters import WEIGHTS
from rung.models.causal.chat import Chat
from rung.models.causal.network import open_network, require_memory
from rung.records.steps import Engine
from rung.training.export import with_folder, write_settings
from rung.training.generator import MANIFEST
from rung.training.parity import Chat as Conversation
from rung.training.parity import Parity, Parted, first_difference, served_answers
from rung.training.sources import InFolder

PRECISIONS = {"f32": "float32", "f16": "float16", "bf16": "bfloat16"}
_MADE_ANEW = ("config.json", "adapter_config.json")  # beside weights and their index
_BESIDE = (".json", ".jinja", ".model", ".txt")


@dataclass(frozen=True, slots=True)
class TunedFolder:
    """What is exported: an adapter's folder, and the model that it was made for."""

    adapter: Path
    model: InFolder


def write_folder(tuned: TunedFolder, form: str, out: Path, *, precision: str = "f32") -> None:
    """Write the form "peft" or "merged".

    Raises:
        UserError: there is no such form or precision, it cannot be written, or `out` is there already.
    """
    if form not in ("peft", "merged"):
        raise UserError(f"{tuned.model.name} is a model in a folder: it is exported with --to peft or merged, not {form}")
    if precision not in PRECISIONS:
        raise UserError(f"merged weights are written in {', '.join(PRECISIONS)}, not {precision}")

    def write(part: Path) -> None:
        if form == "merged":
            _merge(tuned, part, PRECISIONS[precision])
        else:
            write_settings(tuned.adapter, part)
        for name in (MANIFEST,) if form == "merged" else (WEIGHTS, MANIFEST):
            shutil.copyfile(tuned.adapter / name, part / name)

    with_folder(out, write)


def _merge(tuned: TunedFolder, part: Path, number: str) -> None:
    import torch

    source = tuned.model.files.path
    model = _adapted(tuned.model, tuned.adapter, torch.float32).merge_and_unload()
    model.to(getattr(torch, number)).save_pretrained(part)
    for file in sorted(source.iterdir()):
        if file.is_file() and file.suffix in _BESIDE and file.name not in _MADE_ANEW and "index" not in file.name:
            shutil.copyfile(file, part / file.name)


def _adapted(model: InFolder, adapter: Path, dtype: Any) -> Any:
    from peft import PeftModel

    model.close()
    require_memory(model.files, "cpu", dtype)
    base = open_network(model.files, where="cpu", dtype=dtype).model
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peft asks transformers by a name that later ones have not
        return PeftModel.from_pretrained(base, str(adapter))


def check_folder_export(
    form: str, out: Path, tuned: TunedFolder, chats: Sequence[Conversation], *, engine: Engine, digest: str, max_tokens: int
) -> list[Parity]:
    """What transformers says by the export, greedily and in float32 on the CPU, against what `engine` serves.

    Raises:
        UserError: a prompt could not be answered.
    """
    import torch

    served = served_answers(engine, digest, chats, max_tokens=max_tokens)
    own = tuned.model.chat
    if form == "peft":
        network, reading, program = _adapted(tuned.model, out, torch.float32), own, "transformers + PEFT"
    else:
        from transformers import AutoModelForCausalLM

        tuned.model.close()
        network = AutoModelForCausalLM.from_pretrained(out, dtype=torch.float32, local_files_only=True)
        reading, program = Chat(out, ends=own.ends), "transformers"
    parted = []
    for index, (chat, answer) in enumerate(zip(chats, served, strict=True)):
        ours = own.encode([answer.text])[0]
        theirs = own.encode([_greedy(network.eval(), reading, chat, max_tokens)])[0]
        if ours != theirs:
            position = first_difference(ours, theirs)
            shown = [own.decode(row[position : position + 1]) or "(end)" for row in (ours, theirs)]
            parted.append(Parted(index, position, shown[0], shown[1], None))
    return [Parity(program, len(chats), len(chats) - len(parted), tuple(parted))]


def _greedy(network: Any, reading: Chat, chat: Conversation, max_tokens: int) -> str:
    import torch

    (ids,) = reading.encode([reading.render(chat)])
    given = torch.tensor([ids])
    with torch.inference_mode():
        whole = network.generate(
            input_ids=given, attention_mask=torch.ones_like(given), max_new_tokens=max_tokens, do_sample=False,
            eos_token_id=list(reading.ends), pad_token_id=reading.ends[0],
        )  # fmt: skip
    return reading.decode(whole[0, len(ids) :].tolist())
