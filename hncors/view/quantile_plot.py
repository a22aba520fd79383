"""Whether a normal distribution bounds what was measured: quantiles of one against those of the other.

Values are errors in sigmas of a model, without their signs. Where the line lies below the diagonal the model
promises larger errors than there were: it bounds them (over-bound in the folded sense, DeCleene 2000,
"Defining pseudorange integrity: overbounding", ION GPS 2000).
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from hncors.observation import F64
from hncors.view import axes, svg
from hncors.view.axes import Frame, Mark, Scale
from hncors.view.series_plot import legend
from hncors.view.svg import Markup
from hncors.view.thinning import thinned

SIZE, HEIGHT = 440.0, 330.0
LEFT, RIGHT, TOP, BOTTOM = 44.0, 426.0, 52.0, 288.0
RARER = (0.5, 0.1, 0.01, 1e-3, 1e-4, 1e-5)
WORDS = ("50 %", "10 %", "1 %", "0.1 %", "10⁻⁴", "10⁻⁵")
_NORMAL = NormalDist()


class Sample(NamedTuple):
    """Values in sigmas of the model, and how they are shown."""

    name: str
    colour: str
    value: F64


def expected(count: int) -> F64:
    """What the k-th least of `count` folded standard normal values is about, k from 1 on.

    The value that is exceeded with probability 1 - (k - 1/2) / count (Hazen's plotting position).
    """
    share = (np.arange(count) + 0.5) / count
    return np.array([_NORMAL.inv_cdf(0.5 + one / 2) for one in share.tolist()])


def quantiles(name: str, samples: Sequence[Sample], *, alone: bool = False) -> Markup:
    """The plot; the axis across is linear in sigmas and written in probabilities of more."""
    folded = [np.sort(np.abs(sample.value[~np.isnan(sample.value)])) for sample in samples]
    most = max((len(one) for one in folded), default=1) or 1
    wide = max(3.5, float(expected(most)[-1]) + 0.2)
    high = axes.around([np.array([0.0, max([wide, *(float(one[-1]) for one in folded if len(one))])])], 4.0)[
        1
    ]
    frame = Frame(Scale(0.0, wide, LEFT, RIGHT), Scale(0.0, high, BOTTOM, TOP))
    where = [
        Mark(at, words)
        for rare, words in zip(RARER, WORDS, strict=True)
        if (at := _NORMAL.inv_cdf(1 - rare / 2)) <= wide
    ]
    up = "|r| / σ 实测 measured"
    across = "模型超出概率 probability of more, by the model"
    parts = [axes.axes(frame, where, axes.marks(0.0, high), across, up)]
    end = min(wide, high)
    parts.append(svg.line(LEFT, BOTTOM, float(frame.x(end)), float(frame.y(end)), "model"))
    for sample, values in zip(samples, folded, strict=True):
        if len(values):
            x, y = frame.x(expected(len(values))), frame.y(values)
            rows = thinned(np.floor(2 * x).astype(np.int64), values)
            parts.append(svg.path(x[rows], y[rows], class_=f"s-{sample.colour} line"))
    parts += _legend([(sample.name, f"s-{sample.colour} line") for sample in samples])
    return svg.picture(SIZE, HEIGHT, name, parts, alone=alone)


def _legend(named: Sequence[tuple[str, str]]) -> list[Markup]:
    """Names in as many rows as they need."""
    rows: list[list[tuple[str, str]]] = [[]]
    for one in named:
        wide = sum(svg.width(words) + 30.0 for words, _ in (*rows[-1], one))
        if rows[-1] and wide > RIGHT:
            rows.append([])
        rows[-1].append(one)
    return [legend(row, right=RIGHT, y=10.0 + 15.0 * n) for n, row in enumerate(rows)]
