"""Laws are tested by as many examples as ever, but never against the clock: machines here are shared.

A test that takes the machine's memory fails alone: without a limit the system kills its worker, and with it what it had
still to run.
"""

from __future__ import annotations

import os
import resource

from hypothesis import settings

MOST = 0.8  # of the machine's memory that one process may have asked for

settings.register_profile("rung", deadline=None)
settings.load_profile("rung")

_, _hard = resource.getrlimit(resource.RLIMIT_DATA)
_most = int(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") * MOST)
resource.setrlimit(resource.RLIMIT_DATA, (_most if _hard == resource.RLIM_INFINITY else min(_most, _hard), _hard))
