"""`web.config.file` of Prometheus' exporters (exporter-toolkit, docs/web-configuration.md) for this server.

Taken are `tls_server_config` with cert_file, key_file, client_auth_type, client_ca_file, min_version and
max_version, and `basic_auth_users` with bcrypt hashes, which guard /metrics. What is not taken is refused,
not passed over: somebody may have counted on it.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import ssl
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import bcrypt
import yaml

from hncors.settings import problem
from hncors.text import printable

MAX_BYTES = 1 << 20
KNOWN_MOST = 100  # pairs of user and password that were right
VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
CLIENTS = {
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}
_EXPECTED = "expected a web configuration file of Prometheus' exporters"
_TABLES = ("tls_server_config", "basic_auth_users")
_TLS = ("cert_file", "key_file", "client_auth_type", "client_ca_file", "min_version", "max_version")


class Exporter(NamedTuple):
    """What such a file says."""

    context: ssl.SSLContext | None = None
    users: Mapping[str, str] = {}  # bcrypt hashes by name


def read_exporter(path: Path) -> tuple[Exporter, list[str]]:
    """What a file says, and every problem with it."""
    file, problems = str(path), list[str]()
    try:
        with path.open("rb") as opened:
            content: Any = yaml.safe_load(opened.read(MAX_BYTES)) or {}
    except OSError as fault:
        return Exporter(), [
            f"{file}: {fault.strerror}: expected a web configuration file of Prometheus' exporters"
        ]
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError):
        return Exporter(), [f"{file}: not YAML: expected a web configuration file of Prometheus' exporters"]
    if not isinstance(content, dict):
        return Exporter(), [f"{file}: expected tables tls_server_config and basic_auth_users"]
    problems += _unknown(file, "", content, _TABLES)
    users = content.get("basic_auth_users") or {}
    if not isinstance(users, dict):
        users = {}
        problems.append(problem(file, "basic_auth_users", users, "names with bcrypt hashes"))
    for name, hashed in users.items():
        if not (
            isinstance(name, str) and isinstance(hashed, str) and hashed.startswith(("$2a$", "$2b$", "$2y$"))
        ):
            problems.append(f"{file}: basic_auth_users.{name}: expected a bcrypt hash")
    tls = content.get("tls_server_config")
    context = None if tls is None else _context(path, tls, problems)
    return (Exporter(), problems) if problems else (Exporter(context, users), [])


def _context(path: Path, tls: Any, problems: list[str]) -> ssl.SSLContext | None:
    file = str(path)
    if not isinstance(tls, dict) or not all(
        isinstance(tls.get(key), str) for key in ("cert_file", "key_file")
    ):
        problems.append(f"{file}: tls_server_config: expected a table with cert_file and key_file")
        return None
    problems += _unknown(file, "tls_server_config.", tls, _TLS)
    for key, known in (("client_auth_type", CLIENTS), ("min_version", VERSIONS), ("max_version", VERSIONS)):
        if key in tls and tls[key] not in known:
            expected = f"one of {', '.join(known)}"
            problems.append(problem(file, f"tls_server_config.{key}", str(tls[key]), expected))
    if problems:
        return None
    context, found = server_context(path, tls["cert_file"], tls["key_file"], "tls_server_config.cert_file")
    problems += found
    if context is None:
        return None
    context.minimum_version = VERSIONS[tls.get("min_version", "TLS12")]
    if "max_version" in tls:
        context.maximum_version = VERSIONS[tls["max_version"]]
    if tls.get("client_ca_file"):
        try:
            context.load_verify_locations(path.parent / str(tls["client_ca_file"]))
        except (OSError, ssl.SSLError):
            expected = "a file with certificates in PEM"
            problems.append(
                problem(file, "tls_server_config.client_ca_file", tls["client_ca_file"], expected)
            )
    context.verify_mode = CLIENTS[tls.get("client_auth_type", "NoClientCert")]
    return context


def _unknown(file: str, before: str, table: Mapping[object, object], known: tuple[str, ...]) -> list[str]:
    expected = ", ".join(known)
    names = [printable(str(key), 60) for key in table if key not in known]
    return [f"{file}: {before}{name}: unknown key: expected one of {expected}" for name in names]


def server_context(path: Path, cert: str, key: str, named: str) -> tuple[ssl.SSLContext | None, list[str]]:
    """TLS 1.2 and newer with a certificate and its key, files relative to that of `path`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        # A key that asks for a passphrase would wait for somebody at a terminal: there is none.
        context.load_cert_chain(path.parent / cert, path.parent / key, password=lambda: "")
    except (OSError, ssl.SSLError) as fault:
        why = getattr(fault, "reason", None) or fault.strerror or type(fault).__name__
        return None, [problem(str(path), named, cert, f"a certificate and its key in PEM ({why})")]
    return context, []


class Basic:
    """Basic authentication with bcrypt; a pair that was right is not worked out again at each scrape."""

    def __init__(self, users: Mapping[str, str]) -> None:
        self.users = users
        self._known: OrderedDict[bytes, None] = OrderedDict()
        self._one = asyncio.Semaphore(2)  # hashing is dear on purpose: whoever guesses waits

    async def lets_in(self, header: str) -> bool:
        """Whether an Authorization header has a user with his password (RFC 7617)."""
        scheme, _, coded = header.partition(" ")
        try:
            name, colon, password = base64.b64decode(coded, validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            return False
        if scheme.lower() != "basic" or not colon:
            return False
        hashed = self.users.get(name)
        mark = hashlib.sha256(f"{hashed}\0{name}\0{password}".encode()).digest()
        if hashed is not None and mark in self._known:
            return True
        async with self._one:
            right = await asyncio.to_thread(_checked, password, hashed or _NOBODY)
        if right and hashed is not None:
            self._known[mark] = None
            while len(self._known) > KNOWN_MOST:
                self._known.popitem(last=False)
            return True
        return False


def _checked(password: str, hashed: str) -> bool:
    try:
        return bcrypt.checkpw(
            password.encode()[:72], hashed.encode()
        )  # bcrypt looks at no more than 72 bytes
    except ValueError:
        return False


_NOBODY = "$2b$10$" + "." * 53
