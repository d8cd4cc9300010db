"""Survey and rate statistics as pure functions on frames and arrays; no Dagster, no files.

weights → design → estimates, changes, overlap · intervals · scales · small_areas · ranks · drivers · quality · anonymity. What others call can be imported from here; scipy is loaded only by functions that need
it. What no honest number can be made from raises `StatisticsError`, with a sentence in English and in Chinese.
"""

from orchestration.statistics.anonymity import weighted_k_anonymity
from orchestration.statistics.changes import estimate_change, estimate_difference
from orchestration.statistics.drivers import cronbach_alpha, importance_performance, lmg
from orchestration.statistics.errors import StatisticsError
from orchestration.statistics.estimates import (
    estimate_mean,
    estimate_means,
    estimate_proportion,
    estimate_proportions,
    estimate_ratio,
    estimate_total,
)
from orchestration.statistics.inequality import gini, lorenz_curve, theil_l, theil_t
from orchestration.statistics.intervals import (
    benjamini_hochberg,
    empirical_bayes_rates,
    korn_graubard,
    satterthwaite,
    wilson,
)
from orchestration.statistics.overlap import change_covariances
from orchestration.statistics.quality import quality_flags
from orchestration.statistics.quantiles import estimate_quantiles
from orchestration.statistics.ranks import marginal_rank_intervals, rank_intervals, rank_rates
from orchestration.statistics.replicates import Replicates, estimate_by_replicates, replicate_weights
from orchestration.statistics.scales import Scale, score_answers
from orchestration.statistics.small_areas import fay_herriot
from orchestration.statistics.weights import (
    adjust_nonresponse,
    base_weights,
    calibrate,
    diagnose,
    kish,
    post_stratify,
    rake,
    rake_trimmed,
    trim,
)

__all__ = [
    "Replicates",
    "Scale",
    "StatisticsError",
    "adjust_nonresponse",
    "base_weights",
    "benjamini_hochberg",
    "calibrate",
    "change_covariances",
    "cronbach_alpha",
    "diagnose",
    "empirical_bayes_rates",
    "estimate_by_replicates",
    "estimate_change",
    "estimate_difference",
    "estimate_mean",
    "estimate_means",
    "estimate_proportion",
    "estimate_proportions",
    "estimate_quantiles",
    "estimate_ratio",
    "estimate_total",
    "fay_herriot",
    "gini",
    "importance_performance",
    "kish",
    "korn_graubard",
    "lmg",
    "lorenz_curve",
    "marginal_rank_intervals",
    "post_stratify",
    "quality_flags",
    "rake",
    "rake_trimmed",
    "rank_intervals",
    "rank_rates",
    "replicate_weights",
    "satterthwaite",
    "score_answers",
    "theil_l",
    "theil_t",
    "trim",
    "weighted_k_anonymity",
    "wilson",
]
