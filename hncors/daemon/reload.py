"""SIGHUP: the configuration is read anew, checked as a whole, and only what differs is changed."""

import asyncio
import logging
from collections.abc import Callable, Iterator

from hncors.daemon import configuration
from hncors.daemon.links import Links
from hncors.daemon.log_limits import ABOUT
from hncors.daemon.notify import Notifier
from hncors.daemon.pulse import Pulse
from hncors.health import SECOND_NS, Event
from hncors.registry import Station
from hncors.settings import Settings, keys

AT_ONCE = ("stations", "tick_s", "log_level")  # keys that a running daemon takes over
NAMED = 20  # stations named in a line of the log

Load = Callable[[], tuple[Settings, list[Station]]]

log = logging.getLogger("hncors")


class Reload:
    """Waits to be asked, and remembers what became of it."""

    def __init__(
        self, settings: Settings, load: Load | None, links: Links, pulse: Pulse, notifier: Notifier
    ) -> None:
        self._begun_with = settings  # what the parts that only a restart changes go on with
        self._load = load
        self._links = links
        self._pulse = pulse
        self._notifier = notifier
        self._asked = asyncio.Event()
        self._successful = True
        self._read_s = pulse.clock.now_ns() / SECOND_NS
        self._restart: list[str] = []

    def ask(self) -> None:
        """Reload; asked again while it does, it does once more."""
        self._asked.set()

    async def run(self) -> None:
        """Reload whenever asked, until cancelled."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            if self._load is not None:
                self._notifier.reloading()
                await self._try(self._load)
                self._notifier.ready()

    def told(self) -> dict[str, object]:
        """For the metrics."""
        return {
            "reload_successful": self._successful,
            "reload_unix_s": self._read_s,
            "restart_needed": bool(self._restart),
        }

    async def _try(self, load: Load) -> None:
        try:
            await self._reload(load)
        except configuration.ConfigurationError as refused:
            self._refused(refused.problems)
        except Exception as fault:  # what is wrong with our own reading must not end the daemon
            log.exception("fault in a reload")
            self._refused([f"fault in the monitor: {type(fault).__name__}"])

    async def _reload(self, load: Load) -> None:
        settings, stations = await asyncio.to_thread(load)
        changes = await self._links.follow(stations)
        self._pulse.tick_s = settings.tick_s
        logging.getLogger().setLevel(settings.log_level.upper())
        self._successful, self._read_s = True, self._pulse.clock.now_ns() / SECOND_NS
        self._restart = list(_different(self._begun_with, settings))
        for name, which in changes._asdict().items():
            if which:
                more = ", ..." if len(which) > NAMED else ""
                log.info("configuration: %s %s%s", name, ", ".join(which[:NAMED]), more)
        for doubt in configuration.warnings(stations):
            log.warning("configuration: %s", doubt)
        for key in self._restart:
            log.warning("configuration: %s takes effect when the daemon is started again", key)
        counts = {name: len(which) for name, which in changes._asdict().items()}
        untouched = len(stations) - len(changes.added) - len(changes.restarted)
        self._report("configuration_reloaded", {**counts, "untouched": untouched})

    def _refused(self, problems: list[str]) -> None:
        self._successful = False
        for problem in problems:
            log.error("configuration: %s", problem, extra={ABOUT: problem})  # each is told
        log.error("configuration: %d mistakes, nothing is changed", len(problems))
        self._report("configuration_refused", {"problems": len(problems)})

    def _report(self, kind: str, detail: dict[str, int]) -> None:
        self._pulse.report(Event(self._pulse.clock.now_ns(), "", kind, detail))


def _different(before: Settings, after: Settings) -> Iterator[str]:
    """The keys that differ and wait for a restart."""
    for key, _, _ in keys(Settings):
        if key not in AT_ONCE and _value(before, key) != _value(after, key):
            yield key


def _value(settings: object, key: str) -> object:
    for step in key.split("."):
        settings = getattr(settings, step, None)  # of a table that is not there, nothing
    return settings
