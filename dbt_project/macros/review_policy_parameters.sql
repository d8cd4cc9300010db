{#- What a policy says, in the order its table shows it: the parameters of policies/review_policies.csv, and no others. -#}
{% macro review_policy_parameters() -%}
    {{ return([
        'points_5', 'points_4', 'points_3', 'points_2', 'points_1',
        'good_level_min', 'strict_good_level_min', 'bad_level_max',
        'silence_days', 'silence_level', 'review_window_days',
        'rectification_days', 'rectification_counts_workdays', 'reply_days', 'reply_counts_workdays',
        'revisit_days', 'revisit_counts_workdays',
        'rectification_rate_target', 'reply_rate_target', 'revisit_rate_target',
        'appeal_days', 'open_appeal_counts',
        'burst_gap_seconds', 'burst_min_reviews', 'burst_pace_factor', 'burst_around_seconds',
        'reviewer_daily_limit', 'case_monthly_limit',
        'lag_min_reviews', 'lag_tolerance_seconds', 'lag_neighbourhood_seconds', 'lag_share_min',
        'surge_min_reviews', 'surge_baseline_days', 'surge_baseline_days_min', 'surge_volume_z', 'surge_rating_z',
        'interval_z', 'verdict_looks', 'good_line', 'bad_line', 'area_share_min', 'participation_floor', 'coverage_min', 'min_reviews',
        'clusters_min', 'intra_cluster_correlation', 'assumed_design_effect_max', 'false_discovery_rate', 'prior_units_min',
        'score_weight_min',
        'decided_share_max', 'usual_sender_share', 'number_known_min', 'number_density_min', 'number_edge_share',
        'number_start_density', 'periods_to_decide_max',
        'habit_struck_min', 'habit_z', 'habit_difference_min', 'habit_peer_bad_min',
        'weight_good', 'weight_participation', 'weight_on_time', 'weight_reply', 'weight_revisit',
    ]) }}
{%- endmacro %}
