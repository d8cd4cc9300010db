"""The pages of the bulletin and the files behind its charts.

Belongs here: which pages there are, how values are spelled, writing. Does not belong here: choosing figures (figures.py), drawing (charts.py).
Chinese pages lie in the folder itself, English ones of the same names in `en/`; both share `data/`.
"""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache, cached_property, lru_cache, partial
from math import ceil, floor, log10
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contracts.loading import load_products, named, names_of
from contracts.model import SUPPRESSED
from contracts.whole_files import write_json
from orchestration.disclosure.tens import RATE_MIN
from orchestration.release.bulletin import charts, dictionary, figures
from orchestration.release.bulletin.edition import LANGUAGES, Edition, Language, Names, Row, both, open_edition, spelled

if TYPE_CHECKING:
    from jinja2 import Environment

    from orchestration.release.revisions import Counted

FOLDER = "bulletin"
HERE = Path(__file__).parent
# Page → its name in the navigation.
PAGES: Mapping[str, Names] = {
    "index": Names("概览", "Overview"),
    "board": Names("好差评", "Good or bad"),
    "indicators": Names("规划指标", "Indicators"),
    "equality": Names("城乡与均等化", "Equality"),
    "map": Names("地图", "Map"),
    "surveys": Names("满意度调查", "Surveys"),
    "feeds": Names("数据来源", "Data health"),
    "changes": Names("变动", "Changes"),
    "method": Names("怎么算的", "Method"),
}
KINDS: Mapping[str, Names] = {
    "department": Names("部门", "Departments"),
    "facility": Names("办事大厅", "Halls"),
    "county": Names("区县", "Districts and counties"),
    "town": Names("乡镇街道", "Towns and streets"),
    "service_item": Names("服务事项", "Service items"),
    "channel": Names("办理渠道", "Channels"),
}
STATES: Mapping[str, Names] = {
    "good": Names("好", "Good"),
    "watch": Names("关注", "Watch"),
    "bad": Names("差", "Bad"),
    "undetermined": Names("尚不能判定", "Cannot be told yet"),
    "withheld": Names("不公布", "Withheld"),
}
TARGETS: Mapping[str, Names] = {
    "good": Names("已达标", "Target met"),
    "bad": Names("未达标", "Target missed"),
    "undetermined": Names("不能判断", "Not known"),
    "none": Names("没有规划目标", "No target"),
}
# What the download of communities has beside the columns of dim_division.
OF_COMMUNITIES = {
    "is_served": "是否有综合服务设施 With a comprehensive facility",
    "circle_types": "生活圈有数的设施类别数 Types of the circle that are known",
    "circle_within": "其中步行可及的类别数 Of these, within a walk",
}
PARTS: Mapping[str, Names] = {
    "reviews": Names("好评率", "Good rate"),
    "participation": Names("参评率", "Participation"),
    "coverage": Names("报送覆盖", "Coverage by files"),
    "loop": Names("差评按期整改", "Bad reviews put right in time"),
    "survey": Names("满意度调查", "Survey"),
    "timeliness": Names("报送及时", "Files in time"),
    "quality": Names("报送质量", "Rows accepted"),
}
CSV_OF_UNITS = (
    "period_start", "period_end", "code", "name_zh", SUPPRESSED, "contacts", "active_reviews", "good_reviews", "bad_reviews", "good_rate", "good_rate_lo",
    "good_rate_hi", "participation_rate", "verdict", "verdict_reason", "more_reviews_to_decide", "excluded_reviews", "excluded_bad",
    "good_rate_if_counted", "good_rate_change", "is_real_change", *figures.NOT_COUNTED, "bad_accepted", "bad_rectified", "bad_on_time", "bad_replied",
)  # fmt: skip


@dataclass(frozen=True)
class About:
    """What every page says of the release it belongs to."""

    release: str
    released_at: datetime
    fictional: bool
    causes: Sequence[Counted]
    kept: Mapping[str, str]  # table → the release whose content it keeps
    changed_tables: Sequence[str]
    last: str | None
    feeds_of: Mapping[str, frozenset[str]] = field(default_factory=dict)  # table → the feeds it is made from
    roads: Sequence[Mapping[str, Any]] = ()  # the extracts distances are measured over, as the certificate names them


def write(database: Path, folder: Path, about: About, last_database: Path | None = None) -> int:
    """Writes the whole site; returns how many pages it has.

    Args:
        database: the public edition of the release; nothing else is read for figures.
        last_database: the public edition of the release before, for what was published otherwise.
    """
    edition = open_edition(database)
    before = open_edition(last_database) if last_database and last_database.is_file() else None
    try:
        return _Site(edition, before, folder, about).write()
    finally:
        edition.con.close()
        if before:
            before.con.close()


class _Site:
    """One site while it is written: what its pages share."""

    def __init__(self, edition: Edition, before: Edition | None, folder: Path, about: About) -> None:
        self.edition, self.folder, self.about = edition, folder, about
        self.reviews = figures.reviews(edition)
        self.approved = figures.approved(edition, self.reviews.month)
        self.indicators = figures.indicators(edition)
        self.targets = {state: sum(i.state == state for i in self.indicators) for state in TARGETS}
        self.waves = figures.waves(edition)
        self.feeds = figures.feeds(edition)
        self.communities = figures.communities(edition)
        self.equality = figures.equality(edition)
        self.reaches = figures.reaches()
        self.revised = figures.revised(edition, before)
        self.dictionary = dictionary.tables(edition, about.feeds_of)
        self.units = [u for kind in figures.WITH_PAGE for u in self.reviews.units.get(kind, ()) if u.page]
        self.pages = 0
        self.described: list[dict[str, Any]] = []

    def write(self) -> int:
        (self.folder / "data").mkdir(parents=True)
        (self.folder / "en").mkdir()
        for asset in ("bulletin.css", "bulletin.js", "bulletin.svg"):
            shutil.copy2(HERE / "templates" / asset, self.folder / asset)
        self._write_data()
        shown = [figures.unit_page(self.edition, self.reviews, unit) for unit in self.units]
        for language in LANGUAGES:
            words = _words(self.edition, language)
            for page in PAGES:
                self._page(words, language, f"{page}.html", f"{page}.html.j2", page=page)
            self._page(words, language, "dictionary.html", "dictionary.html.j2", page="method")
            for about_unit in shown:
                self._page(words, language, about_unit.unit.page or "", "unit.html.j2", page="board", of=about_unit)
        return self.pages

    def _page(self, words: Mapping[str, Any], language: Language, name: str, template: str, **more: Any) -> None:
        text = _environment().get_template(template).render(
            **words, site=self, about=self.about, reviews=self.reviews, name=name, root="" if language == "zh" else "../",
            other=f"en/{name}" if language == "zh" else f"../{name}", place=self.place, **more,
        )  # fmt: skip
        path = self.folder / name if language == "zh" else self.folder / "en" / name
        path.write_text(text, encoding="utf-8")
        self.pages += 1

    @cached_property
    def place(self) -> str:
        """The city, or the highest division that all are part of."""
        for level in ("city", "province"):
            found = self.edition.rows("dim_division", "where level = ? and is_in_force order by division_code", level)
            if len(found) == 1:
                return str(found[0]["name"])
        return ""

    @property
    def policies(self) -> list[Row]:
        judged = [
            self.reviews.everything["policy"],
            *(u.now["policy"] for u in self.reviews.units.get("department", ())),
        ]
        return figures.policy(self.edition, self.reviews.month, judged)

    # ── downloads ───────────────────────────────────────────────────────────────────────────────

    def _write_data(self) -> None:
        for kind, units in self.reviews.units.items():
            self._csv(
                f"reviews-{kind}",
                "review_scorecard",
                [Row(r, name_zh=u.name.both) for u in units for r in u.months],
                CSV_OF_UNITS,
            )
        self._csv("reviews-all", "review_scorecard", self.reviews.months, CSV_OF_UNITS)
        self._csv(
            "scorecard",
            "department_scorecard",
            self.edition.rows("department_scorecard", "order by month, department_code, division_code"),
        )
        self._csv(
            "indicators", "indicator_value", [r for i in self.indicators for r in (*i.history, *i.whole, *i.parts)]
        )
        self._csv(
            "surveys",
            "survey_score",
            [r for w in self.waves for r in (*w.dimensions, *w.questions, *w.areas, *w.groups)],
        )
        self._csv("survey-drivers", "survey_driver", [r for w in self.waves for r in w.drivers])
        self._csv("feeds", "sender_coverage", self.feeds)
        self._csv(
            "communities",
            "dim_division",
            self.communities,
            (
                "division_code",
                "full_name",
                "area_type",
                "longitude",
                "latitude",
                "households",
                "population",
                "is_served",
                "circle_types",
                "circle_within",
            ),
        )
        self._csv(
            "policy", "review_policy", self.edition.rows("review_policy", "order by policy, version, area, parameter")
        )
        for table in figures.EQUALITY:
            if rows := self.edition.rows(table):
                self._csv(table, table, rows, tuple(rows[0]))

        package = {"profile": "data-package", "name": "minsheng-bulletin", "title": "公报图后的数据 · The figures behind the bulletin",
                   "version": self.about.release, "resources": self.described}  # fmt: skip
        write_json(self.folder / "data" / "datapackage.json", package)
        with (self.folder / "dictionary.csv").open("w", encoding="utf-8-sig", newline="") as file:
            csv.writer(file).writerows([dictionary.COLUMNS, *dictionary.lines(self.dictionary)])

    def _csv(self, name: str, table: str, rows: Iterable[Row], columns: Sequence[str] = ()) -> None:
        """A file as a spreadsheet opens it: a byte-order mark, both labels in the heading, every code beside its meaning."""
        product = load_products().get(table)
        known = product.by_name if product else {}
        found = list({id(r): r for r in rows}.values())  # a row that two charts show is one
        have = set(found[0]) if found else set()
        wanted = [
            c
            for c in columns or (list(known) or sorted(have))
            if (not found or c in have) and not self.edition.leaves_out(table, c)
        ]
        shown = [
            (c, known.get(c), is_name)
            for c in wanted
            for is_name in ((False, True) if _is_key_of_a_list(known.get(c)) else (False,))
        ]
        says = [(c, _said_by(f, is_name)) for c, f, is_name in shown]
        with (self.folder / "data" / f"{name}.csv").open("w", encoding="utf-8-sig", newline="") as file:
            out = csv.writer(file)
            out.writerow([_heading(*column) for column in shown])
            for row in found:
                out.writerow([_cell(row[c], say) for c, say in says])
        self.described.append(_described(name, table, shown, len(found)))


def _is_key_of_a_list(f: Any) -> bool:
    """Whether a column is the code that its row is joined by, which keeps its own column beside its name."""
    # What names some of its rows only (a unit that is a department) stands in a column of its own.
    return bool(
        f and f.key_position is not None and not f.enum and names_of(f) and not any(k.where for k in f.foreign_keys)
    )


def _described(name: str, table: str, columns: Sequence[tuple[str, Any, bool]], rows: int) -> dict[str, Any]:
    """A download as a Frictionless resource: its columns as they are headed, and which column of which table each is."""
    fields = [
        {"name": _heading(c, f, is_name), "type": "string" if f is None or f.kind in ("string", "boolean") or f.enum else f.kind, "column": c,
         **({"description": f.explanation} if f and f.explanation else {})}
        for c, f, is_name in columns
    ]  # fmt: skip
    title = _table_name(table)
    return {
        "name": name.lower(), "path": f"{name}.csv", "title": f"{title.zh} · {title.en}", "table": table, "format": "csv", "mediatype": "text/csv",
        "profile": "tabular-data-resource", "encoding": "utf-8-sig", "rows": rows, "schema": {"fields": fields, "missingValues": [""]},
    }  # fmt: skip


def _heading(column: str, field: Any, is_name: bool) -> str:
    if field is None:
        return OF_COMMUNITIES.get(column, column)
    if is_name:
        return f"{field.label_zh}的名称 {field.label_en}, name"
    return f"{field.label_zh} {field.label_en}{f' [{field.unit}]' if field.unit else ''}"


def _said_by(field: Any, is_name: bool) -> Callable[[Any], str]:
    """What says a value of a column: its names, but for the code that rows are joined by. Names are looked up once a value."""
    if field is None or not names_of(field) or (field.key_position is not None and not field.enum and not is_name):
        return str
    return cache(partial(named, field))


def _cell(value: Any, say: Callable[[Any], str]) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "是 yes" if value else "否 no"
    if isinstance(value, float):
        return f"{value:.10g}"
    text = say(value)
    # A spreadsheet would take such a text for a formula.
    return f"'{text}" if isinstance(value, str) and text[:1] in "=+-@\t" and text[:1] else text


# ── words ───────────────────────────────────────────────────────────────────────────────────────


@lru_cache
def _environment() -> Environment:
    """Jinja2 with the forms of numbers and dates; every value is escaped. Made once: compiling templates takes longer than filling them."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context

    made = Environment(
        loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    made.globals |= {
        "ticks": _ticks,
        "rounded": _rounded,
        "PAGES": PAGES,
        "KINDS": KINDS,
        "STATES": STATES,
        "TARGETS": TARGETS,
        "PARTS": PARTS,
        "NOT_COUNTED": figures.NOT_COUNTED,
        "EQUALITY": figures.EQUALITY,
        "MANY_POINTS": charts.MANY_POINTS,
        "MAX_SHOWN_ROWS": figures.MAX_SHOWN_ROWS,
        "WITHHELD": SUPPRESSED,
        "RATE_MIN": RATE_MIN,
        "TOO_FEW": f"不足 {RATE_MIN} 的不公布比率 · no rate is told of fewer than {RATE_MIN}",
    }
    made.filters |= {
        "pct": _percent,
        "num": _number,
        "signed": lambda v: f"{v:+.1f}".replace("-", "−") if round(v, 1) else "±0.0",
        "points": lambda v: "–" if v is None else f"{v:.1f}",
        "month": pass_context(lambda context, day: _month(day, context["language"])),
        "day": pass_context(lambda context, day: _day(day, context["language"])),
        "value": _value,
    }
    return made


def _words(edition: Edition, language: Language) -> dict[str, Any]:
    """What a template calls to say something in one language."""
    from markupsafe import Markup

    def chart(kind: str, *arguments: Any) -> Any:
        made = getattr(charts, kind)(*arguments, language)
        return Markup(made) if made else None  # noqa: S704 (Vega escapes every text)

    return {
        "language": language,
        "t": lambda zh, en: zh if language == "zh" else en,
        "say": lambda name: name[language] if isinstance(name, Names) else name,
        "label": lambda table, column, code: edition.label(table, column, code)[language],
        "coded": lambda code_list, code: edition.coded(code_list, code)[language],
        "reason": lambda text: both(text)[language],
        "table_name": lambda table: _table_name(table)[language],
        "chart": chart,
        "field": _field(language),
    }


def _table_name(table: str) -> Names:
    product = load_products().get(table)
    return Names(product.label_zh, product.label_en) if product else spelled(table)


def _field(language: Language) -> Any:
    def field(table: str, column: str) -> dict[str, str]:
        product = load_products().get(table)
        spec = product.by_name.get(column) if product else None
        if spec is None:
            return {"label": column.replace("_", " "), "unit": ""}
        unit = both(spec.unit)[language] if spec.unit else ""
        return {"label": spec.label_zh if language == "zh" else spec.label_en, "unit": unit}

    return field


def _ticks(low: float, high: float) -> list[tuple[float, str]]:
    """The round numbers between both ends, at most five, each with its place from 0 to 1."""
    size = 10.0 ** floor(log10((high - low) / 4))
    step = next(size * m for m in (1, 2, 2.5, 5, 10) if (high - low) / (size * m) <= 4 + 1e-9)
    first, last = ceil(low / step - 1e-9), floor(high / step + 1e-9)
    return [((n * step - low) / (high - low), f"{float(f'{n * step:.6g}'):,.15g}") for n in range(first, last + 1)]


def _rounded(top: float) -> float:
    """The next round number: where an axis ends."""
    size = 10.0 ** floor(log10(top)) if top > 0 else 1.0
    return next(size * m for m in (1, 2, 3, 4, 5, 6, 8, 10) if size * m >= top)


def _percent(value: float | None, places: int = 1) -> str:
    return "–" if value is None else f"{100 * value:.{places}f} %"


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if float(value).is_integer() or abs(value) >= 1000 else f"{value:,.1f}"


def _value(value: float | None, unit: str | None) -> str:
    """A value of an indicator in its unit."""
    return _percent(value) if unit == "share" else ("–" if value is None else f"{value:,.1f}")


def _month(day: date | None, language: Language) -> str:
    if day is None:
        return ""
    return f"{day.year} 年 {day.month} 月" if language == "zh" else f"{day:%B %Y}"


def _day(day: date | None, language: Language) -> str:
    if day is None:
        return "–"
    return f"{day.year} 年 {day.month} 月 {day.day} 日" if language == "zh" else f"{day.day} {day:%B %Y}"
