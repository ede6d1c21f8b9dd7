"""Is it the same function as Hugging Face's llama with a PEFT adapter, and are its gradients those of autograd?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from rung.training import attention, network
from rung.training.examples import Row
from rung.training.greedy import greedy
from rung.training.lora import Adapters
from rung.training.network import Network
from rung.training.packing import pack, shared_beginning
from rung.training.shape import Shape
from tests.training.tiny import CONFIG, END, TinyModel, stirred, token_rows

torch = pytest.importorskip("torch")
SHAPE = Shape.of(CONFIG)


def tensors() -> dict[str, Any]:
    return {name: torch.from_numpy(weight) for name, weight in TinyModel().weights().items()}


def reference(adapters: Adapters, folder: Path) -> Any:
    """The same model, by transformers and peft, the adapter loaded from our own files."""
    from peft import PeftModel
    from transformers import LlamaConfig, LlamaForCausalLM

    base = LlamaForCausalLM(LlamaConfig(**CONFIG))
    base.load_state_dict(tensors(), strict=False)
    base.tie_weights()
    for name, content in adapters.files(base={"name": "tiny"}).items():
        (folder / name).write_bytes(content)
    return PeftModel.from_pretrained(base, folder, is_trainable=True)


def autograd(model: Any, rows: Sequence[Row]) -> tuple[float, dict[str, Any]]:
    """Summed cross entropy of the answers, row by row, and its gradients by PEFT's names."""
    total = 0.0
    for row in rows:
        ids = torch.tensor([row.ids])
        logits = model(input_ids=ids).logits[0, row.prompt - 1 : -1]
        loss = torch.nn.functional.cross_entropy(logits, ids[0, row.prompt :], reduction="sum")
        loss.backward()
        total += float(loss.detach())
    found = {n.replace(".default", ""): p.grad for n, p in model.named_parameters() if p.grad is not None}
    return total, found


def by_name(adapters: Adapters) -> dict[str, Any]:
    """Our gradients by PEFT's names."""
    kept = adapters.values.clone()
    adapters.values.copy_(adapters.gradient)
    named = adapters.tensors()
    adapters.values.copy_(kept)
    return named


def assert_same(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    assert ours.keys() == theirs.keys()
    for name, gradient in theirs.items():
        assert float((ours[name] - gradient).norm() / gradient.norm()) < 1e-4, name


@pytest.mark.slow
@pytest.mark.parametrize("first", [0, 1, 2])
@pytest.mark.parametrize("share", [True, False])
def test_loss_and_gradients_are_those_of_peft(first: int, share: bool, tmp_path: Path) -> None:
    adapters = stirred(SHAPE, first=first)
    rows = token_rows(7)
    total, theirs = autograd(reference(adapters, tmp_path), rows)
    net = Network(tensors(), SHAPE, adapters)
    packed = pack(rows, share=share)
    assert (packed.shared > 20) is share
    assert net.loss(packed) == pytest.approx(total, rel=1e-5)
    assert net.learn(packed, weight=1.0) == pytest.approx(total, rel=1e-5)
    assert_same(by_name(adapters), theirs)


def test_attention_that_is_too_large_to_keep_is_computed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    adapters = stirred(SHAPE)
    rows = token_rows(7)
    _, theirs = autograd(reference(adapters, tmp_path), rows)
    monkeypatch.setattr(attention, "MAX_KEPT", 10)
    monkeypatch.setattr(network, "HEAD_ROWS", 3)
    Network(tensors(), SHAPE, adapters).learn(pack(rows), weight=1.0)
    assert_same(by_name(adapters), theirs)


def test_batches_of_other_sizes_leave_nothing_behind() -> None:
    """The buffers stay from batch to batch: a small batch after a large one must not see the large one's numbers."""
    rows = token_rows(12)
    adapters = stirred(SHAPE)
    net = Network(tensors(), SHAPE, adapters)
    net.learn(pack(rows[:2]), weight=1.0)
    fresh = adapters.gradient.clone()
    net.learn(pack(rows), weight=1.0)
    adapters.gradient.zero_()
    net.learn(pack(rows[:2]), weight=1.0)
    torch.testing.assert_close(adapters.gradient, fresh)


def test_gradients_add_up_and_follow_their_weight() -> None:
    rows = token_rows(6)
    adapters = stirred(SHAPE)
    net = Network(tensors(), SHAPE, adapters)
    net.learn(pack(rows), weight=0.5)
    whole = adapters.gradient.clone()
    adapters.gradient.zero_()
    net.learn(pack(rows[:2]), weight=0.5)
    net.learn(pack(rows[2:]), weight=0.5)
    torch.testing.assert_close(adapters.gradient, whole, rtol=1e-4, atol=1e-6)


def test_one_row_and_rows_without_a_common_beginning() -> None:
    rows = [Row((1, 2, 3, 4), 2), Row((5, 6, 7, 8, 9), 3)]
    assert shared_beginning(rows) == 0
    adapters = stirred(SHAPE)
    net = Network(tensors(), SHAPE, adapters)
    apart = sum(net.loss(pack([row])) for row in rows)
    assert net.loss(pack(rows)) == pytest.approx(apart, rel=1e-5)


def test_the_shared_beginning_ends_before_the_last_token_of_the_shortest_prompt() -> None:
    assert shared_beginning([Row((1, 2, 3, 4), 3), Row((1, 2, 3, 4, 5), 4)]) == 2
    assert shared_beginning([Row((1, 2, 9, 4), 3), Row((1, 2, 3, 4, 5), 4)]) == 2
    assert shared_beginning([Row((1, 9, 9, 4), 3), Row((1, 2, 3, 4, 5), 4)]) == 1


def test_bfloat16_products_stay_near(tmp_path: Path) -> None:
    adapters = stirred(SHAPE)
    packed = pack(token_rows(7))
    Network(tensors(), SHAPE, adapters).learn(packed, weight=1.0)
    exact = adapters.gradient.clone()
    adapters.gradient.zero_()
    Network(tensors(), SHAPE, adapters, dtype=torch.bfloat16).learn(packed, weight=1.0)
    assert float((adapters.gradient - exact).norm() / exact.norm()) < 0.05


def test_greedy_text_is_that_of_transformers(tmp_path: Path) -> None:
    adapters = stirred(SHAPE)
    model = reference(adapters, tmp_path)
    prompts = [list(row.ids[: row.prompt]) for row in token_rows(5)]
    ours = greedy(Network(tensors(), SHAPE, adapters), prompts, end=END, max_tokens=8)
    for prompt, said in zip(prompts, ours, strict=True):
        theirs = list(prompt)
        with torch.no_grad():
            for _ in range(8):
                theirs.append(int(model(input_ids=torch.tensor([theirs])).logits[0, -1].argmax()))
                if theirs[-1] == END:
                    break
        assert said == [token for token in theirs[len(prompt) :] if token != END]
