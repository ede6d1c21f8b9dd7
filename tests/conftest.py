"""Laws are tested by as many examples as ever, but never against the clock: machines here are shared.

A test that takes the machine's memory fails alone: without a limit the system kills its worker, and with it what it had
still to run.

What is there once ten thousand tests are collected lives to the end of the run: the garbage collector need not go through it
as it grows, nor again and again afterwards.
"""

from __future__ import annotations

import gc
import os
import resource
from collections.abc import Generator, Iterator

import pytest
from hypothesis import settings

from tests.forked import Commands

MOST = 0.8  # of the machine's memory that one process may have asked for

settings.register_profile("rung", deadline=None)
settings.load_profile("rung")

_, _hard = resource.getrlimit(resource.RLIMIT_DATA)
_most = int(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") * MOST)
resource.setrlimit(resource.RLIMIT_DATA, (_most if _hard == resource.RLIM_INFINITY else min(_most, _hard), _hard))

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else every process that a test starts compiles Rung again


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """The garbage collector rests meanwhile, and then leaves out what there is."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session")
def commands() -> Iterator[Commands]:
    """Runs commands of Rung."""
    commands = Commands()
    yield commands
    commands.close()
