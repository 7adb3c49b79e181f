"""What was measured, and how it is written."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum


class Unit(Enum):
    SECONDS = "seconds"
    BYTES = "bytes"
    STEPS = "steps"


@dataclass(frozen=True)
class Measurement:
    """One quantity of one tool; without values when it could not be had, and then `absent` says why."""

    tool: str
    quantity: str
    unit: Unit
    values: tuple[float, ...]
    absent: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def __str__(self) -> str:
        if not self.values:
            return self.absent
        if self.unit is Unit.STEPS:
            return f"{self.median:.0f}"
        if self.unit is Unit.BYTES:
            return f"{self.median / 2**20:.1f} MiB"
        if len(self.values) == 1:
            return duration(self.median)
        return f"{duration(self.median)} (min {duration(min(self.values))}, {len(self.values)}×)"


def seconds(tool: str, quantity: str, values: Sequence[float]) -> Measurement:
    return Measurement(tool, quantity, Unit.SECONDS, tuple(values))


def steps(tool: str, quantity: str, count: int) -> Measurement:
    return Measurement(tool, quantity, Unit.STEPS, (float(count),))


def memory(tool: str, quantity: str, values: Sequence[float]) -> Measurement:
    return Measurement(tool, quantity, Unit.BYTES, tuple(values))


def duration(value: float) -> str:
    """Seconds as people read them: `1.7 ms`, `1.26 s`, `85 s`."""
    if abs(value) < 1:
        return f"{1000 * value:.1f} ms"
    return f"{value:.2f} s" if value < 60 else f"{value:.0f} s"


@dataclass(frozen=True)
class Result:
    """What a scenario gave: a row a tool, a column a quantity."""

    scenario: str
    measurements: tuple[Measurement, ...]

    def find(self, tool: str, quantity: str) -> Measurement | None:
        """The measurement, when it was measured."""
        found = (measurement for measurement in self.measurements if (measurement.tool, measurement.quantity) == (tool, quantity) and measurement.values)
        return next(found, None)
