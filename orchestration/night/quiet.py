"""Whether a night has anything to do; looked at before Dagster and dbt are begun, which cost more than most nights' news.

Everything is asked as the night itself would ask it: what lies in the inbox, which deliveries are to be taken through the door, who is
overdue today, which tables are made of something else, whether the release that stands is what would be released. Nothing is written.
Does not belong here: any of these rules.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from contracts.loading import load_feeds
from contracts.whole_files import NotReadable
from orchestration.derived import roads
from orchestration.holding import is_held
from orchestration.intake import arriving, landing
from orchestration.intake.feeds import overdue
from orchestration.intake.taking_in import pending
from orchestration.paths import DataDirectory
from orchestration.release import publishing
from orchestration.warehouse import dbt_assets, dbt_command, failures, inputs


def has_nothing_to_do(data: DataDirectory) -> bool:
    """Whether a night would leave everything as it is. What does not read is the night's to tell of: then it has something to do."""
    try:
        return (
            not any((data.dagster_home / "running").glob("*"))  # a run that goes on, or whose process was killed
            and not is_held(dbt_assets.writer_lock(data))
            and _is_all_taken_in(data)
            and roads.stands(data)
            and _is_all_built(data)
            and publishing.stands(data)
        )
    except (NotReadable, OSError, ValueError):
        return False


def _is_all_taken_in(data: DataDirectory) -> bool:
    if not _is_empty(data.inbox):
        return False
    for feed in load_feeds().values():
        if arriving.troubles(data, feed.id) or pending(data, feed):
            return False
        counting = landing.latest(landing.attempts(data, feed.id))
        if any(late.receipt not in counting for late in overdue(data, feed, counting.values(), data.today())):
            return False
    return True


def _is_empty(inbox: Path) -> bool:
    """Whether nothing but folders lies there; a list of deliveries names files that have to be opened to see whether they are others."""
    return not any(
        names or any((Path(place) / folder).is_symlink() for folder in folders)
        for place, folders, names in os.walk(inbox)
    )


def _is_all_built(data: DataDirectory) -> bool:
    """Also for today: tables that ask for the day have been asked today."""
    if failures.remembered(data) or not dbt_command.is_parsed(data):
        return False
    parsed = json.loads((data.dbt_target / "manifest.json").read_text(encoding="utf-8"))
    return not inputs.due(parsed, inputs.keys(data, parsed), inputs.built(data))
