"""Times build tools and workflow engines side by side: `python3 benches/engine --help`."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import arguments
import report
from arguments import REPOSITORY, Arguments
from bench import Bench
from measurements import Measurement, Result, Unit
from machine import idle_machine
from peers import Peers
from processes import Failed, Processes, Repetition
from scenarios import SCENARIOS, Scenario
from targets import targets
from tools import TOOLS, Tool


def main() -> int:
    given = arguments.parse()
    machine = idle_machine("engine", given.folder, given.loaded)
    scenarios = [scenario for scenario in SCENARIOS if scenario.name in given.scenarios]
    peers, names = Peers(given.peers), _wanted(scenarios, given.tools)
    if given.install:
        peers.install(names)
    programs = {name: given.pipe if name == "pipe" else peers.find(name) for name in names}
    tools = [tool(program) for tool in TOOLS if (program := programs.get(tool.name)) and program.exists()]
    versions = {name: _version(program) for name, program in programs.items()}
    print(report.head(machine, versions, tools), flush=True)

    results: dict[str, Result] = {}
    with tempfile.TemporaryDirectory(prefix="pipe-engine-", dir=given.folder) as name:
        bench = _bench(given, Path(name), programs.get("b3sum"))
        for scenario in scenarios:
            result = Result(scenario.name, tuple(_measure(scenario, bench, tools)))
            results[scenario.name] = result
            print(report.section(scenario, result), flush=True)
        os.chdir(REPOSITORY)
    found = targets(results)
    if found:
        print(report.verdicts(found))
    if given.json:
        given.json.write_text(report.as_json(machine, versions, results, found))
    return 0


def _wanted(scenarios: list[Scenario], tools: tuple[str, ...]) -> list[str]:
    """The programs that the scenarios need, of the tools that were asked for."""
    used = {name for scenario in scenarios for name in (scenario.tools or tools)}
    wanted = [tool.name for tool in TOOLS if tool.name in tools and tool.name in used]
    return wanted + ["b3sum"] if any(scenario.name == "large-file" for scenario in scenarios) else wanted


def _version(program: Path | None) -> str:
    """What the program says of its version; empty when there is none."""
    if program is None or not program.exists():
        return ""
    output = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    first = output.splitlines()[0] if output else "unknown"
    return first.removeprefix(f"{program.name} ")


def _bench(given: Arguments, folder: Path, b3sum: Path | None) -> Bench:
    return Bench(
        folder=folder,
        processes=Processes(_environment(given, folder), given.limit, folder / "output.txt"),
        repetition=Repetition(usual=5, most=10, budget=5.0) if given.quick else Repetition(),
        repository=REPOSITORY,
        large_bytes=given.large_bytes,
        b3sum=b3sum,
    )


def _environment(given: Arguments, folder: Path) -> dict[str, str]:
    """Ours without what would change a tool's ways: the settings of a make above us, the user's own files."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "PIPE"))}
    settings = {name: str(folder / "user") for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "DVC_SITE_CACHE_DIR")}
    path = f"{given.peers / 'bin'}:{os.environ.get('PATH', os.defpath)}"
    return ours | settings | {"PATH": path, "DVC_NO_ANALYTICS": "1", "NO_COLOR": "1"}


def _measure(scenario: Scenario, bench: Bench, tools: list[Tool]) -> Iterator[Measurement]:
    """The measurements of a scenario; what a tool fails at is a measurement that says why."""
    try:
        yield from scenario.others(bench)
    except Failed as failure:
        print(f"engine: {scenario.name}: {failure}", file=sys.stderr)
    for tool in tools:
        if scenario.tools and tool.name not in scenario.tools:
            continue
        print(f"engine: {scenario.name}: {tool.name}", file=sys.stderr)
        given: set[str] = set()
        try:
            for measurement in scenario.measure(bench, tool):
                given.add(measurement.quantity)
                yield measurement
        except Failed as failure:
            column = next((column for column in scenario.columns if column not in given), scenario.columns[0])
            yield Measurement(tool.name, column, Unit.SECONDS, (), str(failure))


if __name__ == "__main__":
    sys.exit(main())
