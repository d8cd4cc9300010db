"""The night of `make real`: lists public files for the intake, sets the calendar to the newest of them, and prints what came of it.

The closing tables are read from the published file, as any reader would. Does not belong here: running the night (command).
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from contracts.whole_files import whole
from orchestration.intake.arriving import DELIVERY_LIST
from orchestration.paths import PROJECT, DataDirectory

REAL_LIST = PROJECT / "demo" / "real.csv"
REAL_FILES = PROJECT.parent / "shared" / "data"


def real_deliveries(files: Path = REAL_FILES) -> list[dict[str, str]]:
    """The rows of demo/real.csv (feed, sender, path, received_on), with paths of this machine."""
    with REAL_LIST.open(encoding="utf-8", newline="") as file:
        return [row | {"path": str(files / row["path"])} for row in csv.DictReader(file)]


def set_up_real(
    data: DataDirectory, console: Console, files: Path = REAL_FILES, *, senders: Collection[str] | None = None
) -> bool:
    """Lists the real files (of some senders only) for the landing, which reads them where they lie; False where none are.

    The files are of several years; all are taken in on one day, the last of the newest year among them, and the
    calendar stands still on it: nothing is overdue on the day it came.
    """
    if not files.is_dir():
        console.print(f" No real files: {files} is not there, so there is nothing to do.", markup=False)
        return False
    deliveries = [row for row in real_deliveries(files) if senders is None or row["sender"] in senders]
    received = [datetime.fromisoformat(row["received_on"]).date() for row in deliveries]
    data.set_calendar(max(received), min(received))
    with whole(data.inbox / DELIVERY_LIST) as staged, staged.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["feed", "sender", "path", "received_on"])
        writer.writeheader()
        writer.writerows(deliveries)
    console.print(f" {len(deliveries)} deliveries of real public files, read where they lie")
    return True


def tell_real(data: DataDirectory, console: Console) -> None:
    """Prints what the release holds: rows per file, facilities by department and how they were placed, ten buildings with
    their evidence, and Tainan by district: parks, centres, facilities of each department, what lies within 1 km, how even it is."""
    import duckdb

    from orchestration.release import standing

    path = standing.database(data)
    if path is None:
        console.print(" Nothing has been published, so there are no figures to show.")
        return
    with duckdb.connect(str(path), read_only=True) as con:
        for query, headings in TABLES:
            console.print()
            console.print(_table(con, query, headings))


FILES = """
    select file_name, split_part(feed, '.', 2), rows_received, rows_accepted, rows_quarantined,
           case when rows_quarantined > 0 then commonest_field || ': ' || commonest_reason end
    from feed_health where is_latest and verdict <> 'missing' order by feed, sender, file_name
"""

FACILITIES = """
    select department_code, facility_type, count(*), count(*) filter (is_open),
           count(*) filter (division_method = 'code'), count(*) filter (division_method in ('name', 'name_part', 'name_prefix')),
           count(*) filter (division_method = 'address'), count(*) filter (division_method = 'nearest'),
           count(*) filter (division_method = 'none'),
           count(*) filter (point_trust = 'checked'), count(*) filter (point_trust = 'refused')
    from dim_facility group by all order by all
"""

POINTS = """
    select count(*), 100.0 * count(*) filter (point_trust = 'checked') / count(*),
           100.0 * count(*) filter (point_trust = 'checked') / nullif(count(*) filter (point_trust <> 'none'), 0),
           count(distinct complex_id)
    from dim_facility
"""

# The surest pair of each building, those of two departments first.
COMPLEXES = """
    select left_name, right_name, name_agreement, address_agreement, phone_agreement, distance_m, probability
    from facility_link join dim_facility on facility_id = left_id
    where decision = 'linked'
    qualify row_number() over (partition by complex_id order by probability desc, left_id, right_id) = 1
    order by left_department_code = right_department_code, probability desc, left_id limit 10
"""

# The division file writes 台, the city itself 臺.
DISTRICTS = """
    with newest as (
        from indicator_value where area_type = 'all' qualify period = max(period) over (partition by indicator_code, division_code)
    )
    select substr(d.full_name, 4), p.value, p.numerator::bigint, p.denominator::bigint,
           100 * c.value, c.numerator::bigint, c.denominator::bigint
    from dim_division as d
    left join newest as p on p.division_code = d.division_code and p.indicator_code = 'park_area_per_resident'
    left join newest as c on c.division_code = d.division_code and c.indicator_code = 'activity_centre_coverage'
    where d.level = 'county' and replace(d.full_name, '臺', '台') like '台南市%'
    order by d.division_code
"""

# Open facilities of each department over ten thousand residents.
PER_10000 = """
    with newest as (
        from indicator_value where area_type = 'all' qualify period = max(period) over (partition by indicator_code, division_code)
    )
    select substr(d.full_name, 4), max(v.denominator)::bigint,
           max(v.value) filter (indicator_code = 'health_facilities_per_10000'),
           max(v.value) filter (indicator_code = 'culture_facilities_per_10000'),
           max(v.value) filter (indicator_code = 'sports_facilities_per_10000'),
           max(v.value) filter (indicator_code = 'civil_affairs_facilities_per_10000')
    from dim_division as d
    join newest as v on v.division_code = d.division_code and v.indicator_code like '%\\_facilities\\_per\\_10000' escape '\\'
    where d.level = 'county' and replace(d.full_name, '臺', '台') like '台南市%'
    group by d.division_code, d.full_name order by d.division_code
"""

# No village has a point of its own: where it is assumed to lie, of how many that can be, and how many of these are within 1 km.
WITHIN_1_KM = """
    select substr(d.full_name, 4), c.communities, c.communities_with_assumed_point, c.communities_within_wide,
           100 * c.communities_within_wide / nullif(c.communities - c.communities_without_point, 0), 100 * c.share_within_wide,
           p.communities_with_assumed_point, p.communities_within_wide,
           100 * p.communities_within_wide / nullif(p.communities - p.communities_without_point, 0), 100 * p.share_within_wide
    from dim_division as d
    left join facility_access as c on c.division_code = d.division_code and c.circle_type = 'community_centre'
    left join facility_access as p on p.division_code = d.division_code and p.circle_type = 'park'
    where d.level in ('county', 'city') and replace(d.full_name, '臺', '台') like '台南市%'
    order by d.level desc, d.division_code
"""

# Park area per resident, village by village: of the city with the part between its districts, and of each district.
PARKS = """
    select area_name, units, units_left_out, units_without_resource, 100 * placed_share, gini, theil_t,
           theil_t_between_parent, theil_t_within_parent
    from equalisation
    where indicator_code = 'park_area_per_resident' and unit_level = 'village' and area_level in ('county', 'city')
          and replace(area_name, '臺', '台') like '台南市%'
    qualify period = max(period) over ()
    order by area_level, area_code
"""

TABLES = (
    (FILES, ("file", "feed", "received", "accepted", "quarantined", "why (most common)")),
    (
        FACILITIES,
        (
            "department",
            "facilities",
            "registered",
            "open",
            "by code",
            "name",
            "address",
            "nearest",
            "not placed",
            "trusted points",
            "refused",
        ),
    ),
    (POINTS, ("facilities", "% with a trusted point", "% of the points sent", "buildings")),
    (COMPLEXES, ("one building", "and", "names", "address", "phone", "metres", "probability")),
    (DISTRICTS, ("Tainan", "park m²/resident", "park m²", "residents", "% of villages", "with centre", "of")),
    (PER_10000, ("per 10,000 residents", "residents", "health", "culture", "sports", "civil affairs")),
    (
        WITHIN_1_KM,
        (
            "within 1 km",
            "villages",
            "located, centre",
            "reach it",
            "% of located",
            "% of residents",
            "located, park",
            "reach it",
            "% of located",
            "% of residents",
        ),
    ),
    (
        PARKS,
        (
            "park area by village",
            "villages",
            "left out",
            "without",
            "% placed",
            "Gini",
            "Theil T",
            "between",
            "within",
        ),
    ),
)


def _table(con: Any, query: str, headings: Sequence[str]) -> Table:
    """A query's rows as a table; numbers to the right, null as a dash."""
    table = Table(box=None, pad_edge=False, show_edge=False)
    rows = con.execute(query).fetchall()
    for i, heading in enumerate(headings):
        if any(isinstance(row[i], int | float) for row in rows):
            # A name may be cut short where the terminal is narrow; a number never.
            table.add_column(heading, justify="right", no_wrap=True, min_width=max(len(_shown(row[i])) for row in rows))
        else:
            table.add_column(heading if i else f" {heading}", no_wrap=True, min_width=8)
    for row in rows:
        first, *others = map(_shown, row)
        table.add_row(f" {first}", *others)
    return table


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
