"""Survey and rate statistics as pure functions on frames and arrays; no Dagster, no files.

weights → design → estimates, changes, overlap · intervals · scales · small_areas · ranks · drivers · quality. What others call can be imported from here; scipy is loaded only by functions that need
it. What no honest number can be made from raises `StatisticsError`, with a sentence in English and in Chinese.
"""

from orchestration.statistics.changes import estimate_change, estimate_difference
from orchestration.statistics.drivers import cronbach_alpha, importance_performance, lmg
from orchestration.statistics.errors import StatisticsError
from orchestration.statistics.estimates import (
    estimate_mean,
    estimate_means,
    estimate_proportion,
    estimate_proportions,
    estimate_ratio,
)
from orchestration.statistics.intervals import benjamini_hochberg, empirical_bayes_rates, korn_graubard, wilson
from orchestration.statistics.overlap import change_covariances
from orchestration.statistics.quality import quality_flags
from orchestration.statistics.ranks import rank_intervals, rank_rates
from orchestration.statistics.scales import Scale, score_answers
from orchestration.statistics.small_areas import fay_herriot
from orchestration.statistics.weights import (
    adjust_nonresponse,
    base_weights,
    diagnose,
    kish,
    post_stratify,
    rake,
    rake_trimmed,
    trim,
)

__all__ = [
    "Scale",
    "StatisticsError",
    "adjust_nonresponse",
    "base_weights",
    "benjamini_hochberg",
    "change_covariances",
    "cronbach_alpha",
    "diagnose",
    "empirical_bayes_rates",
    "estimate_change",
    "estimate_difference",
    "estimate_mean",
    "estimate_means",
    "estimate_proportion",
    "estimate_proportions",
    "estimate_ratio",
    "fay_herriot",
    "importance_performance",
    "kish",
    "korn_graubard",
    "lmg",
    "post_stratify",
    "quality_flags",
    "rake",
    "rake_trimmed",
    "rank_intervals",
    "rank_rates",
    "score_answers",
    "trim",
    "wilson",
]
