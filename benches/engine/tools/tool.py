"""What the benchmark asks of a tool."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from graph import Graph


class Tool(ABC):
    """A build tool or workflow engine, as a program of this machine."""

    name: ClassVar[str]
    checks: ClassVar[str]
    """What it looks at to find that a step need not run."""
    parallel: ClassVar[bool] = True
    """Whether it can run several steps at once."""

    def __init__(self, program: Path) -> None:
        self.program = program

    @abstractmethod
    def write(self, project: Path, graph: Graph) -> None:
        """Writes the tool's own files for a graph; in a project that has them, changes only what differs."""

    def start(self, project: Path) -> list[list[str]]:
        """The commands that make a new folder a project of this tool, once, before `write`; not timed."""
        return []

    @abstractmethod
    def run(self, jobs: int) -> list[str]:
        """The command that runs all steps that have to, to be run in the project."""


def write_if_different(file: Path, text: str) -> None:
    """Leaves a file alone that holds `text`: a tool may look at nothing but the time it was written."""
    if not file.exists() or file.read_text() != text:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
