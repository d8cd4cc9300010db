"""JSON, NDJSON and GeoJSON → batches.

A records path names the lists to go through: `provinceList[*].cityList[*].hospitalList[*]`, `data.rows[*]`, `[*]`.
Each element of the last list is a row. Nested objects are flattened with dots (`location.lng`); a list of plain
values becomes `a|b`, any other list its JSON text. The plain values of the object around a record are columns
`^name`, one more `^` for each list further out (`^city`, `^^province`). Numbers keep the digits they were sent with.

GeoJSON features give their properties under their own names, `longitude`, `latitude` (see geometry) and
`geometry_type`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from contracts.reading.encoding import find_encoding, utf_8_chunks
from contracts.reading.geometry import representative_point
from contracts.reading.headers import fold, named
from contracts.reading.table import MB, Found, Limits, Reading, Record, Table, frames, is_blank, shaped, unreadable

_POINT = ("longitude", "latitude")
# What interfaces call the number of all records, and that there are more of them.
_TOTALS = ("total", "totalcount", "totalrecords", "totalelements", "totalsize", "totalrows", "totalfeatures", "recordstotal", "recordcount", "numbermatched")  # fmt: skip
_MORE = ("exceededtransferlimit", "hasmore", "hasnext", "hasnextpage", "hasmoreitems")
_HALF = re.compile("[\ud800-\udfff]")  # half of an emoji, as a text cut at a number of characters leaves it
Located = tuple[Any, tuple[Mapping[str, Any], ...]]  # a record and the objects around it, nearest first
REPEATED = "\0repeated"  # cannot be a key of a flattened record


def open_records(
    path: Path, kind: str, reading: Reading, known_headers: Collection[str], limits: Limits, *, file: str
) -> Table:
    """Opens a JSON document or a file of JSON lines.

    Raises:
        Unreadable: no JSON, too large, no records under the path, no known key.
    """
    encoding = find_encoding(path, reading.encoding, known_headers, file=file)
    known = {fold(h) for h in known_headers} - {""}
    if kind == "ndjson":

        def flat() -> Iterator[tuple[int, dict[str, str | None] | None]]:
            return _json_lines(path, encoding, limits)

        found = Found("ndjson", encoding=encoding.name)
    else:
        size = path.stat().st_size
        if size > limits.document_bytes:
            limit = f"{limits.document_bytes // MB} MB"
            raise unreadable("document_too_large", file=file, size=f"{size // MB} MB", limit=limit)
        document = _document(path, encoding, limits, file)
        if isinstance(document, dict) and document.get("type") == "Feature" and "geometry" in document:
            document = {"type": "FeatureCollection", "features": [document]}
        is_geojson = isinstance(document, dict) and document.get("type") == "FeatureCollection"
        located = list(_located(document, reading.records or ("features[*]" if is_geojson else None), file))
        partial = _announced(located, document)
        if is_geojson:  # what surrounds the features (type, crs) says nothing about any of them
            located = [(record, ()) for record, _ in located]

        def flat() -> Iterator[tuple[int, dict[str, str | None] | None]]:
            return ((i, flattened(record, around)) for i, (record, around) in enumerate(located, start=1))

        found = Found("geojson" if is_geojson else "json", encoding=encoding.name)
        if is_geojson:
            found.crs = next((crs for crs in map(_system, _stated(document)) if crs), None)
        if partial:
            found.notes.append(partial)
    keys = list(dict.fromkeys(key for _, record in flat() for key in record or () if key != REPEATED))
    if len(keys) > limits.columns:
        raise unreadable("too_many_columns", file=file, found=len(keys), limit=limits.columns)
    if known and not known & {fold(key) for key in keys}:
        expected, seen = "、".join(list(known_headers)[:8]), "、".join(keys[:12])
        raise unreadable("header_not_found", file=file, rows=1, expected=expected, found=seen)
    if encoding.guessed:
        found.notes.append(("encoding_guessed", {"encoding": encoding.name}))
    found.headers = named([_whole(key) for key in keys], known, file)
    if found.format == "geojson" and "geometry.longitude" not in keys:
        found.made = [key for key in ("longitude", "latitude") if key in keys]

    def records() -> Iterator[Record]:
        for number, record in flat():
            if record is None:
                yield number, (), "record_not_json"
                continue
            cells = [record.get(key) for key in keys]
            if not is_blank(cells):
                repeated = "record_repeats_a_key" if REPEATED in record else None
                if _HALF.search("".join(filter(None, cells))):
                    cells, repeated = [cell and _whole(cell) for cell in cells], repeated or "undecodable"
                yield number, *shaped(cells, repeated, limits.cell_chars)

    return Table(found, lambda: frames(records(), found.headers, limits.batch_rows))


def _whole(text: str) -> str:
    return _HALF.sub("\ufffd", text)


def _announced(located: list[Located], document: Any) -> tuple[str, dict[str, Any]] | None:
    """What an interface says of records that it has and did not put into this file: pages of a list come one by one."""
    holders = [around[0] for _, around in located[:1] + located[-1:] if around] or [document]
    if not isinstance(holders[0], dict) or any(holder is not holders[0] for holder in holders):
        return None
    said = {fold(key).replace("_", ""): value for key, value in holders[0].items()}
    totals = [int(said[key]) for key in _TOTALS if isinstance(said.get(key), str) and said[key].isdecimal()]
    if any(total > len(located) for total in totals):
        return "records_are_a_page", {"found": len(located), "total": max(totals)}
    return ("records_go_on", {"found": len(located)}) if any(said.get(key) is True for key in _MORE) else None


def _stated(document: Mapping[str, Any]) -> Iterator[Any]:
    """Wherever a GeoJSON may say what its coordinates are in: as a whole, of a feature, of a geometry."""
    yield document.get("crs")
    for feature in document["features"] if isinstance(document.get("features"), list) else ():
        if isinstance(feature, dict):
            yield feature.get("crs")
            yield feature["geometry"].get("crs") if isinstance(feature.get("geometry"), dict) else None


def _system(crs: Any) -> str | None:
    """What a GeoJSON of before 2016 says its coordinates are in; None where it says nothing, which means WGS-84."""
    if not isinstance(crs, dict):
        return None
    properties = crs.get("properties")
    stated = properties.get("name") or properties.get("code") if isinstance(properties, dict) else None
    return str(stated or crs.get("type") or "?")


# ── parsing ─────────────────────────────────────────────────────────────────────────────────────


class _Number(str):
    """A number with the digits it was sent with."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        found[REPEATED] = True
    return found


def parsed(text: str) -> Any:
    """JSON with numbers as text and objects that remember a repeated key.

    Raises:
        ValueError: it is not JSON (or nested too deeply to be read).
    """
    try:
        return json.loads(
            text, parse_int=_Number, parse_float=_Number, parse_constant=_Number, object_pairs_hook=_object
        )
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _document(path: Path, encoding: Any, limits: Limits, file: str) -> Any:
    chunks = utf_8_chunks(path, encoding, limits.chunk_bytes, limits.document_bytes)
    text = b"".join(chunk for chunk, _ in chunks).decode("utf-8", errors="replace")
    try:
        return parsed(text)
    except ValueError as error:
        raise unreadable("not_json", file=file, **_where(error)) from None


def _where(error: ValueError) -> dict[str, str]:
    """Where a text is no JSON, if anybody can say."""
    if not isinstance(error, json.JSONDecodeError):
        return {}
    return {
        "where_zh": f"（从第 {error.lineno} 行第 {error.colno} 个字符起）",
        "where_en": f" (from line {error.lineno}, character {error.colno} on)",
    }


def _json_lines(path: Path, encoding: Any, limits: Limits) -> Iterator[tuple[int, dict[str, str | None] | None]]:
    line = 0
    for chunk, _ in utf_8_chunks(path, encoding, limits.chunk_bytes, max(limits.cell_chars * 40, 1_000_000)):
        for raw in chunk.decode("utf-8", errors="replace").split("\n")[:-1]:
            line += 1
            if raw.strip("\ufeff \t\r\x1e"):
                try:
                    record = parsed(raw.strip("\ufeff \t\r\x1e"))
                except ValueError:
                    record = None
                yield line, flattened(record, ()) if isinstance(record, dict) else None


# ── records ─────────────────────────────────────────────────────────────────────────────────────


def _located(document: Any, path: str | None, file: str) -> Iterator[Located]:
    if path is None:
        path = _found_path(document, file)
    if not re.fullmatch(r"(?:[^\[\].]+(?:\[\*\])?|\[\*\])(?:\.(?:[^\[\].]+(?:\[\*\])?|\[\*\]))*", path or "[*]"):
        raise unreadable(
            "records_not_found",
            file=file,
            expected=path,
            found_zh="路径应写作 a[*].b[*]",
            found_en="a path is written a[*].b[*]",
        )
    steps = re.findall(r"[^\[\].]+|\[\*\]", path)
    found = list(_walk(document, steps, (), file))
    if not found and not _leads_to_a_list(document, steps):
        raise unreadable("records_not_found", file=file, expected=path, **_holds(document))
    yield from found


def _holds(document: Any) -> dict[str, str]:
    """What a document is at the place where its records should be."""
    if isinstance(document, dict):
        keys = list(document)[:12]
        return (
            {"found_zh": f"只有 {'、'.join(keys)}", "found_en": f"it holds {', '.join(keys)}"}
            if keys
            else {"found_zh": "是空的", "found_en": "it is empty"}
        )
    if isinstance(document, list):
        return {"found_zh": "文件是一个列表", "found_en": "the file is a list"}
    return {"found_zh": "文件只有一个值", "found_en": "the file is one single value"}


def _walk(value: Any, steps: list[str], around: tuple[Mapping[str, Any], ...], file: str) -> Iterator[Located]:
    if steps and isinstance(value, dict) and REPEATED in value:
        raise unreadable(
            "document_repeats_a_key", file=file, keys="、".join(key for key in value if key != REPEATED)[:200]
        )
    if not steps:
        yield value, around
    elif steps[0] == "[*]":
        for item in value if isinstance(value, list) else ():
            yield from _walk(item, steps[1:], around, file)
    elif isinstance(value, dict) and steps[0] in value:
        # The object that holds a list is one level around its records.
        outer = (value, *around) if len(steps) > 1 and steps[1] == "[*]" else around
        yield from _walk(value[steps[0]], steps[1:], outer, file)


def _leads_to_a_list(value: Any, steps: list[str]) -> bool:
    for step in steps:
        if step == "[*]":
            return isinstance(value, list)
        if not isinstance(value, dict) or step not in value:
            return False
        value = value[step]
    return False


def _found_path(document: Any, file: str) -> str:
    """Where the records are if nobody says: the document itself, or the only list of objects in it."""
    if isinstance(document, list):
        return "[*]"
    if not isinstance(document, dict):
        raise unreadable("records_not_found", file=file, expected="[*]", **_holds(document))
    inner = {f"{key}.": value for key, value in document.items() if isinstance(value, dict)}
    found = [
        f"{prefix}{key}[*]"
        for prefix, holder in {"": document, **inner}.items()
        for key, value in holder.items()
        if isinstance(value, list) and any(isinstance(item, dict) for item in value)
    ]
    if len(found) == 1:
        return found[0]
    if found:
        raise unreadable("records_path_needed", file=file, found="、".join(found[:8]))
    raise unreadable("records_not_found", file=file, expected="[*]", **_holds(document))


def flattened(record: Any, around: tuple[Mapping[str, Any], ...]) -> dict[str, str | None] | None:
    """One record as column → text; None if it is no object."""
    if not isinstance(record, dict):
        return None
    flat: dict[str, str | None] = {}
    if record.get("type") == "Feature" and "geometry" in record:
        _flatten(flat, "", record.get("properties") or {})
        stated = {}
        for key in [key for key in flat if key not in _POINT and fold(key) in _POINT]:
            stated[fold(key)] = flat[f"properties.{key}"] = flat.pop(key)  # LONGITUDE is not the geometry's
        longitude, latitude = representative_point(record["geometry"])
        if longitude is None:  # no geometry: the properties are all there is
            longitude, latitude = stated.get("longitude"), stated.get("latitude")
        if all(name in flat and not flat[name] for name in _POINT):
            flat = {key: value for key, value in flat.items() if key not in _POINT}
        kind = record["geometry"].get("type") if isinstance(record["geometry"], dict) else None
        places = {"longitude": longitude, "latitude": latitude, "geometry_type": kind}
        for name, value in places.items():
            flat[name if name not in flat else f"geometry.{name}"] = _text(value)
    else:
        _flatten(flat, "", record)
    for level, holder in enumerate(around, start=1):
        for key, value in holder.items():
            if not isinstance(value, dict | list) and key != REPEATED:
                flat["^" * level + key] = _text(value)
    return flat


def _flatten(flat: dict[str, str | None], prefix: str, value: Mapping[str, Any]) -> None:
    for key, item in value.items():
        if key == REPEATED:
            flat[REPEATED] = "true"
        elif isinstance(item, dict) and item:
            _flatten(flat, f"{prefix}{key}.", item)
        else:
            flat[f"{prefix}{key}"] = _text(item)


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return None if value is None else str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list) and value and all(isinstance(v, str) and "|" not in v for v in value):
        return "|".join(value)
    return json.dumps(value, ensure_ascii=False) if value else None
