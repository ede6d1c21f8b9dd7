"""Whether an answer in sentences states an accepted answer."""

from rung.text.stating.agreement import stated

__all__ = ["stated"]
