"""The feeds of Shifan City 示范市, a city that does not exist: same seed, same bytes.

Belongs here: what departments would send, with everything that goes wrong in real deliveries. Does not belong here:
anything that reads a delivery. One module a department; `deliver.make` writes the files.
Every person, telephone line and identity number is fictional; province code 99 is assigned to nobody.
"""
