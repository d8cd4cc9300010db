"""What Dagster shows of a release: its certificate, how it differs from the last one, headline figures and charts, where it lies.

Belongs here: words and tables for the page of the asset `release/published`. Does not belong here: making a release
(publishing), and the bulletin, which is for everybody.
"""

from __future__ import annotations

import base64
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import yaml

from contracts.loading import load_products
from orchestration.paths import DBT_PROJECT, DataDirectory
from orchestration.release import charts, data_docs, revisions
from orchestration.release.bulletin import pages as bulletin
from orchestration.release.headlines import headlines
from orchestration.release.telling_apart import told_apart

EXPOSURES = ("models/published.yml", "models/exposures.yml")
# Beyond so many lines a chart is no headline.
MOST_BARS = 20


def readers() -> str:
    """Who reads a release: the exposures of the dbt project, as a table."""
    found = [
        exposure
        for name in EXPOSURES
        for exposure in yaml.safe_load((DBT_PROJECT / name).read_text(encoding="utf-8"))["exposures"]
    ]
    rows = [(e.get("label") or e["name"], e["type"], e["owner"]["email"], e["description"]) for e in found]
    return _table(("读者 · reader", "形式 · kind", "负责 · owner", "用途 · what for"), rows)


def facts(published: Path, certificate: Any, before: Any, is_new: bool) -> dict[str, Any]:
    """The metadata of the release's asset.

    Args:
        published: the folder of releases; what readers see is the certificate's release.
        certificate, before: of this release and of the one before it (`certificates.Certificate`); None where it is the first.
        is_new: whether tonight made it.
    """
    current = published / "current"
    database = published / "minsheng.duckdb"
    rows = dg.MetadataValue.table(
        [
            dg.TableRecord({"table": t, "rows": f["rows"], "changed": t in certificate.changed_tables})
            for t, f in certificate.tables.items()
        ],
        schema=dg.TableSchema(
            [dg.TableColumn("table"), dg.TableColumn("rows", "int"), dg.TableColumn("changed", "bool")]
        ),
    )
    return {
        "release": certificate.release_id,
        "new": is_new,
        "headlines": dg.MetadataValue.md(_headlines(published, certificate)),
        "difference to the last release": dg.MetadataValue.md(difference(database, certificate, before)),
        "charts": dg.MetadataValue.md(_charts(current)),
        "certificate": dg.MetadataValue.md(_certificate(certificate)),
        "dagster/row_count": sum(f["rows"] for f in certificate.tables.values()),
        "bulletin": dg.MetadataValue.path(str(published / bulletin.FOLDER / "index.html")),
        "what was checked": dg.MetadataValue.path(str(published / data_docs.FOLDER / "index.html")),
        "certificate file": dg.MetadataValue.path(str(current / "certificate.json")),
        "database": dg.MetadataValue.path(str(database)),
        "public edition": dg.MetadataValue.path(str(published / "public")),
        "tables": rows,
    }


def _headlines(published: Path, certificate: Any) -> str:
    fictional = [f"**{certificate.notes}**"] if certificate.notes else []
    return "\n\n".join([*fictional, *(f"- {line}" for line in headlines(DataDirectory(published.parent)))])


def _certificate(certificate: Any) -> str:
    kept = [f"`{t}`: {k['release']}, {k['why']}" for t, k in certificate.kept.items()]
    hidden = {t: f["below_ten"] for t, f in certificate.disclosure.items() if f.get("rule") == "tens"}
    rows = [
        ("发布 · release", certificate.release_id),
        ("时间 · released at", f"{certificate.released_at:%Y-%m-%d %H:%M:%S}"),
        ("审计 · audit", f"{certificate.expectations:,} expectations met"),
        ("表 · tables", f"{len(certificate.tables)}, {sum(f['rows'] for f in certificate.tables.values()):,} rows"),
        ("包含的文件 · deliveries", f"{certificate.receipts:,}"),
        ("代码 · code", certificate.code_version),
        ("内容校验 · content", f"`{certificate.content_checksum[:16]}`"),
        ("政策 · policies", f"`{certificate.policies}`"),
        ("路网 · road network", road_network(certificate.roads)),
        ("已封账期 · closed periods", certificate.closed_periods or "–"),
        ("沿用旧内容 · kept from before", "; ".join(kept) or "–"),
        ("未向公众公布的数 · figures not told to the public", ", ".join(f"`{t}` {n}" for t, n in hidden.items() if n) or "–"),
    ]  # fmt: skip
    return _table(("", ""), rows)


def road_network(network: Mapping[str, Any]) -> str:
    """What the certificate says of the ways that distances are measured over, in one line."""
    if not network:
        return "无，距离为直线乘以绕行系数 · none, distances are straight lines with detour"
    files = "; ".join(
        f"`{f['file']}` ({f['bytes']:,} B, {f['dated'] or '日期未注明 undated'}, SHA-256 `{f['sha256'][:16]}`)"
        for f in network["files"]
    )
    west, east, south, north = network["extent"]
    where = f"{west:.2f}–{east:.2f}°E, {south:.2f}–{north:.2f}°N"
    return (
        f"{files}: {network['nodes']:,} nodes, {network['ways_km']:,} km, {where}. © OpenStreetMap contributors (ODbL)"
    )


def difference(database: Path, certificate: Any, before: Any) -> str:
    """Table by table: rows then and now, and what the revision log says of values that were published before."""
    if before is None:
        return "首次发布，无可比较。 · The first release: there is nothing to compare with."
    with duckdb.connect(str(database), read_only=True) as con:
        counted = revisions.counted(con, certificate.release_id)
    revised: dict[str, list[str]] = defaultdict(list)
    for c in counted:
        revised[c.table].append(f"{c.rows:,} {c.change} ({', '.join(c.causes)})")
    rows = [
        (
            f"`{table}`",
            f"{before.tables[table]['rows']:,}" if table in before.tables else "–",
            f"{certificate.tables[table]['rows']:,}" if table in certificate.tables else "–",
            "; ".join(revised[table]) or "–",
        )
        for table in certificate.changed_tables
    ]
    if not rows:
        return f"与 {before.release_id} 内容相同。 · The same content as {before.release_id}."
    said = f"相对 {before.release_id} · against {before.release_id}: {len(rows)} of {len(certificate.tables)} tables changed"
    heads = (
        "表 · table",
        "原行数 · rows then",
        "现行数 · rows now",
        "已公布值的改动 · published values that changed, and why",
    )
    return f"{said}\n\n{_table(heads, rows)}"


def _charts(current: Path) -> str:
    """The good rate of the last month by department, and each survey, as pictures within the text."""
    drawn = [good_rates(current / "minsheng.duckdb")]
    drawn += [p.read_text(encoding="utf-8") for p in sorted((current / "charts").glob("*_dimensions.svg"))]
    pictures = [
        f"![chart](data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()})" for svg in drawn if svg
    ]
    return "\n\n".join(pictures) or "本次发布没有可画的数。 · There is no figure to draw in this release."


def good_rates(database: Path) -> str | None:
    """SVG of the good rate of each department in the last month that has reviews, with its interval; None without any."""
    if "review_scorecard" not in load_products():
        return None
    with duckdb.connect(str(database), read_only=True) as con:
        rows = con.execute(
            "with monthly as (select * from review_scorecard where period_kind = 'month' and dimension = 'department' and active_reviews > 0) "
            "select strftime(month, '%Y-%m'), code, coalesce(name_zh, code), 100 * good_rate, 100 * good_rate_lo, 100 * good_rate_hi, "
            "coalesce(suppressed_reason, good_rate_null_reason, '') from monthly "
            "where month = (select max(month) from monthly) order by good_rate nulls last, code limit ?", [MOST_BARS],
        ).fetchall()  # fmt: skip
    if not rows:
        return None
    shown = [low for *_, low, _, _ in rows if low is not None]
    called = told_apart({code: name for _, code, name, *_ in rows})
    lowest = min(90, int(min(shown, default=90) // 10 * 10))
    return charts.interval_chart(
        f"{rows[0][0]} 各部门好评率 · Good rate by department",
        "%，95 % 区间，最差的在上 · with 95 % intervals, the worst first",
        [charts.Bar(called[code], rate, low, high, note) for _, code, _, rate, low, high, note in rows], lowest, 100,
    )  # fmt: skip


def _table(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    def line(cells: Sequence[Any]) -> str:
        return "| " + " | ".join(str(c).replace("|", "\\|").replace("\n", " ") for c in cells) + " |"

    return "\n".join([line(heads), line(["---"] * len(heads)), *map(line, rows)])
