"""What a page's own style sheets say of its elements, as far as it changes what a person reads: put into `style` attributes.

Rules of simple selectors are followed (`p.note`, `#legal`, `.price .old`, `ul > li`) in their order and by their weight.
Rules of other selectors, for other media than a screen and in files beside the page are not.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from lxml.etree import _Element

_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)|<!--|-->", re.DOTALL)
_TOKEN = re.compile(r"([{};])")
_PROPERTIES = ("display", "visibility", "vertical-align", "text-decoration", "list-style-type")
_ALSO = {"text-decoration-line": "text-decoration", "list-style": "list-style-type"}
_VALUES = {
    "vertical-align": re.compile(r"super|sub|baseline|-?[\d.]+(?:em|%)"),
    "list-style-type": re.compile(r"(?:.* )?(?:(?:lower|upper)-(?:alpha|latin|roman)|decimal|none|disc)(?: .*)?"),
}
_SCREEN = re.compile(r"@media\s+(?:only\s+)?(?:screen|all)\s*")
_STEP = re.compile(r"\s*([>\s])\s*")
_SIMPLE = re.compile(r"(\*|[a-zA-Z][\w-]*)?((?:[.#][\w-]+)*)")
_PART = re.compile(r"([.#])([\w-]+)")
_MAX_RULES = 20_000

Weight = tuple[bool, int, int, int, int]  # important, ids, classes, names, place


class _Compound(NamedTuple):
    """One step of a selector. `child`: it must be the parent of the next step, not any element around it."""

    name: str
    ids: frozenset[str]
    classes: frozenset[str]
    child: bool = False

    def fits(self, element: _Element) -> bool:
        """Whether an element is meant."""
        return (
            (not self.name or element.tag == self.name)
            and (not self.ids or element.get("id") in self.ids)
            and (not self.classes or self.classes <= set((element.get("class") or "").split()))
        )


class _Rule(NamedTuple):
    """Steps of a selector, the innermost last, and what it sets."""

    steps: tuple[_Compound, ...]
    values: dict[str, tuple[bool, str]]
    number: int

    def weight(self, important: bool) -> Weight:
        """What decides between rules that set the same."""
        ids, classes = sum(len(step.ids) for step in self.steps), sum(len(step.classes) for step in self.steps)
        return important, ids, classes, sum(bool(step.name) for step in self.steps), self.number

    def fits(self, element: _Element) -> bool:
        """Whether the rule is one for an element."""
        at: _Element | None = element
        if not self.steps[-1].fits(element):
            return False
        for step in reversed(self.steps[:-1]):
            at = at.getparent() if at is not None else None
            while at is not None and not step.fits(at):
                at = None if step.child else at.getparent()
            if at is None:
                return False
        return True


def write_styles(root: _Element) -> None:
    """Put what the rules of a page's <style> elements say into the `style` of the elements that they are for."""
    rules = [rule for sheet in root.iter("style") if _is_shown(sheet) for rule in _rules("".join(sheet.itertext()))]
    if not rules or len(rules) > _MAX_RULES:
        return
    by_key: dict[str, list[_Rule]] = defaultdict(list)  # of the innermost step: an id, a class, a name, or nothing
    for number, rule in enumerate(rules):
        last = rule.steps[-1]
        key = next((f"#{id}" for id in last.ids), next((f".{one}" for one in last.classes), last.name))
        by_key[key].append(rule._replace(number=number))
    for element in root.iter():
        if not isinstance(element.tag, str):
            continue
        keys = [element.tag, "", f"#{element.get('id')}", *(f".{one}" for one in set((element.get("class") or "").split()))]
        fitting = [rule for key in keys for rule in by_key.get(key, ()) if rule.fits(element)]
        if fitting:
            _write(element, fitting)


def _write(element: _Element, rules: Sequence[_Rule]) -> None:
    """The values that win, the element's own among them."""
    won: dict[str, tuple[Weight, str]] = {}
    for rule in rules:
        for name, (important, value) in rule.values.items():
            weight = rule.weight(important)
            if name not in won or weight >= won[name][0]:
                won[name] = (weight, value)
    own = element.get("style") or ""
    for name, (important, _) in _declared(own).items():
        if name in won and (important or not won[name][0][0]):
            del won[name]
    if won:
        rest = "; ".join(part for part in own.split(";") if part.strip() and _name(part) not in won)
        element.set("style", "; ".join(filter(None, [rest, *(f"{name}: {value}" for name, (_, value) in won.items())])))


def _is_shown(sheet: _Element) -> bool:
    media = (sheet.get("media") or "all").strip().lower()
    return media in ("all", "screen", "only screen")


def _rules(text: str) -> Iterator[_Rule]:
    """The rules of a style sheet that set something that is looked at."""
    text_so_far, inside = "", list[str]()
    for token in _TOKEN.split(_COMMENT.sub(" ", text) + "}}"):  # what is open at the end is closed there
        if token == "{":
            inside.append(text_so_far.strip())
            text_so_far = ""
        elif token == "}":
            if inside:
                selector = inside.pop()
                values = _declared(text_so_far) if all(_SCREEN.fullmatch(around.lower()) for around in inside) else {}
                steps = [_steps(one) for one in selector.split(",")] if values and selector[:1] != "@" else []
                yield from (_Rule(one, values, 0) for one in steps if one)
            text_so_far = ""
        elif token == ";" and (not inside or inside[-1][:1] == "@"):  # @import
            text_so_far = ""
        else:
            text_so_far += token


def _declared(text: str) -> dict[str, tuple[bool, str]]:
    """The declarations that are looked at: whether each is important, and its value."""
    declarations: dict[str, tuple[bool, str]] = {}
    for part in text.split(";"):
        name, value = _name(part), part.partition(":")[2].strip().lower()
        bare = value.removesuffix("important").rstrip().removesuffix("!").rstrip() if value.endswith("important") else value
        allowed = _VALUES.get(name)
        if name in _PROPERTIES and bare and (allowed is None or allowed.fullmatch(bare)):
            declarations[name] = (bare != value, bare)
    return declarations


def _name(part: str) -> str:
    name = part.partition(":")[0].strip().lower()
    return _ALSO.get(name, name)


def _steps(selector: str) -> tuple[_Compound, ...]:
    """A selector as its steps; none where it is not simple."""
    pieces = _STEP.split(selector.strip())
    steps: list[_Compound] = []
    for index in range(0, len(pieces), 2):
        match = _SIMPLE.fullmatch(pieces[index])
        if match is None or not pieces[index]:
            return ()
        parts = _PART.findall(match[2])
        ids, classes = (frozenset(name for sign, name in parts if sign == prefix) for prefix in "#.")
        child = index + 1 < len(pieces) and pieces[index + 1] == ">"
        steps.append(_Compound((match[1] or "").lower().replace("*", ""), ids, classes, child))
    return tuple(steps)
