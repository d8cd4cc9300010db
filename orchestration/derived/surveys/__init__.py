"""One survey wave from accepted rows to the tables that dbt reads; which column goes into which statistic.

policy → wave (weights, answers, flags) → scores · comparisons · drivers · diagnostics. Pure functions on frames:
files, hashes and Dagster are in `orchestration/derived/survey_estimates.py`, formulae in `orchestration/statistics`.
"""
