"""Write – audit – publish: the candidate, its audit, what lies beside the tables (charts, worklists), and the swap."""
