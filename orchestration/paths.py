"""The data directory and its folders, and the calendar.

Everything the platform keeps lies below `MINSHENG_DATA` (default `./data`). Nothing else in the code names a folder.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from contracts.place import place
from contracts.whole_files import NotReadable, read_json, write_json

PROJECT = Path(__file__).resolve().parent.parent
DBT_PROJECT = PROJECT / "dbt_project"
TIME_ZONE, ZONE = place().time_zone, place().zone
# The typed file without rows that stands for what has never come. Spark does not see files whose name begins with `_`.
NEVER_CAME = "never.parquet"


@dataclass(frozen=True)
class DataDirectory:
    """One city's data. The folders are made when the first thing is put into them."""

    root: Path

    @property
    def inbox(self) -> Path:
        """`inbox/<feed>/[<sender>/]<file>`: what departments have sent and nobody has read."""
        return self.root / "inbox"

    @property
    def archive(self) -> Path:
        """`archive/<feed>/<day>/<receipt>.bin` and `.json`: the bytes as they came; nobody but the owner may look."""
        return self.root / "archive"

    @property
    def unpacked(self) -> Path:
        """`archive/.unpacked/`: what an archive of a department holds, while it is read; emptied by whoever takes in next."""
        return self.archive / ".unpacked"

    @property
    def receipts(self) -> Path:
        """`receipts/<feed>/<month>/<receipt>.<attempt>.json`: the ledger, one file an attempt, never changed."""
        return self.root / "receipts"

    @property
    def accepted(self) -> Path:
        """`accepted/<feed>/<day>/<receipt>.parquet`."""
        return self.root / "accepted"

    @property
    def superseded(self) -> Path:
        """`superseded/<feed>/<day>/<receipt>.parquet`: accepted once, since replaced by a corrected file; nothing reads it."""
        return self.root / "superseded"

    @property
    def quarantine(self) -> Path:
        """`quarantine/<feed>/<day>/<receipt>.parquet`, one row a reason."""
        return self.root / "quarantine"

    @property
    def derived(self) -> Path:
        return self.root / "derived"

    @property
    def warehouse(self) -> Path:
        """dbt is its only writer; nobody outside the platform opens it."""
        return self.root / "warehouse" / "minsheng.duckdb"

    @property
    def failures(self) -> Path:
        """What dbt could not make or found wrong, and has not put right since."""
        return self.warehouse.parent / "failures.json"

    @property
    def disclosed(self) -> Path:
        """`disclosed/<release>/<table>.parquet`: every cell of a release with its value, hidden or not; nobody outside looks."""
        return self.root / "disclosed"

    @property
    def published(self) -> Path:
        return self.root / "published"

    @property
    def dagster_home(self) -> Path:
        return self.root / "dagster"

    @property
    def dbt_target(self) -> Path:
        return self.root / "dbt"

    def today(self) -> date:
        """The day it is for this data: the real one, unless the directory's calendar stands still (a demo's does)."""
        stated = os.environ.get("MINSHENG_TODAY") or self._calendar().get("today")
        return date.fromisoformat(stated) if stated else datetime.now(ZONE).date()

    def now(self) -> datetime:
        """Wall time of the place without a zone, the way every table keeps it."""
        moment = datetime.now(ZONE).replace(tzinfo=None, microsecond=0)
        today = self.today()
        return moment if moment.date() == today else datetime.combine(today, datetime.max.time()).replace(microsecond=0)

    def first_day(self) -> date:
        """The first day on which a file can have been received: where the partitions begin."""
        stated = os.environ.get("MINSHENG_FIRST_DAY") or self._calendar().get("first_day")
        return date.fromisoformat(stated) if stated else date(self.today().year - 1, 1, 1)

    def stands_still(self) -> bool:
        """Whether the calendar is stated, so that it does not go on with the clock."""
        return bool(os.environ.get("MINSHENG_TODAY") or self._calendar().get("today"))

    def set_calendar(self, today: date, first_day: date) -> None:
        """Makes this directory's calendar stand still at `today`."""
        write_json(self.root / "calendar.json", {"today": today, "first_day": first_day})

    def _calendar(self) -> dict[str, str]:
        path = self.root / "calendar.json"
        said = read_json(path) if path.is_file() else {}
        try:
            return {name: date.fromisoformat(day).isoformat() for name, day in said.items()}
        except (TypeError, ValueError):
            raise NotReadable(path) from None


def data_directory() -> DataDirectory:
    """The directory `MINSHENG_DATA` names; a relative one is meant from the project's folder."""
    stated = Path(os.environ.get("MINSHENG_DATA") or "data").expanduser()
    return DataDirectory(stated if stated.is_absolute() else PROJECT / stated)


def days(first: date, last: date) -> list[date]:
    """Every day from first to last, both included."""
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]
