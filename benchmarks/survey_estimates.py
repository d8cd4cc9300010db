"""A wave of 100,000 respondents × 40 questions × 300 domains with standard errors, and the same beside `svy`.

Run: `python -m benchmarks.survey_estimates`. Prints seconds, peak memory of the process and the
ratio to `svy` on a smaller design that both do in one go, after checking that they agree.
"""

from __future__ import annotations

import resource
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import polars as pl

from orchestration.statistics.estimates import estimate_means, estimate_proportions
from orchestration.statistics.weights import rake

T = TypeVar("T")
MARGINS = {"sex": {"f": 510_000.0, "m": 490_000.0}, "age": dict.fromkeys("abcde", 200_000.0)}


def make_wave(respondents: int, questions: int, domains: int, *, seed: int = 1) -> pl.DataFrame:
    """A stratified two-stage sample: 40 strata of 50 sampled PSUs; 5 % of the answers are missing."""
    rng = np.random.default_rng(seed)
    frame = pl.DataFrame(
        {
            "stratum": rng.integers(0, 40, respondents),
            "psu": rng.integers(0, 50, respondents),
            "psus_in_population": np.full(respondents, 500),
            "base": rng.uniform(5, 15, respondents),
            "domain": rng.integers(0, domains, respondents),
            "sex": rng.choice(["f", "m"], respondents),
            "age": rng.choice(list("abcde"), respondents),
        }
    )
    answers = {f"q{i}": rng.choice([0.0, 25.0, 50.0, 75.0, 100.0], respondents) for i in range(questions)}
    asked = {name: pl.Series(rng.random(respondents) > 0.05) for name in answers}
    frame = frame.with_columns(**{n: pl.when(asked[n]).then(pl.Series(v)) for n, v in answers.items()})
    return frame.with_columns(rake(frame, "base", MARGINS).weight)


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """Seconds and result of one call."""
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def peak_megabytes() -> float:
    """Most memory the process has held so far; macOS counts in bytes, Linux in kilobytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)


def measure_ours(respondents: int = 100_000, questions: int = 40, domains: int = 300) -> dict[str, float]:
    """Seconds of means, raked means and top-box shares; estimates a run; peak MB of the process."""
    frame = make_wave(respondents, questions, domains)
    names = [f"q{i}" for i in range(questions)]
    top = frame.with_columns(pl.col(names) >= 75)
    design = ("weight", "stratum", "psu", "psus_in_population", "domain")
    means, table = timed(lambda: estimate_means(frame, names, *design))
    raked, _ = timed(lambda: estimate_means(frame, names, *design, base_weight="base", margins=list(MARGINS)))
    shares, _ = timed(lambda: estimate_proportions(top, names, *design))
    return {"means": means, "raked": raked, "shares": shares, "estimates": table.height, "peak_mb": peak_megabytes()}


def measure_svy(respondents: int = 20_000, questions: int = 4, domains: int = 100) -> dict[str, float]:
    """Seconds of ours and of `svy` for the same means by domain, and the largest relative difference."""
    import svy

    frame = make_wave(respondents, questions, domains).fill_null(50.0)
    names = [f"q{i}" for i in range(questions)]
    ours, table = timed(
        lambda: estimate_means(frame, names, "weight", "stratum", "psu", "psus_in_population", "domain")
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        design = svy.Design(stratum="stratum", psu="psu", wgt="weight", pop_size="psus_in_population")
        sample: Any = svy.Sample(frame, design)
        theirs, estimates = timed(lambda: [sample.estimation.mean(name, by="domain") for name in names])
    se = {(row.y, row.by_level[0]): row.se for estimate in estimates for row in estimate.estimates}
    apart = max(abs(row["se"] / se[row["question"], row["domain"]] - 1) for row in table.iter_rows(named=True))
    return {"ours": ours, "svy": theirs, "ratio": theirs / ours, "largest_difference": apart}


def main() -> None:
    """Print both measurements."""
    ours = measure_ours()
    print("100,000 respondents × 40 questions × 300 domains, strata, PSUs, finite population")
    print(f"  {ours['estimates']:,.0f} means           {ours['means']:6.2f} s")
    print(f"  with raked variance    {ours['raked']:6.2f} s")
    print(f"  top-box shares, Wilson {ours['shares']:6.2f} s")
    print(f"  peak of the process    {ours['peak_mb']:6.0f} MB")
    beside = measure_svy()
    print("20,000 respondents × 4 questions × 100 domains")
    print(f"  ours {beside['ours']:.3f} s, svy {beside['svy']:.3f} s: svy takes {beside['ratio']:.1f} × as long")
    print(f"  standard errors differ by at most {beside['largest_difference']:.1e}")


if __name__ == "__main__":
    main()
