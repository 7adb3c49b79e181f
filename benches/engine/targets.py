"""What `pipe` has to reach, as ratios within one run of the benchmark."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from measurements import Result
from scenarios.memory import COUNTS, column

_GROWTH = 1.25
"""Memory is flat when it grows by no more than this from the smallest folder to the largest, 50 times as many files."""


@dataclass(frozen=True)
class Target:
    scenario: str
    description: str
    asked: str
    found: float | None
    """None when one of its measurements was not measured."""
    reached: bool

    @property
    def verdict(self) -> str:
        return "not measured" if self.found is None else "passed" if self.reached else "missed"


def targets(results: Mapping[str, Result]) -> list[Target]:
    """The targets of the scenarios that were measured, with what was found."""
    return [target for target in _every(_Ratios(results)) if target.scenario in results]


def _every(ratios: "_Ratios") -> Iterator[Target]:
    for scenario, times in (("chain", 3), ("sweep", 4)):
        ratio = ratios.of(scenario, "no-op", "pipe", "ninja")
        yield _at_most(scenario, "no-op: pipe / ninja", times, ratio)
    for scenario in ("chain", "sweep"):
        for slow in ("dvc", "snakemake"):
            ratio = ratios.of(scenario, "no-op", slow, "pipe")
            yield _at_least(scenario, f"no-op: {slow} / pipe", 100, ratio)
    hashing = ratios.of("large-file", "first run", "b3sum", "pipe")
    yield _at_least("large-file", "first run: speed of pipe / speed of b3sum", 0.9, hashing)
    yield _at_most("cutoff", "steps that pipe runs of 7", 1, ratios.value("cutoff", "pipe", "steps that ran"))
    for run in ("first", "later"):
        few, many = (ratios.value("memory", "pipe", column(files, run)) for files in (COUNTS[0], COUNTS[-1]))
        growth = many / few if few and many else None
        yield _at_most("memory", f"{run} run: {COUNTS[-1]:,} files / {COUNTS[0]:,} files", _GROWTH, growth)


@dataclass(frozen=True)
class _Ratios:
    results: Mapping[str, Result]

    def value(self, scenario: str, tool: str, quantity: str) -> float | None:
        """A median, when it was measured."""
        result = self.results.get(scenario)
        measurement = result.find(tool, quantity) if result else None
        return measurement.median if measurement else None

    def of(self, scenario: str, quantity: str, above: str, below: str) -> float | None:
        """The measurement of one tool divided by that of another, when both were measured."""
        one, other = self.value(scenario, above, quantity), self.value(scenario, below, quantity)
        return None if one is None or other is None else one / other


def _at_most(scenario: str, description: str, bound: float, found: float | None) -> Target:
    return Target(scenario, description, f"at most {bound:g}", found, found is not None and found <= bound)


def _at_least(scenario: str, description: str, bound: float, found: float | None) -> Target:
    return Target(scenario, description, f"at least {bound:g}", found, found is not None and found >= bound)
