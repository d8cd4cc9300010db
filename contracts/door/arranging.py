"""A sender's batch → the feed's fields, still as text: what a layout says, applied.

Belongs here: which column is which field, melting, joining, constants, replacing, value maps. Does not belong
here: opening files (reading), turning text into values (casting) or judging them (rows).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product

import polars as pl

from contracts.door.casting import NULL_SPELLINGS
from contracts.door.characters import may_begin_with
from contracts.loading import scheme_codes
from contracts.model import Feed, FieldSpec, Join, Layout, Match
from contracts.reading import fold
from contracts.reading.table import MARKS, ROW, SHAPE

# The sender's own column a melted value came from; equals the header for a file that is not melted.
MELTED = "_melted"
# The shape of a row that the layout's keep rule sets aside.
OUT_OF_SCOPE = "not_in_scope"


@dataclass(frozen=True)
class Arrangement:
    """Which column of one file feeds which field."""

    feed: Feed
    layout: Layout | None
    columns: Mapping[str, str]  # field → the sender's header
    ignored: tuple[str, ...]  # headers nobody asked for
    missing: tuple[str, ...]  # required fields that no column and no layout entry provides
    twice: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # field → several headers that claim it
    not_there: tuple[str, ...] = ()  # headers the layout renames to a field that nothing else provides

    @property
    def optional_missing(self) -> tuple[str, ...]:
        """Optional fields that no column and no layout entry provides."""
        layout = self.layout
        provided = {*self.columns, *self.missing}
        if layout:
            provided |= {*layout.join, *layout.match, *layout.constants, *layout.absent}
            provided |= {name for record in layout.expand for name in record}
        return tuple(f.name for f in self.feed.fields if f.name not in provided and not f.scheme)


def known_headers(feed: Feed, layout: Layout | None) -> list[str]:
    """Every spelling by which a header row can be recognised."""
    own: list[str] = []
    if layout:
        own += layout.rename
        parts = [part for join in layout.join.values() for part in join.from_]
        parts += [part for record in layout.expand for part in record.values()]
        own += [column for part in parts for column, _ in _placeholders(part)]
        own += layout.melt.id if layout.melt else []
        own += layout.keep.where if layout.keep else []
        own += [match.column for match in layout.match.values()]
        if layout.coordinates:
            own += [c for c in (layout.coordinates.longitude, layout.coordinates.latitude) if c]
    # What stands in the form goes first: it is what a sentence names.
    return list(dict.fromkeys([*own, *(f.header for f in feed.fields if f.header in feed.spellings), *feed.spellings]))


def arrange(feed: Feed, layout: Layout | None, headers: Sequence[str], *, made: Sequence[str] = ()) -> Arrangement:
    """Matches headers to fields: the layout's renames first, then the contract's own spellings.

    Spellings are compared folded (width, case, white space and punctuation do not matter).

    Args:
        made: columns that the reader made (a geometry's point): they go before a column of the sender that says the same.
    """
    beside: list[str] = []
    if layout and layout.melt:
        asked = {fold(h) for h in known_headers(feed, layout) if h not in feed.spellings}
        melted = re.compile(layout.melt.columns)
        beside = [h for h in headers if h not in (ROW, SHAPE, MARKS) and not melted.search(h) and fold(h) not in asked]
        headers = [*layout.melt.id, layout.melt.variable, layout.melt.value]
    wanted = {fold(s): name for s, name in feed.spellings.items()}
    if layout:
        wanted |= {fold(s): name for s, name in layout.rename.items()}
        if layout.coordinates:
            for axis in ("longitude", "latitude"):
                if header := getattr(layout.coordinates, axis):
                    wanted[fold(header)] = axis
        for header in layout.leave_out:
            wanted.pop(fold(header), None)
    claims: dict[str, list[str]] = {}
    ignored = beside
    for header in headers:
        if name := wanted.get(fold(header)):
            claims.setdefault(name, []).append(header)
        elif header not in (ROW, SHAPE, MARKS):
            ignored.append(header)
    for name, found in claims.items():
        if len(found) > 1 and (own := [h for h in found if h in made]):
            ignored += [h for h in found if h not in own]
            claims[name] = own
    renamed = {fold(s) for s in layout.rename} if layout else set()
    columns, twice = {}, {}
    for name, found in claims.items():
        explicit = [h for h in found if fold(h) in renamed]
        if len(found) > 1 and len(explicit) != 1:
            twice[name] = tuple(found)
        columns[name] = explicit[0] if explicit else found[0]
    provided = set(columns)
    if layout:
        provided |= {*layout.join, *layout.match, *layout.constants, *layout.absent}
        # A field counts as provided where every record of a row has it.
        provided |= set.intersection(*map(set, layout.expand)) if layout.expand else set()
    missing = tuple(f.name for f in feed.fields if f.required and f.name not in provided)
    there = {fold(h) for h in headers}
    not_there = [
        h for h, name in (layout.rename.items() if layout else ()) if fold(h) not in there and name not in provided
    ]
    return Arrangement(feed, layout, columns, tuple(ignored), missing, twice, tuple(not_there))


def undeclared_schemes(feed: Feed, layout: Layout | None) -> list[str]:
    """Code schemes the feed cannot be read without and this sender has not declared."""
    needed = {f.scheme for f in feed.fields if f.scheme} if feed.custom.get("codeScheme") == "required" else set()
    return sorted(needed - set(layout.code_scheme if layout else ()))


def lay_out_all(arrangement: Arrangement, batches: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """Every batch of a file laid out; each row's records one after the other where the layout expands rows.

    A record that rows merely mention is given once, with the number of the first row that mentions it. A row whose
    shape is wrong, or that is out of scope, mentions nothing: nobody knows what its cells say.
    """
    layout = arrangement.layout
    if layout is None or not layout.expand:
        yield from (lay_out(arrangement, batch) for batch in batches)
        return
    *mentions, own = (_for_record(arrangement, layout, record) for record in layout.expand)
    names = [f.name for f in arrangement.feed.fields]
    seen = pl.DataFrame(schema=dict.fromkeys(names, pl.String))
    for batch in batches:
        for mention in mentions:
            found = (
                lay_out(mention, batch).filter(pl.col(SHAPE).is_null()).unique(names, keep="first", maintain_order=True)
            )
            new = found.join(seen, on=names, how="anti", nulls_equal=True, maintain_order="left")
            seen = pl.concat([seen, new.select(names)])
            yield new
        yield lay_out(own, batch)


def _for_record(arrangement: Arrangement, layout: Layout, record: Mapping[str, str]) -> Arrangement:
    """The arrangement of one of a row's records: the layout with the record's templates as joins."""
    joins = {name: Join.model_validate({"from": [template]}) for name, template in record.items()}
    return replace(arrangement, layout=layout.model_copy(update={"join": layout.join | joins, "expand": []}))


def lay_out(arrangement: Arrangement, batch: pl.DataFrame) -> pl.DataFrame:
    """One batch of the sender's columns → one text column per field of the feed, `_row` and `_shape`.

    Row for row unless the layout melts; a field nobody provides is null. A row outside `keep` gets the
    shape `not_in_scope`: it is counted and quarantined, never dropped.
    """
    layout = arrangement.layout
    batch = _unprotected(batch)
    if layout and layout.keep:
        inside = pl.all_horizontal(
            pl.col(column).str.strip_chars().is_in(values) for column, values in layout.keep.where.items()
        )
        batch = batch.with_columns(
            pl.when(inside.fill_null(value=False)).then(pl.col(SHAPE)).otherwise(pl.lit(OUT_OF_SCOPE)).alias(SHAPE)
        )
    extra: list[str] = []
    if layout and layout.melt:
        batch, extra = _melted(arrangement, layout, batch), [MELTED]
    extra += [MARKS] if MARKS in batch.columns else []
    text = {f.name: _text(arrangement, f.name, batch.columns) for f in arrangement.feed.fields}
    if layout and layout.coordinates and layout.coordinates.swapped:
        text["longitude"], text["latitude"] = text["latitude"], text["longitude"]
    return batch.select(*(expr.alias(name) for name, expr in text.items()), ROW, SHAPE, *extra)


def _unprotected(batch: pl.DataFrame) -> pl.DataFrame:
    """`="001"` and `'001` → 001: what programs write so that Excel leaves a text alone is not part of it."""
    wrapped = [
        pl.col(column.name).str.replace(r'(?s)^\s*="(.*)"\s*$', "${1}").str.replace(r"^'(\d+)$", "${1}")
        for column in batch
        if column.dtype == pl.String
        and column.name not in (SHAPE, MARKS)
        and may_begin_with(column, b"='")
        and (column.str.starts_with('="').any() or column.str.starts_with("'").any())
    ]
    return batch.with_columns(wrapped) if wrapped else batch


def fields_of(arrangement: Arrangement, header: str, melted: str | None = None) -> list[str]:
    """The fields that a cell under a header speaks for; `melted`: the column a melted row came from."""
    layout = arrangement.layout
    names = [name for name, own in arrangement.columns.items() if own == header]
    if layout is None:
        return names
    if layout.melt and melted == header:
        names += [name for name, own in arrangement.columns.items() if own == layout.melt.value]
    templates = [(name, part) for name, join in layout.join.items() for part in join.from_]
    templates += [(name, part) for record in layout.expand for name, part in record.items()]
    names += [name for name, part in templates if header in (column for column, _ in _placeholders(part))]
    names += [name for name, match in layout.match.items() if match.column == header]
    return list(dict.fromkeys(names))


def sender_header(arrangement: Arrangement, name: str) -> str:
    """The header under which this sender sent a field; the contract's own where it did not."""
    return arrangement.columns.get(name, arrangement.feed.by_name[name].header)


def _text(arrangement: Arrangement, name: str, columns: Sequence[str]) -> pl.Expr:
    layout = arrangement.layout
    header = arrangement.columns.get(name)
    text = pl.col(header) if header is not None and header in columns else pl.lit(None, dtype=pl.String)
    if layout is None:
        return text
    spec = arrangement.feed.by_name[name]
    scheme = layout.code_scheme.get(spec.scheme or "")
    if scheme is not None and spec.derived_from:
        return _by_scheme(arrangement, spec, scheme, columns)
    if name in layout.join:
        text = pl.concat_str([_piece(part) for part in layout.join[name].from_])
    if match := layout.match.get(name):
        text = _matched(match, text)
    constant = scheme or layout.constants.get(name)
    if constant is not None:
        literal = str(constant).lower() if isinstance(constant, bool) else str(constant)
        # A constant speaks where the file is silent; a value in the file wins.
        text = pl.coalesce(_filled(text), pl.lit(literal))
    for old, new in layout.replace.get(name, {}).items():
        text = text.str.replace_all(old, new, literal=True)
    if rule := layout.values.get(name):
        stripped = text.str.strip_chars()
        default = {"keep": stripped, "null": pl.lit(None, dtype=pl.String), "reject": stripped}[rule.otherwise]
        text = stripped.replace_strict(rule.map, default=default, return_dtype=pl.String)
    return text


def _matched(match: Match, text: pl.Expr) -> pl.Expr:
    source = pl.col(match.column).str.strip_chars()
    for pattern, gives in reversed(match.patterns.items()):
        whole = f"^(?:{pattern})$"
        text = pl.when(source.str.contains(whole)).then(_filled(source.str.replace(whole, gives))).otherwise(text)
    return text


def _by_scheme(arrangement: Arrangement, spec: FieldSpec, scheme: str, columns: Sequence[str]) -> pl.Expr:
    """The canonical code of another field under the scheme the layout declares; null for a code outside it."""
    source = arrangement.feed.by_name[spec.derived_from or ""]
    codes = scheme_codes(source.code_list or "", scheme)
    text = _text(arrangement, source.name, columns).str.strip_chars()
    full_width = str.maketrans("0123456789", "０１２３４５６７８９")
    spelt = {
        "".join(c): level
        for code, level in codes.items()
        for c in product(*zip(code, code.translate(full_width), strict=True))
    }
    return text.replace_strict(spelt, default=None, return_dtype=pl.String)


def unmapped(arrangement: Arrangement, laid: pl.DataFrame) -> dict[str, pl.Expr]:
    """Field → expression that is true where a layout with `otherwise: reject` met a code outside its map."""
    layout = arrangement.layout
    if layout is None:
        return {}
    return {
        name: pl.col(name).is_not_null() & ~pl.col(name).is_in(list(rule.map.values()))
        for name, rule in layout.values.items()
        if rule.otherwise == "reject" and name in laid.columns
    }


def _melted(arrangement: Arrangement, layout: Layout, batch: pl.DataFrame) -> pl.DataFrame:
    melt = layout.melt
    assert melt is not None
    kept = [MARKS] if MARKS in batch.columns else []
    wide = [c for c in batch.columns if re.search(melt.columns, c) and c not in (ROW, SHAPE, MARKS)]
    long = batch.unpivot(
        on=wide, index=[*melt.id, ROW, SHAPE, *kept], variable_name=melt.variable, value_name=melt.value
    ).with_columns(pl.col(melt.variable).alias(MELTED))
    if melt.drop_empty:
        # A spelling of nothing is no answer, as an empty cell is none. What has to be told of a cell keeps its row.
        value = next((name for name, header in arrangement.columns.items() if header == melt.value), None)
        stated = {**layout.cast.stated, **(arrangement.feed.by_name[value].cast if value else {})}
        nulls = [text for text in stated.get("null_spellings", NULL_SPELLINGS) if text]
        text = pl.col(melt.value).str.strip_chars()
        says = (text != "") & ~text.is_in(nulls)
        told = pl.col(MARKS).str.contains(pl.col(MELTED), literal=True) if kept else pl.lit(value=False)
        long = long.filter(says.fill_null(value=False) | told.fill_null(value=False) | pl.col(SHAPE).is_not_null())
    return long.sort(ROW, maintain_order=True)


def _filled(text: pl.Expr) -> pl.Expr:
    return pl.when(text.str.strip_chars() != "").then(text)


def _placeholders(part: str) -> list[tuple[str, bool]]:
    """The columns a part names, and whether each may be empty (`{column?}`)."""
    return [(name.removesuffix("?"), name.endswith("?")) for name in re.findall(r"\{([^{}]+)\}", part)]


def _piece(part: str) -> pl.Expr:
    cells = [
        _filled(pl.col(name)).str.strip_chars().fill_null("") if optional else _filled(pl.col(name)).str.strip_chars()
        for name, optional in _placeholders(part)
    ]
    return pl.format(re.sub(r"\{[^{}]+\}", "{}", part), *cells) if cells else pl.lit(part)
