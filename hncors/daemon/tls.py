"""TLS to casters: who is trusted, why a handshake failed, until when a certificate is good.

Verified is against the authorities of the system, or against those of the station's `tls_ca_file` alone.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from asyncio import sslproto
from functools import lru_cache
from pathlib import Path, PurePath

from hncors.registry import Station
from hncors.text import printable

HANDSHAKE_S = 10.0

# asyncio reads TLS through a buffer of 256 KiB for each connection. A record is 16 KiB at most (RFC 8446,
# section 5.1), a station sends less than that in a second, and there are thousands of stations.
sslproto.SSLProtocol.max_size = 16 * 1024

NOT_TLS = "the answer is not TLS: the port may be one for ntrip://"
UNKNOWN = "the certificate is of an authority that is not known here; tls_ca_file can name one"
OUTDATED = "the caster has no TLS 1.2 or later"
_CERTIFICATE = {  # by X509_V_ERR_*, openssl-verification-options(1)
    2: UNKNOWN,
    9: "the certificate is not valid yet, or the clock here is slow",
    10: "the certificate has expired",
    18: "the certificate is self-signed; tls_ca_file can name it",
    19: UNKNOWN,
    20: UNKNOWN,
    21: UNKNOWN,
    62: "the certificate is for another host name",
    64: "the certificate is for another address",
}
_HANDSHAKE = {  # by the reason that OpenSSL gives, or the alert (RFC 8446, section 6.2)
    "WRONG_VERSION_NUMBER": NOT_TLS,
    "HTTP_REQUEST": NOT_TLS,
    "UNKNOWN_PROTOCOL": NOT_TLS,
    "PACKET_LENGTH_TOO_LONG": NOT_TLS,
    "RECORD_LAYER_FAILURE": NOT_TLS,
    "UNSUPPORTED_PROTOCOL": OUTDATED,
    "TLSV1_ALERT_PROTOCOL_VERSION": OUTDATED,
    "TLSV1_UNRECOGNIZED_NAME": "the caster knows no host of this name",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "the caster found nothing in common with TLS 1.2 and 1.3 as spoken here",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "the caster wants a certificate of the client",
}


def context(station: Station) -> ssl.SSLContext:
    """What a connection for `station` begins with. Raises OSError where its `tls_ca_file` cannot be used."""
    if not station.tls_ca_file:
        return _context("", (), station.tls_verify)
    path = ca_path(station)
    seen = path.stat()  # a file that was replaced is read again
    return _context(str(path), (seen.st_ino, seen.st_mtime_ns, seen.st_size), station.tls_verify)


def authorities(ca_file: Path | None) -> ssl.SSLContext:
    """For any other server, trusted by these authorities, or the system's. Raises OSError."""
    return _context("" if ca_file is None else str(ca_file), (), True)


def ca_path(station: Station) -> Path:
    """Where a station's own authorities are."""
    return Path(PurePath(station.file).parent / (station.tls_ca_file or ""))


@lru_cache(maxsize=64)
def _context(ca_file: str, seen: tuple[int, ...], verify: bool) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # verifies certificate and host name
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    if not verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    elif ca_file:
        made.load_verify_locations(ca_file)
        made.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # what is named is trusted, be it no root
    else:
        made.load_default_certs()
    return made


def insecure(station: Station) -> bool:
    """Whether a password of the station goes where others can read it, or to whom it is not known."""
    return not station.tls_verify or (station.link.startswith("ntrip:") and station.user is not None)


def expires_unix_s(transport: asyncio.BaseTransport) -> float | None:
    """Until when the certificate that was verified is valid; None where none was."""
    until = (transport.get_extra_info("peercert") or {}).get("notAfter")
    return float(ssl.cert_time_to_seconds(until)) if until else None


def why(fault: OSError) -> str:
    """One printable line about a handshake that failed."""
    if isinstance(fault, ssl.SSLCertVerificationError):
        return _CERTIFICATE.get(fault.verify_code, printable(f"the certificate: {fault.verify_message}"))
    if isinstance(fault, ssl.SSLError):
        reason = fault.reason or type(fault).__name__
        return _HANDSHAKE.get(reason, printable(f"TLS: {reason.replace('_', ' ').lower()}"))
    if isinstance(fault, ConnectionAbortedError) and not fault.errno:  # asyncio's word for its time-out
        return f"no TLS handshake within {HANDSHAKE_S:g} s"
    ended = os.strerror(fault.errno) if fault.errno is not None else "the other end closed the connection"
    return f"{ended}, in the TLS handshake"
