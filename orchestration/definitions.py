"""The code location on one page: feeds → survey, review words, linkage, ledger → dbt → release."""

from __future__ import annotations

import dagster as dg

from contracts.loading import load_products
from orchestration import access, schedules
from orchestration.derived import linkage, review_words, survey_estimates
from orchestration.intake import feeds, ledger
from orchestration.release import publishing
from orchestration.warehouse import dbt_assets


def build_defs(**overrides: object) -> dg.Definitions:
    """Fresh definitions; tests replace resources by name."""
    incoming = feeds.feed_assets()
    survey_feeds = [dg.AssetKey(["evaluation", name]) for name in survey_estimates.FEEDS]
    registers = [dg.AssetKey(feed.id.split(".")) for feed in linkage.registers()]
    models = dbt_assets.warehouse_assets()
    products = {name for name, product in load_products().items() if not product.is_made_by_release}
    product_keys = [key for definition in models for key in definition.keys if key.path[-1] in products]
    built = [
        ledger.ledger_asset([key for definition in incoming for key in definition.keys]),
        survey_estimates.survey_asset(survey_feeds),
        review_words.words_asset(dg.AssetKey(review_words.FEED.split("."))),
        linkage.linkage_asset(registers),
        *models,
        publishing.release_asset(product_keys),
    ]
    return dg.Definitions.merge(
        schedules.jobs_and_schedules(incoming, built),
        dg.Definitions(
            assets=[*incoming, *built],
            resources={"dbt": dbt_assets.dbt_resource(), **overrides},
            executor=dg.in_process_executor,
        ),
    )


access.keep_private()  # a run of the UI or of a schedule writes with this process's umask
defs = build_defs()
