"""A pytest fixture for tests of recordings.

def test_beidou_3_is_delivered(rtcm_replay):
    seen = rtcm_replay("recordings/ABCD.rtcm3").observations
    assert ((seen["gnss"] == "C") & (seen["satellite"] > 18)).any()
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from hncors.view.results import Result


@pytest.fixture
def rtcm_replay(request: pytest.FixtureRequest) -> Callable[..., Result]:
    """`rtcm_replay(path, ...)` replays recordings. Result, `stations`, `nav`, `time`: see hncors.replay.

    Relative paths are looked for beside the test's file, then in pytest's root folder.
    """

    def found(path: Any) -> Any:
        beside = request.path.parent / path
        return beside if beside.exists() else request.config.rootpath / path

    def replayed(*inputs: Any, stations: Any = None, nav: Any = (), time: str | None = None) -> Result:
        import hncors

        several = [nav] if isinstance(nav, str) or hasattr(nav, "__fspath__") else nav
        if isinstance(stations, str) or hasattr(stations, "__fspath__"):
            stations = found(stations)
        return hncors.replay(map(found, inputs), stations, map(found, several), time=time)

    return replayed
