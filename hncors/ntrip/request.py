"""The request an NTRIP client sends for one mountpoint."""

from base64 import b64encode
from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import quote

NO_HEADERS: Mapping[str, str] = MappingProxyType({})


def request(
    host: str,
    port: int,
    mountpoint: str,
    *,
    agent: str,
    version: int = 2,
    user: str | None = None,
    password: str = "",
    headers: Mapping[str, str] = NO_HEADERS,
) -> bytes:
    """The bytes that ask a caster for `mountpoint` ("" asks for its sourcetable).

    `agent` goes after the word NTRIP that casters look for (RTCM 10410.1, User-Agent).  `version` is 1 or 2:
    version 1 has no Host and no Ntrip-Version.  `headers` take the place of those of the same name, are left
    out where they are "", and are added otherwise.
    Raises ValueError, without the value, for a part that would break out of its line or its field.
    """
    if version not in (1, 2):
        raise ValueError("NTRIP version must be 1 or 2")
    path = quote(mountpoint, safe="-._~!$&'()*+,;=:@")
    sent = {"Host": authority(host, port), "Ntrip-Version": "Ntrip/2.0"} if version == 2 else {}
    sent |= {"User-Agent": f"NTRIP {agent}", "Accept": "*/*", "Accept-Encoding": "identity"}
    sent["Connection"] = "close"
    if user is not None:
        sent["Authorization"] = f"Basic {basic(user, password)}"
    usual = {name.lower(): name for name in sent}
    sent |= {usual.get(name.lower(), name): value for name, value in headers.items()}
    lines = [f"GET /{path} HTTP/1.{version - 1}"]
    lines += [f"{name}: {value}" for name, value in sent.items() if value]
    if any(not line.isascii() or not line.isprintable() for line in lines):
        raise ValueError("a request line holds a character that is not printable ASCII")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


def authority(host: str, port: int) -> str:
    """`host:port` as the Host field writes it; an IPv6 address goes in brackets (RFC 3986, section 3.2.2)."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def basic(user: str, password: str) -> str:
    """The token of Basic authentication, in UTF-8 (RFC 7617, section 2).

    Raises ValueError for a colon in the user's name: everything after it would count as the password.
    """
    if ":" in user:
        raise ValueError("a user name cannot hold a colon")
    return b64encode(f"{user}:{password}".encode()).decode("ascii")
