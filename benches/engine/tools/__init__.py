"""The tools that are compared, one file each."""

from tools.doit import Doit
from tools.dvc import Dvc
from tools.make import Make
from tools.ninja import Ninja
from tools.pipe import Pipe
from tools.snakemake import Snakemake
from tools.tool import Tool

__all__ = ["TOOLS", "Tool"]

TOOLS: tuple[type[Tool], ...] = (Make, Ninja, Pipe, Doit, Dvc, Snakemake)
"""In the order in which they are measured; pipe is close to those that its targets are nearest to."""
