"""The machine that measurements are of."""

import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Machine:
    cpu: str
    cores: int
    memory_bytes: int
    system: str
    file_system: str
    """Of the folder in which the projects are made."""
    load: float
    """The mean number of processes that wanted to run in the minute before the benchmark began."""


_MOST_LOAD = 0.5


def idle_machine(bench: str, folder: Path, loaded: bool) -> Machine:
    """This machine; ends the benchmark of that name where something else runs on it, unless `loaded`."""
    machine = this_machine(folder)
    if machine.load > _MOST_LOAD and not loaded:
        sys.exit(f"{bench}: the load is {machine.load:.2f}, more than {_MOST_LOAD}: wait, or measure anyway by --loaded")
    return machine


def this_machine(folder: Path) -> Machine:
    pages = os.sysconf("SC_PHYS_PAGES")
    return Machine(
        cpu=_cpu(),
        cores=len(os.sched_getaffinity(0)),
        memory_bytes=pages * os.sysconf("SC_PAGE_SIZE"),
        system=f"{platform.system()} {platform.release()}",
        file_system=_file_system(folder),
        load=os.getloadavg()[0],
    )


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def _file_system(folder: Path) -> str:
    """The type of the file system mounted nearest above a folder."""
    mounts = (line.split() for line in Path("/proc/self/mounts").read_text().splitlines())
    above = [(Path(point), kind) for _, point, kind, *_ in mounts if folder.resolve().is_relative_to(point)]
    return max(above, key=lambda mount: len(mount[0].parts))[1]
