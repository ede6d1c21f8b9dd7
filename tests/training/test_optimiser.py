"""Does it move as torch's AdamW does, and does the rate rise and fall as it should?"""

from __future__ import annotations

import pytest

from rung.training.optimiser import Adam, rate_at

torch = pytest.importorskip("torch")


def test_it_moves_as_torch_does() -> None:
    luck = torch.Generator().manual_seed(0)
    ours = torch.randn(50, generator=luck)
    theirs = torch.nn.Parameter(ours.clone())
    reference = torch.optim.AdamW([theirs], lr=1.0, weight_decay=0.0)
    gradient = torch.zeros(50)
    adam = Adam(ours, gradient)
    for number in range(1, 20):
        gradient.copy_(torch.randn(50, generator=luck) * (5 if number % 2 else 0.01))
        theirs.grad = gradient.clone()
        wanted = float(torch.nn.utils.clip_grad_norm_([theirs], 1.0))
        reference.param_groups[0]["lr"] = rate = 0.1 / number
        reference.step()
        assert adam.step(number, rate=rate, clip=1.0) == pytest.approx(wanted, rel=1e-5)
        torch.testing.assert_close(ours, theirs.detach())


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_nothing_moves_on_a_gradient_that_is_no_number(bad: float) -> None:
    values, gradient = torch.ones(3), torch.tensor([1.0, bad, 1.0])
    Adam(values, gradient).step(1, rate=0.1, clip=1.0)
    assert values.tolist() == [1, 1, 1]


def test_the_rate_rises_then_falls_to_nearly_nothing() -> None:
    rates = [rate_at(step, steps=100, peak=1.0, warmup=0.1) for step in range(100)]
    assert rates[:10] == sorted(rates[:10])
    assert rates[10] == max(rates) == 1.0
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert 0 < rates[-1] < 0.02
    assert rate_at(0, steps=1, peak=1.0, warmup=0.0) == 1.0
