"""Accepted survey rows → `derived/survey_*.parquet`, which dbt reads as sources.

Belongs here: which waves have changed, and the files. What is estimated is in `orchestration/surveys`, how in
`orchestration/statistics`. A wave that cannot be estimated becomes one row that says why; a wave whose rows, code
and policy are the same as last night is not estimated again.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from contracts.loading import POLICIES
from contracts.whole_files import NotReadable, parquet_reads, read_json, write_json, write_parquet
from orchestration.derived.surveys import comparisons, diagnostics, drivers, scores
from orchestration.derived.surveys.policy import survey_policy
from orchestration.derived.surveys.wave import areas_of, read_wave
from orchestration.paths import NEVER_CAME, PROJECT, DataDirectory, data_directory
from orchestration.statistics.errors import StatisticsError
from orchestration.statistics.quality import FLAG_SCHEMA

FEEDS = ("survey_questions", "survey_samples", "survey_responses", "survey_margins")
REGISTER = "reference.divisions"
# The feeds that the step reads.
SOURCES = (REGISTER, *(f"evaluation.{feed}" for feed in FEEDS))
# Fields that later versions of a contract added: files accepted before are read as if they had said nothing.
ADDED = {"survey_questions": ("refused_codes", "role")}
# Table → columns of its file in derived/. Flags name respondents: dbt does not read them and nothing publishes them.
TABLES: Mapping[str, Mapping[str, Any]] = {
    "survey_estimates": {**scores.SCHEMA, **comparisons.BESIDE, **comparisons.CHANGE},
    "survey_drivers": drivers.SCHEMA,
    "survey_diagnostics": diagnostics.SCHEMA,
    "survey_flags": {"wave": pl.String, **FLAG_SCHEMA},
}


def _made_of(*patterns: tuple[Path, str]) -> tuple[Path, ...]:
    """The files of some folders; a folder that has moved is an error, not an estimate that never changes again."""
    found = [sorted(folder.glob(pattern)) for folder, pattern in patterns]
    if not all(found):
        raise FileNotFoundError(f"no file is found by one of {patterns}: what survey estimates are made of has moved")
    return tuple(path for files in found for path in files)


# What an estimate depends on besides the rows.
MADE_OF = _made_of(
    (PROJECT / "orchestration" / "statistics", "*.py"),
    (PROJECT / "orchestration" / "derived" / "surveys", "*.py"),
    (POLICIES, "survey_*.csv"),
)


def path(data: DataDirectory, table: str = "survey_estimates") -> Path:
    return data.derived / f"{table}.parquet"


def ensure_typed(data: DataDirectory) -> None:
    """A city without a survey has typed tables without rows; so has one whose tables an older version wrote."""
    data.derived.mkdir(parents=True, exist_ok=True)
    for table, schema in TABLES.items():
        file = path(data, table)
        if not parquet_reads(file) or list(pl.read_parquet_schema(file)) != list(schema):
            write_parquet(file, pl.DataFrame(schema=schema))


def newest(data: DataDirectory, feed: str) -> pl.DataFrame:
    """Accepted rows of a survey feed; of a wave described twice, the newest delivery of each sender counts."""
    files = _files(data, feed)
    if not files:
        raise FileNotFoundError(f"accepted/evaluation.{feed} has no file: run the feed's asset first")
    rows = pl.concat([pl.read_parquet(f) for f in files], how="diagonal_relaxed")
    rows = rows.with_columns(pl.lit(None, pl.String).alias(c) for c in ADDED.get(feed, ()) if c not in rows.columns)
    if feed == "survey_responses":
        return rows
    newest_at = pl.col("_received_at").max().over("wave", "_sender")
    return rows.filter(pl.col("_received_at") == newest_at)


def _files(data: DataDirectory, feed: str) -> list[Path]:
    folder = data.accepted / f"evaluation.{feed}"
    return sorted(folder.glob("*/*.parquet")) or sorted(folder.glob(NEVER_CAME))


def _register(data: DataDirectory) -> list[Path]:
    return sorted((data.accepted / REGISTER).glob("*/*.parquet"))


def _unlisted(samples: pl.DataFrame, listed: set[str]) -> list[str]:
    """The areas of a wave that the register of divisions does not have: their own rows were refused, or never sent."""
    return sorted(areas_of(samples["division_code"].drop_nulls().unique()) - listed)


def _codes(files: Sequence[Path]) -> set[str]:
    return {code for file in files for code in pl.read_parquet(file, columns=["code"])["code"].drop_nulls()}


def estimate_wave(
    feeds: Mapping[str, pl.DataFrame], data: DataDirectory, unlisted: Sequence[str] = ()
) -> tuple[dict[str, pl.DataFrame], str | None]:
    """The tables of one wave from its accepted rows by feed, changes against other waves still missing; `unlisted` as in `read_wave`.

    Returns:
        Table by name, and the sentence that says why the wave could not be estimated, if it could not.
    """
    name = str(feeds["survey_questions"]["wave"][0])
    try:
        wave = read_wave(*(feeds[feed] for feed in FEEDS), today=data.today(), unlisted=unlisted)
        estimated = scores.score_wave(wave)
        return {
            "survey_estimates": comparisons.beside(wave, estimated),
            "survey_drivers": drivers.drive_wave(wave),
            "survey_diagnostics": diagnostics.diagnose_wave(wave),
            "survey_flags": wave.flags.select(pl.lit(wave.name).alias("wave"), pl.all()),
        }, None
    except StatisticsError as error:
        beside = [pl.lit(None, t).alias(c) for c, t in comparisons.BESIDE.items()]
        return {
            "survey_estimates": scores.unestimated(name).with_columns(beside),
            "survey_drivers": pl.DataFrame(schema=drivers.SCHEMA),
            "survey_diagnostics": diagnostics.undiagnosed(name, str(error)),
            "survey_flags": pl.DataFrame(schema=TABLES["survey_flags"]),
        }, str(error)


def estimate_all(data: DataDirectory) -> tuple[list[str], dict[str, str]]:
    """Writes the tables of every wave that has arrived, estimating those whose rows, code or policy changed.

    Returns:
        The waves that were estimated this time, and wave → sentence for every wave that cannot be estimated.
    """
    folder = data.derived / "surveys"
    state = _read_state(folder)
    delivered = _fingerprint(data)
    if state.get("delivered") == delivered and all(parquet_reads(path(data, t)) for t in TABLES):
        return [], state["failed"]
    feeds = {feed: newest(data, feed) for feed in FEEDS}
    listed = _codes(_register(data))
    waves, failed, estimated, rows_of, unlisted = {}, {}, [], {}, {}
    for wave in sorted(feeds["survey_questions"]["wave"].unique()):
        of_wave = {feed: rows.filter(pl.col("wave") == wave) for feed, rows in feeds.items()}
        unlisted[wave] = _unlisted(of_wave["survey_samples"], listed)
        waves[wave], rows_of[wave] = _content(of_wave, unlisted[wave]), of_wave
        if state.get("waves", {}).get(wave) != waves[wave] or not all(
            parquet_reads(folder / f"wave-{wave}" / f"{table}.parquet") for table in TABLES
        ):
            estimated.append(wave)
            tables, problem = estimate_wave(of_wave, data, unlisted[wave])
            for table, frame in tables.items():
                write_parquet(folder / f"wave-{wave}" / f"{table}.parquet", frame)
            if problem:
                failed[wave] = problem
        elif wave in state["failed"]:
            failed[wave] = state["failed"][wave]
    _put_together(data, folder, waves, rows_of, unlisted)
    _write_state(folder, {"delivered": delivered, "waves": waves, "failed": failed})
    return estimated, failed


def _put_together(
    data: DataDirectory,
    folder: Path,
    waves: Mapping[str, str],
    rows_of: Mapping[str, Mapping[str, pl.DataFrame]],
    unlisted: Mapping[str, Sequence[str]],
) -> None:
    """The files dbt reads: all waves one below the other, with the changes from wave to wave."""
    policy = survey_policy(data.today())
    rate, confidence = policy.number("false_discovery_rate"), policy.number("confidence")
    data.derived.mkdir(parents=True, exist_ok=True)
    for table, schema in TABLES.items():
        parts = [pl.read_parquet(folder / f"wave-{wave}" / f"{table}.parquet") for wave in waves]
        frame = pl.concat(parts) if parts else pl.DataFrame(schema=schema)
        if table == "survey_estimates" and parts:
            compared = comparisons.with_changes(frame, rate, confidence).drop_nulls("change")
            pairs = compared.select("previous_wave", "wave").unique().sort("previous_wave", "wave").rows()
            overlap = _overlap(folder, pairs, waves, rows_of, unlisted, data)
            frame = comparisons.with_changes(frame, rate, confidence, overlap)
        write_parquet(path(data, table), frame.select(pl.col(c).cast(t) for c, t in schema.items()))


def _overlap(
    folder: Path,
    pairs: Sequence[tuple[str, str]],
    waves: Mapping[str, str],
    rows_of: Mapping[str, Mapping[str, pl.DataFrame]],
    unlisted: Mapping[str, Sequence[str]],
    data: DataDirectory,
) -> pl.DataFrame:
    """What pairs of waves have in common, kept from night to night: a pair is read again when one of the two changed."""
    found = [pl.DataFrame(schema=comparisons.OVERLAP)]
    kept = set()
    for pair in pairs:
        samples = [rows_of[wave]["survey_samples"] for wave in pair]
        unit = "psu" if all(s["psu"].null_count() == 0 for s in samples) else "respondent_id"
        if not set(samples[0][unit]) & set(samples[1][unit]):
            continue
        made_of = hashlib.sha256("".join(waves[wave] for wave in pair).encode()).hexdigest()[:16]
        file = folder / f"overlap-{made_of}.parquet"
        kept.add(file)
        if not parquet_reads(file):
            read = [
                read_wave(*(rows_of[wave][feed] for feed in FEEDS), today=data.today(), unlisted=unlisted[wave])
                for wave in pair
            ]
            write_parquet(file, comparisons.covariances(read[0], read[1]))
        found.append(pl.read_parquet(file))
    for old in set(folder.glob("overlap-*.parquet")) - kept:
        old.unlink()
    return pl.concat(found)


def _fingerprint(data: DataDirectory) -> str:
    """What has been delivered, by the receipts' names (they are hashes of content), and what the estimates are made of."""
    made_of = [hashlib.sha256(f.read_bytes()).hexdigest() for f in MADE_OF]
    files = [*(f for feed in FEEDS for f in _files(data, feed)), *_register(data)]
    names = [str(f.relative_to(data.accepted)) for f in files]
    return hashlib.sha256("\n".join([*made_of, *names]).encode()).hexdigest()


def _content(of_wave: Mapping[str, pl.DataFrame], unlisted: Sequence[str]) -> str:
    """A hash of a wave's rows and of who sent them, whatever files they came in, of its areas that no register lists, and of the code and policy."""
    digest = hashlib.sha256(b"".join(f.read_bytes() for f in MADE_OF))
    digest.update(" ".join(unlisted).encode())
    for feed, rows in of_wave.items():
        columns = sorted(c for c in rows.columns if not c.startswith("_") or c == "_sender")
        digest.update(feed.encode())
        digest.update(rows.select(columns).sort(columns).write_csv().encode())
    return digest.hexdigest()


def _read_state(folder: Path) -> dict[str, Any]:
    file = folder / "state.json"
    try:
        return read_json(file) if file.is_file() else {}
    except NotReadable:  # then every wave is estimated again
        return {}


def _write_state(folder: Path, state: Mapping[str, Any]) -> None:
    write_json(folder / "state.json", state)


def survey_asset(accepted: list[dg.AssetKey], owner: str | None = None) -> dg.AssetsDefinition:
    """The survey estimates, drivers and diagnostics as assets between the feeds and dbt; one step makes the three."""
    about = {
        "survey_estimates": "**满意度估计 · Survey estimates**\n\n各波次按地区和人群的加权均值（0–100）和比例，附线性化标准误。 · Weighted means 0–100 and shares of every wave with linearised standard errors, by area and population group.",
        "survey_drivers": "**满意度成因 · Survey drivers**\n\n各波次中，服务的各方面与总体满意度的关联程度。 · How much each part of a service goes with overall satisfaction, by wave.",
        "survey_diagnostics": "**调查质量 · Survey diagnostics**\n\n每一波次的样本、权数和答卷可信到什么程度。 · What a wave's sample, weights and answers are worth.",
    }
    specs = [
        dg.AssetSpec(
            dg.AssetKey(["derived", name]), deps=accepted, group_name="survey", kinds={"polars", "parquet"}, description=text,
            owners=[owner] if owner else None, tags={"layer": "derived"},
        )
        for name, text in about.items()
    ]  # fmt: skip
    key = specs[0].key
    said = "每一波调查都已估计。 · No wave failed for its weights, margins or scales."

    @dg.multi_asset(
        specs=specs, name="survey_estimates", description="估计每一波调查。 · Estimates every wave of the surveys.",
        check_specs=[dg.AssetCheckSpec("every_wave_estimated", asset=key, description=said)],
    )  # fmt: skip
    def survey_estimates() -> Any:
        data = data_directory()
        estimated, failed = estimate_all(data)
        yield dg.AssetCheckResult(
            check_name="every_wave_estimated", asset_key=key, passed=not failed, severity=dg.AssetCheckSeverity.WARN,
            metadata=dict(failed),
        )  # fmt: skip
        rows = pl.scan_parquet(path(data)).select(pl.len()).collect().item()
        told = {"waves estimated": ", ".join(estimated) or "none: nothing changed"}
        yield dg.MaterializeResult(asset_key=key, metadata={"dagster/row_count": rows, **told})
        for other in specs[1:]:
            yield dg.MaterializeResult(asset_key=other.key, metadata=told)

    return survey_estimates
