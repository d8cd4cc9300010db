"""Where a release goes besides its DuckDB file: Parquet and CSV with their descriptions, workbooks, PostgreSQL.

Belongs here: the same rows in another form, and the proof that they are the same. Does not belong here: what is released
(publishing) and what of it may leave the bureau (disclosure).
"""
