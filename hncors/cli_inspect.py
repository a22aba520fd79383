"""hncors inspect: what is in a stream."""

from __future__ import annotations

from typing import Any

from hncors.cli_output import DONE, LONG, Refused, console, document, given_time, note, progress, table
from hncors.daemon.recording import EXPECTED, Recording, RecordingError, open_recordings
from hncors.gpstime import from_unix_ns
from hncors.signals import GNSS, NAMES
from hncors.text import printable
from hncors.view.inspection import inspect

_TITLES = {
    63: "BeiDou ephemeris (draft)",
    **dict.fromkeys((1001, 1002, 1003, 1004), "GPS observations"),
    **dict.fromkeys((1009, 1010, 1011, 1012), "GLONASS observations"),
    **dict.fromkeys((1005, 1006), "reference point"),
    **dict.fromkeys((1007, 1008), "antenna"),
    1013: "system parameters",
    1029: "text",
    1032: "physical reference station",
    1033: "receiver and antenna",
    1230: "GLONASS code-phase biases",
    1019: "GPS ephemeris",
    1020: "GLONASS ephemeris",
    1041: "NavIC ephemeris",
    1042: "BeiDou ephemeris",
    1044: "QZSS ephemeris",
    1045: "Galileo ephemeris F/NAV",
    1046: "Galileo ephemeris I/NAV",
}


def command(source: str, time: str | None, as_json: bool) -> int:
    """Inspect a file, a folder or standard input; the exit status."""
    given_ms = given_time(time)
    try:
        recordings = open_recordings([source])
        found = [(recording, _inspected(recording, given_ms)) for recording in recordings]
    except RecordingError as refused:
        raise Refused(*refused.problems) from refused
    empty = [recording.name for recording, one in found if not one["frames"]]
    found = [(recording, one) for recording, one in found if one["frames"]]
    if not found:
        raise Refused(f"{printable(source, 500)}: no RTCM 3 frame found; {EXPECTED}")
    for name in empty:
        note(f"{name}: no RTCM 3 frame found")
    for recording in recordings:
        for problem in recording.problems:
            note(problem)
    if as_json:
        documents = [{"recording": printable(recording.name)} | one for recording, one in found]
        document(documents[0] if len(recordings) == 1 else {"recordings": documents})
    else:
        for recording, one in found:
            _report(recording.name, one)
    return DONE


def _inspected(recording: Recording, given_ms: int | None) -> dict[str, Any]:
    arrivals = recording.arrivals
    arrival_ms = None if arrivals is None else from_unix_ns(int(arrivals[1][0]))
    with progress(recording.name, recording.size, long=recording.size > LONG) as told:
        return inspect(recording.data, given_ms, arrival_ms=arrival_ms, progress=told)


def _report(name: str, one: dict[str, Any]) -> None:
    out = console()

    def line(text: str) -> None:
        out.print(text, markup=False, soft_wrap=True)

    out.print(printable(name), style="bold", markup=False)
    size = one["bytes"]
    line(
        f"bytes 字节  {size['total']:,} = {size['in_frames']:,} in frames + {size['junk']:,} junk"
        f" + {size['pending']:,} pending;  {one['frames']:,} frames, {one['crc_failures']:,} failed checks"
    )
    line(_span(one))
    line(f"stations 站号  {', '.join(map(str, one['station_ids'])) or 'none'}")
    for x, y, z in one["arps"][:10]:
        line(f"reference point 参考点  X {x:.4f}  Y {y:.4f}  Z {z:.4f} m")
    for thing in _distinct(one["equipment"]):
        line(f"equipment 设备  {thing}")
    for text in one["texts"][:10]:
        line(f"text 文本  {text}")
    out.print(_messages(one))
    if one["systems"]:
        out.print(_signals(one))
        new = one["bds3"]
        line(
            f"BeiDou-3 北斗三号  {' '.join(new['satellites']) or 'no satellites'}"
            f"  signals {' '.join(new['signals']) or 'none'}"
        )
    told = ", ".join(f"{g} {n} ({one['ephemeris_sets'][g]} sets)" for g, n in one["ephemerides"].items())
    line(f"ephemerides 星历  {told or 'none'}")
    if one["gaps"]:
        out.print(_gaps(one["gaps"]))
    if one["anomalies"]:
        made = table("anomalies 异常", "name", ">count")
        for kind, count in one["anomalies"].items():
            made.add_row(kind, f"{count:,}")
        out.print(made)


def _span(one: dict[str, Any]) -> str:
    if not one["epochs"]:
        return "epochs 历元  none"
    missing = sum(gap["missing"] for gap in one["gaps"])
    every = f" every {one['interval_s']:g} s" if one["interval_s"] else ""
    text = f"epochs 历元  {one['epochs']:,}{every}, {missing:,} missing in {len(one['gaps'])} gaps; "
    if one["first_epoch"] is None:
        return text + f"week unknown (give --time), from second {one['first_tow_s']:g} of it"
    return text + f"{one['first_epoch']} to {one['last_epoch']} GPST (week from {one['week_from']})"


def _distinct(equipment: list[dict[str, Any]]) -> list[str]:
    """Equipment in words, what is said of it in part only left out."""
    texts = [
        " | ".join(
            f"{key} {value}" for key, value in one.items() if key != "station_id" and value not in ("", 0)
        )
        for one in equipment[:50]
    ]
    texts = list(dict.fromkeys(text for text in texts if text))
    return [text for text in texts if not any(text != other and text in other for other in texts)]


def _messages(one: dict[str, Any]) -> Any:
    made = table("messages 电文", ">type", "what", ">count", ">every (s)")
    for number, count in one["messages"].items():
        every = one["message_intervals_s"].get(number)
        title = _title(int(number)) if number not in one["unknown_messages"] else "not decoded"
        made.add_row(number, title, f"{count:,}", "" if every is None else f"{every:g}")
    return made


def _title(number: int) -> str:
    if 1071 <= number <= 1137 and 1 <= number % 10 <= 7:
        return f"{NAMES[(number - 1070) // 10]} MSM{number % 10}"
    return _TITLES.get(number, "")


def _signals(one: dict[str, Any]) -> Any:
    made = table("signals 信号", "system", ">satellites", "signal", ">observations", ">C/N0 dB-Hz")
    for letter, system in one["systems"].items():
        name, count = f"{letter} {NAMES[GNSS.index(letter)]}", str(len(system["satellites"]))
        for code, cells in system["signals"].items():
            cn0 = system["cn0_dbhz"].get(code)
            made.add_row(name, count, code, f"{cells:,}", "" if cn0 is None else f"{cn0:.1f}")
            name = count = ""
    return made


def _gaps(gaps: list[dict[str, Any]]) -> Any:
    made = table("gaps 缺口", "after", "before", ">missing")
    for gap in gaps[:20]:
        after = gap["after"] or f"second {gap['after_tow_s']:g}"
        before = gap["before"] or f"second {gap['before_tow_s']:g}"
        made.add_row(after, before, str(gap["missing"]))
    if len(gaps) > 20:
        made.add_row(f"and {len(gaps) - 20} more", "", "")
    return made
