"""Survey and rate statistics as pure functions on frames and arrays; no Dagster, no files.

weights → design → estimates, changes · intervals · scales · small_areas · ranks · drivers · quality ·
disclosure (over cell_tables). Import from the module that owns the function; scipy is loaded only by
functions that need it. What no honest number can be made from raises `errors.StatisticsError`.
"""
