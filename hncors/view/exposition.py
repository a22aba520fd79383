"""Metric families as columns, and their text for Prometheus (text format 0.0.4).

Input is an iterable of `Family`, each one a column of values beside a column of label tuples. Out
of it come metrics for a prometheus-client registry (`collector`) or the text itself (`Writer`),
which is to the byte what `prometheus_client.generate_latest` makes of the same families, without
`_created` series. The library spends some 10 us on a series, most of it on labels that have not
changed since the last scrape; the writer keeps those.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

from hncors.view.decimals import Floats, go_text, go_texts

Kind = Literal["counter", "gauge", "histogram"]
Labels = tuple[str, ...]
_GZIP = 16 + isal_zlib.MAX_WBITS  # of a window, the header of gzip asked for (zlib.h, deflateInit2)

MOST_KEPT = 2  # times the series that there are: signals come and go
# Prometheus data model, "Metric names and labels": names outside this set would need quoting.
_METRIC_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*\Z")
_LABEL_NAME = re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*\Z")


@dataclass(frozen=True, eq=False)
class Family:
    """N series of one metric.

    `labels` holds N tuples in the order of `label_names`, `values` N numbers. The name is the one
    Prometheus shows (a counter's ends in `_total`). A histogram has upper `bounds` (B of them,
    increasing, without +Inf), `counts` of shape (N, B + 1), cumulative, the last column being
    everything, and its sums in `values`. What is unknown is left out: see `known`.
    Raises ValueError when the columns do not fit together.
    """

    name: str
    kind: Kind
    help: str
    label_names: Labels
    labels: Sequence[Labels]
    values: Sequence[float] | NDArray[np.floating | np.integer]
    bounds: tuple[float, ...] = ()
    counts: Sequence[Sequence[float]] | NDArray[np.floating | np.integer] = ()

    def __post_init__(self) -> None:
        if not _METRIC_NAME.match(self.name) or not all(map(_LABEL_NAME.match, self.label_names)):
            raise ValueError(f"{self.name}{self.label_names} is no name for a metric")
        if (self.kind == "counter") != self.name.endswith("_total"):
            raise ValueError(f"{self.name} is a {self.kind}; counters and only they end in _total")
        if len(set(self.label_names)) < len(self.label_names) or "le" in self.label_names:
            raise ValueError(f"{self.name} has labels {self.label_names}; expected each once, and no le")
        if len(self.labels) != len(self.values):
            raise ValueError(f"{self.name} has {len(self.labels)} label sets and {len(self.values)} values")
        expected = (len(self.values), len(self.bounds) + 1)
        if self.kind == "histogram" and len(self.values) and np.shape(self.counts) != expected:
            raise ValueError(f"{self.name} has counts of shape {np.shape(self.counts)}, expected {expected}")


def known(labels: Sequence[Labels], values: Floats) -> tuple[list[Labels], Floats]:
    """The rows whose value is not nan: an absent series says "unknown", a NaN only upsets rules."""
    keep = np.flatnonzero(~np.isnan(values))
    return [labels[row] for row in keep.tolist()], values[keep]


class _Collector:
    def __init__(self, families: Callable[[], Iterable[Family]]) -> None:
        self._families = families

    def describe(self) -> Iterable[Metric]:
        return ()  # nothing is collected merely to be registered

    def collect(self) -> Iterable[Metric]:
        return map(_metric, self._families())


def collector(families: Callable[[], Iterable[Family]]) -> CollectorRegistry:
    """A registry of its own whose every scrape asks `families` anew."""
    registry = CollectorRegistry()
    registry.register(_Collector(families))
    return registry


def _metric(family: Family) -> Metric:
    values = np.asarray(family.values, np.float64).tolist()
    if family.kind == "histogram":
        histogram = HistogramMetricFamily(family.name, family.help, labels=family.label_names)
        bounds = _bounds(family)
        counts = np.asarray(family.counts, np.float64).tolist()
        for labels, row, total in zip(family.labels, counts, values, strict=True):
            histogram.add_metric(labels, list(zip(bounds, row, strict=True)), total)
        return histogram
    simple = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
    metric = simple(family.name, family.help, labels=family.label_names)
    for labels, value in zip(family.labels, values, strict=True):
        metric.add_metric(labels, value)
    return metric


class Writer:
    """Text of families, scrape after scrape; remembers the last scrape and no more.

    Not for several threads at once.
    """

    def __init__(self) -> None:
        self._before: dict[str, _Lines] = {}

    def render(self, families: Iterable[Family]) -> bytes:
        """The text format 0.0.4 of `families`, each name once."""
        return b"".join(self.texts(families))

    def render_gzip(self, families: Iterable[Family]) -> bytes:
        """The same, compressed at level 1, which costs a tenth of the default; same text, same bytes."""
        packing = Packing()
        for text in self.texts(families):
            packing.add(text)
        return packing.all()

    @property
    def begun(self) -> bool:
        """Whether the lines of a scrape before are at hand: making them takes ten times as long."""
        return bool(self._before)

    def texts(self, families: Iterable[Family]) -> Iterator[bytes]:
        """The text of one family after the other; to be taken to the end."""
        now: dict[str, _Lines] = {}
        for family in families:
            if family.name in now:
                raise ValueError(f"{family.name} comes twice in one scrape")
            lines = self._before.get(family.name)
            if lines is None or not lines.fits(family):
                lines = _Lines(family, lines)
            lines.update(_column(family))
            now[family.name] = lines
            yield lines.text
        self._before = now


class Packing:
    """Text packed bit by bit, as gzip.

    By Intel's ISA-L, in a third of zlib's time: 25 ms for half a million lines. A thread beside helped
    little, as it was let go on only between two pieces of text.
    """

    def __init__(self) -> None:
        self._packer = isal_zlib.compressobj(1, isal_zlib.DEFLATED, _GZIP)
        self._packed: list[bytes] = []

    def add(self, text: bytes) -> None:
        """More text."""
        self._packed.append(self._packer.compress(text))

    def all(self) -> bytes:
        """All of it packed."""
        return b"".join([*self._packed, self._packer.flush()])


class _Lines:
    """The lines of one family as they were last written.

    `pieces` is what is joined: the head, then in turn what a line begins with and its number.
    """

    def __init__(self, family: Family, before: _Lines | None) -> None:
        self.head = _head(family)
        self.labels = tuple(family.labels)
        self.kept: dict[Labels, tuple[bytes, ...]] = {}  # what lines begin with, also of series that are gone
        if before is not None and before.head == self.head:
            self.kept = before.kept if len(before.kept) <= MOST_KEPT * len(self.labels) else before.starts()
        make = _line_starts(family)
        self.kept |= {labels: make(labels) for labels in self.labels if labels not in self.kept}
        starts = [*map(self.kept.__getitem__, self.labels)]
        self.per_series = len(starts[0]) if starts else 1
        lines = chain.from_iterable(starts)
        self.pieces = [self.head, *(piece for start in lines for piece in (start, b"")), b"\n"]
        self.values: Floats = np.empty(0)
        self.text = b"".join(self.pieces)

    def starts(self) -> dict[Labels, tuple[bytes, ...]]:
        """What the lines of each series begin with."""
        lines = iter(self.pieces[1:-1:2])
        return dict(zip(self.labels, zip(*[lines] * self.per_series, strict=True), strict=True))

    def fits(self, family: Family) -> bool:
        same = self.labels is family.labels or self.labels == tuple(family.labels)
        return same and self.head == _head(family)

    def update(self, values: Floats) -> None:
        """Write the numbers that are not the same bits as last time."""
        if len(values) != len(self.values):
            rows = np.arange(len(values))
        else:
            rows = np.flatnonzero(values.view(np.int64) != self.values.view(np.int64))
        if len(rows) == 0:
            return
        if 2 * len(rows) > len(values):
            self.pieces[2:-1:2] = go_texts(values)
        else:
            for row, text in zip(rows.tolist(), go_texts(values[rows]), strict=True):
                self.pieces[2 + 2 * row] = text
        self.values = values
        self.text = b"".join(self.pieces)


def _head(family: Family) -> bytes:
    text = family.help.replace("\\", r"\\").replace("\n", r"\n")
    return f"# HELP {family.name} {text}\n# TYPE {family.name} {family.kind}".encode("utf-8", "replace")


def _line_starts(family: Family) -> Callable[[Labels], tuple[bytes, ...]]:
    """A function from the labels of a series to what its lines begin with, the newline before included."""
    lines: list[tuple[str, str | None]] = [("", None)]
    if family.kind == "histogram":
        lines = [("_bucket", bound) for bound in _bounds(family)]
        if _has_sum(family):
            lines += [("_count", None), ("_sum", None)]
    templates = [_template(family.name + suffix, family.label_names, bound) for suffix, bound in lines]
    order = sorted(range(len(family.label_names)), key=family.label_names.__getitem__)

    def make(labels: Labels) -> tuple[bytes, ...]:
        if len(labels) != len(order):
            raise ValueError(f"{family.name}{family.label_names} has a series with labels {labels}")
        values = tuple([_escaped(labels[at]) for at in order])
        return tuple([(template % values).encode("utf-8", "replace") for template in templates])

    return make


def _template(name: str, label_names: Labels, bound: str | None) -> str:
    """What a line begins with, %s for the values of the labels; the library sorts them by name."""
    values = dict.fromkeys(label_names, "%s") | ({} if bound is None else {"le": bound})
    inside = ",".join(f'{label}="{value}"' for label, value in sorted(values.items()))
    return f"\n{name}{{{inside}}} " if inside else f"\n{name} "


def _escaped(value: str) -> str:
    # Text format 0.0.4, "Comments, help text, and type information" and what follows it.
    if value.isalnum():
        return value
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _bounds(family: Family) -> list[str]:
    return [*map(go_text, family.bounds), "+Inf"]


def _has_sum(family: Family) -> bool:
    # The library leaves sum and count out where a bound below 0 makes the sum go down.
    return not family.bounds or family.bounds[0] >= 0


def _column(family: Family) -> Floats:
    """A copy of the numbers of a family in the order of its lines."""
    values = np.array(family.values, np.float64)
    if family.kind != "histogram" or not len(values):
        return values
    counts = np.array(family.counts, np.float64)
    if not _has_sum(family):
        return counts.ravel()
    return np.column_stack([counts, counts[:, -1:], values]).ravel()
