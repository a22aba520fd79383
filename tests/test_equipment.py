"""Makers of receivers and antennas by the names that stations send.

Names are as stations of the IGS, of real recordings and of makers' manuals have them (rcvr_ant.tab; the maker
to an antenna as network.igs.org lists it).
"""

import re
from pathlib import Path

import numpy as np
import pytest
from simulated import played

from hncors.equipment import MAKERS, NOBODY, Maker, antenna_maker, receiver_maker
from hncors.gpstime import to_unix_ns
from hncors.network import Chunk, Network
from hncors.registry import Station
from hncors.view.bds3 import STATES, bds3
from hncors.view.metrics import families


@pytest.mark.parametrize(
    ("name", "maker", "origin"),
    [
        ("TRIMBLE ALLOY", "Trimble", "foreign"),
        ("SEPT POLARX5", "Septentrio", "foreign"),
        ("LEICA GR50", "Leica", "foreign"),
        ("NOV OEM729", "NovAtel", "foreign"),
        ("JAVAD TRE_3 DELTA", "Javad", "foreign"),
        ("TPS NET-G5", "Topcon", "foreign"),
        ("CHC P5E", "CHCNAV", "domestic"),
        ("CHCNAV P5U", "CHCNAV", "domestic"),
        ("COMNAV M300 PRO", "ComNav", "domestic"),
        ("UM980", "Unicore", "domestic"),
        ("unicore um982", "Unicore", "domestic"),
        ("HI-TARGET VNET8", "Hi-Target", "domestic"),
        ("RTKBase Trimble", "unknown", "unknown"),  # a program's name first: nothing is said of its receiver
        ("CHCX", "unknown", "unknown"),  # a word is a whole word
        ("", "unknown", "unknown"),
        ("<script>", "unknown", "unknown"),
    ],
)
def test_who_made_a_receiver(name, maker, origin):
    found = receiver_maker(name)
    assert (found.name, found.origin) == (maker, origin)


@pytest.mark.parametrize(
    ("name", "maker", "origin"),
    [
        ("LEIAR25.R3      LEIT", "Leica", "foreign"),
        ("TRM55970.00     NONE", "Trimble", "foreign"),
        ("JAVRINGANT_DM   SCIS", "Javad", "foreign"),
        ("SEPCHOKE_B3E6   SPKE", "Septentrio", "foreign"),
        ("CHCC220GR2      CHCD", "CHCNAV", "domestic"),
        ("HITAT45101CP    HITZ", "Hi-Target", "domestic"),
        ("HXCCGX601A      HXCS", "Harxon", "domestic"),
        ("SOIT66PRO       NONE", "Sanding", "domestic"),  # IGS equipment files, 2020-09-08: SDT became SOI
        ("RSIR90INEO      NONE", "Ruide", "domestic"),
        ("ADVNULLANTENNA", "unknown", "unknown"),  # computed streams have no antenna
        ("", "unknown", "unknown"),
    ],
)
def test_who_made_an_antenna(name, maker, origin):
    found = antenna_maker(name)
    assert (found.name, found.origin) == (maker, origin)


def test_makers_are_told_apart():
    assert len({maker.name for maker in MAKERS}) == len(MAKERS)
    assert NOBODY.origin == "unknown"


SCENARIO = """
start = "2026-03-02T06:00:00"
seconds = 40
seed = 3
[network]
count = 3
station_s = 5
[sky]
slips_per_hour = 0
[[stations]]
id = "OLD"
latitude_deg = 27.9
longitude_deg = 112.7
height_m = 80
bds3 = false
receiver = "CHC P5E"
antenna = "CHCC220GR2      CHCD"
[[stations]]
id = "NONE"
latitude_deg = 27.5
longitude_deg = 112.1
height_m = 80
systems = "GE"
"""
NO_EPHEMERIDES = """
[[stations]]
id = "{}"
ephemerides = false
"""
PROMISED = {"C": ("2I", "6I", "7I", "1P", "5P", "7D")}


def watched(text: str) -> Network:
    """The network after the scenario; every station promises all signals."""
    made = played(text)
    stations = [
        Station(one["id"], "tcp://127.0.0.1:1", rate_hz=1.0, signals=PROMISED, county="县")
        for one in made.records("station")
    ]
    network = Network(stations)
    for number in range(40):
        at_ns = to_unix_ns(made.begin_ms + 1000 * number)
        for one in stations:
            data, delay_s = made.parts[one.id][number]
            network.feed(Chunk(one.id, data, at_ns + round(delay_s * 1e9), "streaming"))
        network.tick(at_ns + 990_000_000)
    return network


def metric(network: Network, name: str) -> dict[tuple[str, ...], float]:
    family = next(one for one in families(network, "0") if one.name == name)
    return dict(zip(family.labels, np.asarray(family.values).tolist(), strict=True))


def test_what_becomes_of_bds3_at_each_station():
    network = watched(SCENARIO)
    ids = [stream.id for stream in network.streams]
    whole = ids[0]
    states = dict(key for key in metric(network, "hncors_bds3_state"))
    assert states[whole] == "usable"
    assert states["OLD"] == "no_bds3"
    assert states["NONE"] == "no_beidou"
    delivered = metric(network, "hncors_bds3_signal_delivered")
    assert {code for station, code in delivered if station == whole} == {
        "2I",
        "6I",
        "1P",
        "5P",
        "7D",
    }  # not B2I
    assert {value for (station, _), value in delivered.items() if station == whole} == {1.0}
    assert {value for (station, _), value in delivered.items() if station in ("OLD", "NONE")} == {0.0}
    usable = metric(network, "hncors_bds3_satellites_usable")
    tracked = max(v for (s, _), v in metric(network, "hncors_bds3_satellites_tracked").items() if s == whole)
    assert 5 <= usable[whole,] <= tracked
    assert usable["OLD",] == 0
    # Counted here in what was sent: RINEX numbers C19 and above are BeiDou-3 (BDS-SIS-ICD-B1C, section 4).
    assert metric(network, "hncors_bds3_observations_total")["OLD",] == 0
    observed = metric(network, "hncors_observations_total")
    beidou = sum(value for (station, gnss, _), value in observed.items() if (station, gnss) == (whole, "C"))
    assert 0.5 * beidou < metric(network, "hncors_bds3_observations_total")[whole,] < beidou
    makers = metric(network, "hncors_equipment_stations")
    assert makers["receiver", "CHCNAV", "domestic"] == 1
    assert makers["antenna", "CHCNAV", "domestic"] == 1
    told = bds3(network, {one.id: one for one in network.stations}, range(len(ids)))
    by_id = {one["id"]: one for one in told["stations"]}
    assert by_id[whole]["missing"] == []
    assert by_id["OLD"]["missing"] == ["2I", "6I", "1P", "5P", "7D"]
    assert by_id["OLD"]["use"] == "no_bds3"


def test_without_ephemerides_bds3_cannot_be_used_and_that_is_why():
    plain = played(SCENARIO)
    text = SCENARIO + "".join(
        NO_EPHEMERIDES.format(one["id"])
        for one in plain.records("station")
        if one["id"] not in ("OLD", "NONE")
    )
    text = text.replace("bds3 = false", "bds3 = false\nephemerides = false").replace(
        'systems = "GE"', 'systems = "GE"\nephemerides = false'
    )
    states = dict(key for key in metric(watched(text), "hncors_bds3_state"))
    assert states.pop("OLD") == "no_bds3"
    assert states.pop("NONE") == "no_beidou"
    assert set(states.values()) == {"no_ephemeris"}
    assert set(states.values()) < set(STATES)


def test_the_page_has_the_table_as_it_is():
    page = (Path(__file__).parents[1] / "docs/equipment.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([^|`]+) \| ([^|`]+) \| ([A-Z]{2}) \| (.*?) \| ?(.*?) ?\|$", page, flags=re.M)
    assert [Maker(name, zh, country) for name, zh, country, _, _ in rows] == list(MAKERS)
    for name, _, _, words, codes in rows:
        assert {receiver_maker(word).name for word in re.findall("`(.*?)`", words)} <= {name}
        assert {antenna_maker(code + "X1").name for code in re.findall("`(.*?)`", codes)} <= {name}
