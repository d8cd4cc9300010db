"""dbt from the command line, in a process that ends when the night that began it has ended: it writes the warehouse."""

import os
import sys

from orchestration.holding import end_with_parent

# Names the setting that says which nodes, as --select takes them: dagster-dbt always asks for all, and dbt adds up what it is asked for.
ONLY = "MINSHENG_ONLY"


def arguments(given: list[str], only: str | None) -> list[str]:
    """The command line with `only` in the place of what was to be selected."""
    if only is None:
        return given
    place = given.index("--select") + 1
    return [*given[:place], only, *given[place + 1 :]]


if __name__ == "__main__":
    from dbt.cli.main import cli

    end_with_parent(int(os.environ.get("MINSHENG_PROCESS") or os.getppid()))
    cli(arguments(sys.argv[1:], os.environ.get(ONLY)))
