"""Times a real sweep beside the same experiments one by one, and beside DVC: `python3 benches/sweep --help`."""

import argparse
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "engine"))

from dvc_project import DvcProject  # noqa: E402
from machine import this_machine  # noqa: E402
from peers import Peers  # noqa: E402
from pipe_project import PipeProject  # noqa: E402

REPOSITORY = Path(__file__).resolve().parents[2]
_HOUR = 3600


@dataclass
class Row:
    work: str
    seconds: float = 0.0
    cpu: float = 0.0
    """Seconds of all cores: what else the machine does counts less in them."""
    stages: str = ""


class Table:
    def __init__(self) -> None:
        self.rows: list[Row] = []

    @contextmanager
    def row(self, work: str) -> Iterator[Row]:
        """Times what is done meanwhile, and the processes that it starts."""
        row = Row(work)
        begin, cpu = time.perf_counter(), _cpu()
        yield row
        row.seconds, row.cpu = time.perf_counter() - begin, _cpu() - cpu
        self.rows.append(row)
        print(f"{work}: {row.seconds:.0f} s", file=sys.stderr, flush=True)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> int:
    given = _parse()
    peers = Peers(Path(os.environ.get("PEERS", REPOSITORY / "benches/.peers")).absolute())
    if not given.no_install and "PEERS" not in os.environ:
        peers.install(["dvc"])
    machine = this_machine(given.folder)
    print(f"# A sweep of {given.pipeline}\n")
    print(f"{machine.cores} cores of {machine.cpu}; load before it began: {machine.load:.2f}.", flush=True)
    arguments = [given.pipeline, *given.arguments]
    with tempfile.TemporaryDirectory(prefix="pipe-sweep-", dir=given.folder) as name:
        folder = Path(name)
        pipe = PipeProject(given.program, arguments, folder, given.limit)
        rows = _measure(pipe, folder, peers.find("dvc"), given)
        print("\n| | time | of all cores | stages that ran |\n|---|---:|---:|---:|")
        for row in rows:
            print(f"| {row.work} | {row.seconds:.0f} s | {row.cpu:.0f} s | {row.stages} |")
    return 0


def _measure(pipe: PipeProject, folder: Path, dvc: Path | None, given: argparse.Namespace) -> list[Row]:
    plan = pipe.plan(folder / "swept")
    print(f"\nThe plan: {plan['points']} points ask for {plan['asked']} stages, of which {plan['distinct']} are distinct.")
    table = Table()
    with table.row("`pipe run`, all points") as row:
        ran = pipe.run(folder / "swept")
        row.stages = str(ran)
    points = pipe.points(folder / "swept")

    if given.add:
        with table.row(f"one more point, {given.add}") as row:
            row.stages = str(pipe.with_more(given.add, folder / "swept"))

    with table.row("killed half-way, then run again") as row:
        killed = pipe.run_killed(folder / "killed", ran // 2)
        rest = pipe.run(folder / "killed")
        row.stages = f"{killed} + {rest}: {killed + rest - ran} repeated"

    if "separate" not in given.without:
        with table.row("each point alone, in a store of its own") as row:
            row.stages = str(sum(pipe.run(folder / f"alone-{at}", point) for at, point in enumerate(points)))
    if dvc and "dvc" not in given.without:
        project = DvcProject(dvc, folder / "dvc", pipe.stages(folder / "swept", points[0]), given.program, given.limit)
        with table.row("DVC, the same experiments by `dvc exp run`") as row:
            project.run([pipe.settings(point) for point in points])
            row.stages = str(project.ran())
    return table.rows


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benches/sweep", description=__doc__)
    parser.add_argument("pipeline", nargs="?", default="tables/4-negatives", help="the pipeline; tables/4-negatives")
    parser.add_argument("arguments", nargs="*", default=["--profile", "small"], help="what else pipe is told, after --")
    parser.add_argument("--add", default="tasks.negatives=6", help="the value of the axis that is added later; empty for none")
    parser.add_argument("--without", action="append", default=[], choices=["separate", "dvc"], help="leave this out")
    parser.add_argument("--program", type=Path, default=REPOSITORY / "target/debug/pipe", help="which pipe; its worker stands beside it")
    parser.add_argument("--limit", type=int, default=3 * _HOUR, help="the most seconds that one command may take")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()), help="where stores are made")
    parser.add_argument("--no-install", action="store_true", help="install nothing: without DVC here, it is absent")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
