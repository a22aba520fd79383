"""N25 to N27, S01 to S03: TLS to casters, and where passwords go. Certificates are made by OpenSSL."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gc
import os
import ssl
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from certificates import Authority, authority, serving
from conftest import peer_path
from test_daemon_caster_client import FRAME, ICY, PASSWORD, Caster, Heard, following, surroundings

from hncors.daemon import configuration, tls
from hncors.daemon.caster_client import attempt
from hncors.daemon.clock import Clock
from hncors.daemon.links import Links
from hncors.daemon.secrets import Secrets
from hncors.network import Network
from hncors.ntrip import Verdict
from hncors.registry import Station, doubts, parse_link, read_station
from hncors.settings import Settings
from hncors.view.exposition import Writer
from hncors.view.process import TICK_BOUNDS_S, Process, process_families

HANDSHAKES = int(os.environ.get("HNCORS_HANDSHAKES", "400"))  # more by hand
BUSY = b"HTTP/1.1 503 Busy\r\n\r\n"
REDIRECT = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%d/M\r\n\r\n"


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority that stations trust, and certificates of all kinds beside its own."""
    made = authority(tmp_path_factory.mktemp("tls") / "ours", peer_path("openssl"))
    made.signed("good")
    made.signed("expired", days=0)
    made.signed("misnamed", host="DNS:caster.example")
    made.signed("elsewhere", host="DNS:localhost,IP:127.0.0.9")
    authority(made.cert.parent / "theirs", made.openssl).signed("foreign")
    return made


def server_of(ours: Authority, name: str) -> ssl.SSLContext:
    (cert,) = ours.cert.parent.rglob(f"{name}.pem")
    return serving(cert, cert.with_suffix(".key"))


class Listening:
    """A caster, behind TLS where there is a context, that answers everybody alike."""

    def __init__(self, context: ssl.SSLContext | None, answer: bytes = BUSY) -> None:
        self.port = 0
        self.heard: list[bytes] = []  # what came, decrypted
        self.names: list[str | None] = []
        self.versions: list[str | None] = []
        self.silent = False
        self._context = context
        self._answer = answer
        if context is not None:
            context.sni_callback = lambda _, name, __: self.names.append(name)

    async def __aenter__(self) -> Listening:
        # A handshake that fails is no fault of this server, and the loop would tell it as one.
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        if others := asyncio.all_tasks() - {asyncio.current_task()}:  # all clients are gone
            await asyncio.wait(others, timeout=5)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self._context is not None:
                self.versions.append(writer.get_extra_info("ssl_object").version())
            self.heard.append(await reader.read(65536))
            while self.silent and await reader.read(65536):
                pass
            writer.write(self._answer)
            await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def asked(self, *, scheme: str = "ntrips", host: str = "127.0.0.1", **more: Any) -> Verdict:
        """What one attempt of a client comes to."""
        certificates = more.pop("certificates", {})
        link = f"{scheme}://{host}:{self.port}/M"
        station = Station(id="A", link=link, user="monitor", password_file="p", **more)
        shared = surroundings(Heard())
        verdict = await attempt(station, parse_link(link), shared)
        certificates.update(shared.certificates)
        return verdict


@pytest.mark.parametrize(
    ("name", "trusted", "host", "why"),
    [
        ("expired", "ours/ours", "127.0.0.1", "the certificate has expired"),
        ("misnamed", "ours/ours", "localhost", "the certificate is for another host name"),
        ("elsewhere", "ours/ours", "127.0.0.1", "the certificate is for another address"),
        ("foreign", "ours/ours", "127.0.0.1", "the certificate is of an authority that is not known here"),
        ("good", None, "127.0.0.1", "the certificate is of an authority that is not known here"),
        ("ours", None, "127.0.0.1", "the certificate is self-signed"),
    ],
)
async def test_n25_certificates_that_are_refused(
    ours: Authority, name: str, trusted: str | None, host: str, why: str
) -> None:
    """tls_failed with the exact reason, before anything is sent, so that nobody gets the password."""
    ca = trusted and str(ours.cert)
    async with Listening(server_of(ours, name)) as caster:
        verdict = await caster.asked(host=host, tls_ca_file=ca)
        assert (verdict.state, verdict.why.startswith(why)) == ("tls_failed", True), verdict
    assert b"".join(caster.heard) == b""


@pytest.mark.parametrize("trusted", ["ours", "good"])
async def test_n25_a_certificate_that_holds(ours: Authority, trusted: str) -> None:
    """Its authority or itself is trusted; the host is named (SNI), and until when it is good is kept."""
    good = ours.cert.parent / "good.pem"
    until: dict[str, float] = {}
    async with Listening(server_of(ours, "good")) as caster:
        ca = str(ours.cert.parent / f"{trusted}.pem")
        verdict = await caster.asked(host="localhost", tls_ca_file=ca, certificates=until)
    assert verdict.state == "unavailable"
    assert caster.heard[0].startswith(b"GET /M ")
    assert caster.names == ["localhost"]
    assert caster.versions[0] in ("TLSv1.2", "TLSv1.3")
    told = await asyncio.create_subprocess_exec(
        ours.openssl, "x509", "-in", str(good), "-noout", "-enddate", stdout=asyncio.subprocess.PIPE
    )
    text = (await told.communicate())[0].decode().strip().removeprefix("notAfter=")
    assert until == {"A": ssl.cert_time_to_seconds(text)}


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("15 0301 0002 02 46", "the caster has no TLS 1.2 or later"),  # protocol_version (70)
        ("16 0301 002a 02 000026 0301" + "11" * 32 + "00 002f 00", "the caster has no TLS 1.2 or later"),
        ("15 0303 0002 02 70", "the caster knows no host of this name"),  # unrecognized_name (112)
        ("15 0303 0002 02 28", "the caster found nothing in common"),  # handshake_failure (40)
    ],
)
async def test_n25_casters_of_another_time(answer: str, why: str) -> None:
    """TLS 1.0, by an alert or a server's hello in it (RFC 8446, sections 6 and 4.1.3), is refused by name."""
    async with Listening(None, bytes.fromhex(answer)) as caster:
        verdict = await caster.asked()
    assert (verdict.state, verdict.why.startswith(why)) == ("tls_failed", True), verdict


async def test_n25_a_handshake_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has ten seconds."""
    assert tls.HANDSHAKE_S == 10
    monkeypatch.setattr(tls, "HANDSHAKE_S", 0.1)
    async with Listening(None) as caster:
        caster.silent = True
        verdict = await caster.asked()
    assert verdict == Verdict("tls_failed", "no TLS handshake within 0.1 s")


async def test_n25_a_handshake_that_is_cut_off() -> None:
    """It ends at once, and the reason says where."""
    async with Listening(None, answer=b"") as caster:
        verdict = await caster.asked()
    assert verdict.state == "tls_failed"
    assert verdict.why.endswith(", in the TLS handshake")


async def test_n25_verification_is_not_turned_off_without_a_word(ours: Authority) -> None:
    """Only tls_verify = false does it: it is a warning and a metric, and no expiry is believed."""
    text = 'id = "A"\nlink = "ntrips://h:1/M"\ntls_verify = false\n'
    station, problems = read_station(text, "A.toml")
    assert problems == []
    assert station is not None
    assert list(doubts([station], date(2026, 1, 1))) == [
        "A.toml: tls_verify = false: expected true: anybody on the way can be the caster"
    ]
    assert tls.insecure(station)
    until: dict[str, float] = {}
    async with Listening(server_of(ours, "expired")) as caster:
        verdict = await caster.asked(tls_verify=False, certificates=until)
    assert verdict.state == "unavailable"
    assert until == {}


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ('link = "ntrip://h/M"\ntls_ca_file = "ca.pem"', "tls_ca_file"),
        ('link = "ntrip://h/M"\ntls_verify = false', "tls_verify"),
        ('link = "ntrips://h:1/M"\ntls_verify = false\ntls_ca_file = "ca.pem"', "tls_verify"),
        ('link = "ntrips://h:1/M"\ntls_ca_file = ""', "tls_ca_file"),
    ],
)
def test_n25_keys_that_contradict(lines: str, problem: str) -> None:
    """`check` names them."""
    station, problems = read_station(f'id = "A"\n{lines}\n', "A.toml")
    assert station is None
    assert len(problems) == 1
    assert problems[0].startswith(f"A.toml: {problem} = ")


def test_n25_authorities_are_read_from_beside_the_station(ours: Authority, tmp_path: Path) -> None:
    """`check` says where a file is missing or holds no certificate; one that was replaced is read again."""
    stations = tmp_path / "stations"
    stations.mkdir()
    (tmp_path / "hncors.toml").write_text('stations = "stations"\n')
    for name, content in (("good", ours.cert.read_text()), ("junk", "no certificate"), ("gone", None)):
        (stations / f"{name}.toml").write_text(
            f'id = "{name}"\nlink = "ntrips://h:1/{name}"\ntls_ca_file = "{name}.pem"\n'
        )
        if content is not None:
            (stations / f"{name}.pem").write_text(content)
    with pytest.raises(configuration.ConfigurationError) as refused:
        configuration.load(tmp_path / "hncors.toml")
    expected = 'tls_ca_file = "{}.pem": expected a file with certificates in PEM'
    gone, junk = refused.value.problems
    assert gone.startswith(f"{stations}/gone.toml: " + expected.format("gone"))
    assert junk.startswith(f"{stations}/junk.toml: " + expected.format("junk"))
    station = Station("good", "ntrips://h:1/M", file=str(stations / "good.toml"), tls_ca_file="good.pem")
    before = tls.context(station)
    assert tls.context(station) is before
    (stations / "good.pem").write_bytes((ours.cert.parent / "good.pem").read_bytes())
    assert tls.context(station) is not before


async def test_n25_authorities_that_went_missing(tmp_path: Path) -> None:
    """It is the stream's reason, and the next attempt looks again."""
    async with Listening(None) as caster:
        verdict = await caster.asked(tls_ca_file=str(tmp_path / "gone.pem"))
    assert verdict == Verdict("tls_failed", "tls_ca_file: No such file or directory")


async def test_n26_tls_on_a_plain_port_is_told() -> None:
    """tls_failed: the answer is not TLS."""
    async with Listening(None) as caster:
        verdict = await caster.asked()
    assert verdict == Verdict("tls_failed", tls.NOT_TLS)


async def test_n26_plain_on_a_tls_port_is_told(ours: Authority) -> None:
    """The reason says TLS, or at least that no caster answered; the server's alert is no stream."""
    async with Listening(server_of(ours, "good")) as caster:
        verdict = await caster.asked(scheme="ntrip")
    assert verdict.state in ("not_ntrip", "protocol_error", "unavailable"), verdict
    assert caster.heard == []


async def test_n27_handshakes_that_fail_leave_nothing_behind(ours: Authority) -> None:
    """No socket, no object and no memory stays of a handshake that failed, however it did."""
    station = {"tls_ca_file": str(ours.cert)}
    async with (
        Listening(None) as plain,
        Listening(server_of(ours, "expired")) as expired,
        Listening(None, answer=b"") as cut,
    ):

        async def fail(times: int) -> set[str]:
            reasons = set()
            for turn in range(times):
                caster = (plain, cut, plain, expired)[turn % 4]
                reasons.add((await caster.asked(**station)).state)
                caster.heard.clear()  # what this test keeps itself
                caster.names.clear()
            await asyncio.sleep(0.05)  # the other ends
            gc.collect()
            return reasons

        assert await fail(40) == {"tls_failed"}
        files, kept, memory = len(os.listdir("/proc/self/fd")), living(), resident()
        assert await fail(HANDSHAKES) == {"tls_failed"}
        assert len(os.listdir("/proc/self/fd")) <= files + 1
        assert living() <= kept
        assert resident() - memory < 4 << 20  # a leaked connection would be 54 kB and more: 20 MB
        print(f"{HANDSHAKES} handshakes: {resident() - memory} bytes more")


def living() -> int:
    """Objects of TLS connections that are still there."""
    return sum(type(one).__name__ in ("SSLProtocol", "SSLObject", "Reader") for one in gc.get_objects())


def resident() -> int:
    """Bytes of memory of this process (proc(5), statm)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_connections_over_tls_have_small_buffers() -> None:
    """What asyncio keeps for each is a record of TLS, not a quarter of a megabyte."""

    async def size() -> int:
        protocol = asyncio.sslproto.SSLProtocol(
            asyncio.get_running_loop(), asyncio.Protocol(), ssl.create_default_context(), None
        )
        protocol._get_app_transport().close()
        return len(protocol.get_buffer(1 << 20))

    assert asyncio.run(size()) == 16384


def exported(*stations: Station, certificates: dict[str, float] | None = None) -> list[str]:
    """What /metrics has of the security of links."""
    links = Links(
        Settings(stations="x"),
        stations,
        Network(stations),
        clock=Clock(),
        secrets=Secrets(),
        report=lambda event: None,
    )
    links.certificates.update(certificates or {})
    process = Process(np.zeros(len(TICK_BOUNDS_S) + 1, np.int64), 0.0, 0.0, 0.0)._replace(**links.told())
    text = Writer().render(process_families(process)).decode()
    return [line for line in text.splitlines() if line.startswith(("hncors_tls_", "hncors_stream_insecure"))]


def test_s02_what_is_sent_in_the_clear_is_a_metric() -> None:
    """A password over plain NTRIP, and TLS that is not verified; nothing else."""
    user = {"user": "monitor", "password_file": "p"}
    assert exported(
        Station("CLEAR", "ntrip://h/M", **user),
        Station("OPEN", "ntrip://h/M"),
        Station("TLS", "ntrips://h:1/M", **user),
        Station("BLIND", "ntrips://h:1/M", tls_verify=False, **user),
        Station("OFF", "ntrip://h/M", enabled=False, **user),
        Station("TCP", "tcp://h:1"),
        certificates={"TLS": 1.8e9},
    ) == [
        'hncors_tls_certificate_expires_timestamp_seconds{station="TLS"} 1.8e+09',
        'hncors_stream_insecure_transport{station="BLIND"} 1.0',
        'hncors_stream_insecure_transport{station="CLEAR"} 1.0',
    ]


async def test_s03_a_redirect_takes_no_password_anywhere() -> None:
    """The other host is not even connected to."""
    async with Listening(None) as other:
        caster = Caster((REDIRECT % other.port, "close"))
        async with following(caster, user="monitor", password_file="p") as heard:
            await heard.until(lambda heard: "redirected" in heard.states)
    assert other.heard == []
    token = base64.b64encode(f"monitor:{PASSWORD}".encode())
    assert all(token in request for request in caster.requests)


async def test_s01_reasons_hold_no_password(ours: Authority) -> None:
    """Whatever goes wrong with TLS, and whatever a caster sends back."""
    token = base64.b64encode(f"monitor:{PASSWORD}".encode()).decode()
    whys = []
    for name, trusted in (("expired", "ours"), ("good", "theirs/theirs"), ("misnamed", "ours")):
        async with Listening(server_of(ours, name)) as caster:
            ca = str(ours.cert.parent / f"{trusted}.pem")
            whys.append((await caster.asked(tls_ca_file=ca, host="localhost")).why)
    async with Listening(None, answer=f"HTTP/1.1 503 {PASSWORD} {token}\r\n\r\n".encode()) as caster:
        why = (await caster.asked(scheme="ntrip")).why
    secrets = Secrets()
    secrets.remember(PASSWORD, "monitor")
    told = " ".join([*whys, secrets.hide(why)])
    assert PASSWORD not in told
    assert token not in told


async def test_a_stream_over_tls(ours: Authority) -> None:
    """Comes to the byte."""
    heard = Heard()
    async with Listening(server_of(ours, "good"), answer=ICY + FRAME * 2000) as caster:
        link = f"ntrips://localhost:{caster.port}/M"
        verdict = await attempt(
            Station("A", link, tls_ca_file=str(ours.cert)), parse_link(link), surroundings(heard)
        )
    assert (verdict.state, heard.data) == ("backoff", FRAME * 2000)
