"""A client's JSON Schema, looked at before answers are held to it."""

from __future__ import annotations

from rung.serving.refusal import NotAnswered, invalid

MOST = 65_536  # characters of a schema, as canonical JSON
_PARAM = "response_format"
_NAME = "'response_format.json_schema.schema'"


def check_size(schema: str) -> None:
    """Refuse a schema (canonical JSON text) that nobody means, before work is put into it.

    Raises:
        NotAnswered: 400.
    """
    if len(schema) > MOST:
        raise invalid(f"{_NAME} has {len(schema):,} characters, and may have {MOST:,}", _PARAM)
    if not schema.isascii() and any("\ud800" <= character <= "\udfff" for character in schema):
        raise invalid(f"{_NAME} holds half a character, which no text can", _PARAM)


def check_schema(schema: str, *, by_own_engine: bool) -> None:
    """Refuse what no answer can be held to. It may take a while: a thread of its own is the place for it.

    Args:
        schema: canonical JSON text.
        by_own_engine: a model on this machine answers, whose grammar is made here.

    Raises:
        NotAnswered: 400.
    """
    from rung.models.grammar import Unsupported, held_of

    try:
        held_of(schema)
    except Unsupported as error:
        if error.is_wrong or by_own_engine or isinstance(error.__cause__, RecursionError):
            raise _refused(str(error)) from None
    except RecursionError:
        raise _refused("the schema is nested too deeply: make it simpler") from None


def _refused(why: str) -> NotAnswered:
    return invalid(f"{_NAME}: {why}", _PARAM)
