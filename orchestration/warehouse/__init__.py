"""dbt as Dagster assets: the only writer of the warehouse, and what Dagster shows of its models."""
