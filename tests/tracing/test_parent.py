"""A caller's traceparent is taken where it is one, by W3C Trace Context, and nothing else is."""

from __future__ import annotations

import pytest

from rung.tracing.parent import TraceParent, is_sampled, new_span, new_trace, traceparent

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.mark.parametrize(
    ("header", "sampled"),
    [(f"00-{TRACE}-{SPAN}-01", True), (f"00-{TRACE}-{SPAN}-02", False), (f"cc-{TRACE}-{SPAN}-03-more", True)],
)
def test_a_parent_is_taken(header: str, sampled: bool) -> None:
    assert traceparent([header]) == TraceParent(TRACE, SPAN, sampled)


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [f"00-{TRACE}-{SPAN}-01"] * 2,
        [f"ff-{TRACE}-{SPAN}-01"],
        [f"00-{'0' * 32}-{SPAN}-01"],
        [f"00-{TRACE}-{'0' * 16}-01"],
        [f"00-{TRACE.upper()}-{SPAN}-01"],
        [f"00-{TRACE}-{SPAN}-01-more"],
        [f"00-{TRACE}-{SPAN}"],
        ["\x1b[2J"],
        ["0" * 100_000],
    ],
)
def test_what_is_none_is_none(headers: list[str]) -> None:
    assert traceparent(headers) is None


def test_ids_are_drawn_and_a_share_of_them_is_kept() -> None:
    drawn = [new_trace() for _ in range(4_000)]
    assert len(set(drawn)) == len(drawn)
    assert {(len(new_span()), len(new_trace()))} == {(16, 32)}
    assert 800 < sum(is_sampled(one, 0.25) for one in drawn) < 1_200  # 1,000 expected, standard deviation 27
    assert all(is_sampled(one, 1.0) for one in drawn)
    assert not any(is_sampled(one, 0.0) for one in drawn)
