{#-
  A place name as compared: case, accents, blanks and what stands between the names of a path do not count; the variant 臺 is
  written 台 (both are official spellings of one name). An accent may be a character of its own, as some systems write it.
-#}
{% macro fold_name(name) -%}
    {%- set letters =
        'àáâãäåçèéêëìíîïñòóôõöùúûüýÿāăąćĉċčďēĕėęěĝğġģĥĩīĭįĵķĺļľńņňōŏőŕŗřśŝşšţťũūŭůűųŵŷźżžſơưǎǐǒǔǖǘǚǜǟǡǧǩǫǭǰǵǹ' ~
        'ǻȁȃȅȇȉȋȍȏȑȓȕȗșțȟȧȩȫȭȯȱȳḁḃḅḇḉḋḍḏḑḓḕḗḙḛḝḟḡḣḥḧḩḫḭḯḱḳḵḷḹḻḽḿṁṃṅṇṉṋṍṏṑṓṕṗṙṛṝṟṡṣṥṧṩṫṭṯṱṳṵṷṹṻṽṿẁẃẅẇẉẋẍẏẑẓẕẖẗ' ~
        'ẘẙẛạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹđłøħıŧ' -%}
    {%- set plain =
        'aaaaaaceeeeiiiinooooouuuuyyaaaccccdeeeeegggghiiiijklllnnnooorrrssssttuuuuuuwyzzzsouaiouuuuuaagkoojgn' ~
        'aaaeeiioorruusthaeooooyabbbcdddddeeeeefghhhhhiikkkllllmmmnnnnoooopprrrrsssssttttuuuuuvvwwwwwxxyzzzht' ~
        'wysaaaaaaaaaaaaeeeeeeeeiioooooooooooouuuuuuuyyyydlohit' -%}
    {%- set accents = '̧̨̛̣̦̀́̂̃̄̆̇̈̉̊̋̌' -%}
    nullif(translate(lower({{ name }}), '臺{{ letters }}  　{{ name_separators() }}{{ accents }}', '台{{ plain }}'), '')
{%- endmacro %}

{#- What people write between the names of a path; blanks are another matter, for they also stand within names. -#}
{% macro name_separators() -%} ,，、;；/|> {%- endmacro %}
