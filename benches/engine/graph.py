"""The work that every tool is given: steps that each keep the first bytes of what they read.

A step is one process, `dd`, that takes next to no time, so what is timed is the tool. How many bytes it keeps is its
parameter; steps of one graph keep different numbers, so no two are the same work.
"""

from dataclasses import dataclass, replace
from pathlib import Path

SOURCE = "source"
"""The file or folder outside, in the folder of the project."""

OUTPUTS = "out"
"""The folder for tools that write outputs in place: one file a step, of its name."""

_SOURCE_BYTES = 16 * 1024
_COUNT = Path(__file__).with_name("count.sh")


@dataclass(frozen=True)
class Step:
    """A step that keeps the first `keep` bytes of the step `reads`; of the source when that is None."""

    name: str
    reads: str | None
    keep: int


@dataclass(frozen=True)
class Graph:
    """Steps, in an order in which they can run, then a sweep: steps that read the same and differ in `keep` alone."""

    name: str
    steps: tuple[Step, ...]
    sweep: tuple[Step, ...] = ()
    files: int = 0
    """How many files the source, a folder, has; 0 when it is one file. The steps read its first file only."""
    log: Path | None = None
    """Where each step that runs adds a line, when they are to be counted."""

    def every_step(self) -> tuple[Step, ...]:
        return self.steps + self.sweep

    def source_files(self) -> list[str]:
        """Every file of the source, relative to the project."""
        return [f"{SOURCE}/{number:06}" for number in range(self.files)] or [SOURCE]

    def read_by(self, step: Step) -> str:
        """The file that a step reads, relative to the project, where outputs are written in place."""
        return self.source_files()[0] if step.reads is None else f"{OUTPUTS}/{step.reads}"

    def needed_by(self, step: Step) -> list[str]:
        """All that a step depends on: what it reads and, when that is in a folder, the whole folder."""
        return self.source_files() if step.reads is None else [self.read_by(step)]

    def command(self, step: str, source: str, target: str, keep: int | str) -> list[str]:
        """The program and arguments of a step; `source`, `target` and `keep` may be a tool's own expressions."""
        copy = ["dd", f"if={source}", f"of={target}", f"bs={keep}", "count=1", "status=none"]
        return copy if self.log is None else ["sh", str(_COUNT), str(self.log), step, *copy]

    def command_in_place(self, step: Step) -> list[str]:
        """The program and arguments of a step where outputs are written in place."""
        return self.command(step.name, self.read_by(step), f"{OUTPUTS}/{step.name}", step.keep)

    def changed(self, name: str, keep: int) -> "Graph":
        """The same graph with another parameter for one step of the sweep."""
        sweep = tuple(replace(step, keep=keep) if step.name == name else step for step in self.sweep)
        return replace(self, sweep=sweep)


def chain(length: int) -> Graph:
    """`length` steps, each reading the one before; the first keeps less than half of the source."""
    names = [f"step{number}" for number in range(length)]
    before = [None, *names]
    steps = (Step(name, before[at], _SOURCE_BYTES // 2 - at) for at, name in enumerate(names))
    return Graph(f"chain{length}", tuple(steps))


def fan(leaves: int) -> Graph:
    """One step, and a sweep of `leaves` steps that read it."""
    sweep = tuple(Step(f"leaf{number}", "base", number + 1) for number in range(leaves))
    return Graph(f"fan{leaves}", (Step("base", None, _SOURCE_BYTES),), sweep)


def over_folder(files: int) -> Graph:
    """One step that depends on a folder of `files` files."""
    return Graph(f"folder{files}", (Step("only", None, 64),), files=files)


def over_one_file() -> Graph:
    """One step that depends on one file, of which it reads the beginning."""
    return Graph("file", (Step("only", None, 64),))


def write_source(project: Path, graph: Graph) -> None:
    """Makes the source of a graph in a new project: one file, or a folder of files that all differ."""
    if graph.files:
        (project / SOURCE).mkdir()
    for number, file in enumerate(graph.source_files()):
        line = f"line {number} of the source of {graph.name}\n"
        size = 128 if graph.files else _SOURCE_BYTES
        (project / file).write_text((line * (size // len(line) + 1))[:size])
