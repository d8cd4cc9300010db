"""From where a delivery list may have files read: it is not for whoever writes into the inbox to have the platform open its owner's files.

    MINSHENG_DELIVERY_ROOTS   folders, with : between; only what lies below one of them, or in the inbox, is read
    not set                   a list that the platform's own user (or root) has written may name any file,
                              one that anybody else has written only files in the inbox

Never read: the data directory but its inbox (arriving.is_ours), and what is no file of a disk (/proc, /sys, /dev).
"""

from __future__ import annotations

import os
from pathlib import Path

from orchestration.paths import DataDirectory

VARIABLE = "MINSHENG_DELIVERY_ROOTS"
NO_DISKS = (Path("/proc"), Path("/sys"), Path("/dev"))


def allows(data: DataDirectory, listed_by: int, path: Path) -> bool:
    """Whether a list written by user `listed_by` may name the path. Asks no disk about it: a link is followed by whoever opens it."""
    meant = Path(os.path.normpath(path))
    if any(meant.is_relative_to(folder) for folder in NO_DISKS):
        return False
    stated = os.environ.get(VARIABLE)
    if not stated and listed_by in (os.geteuid(), 0):
        return True
    roots = [data.inbox, *(Path(root).expanduser() for root in (stated or "").split(os.pathsep) if root)]
    return any(meant.is_relative_to(os.path.normpath(root)) for root in roots)
