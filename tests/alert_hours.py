"""Half a day of a small network in virtual time, written as metrics that promtool makes blocks of.

What takes minutes and hours to be known (multipath, ROTI, the ionosphere between stations, means of a day) is
not in a live run of half a minute. The same line that the daemon runs brings it forth here at once, and
Prometheus is given it as its own past.
"""

from __future__ import annotations

from collections.abc import Iterator

from simulated import scenario

from hncors.frames import year_of
from hncors.gpstime import to_unix_ns
from hncors.network import Chunk, Network
from hncors.registry import Station
from hncors.simulate.province import Province
from hncors.view.exposition import Writer
from hncors.view.metrics import families

LAST_S = 300  # of which every epoch is written
# A mean of a day's positions is told from twelve hours on; ROTI goes by steps of 30 s.
SCENARIOS = {12.2: 60, 1.1: 30}
"""Hours and the seconds between epochs; the first begins with a day."""
SCENARIO = """
start = "2026-03-02T00:00:00"
seconds = {seconds:.0f}
seed = 5
[network]
count = 3
systems = "GC"
interval_s = {told_s}
ephemeris_s = 600
station_s = 600
msm = 4
[truth]
epochs_every_s = 3600
cells_every_s = 86400
"""


def stations(province: Province, step_s: int) -> list[Station]:
    """As their files would have them, filed where they stand."""
    year = year_of(province.start_ms)
    return [
        Station(
            one.id,
            "tcp://127.0.0.1:1",
            rate_hz=1 / step_s,
            ecef_m=one.ecef_m,
            frame="ITRF2020",
            epoch=year,
            county="长沙市",
            signals={"C": ("2I", "6I", "1P", "5P", "7D")},
        )
        for one in province.stations
    ]


def played(hours: float, step_s: int) -> Iterator[tuple[float, bytes]]:
    """Seconds before the end, and the metrics then, of the last minutes."""
    province = Province(scenario(SCENARIO.format(seconds=3600 * hours, told_s=min(step_s, 60))))
    names = [one.id for one in province.stations]
    network = Network(stations(province, step_s))
    for time_ms in range(province.start_ms, province.end_ms, 1000 * step_s):
        at_ns = to_unix_ns(time_ms)
        for sent in province.epoch(time_ms).sent:
            chunk = Chunk(names[sent.station], sent.data, at_ns + round(sent.delay_s * 1e9), "streaming")
            network.feed(chunk)
        network.tick(at_ns + 990_000_000)
        left_s = (province.end_ms - time_ms) / 1000
        if left_s <= LAST_S:
            yield left_s, Writer().render(families(network, "0"))


def openmetrics(end_unix_s: float) -> str:
    """For `promtool tsdb create-blocks-from openmetrics`, its end at a time."""
    lines = []
    for run, (hours, step_s) in enumerate(SCENARIOS.items()):
        for left_s, text in played(hours, step_s):
            for line in text.decode().splitlines():
                if line and not line.startswith("#"):
                    series, value = line.rsplit(" ", 1)
                    labels = (
                        f'{{run="{run}",' + series[series.index("{") + 1 :]
                        if "{" in series
                        else f'{{run="{run}"}}'
                    )
                    at_s = end_unix_s - left_s
                    lines.append((series.split("{")[0] + labels, at_s, f"{value} {at_s:.3f}"))
    return "".join(f"{series} {text}\n" for series, _, text in sorted(lines)) + "# EOF\n"
