"""The quality report of hncors replay: one page that needs nothing else, whatever the streams hold."""

import json
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from cli_material import START_MS, made, ran

from hncors.health import Event
from hncors.network import NO_NEWS, Epochs, Network, Tick
from hncors.observation import NO_MESSAGES, NO_OBSERVATIONS
from hncors.positioning import SOLVED, unsolved
from hncors.signals import GNSS
from hncors.view import report_words
from hncors.view.history import History
from hncors.view.report import not_computed, quality
from hncors.view.report_page import Told, page

HOSTILE = "<img src=x onerror=alert(1)>\x1b[2J"
NORTH_M = 6_356_752.3142  # of the pole from the earth's centre, WGS84


class Stub:
    """A station as the network must know it, at the north pole: east and north are y and -x there."""

    id = "POLE"
    rate_hz = 1.0


@pytest.fixture
def run(monkeypatch, capsys):
    return lambda *arguments: ran(monkeypatch, capsys, "replay", *arguments)


def ticks(offsets_m, levels_m) -> list[Tick]:
    """A tick an epoch, of positions that far east, north and up of the pole."""
    made = []
    for n, (offset, level) in enumerate(zip(offsets_m, levels_m, strict=True)):
        station, time_ms = np.zeros(1, np.int64), np.array([START_MS + n * 1000])
        epochs = Epochs(station, time_ms, np.full((1, len(GNSS)), 2), station, station, time_ms * 1_000_000)
        east, north, up = offset
        found = unsolved(station + SOLVED, np.zeros((1, 7, 5), np.int64))._replace(
            place_m=np.array([[-north, east, NORTH_M + up]]), level_m=np.array([level]), trust=station
        )
        made.append(Tick([], epochs, station, NO_MESSAGES, NO_OBSERVATIONS, found))
    return made


def history(offsets_m, levels_m) -> History:
    network = Network([Stub()])
    network.streams[0].arp_m = (0.0, 0.0, NORTH_M)
    kept = History(network, full=True)
    for tick in ticks(offsets_m, levels_m):
        kept.add(tick)
    kept.add(NO_NEWS)
    return kept


def test_figures_of_hand_laid_epochs():
    # Horizontal errors 5, 13 and 0 m under levels of 10, 12 and 50 (6-8-10, ...); vertical 2, 1, 3.
    offsets = [(3.0, 4.0, 2.0), (5.0, 12.0, -1.0), (0.0, 0.0, 3.0)]
    levels = [(6.0, 8.0, 20.0), (0.0, 12.0, 20.0), (30.0, 40.0, 36.0)]
    told = quality(history(offsets, levels), 0)
    assert told["reference"] == "stream" and told["solved"] == 3
    assert told["offset_m"]["east"] == {"mean": 2.667, "rms": pytest.approx((34 / 3) ** 0.5, abs=1e-3)}
    assert told["error_m"]["horizontal"]["max"] == 13.0 and told["error_m"]["vertical"]["median"] == 2.0
    assert told["protection_level_m"]["horizontal"]["max"] == 50.0
    assert told["stanford"]["horizontal"] == {
        "nominal": 1, "misleading": 1, "unavailable": 1, "unavailable_misleading": 0, "hazardous": 0,
    }  # fmt: skip
    assert told["stanford"]["vertical"]["unavailable"] == 1
    assert (told["misleading"]["epochs"], told["misleading"]["judged"]) == (1, 3)


def test_an_error_that_stays_is_told_as_one_sample():
    its = quality(history([(1.0, 1.0, 1.0)] * 50, [(9.0, 9.0, 9.0)] * 50), 0)["misleading"]
    assert its["independent"] == pytest.approx(1.0) and its["correlation_s"] == pytest.approx(50.0)
    assert its["share_at_most"] == 1.0  # fifty times the same proves nothing


def test_what_cannot_be_computed_is_said_with_its_reason():
    network = Network([Stub()])
    kept = History(network, full=True)
    (line,) = [one for one in quality(kept, 0)["not_computed"] if one["what"] == "everything"]
    assert line["why"] == "no_epochs"
    record = history([(1.0, 1.0, 1.0)], [(np.inf, np.inf, np.inf)]).of(0)
    told = {(o["what"], o["why"]) for o in not_computed(network, 0, record, None, undated=True)}
    assert told >= {("date", "no_week"), ("offsets", "no_reference"), ("levels", "unbounded")}


def test_every_reason_has_words():
    from hncors.positioning import STATUSES, UNUSABLE

    assert {*STATUSES[1:], *UNUSABLE} <= set(report_words.WHY)
    assert {f"satellites_{letter}" for letter in GNSS} <= set(report_words.WHAT)
    assert {len(words) for words in (*report_words.WHAT.values(), *report_words.WHY.values())} == {2}
    what, why = report_words.missing({"what": "satellites_C", "why": "no_ephemeris", "count": "3"})
    assert what == ("C 卫星（3 颗）", "satellites of C (3)") and why[0] == "没有该时刻的星历"


def summary(station: str) -> dict:
    return {
        "station": station, "state": HOSTILE, "why": HOSTILE, "first_epoch": None, "last_epoch": None,
        "epochs": {"received": 3, "expected": 3}, "availability": 1.0, "bds3_satellites": 0,
        "signals": {"G": {"1C": {"observations": 9, "cn0_dbhz": None, "slips": 2, "multipath_m": None}}},
        "messages": {"1077": 3}, "ephemerides": {}, "anomalies": {HOSTILE: 1},
    }  # fmt: skip


def test_the_page_is_well_formed_whatever_it_is_told():
    kept = history([(1.0, 2.0, 3.0)] * 5, [(9.0, 9.0, 9.0)] * 5)
    told = {**summary(HOSTILE), "quality": quality(kept, 0)}
    event = Event(1_700_000_000_000_000_000, HOSTILE, HOSTILE, {"receiver": HOSTILE, HOSTILE: "]]>"})
    text = page([Told(told, kept, 0)], {HOSTILE: [event], "": [event]}, [HOSTILE], HOSTILE)
    root = ElementTree.fromstring(text)
    assert "<img" not in text and "\x1b" not in text
    assert not {"script", "img", "link", "iframe", "object"} & {element.tag for element in root.iter()}
    # Nothing is fetched, from here or elsewhere: links lead into the page, and styles name no file.
    assert all(
        value.startswith("#")
        for element in root.iter()
        for key, value in element.attrib.items()
        if key in ("href", "src")
    )
    assert "url(" not in text and "@import" not in text and "://" not in text
    assert str(int(NORTH_M)) not in text


def test_the_page_of_a_replay(run, tmp_path):
    for name, city in (("HHUA", 11), ("CSHA", 0)):
        (tmp_path / f"{name}.rtcm3").write_bytes(made(40, city))
    target = tmp_path / "report.html"
    done = run(tmp_path / "HHUA.rtcm3", tmp_path / "CSHA.rtcm3", "--html", target)
    assert done.status == 0 and str(target) in done.out
    root = ElementTree.fromstring(target.read_text(encoding="utf-8"))
    assert [one.text for one in root.iter("h2")] == ["HHUA", "CSHA"]
    captions = ["".join(one.itertext()) for one in root.iter("figcaption")]
    assert "卫星数 Satellites" in captions and "载噪比，各系统平均 C/N0, mean of each system" in captions
    assert len(list(root.iter("svg"))) == len(captions)
    words = "".join(root.itertext())
    assert "未能计算" in words and "没有该时刻的星历" in words  # the streams bring no ephemerides
    assert "1077" in words and "prefers-color-scheme" in words


def test_the_report_on_a_terminal_and_as_data(run, tmp_path):
    path = tmp_path / "HHUA.rtcm3"
    path.write_bytes(made(40, 11))
    done = run(path)
    assert "positions and integrity 定位与完好性" in done.out and "signals 信号" in done.out
    assert "not computed 未算  HHUA: positions: no ephemeris of the time" in done.out
    (told,) = json.loads(run(path, "--json").out)["stations"]
    assert told["quality"]["solved"] == 0 and told["quality"]["misleading"] is None
    assert {"what": "positions", "why": "no_ephemeris"} in told["quality"]["not_computed"]


def test_a_page_that_cannot_be_written(run, tmp_path):
    path = tmp_path / "HHUA.rtcm3"
    path.write_bytes(made(10, 11))
    done = run(path, "--html", tmp_path / "no" / "page.html")
    assert done.status == 2 and "--html expects a file to write" in done.err


def test_a_real_recording_has_positions_skies_and_stanford_plots(run, tmp_path, recordings):
    target = tmp_path / "report.html"
    done = run(recordings / "streams/alloy-bds3-33s.rtcm3", "--html", target, "--json")
    (told,) = json.loads(done.out)["stations"]
    text = target.read_text(encoding="utf-8")
    root = ElementTree.fromstring(text)
    titles = {svg.get("aria-label") for svg in root.iter("svg")}
    assert {
        "天空图：载噪比 Sky: C/N0",
        "斯坦福图：水平 Stanford plot, horizontal",
        "坐标偏差 Offsets",
    } <= titles
    # The eight BeiDou-3 satellites that RTKLIB-EX reads in it are marked.
    marked = {t.text for t in root.iter("text") if "strong" in t.get("class", "") and t.text[0] == "C"}
    assert len(marked) == told["bds3_satellites"] == 8
    numbers = set(re.findall(r"-?\d+\.\d{3,}", " ".join(root.itertext())))
    assert not any(abs(float(number)) > 1000 for number in numbers)  # no coordinate
    assert told["quality"]["stanford"]["horizontal"]["nominal"] == told["quality"]["misleading"]["judged"]
