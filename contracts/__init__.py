"""What departments promise and what leaves: contracts, and everything made from them. Knows no dagster, no dbt, no warehouse."""
