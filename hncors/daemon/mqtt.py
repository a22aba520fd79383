"""Events to an MQTT broker, out of the ledger's outbox: what is not acknowledged is sent again.

An event is in the ledger before it is sent and goes out of the outbox once the broker has acknowledged it, so
that a broker that is away, or a daemon that is killed, loses none; between acknowledgement and that, it can
come twice, with the same id.  How each station is now is a retained message besides, told anew after each
connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import random
import sqlite3
import ssl
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import aiomqtt
from aiomqtt.exceptions import MqttConnectError

from hncors.daemon import tls
from hncors.daemon.configuration import first_line
from hncors.daemon.ledger import Ledger
from hncors.daemon.ledger_opening import LedgerDamaged, LedgerRefused
from hncors.daemon.ledger_outbox import Waiting, sent, waiting
from hncors.daemon.secrets import Secrets
from hncors.health import Event, Stream
from hncors.settings import Mqtt, parse_broker
from hncors.text import printable
from hncors.version import VERSION
from hncors.view import published
from hncors.view.published import Published

AGAIN_S = (1.0, 60.0)  # after a failure: the first wait and the longest; lengthened by up to a half
REFUSED_S = 30.0  # what only a person mends
ANSWER_S = 10.0  # for each acknowledgement
KEEPALIVE_S = 20  # a broker that is gone without a word is noticed in one and a half of it
BATCH = 50  # events between two looks into the outbox
LOOK_S = 0.5  # into an empty one
SETTLE_S = 2.0  # after a broker was away: those who receive from it come back, too
GOODBYE_S = 1.0
SECOND_NS = 1_000_000_000
_REFUSED = {4: "not_authorised", 5: "not_authorised", 134: "not_authorised", 135: "not_authorised"}
"""Connect return codes (MQTT 3.1.1, table 3.1) and reason codes (MQTT 5.0, table 3-1)."""

T = TypeVar("T")
log = logging.getLogger("hncors")


class Broker:
    """Follows the outbox of the ledger at `ledger`; `streams` gives those that are watched now."""

    def __init__(
        self,
        settings: Mqtt,
        folder: Path,
        ledger: Path,
        streams: Callable[[], Sequence[Stream]],
        now_ns: Callable[[], int],
        secrets: Secrets,
    ) -> None:
        """`folder` is what file names in `settings` are relative to."""
        self._settings = settings
        self._folder = folder
        self._path = ledger
        self._streams = streams
        self._now_ns = now_ns
        self._secrets = secrets
        self._changed: dict[str, None] = {}  # stations whose retained state is old, in order
        self._acknowledged: set[int] = set()  # rows that are to go out of the outbox
        self._sent: Counter[str] = Counter(dict.fromkeys(published.KINDS, 0))
        self._failures: Counter[str] = Counter()
        self._connected = self._was = False
        self._since_ns = now_ns()
        self._said = ""
        self._thread = ThreadPoolExecutor(1, "mqtt")  # what the ledger is asked, in order

    def note(self, event: Event) -> None:
        """An event of the network; of changes of state the retained message follows."""
        if event.kind == "state":
            self._changed[event.station] = None

    def told(self, dropped: int) -> Published:
        """For the metrics; `dropped` is what the ledger gave up."""
        since_s = self._since_ns / SECOND_NS
        return Published(self._connected, since_s, dict(self._sent), dict(self._failures), dropped)

    async def run(self) -> None:
        """Connect and send until cancelled, however often that fails."""
        wait_s = AGAIN_S[0]
        while True:
            began_ns = self._now_ns()
            reason = await self._try()
            if self._connected:
                self._turn(connected=False)
                wait_s = AGAIN_S[0] if self._now_ns() - began_ns > 60 * SECOND_NS else wait_s
            self._failures[reason] += 1
            least_s = REFUSED_S if reason in ("not_authorised", "certificate", "password_file") else 0.0
            await asyncio.sleep(max(wait_s, least_s) * random.uniform(1.0, 1.5))  # noqa: S311  not a secret
            wait_s = min(2 * wait_s, AGAIN_S[1])

    async def _try(self) -> str:
        """One connection; why it failed or ended."""
        client = None
        try:
            client = self._client()
            async with client:
                self._turn(connected=True)
                await _until_lost(client, self._serve(client))
            return "ended"
        except aiomqtt.MqttError as fault:
            return self._failed(*_reason(fault))
        except (OSError, ValueError) as fault:
            known = "certificate" if isinstance(fault, ssl.SSLError) else "password_file"
            return self._failed(known, tls.why(fault) if isinstance(fault, ssl.SSLError) else str(fault))
        except (sqlite3.Error, LedgerDamaged, LedgerRefused) as fault:
            return self._failed("ledger", str(fault))
        except Exception as fault:  # a fault of ours must not end the daemon
            log.exception("mqtt: a fault of the monitor")
            return self._failed("fault", type(fault).__name__)
        finally:
            _close(client)

    def _client(self) -> aiomqtt.Client:
        its, (host, port, secure) = self._settings, parse_broker(self._settings.broker)
        password = None
        if its.password_file is not None:
            password = self._secrets.remember(first_line(self._folder / its.password_file), its.user or "")
        ca_file = None if its.ca_file is None else self._folder / its.ca_file
        five = its.protocol == "5"
        will = aiomqtt.Will(
            published.status_topic(its.topic), published.status(False, VERSION), qos=1, retain=True
        )
        return aiomqtt.Client(
            host, port, username=its.user, password=password, identifier=its.client_id, will=will,
            protocol=aiomqtt.ProtocolVersion.V5 if five else aiomqtt.ProtocolVersion.V311,
            keepalive=KEEPALIVE_S, timeout=ANSWER_S, logger=log.getChild("mqtt"),
            tls_context=tls.authorities(ca_file) if secure else None,
            clean_session=None if five else True,  # MQTT 5 has clean_start, which is so by itself
        )  # fmt: skip

    async def _serve(self, client: aiomqtt.Client) -> None:
        """Tell how everything is, then every event as it comes."""
        prefix = self._settings.topic
        online = published.status(True, VERSION, self._since_ns)
        await client.publish(published.status_topic(prefix), online, qos=1, retain=True)
        self._changed = dict.fromkeys(stream.id for stream in self._streams())
        ledger = await self._in_thread(Ledger, self._path)
        begin_s = time.monotonic() + (SETTLE_S if self._was else 0.0)
        self._was = True
        try:
            while True:
                await self._retain(client)
                if time.monotonic() < begin_s or not await self._events(client, ledger):
                    await asyncio.sleep(LOOK_S)
        except asyncio.CancelledError:
            with contextlib.suppress(aiomqtt.MqttError, TimeoutError):
                offline = published.status(False, VERSION, self._now_ns())
                async with asyncio.timeout(GOODBYE_S):
                    await client.publish(published.status_topic(prefix), offline, qos=1, retain=True)
            raise
        finally:
            self._thread.submit(ledger.close)  # after what is being done with it

    async def _retain(self, client: aiomqtt.Client) -> None:
        """The retained states that are old; of stations that are gone the broker forgets them."""
        known = {stream.id: stream for stream in self._streams()} if self._changed else {}
        while self._changed:
            station = next(iter(self._changed))
            stream = known.get(station)
            told = b"" if stream is None else published.state(stream)
            del self._changed[station]
            try:
                await client.publish(
                    published.state_topic(self._settings.topic, station), told, qos=1, retain=True
                )
            except BaseException:
                self._changed.setdefault(station)
                raise

    async def _events(self, client: aiomqtt.Client, ledger: Ledger) -> bool:
        """Send the oldest events; whether there were any."""
        rows = await self._in_thread(self._waiting, ledger)
        try:
            for row in rows:
                topic = published.event_topic(self._settings.topic, row.kind, row.subject)
                payload = published.event(row.key, row.kind, row.subject, row.at_ns, json.loads(row.payload))
                await client.publish(topic, payload, qos=1)
                self._acknowledged.add(row.id)
                self._sent[row.kind] += 1
        finally:
            if self._acknowledged:
                await asyncio.shield(self._in_thread(self._forget, ledger))
        return bool(rows)

    async def _in_thread(self, what: Callable[..., T], *args: object) -> T:
        """One after the other, be it that nobody waits any more."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, what, *args)

    def _waiting(self, ledger: Ledger) -> list[Waiting]:
        """The oldest that were not acknowledged, be it that some of those could not be taken out."""
        if not _same_file(ledger):
            raise LedgerRefused("another file is in its place now")
        rows = waiting(ledger.base, BATCH + len(self._acknowledged))
        return [row for row in rows if row.id not in self._acknowledged][:BATCH]

    def _forget(self, ledger: Ledger) -> None:
        done = sorted(self._acknowledged)
        try:
            sent(ledger, done)
        except sqlite3.Error as fault:  # full or locked: they wait to be taken out, and are not sent again
            log.warning("mqtt: %s: sent events stay in the outbox", printable(str(fault), 200))
            return
        self._acknowledged.difference_update(done)

    def _turn(self, *, connected: bool) -> None:
        self._connected, self._since_ns = connected, self._now_ns()
        if connected:
            self._said = ""
            log.info("mqtt: connected to %s", self._settings.broker)

    def _failed(self, reason: str, why: str) -> str:
        told = printable(self._secrets.hide(f"{reason}: {why}"), 300)
        if told != self._said:
            self._said = told
            log.warning("mqtt: %s: %s: events wait in the ledger", self._settings.broker, told)
        return reason


async def _until_lost(client: aiomqtt.Client, work: Coroutine[Any, Any, None]) -> None:
    """Work with a connection until it is gone, as only listening tells at once; raises MqttError."""
    tasks = [asyncio.create_task(_lost(client)), asyncio.create_task(work)]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        done = [task for task in tasks if task.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


async def _lost(client: aiomqtt.Client) -> None:
    """Until the connection is gone: raises MqttError then. Nothing is subscribed to, so nothing comes."""
    async for _ in client.messages:
        pass


def _close(client: aiomqtt.Client | None) -> None:
    """paho-mqtt leaves the socket of a connection that was refused to the collector."""
    if client is not None and (left := client._client.socket()) is not None:  # there is no other way to it
        left.close()


def _same_file(ledger: Ledger) -> bool:
    """Whether the file that is open is still the one of its name: a damaged one is moved aside."""
    try:
        return ledger.path.stat().st_ino == ledger.inode
    except OSError:
        return False


def _reason(fault: aiomqtt.MqttError) -> tuple[str, str]:
    """A short word for the metrics, and more for the log."""
    code = getattr(fault, "rc", None)
    number = getattr(code, "value", code)
    if isinstance(fault, MqttConnectError) and number in _REFUSED:
        return _REFUSED[number], str(fault)
    cause = fault.__cause__ or fault.__context__
    if isinstance(cause, ssl.SSLError):
        return "certificate", tls.why(cause)
    if isinstance(cause, TimeoutError) or "timed out" in str(fault):
        return "no_answer", str(fault)
    if isinstance(cause, OSError):
        return "unreachable", cause.strerror or str(cause)
    return "disconnected", str(fault)
