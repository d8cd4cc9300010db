"""Which figures of a release are withheld, and the proof that what is shown does not give them away.

withholding (a contract's rules → rows to hide) → cells (a published table as cells with totals) → suppression (which cells to
hide, and the audit of that) → equations (the table as sums) · alternatives (other tables with the same published figures).
No Dagster; the only files are the cells of earlier releases below `disclosed/`. Formulae are in `orchestration.statistics`.
"""
