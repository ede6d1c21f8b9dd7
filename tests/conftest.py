"""Laws are tested by as many examples as ever, but never against the clock: machines here are shared."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("rung", deadline=None)
settings.load_profile("rung")
