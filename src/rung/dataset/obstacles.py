"""What would stop a piece of work: gathered where all of it is to be listed, raised at once elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from rung.errors import InputError, UserError
from rung.records import Problem

T = TypeVar("T")


@dataclass
class Obstacles:
    """What was met. `gather` False: the first one is raised. `place`: the file of those that name none."""

    place: str = ""
    gather: bool = False
    met: list[Problem] = field(default_factory=list)

    def past(self, work: Callable[[], T], otherwise: T) -> T:
        """What the work returns; `otherwise` where it cannot be done, which is remembered.

        Raises:
            UserError: it cannot be done, and nothing is gathered.
        """
        try:
            return work()
        except UserError as error:
            if not self.gather:
                raise
            if isinstance(error, InputError):
                problem = Problem(error.path or self.place, error.line, error.reason)
            else:
                problem = Problem(self.place, 0, str(error))
            if problem not in self.met:
                self.met.append(problem)
            return otherwise

    def check(self, work: Callable[[], object]) -> None:
        """`past`, where nothing comes of the work."""
        self.past(work, None)
