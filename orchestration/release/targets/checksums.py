"""One checksum of a table's rows, computed by DuckDB and by PostgreSQL each on its own copy.

It does not depend on the order of rows, counts equal rows, and takes numbers bit by bit: a table that PostgreSQL serves
has the rows of the published file, or the checksums differ. Does not belong here: the certificate's own checksum
(release.tables), which rounds numbers so that a parallel sum is no news.
"""

from collections.abc import Mapping, Sequence

# A row is one text: of every value its length and its content, so that no two rows are written alike.
_NULL = "~"
# PostgreSQL keeps no NUL in a text; the sign that stands for it does.
NUL_SIGN = "␀"

# How each engine writes a value of a DuckDB type; a number by its 64 bits, every NaN alike.
_IN_DUCKDB: Mapping[str, str] = {
    "VARCHAR": "strlen({c})::varchar || ':' || {c}",
    "BIGINT": "{c}::varchar",
    "DOUBLE": "case when isnan({c}) then 'nan' else {c}::bit::bigint::varchar end",
    "BOOLEAN": "case when {c} then '1' else '0' end",
    "DATE": "({c} - date '1970-01-01')::varchar",
    "TIMESTAMP": "epoch_us({c})::varchar",
}
_IN_POSTGRES: Mapping[str, str] = {
    "VARCHAR": "octet_length({c})::text || ':' || {c}",
    "BIGINT": "{c}::text",
    "DOUBLE": "case when {c} = 'NaN' then 'nan' else ('x' || encode(float8send({c}), 'hex'))::bit(64)::bigint::text end",
    "BOOLEAN": "case when {c} then '1' else '0' end",
    "DATE": "({c} - date '1970-01-01')::text",
    "TIMESTAMP": "(extract(epoch from {c}) * 1000000)::bigint::text",
}


def in_duckdb(columns: Mapping[str, str], relation: str) -> str:
    """The query that gives (rows, checksum) of a relation in DuckDB; `columns`: name → DuckDB type, in their order."""
    row = _joined([_written(_IN_DUCKDB[t], without_nul(n, t)) for n, t in columns.items()])
    return f"select count(*), coalesce(sum(('0x' || substr(md5({row}), 1, 15))::bigint::hugeint), 0)::varchar from {relation}"


def in_postgres(columns: Mapping[str, str], relation: str) -> str:
    """The same query for PostgreSQL; `columns` as DuckDB names their types."""
    row = _joined([_written(_IN_POSTGRES[t], f'"{n}"') for n, t in columns.items()])
    return (
        f"select count(*), coalesce(sum(('x' || substr(md5({row}), 1, 15))::bit(60)::bigint::numeric), 0)::text "
        f"from {relation}"
    )


def without_nul(name: str, sql_type: str) -> str:
    """A column as PostgreSQL can keep it."""
    return f"replace(\"{name}\", chr(0), '{NUL_SIGN}')" if sql_type == "VARCHAR" else f'"{name}"'


def _joined(values: Sequence[str]) -> str:
    """The values one after the other; a function of PostgreSQL takes a hundred arguments at most."""
    parts = [f"concat_ws(',', {', '.join(values[n : n + 90])})" for n in range(0, len(values), 90)]
    return parts[0] if len(parts) == 1 else f"concat_ws(',', {', '.join(parts)})"


def _written(form: str, column: str) -> str:
    return f"coalesce({form.format(c=column)}, '{_NULL}')"
