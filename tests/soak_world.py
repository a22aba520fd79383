"""The world of a soak: a simulated province on three casters, and the faults of the plan carried out on it.

Hosts `a` (NTRIP 2), `b` (TLS) and `c` (NTRIP 1) are names that only `Lookup` knows; they stand on three
addresses of loopback. Whatever happens to a stream happens here, and is counted here.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from pathlib import Path
from random import Random
from typing import Any

import certificates
from soak_faults import LATE_S, Fault

from hncors import gpstime
from hncors.daemon import link_faults
from hncors.daemon.names import Names
from hncors.daemon.simulated_caster import Caster, Session
from hncors.daemon.simulated_caster import Mount as Mounted
from hncors.daemon.simulated_network import mountpoint
from hncors.registry import Station
from hncors.simulate.province import Province
from hncors.simulate.scenario import read_scenario

ADDRESSES = {"a": "127.0.0.2", "b": "127.0.0.3", "c": "127.0.0.4"}
SHARES = {"a": 12, "b": 3, "c": 3}  # stations; more than ten of a host, so that its starts take turns
DELAYS_S = (0.15, 0.3, 0.45)  # from an epoch to its arrival
RECORDED_S = 60  # of the day before
PASSWORD = "pass-of-the-soak"
LINK_FAULTS = {
    "503": link_faults.Fault("refuse"),
    "404": link_faults.Fault("refuse", status=404),
    "sourcetable": link_faults.Fault("table"),
    "web page": link_faults.Fault("html"),
    "redirect": link_faults.Fault("redirect"),
    "closed at once": link_faults.Fault("drop"),
    "reset": link_faults.Fault("reset"),
    "half-open": link_faults.Fault("half_open"),
    "no answer": link_faults.Fault("half_open"),
    "silence": link_faults.Fault("stall"),
    "drip": link_faults.Fault("drip"),
    "bytes without frames": link_faults.Fault("garbage"),
}
ENDING = ("no answer", "wrong password")  # streams are closed when it begins
BROKEN = {"every frame broken": 0.5, "some frames broken": 0.002}  # of the bytes


class CountingCaster(Caster):
    """Counts what goes out to those who listen."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.sent: Counter[str] = Counter()

    def _send(self, mount: Mounted, data: bytes) -> None:
        self.sent[mount.told.name] += len(data) * len(mount.sessions)
        super()._send(mount, data)

    def sessions(self, name: str) -> list[Session]:
        return list(self.mounts[name].sessions)


class Immediate(Names):
    """Looks names up without threads: in virtual time one of those could take minutes."""

    def _go_on(self) -> None:
        while self._waiting:
            self._threads += 1
            self._look_up(asyncio.get_running_loop(), self._waiting.popleft())


class World:
    """Stations, casters and what is wrong with them."""

    def __init__(self, folder: Path, openssl: str | None, seed: int, now_ns: Callable[[], int]) -> None:
        hosts = {letter: share for letter, share in SHARES.items() if openssl or letter != "b"}
        self.now_ns = now_ns
        text = f"""
            name = "soak"
            start = "2026-03-02T06:00:00"
            seconds = 86400
            seed = {seed}
            network = {{ count = {sum(hosts.values())}, msm = 4, systems = "GC", station_s = 5 }}
            truth = {{ epochs_every_s = 3600, cells_every_s = 86400 }}
        """
        scenario, problems = read_scenario(text, "soak")
        if scenario is None:
            raise ValueError(problems)
        start_ms = gpstime.from_unix_ns(now_ns()) + 1500
        self.province = Province(scenario, start_ms)
        self._before = Province(scenario, start_ms - gpstime.DAY_MS)
        names = [one.id for one in self.province.stations]
        self.hosts = {letter: [names.pop() for _ in range(share)] for letter, share in hosts.items()}
        self.host_of = {name: letter for letter, names in self.hosts.items() for name in names}
        self.delivered: Counter[str] = Counter()  # epochs, whole, to somebody who listened
        self.first_ms: dict[str, int] = {}  # the first of them
        self.down: set[str] = set()  # hosts whose name is not found
        self.swapped: dict[str, str] = {}
        self._chance = Random(seed)
        self._wrong: dict[str, str] = {}  # station -> kind of a fault of its data
        self._folder = folder
        self._tls = {} if openssl is None else _contexts(folder, openssl)
        self._rows = {one.id: mountpoint(one, 5) for one in self.province.stations}
        self.users = {letter: dict.fromkeys(names, PASSWORD) for letter, names in self.hosts.items()}
        self.casters = {
            letter: CountingCaster([self._rows[name] for name in names], users=self.users[letter])
            for letter, names in self.hosts.items()
        }
        self._ports: dict[str, int] = {}

    def mountpoint(self, name: str) -> str:
        return self._rows[name].name

    async def open(self) -> None:
        """Let all casters listen."""
        for letter in self.hosts:
            await self._listen(letter, self._tls.get("good"))

    async def close(self) -> None:
        for caster in self.casters.values():
            await caster.close()

    def stations(self) -> list[Station]:
        """As they are filed."""
        (self._folder / "password").write_text(PASSWORD + "\n")
        return [
            Station(
                id=one.id,
                link=f"ntrip{'s' * (letter == 'b')}://{letter}.soak:{self._ports[letter]}/{one.mountpoint}",
                rate_hz=1.0,
                user=one.id,
                password_file="password",
                ntrip_version=1 if letter == "c" else 2,
                tls_ca_file="b.soak.pem" if letter == "b" else None,
                ecef_m=one.ecef_m,
                frame="ITRF2014",
                epoch=2026.0,
                file=str(self._folder / "x.toml"),
            )
            for one in self.province.stations
            for letter in self.host_of[one.id]
        ]

    def lookup(self, host: str, port: int, **more: Any) -> list[tuple[Any, ...]]:
        """What takes getaddrinfo's place."""
        letter = host.partition(".")[0]
        if letter in self.down:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        address = (ADDRESSES[letter], port)
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", address)]

    async def _listen(self, letter: str, tls: ssl.SSLContext | None) -> None:
        port = self._ports.get(letter, 0)
        _, self._ports[letter] = await self.casters[letter].listen(
            ADDRESSES[letter], port, tls if letter == "b" else None
        )

    @cached_property
    def _recorded(self) -> list[dict[str, bytes]]:
        """What stations sent the day before."""
        return [_data(self._before, time_ms) for time_ms in self._before.times()[:RECORDED_S]]

    # --- data ----------------------------------------------------------------------------------

    async def supply(self) -> None:
        """Publish every epoch after its delay, until cancelled."""
        loop = asyncio.get_running_loop()
        for number, time_ms in enumerate(self.province.times()):
            await asyncio.sleep(max(0.0, (gpstime.to_unix_ns(time_ms) - self.now_ns()) / 1e9))
            sent = _data(self.province, time_ms)
            swapped = {one: sent[other] for one, other in self.swapped.items()}
            for place, delay_s in enumerate(DELAYS_S):
                names = [one.id for row, one in enumerate(self.province.stations) if row % 3 == place]
                loop.call_later(delay_s, self._publish, number, names, {**sent, **swapped})

    def _publish(self, number: int, names: list[str], sent: Mapping[str, bytes]) -> None:
        for name in names:
            kind = self._wrong.get(name, "")
            data = sent[name]
            if kind in BROKEN:
                data = self._broken(data, BROKEN[kind])
            elif kind == "a recording":
                data = self._recorded[number % RECORDED_S][name]
            if kind == "late data":
                again = partial(self._late, name, data)
                asyncio.get_running_loop().call_later(LATE_S, again)
                continue
            caster = self.casters[self.host_of[name]]
            mount = caster.mounts[self._rows[name].name]
            if mount.fault is None and kind != "every frame broken" and mount.sessions:
                self.delivered[name] += len(mount.sessions)
                self.first_ms.setdefault(name, self.province.start_ms + 1000 * number)
            caster.publish(mount.told.name, data)

    def _late(self, name: str, data: bytes) -> None:
        if self._wrong.get(name) == "late data":
            self.casters[self.host_of[name]].publish(self._rows[name].name, data)

    def _broken(self, data: bytes, share: float) -> bytes:
        out = bytearray(data)
        for place in range(len(out)):
            if self._chance.random() < share:
                out[place] ^= self._chance.randint(1, 255)
        return bytes(out)

    # --- faults --------------------------------------------------------------------------------

    async def begin(self, fault: Fault) -> None:
        """Carry a fault out."""
        if fault.target in self.hosts:
            await self._host(fault.target, fault.kind)
            return
        name = fault.target
        caster = self.casters[self.host_of[name]]
        if fault.kind in ENDING:
            for session in caster.sessions(self._rows[name].name):
                session.close()
            await asyncio.sleep(0)
        if fault.kind in LINK_FAULTS:
            caster.act(self._rows[name].name, LINK_FAULTS[fault.kind])
        elif fault.kind == "wrong password":
            self.users[self.host_of[name]][name] = "another"
        elif fault.with_:
            self.swapped |= {name: fault.with_, fault.with_: name}
        else:
            self._wrong[name] = fault.kind

    async def end(self, fault: Fault) -> None:
        """All is well again."""
        if fault.target in self.hosts:
            await self._host(fault.target, "")
            return
        name = fault.target
        self.casters[self.host_of[name]].act(self._rows[name].name, None)
        self.users[self.host_of[name]][name] = PASSWORD
        self._wrong.pop(name, None)
        for one in (name, fault.with_) if fault.with_ else ():
            self.swapped.pop(one, None)

    async def _host(self, letter: str, kind: str) -> None:
        """Take a host's listener away, or put another, or the right one in its place."""
        caster = self.casters[letter]
        self.down.discard(letter)
        await caster.refuse_connections()
        if kind:
            for name in self.hosts[letter]:
                mount = caster.mounts[self._rows[name].name]
                for session in [*mount.sessions, *mount.deaf]:
                    session.abort()
            await asyncio.sleep(0)
        if kind == "no such name":
            self.down.add(letter)
        if kind not in ("refused", "restart"):
            tls = {"wrong certificate": "wrong", "TLS port without TLS": ""}.get(kind, "good")
            await self._listen(letter, self._tls.get(tls))


def _data(province: Province, time_ms: int) -> dict[str, bytes]:
    return {province.stations[sent.station].id: sent.data for sent in province.epoch(time_ms).sent}


def _contexts(folder: Path, openssl: str) -> dict[str, ssl.SSLContext]:
    """Of servers: one whose certificate is the authority that stations name, one of somebody else."""
    made = {
        kind: certificates.made(folder, openssl, name) for kind, name in (("good", "b.soak"), ("wrong", "x"))
    }
    return {kind: certificates.serving(*files) for kind, files in made.items()}
