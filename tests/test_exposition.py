"""Text of metrics: byte for byte what prometheus_client's generate_latest writes (the independent source)."""

from __future__ import annotations

import gzip
import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from prometheus_client import generate_latest
from prometheus_client.utils import floatToGoString

from hncors.view.decimals import BLOCK, FEW_WITH_DIGITS, go_text, go_texts
from hncors.view.exposition import Family, Kind, Writer, collector, known

HOSTILE = ['"', "\n", "\\", '\\n"', "%s", "{}", "", " ", "站", "\x00", "\r", "é\u2028"]
EXTREMES = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    5e-324,
    1.7976931348623157e308,
    2.0**53,
    2.0**53 + 2,
    1e15,
    1e16,
    1e22,
    1e23,
]
EXTREMES += [999999.0, 1e6, 999999.9999999999, 1234567.5, -1234567.5, 1e-4, 9.999e-5, 0.1 + 0.2, math.pi]
EXTREMES += [math.inf, -math.inf, math.nan, 9007199254740993.0, 72057594037927945.0, 0.30000000000000004, 1e5]

texts = st.sampled_from(HOSTILE) | st.text(max_size=8)
numbers = st.sampled_from(EXTREMES) | st.floats() | st.integers(0, 10**18).map(float)


go_text_of_library: Callable[[float], str] = floatToGoString


def theirs(*families: Family) -> bytes:
    return generate_latest(collector(lambda: families))


@st.composite
def drawn_families(draw: st.DrawFn) -> Family:
    kind: Kind = draw(st.sampled_from(["counter", "gauge", "histogram"]))
    name = draw(st.from_regex(r"[a-z_:][a-zA-Z0-9_:]{0,5}x", fullmatch=True)) + "_total" * (kind == "counter")
    label_names = tuple(draw(st.lists(st.sampled_from(["station", "gnss", "a", "zz", "Le"]), unique=True)))
    rows = draw(st.integers(0, 4))
    labels = [tuple(draw(texts) for _ in label_names) for _ in range(rows)]
    bounds: tuple[float, ...] = ()
    counts: list[list[float]] = []
    if kind == "histogram":
        bounds = tuple(
            draw(st.lists(st.floats(allow_nan=False, allow_infinity=False), unique=True).map(sorted))
        )
        counts = [[draw(numbers) for _ in range(len(bounds) + 1)] for _ in range(rows)]
    values = [draw(numbers) for _ in range(rows)]
    return Family(name, kind, draw(texts), label_names, labels, values, bounds, counts)


@settings(suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no fault of the strategy
@given(st.lists(drawn_families(), max_size=3, unique_by=lambda family: family.name))
def test_text_equals_the_library(families: list[Family]) -> None:
    assert Writer().render(families) == theirs(*families)


@given(st.lists(st.lists(st.tuples(texts, numbers), max_size=6), min_size=2, max_size=5))
def test_a_writer_with_a_past_equals_one_without(scrapes: list[list[tuple[str, float]]]) -> None:
    writer = Writer()
    for rows in scrapes:
        labels = [(label,) for label, _ in rows]
        values = [value for _, value in rows]
        counts = [[value, value] for value in values]
        families = [
            Family("up", "gauge", "Up.", ("station",), labels, values),
            Family("age_seconds", "histogram", "Age.", ("station",), labels, values, (1.0,), counts),
        ]
        assert writer.render(families) == theirs(*families)


def test_text_laid_out_by_hand() -> None:
    """Expected text written from the description of the text format, version 0.0.4."""
    families = [
        Family("hncors_stream_up", "gauge", "1 while\nit streams \\o/", ("station",), [('A"\\\n',)], [1]),
        Family("hncors_frames_total", "counter", "Frames.", (), [()], [1_234_567]),
        Family(
            "hncors_tick_seconds",
            "histogram",
            "Time.",
            ("b", "z"),
            [("x", "y")],
            [7.5],
            (0.5, 2.0),
            [[1, 2, 3]],
        ),
        Family("hncors_nothing", "gauge", "None.", ("station",), [], []),
    ]
    assert (
        Writer().render(families).decode()
        == r"""# HELP hncors_stream_up 1 while\nit streams \\o/
# TYPE hncors_stream_up gauge
hncors_stream_up{station="A\"\\\n"} 1.0
# HELP hncors_frames_total Frames.
# TYPE hncors_frames_total counter
hncors_frames_total 1.234567e+06
# HELP hncors_tick_seconds Time.
# TYPE hncors_tick_seconds histogram
hncors_tick_seconds_bucket{b="x",le="0.5",z="y"} 1.0
hncors_tick_seconds_bucket{b="x",le="2.0",z="y"} 2.0
hncors_tick_seconds_bucket{b="x",le="+Inf",z="y"} 3.0
hncors_tick_seconds_count{b="x",z="y"} 3.0
hncors_tick_seconds_sum{b="x",z="y"} 7.5
# HELP hncors_nothing None.
# TYPE hncors_nothing gauge
"""
    )


@pytest.mark.parametrize("kind", [np.int64, np.uint64, np.float32, np.uint8, np.bool_])
def test_columns_of_any_number(kind: type[np.generic]) -> None:
    values = np.arange(200).astype(kind)
    family = Family("a_total", "counter", "", ("n",), [(str(n),) for n in range(200)], values)
    assert Writer().render([family]) == theirs(family)


def test_the_writer_does_not_keep_the_callers_arrays() -> None:
    writer, values = Writer(), np.arange(3.0)
    family = Family("a", "gauge", "", ("n",), [("0",), ("1",), ("2",)], values)
    writer.render([family])
    values[1] = 17
    assert writer.render([family]) == theirs(family)


def test_p17_removed_series_and_families_are_forgotten() -> None:
    writer = Writer()
    labels = [(f"S{n}",) for n in range(1000)]
    writer.render([Family(name, "gauge", "", ("station",), labels, [1.0] * 1000) for name in ("a", "b")])
    few = Family("a", "gauge", "", ("station",), labels[:2], [1.0, 2.0])
    assert writer.render([few]) == theirs(few)
    assert list(writer._before) == ["a"]
    assert len(writer._before["a"].pieces) == 2 + 2 * 2


def test_big_changing_columns_equal_the_library() -> None:
    random = np.random.default_rng(1)
    n = BLOCK + 3000
    labels = [(f"S{row}",) for row in range(n)]
    writer, count = Writer(), np.zeros(n)
    for part in (1, 7, n, n):
        count[random.integers(0, n, part)] += random.integers(0, 10**7, part)
        values = np.where(random.random(n) < 0.01, np.nan, random.normal(40, 10, n))
        families = [
            Family("frames_total", "counter", "", ("station",), labels, count),
            Family("cn0_dbhz", "gauge", "", ("station",), *known(labels, values)),
        ]
        text = writer.render(families)
        assert text == theirs(*families)
        assert b"NaN" not in text


def test_gzip_holds_the_same_text_and_no_time() -> None:
    family = Family("a", "gauge", "", (), [()], [1.0])
    packed = Writer().render_gzip([family])
    assert gzip.decompress(packed) == theirs(family)
    assert packed[4:8] == bytes(4)  # RFC 1952, section 2.3: MTIME


def test_a_label_that_is_no_unicode_is_shown_as_far_as_it_can_be() -> None:
    assert b'a{station="x?"} 1.0\n' in Writer().render(
        [Family("a", "gauge", "", ("station",), [("x\udc80",)], [1])]
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("a b", "gauge", "", (), [], []),
        ("a", "gauge", "", ("__a",), [], []),
        ("a", "gauge", "", ("a", "a"), [], []),
        ("a", "histogram", "", ("le",), [], []),
        ("a", "counter", "", (), [], []),
        ("a_total", "gauge", "", (), [], []),
        ("a", "gauge", "", (), [()], []),
        ("a", "histogram", "", (), [()], [1.0], (1.0,), [[1.0]]),
    ],
)
def test_columns_that_do_not_fit_are_refused(arguments: tuple[object, ...]) -> None:
    with pytest.raises(ValueError, match=r"^a"):
        Family(*arguments)  # type: ignore[arg-type]  # wrong arguments are the point


def test_families_that_do_not_fit_the_scrape_are_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        Writer().render([Family("a", "gauge", "", (), [()], [1.0])] * 2)
    with pytest.raises(ValueError, match="labels"):
        Writer().render([Family("a", "gauge", "", ("b",), [("x", "y")], [1.0])])


@given(st.floats() | st.sampled_from(EXTREMES))
@example(1e6)
@example(9999999999999998.0)
def test_one_number_as_go_prints_it(value: float) -> None:
    assert go_text(value) == go_text_of_library(value)


@given(st.lists(numbers, max_size=40), st.sampled_from([1, -1]))
def test_columns_of_extremes_as_go_prints_them(values: list[float], sign: int) -> None:
    column = np.resize(np.array([*values, 0.5]) * sign, FEW_WITH_DIGITS + 7)
    assert [text.decode() for text in go_texts(column)] == [
        go_text_of_library(value) for value in column.tolist()
    ]


def decimals(random: np.random.Generator, n: int) -> dict[str, np.ndarray]:
    """Columns that are hard to print: short decimals and their neighbours, ties, powers of two."""
    lengths, places = random.integers(1, 18, n).tolist(), random.integers(-4, 16, n).tolist()
    short = np.array(
        [
            float(f"{random.integers(10 ** (length - 1), 10**length)}e{place - length}")
            for length, place in zip(lengths, places, strict=True)
        ]
    )
    powers = np.ldexp(1.0, random.integers(-14, 51, n))
    return {
        "short": short,
        "above": np.nextafter(short, np.inf),
        "below": np.nextafter(short, 0),
        "near": (short.view(np.int64) + random.integers(-4, 5, n)).view(np.float64),
        "powers": powers * random.choice([-1, 1], n),
        "near powers": (powers.view(np.int64) + random.integers(-3, 4, n)).view(np.float64),
        "dyadic": random.integers(1, 2**53, n) / 2.0 ** random.integers(0, 60, n),
        "normal": random.normal(40, 10, n),
        "all": np.exp(random.normal(0, 12, n)) * random.choice([-1, 1], n),
        "bits": random.integers(-(2**63), 2**63 - 1, n).view(np.float64),
        "counts": random.integers(0, 2**53, n).astype(float),
        "few counts": random.integers(0, 20_000, n).astype(float),
        "milliseconds": 1.795e9 + random.integers(0, 10**6, n) / 1000,
    }


@pytest.mark.parametrize("name", decimals(np.random.default_rng(0), 1))
def test_columns_as_go_prints_them(name: str) -> None:
    column = decimals(np.random.default_rng(20261123), 20_000)[name]
    assert [text.decode() for text in go_texts(column)] == [
        go_text_of_library(value) for value in column.tolist()
    ]
