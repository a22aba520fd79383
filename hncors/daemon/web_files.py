"""The files that `[web]` names: certificates, users, the exporters' configuration."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import NamedTuple

from hncors.daemon.web_exporter import Exporter, read_exporter, server_context
from hncors.daemon.web_users import Users, read_users
from hncors.settings import Push, Web, is_loopback, parse_listen, problem


def read_push_files(push: Push | None, path: Path) -> tuple[ssl.SSLContext | None, list[str]]:
    """The certificate of where stations push to, and every problem with it."""
    if push is None or push.tls_cert_file is None or push.tls_key_file is None:
        return None, []
    return server_context(path, push.tls_cert_file, push.tls_key_file, "push.tls_cert_file")


class WebFiles(NamedTuple):
    """What is in them."""

    users: Users | None = None
    exporter: Exporter = Exporter()
    context: ssl.SSLContext | None = None


def read_web_files(web: Web, path: Path) -> tuple[WebFiles, list[str]]:
    """What the configuration at `path` names, and every problem with it."""
    problems: list[str] = []
    users, exporter, context = None, Exporter(), None
    if web.users_file is not None:
        users = Users(path.parent / web.users_file)
        problems += read_users(users.path)[1]
    if web.web_config_file is not None:
        exporter, found = read_exporter(path.parent / web.web_config_file)
        problems += found
        context = exporter.context
    if web.tls_cert_file is not None and web.tls_key_file is not None:
        if context is not None:
            expected = "no tls_server_config in web.web_config_file beside it"
            problems.append(problem(str(path), "web.tls_cert_file", web.tls_cert_file, expected))
        context, found = server_context(path, web.tls_cert_file, web.tls_key_file, "web.tls_cert_file")
        problems += found
    if context is None and not problems and not is_loopback(parse_listen(web.listen).host):
        expected = "tls_server_config in it: others reach the pages by TLS only"
        problems.append(problem(str(path), "web.web_config_file", web.web_config_file, expected))
    return WebFiles(users, exporter, context), problems
