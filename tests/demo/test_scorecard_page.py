"""The page of one department says what the release says, in its words and at its place on the bar."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from demo.scorecard_page import page

TABLES = """
create table dim_department as select * from (values ('housing', '住<建>局'), ('sports', '体育局')) as t (department_code, name_zh);
create table dim_division as select '990101' as division_code, '示范市东区' as full_name;
create table dim_facility as select * from (values
    ('good', 'housing'), ('better', 'housing'), ('bad', 'housing'), ('few', 'housing'), ('fewer', 'housing'), ('others', 'sports')
) as t (facility_id, department_code) cross join (select '990101' as division_code);
create table review_scorecard as
    select 'month' as period_kind, cast(start as date) as period_start, is_complete,
        case when code in ('housing', 'sports') then 'department' else 'facility' end as dimension, code, verdict,
        case code when 'housing' then '住<建>局' when 'sports' then '体育局' else code || '大厅' end as name_zh, n as active_reviews,
        rate::double as good_rate, rate::double - 0.025 as verdict_lo, rate::double + 0.025 as verdict_hi, 0.9::double as bad_line,
        0.95::double as good_line,
        words as verdict_text_zh, 'words' as verdict_text_en
    from (values
        ('2026-01-01', true, 'housing', 'bad', 0.80, '差。', 90), ('2026-02-01', true, 'housing', 'bad', 0.85, '差。二月', 90),
        ('2026-03-01', false, 'housing', 'good', 0.99, '好。三月', 90), ('2026-02-01', true, 'sports', 'undetermined', null, '无人评价', 0),
        ('2026-02-01', true, 'good', 'good', 0.99, '好。小', 20), ('2026-02-01', true, 'better', 'good', 0.99, '好。大', 30),
        ('2026-02-01', true, 'bad', 'bad', 0.70, '差。厅', 40), ('2026-02-01', true, 'few', 'undetermined', 0.95, '未定。多', 8),
        ('2026-02-01', true, 'fewer', 'undetermined', 0.95, '未定。少', 3), ('2026-02-01', true, 'others', 'bad', 0.70, '别家', 99)
    ) as t (start, is_complete, code, verdict, rate, words, n);
create table department_scorecard as
    select date '2026-02-01' as month, 'housing' as department_code, 'city' as level, 86.0::double as score, 'survey,timeliness,quality' as missing_parts, 1.0::double as weight_counted,
        85.0::double as reviews_part, 0.4::double as weight_reviews, null::double as assumed_reviews, 40.0::double as participation_part,
        0.15::double as weight_participation, null::double as assumed_participation, 100.0::double as coverage_part, 0.05::double as weight_coverage,
        null::double as assumed_coverage, 99.997::double as loop_part, 0.15::double as weight_loop, null::double as assumed_loop,
        null::double as survey_part, 0.15::double as weight_survey, 64.5::double as assumed_survey, null::double as timeliness_part, 0.05::double as weight_timeliness,
        70.0::double as assumed_timeliness, null::double as quality_part, 0.1::double as weight_quality, 71.0::double as assumed_quality;
create table review_reason as
    select date '2026-02-01' as month, 'department' as dimension, 'housing' as code, kind, place, value_zh, evidence_zh, is_change_sure
    from (values ('tag', 1, '服务态度差', '9 条中 5 条', true), ('hour', 2, '周一 09 时', '不可信', false)) as t (kind, place, value_zh, evidence_zh, is_change_sure);
create table review_worklist as
    select 'housing' as department_code, bucket from (values ('overdue'), ('overdue'), ('later')) as t (bucket);
"""


@pytest.fixture
def database(tmp_path: Path) -> Path:
    with duckdb.connect(str(tmp_path / "published.duckdb")) as con:
        con.execute(TABLES)
    return tmp_path / "published.duckdb"


def test_the_page_shows_the_newest_complete_month_of_the_release(database) -> None:
    html = page(database, "housing")
    assert "2026年02月" in html
    assert "差。二月" in html
    assert "三月" not in html
    assert "住&lt;建&gt;局" in html
    # 85 % on a bar from 65 to 100 %, its interval from 82.5 to 87.5 %.
    assert '<b style="left:57.14%' in html
    assert "left:50.00%;width:14.29%" in html
    assert html.count('class="bar"') == 4, "the department and one hall of each verdict"
    assert [html.index(words) for words in ("差。二月", "好。大", "未定。少", "差。厅")] == sorted(
        html.index(words) for words in ("差。二月", "好。大", "未定。少", "差。厅")
    )
    assert "示范市东区" in html
    assert not any(words in html for words in ("好。小", "未定。多", "别家"))
    assert "服务态度差" in html
    assert "不可信" not in html
    assert "已逾期 2 件，以后到期 1 件" in html
    assert "缺少：满意度调查、报送及时、报送质量" in html
    assert "85.0<td class=n>—<td class=n>0.4<td class=n>34.0" in html
    assert "—<td class=n>64.5<td class=n>0.15<td class=n>9.7" in html
    assert "<td class=n>99.997<td" in html
    assert "<td class=n>100.0<td class=n>—<td class=n>0.05" in html


def test_a_department_without_a_complete_month_is_told_so(database) -> None:
    with pytest.raises(LookupError, match="no complete month of culture"):
        page(database, "culture")
