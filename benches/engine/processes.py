"""Runs a program and takes its time or its memory."""

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_POLL = 0.0005
_TAIL = 400


class Failed(Exception):
    """A program that did not do what it was started for; says why, in a line."""


@dataclass(frozen=True)
class Processes:
    """How programs are run: alone, in an environment of ours, for at most `limit` seconds."""

    environment: Mapping[str, str]
    limit: int
    output: Path
    """The file that takes what the program writes; the last run's only."""

    def time(self, command: list[str], folder: Path) -> float:
        """Wall seconds from before the program starts to its end. Raises Failed."""
        os.chdir(folder)
        begin = time.perf_counter()
        with self._started(command) as process:
            _, status = os.waitpid(process, 0)
        seconds = time.perf_counter() - begin
        self._require_success(command, status)
        return seconds

    def peak_memory(self, command: list[str], folder: Path) -> float:
        """The most bytes that the program itself had in memory. Raises Failed.

        Read from /proc while it runs: the `ru_maxrss` of a child begins at what its parent, Python, had.
        """
        os.chdir(folder)
        peak = 0.0
        with self._started(command) as process:
            while os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                peak = max(peak, high_water(process))
                time.sleep(_POLL)
            _, status = os.waitpid(process, 0)
        self._require_success(command, status)
        return peak

    @contextmanager
    def _started(self, command: list[str]) -> Iterator[int]:
        """A process in a group of its own, killed with the group when it outlives the limit or we are stopped."""

        def over_limit(_signal: int, _frame: object) -> None:
            raise Failed(f"took more than {self.limit} s")

        write = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        files = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(self.output), write, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ]
        signal.signal(signal.SIGALRM, over_limit)
        try:
            process = os.posix_spawnp(command[0], command, self.environment, file_actions=files, setpgroup=0)
        except OSError as error:
            raise Failed(f"{command[0]} cannot be started: {error.strerror}") from error
        signal.alarm(self.limit)
        try:
            yield process
        except BaseException:
            os.killpg(process, signal.SIGKILL)
            os.waitpid(process, 0)
            raise
        finally:
            signal.alarm(0)

    def _require_success(self, command: list[str], status: int) -> None:
        code = os.waitstatus_to_exitcode(status)
        if code != 0:
            output = self.output.read_text(errors="replace").strip()[-_TAIL:]
            program = Path(command[0]).name
            raise Failed(f"{program} ended with {code}: {' '.join(output.split())}")


def high_water(process: int) -> float:
    """The peak resident size so far in bytes; 0 when the process has just ended."""
    try:
        with open(f"/proc/{process}/status", encoding="ascii", errors="replace") as status:
            for line in status:
                if line.startswith("VmHWM:"):
                    return float(line.split()[1]) * 1024
    except OSError:
        pass
    return 0.0


@dataclass(frozen=True)
class Repetition:
    """How often something is measured: `usual` times, more while that takes less than `short` seconds in all, fewer,
    but never less than `fewest`, once it has taken `budget` seconds."""

    usual: int = 10
    fewest: int = 3
    most: int = 50
    short: float = 1.0
    budget: float = 30.0

    def of(self, action: Callable[[], float]) -> list[float]:
        """The seconds of each repetition, as `action` says them."""
        taken: list[float] = []
        while not self._enough(len(taken), sum(taken)):
            taken.append(action())
        return taken

    def _enough(self, times: int, seconds: float) -> bool:
        if times < self.fewest:
            return False
        return seconds >= self.budget or times >= self.most or (times >= self.usual and seconds >= self.short)


def children_seconds() -> float:
    """The CPU seconds of all children that have ended."""
    used = os.times()
    return used.children_user + used.children_system
