"""hncors simulate --serve: a simulated network on the air, by a caster of its own."""

from __future__ import annotations

import asyncio
import contextlib
import re
import signal
import ssl
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from hncors import gpstime
from hncors.cli_output import DONE, Refused, console, document, staged
from hncors.cli_simulated_files import TRUTH, write_stations, write_truth
from hncors.daemon.recording import shown
from hncors.daemon.simulated_caster import Caster, read_users
from hncors.daemon.simulated_network import Playing, mountpoint
from hncors.settings import Address
from hncors.simulate.province import Province
from hncors.simulate.scenario import Scenario
from hncors.text import printable

START_MS = 1500  # from now to the first epoch
# RFC 7468, section 2; the same file may hold the key
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----\n?")


class Secured(NamedTuple):
    """TLS as a caster speaks it."""

    context: ssl.SSLContext
    certificates: str  # PEM, the key not among them


class Asked(NamedTuple):
    """What the command line says of the caster."""

    serve: str
    users: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None


def command(scenario: Scenario, asked: Asked, out: Path | None, as_json: bool) -> int:
    """Serve until the scenario ends, or until told to end; the exit status."""
    secured = _secured(asked.tls_cert, asked.tls_key)
    return asyncio.run(_serve(scenario, address(asked.serve), _known(asked.users), secured, out, as_json))


def address(text: str) -> Address:
    """HOST:PORT; port 0 takes any. Raises Refused."""
    found = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+)):([0-9]{1,5})", text)
    if found is None or int(found[3]) > 65535:
        raise Refused(f'--serve "{printable(text)}": expected HOST:PORT such as 127.0.0.1:2101')
    return Address(found[1] or found[2], int(found[3]))


def _known(path: Path | None) -> dict[str, str] | None:
    if path is None:
        return None
    try:
        return read_users(path)
    except OSError as fault:
        raise Refused(f"{printable(str(path))}: {fault.strerror}; --users expects a file") from fault
    except ValueError as fault:
        raise Refused(str(fault)) from None


def _secured(cert: Path | None, key: Path | None) -> Secured | None:
    """TLS with the caster's certificate and key; None without any."""
    if cert is None and key is None:
        return None
    if cert is None or key is None:
        raise Refused("expected --tls-cert and --tls-key together: a certificate serves with its key only")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    for name, path in (("--tls-cert", cert), ("--tls-key", key)):
        try:
            path.open("rb").close()
        except OSError as fault:
            told = f"{printable(str(path))}: {fault.strerror}; {name} expects a file in PEM"
            raise Refused(told) from fault
    try:
        context.load_cert_chain(cert, key, password=lambda: "")  # nobody is there to be asked
        text = "".join(_CERTIFICATE.findall(cert.read_text(encoding="ascii", errors="replace")))
    except (OSError, ValueError) as fault:
        told = f"{printable(str(cert))}, {printable(str(key))}: expected a certificate and its key in PEM"
        raise Refused(f"{told}, the key without a password") from fault
    return Secured(context, text)


async def _serve(
    scenario: Scenario,
    at: Address,
    users: dict[str, str] | None,
    secured: Secured | None,
    out: Path | None,
    as_json: bool,
) -> int:
    province = Province(scenario, gpstime.from_unix_ns(time.time_ns()) + START_MS)
    rows = [mountpoint(one, scenario.network.station_s) for one in province.stations]
    caster = Caster(rows, users=users, operator="simulated")
    try:
        host, port = await caster.listen(at.host, at.port, secured and secured.context)
    except OSError as fault:
        raise Refused(f'--serve "{at.host}:{at.port}": {fault.strerror}; expected a free address') from fault
    scheme = "ntrip" if secured is None else "ntrips"
    shown_at = f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
    try:
        with _truth(province, out, shown_at, secured.certificates if secured else None) as file:
            playing = Playing(province, caster, lambda records: _write(file, records))
            _tell(province, shown_at, out, as_json)
            await _until_told(playing)
    finally:
        await caster.close()
    counts = playing.counts
    if not as_json:
        console().print(
            f"served 已播发  {counts['epochs']} epochs, {counts['bytes'] / 1e6:,.1f} MB; "
            f"{counts['late']} late, {counts['skipped']} left out, {counts['unsent']} unsent",
            markup=False,
            soft_wrap=True,
        )
    return DONE


@contextlib.contextmanager
def _truth(
    province: Province, out: Path | None, caster: str, certificates: str | None
) -> Iterator[TextIO | None]:
    """The open file of the truth, its first records written; None without a folder."""
    if out is None:
        yield None
        return
    with staged(out) as folder:
        write_stations(folder, province, caster, certificates)
        (folder / TRUTH).touch()
    with (out / TRUTH).open("w", encoding="utf-8") as file:
        write_truth(file, province.head())
        yield file


def _write(file: TextIO | None, records: list[dict[str, Any]]) -> None:
    if file is not None:
        write_truth(file, records)
        file.flush()


def _tell(province: Province, caster: str, out: Path | None, as_json: bool) -> None:
    length_s = (province.end_ms - province.start_ms) / 1000
    if as_json:
        names = [one.mountpoint for one in province.stations]
        begin = gpstime.iso(province.start_ms)
        document(
            {
                "caster": caster.partition("://")[2],
                "tls": caster.startswith("ntrips"),
                "mountpoints": names,
                "begin": begin,
                "seconds": length_s,
            }
        )
    else:
        print(f"caster 播发服务器  {caster}  {len(province.stations)} mountpoints 挂载点")
        if out is not None:
            print(f"stations 站点文件  hncors run -c {shown(out / 'hncors.toml')}")
        print(f"ends after {length_s:g} s, or by Ctrl-C  {length_s:g} 秒后结束，或按 Ctrl-C")
    sys.stdout.flush()


async def _until_told(playing: Playing) -> None:
    """Play to the end, or until SIGINT or SIGTERM."""
    loop, told = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told.set)
    play = asyncio.create_task(playing.run())
    end = asyncio.create_task(told.wait())
    await asyncio.wait((play, end), return_when=asyncio.FIRST_COMPLETED)
    end.cancel()
    if not play.done():
        play.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await play
    else:
        play.result()
