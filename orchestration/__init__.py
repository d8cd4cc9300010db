"""The stages of a night: landing, feeds, survey, warehouse, release; and the statistics they use.

Importing this package imports no Dagster, so that `orchestration.statistics` stands on its own.
"""

import warnings

import contracts  # noqa: F401  before anything loads polars: it says how its memory is kept

# Which Dagster parameters are "beta" is of no use to whoever runs a night; versions are pinned.
warnings.filterwarnings("ignore", message=r".*is currently in (beta|preview).*")
