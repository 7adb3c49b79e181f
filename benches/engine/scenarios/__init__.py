"""What is measured, one file each, in the order of the report."""

from scenarios.chain import CHAIN
from scenarios.cutoff import CUTOFF
from scenarios.folder import FOLDER
from scenarios.large_file import LARGE_FILE
from scenarios.memory import MEMORY
from scenarios.nodes import NODES
from scenarios.overhead import OVERHEAD
from scenarios.sample import SAMPLE
from scenarios.scenario import Scenario
from scenarios.startup import STARTUP
from scenarios.sweep import SWEEP

__all__ = ["SCENARIOS", "Scenario"]

SCENARIOS: tuple[Scenario, ...] = (
    STARTUP,
    SAMPLE,
    CHAIN,
    SWEEP,
    OVERHEAD,
    NODES,
    FOLDER,
    LARGE_FILE,
    CUTOFF,
    MEMORY,
)
