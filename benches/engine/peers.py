"""Finds the programs of the peers, and installs those that are not here into a folder of the benchmark."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

FROM_PYPI = {"ninja": "1.13.2", "doit": "0.37.0", "dvc": "3.67.1", "snakemake": "9.27.1"}
"""What is installed by pip, and which version."""

B3SUM = "1.8.7"
"""The version of b3sum that is installed by cargo."""


@dataclass(frozen=True)
class Peers:
    """Programs in `prefix/bin`, or else where the shell would find them."""

    prefix: Path

    def find(self, name: str) -> Path | None:
        own = self.prefix / "bin" / name
        if own.exists():
            return own.absolute()
        found = shutil.which(name)
        return Path(found).absolute() if found else None

    def install(self, names: list[str]) -> None:
        """Installs those of the named programs that the prefix lacks; one that cannot be had is left out, and named."""
        missing = [name for name in names if not (self.prefix / "bin" / name).exists()]
        pypi = [name for name in missing if name in FROM_PYPI]
        if pypi and not (self.prefix / "bin" / "pip").exists():
            _try([sys.executable, "-m", "venv", str(self.prefix)])
        for name in pypi:
            pip = str(self.prefix / "bin" / "pip")
            _try([pip, "install", "--quiet", "--disable-pip-version-check", f"{name}=={FROM_PYPI[name]}"])
        if "b3sum" in missing and self.find("b3sum") is None:
            _try(["cargo", "install", "--quiet", "--locked", "--root", str(self.prefix), f"b3sum@{B3SUM}"])


def _try(command: list[str]) -> None:
    print("engine: " + " ".join(command), file=sys.stderr)
    try:
        subprocess.run(command, check=True, stdout=sys.stderr)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"engine: {error}", file=sys.stderr)
