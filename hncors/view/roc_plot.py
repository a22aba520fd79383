"""Receiver operating curves: the share of true pairs a limit finds, against that of strangers it takes.

Each point of a curve is a limit. The axis across is logarithmic: what matters are few false ones; shares that
are less than one of the sample stand at its left edge.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from hncors.observation import F64
from hncors.view import axes, svg
from hncors.view.axes import Frame, Mark, Scale
from hncors.view.series_plot import legend
from hncors.view.svg import Markup

SIZE, HEIGHT = 440.0, 330.0
LEFT, RIGHT, TOP, BOTTOM = 44.0, 426.0, 52.0, 288.0
LEAST = 1e-4


class Curve(NamedTuple):
    """Shares of true pairs found and of strangers taken for pairs, by limit, rising."""

    name: str
    colour: str
    found: F64
    false: F64


def curve(name: str, colour: str, true: F64, strangers: F64) -> Curve:
    """Of a number that is small for true pairs and large for strangers: a point for each limit there is."""
    limit = np.unique(np.concatenate([true, strangers]))
    shares = [
        np.searchsorted(np.sort(one), limit, side="right") / max(len(one), 1) for one in (true, strangers)
    ]
    return Curve(name, colour, *shares)


def roc(name: str, curves: Sequence[Curve], *, alone: bool = False) -> Markup:
    """The plot."""
    frame = Frame(Scale(LEAST, 1.0, LEFT, RIGHT, log=True), Scale(0.0, 1.0, BOTTOM, TOP))
    across = "误判比例 strangers taken for pairs"
    where = [
        Mark(LEAST, "≤ 10⁻⁴"),
        Mark(1e-3, "0.1 %"),
        Mark(1e-2, "1 %"),
        Mark(0.1, "10 %"),
        Mark(1.0, "100 %"),
    ]
    up = [Mark(part / 5, f"{20 * part} %") for part in range(6)]
    parts = [axes.axes(frame, where, up, across, "检出比例 true pairs found")]
    chance = np.geomspace(LEAST, 1.0, 60)
    parts.append(svg.path(frame.x(chance), frame.y(chance), class_="model"))
    for one in curves:
        false = np.concatenate([[0.0], one.false, [1.0]])
        found = np.concatenate([[0.0], one.found, [1.0]])
        # As steps: between two limits nothing is found without what the next one takes.
        x, y = frame.x(np.maximum(false, LEAST)).repeat(2)[1:], frame.y(found).repeat(2)[:-1]
        turn = np.ones(len(x), bool)
        turn[1:-1] = (np.diff(x[:-1]) != 0) | (np.diff(x[1:]) != 0)
        turn[1:-1] &= (np.diff(y[:-1]) != 0) | (np.diff(y[1:]) != 0)
        parts.append(svg.path(x[turn], y[turn], class_=f"s-{one.colour} line"))
    parts.append(legend([(one.name, f"s-{one.colour} line") for one in curves], right=RIGHT, y=10.0))
    return svg.picture(SIZE, HEIGHT, name, parts, alone=alone)
