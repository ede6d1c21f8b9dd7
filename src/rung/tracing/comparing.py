"""A recorded conversation beside the same question answered again: what is the same, what is other."""

from __future__ import annotations

from collections.abc import Iterator

from rung.records import Json
from rung.records.traces import Trace
from rung.report.table import columns, wrapped
from rung.tracing import conventions as names
from rung.tracing.reading import last_text, retrieved
from rung.tracing.waterfall import cost_of

_NAME, _VALUE = 16, 28  # columns
Place = tuple[str, int, int]  # document, characters


def differences(recorded: Trace, again: Trace) -> dict[str, Json]:
    """What is the same ("same": name -> whether), and which passages are found no more ("gone"), or newly ("new")."""
    before, now = _places(recorded), _places(again)
    pairs = {
        "answer": (_answer(recorded), _answer(again)),
        "passages": (before, now),
        "digest": (recorded.summary.digest, again.summary.digest),
        "engines": (_of_steps(recorded, names.ENGINE), _of_steps(again, names.ENGINE)),
        "index_version": (_attribute(recorded, names.INDEX_VERSION), _attribute(again, names.INDEX_VERSION)),
        "steps": (_of_steps(recorded, names.STEP_DIGEST), _of_steps(again, names.STEP_DIGEST)),
        "tokens": (_tokens(recorded), _tokens(again)),
        "error": (recorded.summary.error, again.summary.error),
    }
    same: dict[str, Json] = {name: one == other for name, (one, other) in pairs.items()}
    gone: list[Json] = [list[Json](one) for one in before if one not in now]
    new: list[Json] = [list[Json](one) for one in now if one not in before]
    return {"same": same, "gone": gone, "new": new}


def comparison_lines(recorded: Trace, again: Trace) -> Iterator[str]:
    """Both side by side, for a person."""
    report = differences(recorded, again)
    yield from _row("", "recorded", "now")
    for name, one, other in _rows(recorded, again):
        yield from _row(name, one, other)
    same = report["same"]
    assert isinstance(same, dict)
    for name in ("digest", "engines", "index_version", "steps"):
        yield from wrapped(f"{name.replace('_', ' ')}: {'the same' if same[name] else 'other'}")
    if same["passages"]:
        yield from wrapped(f"passages: the same {len(_places(again))}, in the same order")
    else:
        places = _places(recorded), _places(again)
        yield from wrapped(f"passages: {len(places[0])} then, {len(places[1])} now; {_moved(report)}")
        for word in ("gone", "new"):
            for one in _listed(report[word]):
                yield from wrapped(f"{word}: {one}", indent=2, mark="  ")
    before, now = _answer(recorded), _answer(again)
    if before == now:
        yield "answer: the same" if now is not None else "answer: none, as before"
    both = ("answer, recorded", before), ("answer, now", now)
    for word, answer in both if before != now else (("answer", now),):
        yield f"{word}:"
        yield from (f"  {line}" for line in ("(none)" if answer is None else answer).split("\n"))


def _rows(recorded: Trace, again: Trace) -> Iterator[tuple[str, str, str]]:
    one, other = recorded.summary, again.summary
    yield "deployment", _answered_by(recorded), _answered_by(again)
    yield "digest", one.digest[:12] or "-", other.digest[:12] or "-"
    index = names.INDEX_VERSION
    yield "index version", str(_attribute(recorded, index) or "-"), str(_attribute(again, index) or "-")
    yield "error", one.error or "-", other.error or "-"
    yield "refused", _yes(_attribute(recorded, names.REFUSED)), _yes(_attribute(again, names.REFUSED))
    yield "tokens read", f"{one.prompt_tokens:,}", f"{other.prompt_tokens:,}"
    yield "tokens made", f"{one.completion_tokens:,}", f"{other.completion_tokens:,}"
    yield "cost", cost_of(one.usd), cost_of(other.usd)
    yield "seconds", f"{one.seconds:.3f}", f"{other.seconds:.3f}"
    for number in range(max(len(recorded.steps), len(again.steps))):
        yield f"step {number + 1}", _cell(recorded, number), _cell(again, number)


def _answered_by(trace: Trace) -> str:
    """A promoted deployment by its id and rung, as others answer under the same name; else the name that was asked."""
    id, label = _attribute(trace, names.DEPLOYMENT), _attribute(trace, names.STRATEGY)
    return f"{id} ({label})" if id else trace.summary.deployment


def _yes(value: Json) -> str:
    return "yes" if value else "no"


def _cell(trace: Trace, number: int) -> str:
    """A step and its time; "-" where there is none of this number."""
    if number >= len(trace.steps):
        return "-"
    step = trace.steps[number]
    return f"{step.name[: _VALUE - 11]} {step.seconds:.3f} s"


def _row(name: str, one: str, other: str) -> Iterator[str]:
    """At most 80 columns where both fit; else each on its own line."""
    if columns(one) < _VALUE and columns(other) <= _VALUE:
        yield f"{name:<{_NAME}} {one}{' ' * (_VALUE - columns(one))} {other}".rstrip()
    else:
        yield from wrapped(f"{name}: {one}")
        yield from wrapped(f"now: {other}", indent=2, mark="  ")


def _moved(report: dict[str, Json]) -> str:
    return "others" if report["gone"] or report["new"] else "the same in another order"


def _listed(places: Json) -> Iterator[str]:
    for one in places if isinstance(places, list) else ():
        if isinstance(one, list):
            yield f"{one[0]} {one[1]}-{one[2]}"


def _places(trace: Trace) -> list[Place]:
    """Of all passages that steps found, in the order in which they were found first."""
    places: dict[Place, None] = {}
    for step in trace.steps:
        for row in retrieved(step):
            places[str(row["document"]), int(str(row["start"])), int(str(row["end"]))] = None
    return list(places)


def _answer(trace: Trace) -> str | None:
    content = trace.root.content or {}
    return last_text(content[names.OUTPUT_MESSAGES]) if names.OUTPUT_MESSAGES in content else None


def _of_steps(trace: Trace, name: str) -> list[Json]:
    return [step.attributes.get(name) for step in trace.steps]


def _attribute(trace: Trace, name: str) -> Json:
    return trace.root.attributes.get(name)


def _tokens(trace: Trace) -> tuple[int, int]:
    return trace.summary.prompt_tokens, trace.summary.completion_tokens
