{#-
  The verdict of a row of the scorecard as a department head reads it, in Chinese ('zh') or English ('en'). Belongs here: words.
  What decides stands in macros/verdict_reason.sql; the columns read here are those of review_scorecard's CTE `concluded`.
-#}
{% macro verdict_sentence(language) -%}
    {%- set zh = language == 'zh' -%}
    concat_ws(
        '{{ '' if zh else ' ' }}',
        case verdict
            when 'good' then '{{ '好。' if zh else 'Good.' }}'
            when 'watch' then '{{ '关注。' if zh else 'Watch.' }}'
            when 'bad' then '{{ '差。' if zh else 'Bad.' }}'
            else '{{ '尚不能判定。' if zh else 'Cannot be told yet.' }}'
        end,
        case
            when feeds_missing is not null
                {% if zh -%}
                then '报送方的文件缺失（' || feeds_missing || '），'
                    || coalesce('齐全的占服务次数的 ' || covered_share_text, '没有一次服务有记录')
                    || case when is_heard then '。' else '，参评率不计。' end
                {%- else -%}
                then 'Files of senders are missing (' || feeds_missing || '): '
                    || coalesce(covered_share_text || ' of contacts are covered', 'no contact is known')
                    || case when is_heard then '.' else ', so nothing is said of participation.' end
                {%- endif %}
        end,
        case
            when unmapped_contacts > 0
                {% if zh -%}
                then '另有 ' || cast(unmapped_contacts as string) || ' 次服务用了无人对应的部门代码，很可能属于本部门，没有计入。'
                {%- else -%}
                then cast(unmapped_contacts as string)
                    || ' more contacts came under a department code that nobody maps; they are likely its own and are not counted.'
                {%- endif %}
        end,
        case
            when contacts > 0 and participation_rate_text is not null
                {% if zh -%}
                then '办结 ' || cast(contacts as string) || ' 次，主动评价 ' || cast(active_reviews as string)
                    || ' 条（' || participation_rate_text || '）。'
                {%- else -%}
                then cast(active_reviews as string) || ' of ' || cast(contacts as string) || ' contacts were reviewed ('
                    || participation_rate_text || ').'
                {%- endif %}
        end,
        case
            when active_reviews > 0 and policy is not null
                {% if zh -%}
                then '好评 ' || cast(good_reviews as string) || ' 条，差评 ' || cast(bad_reviews as string)
                    || ' 条；好评率在 ' || verdict_lo_text || ' 与 ' || verdict_hi_text || ' 之间，好线 ' || good_line_text
                    || '，差线 ' || bad_line_text || '。'
                {%- else -%}
                then cast(good_reviews as string) || ' good, ' || cast(bad_reviews as string)
                    || ' bad: the good rate lies between ' || verdict_lo_text || ' and ' || verdict_hi_text
                    || '; the good line is ' || good_line_text || ', the bad line ' || bad_line_text || '.'
                {%- endif %}
        end,
        case
            when policy is null then '{{ '当月没有适用的政策。' if zh else 'No policy was in force.' }}'
            when verdict_reason = 'excluded_reviews_decide'
                {% if zh -%}
                then '没有计入的差评会改变判定：已计入的评价判为' || {{ verdict_word(verdict('reason_counted'), zh) }} || '，计入 '
                    || cast(excluded_bad_counted + corrected_reviews + {{ moved_reviews() }} as string) || ' 条未计入的差评则判为' || {{ verdict_word('verdict_if_counted', zh) }} || '。'
                {%- else -%}
                then 'Bad reviews that do not count would change the verdict: without them it is '
                    || {{ verdict_word(verdict('reason_counted'), zh) }} || ', with ' || cast(excluded_bad_counted + corrected_reviews + {{ moved_reviews() }} as string)
                    || ' of them it is ' || {{ verdict_word('verdict_if_counted', zh) }} || '.'
                {%- endif %}
            when active_reviews = 0 then '{{ '没有人主动评价。' if zh else 'Nobody reviewed.' }}'
            when verdict_reason = 'feeds_missing'
                then '{{ '不知有多少人参评，不能判为好。' if zh else 'Nobody knows how many took part, so it is not called good.' }}'
            when verdict_reason = 'too_few_took_part'
                {% if zh -%}
                then '参评率低于 ' || participation_floor_text || '，不能判为好。'
                {%- else -%}
                then 'Too few took part to be called good: at least ' || participation_floor_text || ' must.'
                {%- endif %}
            when more_reviews_to_decide is not null
                {% if zh -%}
                then '按目前的好评率，约再有 ' || cast(more_reviews_to_decide as string) || ' 条评价可以判定。'
                {%- else -%}
                then 'About ' || cast(more_reviews_to_decide as string) || ' more reviews at this rate would decide.'
                {%- endif %}
            when periods_to_decide is not null
                {% if zh -%}
                then '本期至多还能有 ' || cast(not_reviewed as string) || ' 条评价，不足以判定；按目前的评价数和好评率，约需 '
                    || cast(periods_to_decide as string) || ' 个这样的周期。'
                {%- else -%}
                then 'At most ' || cast(not_reviewed as string) || ' more reviews can come in this period, too few to decide; at this '
                    || 'rate and number of reviews about ' || cast(periods_to_decide as string) || ' such periods would.'
                {%- endif %}
            when verdict = 'undetermined' and reviews_needed is not null
                {% if zh -%}
                then '按目前的评价数和好评率，' || cast(cast(periods_to_decide_max as bigint) as string) || ' 个这样的周期也不能判定。'
                {%- else -%}
                then 'At this rate and number of reviews not even ' || cast(cast(periods_to_decide_max as bigint) as string)
                    || ' such periods would decide.'
                {%- endif %}
            when verdict = 'undetermined'
                then '{{ '好评率正在线上，再多评价也不能判定。' if zh else 'The rate lies on a line: no number of reviews would decide.' }}'
        end,
        case
            when excluded_bad > 0 and policy is not null
                {% if zh -%}
                then '另有 ' || cast(excluded_reviews as string) || ' 条评价未计入，其中差评 ' || cast(excluded_bad as string)
                    || ' 条；按最不利计入 ' || cast(excluded_bad_counted as string) || ' 条，好评率为 ' || good_rate_if_counted_text || '。'
                {%- else -%}
                then cast(excluded_reviews as string) || ' reviews do not count, ' || cast(excluded_bad as string)
                    || ' of them bad; the least favourable reading counts ' || cast(excluded_bad_counted as string)
                    || ', and the rate would be ' || good_rate_if_counted_text || '.'
                {%- endif %}
        end,
        case
            when corrected_reviews > 0 and policy is not null
                {% if zh -%}
                then '有 ' || cast(corrected_reviews as string) || ' 条好评由报送方从差评更正而来；按最不利仍作差评，好评率为 '
                    || good_rate_if_counted_text || '。'
                {%- else -%}
                then cast(corrected_reviews as string) || ' of the good reviews were bad until their sender corrected them; the least '
                    || 'favourable reading counts them as bad, and the rate would be ' || good_rate_if_counted_text || '.'
                {%- endif %}
        end,
        case
            when {{ moved_reviews() }} > 0 and policy is not null
                {% if zh -%}
                then '有 ' || cast({{ moved_reviews() }} as string) || ' 条差评所评的办件在评价后被报送方改到别的单位或月份；按最不利仍计在此，好评率为 '
                    || good_rate_if_counted_text || '。'
                {%- else -%}
                then cast({{ moved_reviews() }} as string) || ' bad reviews are of contacts that their sender moved to another unit or month '
                    || 'afterwards; the least favourable reading counts them here, and the rate would be ' || good_rate_if_counted_text || '.'
                {%- endif %}
        end,
        case
            when suspect_reviews > 0 and good_rate_with_suspects is not null
                {% if zh -%}
                then '另有 ' || cast(suspect_reviews as string) || ' 条疑似刷评，未计入；计入则好评率为 '
                    || good_rate_with_suspects_text || '。'
                {%- else -%}
                then 'Left out because they look machine-made: ' || cast(suspect_reviews as string)
                    || '; with them the rate would be ' || good_rate_with_suspects_text || '.'
                {%- endif %}
        end
    )
{%- endmacro %}

{#- One word for a verdict. -#}
{% macro verdict_word(verdict, zh) -%}
    case {{ verdict }}
        when 'good' then '{{ '好' if zh else 'good' }}'
        when 'watch' then '{{ '关注' if zh else 'watch' }}'
        when 'bad' then '{{ '差' if zh else 'bad' }}'
        else '{{ '尚不能判定' if zh else 'undetermined' }}'
    end
{%- endmacro %}
