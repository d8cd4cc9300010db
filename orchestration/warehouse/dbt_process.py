"""dbt in a process that ends when the night that began it has ended: it writes the warehouse.

Its arguments are dbt's. After `waiting` they say where the project is: it is read, and a line of standard input says, as a JSON list,
with which arguments dbt goes on; where none comes, the process ends.
"""

import json
import os
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from dbt.cli.main import cli, dbtRunner

from orchestration import garbage
from orchestration.holding import end_with_parent
from orchestration.warehouse import sparing


def _project_read(place: Sequence[str]) -> Any:
    """The project, in silence: None where it cannot be read, which dbt tells when it reads it again."""
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        return dbtRunner().invoke(["--no-write-json", "parse", *place]).result


if __name__ == "__main__":
    garbage.look_for_rarely()
    end_with_parent(int(os.environ.get("MINSHENG_PROCESS") or os.getppid()))
    if sys.argv[1:2] != ["waiting"]:
        cli()
    sparing.spare()
    if project := _project_read(sys.argv[2:]):
        sparing.make_ready(project)
    if told := sys.stdin.readline():
        cli(json.loads(told), obj={"manifest": project})
