"""What is made from the indicators: the seeds and the macro dbt goes by, and a page for each.

Belongs here: the content of generated files. Does not belong here: writing them (generate.py), what an indicator may say
(indicators.py).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from contracts.indicators import CODED, SENT_WITH, TABLES, Indicator, NamedMeasure, load_indicators, named_measures
from contracts.loading import load_feeds, seed
from contracts.quoting import csv_text
from contracts.validation import load_rules

INDICATOR_LIST = Path("contracts/codes/indicators.csv")
TARGET_LIST = Path("contracts/codes/indicator_targets.csv")
GROUP_LIST = Path("contracts/codes/indicator_groups.csv")
MEASURE_MACRO = Path("dbt_project/macros/indicator_measures.sql")
PAGES = Path("docs/indicators")
PLANS: Mapping[str, str] = {
    "community_services_14th_plan": "《“十四五”城乡社区服务体系建设规划》· Plan for community services, 2021–2025",
    "public_services_14th_plan": "《“十四五”公共服务规划》· Plan for public services, 2021–2025",
    "project": "本项目 · this project",
}
# What every row of a standard table shows that its city sends it.
ANY = "table:"

TARGET_COLUMNS = (
    "indicator_code", "area", "valid_from", "valid_to", "target", "target_year", "baseline", "baseline_year", "status", "source",
)  # fmt: skip
GROUP_COLUMNS = ("indicator_code", "group_name", "group_value", "group_zh", "group_en", "numerator", "denominator")


def indicator_files() -> dict[Path, str]:
    """Every file that is made from the indicators, with its content."""
    indicators = load_indicators()
    measures, names = named_measures([*indicators.values(), *load_rules().values()])
    pages = {PAGES / f"{code}.md": _page(indicator) for code, indicator in indicators.items()}
    return {
        INDICATOR_LIST: csv_text([_row(indicator, names) for indicator in indicators.values()]),
        TARGET_LIST: csv_text(
            [row for indicator in indicators.values() for row in _targets(indicator)], TARGET_COLUMNS
        ),
        GROUP_LIST: csv_text(
            [row for indicator in indicators.values() for row in _groups(indicator, names)], GROUP_COLUMNS
        ),
        MEASURE_MACRO: _macro(measures),
        PAGES / "README.md": _index(indicators),
        **pages,
    }


def _row(indicator: Indicator, names: Mapping[tuple[str, str], str]) -> dict[str, Any]:
    numerator, missing = indicator.numerator, indicator.missing
    unknown, zero = indicator.null_reasons
    table = TABLES[numerator.table] if numerator else None
    of_whole_table = f"{ANY}{numerator.table}/{indicator.period}" if numerator else ""
    own = names.get((indicator.code, "numerator"), "")
    return {
        "code": indicator.code,
        "name_zh": indicator.name.zh,
        "name_en": indicator.name.en,
        "unit": indicator.unit,
        "plan": indicator.plan,
        "plan_no": indicator.plan_no or "",
        "better": indicator.direction,
        "source": indicator.source,
        "counts_people": "yes" if indicator.counts_people else "no",
        "status": indicator.status,
        "period_kind": indicator.period,
        "lowest_level": indicator.level,
        "areas": "|".join(indicator.areas),
        "one_area": indicator.one_area or "",
        "per": f"{indicator.per:g}",
        "decimals": indicator.decimals,
        "numerator": own,
        "denominator": names.get((indicator.code, "denominator"), ""),
        "is_denominator_yearly": "yes"
        if indicator.denominator and TABLES[indicator.denominator.table].is_yearly
        else "no",
        "expected": names.get((indicator.code, "expected"), ""),
        "is_expected_yearly": "yes" if table and TABLES.get(table.expected or "", table).is_yearly else "no",
        "scope": own if indicator.scope == "matching" else names.get((indicator.code, SENT_WITH), of_whole_table),
        "absent": _absent_is(indicator),
        "not_reported": indicator.not_reported if numerator else "",
        "denominator_unknown": unknown,
        "denominator_zero": zero,
        "definition_zh": indicator.definition.zh,
        "definition_en": indicator.definition.en,
        "missing_feed": missing.feed if missing else "",
        "missing_zh": missing.needs.zh if missing else "",
        "missing_en": missing.needs.en if missing else "",
    }


def _absent_is(indicator: Indicator) -> str:
    """What a division without a row has: none of what is counted; none of what is added up, if its city sends any; nobody knows."""
    if indicator.numerator is None:
        return ""
    if TABLES[indicator.numerator.table].absent == "not_reported":
        return "not_reported"
    return "zero" if indicator.numerator.sum == "rows" else "zero_where_sent"


def _targets(indicator: Indicator) -> list[dict[str, Any]]:
    return [
        {
            "indicator_code": indicator.code,
            "area": t.area,
            "valid_from": t.valid_from,
            "valid_to": t.valid_to or "",
            "target": f"{t.value:g}",
            "target_year": t.year or "",
            "baseline": "" if t.baseline is None else f"{t.baseline:g}",
            "baseline_year": t.baseline_year or "",
            "status": t.status,
            "source": t.source,
        }
        for t in indicator.targets
    ]


def _groups(indicator: Indicator, names: Mapping[tuple[str, str], str]) -> list[dict[str, Any]]:
    return [
        {
            "indicator_code": indicator.code,
            "group_name": group.column,
            "group_value": group.value,
            "group_zh": group.names.zh,
            "group_en": group.names.en,
            "numerator": names[indicator.code, group.part("numerator")],
            "denominator": names[indicator.code, group.part("denominator")] if group.denominator else "",
        }
        for group in indicator.told_apart
    ]


def _macro(measures: list[NamedMeasure]) -> str:
    """Standard table → the sums that are made of it, each a column of one query over the table."""
    lines = []
    for table, standard in TABLES.items():
        periods = sorted({m.period for m in measures if m.measure.table == table})
        entries = [
            {
                "name": f"{ANY}{table}/{period}",
                "value": "count(*)",
                "rows": "true",
                "period": period,
                "over_time": "last",
                "tells_reporters": True,
            }
            for period in periods
        ]
        for named in (m for m in measures if m.measure.table == table):
            condition = named.measure.condition or "true"
            counted = named.measure.sum if named.measure.sum != "rows" else None
            if counted is None:
                value = f"count(case when {condition} then unit end)"
            elif counted in standard.flags:
                value = f"count(case when {condition} and {counted} then unit end)"
            else:
                value = f"sum(case when {condition} then {counted} end)"
            entries.append(
                {
                    "name": named.name,
                    "value": value,
                    "rows": condition,
                    "period": named.period,
                    "over_time": named.measure.over_time,
                    "tells_reporters": named.tells_reporters,
                }
            )
        if entries:
            body = "".join(f"        {json.dumps(entry, ensure_ascii=False)},\n" for entry in entries)
            yearly = "true" if standard.is_yearly else "false"
            lines.append(f'    {{"table": "{table}", "is_yearly": {yearly}, "measures": [\n{body}    ]}},\n')
    return """{#-
  Generated by `python -m contracts.generate` from contracts/indicators. Never edit: change the indicator.
  Standard tables and the sums indicators need of them. `rows`: which rows a sum is made of; `period` and `over_time`: over what
  stretch, and whether months are added, averaged, or the last one stands; `tells_reporters`: whether anybody asks how many units are
  behind it.
-#}
{% macro indicator_measures() -%}
{{ return([
%s]) }}
{%%- endmacro %%}
""".replace("%%", "%").replace("%s", "".join(lines))


# ── pages ───────────────────────────────────────────────────────────────────────────────────────


def _page(indicator: Indicator) -> str:
    unit = {row["code"]: f"{row['name_zh']} · {row['name_en']}" for row in seed("indicator_units")}[indicator.unit]
    number = f", {indicator.plan_no}" if indicator.plan_no else ""
    parts = [
        f"# {indicator.name.zh} · {indicator.name.en}\n",
        f"`{indicator.code}` · generated by `python -m contracts.generate` from `contracts/indicators/{indicator.code}.yaml`; change that file.\n",
        f"{indicator.definition.zh}\n\n{indicator.definition.en}\n",
        "| | |\n|---|---|",
        f"| plan 规划 | {PLANS[indicator.plan]}{number} |",
        f"| source 来源 | {indicator.source} ({indicator.status}) |",
        f"| unit 单位 | {unit} |",
        f"| better 方向 | {indicator.direction} |",
        f"| counts people 涉及人 | {'yes: figures of too few people are withheld' if indicator.counts_people else 'no: exempt from withholding'} |",
    ]
    if indicator.missing:
        known = {feed.id for feed in load_feeds().values()}
        note = "" if indicator.missing.feed not in known else " (the feed exists and does not say it)"
        parts += [
            f"| published as 公布为 | **missing 缺**: needs feed `{indicator.missing.feed}`{note} |",
            "",
            f"缺：{indicator.missing.needs.zh}。\n\nMissing: {indicator.missing.needs.en}.",
        ]
        return "\n".join([*parts, *_target_lines(indicator), ""])
    assert indicator.numerator  # a validated indicator has one or the other
    denominator = indicator.denominator.text if indicator.denominator else "none: the numerator is the value"
    parts += [
        f"| value 计算 | {indicator.per:g} × numerator / denominator, shown with {indicator.decimals} decimals |",
        f"| numerator 分子 | {indicator.numerator.text}: {TABLES[indicator.numerator.table].says} |",
        f"| denominator 分母 | {denominator} |",
        f"| over time 时间汇总 | {indicator.numerator.over_time} within the {indicator.period} |",
        f"| levels 级别 | from the province down to the {indicator.level} |",
        f"| areas 城乡 | {', '.join(indicator.areas)} |",
        f"| town and country 城乡比较 | {_compared(indicator)} |",
        f"| groups 分组 | {', '.join(indicator.groups) or 'none'}{' (table `indicator_group`)' if indicator.groups else ''} |",
        f"| a division without a row 无记录的区划 | {_absent(indicator)} |",
        "",
        "Sums of numerators stand over sums of denominators at every level. Read it:\n",
        f"```sql\nselect division_name, period, area_type, value, numerator, denominator, target\nfrom indicator_value\nwhere indicator_code = '{indicator.code}' and area_type = '{indicator.areas[0]}'\norder by period desc, division_code;\n```",
    ]
    return "\n".join([*parts, *_target_lines(indicator), ""])


def _compared(indicator: Indicator) -> str:
    if indicator.one_area:
        kind = {"urban": "城镇", "rural": "乡村"}.get(indicator.one_area)
        return (
            f"not compared: it counts {indicator.one_area} residents alone 只计{kind}居民，城乡不可比 "
            "(`equalisation.urban_rural_null_reason`: `of_one_area`)"
        )
    if "all" not in indicator.areas:
        return f"not compared: it is of {', '.join(indicator.areas)} villages alone"
    return "compared over villages in `equalisation`"


def _absent(indicator: Indicator) -> str:
    assert indicator.numerator
    if TABLES[indicator.numerator.table].absent == "not_reported":
        return f"has no value: `{indicator.not_reported}`"
    sent = indicator.measures.get(SENT_WITH)
    asked = "such rows" if indicator.scope == "matching" else sent.text if sent else f"`{indicator.numerator.table}`"
    return f"has nothing, where its city sends {asked}; where it does not, there is no row"


def _target_lines(indicator: Indicator) -> list[str]:
    if not indicator.targets:
        return []
    rows = [
        "",
        "| target 目标 | by 年 | area 地区 | from 起 | baseline 基期 | source 来源 |",
        "|---|---|---|---|---|---|",
    ]
    for t in indicator.targets:
        began = f"{t.baseline:g} ({t.baseline_year})" if t.baseline is not None else ""
        rows.append(
            f"| {t.value:g} | {t.year or ''} | {t.area or '各地 everywhere'} | {t.valid_from} | {began} | {t.source} ({t.status}) |"
        )
    return rows


def _index(indicators: Mapping[str, Indicator]) -> str:
    shipped = [i for i in indicators.values() if not i.missing]
    missing = [i for i in indicators.values() if i.missing]
    parts = [
        "# Indicators 指标\n",
        "Generated by `python -m contracts.generate` from `contracts/indicators`. Never edit: change the indicator's file.\n",
        HOW_TO_ADD,
        f"## Computed 可计算 ({len(shipped)})\n",
        "| indicator | 名称 | name | plan | unit |\n|---|---|---|---|---|",
        *(_line(i, i.unit) for i in sorted(shipped, key=_order)),
        f"\n## Missing 缺数据 ({len(missing)})\n",
        "| indicator | 名称 | name | plan | feed it needs |\n|---|---|---|---|---|",
        *(_line(i, f"`{i.missing.feed}`: {i.missing.needs.en}") for i in sorted(missing, key=_order) if i.missing),
    ]
    return "\n".join(parts) + "\n"


def _order(indicator: Indicator) -> tuple[int, int, str]:
    return list(PLANS).index(indicator.plan), indicator.plan_no or 0, indicator.code


def _line(indicator: Indicator, last: str) -> str:
    plan = f"{indicator.plan} {indicator.plan_no}" if indicator.plan_no else "project"
    return f"| [{indicator.code}]({indicator.code}.md) | {indicator.name.zh} | {indicator.name.en} | {plan} | {last} |"


def _tables() -> str:
    rows = ["| table | rows are of | can be added up | rows can be chosen by |", "|---|---|---|---|"]
    for name, table in TABLES.items():
        rows.append(f"| `{name}` | {table.says} | {', '.join(table.can_be_added)} | {', '.join(table.filters)} |")
    return "\n".join(rows)


def _coded() -> str:
    return "\n".join(f"- `{column}`: `contracts/codes/{name}.csv`" for column, name in CODED.items())


HOW_TO_ADD = f"""## Add one 新增一个指标

An indicator is one file. Save it as `contracts/indicators/<code>.yaml`, run `python -m contracts.generate`, and the next night has it; a
wrong key or name is answered with a sentence that says what was expected.

```yaml
code: libraries_per_10000                 # the file's name
name: {{zh: 每万人图书馆数, en: "Libraries per 10,000 residents"}}
unit: per_10000_residents                 # contracts/codes/indicator_units.csv
plan: project                             # or a plan, with plan_no
source: 本项目 · this project
status: project                           # sourced, sourced_english_paraphrase, recalled, project
direction: up                             # up, down, none: what is better
definition: {{zh: 在用图书馆数除以常住人口，乘以一万。, en: "Open libraries over residents, times 10,000."}}
numerator: {{table: facility_months, where: {{facility_type: library, is_open: true}}}}
denominator: {{table: population_years, sum: population}}
per: 10000
```

Further keys: `period` (month, year), `over_time` of a measure (`sum` of what happens, such as visits; `last` or `average` of what stands, such as beds), `level` (county, town, village: the lowest that is
published), `areas` (all, urban, rural), `groups` (columns of the numerator's table that its figures are told apart by: facility_type,
benefit_type, age_band …; they stand in `indicator_group`), `counts_people: false` (exempts it from withholding; protection is the default), `scope: matching`
(only cities that send such rows have values; without it those that send the table, of the same department where it holds several), `decimals`, `not_reported` (the reason where the numerator is unknown, one of
`indicator_value.null_reason`), `targets` (value, of a share as 0.8, year, area, valid_from, baseline, baseline_year, status,
source). `missing` in place of `numerator` lists one whose feed nobody sends.

{_tables()}

What rows can be chosen by is a code (`facility_type: [library, museum]`) or true or false (`is_open: true`). The codes:

{_coded()}

A new unit is a line of `contracts/codes/indicator_units.csv`. `make test` then asks for the count by hand of the new indicator, one line in
`BY_HAND` of `tests/dbt_project/test_indicator_values.py`; the checks that its file implies (quotient, level, direction, bounds of a share,
groups that add up) run every night without further work.
"""
