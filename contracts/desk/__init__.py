"""What a department uses before it sends: the check of a file, the workbook with its cells marked, the empty form.

Belongs here: the offices' side, offline, with nothing but the contracts. Does not belong here: deciding what is wrong (door).
"""
