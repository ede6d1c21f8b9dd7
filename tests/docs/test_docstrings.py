"""Do the examples in docstrings say what comes out?"""

from __future__ import annotations

import doctest
import importlib

import pytest

from tests.architecture.source_tree import modules

WITH_EXAMPLES = [module.name for module in modules() if ">>> " in module.text]


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_the_examples_of_a_module(name: str) -> None:
    failed, tried = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert tried
    assert not failed


def test_there_are_examples() -> None:
    assert len(WITH_EXAMPLES) > 10
