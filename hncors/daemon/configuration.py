"""The configuration as it is on disk: the file, the folder of stations, the passwords."""

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from hncors.daemon import connection, tls
from hncors.daemon.territory import read_territory
from hncors.daemon.web_files import read_push_files, read_web_files
from hncors.registry import Station, doubts, parse_link, read_stations
from hncors.settings import (
    Mqtt,
    Settings,
    is_loopback,
    parse_listen,
    problem,
    read_settings,
    stations_folder,
)

MAX_BYTES = 4 << 20  # of one configuration file
MAX_PASSWORD_BYTES = 4096


class ConfigurationError(Exception):
    """Cannot be done as configured.  `problems` has one printable line for each thing that is wrong."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def load(path: Path) -> tuple[Settings, list[Station]]:
    """Settings and stations of the configuration file at `path`.

    Raises ConfigurationError with every problem of every file.
    """
    problems: list[str] = []
    text = _text(path, problems)
    settings, found = (None, []) if text is None else read_settings(text, str(path))
    problems += found
    folder = "" if text is None else stations_folder(text)
    files = _station_files(path.parent / folder) if folder else []
    if folder and not files:
        expected = "a folder with at least one station file, NAME.toml, in it"
        problems.append(problem(str(path), "stations", folder, expected))
    texts = {str(file): text for file in files if (text := _text(file, problems)) is not None}
    stations, found = read_stations(texts)
    problems += found
    problems += _missing_passwords(stations)
    problems += _unusable_authorities(stations)
    if settings is not None:
        problems += read_territory(settings, path)[1]
        problems += _missing_ledger_folder(settings, path)
        problems += read_web_files(settings.web, path)[1]
        problems += read_push_files(settings.push, path)[1]
        problems += _pushed(settings, stations, path)
        problems += _missing_mqtt_files(settings.mqtt, path)
    if problems or settings is None:
        raise ConfigurationError(problems)
    return settings, [replace(one, alert_limit_m=settings.integrity.of(one.tier)) for one in stations]


def load_settings(path: Path) -> Settings:
    """The configuration file at `path` alone, whatever the station files hold.

    Raises ConfigurationError.
    """
    problems: list[str] = []
    text = _text(path, problems)
    settings, found = (None, []) if text is None else read_settings(text, str(path))
    if problems + found or settings is None:
        raise ConfigurationError(problems + found)
    return settings


def station_texts(config: Path, settings: Settings) -> dict[Path, str]:
    """The station files that a configuration names, as they are, none where there are none yet.

    Raises ConfigurationError where there is no folder, or a file cannot be read.
    """
    folder = config.parent / settings.stations
    if not folder.is_dir():
        expected = "a folder that is there"
        raise ConfigurationError([problem(str(config), "stations", settings.stations, expected)])
    problems: list[str] = []
    texts = {file: _text(file, problems) for file in _station_files(folder)}
    if problems:
        raise ConfigurationError(problems)
    return {file: text for file, text in texts.items() if text is not None}


def one_station(text: str, file: str) -> Station:
    """The station in a TOML `text` that is in no file; `file` is what problems call it.

    Raises ConfigurationError.
    """
    stations, problems = read_stations({file: text})
    problems += _missing_passwords(stations)
    if problems:
        raise ConfigurationError(problems)
    return stations[0]


def password(station: Station) -> str:
    """The first line of a station's password file, in UTF-8.

    Raises OSError or ValueError where there is none; neither holds what was in the file.
    """
    return first_line(Path(station.file).parent / (station.password_file or ""))


def first_line(path: Path) -> str:
    """The same of any password file; one of the unit's credentials (LoadCredential=) comes first."""
    with _credential(path).open("rb") as file:
        data = file.read(MAX_PASSWORD_BYTES + 1)
    if len(data) > MAX_PASSWORD_BYTES:
        raise ValueError(f"the password file has more than {MAX_PASSWORD_BYTES} bytes")
    try:
        line = data.decode("utf-8").split("\n", 1)[0].removesuffix("\r")
    except UnicodeDecodeError:
        raise ValueError("the password file is not UTF-8") from None
    if not line:
        raise ValueError("the password file is empty")
    return line


def warnings(stations: list[Station]) -> list[str]:
    """What is possible and most likely a mistake, a printable line each."""
    return list(doubts(stations, datetime.now(UTC).date()))


def _password_path(station: Station) -> Path:
    return _credential(Path(station.file).parent / (station.password_file or ""))


def _credential(path: Path) -> Path:
    """Among the unit's credentials where systemd gave some (LoadCredential=), else as written.

    A credential loaded by itself has the name of its file; one of a folder has the folder's before it.
    """
    if folder := os.environ.get("CREDENTIALS_DIRECTORY"):
        for name in (path.name, f"{path.parent.name}_{path.name}"):
            if (credential := Path(folder) / name).is_file():
                return credential
    return path


def _missing_passwords(stations: list[Station]) -> Iterator[str]:
    for station in stations:
        try:
            there = station.password_file is None or _password_path(station).is_file()
        except OSError:  # in a folder that this process may not look into
            there = False
        if not there:
            # The value is not shown: some write the password itself here.
            yield f"{station.file}: password_file: expected a file that is there, not the password itself"


def _pushed(settings: Settings, stations: list[Station], path: Path) -> Iterator[str]:
    """Stations that push where nothing listens, to one mountpoint, or without a password from elsewhere."""
    mountpoints: dict[str, Station] = {}
    for station in stations:
        link = parse_link(station.link)
        if link.scheme != "push":
            continue
        if settings.push is None:
            yield problem(station.file, "link", station.link, f"a table [push] in {path}: nothing listens")
        elif station.password_file is None and not is_loopback(parse_listen(settings.push.listen).host):
            expected = "expected one: push.listen is reached by others than this machine"
            yield f"{station.file}: password_file: missing: {expected}"
        if other := mountpoints.get(link.mountpoint):
            expected = f"a mountpoint of its own: {other.file} has it too"
            yield problem(station.file, "link", station.link, expected)
        mountpoints[link.mountpoint] = station


def _missing_mqtt_files(mqtt: Mqtt | None, path: Path) -> Iterator[str]:
    if mqtt is None:
        return
    if mqtt.ca_file is not None:
        try:
            tls.authorities(path.parent / mqtt.ca_file)
        except OSError:
            yield problem(str(path), "mqtt.ca_file", mqtt.ca_file, "a file with certificates, PEM")
    if mqtt.password_file is not None:
        try:
            first_line(path.parent / mqtt.password_file)
        except (OSError, ValueError):  # the value is not shown: some write the password itself here
            yield f"{path}: mqtt.password_file: expected a file that is there, not the password itself"


def _missing_ledger_folder(settings: Settings, path: Path) -> Iterator[str]:
    if settings.ledger is not None:
        try:
            there = (path.parent / settings.ledger.file).parent.is_dir()
        except OSError:  # in a folder that this process may not look into
            there = True
        if not there:
            yield problem(str(path), "ledger.file", settings.ledger.file, "a file in a folder that is there")


def _unusable_authorities(stations: list[Station]) -> Iterator[str]:
    for station in stations:
        if station.tls_ca_file is not None:
            try:
                tls.context(station)
            except OSError as fault:
                expected = f"a file with certificates in PEM ({connection.why(fault)})"
                yield problem(station.file, "tls_ca_file", station.tls_ca_file, expected)


def _station_files(folder: Path) -> list[Path]:
    try:
        return sorted(file for file in folder.glob("*.toml") if not file.name.startswith("."))
    except OSError:
        return []


def _text(path: Path, problems: list[str]) -> str | None:
    """The text of a TOML file, or None and what was wrong added to `problems`."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) <= MAX_BYTES:
            return data.decode("utf-8")
        problems.append(f"{path}: more than {MAX_BYTES} bytes: expected a configuration file")
    except OSError as fault:
        problems.append(f"{path}: {fault.strerror}: expected a file that can be read")
    except UnicodeDecodeError:
        problems.append(f"{path}: not UTF-8: expected TOML")
    return None
