"""Which tables a release takes over from the last one as they are: written, told to the public and audited then.

A table is taken over where it is made of the same, or has the same rows, and where nothing has changed of what writes and judges it:
program, contracts, policies, the k of its disclosure, closed periods, whether the city is fictional. What the standing release is made
of lies beside its cells (`disclosed/<release>/made_of.json`) and not in it: another night may find it to be the same release.
Does not belong here: what the warehouse is made of (warehouse.inputs) and what is written instead (publishing).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from contracts.model import Product
from contracts.public_edition import load_public_edition
from contracts.whole_files import NotReadable, link, read_json, sha256_of, write_json
from orchestration.disclosure.records import parameter
from orchestration.paths import DataDirectory
from orchestration.release import periods, revisions, standing
from orchestration.release.names import PUBLIC
from orchestration.release.targets.files import CSV, PACKAGE
from orchestration.warehouse import inputs

PACKAGES = tuple(f"{folder}{PACKAGE}" for folder in ("", f"{CSV}/", f"{PUBLIC}/", f"{PUBLIC}/{CSV}/"))


@dataclass(frozen=True)
class MadeOf:
    """`rules`: by what tables are written and judged; `tables`: what each is made of, where that is known."""

    rules: str = ""
    tables: Mapping[str, str] = field(default_factory=dict)


def tonight(data: DataDirectory, products: Mapping[str, Product]) -> MadeOf:
    """What a release would be made of tonight."""
    built = inputs.built(data)
    keys = {name: key for name in products if (key := built.get(f"model.minsheng.{name}"))}
    return MadeOf(_rules(data, products), keys)


def _rules(data: DataDirectory, products: Mapping[str, Product]) -> str:
    day = data.today()
    ks = {name: parameter(name, "records_k", day) for name, p in products.items() if p.disclosure["rule"] == "records"}
    closed = [(c.period, c.revision, c.release_id) for c in periods.closed(data)]
    said = (inputs.program_checksum(), revisions.code_checksum(), revisions.policies_checksum(), sorted(products), ks, closed)  # fmt: skip
    return hashlib.sha256(repr(said).encode()).hexdigest()[:16]


def remembered(data: DataDirectory, release_id: str) -> MadeOf:
    """What a release was made of when a night last looked; nothing where that is not known."""
    try:
        return MadeOf(**read_json(_path(data, release_id)))
    except (FileNotFoundError, NotReadable, TypeError):
        return MadeOf()


def remember(data: DataDirectory, release_id: str, made_of: MadeOf, kept: Collection[str]) -> None:
    """Notes what a release is made of; a table that keeps an earlier content is made of what nobody has noted."""
    tables = {table: key for table, key in made_of.tables.items() if table not in kept}
    write_json(_path(data, release_id), {"rules": made_of.rules, "tables": tables})


def _path(data: DataDirectory, release_id: str) -> Path:
    return data.disclosed / release_id / "made_of.json"


# ── tables ──────────────────────────────────────────────────────────────────────────────────────


def of_the_same(last: MadeOf, now: MadeOf) -> frozenset[str]:
    """The tables that are made of the same, and whose public edition is, by the same rules."""
    if not last.rules or last.rules != now.rules:
        return frozenset()
    same = {table for table, key in now.tables.items() if last.tables.get(table) == key}
    return frozenset(table for table in same if reads(table) <= same)


def reads(table: str) -> frozenset[str]:
    """The other tables by which a table is told to the public."""
    listed = load_public_edition().get(table)
    if listed is None:
        return frozenset()
    found = {"dim_division", *(part["by"]["table"] for part in listed.parts if "by" in part)} - {table}
    copied = ({listed.copied["table"]} if listed.copied else set()) | {part["table"] for part in listed.sums}
    return frozenset(found | copied).union(*(reads(other) for other in copied))


# ── files ───────────────────────────────────────────────────────────────────────────────────────


def is_whole(last: Path, table: str) -> bool:
    """Whether a release has all files of a table that are taken over with it, as they were written: what a disk has cut short since
    is written anew."""
    wanted = [f"parquet/{table}.parquet", f"csv/{table}.csv"]
    if (last / "public" / "parquet" / f"{table}.parquet").is_file():
        wanted += [f"public/{name}" for name in wanted]
    said = _described(last)
    is_there = all((last / name).is_file() for name in (*wanted, f"data_docs/{table}.html"))
    return is_there and all(said.get(name, (0, ""))[1] == f"sha256:{sha256_of(last / name)}" for name in wanted)


def harmed(last: Path) -> list[str]:
    """The files of a release that are gone or have another size than when they were written, and what says which there were; the
    databases, where they do not read."""
    said = _described(last)
    files = [
        name for name, (size, _) in said.items() if not (last / name).is_file() or (last / name).stat().st_size != size
    ]
    return [*files, *(name for name in PACKAGES if not (last / name).is_file()), *standing.harmed_databases(last)]


def _described(release: Path) -> dict[str, tuple[int, str]]:
    """File of a release → (bytes, checksum) as its own descriptions say; nothing where one does not read."""
    packages = [release.resolve() / name for name in PACKAGES]
    return _read(tuple((path, path.stat().st_mtime_ns) for path in packages if path.is_file()), release.resolve())


@lru_cache(maxsize=1)  # asked for by each table, and each description is long
def _read(packages: tuple[tuple[Path, int], ...], release: Path) -> dict[str, tuple[int, str]]:
    found = {}
    for path, _ in packages:
        with suppress(FileNotFoundError, NotReadable, KeyError, TypeError):
            for told in read_json(path)["resources"]:
                name = os.path.relpath(path.parent / told["path"], release)
                found[name] = (int(told["bytes"]), str(told["hash"]))
    return found


def take_files(last: Path, candidate: Path, table: str) -> None:
    """The files of a table that is taken over, in both editions: the same ones, not copies, where the disk can."""
    for edition in (".", "public"):
        for name in (f"parquet/{table}.parquet", f"csv/{table}.csv"):
            if (last / edition / name).is_file():
                link(last / edition / name, candidate / edition / name)
