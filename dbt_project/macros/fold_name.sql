{#-
  A place name as compared: case, accents, blanks and what stands between the names of a path do not count; the variant 臺 is
  written 台 (both are official spellings of one name).
-#}
{% macro fold_name(name) -%}
    nullif(translate(lower({{ name }}), '臺áàâäãåāăąćčçďđéèêëēęěíìîïīįłĺľñńňóòôöõőōøŕřśšşșťţțúùûüůűūýÿźžż 　,，、;；/|>', '台aaaaaaaaacccddeeeeeeeiiiiiilllnnnoooooooorrsssstttuuuuuuuyyzzz'), '')
{%- endmacro %}
