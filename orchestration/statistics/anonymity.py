"""How easily somebody is found in a sample that is given away record by record.

Here belongs what a sample says of the people it was drawn from. Cells of published tables and registers without weights are in
`disclosure`.

Source: Benedetti & Franconi (1998), Statistical and technological solutions for controlled data dissemination (NTTS), as in
Templ (2017), Statistical Disclosure Control for Microdata, 3.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from orchestration.statistics.errors import StatisticsError, as_array, require_columns, require_number

# From so many alike in the sample on, one in as many as they stand for is exact enough.
MANY = 30


def weighted_k_anonymity(
    frame: pl.DataFrame, quasi_identifiers: Sequence[str], weight: str, *, k: int = 10
) -> pl.DataFrame:
    """One row on a weighted sample: how many people share what is known of each respondent.

    `quasi_identifiers`: columns that others may know of a person; null is a value of its own. `weight`: how many people a
    respondent stands for, at least 1 and counting himself.

    Returns n; people (Σ weights); smallest (the fewest people that any respondent is one of, estimated: the k that the sample
    reaches); smallest_in_sample; n_unique_in_sample; n_below_k (respondents who are one of fewer than k people); is_safe (none is);
    expected_found: the respondents that somebody who links the sample with a register of everybody would rightly find, Σ E(1/F | f)
    with f alike in the sample of F alike among all (negative binomial, f / Σ weights drawn).
    """
    from scipy.special import hyp2f1

    require_columns(frame, {f"quasi-identifier {name}": name for name in quasi_identifiers} | {"weight": weight})
    require_number("k", k, 1, 1e9, whole=True)
    if not quasi_identifiers or len({*quasi_identifiers}) < len(quasi_identifiers) or not frame.height:
        raise StatisticsError(
            "Expected at least one respondent and one column that others may know, none named twice.",
            "至少需要一名受访者和一个可被他人知晓的列，且列名不得重复。",
        )
    weights = as_array(frame[weight], weight, 1, 1e10)
    alike = (
        frame.select(*quasi_identifiers)
        .with_columns(pl.Series("_weight", weights))
        .group_by(*quasi_identifiers)
        .agg(pl.len().alias("in_sample"), pl.col("_weight").sum().alias("people"))
    )
    f, people = alike["in_sample"].cast(pl.Float64).to_numpy(), alike["people"].to_numpy()
    drawn = f / people
    few = np.minimum(f, MANY)
    risk = np.where(f < MANY, drawn**few / few * hyp2f1(few, few, few + 1, 1 - drawn), 1 / people)
    return pl.DataFrame(
        {
            "n": [frame.height],
            "people": [float(people.sum())],
            "smallest": [float(people.min())],
            "smallest_in_sample": [int(f.min())],
            "n_unique_in_sample": [int((f == 1).sum())],
            "n_below_k": [int(f[people < k].sum())],
            "is_safe": [bool((people >= k).all())],
            "expected_found": [float((f * risk).sum())],
        }
    )
