"""Who on the machine may open what of a data directory: its owner everything, everybody what may leave the bureau, nobody else anything.

Belongs here: modes of files and folders, whatever the umask of whoever made them. Does not belong here: the key (privacy)
and what is published (release). How an account that may only write the inbox or only read `published/` is set up, and that no
more is needed: docs/privacy.md.

    data/            0711   may be passed through, not listed
    data/inbox/      0700   or 2710, where its owner let a group in: nothing to others
    data/published/  0751   the bureau's own edition: its group (0750, files 0640); worklists/, which name cases: the owner (0700);
                            public/ and bulletin/: everybody (0755, files 0644)
    everything else  0700, files 0600
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from orchestration.paths import DataDirectory

PRIVATE = 0o077  # umask of every process that writes into the data directory
WORKLISTS = "worklists"
# What may leave the bureau, and what says where it lies: the other files of a release withhold nothing.
LEAVES = ("public", "bulletin")


def keep_private() -> None:
    """What this process makes from now on is its owner's alone."""
    os.umask(PRIVATE)


def close(data: DataDirectory) -> None:
    """Gives everything directly below the data directory but `published/` its mode; what lies deeper is behind it.

    The inbox may be open to a group: its owner says so by the set-group-id bit. What another user owns is left: only he may change its mode.
    """
    keep_private()
    data.root.mkdir(parents=True, exist_ok=True)
    status = data.root.stat()
    if status.st_mode & stat.S_ISVTX or status.st_uid not in (os.geteuid(), 0):
        return  # a common folder such as /tmp is nobody's to close
    _set(data.root, 0o711)
    data.inbox.mkdir(exist_ok=True)
    for path in data.root.iterdir():
        if path == data.published or path.is_symlink():
            continue
        given = stat.S_IMODE(path.lstat().st_mode)
        if path == data.inbox:
            _set(path, given & ~0o007 if given & stat.S_ISGID else 0o700)
        elif path.is_dir():
            _set(path, 0o700)
        else:
            _set(path, given & ~0o077)


def show(published: Path) -> None:
    """What may leave may be read by everybody, the bureau's edition by the group of `published`, a department's list of cases by nobody
    but the owner, who hands it out. `published` may be one release that is not there yet."""
    if not published.is_dir():
        return
    for path in [published, *_below(published)]:
        leaves = set(LEAVES) & {*path.relative_to(published).parts}
        if path.name == WORKLISTS:
            _set(path, 0o700)
        elif path.is_dir():
            on_the_way = path == published or "releases" in (path.name, path.parent.name)
            # The group of a folder goes on to what is made in it where its owner said so.
            inherits = stat.S_IMODE(path.lstat().st_mode) & stat.S_ISGID
            _set(path, (0o755 if leaves else 0o751 if on_the_way else 0o750) | inherits)
        else:
            _set(path, 0o644 if leaves else 0o640)


def _below(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.is_symlink():
            continue
        yield path
        if path.is_dir() and path.name != WORKLISTS:
            yield from _below(path)


def _set(path: Path, mode: int) -> None:
    with suppress(FileNotFoundError, PermissionError):
        if stat.S_IMODE(path.lstat().st_mode) != mode:
            path.chmod(mode)
