"""dbt in a process that ends when the night that began it has ended: it writes the warehouse.

With arguments it is dbt's command line. Without, it reads the project and waits: a line of its standard input says, as a JSON list, with
which arguments dbt goes on; where none comes, it ends.
"""

import json
import os
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from dbt.cli.main import cli, dbtRunner

from orchestration import garbage
from orchestration.holding import end_with_parent


def _project_read() -> Any:
    """The project, in silence: None where it cannot be read, which dbt tells when it reads it again."""
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        return dbtRunner().invoke(["--no-write-json", "parse"]).result


if __name__ == "__main__":
    garbage.look_for_rarely()
    end_with_parent(int(os.environ.get("MINSHENG_PROCESS") or os.getppid()))
    if len(sys.argv) > 1:
        cli()
    project = _project_read()
    if told := sys.stdin.readline():
        cli(json.loads(told), obj={"manifest": project})
