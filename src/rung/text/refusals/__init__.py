"""How an answer says that it does not know, and which answers say so: in words, in four languages, and under a schema."""

from rung.text.refusals.saying import REFUSAL, is_refusal, refusal_json

__all__ = ["REFUSAL", "is_refusal", "refusal_json"]
