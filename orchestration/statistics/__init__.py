"""Survey and rate statistics as pure functions on frames and arrays; no Dagster, no files.

weights · design · estimates · intervals · scales · small_areas · ranks · drivers · quality · disclosure.
Import from the module that owns the function; scipy is loaded only by functions that need it.
"""
