"""The plots of a station's quality report, each with its title; plots of what is not known are left out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from hncors.measure.exclusion import OK, STATES
from hncors.observation import F64, I64
from hncors.positioning import SOLVED
from hncors.signals import GNSS
from hncors.view.history import History, Record
from hncors.view.report import alert_limits_m, errors_m
from hncors.view.report_words import STATE_COLOURS, Words, plain
from hncors.view.report_words import STATES as STATE_WORDS
from hncors.view.series_plot import Limit, Series, Span, counts, lines, strip
from hncors.view.sky_plot import CN0, RESIDUAL, sky
from hncors.view.stanford_plot import stanford
from hncors.view.svg import Markup

SYSTEM_COLOURS = dict(zip("GRESJCI", ("c0", "c1", "c2", "c6", "c3", "bad", "c4"), strict=True))
SHORT = {"G": "GPS", "R": "GLO", "E": "GAL", "S": "SBAS", "J": "QZSS", "C": "BDS", "I": "NavIC"}
LEAST_LEVEL_M = 0.1


class Plot(NamedTuple):
    """An image and its title."""

    title: Words
    image: Markup


def plots(history: History, row: int) -> Iterator[Plot]:
    """Every plot of a station that has something to show."""
    record = history.of(row)
    if not len(record.time_ms):
        return
    span = Span(int(record.time_ms[0]), int(record.time_ms[-1]))
    limit = alert_limits_m(history.network, row)
    yield from _over_time(record, span, limit)
    yield from _sampled(history, row, span)
    yield from _skies(history, row)
    error = errors_m(record)
    judged = ~np.isnan(error[:, 0]) & ~np.isnan(record.level_m[:, 0])
    if judged.any():
        for n, (title, short) in enumerate(((("水平", "horizontal"), "HPL"), (("垂直", "vertical"), "VPL"))):
            name: Words = (f"斯坦福图：{title[0]}", f"Stanford plot, {title[1]}")
            across = f"{title[0]}误差 {title[1]} error m"
            its = error[:, n], record.level_m[:, n], float(limit[n])
            yield Plot(name, stanford(plain(name), *its, across, f"{short} m"))


def _over_time(record: Record, span: Span, limit: F64) -> Iterator[Plot]:
    time_ms = record.time_ms
    title: Words = ("卫星数", "Satellites")
    series = [
        Series("跟踪 tracked", "c6", time_ms, record.tracked),
        Series("使用 used", "c0", time_ms, record.used),
    ]
    yield Plot(title, lines(plain(title), "", span, series, least=10.0))
    series = [
        Series(SHORT[letter], SYSTEM_COLOURS[letter], time_ms, record.cn0_dbhz[:, gnss])
        for gnss, letter in enumerate(GNSS)
        if not np.isnan(record.cn0_dbhz[:, gnss]).all()
    ]
    if series:
        title = ("载噪比，各系统平均", "C/N0, mean of each system")
        yield Plot(title, lines(plain(title), "dB-Hz", span, series, least=10.0))
    if not np.isnan(record.latency_s).all():
        title = ("时延", "Latency")
        series = [Series("到达 − 历元 arrival − epoch", "c0", time_ms, record.latency_s)]
        yield Plot(title, lines(plain(title), "s", span, series, least=1.0))
    if not np.isnan(record.offset_m).all():
        title = ("坐标偏差", "Offsets")
        series = [
            Series(name, colour, time_ms, record.offset_m[:, n])
            for n, (name, colour) in enumerate((("东 E", "c0"), ("北 N", "c1"), ("天 U", "c2")))
        ]
        yield Plot(title, lines(plain(title), "m", span, series, least=2.0))
    yield from _bounded(record, span, limit)
    title = ("周跳", "Cycle slips")
    yield Plot(title, counts(plain(title), "周跳 slips", span, time_ms, record.slips))
    title = ("完好性状态", "Integrity state")
    names = [plain(STATE_WORDS[name]) for name in STATE_COLOURS]
    state = _states(record, limit)
    yield Plot(title, strip(plain(title), span, time_ms, state, names, list(STATE_COLOURS.values())))


def _bounded(record: Record, span: Span, limit: F64) -> Iterator[Plot]:
    """Errors and protection levels on one logarithmic axis, with the alert limit."""
    error = errors_m(record)
    for n, (chinese, english, short) in enumerate(
        (("水平", "Horizontal", "HPL"), ("垂直", "Vertical", "VPL"))
    ):
        series = [
            Series("误差 error", "c0", record.time_ms, error[:, n]),
            Series(short, "c2", record.time_ms, record.level_m[:, n]),
        ]
        if any(np.isfinite(one.value).any() for one in series):
            title: Words = (f"{chinese}误差与保护级", f"{english} error and protection level")
            limits = [Limit("告警限 AL", float(limit[n]))]
            image = lines(plain(title), "m", span, series, least=LEAST_LEVEL_M, limits=limits, log=True)
            yield Plot(title, image)


def _states(record: Record, limit: F64) -> I64:
    """Index into STATE_COLOURS of each epoch; without a position or a level within the limit: unavailable."""
    place = {name: n for n, name in enumerate(STATE_COLOURS)}
    out = np.array([place[name] for name in STATES])[record.trust]
    useful = (record.status == SOLVED) & (record.level_m <= limit).all(axis=1)
    out[(record.trust == OK) & ~useful] = place["unavailable"]
    return out


def _sampled(history: History, row: int, span: Span) -> Iterator[Plot]:
    sampled = history.sampled(row)
    series = [
        Series(SHORT[letter], SYSTEM_COLOURS[letter], sampled.time_ms, sampled.multipath_m[:, gnss])
        for gnss, letter in enumerate(GNSS)
        if not np.isnan(sampled.multipath_m[:, gnss]).all()
    ]
    if series:
        title: Words = ("多路径，各系统最差信号", "Multipath, worst signal of each system")
        yield Plot(title, lines(plain(title), "m rms", span, series, least=0.5))
    series = [
        Series(name, colour, sampled.time_ms, sampled.roti[:, n])
        for n, (name, colour) in enumerate((("中位 median", "c0"), ("最大 largest", "c1")))
        if not np.isnan(sampled.roti[:, n]).all()
    ]
    if series:
        title = ("电离层 ROTI", "Ionosphere: ROTI")
        yield Plot(title, lines(plain(title), "TECU/min", span, series, least=0.5))


def _skies(history: History, row: int) -> Iterator[Plot]:
    track, residual = history.sky(row)
    if not len(track.gnss):
        return
    title: Words = ("天空图：载噪比", "Sky: C/N0")
    yield Plot(title, sky(plain(title), track, CN0))
    title = ("天空图：伪距残差", "Sky: range residuals in sigmas")
    yield Plot(title, sky(plain(title), track._replace(value=np.abs(residual)), RESIDUAL))
