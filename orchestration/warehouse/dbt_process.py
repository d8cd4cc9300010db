"""dbt from the command line, in a process that ends when the night that began it has ended: it writes the warehouse."""

import os

from dbt.cli.main import cli

from orchestration.holding import end_with_parent

if __name__ == "__main__":
    end_with_parent(int(os.environ.get("MINSHENG_PROCESS") or os.getppid()))
    cli()
