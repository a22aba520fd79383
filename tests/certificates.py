"""Certificates for loopback, made by OpenSSL's own program."""

import ssl
import subprocess
from pathlib import Path
from typing import NamedTuple


def made(folder: Path, openssl: str, name: str = "localhost") -> tuple[Path, Path]:
    """Certificate of one day (its own authority) and key."""
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    command = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "1", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name},IP:127.0.0.1"]
    subprocess.run(
        [*command, "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True, timeout=30
    )
    return cert, key


class Authority(NamedTuple):
    """Someone who signs certificates, with a certificate that it signed itself."""

    cert: Path
    key: Path
    openssl: str

    def signed(
        self, name: str, *, host: str = "DNS:localhost,IP:127.0.0.1", days: int = 1
    ) -> tuple[Path, Path]:
        """A certificate for `host` that is good for some days (0: it has just ended), and its key."""
        cert, key = self.cert.parent / f"{name}.pem", self.cert.parent / f"{name}.key"
        asked, extra = key.with_suffix(".csr"), key.with_suffix(".ext")
        extra.write_text(f"subjectAltName={host}\n")
        request = [self.openssl, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        sign = [self.openssl, "x509", "-req", "-CA", str(self.cert), "-CAkey", str(self.key)]
        for command in (
            [*request, "-subj", f"/CN={name}", "-keyout", str(key), "-out", str(asked)],
            [*sign, "-days", str(days), "-extfile", str(extra), "-in", str(asked), "-out", str(cert)],
        ):
            subprocess.run(command, check=True, capture_output=True, timeout=30)
        return cert, key


def authority(folder: Path, openssl: str) -> Authority:
    """A new one, called by the name of its folder."""
    folder.mkdir()
    return Authority(*made(folder, openssl, folder.name), openssl)


def serving(cert: Path, key: Path) -> ssl.SSLContext:
    """What a server needs."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context
