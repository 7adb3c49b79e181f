"""What a scenario is."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bench import Bench
from figures import Figure
from tools import Tool

Measure = Callable[[Bench, Tool], Iterator[Figure]]
"""Measures one tool, a figure for each column. Raises Failed; what it gave before that counts."""

Others = Callable[[Bench], Iterator[Figure]]
"""Measures what is no tool: a floor."""


def _no_others(_: Bench) -> Iterator[Figure]:
    return iter(())


@dataclass(frozen=True)
class Scenario:
    name: str
    title: str
    about: str
    """What is done, in a sentence or two under the title."""
    columns: tuple[str, ...]
    measure: Measure
    others: Others = _no_others
    tools: tuple[str, ...] = ()
    """The only tools it is for; empty when it is for all."""
