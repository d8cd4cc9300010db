"""What leads to a person in a text, however it is spelt: the text is made plain first and searched then.

Belongs here: the plain form, the grammar of numbers and names, and the words put in their place. Does not belong here:
which columns are searched and what becomes of the others (privacy.py), nor whether an identifier is right (identifiers.py).
How much is found and how much is taken for it wrongly is measured on tests/contracts/door/free_text.csv: docs/privacy.md.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import polars as pl

from contracts.door.characters import LETTERS_AND_DIGITS, is_made_of
from contracts.door.identifiers import EMAIL, RESIDENT_ID_18, is_luhn, is_resident_id

# What may stand for the label of what was found: given the label and the plain digits or letters.
Word = Callable[[str, str], str]

ID, CARD, PHONE, MAIL = "〔身份证号〕", "〔银行卡号〕", "〔电话〕", "〔邮箱〕"
PASSPORT, PLATE, ACCOUNT, OFFICER, NAME = "〔证件号〕", "〔车牌号〕", "〔账号〕", "〔工作证号〕", "〔姓名〕"


# ── the plain form ──────────────────────────────────────────────────────────────────────────────

_DASHES = dict.fromkeys("‐‑‒–—―−﹣－⁃~～", "-")
_FILLERS = "\u115f\u1160\u3164\uffa0"  # letters by their category, and nobody sees them
_HAN_DIGITS = {c: str(d) for d, cs in enumerate(("零〇○", "一壹幺弌", "二贰貳两", "三叁參", "四肆", "五伍", "六陆陸", "七柒", "八捌", "九玖")) for c in cs}  # fmt: skip
_SPOKEN = re.compile(f"[{''.join(_HAN_DIGITS)}0-9](?:[ -]?[{''.join(_HAN_DIGITS)}0-9]){{10,}}")


def plain(text: str) -> tuple[str, list[int] | range]:
    """Half-width characters, 0-9 for every digit of any script, one blank for many, nothing that nobody sees.

    Returns:
        (plain text, for each of its characters the place in `text` it comes from).
    """
    if text.isascii() and "  " not in text and text.isprintable():
        return text, range(len(text))
    characters: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        for c in _plain_character(character):
            if c == " " and characters and characters[-1] == " ":
                continue
            characters.append(c)
            places.append(place)
    made = "".join(characters)
    if any(c in _HAN_DIGITS for c in made):  # 幺三八… is read as digits where eleven stand together
        made = _SPOKEN.sub(lambda run: "".join(_HAN_DIGITS.get(c, c) for c in run[0]), made)
    return made, places


def _plain_character(character: str) -> str:
    if "!" <= character <= "~" or "\u4e00" <= character <= "\u9fff":
        return character
    if character in _DASHES:
        return _DASHES[character]
    if character.isspace():
        return " "
    category = unicodedata.category(character)
    if category in ("Cf", "Cc", "Mn", "Me", "Co", "Cn", "Cs") or character in _FILLERS:
        return ""
    digit = unicodedata.digit(character, None)
    if digit is not None:
        return str(digit)
    return character if category[0] == "N" or category == "So" else unicodedata.normalize("NFKC", character)


# ── the grammar ─────────────────────────────────────────────────────────────────────────────────

# What may stand between two digits of one number.
_GAP = r"[ \-.·•/\\()\[\]{}<>_|*【】「」]{0,4}"


def _digits(first: str, then: str, last: str = "[0-9]") -> str:
    return f"{first}(?:{_GAP}[0-9]){then}{_GAP}{last}(?![0-9])"


def _always(_: str) -> bool:
    return True


def _is_no_day(text: str) -> bool:
    """A letter before a day (E20260301) is a number of a paper more often than a passport."""
    return re.search(r"(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])$", text) is None


def is_like_a_resident_id(text: str) -> bool:
    """Whether 18 characters have the form of a resident id of somebody born from 1900 to 2009, whatever the check character."""
    return re.fullmatch(RESIDENT_ID_18, text) is not None and "1900" <= text[6:10] < "2010"


@dataclass(frozen=True)
class Kind:
    """Something that leads to a person: `group` of the pattern goes where `holds` says so of its digits and letters."""

    label: str
    pattern: re.Pattern[str]
    holds: Callable[[str], bool] = _always
    group: int = 0
    starts: re.Pattern[str] | None = None  # where it can begin; tried there only


_START = re.compile(r"(?<![0-9])[0-9]")
_RESIDENT = Kind(ID, re.compile(_digits("[1-9]", "{16}", "[0-9Xx]")), is_resident_id, starts=_START)
# Mistyped, and born before 2010: a case number of place, date and serial number has the date of a case.
_MISTYPED = Kind(ID, re.compile(_digits("[1-9]", "{16}", "[0-9Xx]")), is_like_a_resident_id, starts=_START)
_MOBILE = Kind(PHONE, re.compile(rf"(?:\(?(?:00{_GAP})?86{_GAP})?" + _digits(f"1{_GAP}[3-9]", "{8}")), starts=_START)
# In a column of codes only cards of UnionPay: one in ten numbers of that length has a right sum.
_LISTED = Kind(PHONE, re.compile(r"(?<![0-9])1[3-9][0-9][,、，] ?[0-9]{4}[,、，] ?[0-9]{4}(?![0-9])"), starts=_START)
_UNIONPAY = Kind(CARD, re.compile(_digits(f"6{_GAP}2", "{13,16}")), is_luhn, starts=_START)
_MAIL = Kind(MAIL, re.compile(EMAIL))
_SPELT_MAIL = Kind(
    MAIL, re.compile(r"[A-Za-z0-9._%+\-]{2,64} ?[(\[](?i:at)[)\]] ?(?:[A-Za-z0-9\-]{1,62}\.)+[A-Za-z]{2,24}")
)
_CARD_START = "(?=[3-6]|9[4-9])[0-9]"

# What a word before it gives away; only the group goes. The gap holds no label that stands there already.
_ID_WORDS = "身份[证證]|公民身份|[证證]件[号號]|(?i:\\bID ?card)|(?i:\\bsfz)"
_PHONE_WORDS = "[电電][话話]|手[机機]|座[机機]|热线|固[话話]|(?i:\\btel|\\bphone|\\bmobile)"
_ANNOUNCED = (
    Kind(ID, re.compile(f"(?:{_ID_WORDS})[^0-9〔〕]{{0,6}}({_digits('[1-9]', '{13,16}', '[0-9Xx]')})"), group=1),
    Kind(ID, re.compile("(?:后[四4六6]位|尾[号數数])[^0-9〔〕]{0,4}([0-9]{3,5}[0-9Xx])(?![0-9])"), group=1),
    Kind(PHONE, re.compile(f"(?:{_PHONE_WORDS})[^0-9〔〕]{{0,4}}([2-9][0-9]{{2,3}}{_GAP}[0-9]{{4}}(?![0-9]))"), group=1),
    Kind(PASSPORT, re.compile(r"(?:护照|護照|通行[证證]|台胞[证證]|居留[证證]|回[乡鄉][证證]|(?i:passport))[^A-Za-z0-9〔〕]{0,6}(?:(?i:no|number)[. :]{0,2})?([A-Za-z]{0,3}(?:[ -]?[0-9]){7,12})(?![A-Za-z0-9])"), group=1),
    Kind(OFFICER, re.compile(r"(?:[警工]号|警號|胸牌号?|工牌号?|(?:军官|士兵|文职|警官)[证證][号號]?)[^A-Za-z0-9〔〕]{0,4}([A-Za-z]{0,4}-?[0-9]{3,10})(?![A-Za-z0-9])"), group=1),
    Kind(ACCOUNT, re.compile(r"(?:微信|(?i:(?<![a-z])(?:weixin|wechat|vx|wx))|[vV]信|薇信|[加+➕][vV薇微](?![a-zA-Z])|(?<![A-Za-z])[vV](?= ?:))(?:[号號]|(?i:id))?[ :：是为,，=]{0,4}(?:(?i:id)[ :：]{0,2})?([A-Za-z][-_A-Za-z0-9]{5,19}|[0-9]{5,11})(?![-_A-Za-z0-9])"), group=1),
    Kind(ACCOUNT, re.compile(r"(?:(?i:(?<![a-z])qq)|扣扣)(?:[号號群]{0,2}|同号)[ :：是为,，=]{0,4}([1-9][0-9]{4,10})(?![0-9])"), group=1),
)  # fmt: skip

_PLATES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
_SHAPED = (
    Kind(OFFICER, re.compile(r"[军軍士文兵武空海参政后装]字?第 ?[0-9]{5,8} ?[号號]?")),
    Kind(PLATE, re.compile(rf"[{_PLATES}](?i:[A-HJ-NP-Z])[·•.\- ]?(?i:(?=[A-Z]{{0,5}}[0-9])[A-HJ-NP-Z0-9]{{4,5}})(?i:[A-HJ-NP-Z0-9]|[挂学警港澳])(?![A-Za-z0-9])")),
    Kind(PASSPORT, re.compile(r"(?<![A-Za-z0-9])(?i:[EG][0-9]{8}|E[A-HJ-NP-Z][0-9]{7}|[DSP]E?[0-9]{7}|[HM][0-9]{8}(?:[0-9]{2})?)(?![A-Za-z0-9])"), _is_no_day),
    # Hong Kong's identity card and the former residence permit of foreigners.
    Kind(PASSPORT, re.compile(r"(?<![A-Za-z0-9])(?:[A-Z]{1,2}[0-9]{6} ?\([0-9A]\)|[A-Z]{3}[0-9]{12})(?![A-Za-z0-9])")),
)  # fmt: skip
_NUMBERS = (
    _RESIDENT,
    _MISTYPED,
    Kind(CARD, re.compile(_digits(_CARD_START, "{17}")), is_luhn, starts=_START),
    Kind(CARD, re.compile(_digits(_CARD_START, "{14}")), is_luhn, starts=_START),
    _MOBILE,
    _LISTED,
    Kind(PHONE, re.compile(rf"(?<![0-9]-)0{_GAP}(?:1{_GAP}0|2{_GAP}[0-9]|[3-9](?:{_GAP}[0-9]){{2}}){_GAP}[2-9](?:{_GAP}[0-9]){{6,7}}(?![0-9])"), starts=_START),
    Kind(PHONE, re.compile(rf"\(?(?:00{_GAP})?86{_GAP}0?(?:10|2[0-9]|[3-9][0-9]{{2}}){_GAP}[2-9](?:{_GAP}[0-9]){{6,7}}(?![0-9])"), starts=_START),
    Kind(PHONE, re.compile(rf"(?:(?<=\+)|00)(?:85[23]|886|1|81|82|65|44){_GAP}[1-9](?:{_GAP}[0-9]){{7,10}}(?![0-9])"), starts=_START),
)  # fmt: skip

# ── names ───────────────────────────────────────────────────────────────────────────────────────

# The commonest 300 surnames or so; a name of another is not found.
_SURNAMES = (
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜范方石姚谭廖邹熊金"
    "陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文庞樊兰殷施陶洪翟安颜倪严牛温芦季俞章鲁葛伍韦申尤毕聂丛焦向柳邢路岳齐沿梅莫庄"
    "辛管祝左涂谷祁时舒耿牟卜路詹关苗凌费纪靳盛童欧甄项曲成游阳裴席卫查屈鲍位覃霍翁隋植甘景薄单包司柏宁柯阮桂闵解强柴华车冉房边辜吉饶刁瞿戚丘古米池"
    "滕晋苑邬臧畅宫来嵺苟全褚廉简娄盖符奚木穆党燕郎邸冀谈姬屠连郜晏栾郁商蒙计喻揭窦迟宇敖糜鄢冷卓花仇艾蓝都巩稽井练仲乐虞卞封竺冼原官衣楚佟栗匡宗应"
    "台巫鞠僧桑荆谌银扬明沙薄伏岑习胥保和蔺张陳楊趙黃吳孫馬羅鄭謝韓馮鄧許呂蘇盧蔣賈葉鍾陸顧龍萬錢湯賀龔龐蘭嚴溫蕭劉"
)
_COMPOUND = "欧阳|歐陽|司马|上官|诸葛|東方|东方|皇甫|尉迟|公孙|慕容|令狐|宇文|长孙|司徒|夏侯|轩辕|南宫|端木|百里|呼延|闻人|完颜|纳兰|第五"
_HAN = "[\u4e00-\u9fff]"
# Characters that begin the rest of a sentence, not end a name.
_NOT_IN_NAME = "的了在是住电今我你他她它来去要想有也都不没未就及与或跟向到从被把给让说问办打去年现这那请您们号男女岁家和因为已先于联身证手地于曾还只"
_GIVEN = f"(?![{_NOT_IN_NAME}]){_HAN}"
_PERSON = f"(?:(?:{_COMPOUND}){_GIVEN}(?:{_GIVEN})?|[{_SURNAMES}]{_GIVEN}(?:{_GIVEN})?|{_HAN}{{1,6}}[·•]{_HAN}{{1,8}}(?:[·•]{_HAN}{{1,8}})?)"
_APART = f"[{_SURNAMES}] {_GIVEN}(?: {_GIVEN})?(?!{_HAN})"
# Behind a word alone these begin other words (联系人方式, 申请人应当, 经办人时常).
_DOUBTFUL = "方式|方法|应[当该]|时[间常候]|安排|关[于系]|任[何务]|成[功为]|高度|明[确天显]|全部|都|和|来[电访源]|向|于|常|单位|位|计|管|解|强|包|查|连|保|原[因来]|商|应|盖章|台|简[介历]|温馨|能|施|路|房|单|古|谈|左右|边|官|习惯|文|米|车|时|成|全|明|安|关|任|方|易|武|金|银|江|华"
_WHO = "联[系繫]人|聯[系繫絡络]人|姓名|姓名为|经办人|經辦人|申请人|申請人|投诉人|来电人|当事人|委托人|代办人|办事人|反映人|患者|户主|老人|学生|家属|业主|本人|法人|负责人|受理人|办理人|接待人"
_NAMES = (
    Kind(NAME, re.compile(rf"(?:我叫|名叫|名字叫|名字是|名字为|我的名字)[ :是叫做]{{0,3}}({_APART}|{_PERSON})"), group=1),
    Kind(NAME, re.compile(rf"(?:{_WHO})(?:[ :]{{1,3}}|[是叫为]|[(](?:签字|签名)?[)][ :]{{0,2}})(?:叫)?({_APART}|{_PERSON})"), group=1),
    Kind(NAME, re.compile(rf"(?:{_WHO})(?!{_DOUBTFUL})({_PERSON})"), group=1),
    Kind(NAME, re.compile(rf"(?:母亲|父亲|妈妈?|爸爸?|妻子|丈夫|儿子|女儿|奶奶|爷爷|外婆|外公|老伴|爱人|老公|老婆|孩子)叫({_PERSON})"), group=1),
    Kind(NAME, re.compile(rf"(?!任何|老师|高级)({_PERSON})(?=同志|女士|先生|阿姨|大爷|大妈|警官|法官)"), group=1),
    Kind(NAME, re.compile(r"(?i:my name is|i am called|contact person) ?[:]? ?([A-Z][a-z]{1,15}(?: [A-Z][a-z]{1,15}){1,2})"), group=1),
)  # fmt: skip

# In this order; what one has taken, the next does not see.
ALL: tuple[Kind, ...] = (_MAIL, _SPELT_MAIL, *_ANNOUNCED, *_NUMBERS, *_SHAPED, *_NAMES)
# In a code or a name of a place: what cannot well be anything else. One in eleven case numbers made of place, date and serial number
# has a right check character; of ids only those of people born before such numbers begin are taken.
IN_CODES: tuple[Kind, ...] = (_MAIL, _MISTYPED, _UNIONPAY, _MOBILE)
# Where a telephone is what belongs there.
BESIDE_TELEPHONES: tuple[Kind, ...] = (_MISTYPED, _UNIONPAY)

# ── whole columns ───────────────────────────────────────────────────────────────────────────────

_ANY_DIGIT = rf"[\p{{Nd}}\p{{No}}{''.join(_HAN_DIGITS)}]"
_UNSEEN = r"\x{115f}\x{1160}\x{3164}\x{ffa0}"
# What can hold any of them; everything else costs one scan.
_CAN_HOLD = "|".join(
    (
        rf"(?:{_ANY_DIGIT}(?:[^\p{{L}}\p{{N}}]|[{_UNSEEN}])*){{6}}{_ANY_DIGIT}",
        r"[@＠﹫]|(?i:[(\[（【]at[)\]）】])|[vVｖＶ]\P{L}*[:：]",
        rf"[{_PLATES}][^\p{{L}}\p{{N}}]{{0,3}}[\p{{Lu}}\p{{Ll}}]",
        rf"[\p{{Cf}}\p{{Mn}}\p{{Me}}\p{{Co}}{_UNSEEN}Ａ-Ｚａ-ｚ\x{{1D400}}-\x{{1D7FF}}]",
        r"(?i:[证證][号號]?|护照|護照|[警工]号|警號|牌|字?第)\P{L}*[\p{L}\p{N}]*\p{N}",
        r"(?i:微信|weixin|wechat|vx|wx|v信|薇信|[加+＋➕][v薇微]|qq|扣扣)",
        r"(?i:叫|名字|name is|i am called|contact person)|[后尾]|同志|女士|先生|阿姨|大爷|大妈|警官|法官|" + _WHO,
    )
)
# What can hold a person's number in a code: as it is usually written, with anything between its digits, in other digits.
_BETWEEN = rf"(?:[^\p{{L}}\p{{N}}]|[{_UNSEEN}])*"
_CODE_CAN_HOLD, _GAPPED = (
    "|".join(
        (
            rf"(?:^|[^0-9])(?:86{gap})?1{gap}[3-9](?:{gap}[0-9]){{9}}(?:[^0-9]|$)",
            rf"(?:^|[^0-9])[1-9](?:{gap}[0-9]){{5}}{gap}(?:1{gap}9|2{gap}0)(?:{gap}[0-9]){{2}}{gap}[01](?:{gap}[0-9]){{6}}{gap}[0-9Xxｘ](?:[^0-9]|$)",
            rf"(?:^|[^0-9])6{gap}2(?:{gap}[0-9]){{14,17}}(?:[^0-9]|$)",
            "[@＠﹫]",
        )
    )
    for gap in ("", _BETWEEN)
)
_ODD = rf"[0-9](?:[^\p{{L}}\p{{N}}]|[{_UNSEEN}])+[0-9]|[^\x00-\x7f]"
_OTHER_DIGITS = rf"[\p{{Nd}}\p{{No}}{''.join(_HAN_DIGITS)}--0-9]"
_ELEVEN = rf"(?:{_ANY_DIGIT}{_BETWEEN}){{10}}{_ANY_DIGIT}"


def searched(text: pl.Series) -> pl.Series:
    """Which texts can hold anything of `ALL`."""
    # Most texts hold neither digit nor Latin letter nor word: told at a third of the price by the engine's own search.
    return text.str.contains(_CAN_HOLD).fill_null(value=False)


def codes_searched(codes: pl.Series) -> pl.Series:
    """Which codes can hold anything of `IN_CODES`."""
    # Letters and digits alone, as most codes are, hold no sign between digits, no other digits and no address.
    is_bare = is_made_of(codes, LETTERS_AND_DIGITS)
    long = (codes.str.len_bytes() >= 11).fill_null(value=False)
    if not is_bare:
        long |= codes.str.contains("[@＠﹫]").fill_null(value=False)
    if not long.any():
        return long
    left = codes.filter(long)
    holds = left.str.contains(_CODE_CAN_HOLD)
    oddly = ~holds & left.str.contains(_ODD) if not is_bare else holds.clear()
    if oddly.any():
        odd = left.filter(oddly)
        in_other_digits = odd.str.contains(_OTHER_DIGITS) & odd.str.contains(_ELEVEN)
        holds = holds.scatter(oddly.arg_true(), odd.str.contains(_GAPPED) | in_other_digits)
    return long.scatter(long.arg_true(), holds)


# What a text of three or four characters ends in that is no name of a person (高新区, 武侯区, 金牛路).
_NO_NAME = re.compile(
    "[区區县縣市省州盟旗乡鄉镇鎮村屯街路道巷里弄号號桥社厅廳局院处處所站馆館办辦委会會校园園部科室队隊库庫场場店厂廠类類证證人员員费費表名]$"
)


def is_like_a_name(text: str) -> bool:
    """Whether a whole text has the form of a Chinese name: a surname and one or two more characters."""
    bare = plain(text)[0].strip()
    return len(bare) <= 4 and re.fullmatch(_PERSON, bare) is not None and not _NO_NAME.search(bare)


# ── one text ────────────────────────────────────────────────────────────────────────────────────


def label_only(label: str, _: str) -> str:
    return label


def replaced(text: str, kinds: tuple[Kind, ...] = ALL, word: Word = label_only) -> tuple[str, int]:
    """The text with a word in place of whatever leads to a person, and how many were replaced."""
    count = 0
    # Until nothing is left: taking one number out can uncover that its neighbour stands alone.
    while spans := list(_spans(text, kinds)):
        count += len(spans)
        parts, at = [], 0
        for start, end, label, found in sorted(spans):
            parts += [text[at:start], word(label, found)]
            at = end
        text = "".join(parts) + text[at:]
    return text, count


def _spans(text: str, kinds: tuple[Kind, ...]) -> Iterator[tuple[int, int, str, str]]:
    """Where in `text` something stands that has to go: (start, end, label, its plain digits and letters)."""
    looked_at, places = plain(text)
    taken = bytearray(len(looked_at))
    starts = [match.start() for match in _START.finditer(looked_at)]
    for kind in kinds:
        for match in _matches(kind, looked_at, starts):
            start, end = match.span(kind.group)
            found = re.sub(r"[^0-9A-Za-z]", "", match[kind.group])
            if any(taken[start:end]) or not kind.holds(found):
                continue
            if kind.starts and start > 0 and looked_at[start - 1] in "(+":
                start -= 1 if not taken[start - 1] else 0
            taken[start:end] = b"\1" * (end - start)
            yield places[start], places[end - 1] + 1, kind.label, found or match[kind.group]


def _matches(kind: Kind, text: str, starts: list[int]) -> Iterator[re.Match[str]]:
    if kind.starts is None:
        yield from kind.pattern.finditer(text)
        return
    for start in starts:
        if match := kind.pattern.match(text, start):
            yield match
