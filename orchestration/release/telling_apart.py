"""Names of units as people read them: where several of what is shown have one name, the code stands behind it.

Belongs here: that rule, for every page and workbook. Does not belong here: what a unit is called (the tables have it).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping


def told_apart(
    names: Mapping[str, str], within: Mapping[str, Hashable] | None = None, *, form: str = "{}（{}）"
) -> dict[str, str]:
    """Code → name, with the code behind it where another code has the same name.

    Args:
        names: of all units that are shown together, by code.
        within: what is shown beside the name and tells units apart already, by code.
        form: how a name and its code are written.
    """
    beside = within or {}
    times = Counter((name, beside.get(code)) for code, name in names.items())
    return {
        code: form.format(name, code) if times[name, beside.get(code)] > 1 else name for code, name in names.items()
    }
