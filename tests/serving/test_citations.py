"""Is what the APIs have no place for said in the field of our own?"""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from rung.records import Answer
from rung.serving.answered import Answered
from rung.serving.citations import own_field
from rung.serving.response_forms import Own


@pytest.mark.parametrize("failed", [True, False])
def test_a_memory_that_could_not_be_searched_is_said(failed: bool) -> None:
    answered = SimpleNamespace(
        answer=Answer("nine euros", by="rag", memory_failed=failed),
        asked=SimpleNamespace(deployment=SimpleNamespace(pinned=SimpleNamespace(label="semantic_cache"), digest="abc")),
        ended=SimpleNamespace(live=SimpleNamespace(cut_prompts=0)),
        as_measured=True,
        cited=(),
        is_cached=False,
    )
    entry = own_field(cast("Answered", answered), "http://here")
    assert entry.get("memory_failed") == (True if failed else None)
    assert Own.model_validate(entry).memory_failed is failed
