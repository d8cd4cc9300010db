"""The release as Dagster shows and launches it."""

from typing import Any

import dagster as dg

from contracts.loading import load_products
from contracts.whole_files import NotReadable
from orchestration.paths import data_directory
from orchestration.release import certificates, shown, standing
from orchestration.release.publishing import release
from orchestration.release.tables import AuditFailed
from orchestration.release.targets import delivering
from orchestration.warehouse.dbt_assets import POOL, only_writer


def release_asset(products: list[dg.AssetKey], owner: str | None = None) -> dg.AssetsDefinition:
    """The asset that stands for what readers see; it depends on every product's model."""
    key = dg.AssetKey(["release", "published"])
    said = "每张产品表的承诺都在候选版上查过。 · Every promise of the product contracts, checked on the candidate."

    @dg.asset(
        key=key,
        group_name="release",
        deps=products,
        pool=POOL,
        kinds={"duckdb", "parquet"},
        owners=[owner] if owner else None,
        tags={"layer": "release"},
        metadata={"readers": dg.MetadataValue.md(shown.readers())},
        description=(
            "**发布 · What leaves**\n\n一个 DuckDB 文件和 Parquet：另处写成、核查后整体替换。下面是最近一次发布的证书、与上次的差别、主要数字和图、所在位置。"
            " · One DuckDB file and Parquet, written beside, audited, and swapped in whole. Below, of the last one: its certificate, the difference to the one before, headline figures and charts, where it lies."
        ),
        check_specs=[dg.AssetCheckSpec("audit", asset=key, description=said)],
    )
    def published(context: dg.AssetExecutionContext) -> Any:
        data = data_directory()
        if not data.warehouse.is_file():
            raise dg.Failure(
                description="还没有任何表：请先运行作业 night · no table has been built yet: launch the job night",
                allow_retries=False,
            )
        try:
            with only_writer(data, context.log):
                certificate, new = release(data, context.log)
        except standing.Lost as lost:  # nothing stands
            yield dg.AssetCheckResult(check_name="audit", asset_key=key, passed=False, description=str(lost))
            raise dg.Failure(description=str(lost), allow_retries=False) from None
        except NotReadable as unreadable:
            yield dg.AssetCheckResult(check_name="audit", asset_key=key, passed=False, description=str(unreadable))
            raise dg.Failure(description=f"{unreadable} The last release stands.", allow_retries=False) from None
        except AuditFailed as failed:
            yield dg.AssetCheckResult(check_name="audit", asset_key=key, passed=False, description=str(failed))
            raise dg.Failure(description=str(failed), allow_retries=False) from None
        told = "; ".join(f"{t} keeps the content of {k['release']}: {k['why']}" for t, k in certificate.kept.items())
        yield dg.AssetCheckResult(
            check_name="audit", asset_key=key, passed=not told, description=told or None,
            metadata={"expectations": certificate.expectations},
        )  # fmt: skip
        delivered = delivering.deliver(
            data, certificate.release_id, certificate.content_checksum, load_products(), context.log
        )
        facts = shown.facts(data.published, certificate, certificates.before(data, certificate), new)
        yield dg.MaterializeResult(metadata={**facts, **delivered.facts, **delivered.failed})

    return published
