"""The tools that are compared, one file each."""

from tools.doit import Doit
from tools.dvc import Dvc
from tools.make import Make
from tools.ninja import Ninja
from tools.pipe import Pipe
from tools.snakemake import Snakemake
from tools.tool import Tool

__all__ = ["TOOLS", "Tool"]

TOOLS: tuple[type[Tool], ...] = (Make, Ninja, Doit, Dvc, Snakemake, Pipe)
