"""The stages of the night as Dagster assets; one file per stage of the picture."""
