"""A typed Python function as a tool: its parameters are told from its annotations, and checked before it is called."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import json
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from rung.config.tool_settings import FunctionSettings
from rung.errors import UserError, first_line
from rung.records import Json, ToolSpec
from rung.tools.freshness import period


class FunctionTool:
    """The tool that a function of the project's is; its docstring says what it does."""

    def __init__(self, settings: FunctionSettings, root: Path) -> None:
        from pydantic import TypeAdapter, validate_call

        file, _, name = settings.function.rpartition(":")
        path = root / file
        function = _loaded(path, name)
        kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD, inspect.Parameter.POSITIONAL_ONLY)
        if odd := [p.name for p in inspect.signature(function).parameters.values() if p.kind in kinds]:
            raise UserError(
                f"{path}: '{name}' takes '{odd[0]}' in a way that cannot be named in a call: give it a name of its own"
            )
        if bare := [p.name for p in inspect.signature(function).parameters.values() if p.annotation is p.empty]:
            raise UserError(
                f"{path}: '{name}' does not say of what type '{bare[0]}' is: the model is told by the annotations"
            )
        described: TypeAdapter[Any] = TypeAdapter(function)  # type: ignore[arg-type]
        about = settings.about or inspect.getdoc(function) or ""
        if not about:
            raise UserError(
                f"{path}: '{name}' has no docstring, so that the model is not told what it does (or give 'about')"
            )
        self._call: Callable[..., Any] = validate_call(function)
        self._settings, self._digest = settings, hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        self.seconds = settings.seconds
        self.spec = ToolSpec(settings.name or name, about, json.dumps(described.json_schema(mode="validation")))

    @property
    def identity(self) -> str:
        return f"python 1 {self._settings.function} {self._digest}{period(self._settings.fresh)}"

    def call(self, arguments: Mapping[str, Json]) -> Json:
        """What the function returns, as JSON.

        Raises:
            ValueError: the arguments do not do, or the function says so itself.
        """
        from pydantic import ValidationError
        from pydantic_core import PydanticSerializationError, to_jsonable_python

        try:
            value = self._call(**arguments)
        except ValidationError as error:
            first = error.errors()[0]
            raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
        try:
            result: Json = to_jsonable_python(value)
        except PydanticSerializationError as error:
            raise TypeError(f"it returned what is no JSON: {first_line(error)}") from error
        return result


def _loaded(path: Path, name: str) -> Callable[..., Any]:
    """A function of a file of the project's.

    Raises:
        UserError: there is no such file, it cannot be run, or it has no such function.
    """
    if not path.is_file():
        raise UserError(f"{path}: there is no such file")
    spec = importlib.util.spec_from_file_location(f"rung_tool_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    module.__dict__["print"] = partial(print, file=sys.stderr)  # stdout is for what commands say, as --json does
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise UserError(f"{path}: cannot be run: {type(error).__name__}: {first_line(error)}") from error
    function = getattr(module, name, None)
    if not inspect.isfunction(function) or inspect.iscoroutinefunction(function):
        raise UserError(f"{path}: '{name}' is no plain function of this file")
    return function
