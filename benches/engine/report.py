"""The report: Markdown for people, JSON for programs."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict

from measurements import Result
from machine import Machine
from scenarios import Scenario
from targets import Target
from tools import Tool


def head(machine: Machine, versions: Mapping[str, str], tools: Sequence[Tool]) -> str:
    """The machine, and a row a program: its version and what it checks. An absent one has an empty version."""
    checks = {tool.name: tool.checks for tool in tools}
    memory = f"{machine.memory_bytes / 2**30:.0f} GiB"
    rows = [[name, version or "absent", checks.get(name, "")] for name, version in versions.items()]
    return "\n".join(
        [
            "# Engines side by side",
            "",
            f"{machine.cores} cores of {machine.cpu}, {memory}, {machine.system}, {machine.file_system}; "
            f"load before it began: {machine.load:.2f}.",
            "Times are medians of wall time, with the least and the number of runs; starting the process is included.",
            "",
            *_table(["program", "version", "checks"], rows),
        ]
    )


def section(scenario: Scenario, result: Result) -> str:
    """A scenario's table."""
    names = dict.fromkeys(measurement.tool for measurement in result.measurements)
    cells = {(measurement.tool, measurement.quantity): str(measurement) for measurement in result.measurements}
    rows = [[name, *(cells.get((name, column), "") for column in scenario.columns)] for name in names]
    title = f"## {scenario.title} (`{scenario.name}`)"
    return "\n".join(["", title, "", scenario.about, "", *_table(["", *scenario.columns], rows)])


def verdicts(targets: Sequence[Target]) -> str:
    """The table of targets."""
    rows = [
        [
            target.scenario,
            target.description,
            target.asked,
            "" if target.found is None else f"{target.found:.2f}",
            target.verdict,
        ]
        for target in targets
    ]
    return "\n".join(["", "## Targets", "", *_table(["scenario", "target", "asked", "found", ""], rows)])


def as_json(
    machine: Machine, versions: Mapping[str, str], results: Mapping[str, Result], targets: Sequence[Target]
) -> str:
    """All that was found, every repetition included."""
    measurements = [
        {
            "scenario": result.scenario,
            "tool": measurement.tool,
            "quantity": measurement.quantity,
            "unit": measurement.unit.value,
            "values": measurement.values,
            "absent": measurement.absent or None,
        }
        for result in results.values()
        for measurement in result.measurements
    ]
    verdict = [asdict(target) | {"verdict": target.verdict} for target in targets]
    everything = {"machine": asdict(machine), "versions": versions, "measurements": measurements, "targets": verdict}
    return json.dumps(everything, indent=1) + "\n"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"
