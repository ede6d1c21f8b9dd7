"""Arithmetic that is right: numbers, + - * / // % **, brackets, and a few functions. Nothing else is evaluated.

Fractions are computed exactly; only the result is rounded, to 12 significant digits.
"""

from __future__ import annotations

import ast
import json
import math
import operator
import re
from collections.abc import Callable, Mapping
from fractions import Fraction

from rung.records import Json, ToolSpec

MAX_CHARACTERS = 500
MAX_BITS = 4096  # of a numerator or denominator on the way: 9**9**9 must not stop the machine
_TWO: dict[type[ast.operator], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: lambda a, b: Fraction(a // b),
    ast.Mod: operator.mod,
}
_SIGNS: dict[int, str] = str.maketrans({"×": "*", "÷": "/", "−": "-", "–": "-", "^": "**", "$": "", "€": "", "£": ""})
_FUNCTIONS: dict[str, Callable[..., Fraction]] = {
    "abs": abs,
    "min": min,
    "max": max,
    "round": lambda x, digits=Fraction(0): round(x, _digits(digits)),
    "sqrt": lambda x: Fraction(_root(x)),
}
_PARAMETERS = {
    "type": "object",
    "properties": {"expression": {"type": "string", "description": "such as (48 / 2) * 1.5"}},
    "required": ["expression"],
}


class Calculator:
    """The tool `calculator`: one expression in, its value out as text."""

    identity = "calculator 1"
    spec = ToolSpec("calculator", "The value of an arithmetic expression.", json.dumps(_PARAMETERS))

    def call(self, arguments: Mapping[str, Json]) -> Json:
        """The value of `expression`: "24", "0.333333333333".

        Raises:
            ValueError: it is no arithmetic expression, has no value, or is too large.
        """
        expression = arguments.get("expression")
        if not isinstance(expression, str) or not expression.strip():
            raise ValueError("give an 'expression', such as (48 / 2) * 1.5")
        return shown(value_of(expression))


def value_of(expression: str) -> Fraction:
    """The exact value of an arithmetic expression as people write it: "$1,200 * 5%", "3 × 4", "2^10".

    Raises:
        ValueError: it is none, has no value, or is too large.
    """
    if len(expression) > MAX_CHARACTERS:
        raise ValueError(f"the expression is longer than {MAX_CHARACTERS} characters")
    try:
        tree = ast.parse(_written(expression), mode="eval")
        return _value(tree.body)
    except (SyntaxError, TypeError, RecursionError, MemoryError) as error:
        raise ValueError(f"{expression!r} is no arithmetic expression") from error
    except (ZeroDivisionError, OverflowError) as error:
        raise ValueError(f"{expression!r} has no value: {error}") from error


def shown(value: Fraction) -> str:
    """A number as text: whole ones whole, others with at most 12 significant digits."""
    if value.denominator == 1:
        return str(value.numerator)
    text = f"{float(value):.12g}"
    return text if "e" in text else text.rstrip("0").rstrip(".") if "." in text else text


def _written(expression: str) -> str:
    """What people write, as Python writes it."""
    text = re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", expression.strip().rstrip("=").strip())
    text = re.sub(r"(\d+(?:\.\d+)?)\s*%(?!\s*[\d(.])", r"(\1/100)", text)
    text = re.sub(r"(?<=\d)\s*[xX×](?=\s*[\d(.])", "*", text)
    return text.translate(_SIGNS)


def _value(node: ast.expr) -> Fraction:
    match node:
        case ast.Constant(value=bool()):
            raise TypeError
        case ast.Constant(value=int() | float() as number):
            return _bounded(Fraction(str(number)))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _value(operand)
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            return _power(_value(left), _value(right))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _TWO:
            return _bounded(_TWO[type(op)](_value(left), _value(right)))
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in _FUNCTIONS:
            return _bounded(Fraction(_FUNCTIONS[name](*(_value(one) for one in arguments))))
    raise TypeError


def _power(base: Fraction, exponent: Fraction) -> Fraction:
    if exponent.denominator != 1:
        if base < 0:
            raise ZeroDivisionError("a root of a negative number")
        return Fraction(float(base) ** float(exponent))
    bits = max(base.numerator.bit_length(), base.denominator.bit_length())
    if bits > 1 and abs(exponent) * bits > MAX_BITS:
        raise OverflowError("it is too large")
    return _bounded(base ** int(exponent))


def _digits(places: Fraction) -> int:
    """Places to round to: as many as a number on the way may have."""
    if abs(places) * math.log2(10) > MAX_BITS:
        raise OverflowError("it is too large")
    return int(places)


def _root(x: Fraction) -> float:
    if x < 0:
        raise ZeroDivisionError("a root of a negative number")
    return math.sqrt(x)


def _bounded(value: Fraction) -> Fraction:
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > MAX_BITS:
        raise OverflowError("it is too large")
    return value
