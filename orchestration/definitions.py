"""The code location on one page: feeds → accepted days → survey, review words, linkage, ledger → dbt → release."""

from __future__ import annotations

import dagster as dg

from contracts.loading import load_feeds, load_products
from orchestration import access, garbage, schedules
from orchestration.derived import linkage, review_words, roads, survey_estimates
from orchestration.intake import days, feeds, ledger
from orchestration.release import asset
from orchestration.warehouse import dbt_assets, dbt_command, texts


def build_defs(**overrides: object) -> dg.Definitions:
    """Fresh definitions; tests replace resources by name."""
    models = dbt_assets.warehouse_assets()
    products = {name for name, product in load_products().items() if not product.is_made_by_release}
    product_keys = [key for definition in models for key in definition.keys if key.path[-1] in products]
    owner = texts.house_owner()
    accepted = {feed.id: days.asset_key(feed) for feed in load_feeds().values()}
    return dg.Definitions.merge(
        schedules.job_and_schedule(),
        dg.Definitions(
            assets=[
                *feeds.feed_assets(),
                *feeds.accepted_assets(),
                *(
                    texts.with_columns(definition)
                    for definition in (
                        ledger.ledger_asset([*accepted.values()], owner),
                        survey_estimates.survey_asset([accepted[feed] for feed in survey_estimates.SOURCES], owner),
                        review_words.words_asset(accepted[review_words.FEED], owner),
                        linkage.linkage_asset([accepted[feed.id] for feed in linkage.registers()], owner),
                        roads.roads_asset(owner),
                    )
                ),
                *models,
                asset.release_asset(product_keys, owner),
            ],
            resources={"dbt": dbt_command.Dbt(), **overrides},
            # Takes what has the highest priority first, one step at a time: the feeds come before what reads their rows.
            executor=dg.in_process_executor,
        ),
    )


access.keep_private()  # a run of the UI or of a schedule writes with this process's umask
defs = build_defs()
garbage.look_for_rarely()
