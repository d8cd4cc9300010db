"""How often Python looks for rings of objects that nobody holds any more.

As it comes, whenever there are 700 more objects: a program that loads a hundred thousand to keep them, as Dagster and dbt do, spends a
tenth of its time looking through them (decision 0033).
"""

import gc

MORE_OBJECTS = 100_000


def look_for_rarely() -> None:
    """For a process that has loaded what it keeps: that is looked through no more, and the rest rarely."""
    gc.set_threshold(MORE_OBJECTS, 20, 20)
    gc.freeze()
