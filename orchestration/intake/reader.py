"""A process that reads files for another: `python -m orchestration.intake.reader PARENT`, begun by `bounded`, which ends it.

It takes (function, item, settings of the environment) on its standard input and gives what the function made of the item, or raised, on its standard output,
pickled. It is begun by its name and not as a copy of its parent, so that whatever program takes files in can begin it.
"""

from __future__ import annotations

import importlib
import os
import pickle
import sys

from orchestration.holding import end_with_parent


def main() -> None:
    end_with_parent(int(sys.argv[1]))
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    # What it reads with is loaded before the first file is measured.
    for module in ("contracts.door.pandera_check", "orchestration.intake.taking_in"):
        importlib.import_module(module)
    while True:
        pickle.dump((True, os.getpid()), answers)
        answers.flush()
        try:
            work, item, settings = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the parent alone
        except EOFError:
            return
        for name in [name for name in os.environ if name.startswith("MINSHENG_")]:
            del os.environ[name]
        os.environ.update(settings)
        try:
            answer = (True, work(item))
        except Exception as error:
            answer = (False, error)
        pickle.dump(answer, answers)
        answers.flush()


if __name__ == "__main__":
    main()
