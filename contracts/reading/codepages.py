"""Which single-byte code page a text was written in, by the alphabets of the languages that use it.

The same byte is ř in Windows-1250 and ø in Windows-1252: only a page under which the letters are those of one language is
believed. Does not belong here: telling these texts from Chinese ones (encoding).
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise

ENOUGH = 0.98  # of the characters beyond ASCII; the rest may be a foreign name

_OTHER_SCRIPTS = ("cp1255", "cp1251", "cp1253", "koi8-r", "cp874")  # whose words hold no Latin letter
_BESIDE_LATIN = re.compile(rb"(?<=[A-Za-z])[\x80-\xff]|[\x80-\xff](?=[A-Za-z])")
_ANYWHERE = set("\u00a0“”„‘’‚‹›«»–—…€£°§·•†©®™×±µ²№")
_LANGUAGES: dict[str, tuple[str, ...]] = {
    "cp1252": (
        "àâæçéèêëîïôœùûüÿ", "äöüßé", "áéíñóúü¿¡ªº", "áâãàçéêíóôõúªº", "àèéìíîòóùú", "æøåéüö", "åäöé", "áðéíóúýþæö", "áéëïíöóüú",
        "àçèéíïòóúü",
    ),
    "cp1250": (
        "áčďéěíňóřšťúůýž", "áäčďéíĺľňóôŕšťúýž", "ąćęłńóśźż", "áéíóöőúüű", "čćšžđ", "ăâîşţșț", "äöüß",
    ),
    "iso8859-2": ("áčďéěíňóřšťúůýž", "áäčďéíĺľňóôŕšťúýž", "ąćęłńóśźż", "áéíóöőúüű", "čćšžđ"),
    "cp1255": ("אבגדהוזחטיךכלםמןנסעףפץצקרשת",),  # before Russian, which has capitals and letters beyond
    "cp1251": ("абвгдеёжзийклмнопрстуфхцчшщъыьэюяіїєґўјљњћџђ",),
    "cp1253": ("αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώϊϋΐΰ",),
    "cp1254": ("çğıi̇öşüâîû",),
    "cp1257": ("ąčęėįšųūž", "āčēģīķļņšūž", "äöõüšž"),
    "koi8-r": ("абвгдеёжзийклмнопрстуфхцчшщъыьэюя",),
    "cp874": ("กขฃคฅฆงจฉชซฌญฎฏฐฑฒณดตถทธนบปผฝพฟภมยรฤลฦวศษสหฬอฮฯะัาำิีึืฺุูเแโใไๅๆ็่้๊๋์ํ",),
    "cp850": ("äöüßé", "àâæçéèêëîïôœùûüÿ", "áéíñóúü¿¡ªº", "æøåéüö", "àèéìíîòóùú"),  # of DOS
}  # fmt: skip


def _has_capitals_inside(sample: bytes, page: str) -> bool:
    """Whether words go on in capitals after a small letter, as accented Greek does when it is read as Cyrillic."""
    text = sample.decode(page, errors="replace")
    inside = sum(a.islower() and b.isupper() for a, b in pairwise(text))
    return inside * 20 > sum(map(str.isalpha, text))


def likely_code_page(sample: bytes) -> str | None:
    """The first page under which the letters beyond ASCII are one language's; None where there is none."""
    bytes_seen = Counter(byte for byte in sample if byte > 0x7F)
    beside_latin = len(_BESIDE_LATIN.findall(sample))
    for page, alphabets in _LANGUAGES.items():
        if page in _OTHER_SCRIPTS and (beside_latin * 10 > bytes_seen.total() or _has_capitals_inside(sample, page)):
            continue
        read = {byte: bytes([byte]).decode(page, errors="replace").casefold() for byte in bytes_seen}
        for alphabet in alphabets:
            letters = _ANYWHERE | set(alphabet)
            known = sum(times for byte, times in bytes_seen.items() if read[byte] in letters or read[byte] == "ss")
            if known >= ENOUGH * bytes_seen.total():
                return page
    return None
