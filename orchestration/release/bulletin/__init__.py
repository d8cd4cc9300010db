"""The bulletin: a static site in Chinese and English, made from the public edition of a release and swapped with it.

edition (the public file, read by contract) → figures (what each page says) → charts (Vega-Lite specs to SVG) → pages (Jinja2, CSV).
Does not belong here: any figure that the public edition does not hold. No Dagster.
"""
