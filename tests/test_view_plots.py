"""Plots: where marks stand, by hand; what is drawn parses as XML; nothing that came by wire is markup."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from hncors.view import axes, quantile_plot, series_plot, sky_plot, stanford_plot, svg
from hncors.view.axes import Scale
from hncors.view.series_plot import BOTTOM, LEFT, RIGHT, TOP, Limit, Series, Span
from hncors.view.thinning import breaks, carried, thinned

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "<script>alert(1)</script>\"'& \x00\x1b[31m\u202e]]>"
NIGHT_MS = 1_400_025_600_000  # midnight: 16,204 days


def parsed(image: str) -> ElementTree.Element:
    return ElementTree.fromstring(image)


def lines_of(image: str, look: str) -> list[list[tuple[float, float]]]:
    """The pieces of every path of a class, as points."""
    pieces = [
        piece
        for path in parsed(image).iter("path")
        if path.get("class") == look
        for piece in path.get("d", "").split("M")[1:]
    ]
    return [[tuple(map(float, point.split())) for point in piece.split("L")] for piece in pieces]


@pytest.mark.parametrize(
    ("low", "high", "most", "labels"),
    [
        (0.0, 10.0, 5, "0 2 4 6 8 10"),
        (-1.0, 1.0, 5, "−1.0 −0.5 0.0 0.5 1.0"),
        (0.0, 0.03, 5, "0.00 0.01 0.02 0.03"),
        (3.0, 17.0, 5, "5 10 15"),
        (0.0, 86_400.0, 5, "0 20000 40000 60000 80000"),
    ],
)
def test_marks_are_round(low, high, most, labels):
    assert [mark.label for mark in axes.marks(low, high, most)] == labels.split()


def test_marks_of_a_logarithmic_axis():
    assert [m.label for m in axes.log_marks(0.1, 50.0)] == "0.1 0.2 0.5 1 2 5 10 20 50".split()
    assert [m.label for m in axes.log_marks(0.001, 1000.0)] == "0.001 0.01 0.1 1 10 100 1000".split()


@pytest.mark.parametrize(
    ("span_s", "labels"),
    [
        (6, "00:00:00 00:00:01 00:00:02 00:00:03 00:00:04 00:00:05 00:00:06"),
        (200, "00:00 00:01 00:02 00:03"),
        (86_400, "05-18 04:00 08:00 12:00 16:00 20:00 05-19"),
        (4 * 86_400, "05-18 05-19 05-20 05-21 05-22"),
    ],
)
def test_times_are_round_and_midnight_is_a_date(span_s, labels):
    # 16,204 days after 1980-01-06, as date -d "1980-01-06 +16204 days" has it: 2024-05-18
    assert [m.label for m in axes.time_marks(NIGHT_MS, NIGHT_MS + span_s * 1000)] == labels.split()


@pytest.mark.parametrize(
    ("values", "least", "ends"),
    [
        ([0.3, 9.1], 1.0, (0.0, 10.0)),
        ([-3.2, 4.9, np.nan], 2.0, (-4.0, 6.0)),
        ([7.0, 7.0], 2.0, (6.0, 8.0)),
        ([0.1, 0.2], 2.0, (0.0, 2.0)),
        ([-0.6, 0.4], 2.0, (-1.0, 1.0)),
        ([np.nan, np.inf], 2.0, (0.0, 2.0)),
    ],
)
def test_a_range_ends_on_marks_and_is_never_too_short(values, least, ends):
    assert axes.around([np.array(values)], least) == pytest.approx(ends)


def test_no_label_covers_another():
    marks = [axes.Mark(float(n), "01:10:00") for n in range(11)]  # 57 units wide, 40 apart
    labels = axes.below(Scale(0.0, 10.0, 0.0, 400.0), marks, 10.0, 410.0)
    spots = [(float(t.get("x", 0)), t.get("class", "")) for t in map(parsed, labels)]
    assert [x for x, _ in spots] == [0.0, 80.0, 160.0, 240.0, 320.0, 410.0]
    assert spots[-1][1].startswith("end") and spots[0][1].startswith("middle")


def test_a_scale_by_hand():
    assert Scale(0.0, 10.0, 100.0, 0.0)(np.array([0.0, 2.5, 10.0, 99.0])).tolist() == [100.0, 75.0, 0.0, 0.0]
    assert Scale(0.1, 10.0, 0.0, 50.0, log=True)(np.array([0.1, 1.0, 10.0])).tolist() == [0.0, 25.0, 50.0]


def test_a_line_stands_where_it_should():
    time_ms = NIGHT_MS + np.arange(5) * 1000
    value = np.array([0.0, 10.0, np.nan, 5.0, 2.5])
    image = series_plot.lines(
        "x", "m", Span(NIGHT_MS, NIGHT_MS + 4000), [Series("a", "c0", time_ms, value)], least=10.0
    )
    across = (RIGHT - LEFT) / 4
    up = (BOTTOM - TOP) / 10
    assert lines_of(image, "s-c0 line") == [
        [(LEFT, BOTTOM), (pytest.approx(LEFT + across), TOP)],
        [
            (pytest.approx(LEFT + 3 * across), pytest.approx(BOTTOM - 5 * up)),
            (pytest.approx(RIGHT), pytest.approx(BOTTOM - 2.5 * up)),
        ],
    ]


def test_a_limit_stands_where_it_should():
    time_ms = NIGHT_MS + np.arange(2) * 1000
    series = [Series("a", "c0", time_ms, np.array([1.0, 100.0]))]
    image = series_plot.lines(
        "x", "m", Span(NIGHT_MS, NIGHT_MS + 1000), series, least=0.1, limits=[Limit("l", 1.0)], log=True
    )
    at = [line.get("y1") for line in parsed(image).iter("line") if line.get("class") == "limit"]
    # 0.1 to 100 are three decades; 1 is one of them up. The other line is the legend's.
    assert float(at[0]) == pytest.approx(BOTTOM - (BOTTOM - TOP) / 3, abs=0.01)


def test_thinning_keeps_extremes_ends_and_gaps():
    value = np.sin(np.arange(10_000) / 50.0)
    value[3333], value[7777], value[5000:5010] = 40.0, -40.0, np.nan
    kept = thinned(np.arange(10_000) // 25, value)
    assert {0, 3333, 7777, 9999} <= set(kept.tolist())
    assert np.isnan(value[kept]).sum() == 1
    assert len(kept) <= 400 * 5
    columns = np.arange(10_000) // 25
    for column in range(400):  # each column keeps what it reaches to
        all_of, left = value[columns == column], value[kept[columns[kept] == column]]
        assert (np.nanmin(all_of), np.nanmax(all_of)) == (np.nanmin(left), np.nanmax(left))


def test_a_silence_breaks_a_line_also_when_it_is_thinned():
    time_ms = np.array([0, 1000, 2000, 9000, 10_000, 11_000])
    new = breaks(time_ms)
    assert new.tolist() == [False, False, False, True, False, False]
    assert carried(new, np.array([0, 2, 4, 5])).tolist() == [False, False, True, False]


def test_bars_count_what_falls_into_an_interval():
    time_ms = NIGHT_MS + np.arange(120) * 1000
    slips = np.zeros(120)
    slips[[0, 59, 61]] = 1, 2, 4
    span = Span(NIGHT_MS, NIGHT_MS + 119_000)
    assert series_plot.interval_ms(span) == 2000  # sixty of them
    image = parsed(series_plot.counts("x", "n", span, time_ms, slips))
    bars = [r for r in image.iter("rect") if r.get("class") == "f-c1"]
    heights = [float(bar.get("height", 0)) for bar in bars]
    assert heights == pytest.approx([(BOTTOM - TOP) / 4 * n for n in (1, 2, 4)], abs=0.02)


def test_no_state_is_too_short_to_be_seen():
    time_ms = NIGHT_MS + np.arange(86_400) * 1000
    state = np.zeros(86_400, np.int64)
    state[40_000] = 2
    image = series_plot.strip(
        "x", Span(NIGHT_MS, int(time_ms[-1])), time_ms, state, ["ok", "-", "alert"], ["good", "warn", "bad"]
    )
    (alert,) = [r for r in parsed(image).iter("rect") if r.get("class") == "f-bad"]
    assert float(alert.get("width", 0)) >= 1.0
    assert "alert" in image and ">-<" not in image


def test_where_satellites_stand():
    azimuth, elevation = np.radians([0.0, 90.0, 180.0, 0.0]), np.radians([90.0, 0.0, 45.0, 0.0])
    x, y = sky_plot.place(azimuth, elevation)
    centre, radius = sky_plot.CENTRE, sky_plot.RADIUS
    assert x.tolist() == pytest.approx([centre, centre + radius, centre, centre])
    assert y.tolist() == pytest.approx([centre, centre, centre + radius / 2, centre - radius])


def test_bds3_is_marked_and_tracks_change_colour():
    time_ms, azimuth = NIGHT_MS + np.arange(4) * 30_000, np.linspace(0.0, 0.3, 4)
    track = sky_plot.Track(
        gnss=np.full(8, 5),
        satellite=np.repeat([19, 18], 4),
        time_ms=np.tile(time_ms, 2),
        azimuth_rad=np.tile(azimuth, 2),
        elevation_rad=np.repeat([0.5, 1.0], 4),
        value=np.array([51.0, 51.0, 29.0, np.nan] * 2),
    )
    image = parsed(sky_plot.sky("x", track, sky_plot.CN0))
    names = {t.text: t.get("class") for t in image.iter("text")}
    assert "strong" in names["C19"] and "strong" not in names["C18"]
    assert len([p for p in image.iter("polygon") if p.get("points")]) == 2  # C19, and the one in the key
    looks = [p.get("class") for p in image.iter("path")]
    assert [look.split()[0] for look in looks if "dot" not in look][:2] == ["s-v5", "s-v0"]


PAIRS = [  # error, level, and what that is under a limit of 40
    (1.0, 10.0, "nominal"),
    (10.0, 10.0, "nominal"),
    (40.0, 40.0, "nominal"),
    (10.1, 10.0, "misleading"),
    (39.0, 1.0, "misleading"),
    (41.0, 40.0, "hazardous"),
    (100.0, 1.0, "hazardous"),
    (1.0, 41.0, "unavailable"),
    (50.0, 50.0, "unavailable"),
    (1.0, np.inf, "unavailable"),
    (60.0, 50.0, "unavailable_misleading"),
]


def test_regions_of_a_stanford_plot():
    error, level = (np.array([pair[n] for pair in PAIRS]) for n in (0, 1))
    found = stanford_plot.region(np.append(error, [np.nan, 1.0]), np.append(level, [1.0, np.nan]), 40.0)
    assert [stanford_plot.REGIONS[n] for n in found[:-2]] == [pair[2] for pair in PAIRS]
    assert found[-2:].tolist() == [-1, -1]
    counts = stanford_plot.counts(error, level, 40.0)
    assert counts == {
        "nominal": 3, "unavailable": 3, "misleading": 2, "unavailable_misleading": 1, "hazardous": 2,
    }  # fmt: skip
    image = stanford_plot.stanford("x", error, level, 40.0, "error m", "HPL m")
    texts = [t.text for t in parsed(image).iter("text")]
    assert "3 (27.3 %)" in texts and "2 (18.2 %)" in texts and "HPL m" in texts


def test_density_of_a_stanford_plot():
    number = stanford_plot.density(np.array([0.0, 0.1, 99.0]), np.array([10.0, 10.0, np.inf]), 48.0)
    assert number[0, 20] == 2  # bins of half a metre
    assert number[95, 95] == 1 and number.sum() == 3


def test_quantiles_of_a_folded_normal_distribution():
    # 68.27, 95.45 and 99.73 % of a normal variable lie within one, two and three sigmas.
    its = quantile_plot.expected(20_000)
    for sigmas, share in ((1, 0.682689), (2, 0.954500), (3, 0.997300)):
        assert its[round(share * 20_000) - 1] == pytest.approx(sigmas, abs=0.01)
    image = quantile_plot.quantiles("x", [quantile_plot.Sample("a", "c0", its * 0.5)])
    (line,) = lines_of(image, "s-c0 line")
    (model,) = [one for one in parsed(image).iter("line") if one.get("class") == "model"]
    slope = (float(model.get("y2", 0)) - float(model.get("y1", 0))) / (
        float(model.get("x2", 0)) - float(model.get("x1", 0))
    )
    own = (line[-1][1] - line[0][1]) / (line[-1][0] - line[0][0])
    assert own == pytest.approx(slope / 2, rel=0.01)  # half the model's sigma rises half as steeply


def test_hostile_text_stays_text():
    made = svg.element("text", HOSTILE, class_=HOSTILE)
    element = parsed(made)
    assert "<script>" in (element.text or "") and "<script" not in made
    assert not re.search("[\x00-\x08\x0b\x1b\u202e]", made)
    image = series_plot.lines(
        HOSTILE, HOSTILE, Span(0, 1000), [Series(HOSTILE, "c0", np.array([0, 1000]), np.ones(2))], least=1.0
    )
    assert parsed(image).get("aria-label", "").startswith("<script>")
    assert "<script" not in image


def test_a_file_of_its_own_has_its_looks_in_it():
    image = quantile_plot.quantiles("x", [quantile_plot.Sample("a", "c0", np.ones(10))], alone=True)
    root = parsed(image)
    assert root.tag == f"{SVG}svg"
    assert "prefers-color-scheme" in "".join(root.itertext())
