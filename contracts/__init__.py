"""What departments promise and what leaves: contracts, and everything made from them. Knows no dagster, no dbt, no warehouse."""

import os

# Polars asks its allocator to give pages back after half a second. The door fills the same pages batch after batch: asking the
# system for them again each time was a twelfth of its work. And what one thread has freed serves another where they share their
# arenas: memory does not creep up over a long file. Read when polars is loaded; who has set it himself keeps his own.
os.environ.setdefault("_RJEM_MALLOC_CONF", "dirty_decay_ms:10000,narenas:2")
