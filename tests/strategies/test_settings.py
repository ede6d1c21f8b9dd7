"""Settings records: what is refused and how it is said, that values stay as given, that a plugin's plain dataclass does."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path

import pytest

from rung.config.project import load_project
from rung.errors import InputError
from rung.pipeline.candidates import allowed
from rung.records.validation import WrongSetting, checked
from rung.strategies.hybrid import Settings as Hybrid
from rung.strategies.router import Settings as Router
from rung.strategies.settings import Retrieval, within


@dataclass(frozen=True, slots=True)
class Plain:
    """What a plugin brings."""

    first: int = 1
    second: float = 6

    def __post_init__(self) -> None:
        within("second", self.second, self.first, 50)


@pytest.mark.parametrize(
    ("record", "given", "says"),
    [
        (Retrieval, {"passage": 1}, "unknown setting 'passage'; did you mean 'passages'?"),
        (Retrieval, {"colour": 1}, "unknown setting 'colour'; known: candidates, passages, "),
        (Retrieval, {"candidates": 0}, "setting 'candidates' must be a whole number from 1 to 1000, found 0"),
        (Retrieval, {"candidates": True}, "setting 'candidates' must be a whole number from 1 to 1000, found True"),
        (Retrieval, {"passages": "3"}, "setting 'passages' must be a whole number of at least 1, found '3'"),
        (Retrieval, {"passages": 30}, "setting 'passages' must be between 1 and 20, found 30"),
        (Retrieval, {"rerank": "yes"}, "setting 'rerank' must be true or false, found 'yes'"),
        (Retrieval, {"rewrite": "both"}, "setting 'rewrite' must be one of none, query, hyde, found 'both'"),
        (Retrieval, {"dense_weight": -0.5}, "setting 'dense_weight' must be a number from 0 to 1, or -1 "),
        (Retrieval, {"diversity": float("inf")}, "setting 'diversity' must be a number from 0 to 1, found inf"),
        (Hybrid, {"passages": 30}, "setting 'passages' must be between 1 and 20, found 30"),
        (Router, {"over": None}, "setting 'over' must be a text, found None"),
        (Plain, {"frist": 1}, "unknown setting 'frist'; did you mean 'first'?"),
        (Plain, {"first": 1.5}, "setting 'first' must be a whole number, found 1.5"),
        (Plain, {"first": 7}, "setting 'second' must be between 7 and 50, found 6"),
    ],
)
def test_the_first_mistake_is_said(record: type, given: dict[str, object], says: str) -> None:
    with pytest.raises(WrongSetting) as error:
        checked(record, given)
    assert str(error.value).startswith(says)


def test_values_stay_as_they_are_given() -> None:
    said = asdict(checked(Retrieval, {"dense_weight": 1, "diversity": "5e-1"}))
    assert (repr(said["dense_weight"]), said["diversity"]) == ("1", 0.5)
    assert checked(Router, asdict(Router())) == Router()
    assert checked(Plain, {"first": 2}).first == 2


def test_what_code_makes_is_checked_as_well() -> None:
    with pytest.raises(ValueError, match="shots"):
        replace(Retrieval(), shots=-1)


def test_a_wrong_setting_is_said_at_its_own_line(tmp_path: Path) -> None:
    (tmp_path / "rung.yaml").write_text("task: Answer.\nrungs:\n  - prompt\n  - rag:\n      rerank: no\n      shots: many\n")
    with pytest.raises(InputError, match=r"rung\.yaml:6: rag: setting 'shots' must be a whole number from 0 to 100"):
        allowed(load_project(tmp_path))
