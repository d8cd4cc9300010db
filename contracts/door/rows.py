"""What a row must be: a feed's contract compiled into checks, and a batch split by them.

Types first, then values; every reason of a row, not the first. The same compiled checks serve the night and
the department's own `check`. Beside them stands `pandera_schema`, made from the same contract by other code:
the night validates every accepted batch against it before it is written, so that a mistake in one of the two
cannot pass.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from dataclasses import field as default
from datetime import datetime
from functools import cache, partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import polars as pl

from contracts.door.arranging import MELTED, Arrangement, fields_of, sender_header, unmapped
from contracts.door.casting import CastOptions, cast
from contracts.door.identifiers import SEMANTIC_CHECKS
from contracts.door.privacy import holds_a_number, mask_value, searched_for
from contracts.door.repeated import Repeated, repeated
from contracts.door.shapes import in_words
from contracts.loading import chosen, code_list, code_spellings
from contracts.messages import message
from contracts.model import Feed, FieldSpec, Rule
from contracts.place import place
from contracts.reading import fold
from contracts.reading.table import BLANKS, CELL, MARK, MARKS, ROW, SHAPE, Found

if TYPE_CHECKING:
    import pandera.polars as pandera

# The field in which a row says what system its point is in.
CRS = "coordinate_system"

REASON_SCHEMA: Mapping[str, pl.DataType] = {
    "_row": pl.Int64(),
    "field": pl.String(),
    "header": pl.String(),
    "rule": pl.String(),
    "severity": pl.String(),
    "value": pl.String(),
    "message_zh": pl.String(),
    "message_en": pl.String(),
    # What a refused row says in the fields that the contract names (`kept_of_refused`), as JSON; null elsewhere.
    "row_says": pl.String(),
}


@dataclass(frozen=True)
class Check:
    """One thing that must hold for every row of the typed batch; `fails` is true where it does not."""

    code: str
    field: str
    severity: str
    fails: pl.Expr
    facts: Mapping[str, Any] = default(default_factory=dict)
    suggest: tuple[str, ...] = ()


@dataclass(frozen=True)
class Split:
    """A batch after the door: typed rows that hold, and a reason row for everything that does not.

    Counts are of rows: received == accepted.height + rejected; a warned row is an accepted one.
    `clean`: fields that need not be searched for numbers of persons again, because the checks found none.
    """

    accepted: pl.DataFrame
    reasons: pl.DataFrame
    received: int
    rejected: int
    warned: int
    clean: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Said:
    """The few things a column says, cast; `struck`: of the checks made so far which of them fail."""

    texts: tuple[str | None, ...]
    values: pl.Series
    reasons: pl.Series
    struck: dict[int, pl.Series] = default(default_factory=dict)


@dataclass(frozen=True)
class Checker:
    """A feed's checks for one file: contract, arrangement, and what the platform already knows.

    Attributes:
        said: by field, what the last batch said of those that say few things: the next says the same.
    """

    arrangement: Arrangement
    checks: tuple[Check, ...]
    casts: Mapping[str, CastOptions]
    said: dict[str, Said] = default(default_factory=dict)


def checker(
    arrangement: Arrangement,
    *,
    received_at: datetime,
    known: Mapping[str, pl.Series] | None = None,
    found: Found | None = None,
) -> Checker:
    """Compiles the feed's contract for one file.

    Args:
        known: values of other feeds' fields, e.g. {"reference.divisions.code": …}; a reference that is not in
            here is not checked (the department's own check runs without the platform's data).
        found: how the file was read: a workbook can hold days as numbers, a semicolon goes with decimal commas.
    """
    feed, layout = arrangement.feed, arrangement.layout
    stated = layout.cast.stated if layout else {}
    casts = {f.name: _cast_options(f, stated, found) for f in feed.fields}
    checks = [check for f in feed.fields for check in _field_checks(f, known or {})]
    checks += [_rule_check(rule, received_at) for rule in feed.rules]
    return Checker(arrangement, tuple(checks), casts)


def split(door: Checker, laid: pl.DataFrame) -> Split:
    """A laid-out batch of text → typed rows that hold and the reasons of those that do not."""
    if laid.height == 0:
        return Split(_typed(door, laid)[0].clear(), empty_reasons(), 0, 0, 0)
    laid = laid.with_columns(_shapes(door, laid).alias(SHAPE))
    typed, failed_casts, few = _typed(door, laid)
    told = _told_of_cells(door, laid) + _without_time(door, laid, typed)
    for name, codes, severity in told:
        if severity == "error":
            cast_reason = failed_casts.get(name, codes)
            failed_casts[name] = pl.select(pl.coalesce(codes, cast_reason)).to_series()
    shape_bad = laid[SHAPE].is_not_null()
    struck = _struck(door, typed, few)
    found: list[pl.DataFrame] = []
    rejected, warned = shape_bad, pl.repeat(False, laid.height, eager=True)
    if shape_bad.any():
        found.append(_shape_reasons(door, laid.filter(shape_bad)))
    cast_failed = {}
    for name, reason in failed_casts.items():
        bad = reason.is_not_null() & ~shape_bad
        cast_failed[name] = bad
        if bad.any():
            rejected = rejected | bad
            found.append(_reasons(door, laid.filter(bad), name, reason.filter(bad), "error", {}, ()))
    for name, expr in unmapped(door.arrangement, laid).items():
        bad = laid.select(expr).to_series() & ~shape_bad
        if bad.any():
            rejected = rejected | bad
            found.append(_reasons(door, laid.filter(bad), name, "code_not_in_layout", "error", {}, ()))
    for name, codes, severity in told:
        bad = codes.is_not_null() & ~shape_bad & ~cast_failed.get(name, pl.repeat(False, laid.height, eager=True))
        if severity == "warning" and bad.any():
            warned = warned | bad
            found.append(_reasons(door, laid.filter(bad), name, codes.filter(bad), "warning", {}, ()))
    for i, mask in struck.items():
        check, bad = door.checks[i], mask & ~shape_bad
        if check.field in cast_failed:
            bad = bad & ~cast_failed[check.field]
        if not bad.any():
            continue
        if check.severity == "error":
            rejected = rejected | bad
        else:
            warned = warned | bad
        found.append(
            _reasons(door, laid.filter(bad), check.field, check.code, check.severity, check.facts, check.suggest)
        )
    reasons = pl.concat(found) if found else empty_reasons()
    if door.arrangement.feed.kept_of_refused and rejected.any():
        said = _said_by_rows(door, typed, struck, rejected & ~shape_bad)
        reasons = reasons.drop("row_says").join(said, on="_row", how="left", maintain_order="left")
    return Split(
        accepted=typed.filter(~rejected) if rejected.any() else typed,
        reasons=reasons,
        received=laid.height,
        rejected=int(rejected.sum()),
        warned=int((warned & ~rejected).sum()),
        clean=frozenset(door.casts)
        - {door.checks[i].field for i in struck if door.checks[i].code == "personal_number"},
    )


def _struck(door: Checker, typed: pl.DataFrame, few: Mapping[str, tuple[Said, Repeated]]) -> dict[int, pl.Series]:
    """The checks that fail somewhere, by number, and the rows where they do."""
    whole, struck = {}, {}
    for i, check in enumerate(door.checks):
        fails, reads = check.fails.fill_null(value=False).alias(str(i)), set(check.fails.meta.root_names())
        if reads == {check.field} and check.field in few:
            said, rows = few[check.field]
            if i not in said.struck:
                said.struck[i] = said.values.to_frame().select(fails).to_series()
            if said.struck[i].any():
                struck[i] = rows.laid_out(said.struck[i])
        else:
            whole[i] = fails
    struck |= {i: mask for i, mask in zip(whole, typed.select(whole.values()), strict=True) if mask.any()}
    return dict(sorted(struck.items()))


def _said_by_rows(door: Checker, typed: pl.DataFrame, struck: Mapping[int, pl.Series], of: pl.Series) -> pl.DataFrame:
    """`_row` and what the row says in the fields that are kept of a refused one, as JSON; a field that is itself wrong is null.

    A rule between fields does not make either of them wrong.

    Args:
        of: which rows; not those whose shape is wrong, of which nobody knows which column is which.
    """
    typed = typed.filter(of)
    texts = {name: typed[name].cast(pl.String) for name in door.arrangement.feed.kept_of_refused}
    for i, mask in struck.items():
        check = door.checks[i]
        if check.field in texts and check.severity == "error" and check.code != "cross_field":
            texts[check.field] = texts[check.field].set(mask.filter(of), None)
    said = pl.DataFrame(texts).to_struct("row_says").struct.json_encode()
    # A melted file has many rows of one number, which cannot be told apart.
    return pl.DataFrame({"_row": typed[ROW].cast(pl.Int64), "row_says": said}).unique("_row", keep="none")


def empty_reasons() -> pl.DataFrame:
    return pl.DataFrame(schema=dict(REASON_SCHEMA))


def pandera_schema(feed: Feed) -> pandera.DataFrameSchema:
    """The feed's contract as a pandera schema over the typed, accepted rows (before pseudonymisation).

    Built from the contract, not from the compiled checks: it is the second opinion. Fields of which the contract
    promises nothing but a type are left out; the accepted file's own schema holds them to it.
    """
    import pandera.polars as pandera

    columns = {}
    for f in feed.fields:
        options, checks = f.options, []
        if f.kind == "string":
            if pattern := options.get("pattern"):
                checks.append(pandera.Check.str_matches(pattern))
            if "minLength" in options or "maxLength" in options:
                checks.append(pandera.Check.str_length(options.get("minLength"), options.get("maxLength")))
        if f.kind in ("integer", "number"):
            held = _severity(f, "range") == "error"
            if held and (low := options.get("minimum")) is not None:
                checks.append(pandera.Check.ge(low))
            if held and (high := options.get("maximum")) is not None:
                checks.append(pandera.Check.le(high))
        listed = f.kind == "string" and _severity(f, "code") == "error" and "separator" not in f.custom
        if listed and (codes := _codes(f)):
            checks.append(pandera.Check.isin(list(codes)))
        if checks or f.required:
            columns[f.name] = pandera.Column(DTYPES[f.kind], checks=checks, nullable=not f.required)
    return pandera.DataFrameSchema(columns, strict=False)


DTYPES: Mapping[str, Any] = {
    "string": pl.String,
    "integer": pl.Int64,
    "number": pl.Float64,
    "boolean": pl.Boolean,
    "date": pl.Date,
    "timestamp": pl.Datetime("us"),
}


# What a program leaves of a character it does not know, and what only the fonts of one office show.
_LOST = "[\ufffd\ue000-\uf8ff]|[?]{2}"

# ── compiling ───────────────────────────────────────────────────────────────────────────────────


def _cast_options(f: FieldSpec, stated: Mapping[str, Any], found: Found | None) -> CastOptions:
    is_workbook = found is not None and found.format in ("xlsx", "xls", "ods")
    is_code = bool(f.code_list or f.enum or f.semantic or "code" in f.name or f.cast.get("width"))
    options: dict[str, Any] = {
        "excel_serial": is_workbook,
        "starts_1904": found is not None and found.starts_1904,
        "comma_is_unclear": found is not None and found.delimiter == ";",
        "is_code": is_code and f.classification != "free_text",
        "from_workbook": is_workbook,
        "clean": f.kind == "string" and f.classification != "free_text",
        **stated,
        **f.cast,
    }
    if f.code_list or f.enum or f.semantic or "code" in f.name:
        options.setdefault("width", "half")
    if f.kind in ("integer", "number") and f.unit:
        options["units"] = {f.unit.partition(" · ")[0]: 1, **options.get("units", {})}
    for name in ("null_spellings",):
        if name in options:
            options[name] = tuple(options[name])
    return CastOptions(**{k: v for k, v in options.items() if k in CastOptions.__dataclass_fields__})


def _codes(f: FieldSpec) -> Mapping[str, str]:
    return f.enum or (code_list(f.code_list) if f.code_list else {})


def _checked_here() -> frozenset[str]:
    """Identifiers that are held to their rules: those of the place, and what is the same everywhere."""
    return frozenset((*place().codes.checked, "email"))


def _severity(f: FieldSpec, what: str, default: str = "error") -> str:
    """The contract may say how hard one check of a field is: customProperties.severity = {code: warning}."""
    return str((f.custom.get("severity") or {}).get(what, default))


def _shape(pattern: str, f: FieldSpec) -> dict[str, Any]:
    """How a text should look, for its sentence: an example where the contract has one, else the pattern in words."""
    if f.examples:
        return {"shape": f"应形如 {f.examples[0]}", "shape_en": f"write it like {f.examples[0]}"}
    zh, en = in_words(pattern, "zh"), in_words(pattern, "en")
    return {"shape": f"应为 {zh}" if zh else "请按模板的说明填写", "shape_en": en or "see the notes of the form"}


def _field_checks(f: FieldSpec, known: Mapping[str, pl.Series]) -> list[Check]:
    value, options, checks = pl.col(f.name), f.options, []

    def add(code: str, fails: pl.Expr, severity: str = "error", suggest: tuple[str, ...] = (), **facts: Any) -> None:
        checks.append(Check(code, f.name, severity, fails, facts, suggest))

    if f.required:
        add("required_missing", value.is_null())
    if f.kind == "string":
        separator = f.custom.get("separator")
        if (kinds := searched_for(f)) and not (_codes(f) and _severity(f, "code") == "error"):
            found = partial(holds_a_number, kinds=kinds)
            add("personal_number", value.map_batches(found, return_dtype=pl.Boolean, is_elementwise=True), "warning")
        if (pattern := options.get("pattern")) is not None:
            add("pattern", ~value.str.contains(pattern), **_shape(pattern, f))
        if (low := options.get("minLength")) is not None:
            add("too_short", value.str.len_chars() < low, limit=low)
        if (high := options.get("maxLength")) is not None:
            add("too_long", value.str.len_chars() > high, limit=high)
        if f.classification in ("public", "internal") and pattern is None and not _codes(f):
            add("characters_lost", value.str.contains(_LOST), "warning")
        if codes := _codes(f):
            allowed = pl.Series(list(codes), dtype=pl.String).implode()
            if separator:
                # No code follows another but behind a separator: one pattern says so without taking the text apart.
                listed = "|".join(re.escape(code) for code in codes)
                between = re.escape(separator)
                unknown = ~value.str.contains(f"^(?:{listed})(?:{between}(?:{listed}))*$")
            else:
                unknown = ~value.is_in(allowed)
            add("not_in_code_list", unknown, _severity(f, "code"), tuple(codes), list=f.code_list or "enum")
        if f.semantic and f.semantic in _checked_here():
            add(f"invalid_{f.semantic}", ~SEMANTIC_CHECKS[f.semantic](value), _severity(f, "check_digit"))
        if f.references and f.references in known:
            there = known[f.references].implode()
            add("unknown_reference", ~value.is_in(there), _severity(f, "reference", "warning"), to=f.references)
        if f.scheme and f.derived_from:
            add("code_not_in_scheme", value.is_null() & pl.col(f.derived_from).is_not_null(), source=f.derived_from)
    if f.kind in ("integer", "number"):
        if (low := options.get("minimum")) is not None:
            add("below_minimum", value < low, _severity(f, "range"), limit=low)
        if (high := options.get("maximum")) is not None:
            add("above_maximum", value > high, _severity(f, "range"), limit=high)
    return checks


_COMPARE: Mapping[str, Callable[[pl.Expr, pl.Expr], pl.Expr]] = {
    "le": lambda a, b: a <= b,
    "lt": lambda a, b: a < b,
    "ge": lambda a, b: a >= b,
    "gt": lambda a, b: a > b,
    "eq": lambda a, b: a == b,
}


def _rule_check(rule: Rule, received_at: datetime) -> Check:
    fails = ~_holds(rule.form, received_at)
    zh, _, en = rule.description.partition("·")
    facts = {"rule": rule.name, "rule_zh": zh.strip(), "rule_en": en.strip() or zh.strip()}
    subject = next((n for n in rule.fields if not n.startswith("_")), "")
    return Check("cross_field", subject, rule.severity, fails, facts)


def _holds(form: Mapping[str, Any], received_at: datetime) -> pl.Expr:
    """A rule form → expression; a null operand lets the row pass, as the contract says."""
    if "when" in form:
        condition = form["when"]
        applies = pl.col(condition["field"]).cast(pl.String).is_in([str(v) for v in condition["in"]])
        return ~applies.fill_null(value=False) | _holds(form["then"], received_at)
    head = next(iter(form))
    body = form[head]
    if head in _COMPARE:
        return _COMPARE[head](_operand(body[0]), _operand(body[1])).fill_null(value=True)
    if head == "not_after":
        limit = pl.lit(received_at) if body[1] == "_received_at" else pl.col(body[1])
        return (pl.col(body[0]).cast(pl.Datetime("us")) <= limit).fill_null(value=True)
    if head == "any_of":
        return pl.any_horizontal(_is_filled(name) for name in body)
    if head == "one_of":
        return pl.sum_horizontal(_is_filled(name).cast(pl.Int8) for name in body) == 1
    if head == "sum":
        parts = [pl.col(p).fill_null(0) for p in body["parts"]]
        some = pl.any_horizontal(pl.col(p).is_not_null() for p in body["parts"])
        gap = (pl.col(body["total"]) - pl.sum_horizontal(parts)).abs()
        return ((gap <= body.get("tolerance", 0)) | ~some).fill_null(value=True)
    each, equals = pl.col(body["of_each"]), pl.col(body["equals"]).cast(pl.String)
    first = each.str.split(body["separator"]).list.eval(pl.element().str.strip_chars().str.head(1)).list.unique()
    return ((first.list.len() == 1) & (first.list.first() == equals)).fill_null(value=True)


def _operand(operand: str | float) -> pl.Expr:
    return pl.col(operand) if isinstance(operand, str) else pl.lit(operand)


def _is_filled(name: str) -> pl.Expr:
    return pl.col(name).is_not_null() & (pl.col(name).cast(pl.String) != "")


# ── what a row or a cell says of itself ─────────────────────────────────────────────────────────

# 合计, 东城区小计, 3家合计, 合计（3家）, 平均, 其中：, and what is the whole of a place: none of them is a thing of its own.
_TOTAL = (
    r"(?i)^[\s　]*(?:(?:[\p{Han}\d][\p{Han}\d\s　]{0,7})??"
    r"(?:(?:合|总|總|小|共|累)[\s　]*(?:计|計)数?|总数|總數|汇总|匯總|平均[值数]?)"
    r"|总和|均值|其中|全[市区县省部国]|sub-?totals?|(?:grand )?totals?|sum|averages?|mean)"
    r"[\s　]*(?:[(（][^()（）]{0,8}[)）])?[\s　]*[:：]?[\s　]*$"
)
# What numbers the columns of a form, below its header: 1, 2, 3 …, 甲, 乙, (1).
_NUMBERING = rf"^[{BLANKS}]*(?:[(（]?(?:\d{{1,2}}|[甲乙丙丁戊己庚辛壬癸A-Z])[)）]?)?[{BLANKS}]*$"
FEWEST_NUMBERED = 5  # columns; of fewer a record may look so
_SAYS_TIME = r"[:：时時点點]|\d[Tt ]\d|^\s*\d{12,14}\s*$|\d{5}\.\d"
DAY_US = 86_400_000_000  # microseconds of a day
# What reading says of a cell → for which kinds of field it is an error, else a warning, else nothing.
_ALWAYS = (
    "formula_not_calculated",
    "digits_lost",
    "shown_otherwise",
    "struck_in_part",
    "rich_value",
    "covered_by_merge",
)


# What stands below a table: who filled it in, who signed, what is to be known.
_SIGNED = (
    r"(?i)(?:^|\x1f)[\s　]*(?:(?:填[表报報]|制表|经办|審核|审核|复核|联系|聯絡|(?:单位|統計|统计|分管|部门)?负责|负责|報送|报送)人?(?:员|电话|日期|时间|单位|領導|领导)?"
    r"|单位(?:[（(]盖章[)）]|负责人)|附?[注註]\d*|备注|備註|说明|說明|填报说明|数据来源|資料來源|notes?|sources?|prepared by|approved by)[\s　]*[:：]"
)


def _shapes(door: Checker, laid: pl.DataFrame) -> pl.Series:
    """The shape of each row; a total, the header once more or a signature is no thing of its own."""
    shape = (
        pl.when(_is_total(door, laid)).then(pl.lit("total_row"))
        .when(_is_header(door, laid)).then(pl.lit("header_again"))
        .when(_is_signed(door, laid)).then(pl.lit("note_row"))
        .when(_is_numbering(door, laid)).then(pl.lit("column_numbers"))
    )  # fmt: skip
    return pl.select(pl.coalesce(laid[SHAPE], shape)).to_series()


def _is_total(door: Checker, laid: pl.DataFrame) -> pl.Series:
    feed = door.arrangement.feed
    names = [f.name for f in feed.fields if f.kind == "string" and _names_a_thing(f)]
    is_total = pl.repeat(False, laid.height, eager=True)
    for name in names:
        # Totals are short: one look at the lengths spares most columns the pattern.
        text = laid[name]
        if (text.str.len_chars() <= 20).any():
            is_total = is_total | text.str.contains(_TOTAL).fill_null(value=False)
    return is_total


def _is_header(door: Checker, laid: pl.DataFrame) -> pl.Series:
    """Files put together one below the other bring their headers along: such a row says its headers and nothing else."""
    own = door.arrangement.columns
    # The last columns first: a mark of the encoding stands before no other than the first.
    if len(own) < 2:
        return pl.repeat(False, laid.height, eager=True)
    candidates = pl.all_horizontal(pl.col(name) == own[name] for name in [*own][-2:])
    says = (pl.col(name).fill_null("").str.strip_chars(BLANKS).is_in([header, ""]) for name, header in own.items())
    return _where(laid, candidates, pl.all_horizontal(says))


def _is_numbering(door: Checker, laid: pl.DataFrame) -> pl.Series:
    """A row that numbers the columns, as printed forms have one below the header."""
    own = list(door.arrangement.columns)
    if len(own) < FEWEST_NUMBERED:
        return pl.repeat(False, laid.height, eager=True)

    found = pl.repeat(False, laid.height, eager=True)
    left = laid.select(pl.int_range(pl.len()).alias("_at"), *own)
    # The last column first: after it hardly any row is left.
    for name in reversed(own):
        if left.height:
            left = left.filter(pl.col(name).str.contains(_NUMBERING).fill_null(value=True))
    for at, *texts in left.iter_rows():
        cells = [re.sub(r"\W", "", text) for text in texts if text and text.strip(BLANKS)]
        numbers = [int(cell) for cell in cells if cell.isdecimal()]
        if len(cells) >= FEWEST_NUMBERED and numbers and all(b > a for a, b in pairwise([0, *numbers])):
            found[at] = True
    return found


def _is_signed(door: Checker, laid: pl.DataFrame) -> pl.Series:
    """A row without anything that every row must have, but for words of those who sign: one that says more is a record, however bad."""
    own = list(door.arrangement.columns)
    required = [f.name for f in door.arrangement.feed.fields if f.required and f.name in own]
    if len(required) < 2:
        return pl.repeat(False, laid.height, eager=True)
    some_are_missing = pl.any_horizontal(~_is_filled(name) for name in required)
    nothing_else = pl.all_horizontal(~_is_filled(name) | pl.col(name).str.contains(_SIGNED) for name in required)
    is_said = pl.concat_str(own, separator="\x1f", ignore_nulls=True).str.contains(_SIGNED)
    return _where(laid, some_are_missing, nothing_else & is_said)


def _where(laid: pl.DataFrame, candidates: pl.Expr, holds: pl.Expr) -> pl.Series:
    """Whether `holds`, which is looked at for the candidates alone: there are few."""
    found = laid.select(candidates.fill_null(value=False)).to_series()
    at = found.arg_true()
    return found.scatter(at, laid[at].select(holds.fill_null(value=False)).to_series()) if at.len() else found


def _names_a_thing(f: FieldSpec) -> bool:
    if f.classification not in ("public", "internal"):
        return False
    return f.name in ("name", "facility_name", "division_name") or (f.required and f.name.endswith(("_code", "_id", "_no", "code")) and not f.code_list)  # fmt: skip


def _told_of_cells(door: Checker, laid: pl.DataFrame) -> list[tuple[str, pl.Series, str]]:
    """(field, reason code of each row or null, severity) of what the reader of a workbook says of single cells."""
    if MARKS not in laid.columns or laid[MARKS].null_count() == laid.height:
        return []
    found: dict[tuple[str, str], list[str | None]] = {}
    melted = laid[MELTED] if MELTED in laid.columns else None
    fed: dict[tuple[str, str | None], list[str]] = {}
    for at in laid[MARKS].is_not_null().arg_true():
        for part in laid[MARKS][at].split(CELL):
            header, _, mark = part.partition(MARK)
            key = header, melted[at] if melted is not None else None
            if key not in fed:
                fed[key] = fields_of(door.arrangement, *key)
            for name in fed[key]:
                if said := _said_of(door.arrangement.feed, name, mark):
                    found.setdefault((name, said[1]), [None] * laid.height)[at] = said[0]
    return [(name, pl.Series(codes, dtype=pl.String), severity) for (name, severity), codes in found.items()]


def _said_of(feed: Feed, name: str, mark: str) -> tuple[str, str] | None:
    f = feed.by_name[name]
    is_number = f.kind in ("integer", "number")
    if mark in _ALWAYS or (mark == "month_as_number" and f.kind in ("date", "timestamp")):
        return mark, "error"
    if mark == "merged_down" and is_number and name not in feed.key and "year" not in name:
        return "merged_number", "error"
    if mark == "merged_right" and is_number:
        return "covered_by_merge", "error"
    if mark == "raised_in_part":
        # A footnote's number behind a number makes another; behind a name it is seen for what it is.
        is_text = f.kind == "string" and not (f.code_list or f.enum or "pattern" in f.options)
        return mark, "warning" if is_text else "error"
    return (mark, "warning") if mark == "unit_in_format" and is_number else None


def _without_time(door: Checker, laid: pl.DataFrame, typed: pl.DataFrame) -> list[tuple[str, pl.Series, str]]:
    """Moments that were sent as a day alone: the start of the day is a guess, and the sender is told."""
    found = []
    for f in door.arrangement.feed.fields:
        if f.kind != "timestamp" or typed[f.name].null_count() == laid.height:
            continue
        midnight = (typed[f.name].dt.epoch("us") % DAY_US == 0).arg_true()
        says_time = laid[f.name].gather(midnight).str.contains(_SAYS_TIME).fill_null(value=True)
        if not says_time.all():
            codes = pl.Series([None], dtype=pl.String).new_from_index(0, laid.height)
            found.append((f.name, codes.scatter(midnight.filter(~says_time), "time_missing"), "warning"))
    return found


# ── splitting ───────────────────────────────────────────────────────────────────────────────────


def _typed(
    door: Checker, laid: pl.DataFrame
) -> tuple[pl.DataFrame, dict[str, pl.Series], dict[str, tuple[Said, Repeated]]]:
    """Casts every field; returns the typed frame, for fields with failures the reason code per row, and what fields that say few
    things say."""
    layout = door.arrangement.layout
    columns, failures, said = [], {}, {}
    for f in door.arrangement.feed.fields:
        if few := repeated(laid[f.name]):
            once = _said(door, f, few.values)
            said[f.name] = once, few
            columns.append(few.laid_out(once.values))
            if once.reasons.null_count() < once.reasons.len():
                failures[f.name] = few.laid_out(once.reasons)
        else:
            values, reasons = _cast(door, f, laid[f.name])
            columns.append(values)
            if reasons.null_count() < reasons.len():
                failures[f.name] = reasons
    frame = pl.DataFrame([*columns, laid[ROW]])
    usual = layout.coordinates.crs if layout and layout.coordinates else "wgs84"
    if usual == "wgs84" and (CRS not in frame.columns or frame[CRS].null_count() == frame.height):
        return frame, failures, said
    from contracts.door.coordinates import in_wgs84

    placed = in_wgs84(frame, usual)
    if usual.startswith("EPSG:"):
        lost = frame["longitude"].is_not_null() & frame["latitude"].is_not_null() & placed["longitude"].is_null()
        if CRS in frame.columns:
            lost &= frame[CRS].is_null()
        code = pl.select(pl.when(lost).then(pl.lit("outside_coordinate_system"))).to_series()
        if lost.any():
            failures["longitude"] = pl.select(pl.coalesce(failures.get("longitude", code), code)).to_series()
    return placed, failures, {name: of for name, of in said.items() if name not in (*AXES, CRS)}


def _said(door: Checker, f: FieldSpec, texts: pl.Series) -> Said:
    """The values of a field that says few things; those of the last batch if it said the same."""
    last, now = door.said.get(f.name), tuple(texts)
    if last is None or last.texts != now:
        last = door.said[f.name] = Said(now, *_cast(door, f, texts))
    return last


def _cast(door: Checker, f: FieldSpec, text: pl.Series) -> tuple[pl.Series, pl.Series]:
    """`cast`, with what the code list and the layout say of the field's values."""
    layout = door.arrangement.layout
    values, reasons = cast(text, f.kind, door.casts[f.name])
    if f.kind == "string" and (spellings := _spellings(f)):
        values = _by_code(values, spellings)
    if layout and f.name in layout.multiply:
        values = values * layout.multiply[f.name]
    return values.alias(f.name), reasons


def _spellings(f: FieldSpec) -> dict[str, str]:
    """What stands for a code of a field: its list's spellings, and what the drop-down of the form writes into a cell."""
    offered = {fold(chosen(code, meaning)): code for code, meaning in _codes(f).items()}
    return offered | (_folded(f.code_list) if f.code_list else {})


@cache
def _folded(name: str) -> dict[str, str]:
    return {fold(spelling): code for spelling, code in code_spellings(name).items()}


def _by_code(values: pl.Series, spellings: Mapping[str, str]) -> pl.Series:
    """Each code as its list writes it; what no spelling of the list fits stays as it was sent."""
    sent = values.drop_nulls().unique()
    return values.replace(sent, pl.Series([spellings.get(fold(text), text) for text in sent], dtype=pl.String))


def _shape_reasons(door: Checker, laid: pl.DataFrame) -> pl.DataFrame:
    """Rows whose shape is wrong show no values: nobody knows which column they belong to."""
    texts = {c: _sentences(c, {"field_zh": "整行", "field_en": "the row", "value": ""}) for c in laid[SHAPE].unique()}
    return pl.DataFrame(
        {
            "_row": laid[ROW],
            "field": pl.Series([None] * laid.height, dtype=pl.String),
            "header": laid[MELTED] if MELTED in laid.columns else pl.Series([None] * laid.height, dtype=pl.String),
            "rule": laid[SHAPE],
            "severity": pl.Series(["error"] * laid.height),
            "value": pl.Series([None] * laid.height, dtype=pl.String),
            "message_zh": pl.Series([texts[c][0] for c in laid[SHAPE]]),
            "message_en": pl.Series([texts[c][1] for c in laid[SHAPE]]),
            "row_says": pl.Series([None] * laid.height, dtype=pl.String),
        },
        schema=dict(REASON_SCHEMA),
    )


def _reasons(
    door: Checker,
    laid: pl.DataFrame,
    name: str,
    code: str | pl.Series,
    severity: str,
    facts: Mapping[str, Any],
    suggest: tuple[str, ...],
) -> pl.DataFrame:
    """A reason row per failing row; sentences are made once per distinct (value, code)."""
    f = door.arrangement.feed.by_name[name]
    header = sender_header(door.arrangement, name)
    frame = pl.DataFrame(
        {
            "_row": laid[ROW],
            "header": laid[MELTED] if MELTED in laid.columns and f.name == _value_field(door) else pl.repeat(header, laid.height, eager=True),
            "raw": laid[name],
            "rule": code if isinstance(code, pl.Series) else pl.repeat(code, laid.height, eager=True),
        }
    )  # fmt: skip
    distinct = frame.select("raw", "rule").unique()
    told = []
    for raw, rule in distinct.iter_rows():
        shown = mask_value(raw, f) if raw is not None else ""
        near = _meant((raw or "").strip(), suggest, f)
        zh, en = _sentences(
            rule,
            {
                "field_zh": header,
                "field_en": f.label_en,
                "value": shown,
                **_near(near, _codes(f) if suggest else {}),
                **facts,
            },
        )
        if rule in ("below_minimum", "above_maximum") and _looks_like_other_axis(door, name, raw):
            zh, en = f"{zh}经度与纬度可能填反了。", f"{en} Longitude and latitude may be swapped."
        told.append((raw, rule, shown, zh, en))
    sentences = pl.DataFrame(
        told, schema=dict.fromkeys(("raw", "rule", "value", "message_zh", "message_en"), pl.String), orient="row"
    )
    return frame.join(sentences, on=["raw", "rule"], how="left", nulls_equal=True, maintain_order="left").select(
        pl.col("_row").cast(pl.Int64),
        pl.lit(name).alias("field"),
        pl.col("header"),
        pl.col("rule"),
        pl.lit(severity).alias("severity"),
        pl.col("value"),
        pl.col("message_zh"),
        pl.col("message_en"),
        pl.lit(None, pl.String).alias("row_says"),
    )


def _meant(raw: str, suggest: tuple[str, ...], f: FieldSpec) -> list[str]:
    """Codes of the list that look like what was written, else those whose meaning has it."""
    if not suggest or not raw:
        return []
    meanings = _codes(f)
    return (
        [c for c in suggest if c.casefold() == raw.casefold()]
        or difflib.get_close_matches(raw, suggest, n=3, cutoff=0.5)
        or [c for c in suggest if raw in meanings.get(c, "")][:3]
    )


def _near(codes: list[str], meanings: Mapping[str, str]) -> dict[str, str]:
    """The question whether one of these was meant, with what each means."""
    if not codes:
        return {"near": "", "near_en": ""}
    said = [f"{code} {meanings[code]}".strip() if meanings.get(code) else code for code in codes]
    return {"near": f"是否为 {'、'.join(said)}？", "near_en": f"did you mean {', '.join(said)}? "}


AXES: Mapping[str, str] = {"longitude": "latitude", "latitude": "longitude"}


def _looks_like_other_axis(door: Checker, name: str, raw: str | None) -> bool:
    """Whether a coordinate that cannot be what its column says could be the other one."""
    fields = door.arrangement.feed.by_name
    if name not in AXES or AXES[name] not in fields:
        return False
    bounds = fields[AXES[name]].options
    try:
        return bool(bounds.get("minimum", -180) <= float(raw or "") <= bounds.get("maximum", 180))
    except ValueError:
        return False


def _value_field(door: Checker) -> str | None:
    layout = door.arrangement.layout
    if layout is None or layout.melt is None:
        return None
    return next((n for n, h in door.arrangement.columns.items() if h == layout.melt.value), None)


def _sentences(code: str, facts: Mapping[str, Any]) -> tuple[str, str]:
    zh = {**facts, "field": facts["field_zh"], "rule_text": facts.get("rule_zh", "")}
    en = {**facts, "field": facts["field_en"], "rule_text": facts.get("rule_en", "")}
    return message(code, "zh", **zh), message(code, "en", **en)
