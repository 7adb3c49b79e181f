"""What a scenario is."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bench import Bench
from measurements import Measurement
from tools import Tool

Measure = Callable[[Bench, Tool], Iterator[Measurement]]
"""Measures one tool, a measurement for each column. Raises Failed; what it gave before that counts."""

Others = Callable[[Bench], Iterator[Measurement]]
"""Measures what is no tool: a lower bound."""


def _no_others(_: Bench) -> Iterator[Measurement]:
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
