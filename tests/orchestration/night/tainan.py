"""Tainan a second time: the tables of docs/real.md from the public files, with numpy and without anything of the project.

Places are found by name, as one would read the files; what a map has to tell is named below. Inequality is taken over pairs of residents, and
distances over all pairs, not as the models do.
"""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from unicodedata import normalize
from xml.etree import ElementTree

import numpy as np

CITY = "台南市"
# Characters that the files of the city and of the residents lost or write otherwise than the list of villages.
SPELT = {"鹽": "塩", "\U000fb56f": "塭", "𦰡": "\ue916", "𥕢": "\ue10c", "南?": "南廍", "?榔": "槺榔"}
REPAIRED = {"石\ue000里": "石𥕢里", "石石??里": "石𥕢里"}
# Points that a map shows in another district than the one written beside them.
ELSEWHERE = {
    "五興里活動中心", "和平里活動中心", "和愛社區活動中心", "大坑社區活動中心", "姑爺里活動中心", "公滯4(南科特定區)",
}  # fmt: skip
# The one monument without an address: the great south gate of the old town.
SOUTH_GATE = "12.臺灣府城大南門"
Village = tuple[str, str]
Point = tuple[float, float]


@dataclass
class Kind:
    """Facilities of a kind: how many of each district, where they are, which of these is in which village."""

    of_district: Counter[str]
    points: list[Point]
    in_village: dict[Village, list[Point]]


class Tainan:
    def __init__(self, files: Path) -> None:
        self.files = files
        self.villages = {
            (r["區鄉鎮名稱"], r["村里名稱"])
            for r in self._rows("divisions/tw_village_codes.csv")
            if r["縣市名稱"] == CITY
        }
        self.residents: Counter[str] = Counter()
        self.people: Counter[Village] = Counter()
        for r in self._rows("population/tw_village_population_2021-03.csv"):
            if r["區域"].startswith("臺南市"):
                self.residents[r["區域"][3:]] += int(r["人口"])
                self.people[self.found(r["區域"][3:], r["村里"])] += int(r["人口"])
        self.park_area: Counter[Village] = Counter()
        self.parks, self.centres = Kind(Counter(), [], defaultdict(list)), Kind(Counter(), [], defaultdict(list))
        for r in self._rows("sports/tainan_parks.csv"):
            district = r["所在轄區"].replace("農業局", "山上區")
            village = self.found(district, r["里別"].strip())
            self.park_area[village] += 10_000 * float(r["面積"])
            self._stand(self.parks, r["公園名稱"], village, r["X座標"], r["Y座標"])
        for r in self._rows("civil_affairs/tainan_activity_centres.csv"):
            named = [v.removesuffix("里") + "里" for v in re.split(r"[\s、]+", r["里別"].strip())]
            village = self.found(r["區別"], next((v for v in named if v in r["地址"][6:]), named[0]))
            # The headers of the two coordinates are swapped.
            self._stand(self.centres, r["活動中心名稱"], village, r["緯度"], r["經度"])

    def _rows(self, path: str) -> list[dict[str, str]]:
        """The rows; a compatibility character that looks like another (檨, 里) is that one, as Unicode has it."""
        text = (self.files / path).read_text(encoding="utf-8-sig")
        return list(csv.DictReader(io.StringIO(normalize("NFC", text), newline="")))

    def found(self, district: str, village: str) -> Village:
        """The village as the list has it; one that the list does not have is nobody's, of the district alone."""
        spelt = REPAIRED.get(village, village)
        for wrong, right in SPELT.items():
            spelt = spelt.replace(wrong, right)
        known = [v for v in (village, REPAIRED.get(village, village), spelt) if (district, v) in self.villages]
        return district, known[0] if known else ""

    def _stand(self, kind: Kind, name: str, village: Village, east: str, north: str) -> None:
        kind.of_district[village[0]] += 1
        if name not in ELSEWHERE and not east.startswith("查無"):
            kind.points.append((float(east), float(north)))
            if village[1]:
                kind.in_village[village].append(kind.points[-1])

    def monuments(self) -> Counter[str]:
        found: Counter[str] = Counter()
        for name in ("tainan_monuments", "tainan_national_monuments"):
            for one in json.loads((self.files / f"culture/{name}.geojson").read_text(encoding="utf-8"))["features"]:
                said = one["properties"]
                found["中西區" if said["名稱"] == SOUTH_GATE else said["地址"][3:].split("區")[0] + "區"] += 1
        return found

    def health(self) -> Counter[str]:
        """Institutions of both lists, each code once, by the district its address begins with."""
        at = {
            row[3]: row[6][3:].split("區")[0] + "區"
            for name in ("hospitals", "clinics")
            for row in spreadsheet(self.files / f"health/tw_{name}.ods")
            if row[6].startswith(("臺南市", "台南市"))
        }
        return Counter(at.values())

    def within_1_km(self, aim: Kind, stands: Kind, district: str) -> list[float | None]:
        """Villages that lie in the middle of what stands in them, those within 1 km of the nearest of the other kind, the share of their
        residents who are, and the residents' mean distance; of the whole city without a district."""
        located = sorted(v for v in stands.in_village if district in ("", v[0]))
        if not located:
            return [0, None, None, None]
        middles = np.array([np.median(stands.in_village[v], axis=0) for v in located])
        metres = on_foot(middles, np.array(aim.points)).min(axis=1)
        people = np.array([self.people[v] for v in located], float)
        reach = metres <= 1000
        if not people.sum():
            return [len(located), int(reach.sum()), None, None]
        return [
            len(located),
            int(reach.sum()),
            people[reach].sum() / people.sum(),
            (people * metres).sum() / people.sum(),
        ]

    def evenness(self, district: str) -> list[float | None]:
        """Park area over residents, between the villages whose residents are known: villages, the share of the area that is known by village,
        Gini, Theil T, its part between districts and within them."""
        units = sorted(v for v in self.villages if self.people[v] > 0 and district in ("", v[0]))
        y = np.array([self.park_area[v] for v in units])
        p = np.array([self.people[v] for v in units], float)
        here = sum(a for v, a in self.park_area.items() if district in ("", v[0]))
        if not y.sum():
            return [len(units), 0.0 if here else None, *[None] * 4]
        x, w = y / p, p / p.sum()
        of = np.array([v[0] for v in units])
        sums = [(y[of == d].sum(), p[of == d].sum()) for d in sorted(set(of))]
        gini = (w[:, None] * w[None, :] * abs(x[:, None] - x[None, :])).sum() / (2 * (w * x).sum())
        between = theil(*(np.array(part) for part in zip(*sums, strict=True)))
        return [len(units), y.sum() / here, gini, theil(y, p), between, theil(y, p) - between]


def theil(y: np.ndarray, p: np.ndarray) -> float:
    """Residents' mean of r ln r, r the ratio of what one has to the mean."""
    r, w = (y / p) / (y.sum() / p.sum()), p / p.sum()
    return float((w[r > 0] * r[r > 0] * np.log(r[r > 0])).sum())


def on_foot(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Metres: the angle between two directions from the middle of the globe, and three tenths more."""
    a, b = (
        np.stack([np.cos(n) * np.cos(e), np.cos(n) * np.sin(e), np.sin(n)], axis=-1) for e, n in (np.radians(one).T, np.radians(other).T)
    )  # fmt: skip
    chord = np.linalg.norm(a[:, None] - b[None, :], axis=-1)
    return 1.3 * 6_371_000 * 2 * np.arcsin(chord / 2)


def spreadsheet(path: Path) -> Iterator[list[str]]:
    """Rows of an OpenDocument sheet that have as many cells as its table."""
    table = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
    with zipfile.ZipFile(path) as file:
        root = ElementTree.fromstring(file.read("content.xml"))
    for row in root.iter(table + "table-row"):
        cells: list[str] = []
        for cell in row.findall(table + "table-cell"):
            cells += ["".join(cell.itertext())] * min(int(cell.get(table + "number-columns-repeated", "1")), 9)
        if len(cells) > 6:
            yield cells
