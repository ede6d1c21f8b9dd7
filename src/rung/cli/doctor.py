"""`rung doctor`: what is here, what is missing, and the exact line that mends it."""

from __future__ import annotations

from rung.cli.main import FINE, YOURS
from rung.cli.options import Json
from rung.cli.screen import out

SIGNS = {"ok": "✓", "missing": "-", "wrong": "✗"}


def doctor(json: Json = False) -> int:
    """Say what is here, what is missing, and the exact line that mends it. Exits with 2 when something is wrong."""
    from json import dumps

    from rung.models.doctor import examine
    from rung.records import plain

    checks = examine()
    if json:
        out(dumps({"checks": plain(checks)}, ensure_ascii=False))
    else:
        width = max(len(check.name) for check in checks)
        for check in checks:
            out(f"{SIGNS[check.status]} {check.name:<{width}}  {check.detail}")
            if check.mend:
                out(f"  {'':<{width}}  → {check.mend}")
    return YOURS if any(check.status == "wrong" for check in checks) else FINE
