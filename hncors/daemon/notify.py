"""Word to the service manager: sd_notify(3), a datagram of KEY=VALUE lines to the socket it names."""

import os
import socket
import time
from collections.abc import Mapping


class Notifier:
    """Tells systemd how the daemon is; without a socket to tell, says nothing."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        self._socket: socket.socket | None = None
        if address.startswith(("/", "@")):
            self._address = "\0" + address[1:] if address.startswith("@") else address
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            self._socket.setblocking(False)  # a manager that does not read must not hold the daemon up
        self._every_s = _watchdog_s(environment) / 4  # sd_watchdog_enabled(3) advises half of it at most
        self._alive_s = 0.0
        self._status = ""

    def ready(self) -> None:
        self._tell("READY=1")

    def reloading(self) -> None:
        """Until ready() is called again."""
        self._tell(f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def stopping(self) -> None:
        self._tell("STOPPING=1")

    def status(self, text: str) -> None:
        """One line for people; told when it is another."""
        if text != self._status:
            self._status = text
            self._tell(f"STATUS={text}")

    def alive(self) -> None:
        """Feed the watchdog, as often as it needs."""
        now_s = time.monotonic()
        if self._every_s and now_s - self._alive_s >= self._every_s:
            self._alive_s = now_s
            self._tell("WATCHDOG=1")

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _tell(self, message: str) -> None:
        if self._socket is None:
            return
        try:
            self._socket.sendto(message.encode(), self._address)
        except OSError:  # the manager is away or busy: what it missed it will be told with the next
            self._status, self._alive_s = "", 0.0


def _watchdog_s(environment: Mapping[str, str]) -> float:
    """Within how long the watchdog wants to be fed; 0 where there is none, or it is another process's."""
    period, process = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", str(os.getpid()))
    return int(period) / 1e6 if period.isdecimal() and process == str(os.getpid()) else 0.0
