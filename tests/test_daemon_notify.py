"""Word to the service manager, on real sockets; messages are those of sd_notify(3)."""

import os
import time

import pytest
from daemon_process import Manager

from hncors.daemon.notify import Notifier


@pytest.fixture(params=[False, True], ids=["file", "abstract"])
def manager(request, tmp_path):
    one = Manager(tmp_path, abstract=request.param)
    yield one
    one.socket.close()


def notifier(manager: Manager, **more: str) -> Notifier:
    return Notifier({"NOTIFY_SOCKET": manager.address, **more})


def test_what_systemd_hears(manager):
    told = notifier(manager)
    told.ready()
    told.status("1 of 2 stations streaming")
    told.status("1 of 2 stations streaming")
    before_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    told.reloading()
    after_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    told.stopping()
    told.alive()  # no watchdog was asked for
    heard = manager.listen()
    told.close()
    assert [heard[0], heard[1], heard[3]] == ["READY=1", "STATUS=1 of 2 stations streaming", "STOPPING=1"]
    assert len(heard) == 4
    word, _, since = heard[2].partition("\nMONOTONIC_USEC=")
    assert word == "RELOADING=1"
    assert before_us <= int(since) <= after_us


@pytest.mark.parametrize(
    ("more", "fed"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 1),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 1),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, 0),
        ({"WATCHDOG_USEC": "soon"}, 0),
        ({}, 0),
    ],
)
def test_the_watchdog_is_fed_when_it_is_ours_and_no_more_than_it_needs(tmp_path, more, fed):
    manager = Manager(tmp_path)
    told = notifier(manager, **more)
    for _ in range(5):
        told.alive()
    assert manager.listen() == ["WATCHDOG=1"] * fed
    told.close()
    manager.socket.close()


def test_the_watchdog_is_fed_again_after_a_quarter_of_its_time(tmp_path):
    manager = Manager(tmp_path)
    told = notifier(manager, WATCHDOG_USEC="40000")
    told.alive()
    time.sleep(0.011)
    told.alive()
    assert manager.listen() == ["WATCHDOG=1"] * 2
    told.close()
    manager.socket.close()


def test_a_manager_that_is_away_or_does_not_read_holds_nobody_up(tmp_path):
    nobody = Notifier({"NOTIFY_SOCKET": str(tmp_path / "none")})
    nobody.ready()
    nobody.close()
    nobody.ready()
    Notifier({}).ready()
    manager = Manager(tmp_path)
    told = notifier(manager)
    for number in range(10_000):  # more than a socket holds (net.unix.max_dgram_qlen)
        told.status(str(number))
    assert 0 < len(manager.listen()) < 10_000
    told.close()
    manager.socket.close()
