"""Data that an epoch holds more than once is kept once. Expected rows are laid out by hand."""

import numpy as np
from observed import changed, observed

from hncors.measure.epoch import without_repeats
from hncors.observation import Messages, Observations
from hncors.rtcm3 import block, encode_legacy, encode_msm
from hncors.rtcm3.encode import Header, frame
from hncors.signals import GPS, NUMBER, SBAS

L1C, L2W, L2X = (NUMBER[GPS][code] for code in ("1C", "2W", "2X"))


def kept(*frames: bytes, epoch: list[int] | None = None) -> list[tuple[int, int, int, int]]:
    """Message number, system, satellite and signal of each row that stays."""
    decoded = block.decode([frame(one) for one in frames])
    m, o = decoded.messages, decoded.observations
    keep = without_repeats(np.array(epoch or [0] * len(m)), m, o)
    o = o.select(keep)
    rows = zip(
        m.type[o.message].tolist(), o.gnss.tolist(), o.satellite.tolist(), o.signal.tolist(), strict=True
    )
    return sorted(rows)


def gps(satellites: list[int], signals: list[int]) -> Observations:
    return observed(GPS, satellites, signals, 1)


def test_a_satellite_only_the_older_message_has_stays() -> None:
    # MSM has room for 64 cells: with many signals a receiver leaves satellites out of it (G31 here).
    older = encode_legacy.encode(1004, Header(1, 1000, more=True), gps([1, 31], [L1C, L2W]))
    msm = encode_msm.encode(1077, Header(1, 1000), gps([1], [L1C, L2X]))
    assert kept(older, msm) == [
        (1004, GPS, 31, L1C),
        (1004, GPS, 31, L2W),
        (1077, GPS, 1, L1C),
        (1077, GPS, 1, L2X),
    ]


def test_the_richest_msm_of_a_signal_stays() -> None:
    msm5 = encode_msm.encode(1075, Header(1, 1000, more=True), gps([1, 2], [L1C]))
    msm7 = encode_msm.encode(1077, Header(1, 1000), gps([1], [L1C, L2W]))
    assert kept(msm5, msm7) == [(1075, GPS, 2, L1C), (1077, GPS, 1, L1C), (1077, GPS, 1, L2W)]
    assert kept(msm7, msm5) == kept(msm5, msm7)


def test_sbas_satellites_of_1004_are_those_of_1107() -> None:
    sbas = observed(SBAS, [20], [L1C], 2)
    both = Observations.join([gps([1], [L1C]), changed(sbas, message=np.zeros(1, np.int64))])
    older = encode_legacy.encode(1004, Header(1, 1000, more=True), both)
    msm = encode_msm.encode(1107, Header(1, 1000), sbas)
    assert kept(older, msm) == [(1004, GPS, 1, L1C), (1107, SBAS, 20, L1C)]


def test_other_epochs_are_other_data() -> None:
    msm = encode_msm.encode(1077, Header(1, 1000), gps([1], [L1C]))
    assert len(kept(msm, msm)) == 1
    assert len(kept(msm, msm, epoch=[0, 1])) == 2


def test_nothing_is_taken_from_nothing() -> None:
    decoded = block.decode([])
    assert isinstance(decoded.messages, Messages)
    assert without_repeats(np.empty(0, np.int64), decoded.messages, decoded.observations).tolist() == []
