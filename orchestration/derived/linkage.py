"""Accepted registers of facilities → `derived/facility_links.parquet` and `facility_complexes.parquet`, which dbt reads.

Two registrations are one building: Fellegi–Sunter weights (Fellegi and Sunter 1969) over name, address, phone and
distance, computed by splink on an in-memory DuckDB. Weights, thresholds and what people decided by hand are seeds; a
decision by hand wins. Belongs here: what is compared and how links become complexes. Does not belong here: what a
facility is (dim_facility).

The credit code is left out: it names the organisation, which may keep several buildings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from contracts.loading import load_feeds, seed
from contracts.model import Feed
from contracts.place import place
from contracts.whole_files import parquet_reads, write_parquet
from orchestration.paths import DataDirectory, data_directory

FACILITY: Mapping[str, Any] = {
    "facility_id": pl.String,
    "name": pl.String,
    "address": pl.String,
    "phone": pl.String,
    "longitude": pl.Float64,  # degrees WGS-84
    "latitude": pl.Float64,
}
LINKS: Mapping[str, Any] = {
    "left_id": pl.String,  # the smaller facility_id
    "right_id": pl.String,
    "probability": pl.Float64,  # null where nothing but a person speaks for the pair
    "name_agreement": pl.String,  # levels of policies/facility_link_weights.csv; null where one side is missing
    "address_agreement": pl.String,
    "phone_agreement": pl.String,
    "distance_agreement": pl.String,
    "distance_m": pl.Float64,
    "decision": pl.String,  # linked, review, apart
    "decided_by": pl.String,  # probability, hand
}
COMPLEXES: Mapping[str, Any] = {"facility_id": pl.String, "complex_id": pl.String}
COMPARISONS = ("name", "address", "phone", "distance")

METRES_APART = """
    12742000 * asin(sqrt(least(1.0,
        power(sin(radians(latitude_r - latitude_l) / 2), 2)
        + cos(radians(latitude_l)) * cos(radians(latitude_r)) * power(sin(radians(longitude_r - longitude_l) / 2), 2)
    )))
"""


@dataclass(frozen=True)
class Policy:
    """Weights (comparison, level) → (m, u), and the rules, as the seeds state them."""

    weights: Mapping[tuple[str, str], tuple[float, float]]
    rules: Mapping[str, float]

    @property
    def prior(self) -> float:
        return self.weights["prior", "pair"][1]


def policy() -> Policy:
    """Reads policies/facility_link_weights.csv and facility_link_rules.csv."""
    weights = {
        (r["comparison"], r["level"]): (float(r["m"] or 0), float(r["u"])) for r in seed("facility_link_weights")
    }
    return Policy(weights, {r["parameter"]: float(r["value"]) for r in seed("facility_link_rules")})


def decisions() -> dict[tuple[str, str], str]:
    """(smaller id, larger id) → same or different, as people decided."""
    return {_ordered(r["left_id"], r["right_id"]): r["decision"] for r in seed("facility_link_decisions")}


def registers() -> list[Feed]:
    """The feeds whose rows are facilities, as their contracts say."""
    return [feed for feed in load_feeds().values() if feed.register]


def registered(data: DataDirectory) -> pl.DataFrame:
    """Every facility any accepted delivery has named, as last described, under the ids of facility_codes; columns FACILITY."""
    tables = [pl.DataFrame(schema=FACILITY)]
    for feed in registers():
        register = feed.register
        files = sorted((data.accepted / feed.id).glob("*/*.parquet"))
        if register is None or not files:
            continue
        rows = pl.concat([pl.read_parquet(f) for f in files], how="diagonal_relaxed")
        first = pl.col("_sender").sort_by("_received_at", "_sender").first().over(register.code)
        is_first = (pl.col("_sender") == first) if register.codes_of == "sender" else pl.lit(True)
        scope = pl.when(is_first).then(pl.lit("")).otherwise(pl.col("_sender") + "/")
        rows = rows.with_columns((pl.lit(f"{register.id}:") + scope + pl.col(register.code)).alias("facility_id"))
        newest = rows.sort(*([feed.period] if feed.period else []), "_received_at", "_receipt", "_row")
        tables.append(
            newest.unique("facility_id", keep="last", maintain_order=True).select(
                "facility_id",
                pl.col(register.name).alias("name"),
                *(
                    (pl.col(c) if c in rows.columns else pl.lit(None)).cast(t).alias(c)
                    for c, t in FACILITY.items()
                    if c not in ("facility_id", "name")
                ),
            )
        )
    return pl.concat(tables).sort("facility_id")


def features(facilities: pl.DataFrame, rules: Mapping[str, float]) -> pl.DataFrame:
    """What is compared: folded name and its numbers, address, house (road and number), phone, point, and the cells that bring pairs together.

    A point or telephone that many facilities share, told apart by their numbered addresses or else their names, is a default, not
    evidence, and becomes null.
    """
    folded = [_folded(pl.col(c)).alias(c) for c in ("name", "address")]
    digits = place().addresses.telephone_digits
    phone = pl.col("phone").str.replace_all(r"\D", "").str.tail(digits.compared)
    written = _spaced(pl.col("address"))
    frame = facilities.with_columns(
        *folded, pl.when(phone.str.len_chars() >= digits.least).then(phone).alias("phone"), written.alias("written")
    ).with_columns(
        pl.coalesce(*_house(pl.col("address")), _western_house(pl.col("written"))).alias("house"),
        pl.col("name").str.extract_all(r"\d+").list.join("|").replace("", None).alias("numbers"),
    )
    numbered = pl.when(pl.col("address").str.contains(r"\d")).then(pl.col("address"))
    thing = pl.coalesce(numbered, "name", "facility_id")
    shared_point = thing.n_unique().over("longitude", "latitude") >= rules["default_point_from"]
    shared_phone = thing.n_unique().over("phone") >= rules["default_phone_from"]
    frame = frame.with_columns(
        *(pl.when(~shared_point).then(pl.col(c)).alias(c) for c in ("longitude", "latitude")),
        pl.when(~shared_phone).then(pl.col("phone")).alias("phone"),
    ).drop("written")
    return frame.with_columns(_cell(0.0).alias("cell"), _cell(0.5).alias("shifted_cell"))


def _folded(text: pl.Expr) -> pl.Expr:
    """Full-width and compatibility forms, case, accents, blanks, punctuation between words and 臺 folded; type words as one
    department would write them."""
    text = _spaced(text).str.replace_all(r"[\s,.;]", "").str.replace_all("臺", "台")
    for word, same in place().addresses.same_words.items():
        text = text.str.replace_all(word, same, literal=True)
    return pl.when(text != "").then(text)


def _spaced(text: pl.Expr) -> pl.Expr:
    """Compatibility forms, case and accents folded, words kept apart."""
    bare = text.str.normalize("NFKD").str.replace_all(r"\p{M}", "").str.normalize("NFKC").str.to_lowercase()
    return bare.str.replace_all(r"\s+", " ").str.strip_chars()


def _house(address: pl.Expr) -> list[pl.Expr]:
    """Street and house number as this place writes them; nothing where addresses are in Latin letters."""
    pattern = place().addresses.house
    return [address.str.extract(pattern)] if pattern else []


def _western_house(text: pl.Expr) -> pl.Expr:
    """The part of a western address, between commas, that holds letters and a number: street and house number, in either order; a
    post code with its town (five digits or more, or two groups) is none."""
    parts = text.str.split(",")
    is_house = pl.element().str.contains(r"\pL") & pl.element().str.contains(
        r"(^|[ /])\d{1,4}[a-z]?(/\d{1,4}[a-z]?)?( |$)"
    )
    is_post_code = pl.element().str.contains(r"(^| )(\d{5,}|\d{3} \d{2})( |$)")
    house = parts.list.eval(pl.element().str.strip_chars().filter(is_house & ~is_post_code)).list.first()
    words = house.str.replace_all(r"[.]", " ").str.split(" ").list.sort().list.join(" ").str.strip_chars()
    return pl.when(~text.str.contains(r"[\p{Han}]")).then(words)


def _cell(shift: float) -> pl.Expr:
    """Squares of 0.004° (some 400 m); the shifted ones hold most pairs that a border of the others parts."""
    x, y = ((pl.col(c) / 0.004 + shift).floor().cast(pl.Int64) for c in ("longitude", "latitude"))
    return pl.format("{}|{}", x, y)


def pairs(facilities: pl.DataFrame, with_policy: Policy) -> pl.DataFrame:
    """Pairs that share a phone, a house or a cell, scored.

    Args:
        facilities: columns FACILITY, facility_id unique.

    Returns:
        Pairs with a probability of at least `review_from`, columns of LINKS up to distance_m.
    """
    import duckdb
    from splink import DuckDBAPI, Linker, SettingsCreator, block_on

    if facilities.height < 2:
        return pl.DataFrame(schema={c: t for c, t in LINKS.items() if c not in ("decision", "decided_by")})
    with duckdb.connect() as con:
        table = DuckDBAPI(connection=con).register(features(facilities, with_policy.rules).to_arrow())
        settings = SettingsCreator(
            link_type="dedupe_only",
            unique_id_column_name="facility_id",
            probability_two_random_records_match=with_policy.prior,
            comparisons=_comparisons(with_policy),
            blocking_rules_to_generate_predictions=[
                block_on("phone"), block_on("house"), block_on("cell"), block_on("shifted_cell"),
            ],
            retain_matching_columns=True,
        )  # fmt: skip
        linker = Linker(table, settings, log_level="ERROR")
        scored = linker.inference.predict(
            threshold_match_probability=with_policy.rules["review_from"], warning_mode="never"
        )
        found = con.sql(
            f"select *, case when longitude_l + longitude_r is not null then {METRES_APART} end as distance_m from {scored.physical_name}"
        ).pl()
    return _named(found, with_policy)


def _conditions(rules: Mapping[str, float]) -> dict[str, tuple[str, dict[str, str]]]:
    """comparison → when nothing can be said, and level → SQL on the two sides, the strongest first; the last is the rest."""
    # 公园9 and 公园10 are alike in all but what tells them apart.
    one_number = "coalesce(numbers_l, numbers_r) is not distinct from coalesce(numbers_r, numbers_l)"
    alike = f"jaro_winkler_similarity(name_l, name_r) >= {rules['alike_from']} and {one_number}"
    has_number = "regexp_matches(address_l, '[0-9]')"
    contained = "(ends_with(address_l, address_r) or ends_with(address_r, address_l))"
    metres = {f"within_{m}_m": f"({METRES_APART}) <= {m}" for m in (60, 150, 500)}
    return {
        "name": ("name_l is null or name_r is null", {"alike": alike, "unlike": "else"}),
        "address": (
            "address_l is null or address_r is null",
            {
                # 12号 and 112号 end alike: an address contains another only from the same house on.
                "same": f"{has_number} and (address_l = address_r or (house_l = house_r and {contained}))",
                "same_number": "house_l = house_r",
                "other_number": "house_l <> house_r",
                "other": "else",
            },
        ),
        "phone": ("phone_l is null or phone_r is null", {"same": "phone_l = phone_r", "other": "else"}),
        "distance": ("longitude_l is null or longitude_r is null", {**metres, "beyond": "else"}),
    }


def _comparisons(with_policy: Policy) -> list[Any]:
    import splink.comparison_level_library as levels
    from splink.comparison_library import CustomComparison

    built = []
    for comparison, (nothing, conditions) in _conditions(with_policy.rules).items():
        creators: list[Any] = [levels.CustomLevel(nothing, label_for_charts="missing").configure(is_null_level=True)]
        for level, condition in conditions.items():
            m, u = with_policy.weights[comparison, level]
            creator = levels.ElseLevel() if condition == "else" else levels.CustomLevel(condition, level)
            creators.append(creator.configure(m_probability=m, u_probability=u))
        built.append(CustomComparison(creators, output_column_name=comparison))
    return built


def _named(found: pl.DataFrame, with_policy: Policy) -> pl.DataFrame:
    """splink's numbered levels (the rest is 0, missing is -1) by the names the seed gives them."""
    names = {
        comparison: dict(enumerate(reversed(conditions)))
        for comparison, (_, conditions) in _conditions(with_policy.rules).items()
    }
    left_first = pl.col("facility_id_l") < pl.col("facility_id_r")
    left, right = pl.col("facility_id_l"), pl.col("facility_id_r")
    return found.select(
        pl.when(left_first).then(left).otherwise(right).alias("left_id"),
        pl.when(left_first).then(right).otherwise(left).alias("right_id"),
        pl.col("match_probability").alias("probability"),
        *(
            pl.col(f"gamma_{c}").cast(pl.Int64).replace_strict(names[c], default=None, return_dtype=pl.String).alias(f"{c}_agreement")
            for c in COMPARISONS
        ),
        pl.col("distance_m").round(1),
    ).sort("left_id", "right_id")  # fmt: skip


def decide(scored: pl.DataFrame, by_hand: Mapping[tuple[str, str], str], rules: Mapping[str, float]) -> pl.DataFrame:
    """Scored pairs with their decision; what people decided wins and is added where nothing was scored. Columns LINKS."""
    words = {"same": "linked", "different": "apart"}
    hand = pl.DataFrame(
        [(*pair, words[decision]) for pair, decision in by_hand.items()],
        schema={"left_id": pl.String, "right_id": pl.String, "_hand": pl.String},
        orient="row",
    )
    likely = pl.when(pl.col("probability") >= rules["link_from"]).then(pl.lit("linked")).otherwise(pl.lit("review"))
    return (
        scored.join(hand, on=["left_id", "right_id"], how="full", coalesce=True)
        .with_columns(
            pl.coalesce("_hand", likely).alias("decision"),
            pl.when(pl.col("_hand").is_not_null()).then(pl.lit("hand")).otherwise(pl.lit("probability")).alias("decided_by"),
        )
        .select(pl.col(c).cast(t) for c, t in LINKS.items())
        .sort("left_id", "right_id")
    )  # fmt: skip


def complexes(links: pl.DataFrame) -> pl.DataFrame:
    """facility_id, complex_id of every facility that shares a building; the complex bears its smallest facility_id.

    Links join the surest first, those by hand before all; a link that would bring together two facilities a person
    keeps apart joins nothing.
    """
    members: dict[str, set[str]] = {}
    apart = [set(pair) for pair in links.filter(pl.col("decision") == "apart").select("left_id", "right_id").rows()]
    surest = links.filter(pl.col("decision") == "linked").sort(
        pl.col("decided_by") == "hand", "probability", "left_id", "right_id", descending=[True, True, False, False]
    )
    for left, right in surest.select("left_id", "right_id").rows():
        joined = members.get(left, {left}) | members.get(right, {right})
        if not any(pair <= joined for pair in apart):
            members.update(dict.fromkeys(joined, joined))
    return pl.DataFrame(
        sorted((member, min(joined)) for member, joined in members.items()), schema=dict(COMPLEXES), orient="row"
    )


def _ordered(left: str, right: str) -> tuple[str, str]:
    return (left, right) if left < right else (right, left)


# ── files and the asset ─────────────────────────────────────────────────────────────────────────


def paths(data: DataDirectory) -> dict[str, Path]:
    """Table → its file."""
    return {name: data.derived / f"{name}.parquet" for name in ("facility_links", "facility_complexes")}


def ensure_typed(data: DataDirectory) -> None:
    """A city without registers has typed tables without rows."""
    for path, schema in zip(paths(data).values(), (LINKS, COMPLEXES), strict=True):
        if not parquet_reads(path):
            write_parquet(path, pl.DataFrame(schema=dict(schema)))


def write(data: DataDirectory) -> dict[str, int]:
    """Links everything accepted and writes both tables; returns figures of what was found."""
    with_policy = policy()
    facilities = registered(data)
    links = decide(pairs(facilities, with_policy), decisions(), with_policy.rules)
    found = complexes(links)
    for path, table in zip(paths(data).values(), (links, found), strict=True):
        write_parquet(path, table)
    counts = dict(links["decision"].value_counts().rows())
    return {"facilities": facilities.height, "complexes": found["complex_id"].n_unique(), **counts}


def linkage_asset(accepted: list[dg.AssetKey], owner: str | None = None) -> dg.AssetsDefinition:
    """The links as an asset between the registers and dbt."""
    keys = [dg.AssetKey(["derived", name]) for name in ("facility_links", "facility_complexes")]
    texts = (
        "**设施关联 · Facility links**\n\n是或可能是同一建筑的成对登记，附概率和依据。 · Pairs of registrations that are, or may be, one building, with probability and evidence.",
        "**设施综合体 · Facility complexes**\n\n哪些设施在同一处建筑。 · Which facilities share a building.",
    )
    specs = [
        dg.AssetSpec(
            key, deps=accepted, group_name="linkage", kinds={"duckdb", "parquet"}, description=text,
            owners=[owner] if owner else None, tags={"layer": "derived"},
        )
        for key, text in zip(keys, texts, strict=True)
    ]  # fmt: skip

    @dg.multi_asset(
        specs=specs,
        name="facility_linkage",
        description="找出同一处建筑的登记。 · Finds registrations of one building.",
    )
    def facility_linkage() -> Any:
        figures = write(data_directory())
        for key in keys:
            yield dg.MaterializeResult(asset_key=key, metadata=figures)

    return facility_linkage
