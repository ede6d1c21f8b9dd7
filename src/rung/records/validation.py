"""Settings that pydantic checks where they are made, and the sentence that says what is wrong with one.

A settings record is a frozen dataclass with ranges beside its types:

>>> @settings
... class Shots:
...     shots: Annotated[int, Field(ge=1, le=100)] = 4
>>> checked(Shots, {"shots": 0})
Traceback (most recent call last):
rung.records.validation.WrongSetting: setting 'shots' must be a whole number from 1 to 100, found 0

What is given is kept as it is (1 does not become 1.0), because digests are made of it.
"""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, TypeVar, cast, dataclass_transform, get_args, get_origin

from pydantic import ConfigDict, Field, ValidationError, WrapValidator
from pydantic.dataclasses import dataclass, is_pydantic_dataclass
from pydantic.fields import FieldInfo

from rung.errors import UserError

S = TypeVar("S")
T = TypeVar("T")
_STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
_SCIENTIFIC = re.compile(r"[-+]?\d+(?:\.\d*)?[eE][-+]?\d+")  # YAML reads 2e-3, without a point, as a text
_KINDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
_LISTS = {int: "a list of whole numbers", str: "a list of texts"}


class WrongSetting(UserError):
    """A setting is unknown or out of range. `name`: which; "" where several do not go together."""

    def __init__(self, message: str, name: str) -> None:
        self.name = name
        super().__init__(message)


def number(value: T) -> T | float:
    """The number that a text such as "2e-3" is, for YAML; anything else as it is."""
    return float(value) if isinstance(value, str) and _SCIENTIFIC.fullmatch(value) else value


def _as_given(value: object, check: Callable[[object], float]) -> object:
    value = number(value)
    check(value)
    return value


Number = Annotated[float, WrapValidator(_as_given)]
Share = Annotated[Number, Field(ge=0, le=1)]


@dataclass_transform(frozen_default=True)
def settings(record: type[S]) -> type[S]:
    """Make a class a frozen dataclass whose values are checked; a `ValueError` of its `__post_init__` counts as well."""
    return cast(type[S], dataclass(record, frozen=True, slots=True, config=_STRICT))


def checked(record: type[S], given: Mapping[str, object], *, noun: str = "setting") -> S:
    """A settings record, or the dataclass of a plugin, with these values; the rest are its defaults.

    Raises:
        WrongSetting: one is unknown, of a wrong type or out of range; the first of them, with what it may be.
    """
    checking = _checking(record)  # type: ignore[arg-type]  # every class can be hashed
    try:
        instance: S = checking(**given)
    except ValidationError as error:
        raise _explained(error, checking.__pydantic_fields__, given, noun) from None
    return instance


@functools.cache
def _checking(record: type) -> Any:
    """The record, or a subclass of one that does not check its values itself."""
    return record if is_pydantic_dataclass(record) else dataclass(record, frozen=True, config=_STRICT)


def _explained(
    error: ValidationError, fields: Mapping[str, FieldInfo], given: Mapping[str, object], noun: str
) -> WrongSetting:
    mistake = error.errors()[0]
    where, message = mistake["loc"], mistake["msg"].removeprefix("Value error, ")
    if not where:
        return WrongSetting(message, "")
    name = str(where[0])
    if name not in fields:
        close = difflib.get_close_matches(name, fields, n=1)
        hint = f"did you mean '{close[0]}'?" if close else f"known: {', '.join(fields)}"
        return WrongSetting(f"unknown {noun} '{name}'; {hint}", name)
    allowed = message if mistake["type"] == "value_error" else _allowed(fields[name])
    return WrongSetting(f"{noun} '{name}' must be {allowed}, found {given[name]!r}", name)


def _allowed(field: FieldInfo) -> str:
    """What may stand in a field: its type and range."""
    kind: Any = field.annotation
    metadata, names = field.metadata, _KINDS
    if get_origin(kind) is Literal:
        return f"one of {', '.join(map(str, get_args(kind)))}"
    if get_origin(kind) is tuple:
        kind, about = get_args(get_args(kind)[0])
        metadata, names = about.metadata, _LISTS
    low, high = (next((getattr(m, end) for m in metadata if hasattr(m, end)), None) for end in ("ge", "le"))
    room = "" if low is None else f" of at least {low:g}" if high is None else f" from {low:g} to {high:g}"
    return names.get(kind, str(kind)) + room
