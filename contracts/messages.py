"""Every reason the door can give, in Chinese and in English: what is wrong, and what to do about it.

One entry a code; a code without both sentences does not exist. Does not belong here: deciding whether something
is wrong. Facts that a sentence names and nobody gives are left out, so that a reason never fails to be told.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

Language = Literal["zh", "en"]


class Sentences(NamedTuple):
    """Templates over {file} {field} {value} {detail} and whatever else the code's giver knows."""

    zh: str
    en: str


def message(code: str, lang: Language, **facts: Any) -> str:
    """The sentence for a reason code.

    Raises:
        KeyError: the code has no entry here.
    """
    if code not in MESSAGES:
        raise KeyError(f"reason code {code!r} has no sentence: add it to contracts.messages.MESSAGES")
    facts = {name: shown(fact) if isinstance(fact, str) else fact for name, fact in facts.items()}
    return getattr(MESSAGES[code], lang).format_map(_Facts(facts))


_UNSHOWN = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufff9-\ufffb]")


def shown(text: str) -> str:
    """A text of a sender on one line, without what a terminal or a page would obey: escapes and marks of writing direction."""
    text = text.encode("utf-8", "backslashreplace").decode()  # bytes of a name that are no UTF-8
    return _UNSHOWN.sub(lambda sign: " " if sign[0] in "\t\n\r\x0b\x0c\u2028\u2029" else "\ufffd", text)


class _Facts(dict[str, Any]):
    def __missing__(self, name: str) -> str:
        return ""


# ── the whole file is refused (reading) ─────────────────────────────────────────────────────────

FILES: Mapping[str, Sentences] = {
    "not_a_file": Sentences(
        "{file} 不是普通文件（可能是文件夹、链接或设备），请直接发送文件本身。",
        "{file} is not a regular file (a folder, a link or a device); send the file itself.",
    ),
    "file_missing": Sentences("找不到文件 {file}，请重新发送。", "{file} is not there; send it again."),
    "no_permission": Sentences(
        "没有读取 {file} 的权限，请检查文件权限。", "{file} may not be read; check its permissions."
    ),
    "empty_file": Sentences("{file} 是空文件，请重新导出后发送。", "{file} is empty; export it again and send it."),
    "file_too_large": Sentences(
        "{file} 展开后超过 {limit}；请拆分成多个文件发送。",
        "{file} unpacks to more than {limit}; send it in several files.",
    ),
    "document_too_large": Sentences(
        "{file} 大小为 {size}，此格式上限为 {limit}；请改用 CSV 或 NDJSON，或拆分后发送。",
        "{file} has {size}, this format may have {limit}; send CSV or NDJSON, or several files.",
    ),
    "truncated_file": Sentences(
        "{file} 不完整或已损坏，请重新导出或重新传输。",
        "{file} is cut short or damaged; export or transfer it again.",
    ),
    "damaged_file": Sentences(
        "{file} 无法作为 {format} 打开，请在原软件中打开并另存后重新发送。",
        "{file} cannot be opened as {format}; open it where it was made, save it again and send it.",
    ),
    "encrypted_file": Sentences(
        "{file} 设有密码，请取消密码后重新发送。",
        "{file} is protected by a password; remove it and send the file again.",
    ),
    "format_not_understood": Sentences(
        "{file} 实际是{kind_zh}，不能读取；请在能打开它的软件中另存为 XLSX 或 CSV 后发送（只改扩展名没有用）。",
        "{file} is in fact {kind_en}, which cannot be read; save it as XLSX or CSV where it opens and send that (another ending of its name "
        "is not enough).",
    ),
    "format_not_as_declared": Sentences(
        "按约定 {file} 应为 {expected}，实际为 {found}；请按约定格式发送，或由数据管理人员修改布局文件。",
        "{file} should be {expected} according to its layout and is {found}; send it as agreed or have the layout changed.",
    ),
    "archive_without_data": Sentences(
        "压缩包 {file} 里没有数据文件，请放入后重新打包发送。",
        "The archive {file} holds no data file; put one in and send it again.",
    ),
    "archive_with_several_files": Sentences(
        "压缩包 {file} 里有多个数据文件：{members}。请只放一个，或请数据平台在布局文件中指定（member）。",
        "The archive {file} holds several data files: {members}. Send one, or name it under `member` in the layout.",
    ),
    "archive_member_missing": Sentences(
        "压缩包 {file} 里没有约定的文件 {expected}，只有：{members}；请放入该文件后重新发送。",
        "The archive {file} does not hold {expected}; it holds {members}. Pack that file and send it again.",
    ),
    "archive_member_with_odd_name": Sentences(
        "压缩包 {file} 里的文件名 {member} 不正常，不予打开；请重新打包，只放数据文件。",
        "The name {member} in the archive {file} leads outside it or cannot be shown; pack the data file alone again.",
    ),
    "archive_member_is_a_link": Sentences(
        "压缩包 {file} 里的 {member} 是链接而不是文件；请打包文件本身。",
        "{member} in the archive {file} is a link, not a file; pack the file itself.",
    ),
    "archive_repeats_a_name": Sentences(
        "{file} 里有两个同名的部分 {member}（只有大小写不同也算），读哪一个不明；请在原软件中另存，或重新打包后发送。",
        "{file} holds two parts called {member}, perhaps in other letter cases, and it is unknown which is meant; save it again where it "
        "was made, or pack it again.",
    ),
    "sheet_repeats_a_row": Sentences(
        "{file} 的一张工作表里第 {row} 行写了两次，前一次的内容会丢失；请在 Excel 或 WPS 里打开核对，另存后再发送。",
        "A sheet of {file} has its row {row} twice, and what the first says would be lost; open it in Excel or WPS, look at it, save it "
        "again and send that.",
    ),
    "sheet_repeats_a_cell": Sentences(
        "{file} 的一张工作表里单元格 {cell} 写了两次，前一次的内容会丢失；请在 Excel 或 WPS 里打开核对，另存后再发送。",
        "A sheet of {file} has its cell {cell} twice, and what the first says would be lost; open it in Excel or WPS, look at it, save it "
        "again and send that.",
    ),
    "sheet_not_plain": Sentences(
        "{file} 的一张工作表里有单元格的写法不合规范，不同程序读出的内容会不同；请在 Excel 或 WPS 里打开核对，另存后再发送。",
        "A sheet of {file} writes a cell in a way that programs read differently; open it in Excel or WPS, look at it, save it again and "
        "send that.",
    ),
    "archive_in_archive": Sentences(
        "压缩包 {file} 里的 {member} 又是压缩包；请只压缩一层。",
        "{member} in the archive {file} is an archive again; pack the data file once.",
    ),
    "archive_bomb": Sentences(
        "{file} 展开后是压缩大小的 {ratio} 倍以上，不予展开；如确属正常，请不压缩直接发送。",
        "{file} unpacks to more than {ratio} times its size and is not unpacked; if that is right, send it uncompressed.",
    ),
    "workbook_with_entities": Sentences(
        "{file} 的 {member} 含有 DTD 或实体定义，正常的工作簿没有；请在 Excel 中另存后重新发送。",
        "{member} in {file} declares a DTD or entities, which no real workbook does; save it again in Excel and send it.",
    ),
    "sheet_missing": Sentences(
        "{file} 里没有工作表“{expected}”，只有：{sheets}。请改回工作表名称，或修改布局文件。",
        "{file} has no sheet {expected}; it has {sheets}. Name the sheet as agreed or change the layout.",
    ),
    "sheets_of_one_name": Sentences(
        "{file} 有几张同名的工作表（{sheets}），其中一张的内容会丢失；请改名后另存，再发送。",
        "{file} has sheets of one name ({sheets}), and the rows of one would be lost; rename them, save the file and send it again.",
    ),
    "sheets_differ": Sentences(
        "{file} 有几张表头不同的工作表（{sheets}），无法判断应读哪些；请把同一版式的数据放在各表，或只留一张。",
        "{file} has sheets whose headers differ ({sheets}) and it is unknown which are meant; give them one header, or send one sheet.",
    ),
    "sheets_may_repeat": Sentences(
        "{file} 有多张版式相同的工作表（{sheets}），其中像是汇总、示例或备份的会使同一行重复；请删去后再发送。",
        "{file} has several sheets of one shape ({sheets}), and one seems to be a summary, an example or a copy of the others; "
        "remove it and send the file again.",
    ),
    "sheets_not_read": Sentences(
        "{file} 只读取了工作表 {read}；未读取 {sheets}，因为表头不同。如也应报送，请用同一表头。",
        "Of {file} the sheet {read} was read; {sheets} were not, their headers differ. If they belong to it, give them one header.",
    ),
    "header_spans_columns": Sentences(
        "{file} 的表头“{field}”跨了几列，没有一列以它为名，无法判断哪一列是它；请给每一列写明表头。",
        "The header {field} of {file} stands over several columns and none of them is it; give every column its own header.",
    ),
    "sheets_hidden": Sentences(
        "{file} 只读取了工作表 {read}；隐藏的 {sheets} 也有同样表头的数据，未读取。如应报送，请取消隐藏；否则请删去。",
        "Of {file} the sheet {read} was read; {sheets}, hidden, hold rows under the same header and were not. Unhide them if they are meant, or remove them.",
    ),
    "records_are_a_page": Sentences(
        "{file} 只有 {found} 条记录，而文件自称共有 {total} 条，可能只导出了其中一页；请导出全部后重新发送。",
        "{file} holds {found} records and says that there are {total}: it may be one page of several. Export all of them and send the file again.",
    ),
    "records_go_on": Sentences(
        "{file} 只有 {found} 条记录，而文件自称后面还有，可能只导出了其中一页；请导出全部后重新发送。",
        "{file} holds {found} records and says that more follow: it may be one page of several. Export all of them and send the file again.",
    ),
    "rows_hidden": Sentences(
        "{file} 有 {count} 行被隐藏或筛选掉（第 {rows} 行），打开时看不到，但已照常读取；如不应报送，请删除后重新发送。",
        "{count} rows of {file} are hidden or filtered out (row {rows}): nobody sees them, and they were read like the others. "
        "If they are not meant, delete them and send the file again.",
    ),
    "rows_struck": Sentences(
        "{file} 有 {count} 行含划了删除线的单元格（第 {rows} 行），已照常读取；如表示作废，请删除后重新发送。",
        "{count} rows of {file} have cells that are struck through (row {rows}), and were read like the others. "
        "If that means they no longer hold, delete them and send the file again.",
    ),
    "cells_commented": Sentences(
        "{file} 有 {count} 个单元格带批注（{cells}），批注不读取；如批注更正了内容，请直接改在单元格里后重新发送。",
        "{count} cells of {file} have a comment ({cells}), and comments are not read; if one corrects a value, write it into the cell "
        "and send the file again.",
    ),
    "formulas_stale": Sentences(
        "{file} 保存时公式没有重新计算（手动计算），公式的结果可能是旧的；请在 Excel 中按 F9 计算、保存后重新发送。",
        "{file} was saved without calculating its formulas (manual calculation), so their results may be old; calculate them in Excel (F9), "
        "save the file and send it again.",
    ),
    "text_boxes": Sentences(
        "{file} 的工作表 {sheets} 上有带文字的文本框或图形，其中的文字不读取；如含数据或更正，请写进单元格后重新发送。",
        "Text boxes or shapes with text lie on the sheet {sheets} of {file}, and their text is not read; if it holds data or corrects any, "
        "write it into cells and send the file again.",
    ),
    "formats_by_rule": Sentences(
        "{file} 的 {cells} 由条件格式改变数字的显示（如加单位），已按单元格里的数读取，可能与所见不同；请核对。",
        "A conditional format changes how the numbers of {cells} in {file} are shown, perhaps with a unit; the numbers of the cells were "
        "read, which may differ from what is seen. Check them.",
    ),
    "columns_hidden": Sentences(
        "{file} 的列 {columns} 被隐藏，打开时看不到，但已照常读取；请核对其中的内容。",
        "The columns {columns} of {file} are hidden: nobody sees them, and they were read like the others. Check what they hold.",
    ),
    "no_sheet_with_data": Sentences(
        "{file} 的工作表都是空的，请重新导出后发送。", "No sheet of {file} holds anything; export it again and send it."
    ),
    "header_not_found": Sentences(
        "在 {file} 开头 {rows} 行里找不到表头：应有 {expected} 等，实际看到：{found}。请把表头行放在数据上方，列名按模板填写。",
        "No header row found in the first {rows} rows of {file}: expected some of {expected}; found {found}. "
        "Put the header row above the rows, with the names of the template.",
    ),
    "text_garbled": Sentences(
        "{file} 的文字已成乱码（保存时用错了编码）；请在原软件中重新导出为 XLSX，或另存为 UTF-8 编码的 CSV 后发送。",
        "The letters of {file} are garbled (it was saved in a wrong encoding); export it again as XLSX, or as CSV in UTF-8, and send that.",
    ),
    "header_row_missing": Sentences(
        "按约定表头在 {file} 第 {expected} 行，但文件只有 {found} 行；请发送完整的文件。",
        "The header of {file} should be in row {expected}, and the file has {found} rows; send the whole file.",
    ),
    "header_repeated": Sentences(
        "{file} 的表头“{field}”出现了 {times} 次，无法判断用哪一列；请删除或改名多余的列。",
        "The header {field} stands {times} times in {file} and it is unknown which column is meant; remove or rename the others.",
    ),
    "too_many_columns": Sentences(
        "{file} 有 {found} 列，超过上限 {limit} 列；请只发送约定的列。",
        "{file} has {found} columns, more than {limit}; send the agreed columns only.",
    ),
    "too_many_cells_in_sheet": Sentences(
        "{file} 的工作表超过 {limit} 个单元格（含中间的空白）；请删除表外内容，或拆分后发送。",
        "A sheet of {file} spans more than {limit} cells, blanks included; remove what stands far outside the table.",
    ),
    "encoding_unknown": Sentences(
        "{file} 声明的编码“{expected}”不认识；可用 utf-8、gb18030、big5、utf-16。",
        "The encoding {expected} stated for {file} is unknown; use utf-8, gb18030, big5 or utf-16.",
    ),
    "encoding_unclear": Sentences(
        "{file} 的编码无法确定：按 {guess} 读取时，其中的字母不属于任何一种语言。请另存为 UTF-8，或请数据平台在布局文件中写明（read.encoding）。",
        "The encoding of {file} is unclear: read as {guess}, its letters are no language's. Save it as UTF-8, or state "
        "read.encoding in the layout.",
    ),
    "not_text": Sentences(
        "{file} 的内容不是文字：可能被加密软件加了密，或是改了后缀的其他文件；请解密，或在原软件中另存为 XLSX 或 CSV 后发送。",
        "{file} holds bytes that are no text: it may be encrypted by the office's own software, or another kind of file under a new name. "
        "Decrypt it, or save it as XLSX or CSV where it was made, and send that.",
    ),
    "encoding_guessed": Sentences(
        "{file} 没有说明编码，暂按 {encoding} 读取；请核对带附加符号的字母，最好另存为 UTF-8。",
        "{file} does not say its encoding and was read as {encoding}: check letters with accents; better save it as UTF-8.",
    ),
    "delimiter_unclear": Sentences(
        "{file} 的各列之间没有用逗号、制表符、分号或竖线分隔（第 {row} 行有表头却只有一列）；请另存为 CSV 或 XLSX，或在布局文件的 "
        "read.delimiter 中写明分隔符。",
        "Nothing that is known as a delimiter (comma, tab, semicolon, vertical bar) parts the columns of {file}: row {row} has several "
        "headers in one cell. Save it as CSV or XLSX, or state read.delimiter in the layout.",
    ),
    "delimiter_unknown": Sentences(
        "{file} 的分隔符“{expected}”不可用：必须是一个半角字符。",
        "The delimiter {expected} stated for {file} cannot be used: it must be one ASCII character.",
    ),
    "not_a_table": Sentences(
        "{file} 看不出是文本表格（{why_zh}）；请另存为 XLSX 或 CSV 后发送。",
        "{file} does not look like a table of text ({why_en}); save it as XLSX or CSV and send that.",
    ),
    "not_json": Sentences(
        "{file} 不是有效的 JSON{where_zh}，请重新导出。", "{file} is not valid JSON{where_en}; export it again."
    ),
    "records_not_found": Sentences(
        "{file} 里按路径“{expected}”找不到记录：{found_zh}。请检查文件结构，或由数据管理人员修改布局文件的 records。",
        "{file} has no records under {expected}: {found_en}. Check the file, or have `records` in the layout changed.",
    ),
    "document_repeats_a_key": Sentences(
        "{file} 里包含记录的对象中，同一个键出现两次（其中的键：{keys}），前一个的内容会丢失；请只保留一个，或合并后重新导出。",
        "An object of {file} that holds the records has a key twice (its keys: {keys}), and what stands under the first would be lost; "
        "keep one, or put them together and export the file again.",
    ),
    "records_path_needed": Sentences(
        "{file} 里有多处可能是记录：{found}；请数据平台在布局文件中写明是哪一处（records）。",
        "{file} has several lists that may be the records: {found}; name one under `records` in the layout.",
    ),
    "too_many_rows": Sentences(
        "{file} 超过 {limit} 行，请拆分后发送。", "{file} has more than {limit} rows; send it in several files."
    ),
}

# ── the shape of a row is wrong (reading) ───────────────────────────────────────────────────────

SHAPES: Mapping[str, Sentences] = {
    "too_many_cells": Sentences(
        "这一行的单元格比表头多，内容可能错位；请核对是否多了分隔符或漏了引号。",
        "This row has more cells than the header, so values may be shifted; look for a stray delimiter or a missing quote.",
    ),
    "too_few_cells": Sentences(
        "这一行的单元格比表头少，内容可能错位；请补齐空单元格。",
        "This row has fewer cells than the header, so values may be shifted; fill in the empty cells.",
    ),
    "stray_quote": Sentences(
        "这一行的引号不成对，无法判断单元格的边界；请删除多余的引号，或写成两个引号。",
        "The quotation marks of this row do not pair up, so its cells are unknown; remove the stray one or double it.",
    ),
    "cell_too_long": Sentences(
        "这一行有单元格内容过长（超过十万字符），已截断；请缩短内容，或检查是否漏了引号。",
        "A cell of this row holds more than 100,000 characters and was cut; shorten it, or look for a missing quote.",
    ),
    "undecodable": Sentences(
        "这一行有乱码，按文件的编码无法还原；请在源系统中更正后重发。",
        "This row holds bytes that are no text in the file's encoding; correct it where it comes from and send it again.",
    ),
    "total_row": Sentences(
        "这一行是合计，不是单独的一条；请删除合计行。", "This row is a total and no record of its own; remove it."
    ),
    "header_again": Sentences(
        "这一行又是表头，可能由多个文件拼接而成；请删除。",
        "This row is the header once more, as where files are put together; remove it.",
    ),
    "column_numbers": Sentences(
        "这一行是表头下的列号，不是数据；请删除。",
        "This row numbers the columns below the header and is no record; remove it.",
    ),
    "note_row": Sentences(
        "这一行是表下的签名或说明，不是数据；请删除。",
        "This row is a signature or a note below the table and no record; remove it.",
    ),
    "nul_byte": Sentences(
        "这一行含有空字节（NUL），通常是文件损坏；请重新导出。",
        "This row holds NUL bytes, usually a damaged file; export it again.",
    ),
    "record_not_json": Sentences(
        "这一行不是有效的 JSON 记录；请重新导出。", "This line is not a JSON record; export it again."
    ),
    "record_repeats_a_key": Sentences(
        "这条记录里同一个键出现两次，无法判断用哪个值；请只保留一个。",
        "A key stands twice in this record and it is unknown which value is meant; keep one.",
    ),
}

# ── a text is no value of its kind (casting) ────────────────────────────────────────────────────

VALUES: Mapping[str, Sentences] = {
    "error_value": Sentences(
        "“{value}”是公式的错误结果，不是内容；请改正公式或填写数值。",
        "{value} is a formula's error and no content; correct the formula or fill in the value.",
    ),
    "formula_not_calculated": Sentences(
        "这一格是公式，但文件里没有计算结果；请在 Excel 中打开、保存后重新发送。",
        "This cell is a formula and the file holds no result of it; open the file in Excel, save it and send it again.",
    ),
    "rich_value": Sentences(
        "这一格显示的是图片、股票或地理等数据类型，或新函数的错误，文件里没有相应的文字；请直接填写文字。",
        "This cell shows a picture, a data type (stocks, geography) or the error of a new function, of which the file holds no text; type "
        "the text itself.",
    ),
    "formula_as_text": Sentences(
        "“{value}”是公式的文字，不是它的结果；请填写结果（嵌入单元格的图片不能读取）。",
        "{value} is the text of a formula and not what comes of it; fill in the result (a picture in a cell cannot be read).",
    ),
    "ditto": Sentences(
        "“{value}”指的是别的单元格，各行要单独读取；请填写实际内容。",
        "{value} means another cell, and each row is read by itself; write what it stands for.",
    ),
    "digits_lost": Sentences(
        "“{value}”超过 15 位，Excel 按数字保存时已丢失末尾数字，无法还原；请把这一列设为文本后重新填写。",
        "{value} has more than 15 digits and was kept as a number, so its last digits are lost; format the column as text and "
        "type it again.",
    ),
    "shown_otherwise": Sentences(
        "单元格里是 {value}，但其数字格式显示的是另一个数或什么都不显示，无法判断以哪个为准；请改为常规格式后填写实际数值。",
        "The cell holds {value} and its number format shows another number or nothing, so it is unknown which is meant; use the "
        "format General and give the number itself.",
    ),
    "struck_in_part": Sentences(
        "“{value}”的一部分划了删除线，无法判断保留哪一部分；请删去作废的部分后重新发送。",
        "Part of {value} is struck through, so it is unknown what of it holds; delete the part that does not and send the file again.",
    ),
    "raised_in_part": Sentences(
        "“{value}”中有上标或下标（可能是注释号），会与内容连在一起；请删去上下标后重新发送。",
        "Part of {value} is raised or lowered, perhaps the number of a footnote, and runs together with the rest; delete it and send "
        "the file again.",
    ),
    "unit_in_format": Sentences(
        "“{value}”中的单位来自单元格的数字格式，已按所显示的读取；请核对，并改为直接填写数值。",
        "The unit of {value} comes from the cell's number format; it was read as it is shown. Check it, and type the number itself.",
    ),
    "merged_number": Sentences(
        "“{value}”合并在几行上，无法判断是每行的数还是合计；请取消合并，逐行填写。",
        "{value} is merged over several rows and may be each row's or their sum; unmerge the cells and fill in each row.",
    ),
    "covered_by_merge": Sentences(
        "这一格被左边合并的单元格遮住，看不到自己的内容；请取消合并，逐格填写。",
        "This cell lies under the merged cell to its left and shows nothing of its own; unmerge the cells and fill in each.",
    ),
    "month_as_number": Sentences(
        "“{value}”可能是 1 月，也可能是被当作数字的 10 月；请按 2025-10 的格式填写。",
        "{value} may be January, or October kept as a number; write the month as 2025-10.",
    ),
    "code_as_number": Sentences(
        "“{value}”像是被程序转成了数字的编号，原来的位数和前面的零已不可知；请按文本重新导出。",
        "{value} looks like a code that a program turned into a number, so its digits and leading zeros are unknown; export it as text.",
    ),
    "date_in_text": Sentences(
        "“{value}”像是 Excel 把文本自动变成的日期；请把这一列设为文本后重新填写。",
        "{value} looks like a date that Excel made of a text; format the column as text and type it again.",
    ),
    "decimal_comma": Sentences(
        "“{value}”似用逗号作小数点；请改用小数点，或请数据平台在布局文件中写明 decimal: ','（cast）。",
        "{value} seems to have a decimal comma; write a point, or state decimal: ',' under cast in the layout.",
    ),
    "comma_is_unclear": Sentences(
        "“{value}”可读成两个数（逗号或点是小数点还是千分位不明）；请写成不带分隔符的数，或请数据平台在布局文件中写明（cast） decimal。",
        "{value} can be read as two numbers (a decimal sign or one between thousands); write it without, or state `decimal` under "
        "cast in the layout.",
    ),
    "time_missing": Sentences(
        "“{value}”只有日期没有时间，暂按当日零时计；时限按时间计算，请补填时分秒。",
        "{value} has a day and no time and was taken as midnight; deadlines depend on the time, so give it.",
    ),
    "outside_coordinate_system": Sentences(
        "坐标“{value}”不在布局文件所写坐标系的适用范围内（经纬度颠倒，或是另一坐标系）；请核对坐标和坐标系。",
        "A point with {value} lies outside the area of the coordinate system that the layout states: the axes are swapped, or it is in "
        "another system; check both.",
    ),
    "not_a_number": Sentences("“{value}”不是数字；请只填数字。", "{value} is not a number; give digits only."),
    "not_a_whole_number": Sentences(
        "“{value}”不是整数；请填整数。", "{value} is not a whole number; give one without a fraction."
    ),
    "number_too_large": Sentences(
        "“{value}”位数太多，无法精确保存；请核对，编号类内容不应作为数字填报。",
        "{value} has more digits than can be kept exactly; check it, and do not send a code as a number.",
    ),
    "unknown_unit": Sentences(
        "“{value}”带有约定之外的单位；请去掉单位，只填数字。",
        "{value} carries a unit that was not agreed; leave the unit out and give the number.",
    ),
    "percent_not_expected": Sentences(
        "“{value}”带有百分号，但此项不是百分比；请填数字。",
        "{value} has a percent sign, and this field is no percentage; give the plain number.",
    ),
    "not_yes_or_no": Sentences(
        "“{value}”看不出是“是”还是“否”；请填 是/否 或 1/0。",
        "{value} is neither yes nor no; give Y or N, 1 or 0.",
    ),
    "not_a_date": Sentences(
        "“{value}”不是日期；请按 2024-03-05 的格式填写。", "{value} is not a date; write it as 2024-03-05."
    ),
    "impossible_date": Sentences(
        "“{value}”这一天不存在；请核对年月日。", "{value} is a day that does not exist; check year, month and day."
    ),
    "year_too_early": Sentences(
        "“{value}”的年份早于 1000 年；请核对年份。", "{value} lies before the year 1000; check the year."
    ),
    "ambiguous_date": Sentences(
        "“{value}”的年月日顺序不明；请按 2024-03-05 的格式填写。",
        "{value} can be read as more than one date; write it as 2024-03-05.",
    ),
    "day_missing": Sentences(
        "“{value}”只有年月，缺少日；请填完整日期，如 2024-03-05。",
        "{value} has a month and no day; give the full date, such as 2024-03-05.",
    ),
    "not_a_time": Sentences(
        "“{value}”的时间看不懂；请按 2024-03-05 08:30:00 的格式填写。",
        "{value} has a time that cannot be read; write it as 2024-03-05 08:30:00.",
    ),
    "impossible_time": Sentences(
        "“{value}”的时间不存在；请核对时分秒。",
        "{value} has a time that does not exist; check hour, minute and second.",
    ),
}

# ── a row does not hold (rows) ──────────────────────────────────────────────────────────────────

ROWS: Mapping[str, Sentences] = {
    "required_missing": Sentences("“{field}”必填，请补填。", "{field} is required; fill it in."),
    "pattern": Sentences(
        "“{value}”格式不符；“{field}”{shape}。",
        "{value} is not shaped like {field}: {shape_en}.",
    ),
    "too_short": Sentences(
        "“{value}”太短，至少 {limit} 个字符；请补全。", "{value} is too short; at least {limit} characters."
    ),
    "too_long": Sentences("内容太长，最多 {limit} 个字符；请缩短。", "Too long; at most {limit} characters."),
    "not_in_code_list": Sentences(
        "“{value}”不在“{field}”的代码表中；{near}请按代码表填写。",
        "{value} is not in the code list of {field}; {near_en}use a code of the list.",
    ),
    "characters_lost": Sentences(
        "“{value}”中有字符在转换时丢失（? 或 �），或是只有本机能显示的自造字；请核对，用通用字符重新填写。",
        "Characters of {value} were lost when it was converted (? or �), or show with one office's fonts only; check it, and write it with "
        "characters that everybody has.",
    ),
    "code_not_in_scheme": Sentences(
        "代码不属于所声明的代码体系；请核对“{source}”或布局文件中的声明。",
        "The code is not one of the declared scheme; check {source} or the scheme the layout declares.",
    ),
    "code_not_in_layout": Sentences(
        "“{value}”不在布局文件的代码对照中；请补充对照或更正代码。",
        "{value} is not in the layout's value map; add it there or correct the code.",
    ),
    "below_minimum": Sentences("“{value}”小于下限 {limit}；请核对。", "{value} is below {limit}; check it."),
    "above_maximum": Sentences(
        "“{value}”大于上限 {limit}；请核对数值和单位。", "{value} is above {limit}; check the number and its unit."
    ),
    "invalid_resident_id": Sentences(
        "身份证号校验位不符（GB 11643），请核对原件。",
        "The resident ID fails its check digit (GB 11643); check the original.",
    ),
    "invalid_uscc": Sentences(
        "统一社会信用代码校验位不符（GB 32100），请核对。",
        "The unified social credit code fails its check digit (GB 32100).",
    ),
    "invalid_phone": Sentences(
        "不是电话号码，请填 11 位手机号或带区号的座机。", "Not a telephone number; give all its digits."
    ),
    "invalid_email": Sentences("不是电子邮箱地址，请核对。", "Not an e-mail address; check it."),
    "invalid_bank_card": Sentences(
        "银行卡号校验位不符，请核对。", "The bank card number fails its check digit; check it."
    ),
    "unknown_reference": Sentences(
        "“{value}”在“{field}”所指的名录中查不到；请核对代码或先报送名录。",
        "{value} is not known in the register that {field} refers to; check the code or send the register first.",
    ),
    "cross_field": Sentences("{rule_zh}", "{rule_en}"),
    "key_repeated": Sentences(
        "“{field}”与本文件中前面的行相同，只保留第一行；请删除重复的行。",
        "{field_en} stands in this file already; the first row is kept, remove the others.",
    ),
    "key_already_delivered": Sentences(
        "“{field}”此前已报送；如需更正，请以同名文件重报整份数据。",
        "{field_en} has been delivered before; to correct it, send the whole file again under the same name.",
    ),
    "key_twice": Sentences(
        "“{field}”在本文件中出现多次，只算一条记录；如为不同的记录，请改号重报。",
        "{field_en} stands in this file several times and counts as one record; where they are several, send them under numbers of their own.",
    ),
    "key_of_another_sender": Sentences(
        "另一报送方也在使用此编号（{field}）：区划和部门都相同的算同一条记录，以先报的一方为准；否则算贵方自己的另一条记录。",
        "Another sender uses this number ({field_en}) as well: where division and department are the same it is one record, as the first sender tells it; otherwise yours is a record of its own.",
    ),
    "personal_number": Sentences(
        "“{field}”里有个人号码（{value}），不会照样入库，以“〔…〕”代替；请改用本单位自己的编号。",
        "{field} holds a person's number ({value}): it is not stored, a word and a hash stand in its place. Use a number of your own.",
    ),
    "contract_violated": Sentences("“{field}”不符合报送约定，请核对。", "{field} is not what was agreed; look at it."),
    "not_in_scope": Sentences(
        "该行不属于本次报送范围，不计入，无需更正。",
        "The row is outside what this delivery is for; it does not count, and nothing is to be corrected.",
    ),
}

# ── the whole file is refused or held (door, landing) ───────────────────────────────────────────

PLATFORM: Mapping[str, Sentences] = {
    "required_columns_missing": Sentences(
        "{file} 缺少必需的列：{expected}；文件中有：{found}。请补上这些列，或按模板填报。",
        "{file} lacks required columns: {expected_en}; it has: {found}. Add them, or fill in the template.",
    ),
    "rows_and_columns_swapped": Sentences(
        "{file} 的行和列颠倒了：列名在第一列（{found}），应在第一行；请转置后发送，或按模板填报。",
        "{file} has rows and columns swapped: the names of columns stand in the first column ({found}) and belong into the first row. Transpose "
        "it, or fill in the template.",
    ),
    "layout_columns_missing": Sentences(
        "{file} 缺少布局文件所用的列：{expected}；文件中有：{found}。请核对是否换了版式。",
        "{file} lacks columns its layout works on: {expected}; it has: {found}. Has the form changed?",
    ),
    "renamed_column_missing": Sentences(
        "{file} 里没有布局文件所用的列：{columns}；相应内容为空。请核对是否改了列名。",
        "{file} lacks columns that its layout renames: {columns}; what they hold is empty. Have they another name now?",
    ),
    "columns_unknown": Sentences(
        "{file} 有没有用到的列：{unused}；又没有这些列：{wanted}。如只是列名不同，请改用模板中的列名。",
        "{file} has columns that are not used ({unused_en}) and lacks others ({wanted}); if only the names differ, use the template's.",
    ),
    "crs_not_wgs84": Sentences(
        "{file} 声明的坐标系是 {found}，不是 WGS-84；请转换后发送，或请数据平台在布局文件中写明（coordinates）。",
        "{file} states {found} as its coordinate system, not WGS-84; convert it, or state `coordinates` in the layout.",
    ),
    "unit_stated_above": Sentences(
        "{file} 注明单位为“{stated}”，而“{field}”按合同以“{unit}”计；请换算后发送，或请数据平台在布局文件中写明倍数（multiply）。",
        "{file} states the unit {stated}, and {field} is agreed in {unit_en}; convert the values, or state the factor under "
        "`multiply` in the layout.",
    ),
    "headers_claim_one_field": Sentences(
        "{file} 有多列（{headers}）都表示“{field}”，无法判断用哪一列；请只保留一列。",
        "{file} has several columns ({headers}) for {field}; keep one.",
    ),
    "code_scheme_undeclared": Sentences(
        "{file}：报送方 {sender} 未声明代码体系（{schemes}），代码方向不明，不能读入；请数据平台在布局文件中声明（code_scheme）。",
        "{file}: sender {sender} has not declared its code schemes ({schemes}), so its codes cannot be read; "
        "declare them under code_scheme in a layout.",
    ),
    "no_rows": Sentences(
        "{file} 只有表头没有数据；名录不能为空，仍沿用上一次的数据。请重新导出。",
        "{file} has a header and no rows; a register cannot be empty, so the last one stands. Export it again.",
    ),
    "too_many_rows_rejected": Sentences(
        "{file} 有 {share} 的行不合格（上限 {limit}），整份文件暂缓入库，待人工确认（回执 {receipt}）。",
        "{share} of the rows of {file} were rejected (limit {limit}); the file is held for a person (receipt {receipt}).",
    ),
    "rows_collapsed": Sentences(
        "{file} 只有 {rows} 行可入库，上一次为 {before} 行（下限 {limit}），整份文件暂缓入库，待人工确认（回执 {receipt}）。",
        "{file} has {rows} good rows, the last file had {before} (limit {limit}); it is held for a person (receipt {receipt}).",
    ),
    "rows_exploded": Sentences(
        "{file} 有 {rows} 行可入库，上一次为 {before} 行（上限 {limit} 倍），整份文件暂缓入库，待人工确认（回执 {receipt}）。",
        "{file} has {rows} good rows, the last file had {before} (limit {limit} times); it is held for a person (receipt {receipt}).",
    ),
    "period_missing": Sentences(
        "{file} 与上一次报送之间缺少“{field}”{periods}；请补报，或由人工确认（回执 {receipt}）。",
        "Between the last file and {file} the {field_en} {periods} is missing; send it, or have a person confirm (receipt {receipt}).",
    ),
    "door_failed": Sentences(
        "{file} 处理时程序出错（{detail}），文件已存档，未写入任何数据；下次运行会重试，请联系数据平台。",
        "The door itself failed on {file} ({detail}); the file is archived, nothing was written, and the next night tries "
        "again. Tell the platform's team.",
    ),
    "file_takes_too_long": Sentences(
        "{file} 读取超过 {seconds} 秒（计算时间）仍未完成，已停止，未写入任何数据；请拆分或简化后重新发送，或由数据平台调整 policies/intake_policies.csv。",
        "Reading {file} took more than {seconds} s of computing time and was stopped, nothing was written: send it in parts or simpler, or "
        "the platform's team changes policies/intake_policies.csv.",
    ),
    "file_takes_too_much_memory": Sentences(
        "{file} 读取所需内存超过 {memory} MB，已停止，未写入任何数据；请拆分或简化后重新发送，或由数据平台调整 policies/intake_policies.csv。",
        "Reading {file} took more than {memory} MB of memory and was stopped, nothing was written: send it in parts or simpler, or the "
        "platform's team changes policies/intake_policies.csv.",
    ),
    "file_ends_the_reader": Sentences(
        "{file} 使读取程序意外退出，文件已存档，未写入任何数据，下次运行会重试；请换一种格式（如 CSV）重新导出，并联系数据平台。",
        "The program that read {file} came to an end by it; the file is archived, nothing was written, and the next night "
        "tries again. Export it in another format (CSV), and tell the platform's team.",
    ),
    "file_not_there": Sentences(
        "{file} 无法读取（{problem}）；请核对报送清单中的路径或重新发送。",
        "{file} cannot be read ({problem}); check the path in the delivery list or send it again.",
    ),
    "file_hangs": Sentences(
        "{file} 打开后 {problem} 秒没有读到内容（可能在断开的网络位置上），已放弃；请复制到本机后重新报送。",
        "{file} gave nothing for {problem} s (it may lie on a network that is gone) and was left; copy it here and list that.",
    ),
    "folder_not_readable": Sentences(
        "收件目录中的文件夹 {file} 打不开（{problem}）；请检查权限。",
        "The folder {file} in the inbox cannot be opened ({problem}); check its permissions.",
    ),
    "folder_in_folder": Sentences(
        "报送方文件夹里还有文件夹 {file}，不会读取；请把文件直接放进报送方的文件夹。",
        "{file} is a folder within the sender's folder and is not looked into; put its files into the sender's folder itself.",
    ),
    "inbox_not_writable": Sentences(
        "{file} 已存档，但收件目录只读，原文件无法移走；请开放写权限。不影响入库。",
        "{file} is archived and cannot be taken out of the inbox, which is read-only; let it be written. The file comes in.",
    ),
    "delivery_list_header": Sentences(
        "报送清单 {file} 的表头应有 {expected}，实际为：{found}。请改正表头。",
        "The delivery list {file} needs the columns {expected}; its first line is: {found}. Put them there.",
    ),
    "delivery_line": Sentences(
        "报送清单 {file} 第 {line} 行无法使用（{why_zh}）；请改正这一行，其他行照常读取。",
        "Line {line} of the delivery list {file} cannot be used ({why_en}); correct it. The other lines are read.",
    ),
    "withdrawn": Sentences(
        "{file} 已由 {by} 撤回，不再计入（原因：{why}）；原件和数据仍保留，可用 withdraw --undo 恢复。",
        "{file} was withdrawn by {by} and no longer counts (why: {why}); its bytes and rows are kept, withdraw --undo restores it.",
    ),
    "rows_lost": Sentences(
        "平台归档中 {file} 的原件已不存在或已损坏，入库数据无法由它重做，不是报送方的问题（回执 {receipt}）；请从备份恢复或重新报送同一文件。",
        "The platform's archive no longer has {file} whole and its rows cannot be made from it, which is no fault of the sender's "
        "(receipt {receipt}); restore a backup or send the same file again.",
    ),
    "archive_damaged": Sentences(
        "平台归档中 {file} 的原件已损坏（回执 {receipt}），不据此重做；请从备份恢复，或请报送方重新报送同一文件。",
        "{file}: its bytes in the archive are not those that came (receipt {receipt}), so nothing is made from them; restore a backup or "
        "have the same file sent again.",
    ),
    "same_bytes_again": Sentences(
        "{file} 与 {first} 收到的文件完全相同（回执 {receipt}），不再重复处理。",
        "{file} is byte for byte what came on {first} (receipt {receipt}); it is not processed twice.",
    ),
    "no_delivery": Sentences(
        "{feed} 逾期未报（报送方 {sender}）：上次收到 {last}，两次间隔不应超过 {days} 天；请联系{owner}；如已不再由其报送，请在 policies/feed_senders.csv 填写 expected_to。目前沿用上一次的数据。",
        "{feed_en} of sender {sender} is overdue: last received {last}, at most {days} days may pass; ask {owner}, or if it sends no more, "
        "say until when in policies/feed_senders.csv (expected_to). The last data stands in.",
    ),
}

MESSAGES: dict[str, Sentences] = {**FILES, **SHAPES, **VALUES, **ROWS, **PLATFORM}
