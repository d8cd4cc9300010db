{#-
  What a reason of bad reviews is called and what speaks for it, in Chinese ('zh') or English ('en'). Belongs here: words. The
  columns read here are those of review_reason: of its CTE `kept`, and of the tags and the item it joins to that.
-#}
{% macro reason_name(language) -%}
    {%- if language == 'zh' -%}
    case kept.kind
        when 'tag' then tags.name_zh
        when 'hour'
            then
                '周' || substr('一二三四五六日', cast(substr(kept.value, 1, 1) as int), 1) || ' '
                || substr(kept.value, 3, 2) || ' 时'
        when 'window_day' then kept.value || ' 号窗口 ' || cast(kept.on_day as string)
        when 'item_day' then coalesce(item.name_zh, kept.value) || ' ' || cast(kept.on_day as string)
        else kept.value
    end
    {%- else -%}
    case kept.kind
        when 'tag' then tags.name_en
        when 'hour'
            then
                substr('MonTueWedThuFriSatSun', 3 * cast(substr(kept.value, 1, 1) as int) - 2, 3) || ' '
                || substr(kept.value, 3, 2) || ':00'
        when 'window_day' then 'window ' || kept.value || ', ' || cast(kept.on_day as string)
        when 'item_day' then 'item ' || coalesce(item.name_zh, kept.value) || ', ' || cast(kept.on_day as string)
        else kept.value
    end
    {%- endif -%}
{%- endmacro %}

{% macro reason_evidence(language) -%}
    {%- if language == 'zh' -%}
    case
        when kept.kind in ('tag', 'word')
            then
                cast(kept.of_reviews as string) || ' 条差评中 ' || cast(kept.reviews as string) || ' 条；上月 '
                || cast(kept.usual_of_reviews as string) || ' 条中 ' || cast(kept.usual_reviews as string) || ' 条'
        when kept.kind = 'hour'
            then
                '该时段 ' || cast(kept.of_reviews as string) || ' 条评价中差评 ' || cast(kept.reviews as string)
                || ' 条；其他时段 ' || cast(kept.usual_of_reviews as string) || ' 条中 '
                || cast(kept.usual_reviews as string) || ' 条'
        else
            '当日 ' || cast(kept.of_reviews as string) || ' 条评价中差评 ' || cast(kept.reviews as string)
            || ' 条；此前同一星期几 ' || cast(kept.usual_of_reviews as string) || ' 条中 '
            || cast(kept.usual_reviews as string) || ' 条，每日中位 ' || cast(kept.median_reviews as string) || ' 条'
    end
    {%- else -%}
    case
        when kept.kind in ('tag', 'word')
            then
                cast(kept.reviews as string) || ' of ' || cast(kept.of_reviews as string) || ' bad reviews; '
                || cast(kept.usual_reviews as string) || ' of ' || cast(kept.usual_of_reviews as string)
                || ' the month before'
        when kept.kind = 'hour'
            then
                cast(kept.reviews as string) || ' of ' || cast(kept.of_reviews as string)
                || ' reviews in this hour are bad; ' || cast(kept.usual_reviews as string) || ' of '
                || cast(kept.usual_of_reviews as string) || ' in the other hours'
        else
            cast(kept.reviews as string) || ' of ' || cast(kept.of_reviews as string)
            || ' reviews of the day are bad; ' || cast(kept.usual_reviews as string) || ' of '
            || cast(kept.usual_of_reviews as string) || ' on the same weekdays before, a median of '
            || cast(kept.median_reviews as string) || ' a day'
    end
    {%- endif -%}
{%- endmacro %}
