"""A number as a spreadsheet shows it, by its format code: `0.0%`, `#,##0.00 €`, `00000`, `[h]:mm`, `dd.mm.yyyy`, `# ?/?`.

As ECMA-376 (18.8.30 and 18.8.31) and Excel have it, in English, with a decimal point. Dates whose form is the reader's own
(formats 14, 22 and their like) are written as ISO dates. Where numbers stand is left to the readers of workbooks.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from rung.knowledge.readers import dates

_EXACT = Context(prec=1000)  # more digits than any number has
_LONGEST_PLAIN = 12  # characters of a small number that is written without an exponent
_ISO, _ISO_TIME = "yyyy-mm-dd", "yyyy-mm-dd hh:mm"
BUILT_IN = {
    **{
        0: "General",
        1: "0",
        2: "0.00",
        3: "#,##0",
        4: "#,##0.00",
        9: "0%",
        10: "0.00%",
        11: "0.00E+00",
        12: "# ?/?",
        13: "# ??/??",
    },
    **{5: "$#,##0;-$#,##0", 6: "$#,##0;-$#,##0", 7: "$#,##0.00;-$#,##0.00", 8: "$#,##0.00;-$#,##0.00"},
    **{
        14: _ISO,
        15: "d-mmm-yy",
        16: "d-mmm",
        17: "mmm-yy",
        18: "h:mm AM/PM",
        19: "h:mm:ss AM/PM",
        20: "h:mm",
        21: "h:mm:ss",
    },
    **{22: _ISO_TIME, 37: "#,##0;(#,##0)", 38: "#,##0;(#,##0)", 39: "#,##0.00;(#,##0.00)", 40: "#,##0.00;(#,##0.00)"},
    **{41: "#,##0;(#,##0);-;@", 42: "$#,##0;($#,##0);$-;@", 43: "#,##0.00;(#,##0.00);-;@", 44: "$#,##0.00;($#,##0.00);$-;@"},
    **{45: "mm:ss", 46: "[h]:mm:ss", 47: "mm:ss.0", 48: "##0.0E+0", 49: "@"},
    **dict.fromkeys((*range(27, 32), 36, *range(50, 59)), _ISO),  # East Asian dates
    **dict.fromkeys((32, 34), "h:mm"),
    **dict.fromkeys((33, 35), "h:mm:ss"),
}
_TOKEN = re.compile(
    r"""(?P<quoted>"[^"]*"?)|\\(?P<escaped>.)|_(?P<space>.)|\*(?P<fill>.)
    |\[(?P<bracket>[^\]]*)\]
    |(?P<general>general)|(?P<ampm>am/pm|a/p|上午/下午)
    |(?P<exp>e[+-])|(?P<sub>\.0+(?=[^0#?]|\Z))|(?P<date>y+|m+|d+|h+|s+|b+|e+|g+)
    |(?P<digit>[0\#?])|(?P<mark>[.,%/@])|(?P<other>.)""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
_CONDITION = re.compile(r"(<=|>=|<>|<|>|=)\s*(-?[\d.]+(?:E[+-]?\d+)?)", re.IGNORECASE)
_ELAPSED = re.compile(r"h+|m+|s+", re.IGNORECASE)
_CURRENCY = re.compile(r"\$([^-]*)(?:-.*)?", re.DOTALL)
_PASSED = re.compile(
    r"(?:black|blue|cyan|green|magenta|red|white|yellow|colou?r\s*\d+|natnum\d.*|dbnum\d|hj|~.*)", re.IGNORECASE
)
_SECTION = re.compile(r"""(?:"[^"]*"?|\\.|_.|\*.|\[[^\]]*\]|[^;])*""", re.DOTALL)


class FormatError(ValueError):
    """A format code that is not understood."""


class Token(NamedTuple):
    """A part of a code: `kind` is literal, digit, mark, exp, date, elapsed, ampm, sub, general."""

    kind: str
    text: str


@dataclass(slots=True)
class Section:
    """What is between two semicolons: its parts, and the condition under which it is for a value."""

    tokens: list[Token] = field(default_factory=list)
    operator: str = ""
    bound: float = 0.0
    is_date: bool = False  # or a time, or a duration

    def holds(self, value: float) -> bool:
        """Whether its condition holds."""
        comparison = (value > self.bound) - (value < self.bound)
        return comparison in {"<": (-1,), "<=": (-1, 0), ">": (1,), ">=": (0, 1), "=": (0,), "<>": (-1, 1)}[self.operator]


class NumberFormat:
    """A format code that was understood.

    Raises:
        FormatError: it was not.
    """

    def __init__(self, code: str) -> None:
        self.sections = [_parsed(part) for part in _split(code)]
        if len(self.sections) > 4:
            raise FormatError(code)

    def text(self, value: float, *, date1904: bool = False) -> str:
        """A number as it is shown; "" where the format hides it."""
        if not math.isfinite(value):
            return str(value)
        section, signed = self._for(value)
        if not section.tokens:
            return ""
        if section.is_date:
            shown = dates.shown(section.tokens, value, date1904=date1904)
            return general(value) if shown is None else shown
        sign = "-" if signed and value < 0 else ""
        shown = " ".join(_number(section.tokens, abs(value)).split())
        return sign + shown if any(c in "123456789" for c in shown) else shown

    def of_text(self, text: str) -> str:
        """A text as it is shown."""
        section = self.sections[3] if len(self.sections) == 4 else self.sections[-1]
        if len(self.sections) < 4 and not any(token.text == "@" and token.kind == "mark" for token in section.tokens):
            return text
        return "".join(text if token == Token("mark", "@") else token.text for token in section.tokens).strip()

    def _for(self, value: float) -> tuple[Section, bool]:
        """The section for a number, and whether a minus sign must be added to what it shows."""
        sections = self.sections[:3]
        if any(section.operator for section in sections):
            for index, section in enumerate(sections):
                if section.operator and section.holds(value):
                    return section, not (section.operator in ("<", "<=") and section.bound <= 0)
                if not section.operator and (index == len(sections) - 1 or (index == 1 and value < 0)):
                    return section, index != 1
            return Section([Token("general", "")]), True
        if len(sections) > 1 and value < 0:
            return sections[1], False
        return (sections[2], True) if len(sections) > 2 and value == 0 else (sections[0], True)


@lru_cache(maxsize=4096)
def number_format(code: str) -> NumberFormat:
    """A format by its code.

    Raises:
        FormatError: it is not understood.
    """
    return NumberFormat(code)


def general(value: float) -> str:
    """A number without a format: whole numbers without a point, at most fifteen digits."""
    if math.isfinite(value) and value == int(value) and abs(value) < 1e15:
        return str(int(value))
    written = format(value, ".15g")
    plain = format(Decimal(written), "f")
    return plain if "e" not in written or len(plain) <= _LONGEST_PLAIN else written.upper()


def _split(code: str) -> list[str]:
    parts, at = [], 0
    while True:
        match = _SECTION.match(code, at)
        end = match.end() if match else at
        parts.append(code[at:end])
        if end >= len(code):
            return parts
        at = end + 1


def _parsed(code: str) -> Section:
    section = Section()
    for match in _TOKEN.finditer(code):
        kind, text = match.lastgroup or "", match[match.lastgroup or 0]
        if kind == "bracket":
            _bracket(text, section)
        elif kind in ("general", "ampm", "exp", "digit", "mark", "date", "sub"):
            if kind == "date" and text[0] in "gGbB":
                raise FormatError(code)  # eras, Buddhist years
            section.tokens.append(Token(kind, text))
        elif kind != "fill":
            section.tokens.append(Token("literal", {"quoted": text.strip('"'), "space": " "}.get(kind, text)))
    timed = any(token.kind == "date" and token.text[0] in "sS" for token in section.tokens) or any(
        token.kind == "elapsed" for token in section.tokens
    )
    if not timed:  # `.00` of a number, not fractions of a second
        section.tokens = [part for token in section.tokens for part in _unsubbed(token)]
    section.is_date = any(token.kind in ("date", "elapsed", "ampm") for token in section.tokens)
    if section.is_date and any(token.kind == "digit" for token in section.tokens):
        raise FormatError(code)
    return section


def _unsubbed(token: Token) -> list[Token]:
    if token.kind != "sub":
        return [token]
    return [Token("mark", "."), *(Token("digit", "0") for _ in token.text[1:])]


def _bracket(text: str, section: Section) -> None:
    if condition := _CONDITION.fullmatch(text):
        section.operator, section.bound = condition[1], float(condition[2])
    elif currency := _CURRENCY.fullmatch(text):
        if currency[1]:
            section.tokens.append(Token("literal", currency[1]))
    elif _ELAPSED.fullmatch(text):
        section.tokens.append(Token("elapsed", text.lower()))
    elif not _PASSED.fullmatch(text):
        raise FormatError(text)


def _number(tokens: list[Token], value: float) -> str:
    """An amount without its sign."""
    kinds = [token.kind for token in tokens]
    if "general" in kinds or ("digit" not in kinds and Token("mark", "@") in tokens):
        whole = (Token("mark", "@"), Token("general", "General"))
        return "".join(general(value) if t in whole or t.kind == "general" else t.text for t in tokens)
    amount = Decimal(format(value, ".15g")).scaleb(2 * tokens.count(Token("mark", "%")))
    if "digit" not in kinds:
        return "".join(token.text for token in tokens)
    if "exp" in kinds:
        return _scientific(tokens, amount)
    if (slash := _fraction_at(tokens)) is not None:
        return _fraction(tokens, slash, amount)
    return _plain(tokens, amount)


def _plain(tokens: list[Token], amount: Decimal) -> str:
    point = next((n for n, t in enumerate(tokens) if t == Token("mark", ".")), len(tokens))
    before, after = tokens[:point], tokens[point + 1 :]
    last = max((n for n, token in enumerate(tokens) if token.kind == "digit"), default=0)
    scaled = 0  # commas behind the last digit divide by a thousand each
    while last + 1 + scaled < len(tokens) and tokens[last + 1 + scaled] == Token("mark", ","):
        scaled += 1
    places = sum(token.kind == "digit" for token in after)
    rounded = amount.scaleb(-3 * scaled).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP, _EXACT)
    whole, _, part = format(rounded, "f").partition(".")
    grouped = any(
        token == Token("mark", ",") and any(t.kind == "digit" for t in before[n + 1 :]) for n, token in enumerate(before)
    )
    shown = _whole(before, whole.lstrip("0"), grouped=grouped)
    if point == len(tokens):
        return shown
    return shown + "." + _part(after, part)


def _whole(tokens: list[Token], digits: str, *, grouped: bool) -> str:
    """The digits before the point in their places, from the right; what is left over stands at the first place."""
    first = next((n for n, token in enumerate(tokens) if token.kind == "digit"), None)
    out: list[str] = []
    left, count = digits, 0

    def put(digit: str) -> None:
        nonlocal count
        if grouped and count and count % 3 == 0:
            out.append(",")
        out.append(digit)
        count += 1

    for index in range(len(tokens) - 1, -1, -1):
        token = tokens[index]
        if token.kind == "digit":
            if left:
                put(left[-1])
                left = left[:-1]
            elif token.text == "0":
                put("0")
            elif token.text == "?":
                out.append(" ")
            while index == first and left:
                put(left[-1])
                left = left[:-1]
        elif token.text != "," or token.kind != "mark":
            out.append(token.text[::-1])
    if first is None and left:
        out.append(left[::-1])
    return "".join(out)[::-1]


def _part(tokens: list[Token], digits: str) -> str:
    """The digits behind the point: zeros at the end only where the code has a 0."""
    places = [token.text for token in tokens if token.kind == "digit"]
    needed = max((n + 1 for n, text in enumerate(places) if text == "0" or digits[n : n + 1].strip("0")), default=0)
    while needed < len(places) and digits[needed:].strip("0"):
        needed += 1
    out, at = [], 0
    for token in tokens:
        if token.kind != "digit":
            out.append("" if token == Token("mark", ",") else token.text)
            continue
        if at < needed:
            out.append(digits[at])
        at += 1
    return "".join(out)


def _scientific(tokens: list[Token], amount: Decimal) -> str:
    at = next(n for n, token in enumerate(tokens) if token.kind == "exp")
    mantissa, behind = tokens[:at], tokens[at + 1 :]
    point = next((n for n, token in enumerate(mantissa) if token == Token("mark", ".")), at)
    step = max(1, sum(token.kind == "digit" for token in mantissa[:point]))
    places = sum(token.kind == "digit" for token in mantissa[point:])
    exponent = 0
    if amount:
        exponent = (amount.adjusted() // step) * step
        rounded = amount.scaleb(-exponent).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP, _EXACT)
        if rounded >= Decimal(10) ** step:
            exponent += step
    width = sum(token.kind == "digit" for token in behind)
    sign = "-" if exponent < 0 else tokens[at].text[1].replace("-", "")
    tail = "".join(token.text for token in behind if token.kind != "digit")
    return f"{_plain(mantissa, amount.scaleb(-exponent))}E{sign}{abs(exponent):0{max(width, 1)}d}{tail}"


def _fraction_at(tokens: list[Token]) -> int | None:
    """Where the bar of a fraction stands: a slash between a digit's place and the divisor."""
    bars = (n for n, token in enumerate(tokens) if token == Token("mark", "/") and n and tokens[n - 1].kind == "digit")
    return next((n for n in bars if n + 1 < len(tokens) and _is_of_divisor(tokens[n + 1])), None)


def _is_of_divisor(token: Token) -> bool:
    return token.kind == "digit" or token.text.isdigit()


def _fraction(tokens: list[Token], slash: int, amount: Decimal) -> str:
    above = slash
    while above and tokens[above - 1].kind == "digit":
        above -= 1
    below = slash + 1
    while below < len(tokens) and _is_of_divisor(tokens[below]):
        below += 1
    divisor = "".join(token.text for token in tokens[slash + 1 : below])
    has_whole = any(token.kind == "digit" for token in tokens[:above])
    whole = int(amount) if has_whole else 0
    rest = Fraction(amount) - whole
    if (fixed := divisor.strip("#?")).isdigit() and int(fixed):
        over, under = int(rest * int(fixed) + Fraction(1, 2)), int(fixed)
    else:
        near = rest.limit_denominator(10 ** min(len(divisor), 7) - 1)
        over, under = near.numerator, near.denominator
    if has_whole and over == under:
        whole, over = whole + 1, 0
    parts = [str(whole)] if whole or (has_whole and not over) else []
    if over or not has_whole:
        parts.append(f"{over}/{under}")
    around = ["".join(t.text for t in side if t.kind == "literal").strip() for side in (tokens[:above], tokens[below:])]
    return f"{around[0]}{' '.join(parts)}{around[1]}"
