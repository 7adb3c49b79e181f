"""Projects of a tool, and how they are timed."""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from graph import SOURCE, Graph, write_source
from processes import Failed, Processes, Repetition
from tools import Tool

JOBS = 2
"""How many steps may run at once, where a scenario says nothing else."""

_WARM_UPS = 3
_SLOW = 5.0
"""A tool that takes so many seconds is not warmed up more than once."""


def settle() -> None:
    """Waits until a file that is written gets a later time than those before; the clock of file systems is coarse."""
    time.sleep(0.05)


@dataclass(frozen=True)
class Project:
    """A folder with a source and a tool's files for a graph."""

    tool: Tool
    graph: Graph
    folder: Path
    processes: Processes

    def run(self, jobs: int = JOBS) -> float:
        """Runs the tool until nothing is left to do; the seconds it took. Raises Failed."""
        return self.processes.time(self.tool.run(jobs), self.folder)

    def peak_memory(self) -> float:
        """Runs the tool until nothing is left to do; the tool's peak memory in bytes. Raises Failed."""
        return self.processes.peak_memory(self.tool.run(JOBS), self.folder)

    def ran(self) -> int:
        """How many steps have run since the project was made; of a graph that is counted."""
        log = self.graph.log
        return len(log.read_text().splitlines()) if log and log.exists() else 0

    def repeat(self, repetition: Repetition, change: Callable[[], None]) -> tuple[list[float], int]:
        """Makes a change before each run: the seconds of the runs, and how many steps each ran. Raises Failed."""

        def changed_run() -> float:
            settle()
            change()
            settle()
            return self.run()

        before = self.ran()
        seconds = repetition.of(changed_run)
        each, odd = divmod(self.ran() - before, len(seconds))
        if odd:
            raise Failed(f"{len(seconds)} equal changes ran {self.ran() - before} steps")
        return seconds, each

    def change(self, graph: Graph) -> None:
        """Gives the project another graph of as many steps."""
        self.tool.write(self.folder, replace(graph, log=self.graph.log))


@dataclass(frozen=True, eq=False)
class Bench:
    """What scenarios measure with."""

    folder: Path
    """Where projects are made."""
    processes: Processes
    repetition: Repetition
    repository: Path
    large_bytes: int
    """The size of the one large file."""
    b3sum: Path | None

    @contextmanager
    def project(
        self, tool: Tool, graph: Graph, *, counted: bool = False, source: Path | None = None
    ) -> Iterator[Project]:
        """A new project, removed at the end; its source is a link to `source` when that is given. Raises Failed."""
        above = Path(tempfile.mkdtemp(prefix=f"{tool.name}-", dir=self.folder))
        try:
            folder = above / "project"
            folder.mkdir()
            if source is None:
                write_source(folder, graph)
            else:
                (folder / SOURCE).hardlink_to(source)
            for command in tool.start(folder):
                self.processes.time(command, folder)
            if counted:
                graph = replace(graph, log=above / "steps.log")
            tool.write(folder, graph)
            yield Project(tool, graph, folder, self.processes)
        finally:
            shutil.rmtree(above)

    @contextmanager
    def with_results(self, tool: Tool, graph: Graph, source: Path | None = None) -> Iterator[Project]:
        """A new project in which every step has run, and been counted. Raises Failed."""
        with self.project(tool, graph, counted=True, source=source) as project:
            project.run()
            if project.ran() != len(graph.every_step()):
                raise Failed(f"the first run ran {project.ran()} steps of {len(graph.every_step())}")
            yield project

    def no_op(self, project: Project) -> list[float]:
        """The seconds of runs with nothing to do. Raises Failed when one runs a step."""
        before = project.ran()
        self._warm_up(project)
        seconds = self.repetition.of(project.run)
        if project.ran() != before:
            raise Failed(f"runs with nothing to do ran {project.ran() - before} steps")
        return seconds

    def first_runs(self, tool: Tool, graph: Graph, jobs: int = JOBS, source: Path | None = None) -> list[float]:
        """The seconds of first runs, each in a new project. Raises Failed."""

        def first() -> float:
            with self.project(tool, graph, source=source) as project:
                return project.run(jobs)

        return self.repetition.of(first)

    def _warm_up(self, project: Project) -> None:
        for _ in range(_WARM_UPS):
            if project.run() > _SLOW:
                return
