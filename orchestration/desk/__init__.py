"""The desk: a page on this machine where a department checks its file, and where a person decides what waits for one.

Belongs here: what the page shows and takes. Does not belong here: checking (contracts/desk) and what a decision does;
the desk writes the same approvals and seeds as a person does by hand.
"""
