"""What departments promise and what leaves: contracts, and everything made from them. Knows no dagster, no dbt, no warehouse."""

import ctypes
import os
import sys

# Polars asks its allocator to give pages back after half a second. The door fills the same pages batch after batch: asking the
# system for them again each time was a twelfth of its work. And what one thread has freed serves another where they share their
# arenas: memory does not creep up over a long file. Read when polars is loaded; who has set it himself keeps his own.
os.environ.setdefault("_RJEM_MALLOC_CONF", "dirty_decay_ms:10000,narenas:2")

# The same for what Python and numpy ask the C library for: a thirtieth of the door's work.
MMAP_THRESHOLD, TRIM_THRESHOLD = -3, -1  # numbers of mallopt(3)
if sys.platform == "linux" and "MALLOC_TRIM_THRESHOLD_" not in os.environ and hasattr(ctypes.CDLL(None), "mallopt"):
    ctypes.CDLL(None).mallopt(MMAP_THRESHOLD, 2**25)
    ctypes.CDLL(None).mallopt(TRIM_THRESHOLD, 2**28)
