"""Where invented stations stand: Hunan's cities and county towns, to a hundredth of a degree.

The towns are real, the stations are not: no receiver stands at these coordinates.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

BOX_DEG = (24.8, 29.9, 109.3, 113.9)  # south, north, west, east: the province, roughly


class Place(NamedTuple):
    """A town with an invented station."""

    id: str
    name: str
    name_en: str
    latitude_deg: float
    longitude_deg: float
    height_m: float


def _table(text: str) -> tuple[Place, ...]:
    places = []
    for line in text.strip().splitlines():
        key, name, name_en, latitude, longitude, height = line.split()
        english = name_en.replace("_", " ")
        places.append(
            Place(
                key,
                f"{name}（虚构）",
                f"{english} (invented)",
                float(latitude),
                float(longitude),
                float(height),
            )
        )
    return tuple(places)


TOWNS = _table("""
    CSHA 长沙     Changsha    28.20 112.95  75
    ZHZH 株洲     Zhuzhou     27.83 113.15  62
    XTAN 湘潭     Xiangtan    27.83 112.92  58
    HYNG 衡阳     Hengyang    26.90 112.60  82
    SHYG 邵阳     Shaoyang    27.24 111.47 255
    YYNG 岳阳     Yueyang     29.37 113.10  50
    CHDE 常德     Changde     29.03 111.69  40
    ZJJE 张家界   Zhangjiajie 29.12 110.48 190
    YIYG 益阳     Yiyang      28.57 112.35  45
    CHZH 郴州     Chenzhou    25.78 113.02 185
    YZHO 永州     Yongzhou    26.42 111.61 120
    HHUA 怀化     Huaihua     27.56 110.00 270
    LOUD 娄底     Loudi       27.73 112.00 130
    JSHO 吉首     Jishou      28.31 109.74 210
    LYAG 浏阳     Liuyang     28.16 113.64  85
    LILG 醴陵     Liling      27.65 113.50  60
    XXIA 湘乡     Xiangxiang  27.73 112.53  60
    LEIY 耒阳     Leiyang     26.42 112.86 110
    WUGG 武冈     Wugang      26.73 110.63 340
    LINX 临湘     Linxiang    29.48 113.45  55
    SHIM 石门     Shimen      29.58 111.38  80
    CILI 慈利     Cili        29.43 111.14 110
    GUIY 桂阳     Guiyang     25.75 112.73 310
    DAOX 道县     Daoxian     25.53 111.60 190
    HONJ 洪江     Hongjiang   27.20 109.83 190
    LENS 冷水江   Lengshuijiang 27.69 111.43 220
    FENH 凤凰     Fenghuang   27.95 109.60 330
    PINJ 平江     Pingjiang   28.70 113.58  80
""")


def places(count: int, seed: int) -> list[Place]:
    """The first `count` places: the towns, then points scattered over the province, the same for a seed."""
    chance = np.random.default_rng([seed, 7])
    south, north, west, east = BOX_DEG
    scattered = [
        Place(
            f"H{number:04d}",
            f"散点{number}（虚构）",
            f"Point {number} (invented)",
            round(float(chance.uniform(south, north)), 4),
            round(float(chance.uniform(west, east)), 4),
            round(float(chance.uniform(30, 600)), 1),
        )
        for number in range(len(TOWNS) + 1, count + 1)
    ]
    return [*TOWNS[:count], *scattered]
