"""The command line of the benchmark."""

import argparse
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from scenarios import SCENARIOS
from tools import TOOLS

REPOSITORY = Path(__file__).resolve().parents[2]

_ENVIRONMENT = """\
environment:
  PIPE    the program pipe; target/debug/pipe when not given
  PEERS   a folder with the peers in its bin; benches/.peers when not given, and what is missing is installed there
"""


@dataclass(frozen=True)
class Arguments:
    scenarios: tuple[str, ...]
    tools: tuple[str, ...]
    large_bytes: int
    quick: bool
    limit: int
    loaded: bool
    json: Path | None
    folder: Path
    pipe: Path
    peers: Path
    install: bool


def parse() -> Arguments:
    """Reads the command line and the environment; ends the program when they are wrong."""
    parser = argparse.ArgumentParser(
        prog="benches/engine",
        description="Times build tools and workflow engines beside pipe, and writes the measurements as Markdown.",
        epilog=_ENVIRONMENT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    scenarios = tuple(scenario.name for scenario in SCENARIOS)
    tools = tuple(tool.name for tool in TOOLS)
    parser.add_argument("--only", metavar="A,B", type=_some_of(scenarios), default=scenarios, help=", ".join(scenarios))
    parser.add_argument("--tools", metavar="A,B", type=_some_of(tools), default=tools, help=", ".join(tools))
    parser.add_argument("--size", metavar="MIB", type=int, help="size of the large file; 4096, with --quick 256")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions and a smaller file: a trial")
    parser.add_argument("--limit", metavar="SECONDS", type=int, default=120, help="the most a run may take; 120")
    parser.add_argument("--loaded", action="store_true", help="go on although the machine has other work")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write every measurement here too")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()), help="where projects are made")
    parser.add_argument("--no-install", action="store_true", help="install nothing: what is not here is absent")
    given = parser.parse_args()
    peers = os.environ.get("PEERS")
    return Arguments(
        scenarios=given.only,
        tools=given.tools,
        large_bytes=(given.size or (256 if given.quick else 4096)) * 2**20,
        quick=given.quick,
        limit=given.limit,
        loaded=given.loaded,
        json=given.json.absolute() if given.json else None,
        folder=given.folder.absolute(),
        pipe=Path(os.environ.get("PIPE", REPOSITORY / "target/debug/pipe")).absolute(),
        peers=Path(peers or REPOSITORY / "benches/.peers").absolute(),
        install=not given.no_install and peers is None,
    )


def _some_of(known: tuple[str, ...]) -> Callable[[str], tuple[str, ...]]:
    """Reads names with commas between them, of those that are known."""

    def parse_names(text: str) -> tuple[str, ...]:
        names = tuple(text.split(","))
        for name in names:
            if name not in known:
                raise argparse.ArgumentTypeError(f"'{name}' is not one of {', '.join(known)}")
        return names

    return parse_names
