"""What the columns of a filing table are called, in Chinese and English, and what they may hold.

A heading is looked up without blanks, brackets, stars and small letters, so that "纬度（°）*" is 纬度.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

COLUMNS: Mapping[str, tuple[str, str]] = {
    "id": ("word", "站号 站点代码 测站代码 站点编号 测站编号 station stationid code"),
    "name": ("word", "名称 站名 站点名称 测站名称"),
    "name_en": ("word", "英文名称 英文名 nameen englishname"),
    "link": ("word", "链路 数据链路 数据链接 接入地址 url"),
    "rate_hz": ("number", "采样率 采样频率 ratehz"),
    "enabled": ("yes", "监测 是否监测"),
    "invented": ("yes", "虚构"),
    "systems": ("word", "系统 卫星系统 constellations"),
    "operator": ("word", "运营单位 运维单位 建设单位 所属单位"),
    "county": ("word", "区县 县区 所在区县 所在县区 县市区"),
    "coordinates.latitude_deg": ("degrees", "纬度 大地纬度 B latitude lat latitudedeg"),
    "coordinates.longitude_deg": ("degrees", "经度 大地经度 L longitude lon longitudedeg"),
    "coordinates.height_m": ("number", "大地高 椭球高 H height ellipsoidalheight heightm"),
    "coordinates.x_m": ("number", "X X坐标 xm"),
    "coordinates.y_m": ("number", "Y Y坐标 ym"),
    "coordinates.z_m": ("number", "Z Z坐标 zm"),
    "coordinates.frame": ("word", "坐标系 坐标框架 参考框架 坐标系统 参考系"),
    "coordinates.epoch": ("number", "历元 参考历元 坐标历元"),
    "coordinates.antenna_height_m": ("number", "天线高 antennaheight antennaheightm"),
    "coordinates.plate": ("word", "板块"),
    "receiver.type": ("word", "接收机型号 接收机类型 接收机 receiver receivertype"),
    "receiver.serial": ("word", "接收机序列号 接收机编号 receiverserial"),
    "receiver.firmware": ("word", "固件版本 接收机固件 firmware receiverfirmware"),
    "antenna.type": ("word", "天线型号 天线类型 天线 antenna antennatype"),
    "antenna.serial": ("word", "天线序列号 天线编号 antennaserial"),
    "filing.number": ("word", "备案号 备案编号 filing filingnumber"),
    "filing.filed_on": ("day", "备案日期 备案时间 filedon"),
    "filing.in_service_on": ("day", "启用日期 投入使用日期 inserviceon"),
    "filing.withdrawn_on": ("day", "注销日期 撤站日期 withdrawnon"),
    "permit.number": ("word", "许可编号 许可证号 permit permitnumber"),
    "permit.begins": ("day", "许可起始日期 许可开始 许可起 permitbegins"),
    "permit.ends": ("day", "许可截止日期 许可结束 许可止 permitends"),
    "permit.temporary": ("yes", "临时许可 是否临时 temporary permittemporary"),
    "permit.areas": ("words", "许可区域 作业区域 areas permitareas"),
}
"""Key of a station file: what kind of value it has, and its headings besides the key itself."""

CARTESIAN = tuple(f"coordinates.{axis}_m" for axis in "xyz")
GEODETIC = tuple(f"coordinates.{name}" for name in ("latitude_deg", "longitude_deg", "height_m"))
FRAMES: Mapping[str, str] = {
    "2000国家大地坐标系": "CGCS2000",
    "国家2000": "CGCS2000",
    "国家大地2000": "CGCS2000",
    "CGCS2000坐标系": "CGCS2000",
    "WGS-84": "WGS84",
}
"""Other names of frames; what is in no table here is judged as it stands."""


def plain(heading: object) -> str:
    """A heading as it is looked up: without its unit in brackets, blanks, marks and capitals."""
    text = unicodedata.normalize("NFKC", str(heading or ""))
    return re.sub(r"\(.*?\)|\[.*?\]|[\s*:_.\-/]", "", text).casefold()


def _table() -> dict[str, str]:
    found = {}
    for key, (_, names) in COLUMNS.items():
        own = (key, key.rpartition(".")[2]) if key.count(".") == 0 else (key,)
        tail = key.rpartition(".")[2]
        alone = (tail,) if tail in ("frame", "epoch", "plate") else ()
        for name in (*own, *alone, *names.split()):
            found[plain(name)] = key
    return found


HEADINGS = _table()
"""Plain heading: key."""
