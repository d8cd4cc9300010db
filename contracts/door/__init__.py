"""The door: one file of a department → accepted rows, quarantined rows with reasons, and what became of the file.

Belongs here: what happens to a table once it is read: layout, casting, row checks, keys, guards, privacy, writing. Does not
belong here: opening files (reading) and where files lie (orchestration.intake).
"""
