"""How the parts of a release are called, and what its files say of themselves."""

# The oldest format that today's DuckDB writes; BI tools bundle 1.x clients, which cannot open a newer one.
STORAGE_VERSION = "v1.2.0"
FICTIONAL = "虚构示例数据 · FICTIONAL demonstration data."
DATABASE = "minsheng.duckdb"
# Which deliveries a release contains: receipt → feed.
RECEIPTS = "receipts.json"
INTERNAL = "内部版，不得外传；可公开的在 public/ · The bureau's own edition: it must not leave; what may is in public/."
# What may leave the bureau.
NOTICE = "MUST_NOT_LEAVE_不得外传.txt"
PUBLIC, PUBLIC_DATABASE = "public", "minsheng_public.duckdb"
# A release's folder stays while it is among so many of the last.
KEPT_RELEASES = 7
