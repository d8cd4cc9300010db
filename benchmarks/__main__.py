"""`python -m benchmarks [NAME …]`: runs the benchmarks named, or all, one after the other; each prints its own figures."""

from __future__ import annotations

import argparse
import importlib
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def names() -> list[str]:
    """Every module beside this one."""
    return sorted(path.stem for path in HERE.glob("*.py") if not path.stem.startswith("_"))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Runs the benchmarks.")
    parser.add_argument("name", nargs="*", help="which; all if none is named")
    parser.add_argument("--list", action="store_true", help="say what each measures and run nothing")
    asked = parser.parse_args()
    if unknown := set(asked.name) - set(names()):
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}; there are {', '.join(names())}")
    failed = 0
    for name in asked.name or names():
        module = importlib.import_module(f"benchmarks.{name}")
        print(f"{name}: {(module.__doc__ or '').splitlines()[0]}", flush=True)
        if not asked.list:
            # A process each: peak memory is its own.
            failed += subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode != 0
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
